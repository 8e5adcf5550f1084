//! What can't be used is refused with its name, and nothing is written.

use super::{Site, base, cell, measured, record_sizes};
use serde_json::json;

fn check(site: &Site, words: &[&str]) {
    let error = site.error();
    assert!(words.iter().all(|word| error.contains(word)), "{words:?} in {error:?}");
    assert!(!site.docs.join("benchmarks/plots").exists(), "nothing is written");
}

#[test]
fn broken_json_names_its_file() {
    let site = Site::with(&[base()]);
    site.write("benchmarks/produce/broken.json", "{\"cell\": ");
    check(&site, &["produce/broken.json", "line 1"]);
    assert!(super::super::stale(&site.results, &site.docs).is_err());
}

#[test]
fn a_run_without_its_machine_is_refused() {
    let site = Site::with(&[base()]);
    std::fs::remove_file(site.results.join("run.json")).expect("removed");
    check(&site, &["run.json"]);
}

#[test]
fn a_measure_that_is_not_known_is_refused() {
    let site = Site::with(&[measured(base(), "kafka", "watts", &[1.0])]);
    check(&site, &["produce/base.json", "kafka", "watts"]);
}

#[test]
fn a_cell_in_the_file_of_another_is_refused() {
    let site = Site::with(&[base()]);
    std::fs::rename(site.results.join("produce/base.json"), site.results.join("produce/else.json")).expect("renamed");
    check(&site, &["produce/base.json"]);
}

#[test]
fn a_curve_needs_its_parameter() {
    let [mut large, small] = record_sizes();
    large.parameters.clear();
    check(&Site::with(&[large, small]), &["produce/record-1024", "record_bytes"]);
    // a name that goes on behind the number is no part of the curve
    let other = measured(cell("produce/record-100-zstd", json!({})), "kafka", "records_per_s", &[1.0]);
    Site::with(&[other]).render();
}

#[test]
fn markers_that_do_not_match_are_refused() {
    for (page, text) in [
        ("benchmarks.md", "<!-- notes:begin --> lost"),
        ("benchmarks.md", "lost <!-- notes:end -->"),
        ("benchmarks.md", "<!-- notes:end --> lost <!-- notes:begin -->"),
        ("benchmarks.md", "<!-- notes:begin --><!-- notes:begin --><!-- notes:end -->"),
        ("cost.md", "<!-- notes:consumers:begin --> lost"),
    ] {
        let site = Site::with(&[base()]);
        site.write(page, text);
        check(&site, &[page, "notes:"]);
        assert_eq!(site.read(page), text);
    }
}
