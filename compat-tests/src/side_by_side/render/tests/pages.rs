//! What stands in docs/benchmarks.md and docs/cost.md.

use super::{CPU, Site, base, cell, check, edges, measured, record_sizes};
use serde_json::json;

#[test]
fn a_cell_has_a_row_for_each_system_with_its_spread_and_multiples() {
    let site = Site::with(&[base()]);
    site.render();
    let page = site.read("benchmarks.md");
    check(
        &page,
        "| system | CPU s/GiB, broker and kernel threads | MB/s (the client competes with the broker for the cores: \
         compare CPU s/GiB) | peak memory, MiB | bound of memory, MiB | x Kafka (first column) | x floor \
         (first column) |",
    );
    check(&page, "| kafka | 6.00 (5.00-7.00) | **121.0 (120.0-122.0)** | - | - | 1.00 | 6.00 |");
    check(
        &page,
        "| ottla-os | **1.50 (1.40-1.60)** | 111.0 (110.0-112.0) | 60 (50-70) | 200 (200-200) | 0.25 | 1.50 |",
    );
    check(&page, "| ottla-fsync | 3.50 (3.00-5.50) | - | - | - | 0.58 | 3.50 |");
    check(&page, "| floor | 1.00 (1.00-1.00) | - | - | - | 0.17 | 1.00 |");
    check(&page, "| kafka-flush | cannot: too slow \\| for &lt;this&gt; |  |  |  |  |  |");
    check(&page, "`acks=all`, `record_bytes=1024`.");
    check(
        &page,
        "3 rounds. [All values](benchmarks/produce/base.json); again: \
         `./compat-tests/run side-by-side --only produce/base`.",
    );
}

