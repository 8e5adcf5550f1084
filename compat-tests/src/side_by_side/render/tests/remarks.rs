//! What is said below a table, and which figures are no merit.

use super::super::{figures, prose, remarks};
use super::{Site, cell, check, measured};
use crate::side_by_side::measures;
use crate::side_by_side::results::Cell;
use serde_json::json;

fn halves(first: f64, second: f64) -> Cell {
    let cell = measured(cell("latency/20000", json!({})), "kafka", "produce_p50_first_half_ms", &[1.0, first]);
    measured(cell, "kafka", "produce_p50_second_half_ms", &[1.0, second])
}

#[test]
fn stolen_time_is_named_below_the_table() {
    let stolen = measured(cell("produce/base", json!({})), "kafka", "mb_per_s", &[9.0, 9.0, 9.0]);
    let stolen = measured(stolen, "kafka", "stolen_s", &[0.1, 0.21, 0.3]);
    let stolen = measured(stolen, "kafka", "seconds", &[2.0, 2.6]);
    let site = Site::with(&[stolen]);
    site.render();
    let page = site.read("benchmarks.md");
    check(&page, "- The host took 0.21 s of this machine's cores from kafka in round 2, 8.1 % of its 2.6 s.");
    assert_eq!(page.matches("The host took").count(), 1, "{page}");
}

#[test]
fn a_rate_that_is_not_kept_is_named() {
    let line = "- kafka in round 2 did not keep the rate (produce p50 6.0 ms in the first half, 12.5 ms in the \
                second): its latencies measure the backlog.\n\n";
    assert_eq!(remarks::of(&halves(6.0, 12.5)), line);
    assert!(remarks::of(&halves(60.0, 51.0)).contains("did not keep the rate"));
    for (first, second) in [(4.0, 9.0), (6.0, 12.0), (49.0, 60.0), (60.0, 49.0)] {
        assert_eq!(remarks::of(&halves(first, second)), "", "{first} {second}");
    }
}

#[test]
fn what_a_rate_sets_is_no_merit() {
    let compared = |name: &str, measure: &str| {
        figures::is_compared(&cell(name, json!({})), measures::of(measure).expect("a known measure"))
    };
    assert!(compared("produce/base", "mb_per_s") && compared("consume/tail-1", "broker_cpu_s_per_gib"));
    for measure in ["mb_per_s", "records_per_s"] {
        assert!(!compared("consume/tail-16", measure) && compared("consume/cache-16", measure), "{measure}");
    }
    for measure in ["segments_rolled", "beside_mb_per_s", "bound_mib", "disk_read_per_byte"] {
        assert!(!compared("latency/checkpoints", measure), "{measure}");
    }
}

#[test]
fn each_rate_of_bytes_carries_the_caveat() {
    let heads = |names: &[&str]| {
        let measures: Vec<_> = names.iter().map(|name| measures::of(name).expect("a known measure")).collect();
        prose::heads(&measures).iter().map(|head| head.contains("compare CPU s/GiB")).collect::<Vec<_>>()
    };
    let all = ["mb_per_s", "records_per_s", "read_mb_per_s", "beside_mb_per_s", "peak_mib"];
    assert_eq!(heads(&all), [true, false, true, true, false]);
    assert_eq!(heads(&["records_per_s"]), [true]);
}

#[test]
fn memory_is_not_what_a_start_is_about() {
    let start = measured(cell("start/empty", json!({})), "kafka", "peak_mib", &[9.0]);
    let start = measured(start, "kafka", "first_answer_ms", &[9.0]);
    let names: Vec<_> = figures::measures_of(&start).iter().map(|measure| measure.name).collect();
    assert_eq!(names, ["first_answer_ms", "peak_mib"]);
}
