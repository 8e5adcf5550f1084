//! The plots are well-formed, small, and the same each time.

use super::super::svg::{Anchor, Canvas};
use super::{Site, base, cell, edges, measured, record_sizes};
use serde_json::json;
use std::collections::BTreeMap;

/// No plot is larger.
const BYTES_MAX: usize = 60 * 1024;
const SYSTEMS: [&str; 5] = ["kafka", "kafka-flush", "ottla-os", "ottla-fsync", "floor"];

/// Every tag is closed in turn, and text has no bare `&` or `>`.
fn check_well_formed(name: &str, svg: &str) {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some((text, tail)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{name}: bare > in {text:?}");
        assert_entities(name, text);
        let (tag, tail) = tail.split_once('>').unwrap_or_else(|| panic!("{name}: < without >"));
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: quotes of {tag}");
        assert_entities(name, tag);
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{name}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name"));
        }
        rest = tail;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{name}: left open {open:?}, behind the end {rest:?}");
}

fn assert_entities(name: &str, text: &str) {
    for after in text.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|entity| after.starts_with(entity)), "{name}: &{after}");
    }
}

fn plots(site: &Site) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(site.docs.join("benchmarks/plots")).expect("plots");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.map(|name| (name.clone(), site.read(&format!("benchmarks/plots/{name}")))).collect()
}

#[test]
fn plots_are_well_formed_and_plain() {
    let odd = measured(cell("produce/a<b&c", json!({})), "ottla-os", "peak_mib", &[5.0, 5_000.0]);
    let [large, small] = record_sizes();
    let site = Site::with(&[base(), edges(), odd, large, small]);
    site.render();
    let plots = plots(&site);
    let names: Vec<_> = plots.keys().map(String::as_str).collect();
    let expected = ["cost-record-size", "latency-end-to-end", "latency-produce", "produce-cpu", "produce-memory"];
    assert_eq!(names, expected.map(|name| format!("{name}.svg")));
    for (name, svg) in &plots {
        check_well_formed(name, svg);
        assert!(!svg.contains("<script") && !svg.contains("NaN") && !svg.contains("inf"), "{name}:\n{svg}");
        assert!(svg.contains("fill=\"#FFFFFF\""), "{name} has no background");
    }
    assert!(plots["produce-memory.svg"].contains(">a&lt;b&amp;c</text>"));
    assert!(plots["produce-memory.svg"].contains("MiB (log scale from 2)</title>"));
    assert!(plots["produce-cpu.svg"].contains(">ottla-fsync</text>"), "the legend");
}

#[test]
fn text_is_escaped() {
    let mut canvas = Canvas::new(100.0);
    canvas.text((1.0, 2.0), Anchor::Start, "a < b > c & \"d\"");
    let svg = canvas.finish(50.0, "1 < 2 & 3");
    check_well_formed("escapes", &svg);
    assert!(svg.contains(">a &lt; b &gt; c &amp; &quot;d&quot;</text>"), "{svg}");
    assert!(svg.contains("<title>1 &lt; 2 &amp; 3</title>"), "{svg}");
}

#[test]
fn the_largest_plots_stay_small() {
    let cells: Vec<_> = (0..15)
        .map(|at| {
            let mut cell = cell(&format!("latency/a-name-of-some-length-{at}"), json!({}));
            for measure in ["produce_p50_ms", "produce_p99_ms", "produce_p999_ms"] {
                for system in SYSTEMS {
                    cell = measured(cell, system, measure, &[1.5, f64::from(at) + 100.0, 2_345.6]);
                }
            }
            cell
        })
        .collect();
    let site = Site::with(&cells);
    site.render();
    for (name, svg) in plots(&site) {
        check_well_formed(&name, &svg);
        assert!(svg.len() < BYTES_MAX, "{name}: {} bytes", svg.len());
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let files = |site: &Site| {
        site.render();
        (site.read("benchmarks.md"), site.read("cost.md"), plots(site))
    };
    let [large, small] = record_sizes();
    let mut turned = base();
    turned.runs.reverse();
    let one = files(&Site::with(&[base(), large.clone(), small.clone()]));
    let other = files(&Site::with(&[small, turned, large]));
    assert_eq!(one, other, "the order of measurements makes no difference");
}