#[test]
fn the_page_opens_with_the_run_and_ends_with_its_limits() {
    let site = Site::with(&[base()]);
    site.render();
    let page = site.read("benchmarks.md");
    for line in [
        "- commit: `0123abc`",
        "- date: 2025-01-01",
        "- command: `./compat-tests/run side-by-side`",
        "- duration: 1 h 23 min",
        "- seed: 42",
        "| processor | 2 cores \\| &lt;virtual&gt; |",
        "### Settings of kafka",
        "-Xmx1G",
        "### Settings of floor",
        "as it ships, no setting",
        "![Produce: CPU seconds per GiB, broker and kernel threads](benchmarks/plots/produce-cpu.svg)",
    ] {
        check(&page, line);
    }
    let order =
        ["## How to read", "## Targets", "## Notes", "## Where Kafka", "## produce", "## The machine", "## What"];
    let places: Vec<_> = order.iter().map(|heading| page.find(heading).expect("a heading")).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn targets_are_ratios_by_round_and_say_when_they_do_not_hold() {
    let idle = measured(cell("scale/idle", json!({})), "ottla-os", "resident_mib", &[15.0, 17.0, 18.0]);
    let site = Site::with(&[base(), idle]);
    site.render();
    let page = site.read("benchmarks.md");
    let label = "CPU s/GiB, broker and kernel threads";
    check(
        &page,
        &format!(
            "| [produce/base](#producebase) | ottla-os | {label} | at most 0.333 x kafka | 0.250 (0.229-0.280) x kafka \
             | holds (in 3 of 3 rounds) |"
        ),
    );
    check(
        &page,
        &format!(
            "| [produce/base](#producebase) | ottla-fsync | {label} | below kafka | 0.500 (0.500-1.100) x kafka | \
             holds (in 2 of 3 rounds) |"
        ),
    );
    check(
        &page,
        "| [scale/idle](#scaleidle) | ottla-os | resident memory, MiB | at most 16 | 17.0 (15.0-18.0) | \
         **does not hold** (in 1 of 3 rounds) |",
    );
    check(&page, "| [scale/idle](#scaleidle) | ottla-fsync | resident memory, MiB | at most 16 | - | not measured |");
    check(&page, "| start/empty | ottla-os | first answer, ms | at most 25 | - | not measured |");
}

#[test]
fn memory_above_its_bound_is_named() {
    let bound = |name: &str, peak: f64| {
        let cell = measured(cell(name, json!({})), "ottla-fsync", "peak_mib", &[90.0, peak]);
        measured(cell, "ottla-fsync", "bound_mib", &[100.0, 100.0])
    };
    let head = "| every cell | ottla-os, ottla-fsync | peak memory, MiB | at most the bound of memory |";
    let site = Site::with(&[bound("produce/one", 100.0)]);
    site.render();
    check(&site.read("benchmarks.md"), &format!("{head} 2 of 2 runs | holds, all of them |"));

    let site = Site::with(&[bound("produce/one", 100.0), bound("produce/two", 100.5)]);
    site.render();
    let violation = "**does not hold**: produce/two ottla-fsync 100.5 &gt; 100.0";
    check(&site.read("benchmarks.md"), &format!("{head} 3 of 4 runs | {violation} |"));
}

#[test]
fn where_kafka_is_better_it_is_said() {
    let site = Site::with(&[base()]);
    site.render();
    let page = site.read("benchmarks.md");
    check(&page, "In 1 of 3 comparisons of a median; in 1 of these the ranges over the rounds don't overlap.");
    check(
        &page,
        "| [produce/base](#producebase) | MB/s | neither syncs | kafka: 121.0 (120.0-122.0) | ottla-os: 111.0 \
         (110.0-112.0) | 1.09 x | apart |",
    );
    let alike = measured(cell("start/one", json!({})), "kafka", "first_answer_ms", &[1.001]);
    let site = Site::with(&[measured(alike, "ottla-os", "first_answer_ms", &[1.002])]);
    site.render();
    check(&site.read("benchmarks.md"), "In none of 1 comparisons of a median.");
    check(&site.read("benchmarks.md"), "| kafka | **1.0** | 1.00 |");
    check(&site.read("benchmarks.md"), "| ottla-os | **1.0** | 1.00 |");
}

#[test]
fn a_run_without_cells_gives_a_page_without_figures() {
    let site = Site::with(&[]);
    site.render();
    let page = site.read("benchmarks.md");
    check(&page, "Nothing was measured on both.");
    let rows = page.lines().filter(|line| line.ends_with("| - | not measured |")).count();
    assert!(rows > 20, "{rows} targets");
    assert!(!page.contains("holds (") && !page.contains(".svg"), "{page}");
    assert_eq!(site.read("cost.md").matches("Not measured.").count(), 6);
}

#[test]
fn zeros_give_no_ratio_and_nothing_is_no_number() {
    let site = Site::with(&[edges(), base()]);
    site.render();
    let page = site.read("benchmarks.md");
    check(&page, "| kafka | **0 (0-0)** | - | - |");
    check(&page, "| ottla-os | 200.00 (0-400.00) | 6.00 (0.0040-12.00) | - |");
    for file in ["benchmarks.md", "cost.md", "benchmarks/plots/latency-produce.svg"] {
        let text = site.read(file);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{file}:\n{text}");
    }
}

#[test]
fn cells_stand_in_the_order_of_their_numbers() {
    let [large, small] = record_sizes();
    let site = Site::with(&[large, small, base(), cell("start/empty", json!({})), cell("apart/one", json!({}))]);
    site.render();
    let page = site.read("benchmarks.md");
    let headings: Vec<_> = page.lines().filter(|line| line.starts_with("### ") && line.contains('/')).collect();
    let expected = ["start/empty", "produce/base", "produce/record-100", "produce/record-1024", "apart/one"];
    assert_eq!(headings, expected.map(|name| format!("### {name}")));
}

#[test]
fn a_cell_of_another_commit_says_so() {
    let site = Site::with(&[crate::side_by_side::results::Cell { commit: "feed".to_owned(), ..base() }]);
    site.render();
    check(&site.read("benchmarks.md"), "Measured on commit `feed`, not that of the run.");
}

#[test]
fn cost_has_a_table_and_a_plot_for_each_curve_that_was_measured() {
    let site = Site::with(&record_sizes());
    site.render();
    let page = site.read("cost.md");
    check(&page, "![Record size: CPU](benchmarks/plots/cost-record-size.svg)");
    check(&page, "CPU s/GiB, broker and kernel threads, by record size, bytes:");
    check(&page, "| record size, bytes | kafka | ottla-os |");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| 1")).collect();
    assert_eq!(
        rows,
        ["| 100 | 9.50 (9.00-10.00) | 3.25 (3.00-3.50) |", "| 1,024 | 4.50 (4.00-5.00) | 1.58 (1.33-1.83) |"]
    );
}

#[test]
fn notes_are_kept() {
    let site = Site::with(&[base()]);
    site.render();
    check(&site.read("benchmarks.md"), "<!-- notes:begin -->");
    let fill = |name: &str, begin: &str, note: &str| {
        let page = site.read(name);
        site.write(name, &page.replace(begin, &format!("{begin}\n{note}")));
    };
    let note = "The reason: $1 \\0 & <b>so</b>.";
    fill("benchmarks.md", "<!-- notes:begin -->", note);
    fill("cost.md", "<!-- notes:consumers:begin -->", note);
    let kept = [site.read("benchmarks.md"), site.read("cost.md")];
    assert!(kept.iter().all(|page| page.contains(note)));
    assert_eq!(site.stale(), Vec::<std::path::PathBuf>::new(), "a note is no difference");
    site.render();
    assert_eq!([site.read("benchmarks.md"), site.read("cost.md")], kept);
}

#[test]
fn what_differs_from_the_results_is_stale() {
    let site = Site::with(&[base()]);
    let names = |site: &Site| -> Vec<String> {
        let name = |path: &std::path::PathBuf| path.strip_prefix(&site.docs).expect("below").display().to_string();
        let mut names: Vec<_> = site.stale().iter().map(name).collect();
        names.sort();
        names
    };
    let plots =
        ["cost-record-size", "produce-cpu", "produce-memory"].map(|plot| format!("benchmarks/plots/{plot}.svg"));
    let all = ["benchmarks.md", &plots[0], &plots[1], &plots[2], "cost.md"];
    assert_eq!(names(&site), all);
    assert!(!site.docs.join("cost.md").exists(), "comparing writes nothing");
    site.render();
    assert_eq!(names(&site), [""; 0]);

    site.write("benchmarks/plots/gone.svg", "<svg/>");
    measured(base(), "floor", CPU, &[2.0, 2.0, 2.0, 2.0]).save(&site.results).expect("saved");
    assert_eq!(names(&site), [all[0], all[1], "benchmarks/plots/gone.svg", all[2], all[4]]);
    site.render();
    assert_eq!(names(&site), [""; 0]);
    assert!(!site.docs.join("benchmarks/plots/gone.svg").exists());
}
