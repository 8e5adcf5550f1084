//! What can't be done, what failed, and what is less than the counters resolve.

use super::{CPU, Site, base, cell, check, failed, measured};
use crate::side_by_side::results::Cell;
use serde_json::json;

const KILLED: &str = "start/killed-much";
const FIRST_ANSWER: &str = "first_answer_ms";
const TAIL: &str = "consume/tail-1";

/// The page of these cells.
fn page(cells: &[Cell]) -> String {
    let site = Site::with(cells);
    site.render();
    site.read("benchmarks.md")
}

/// Checks figure and result of the target of the fast start after a kill for `ottla-os`.
fn check_start(cell: &Cell, entries: &str) {
    let row = "| [start/killed-much](#startkilled-much) | ottla-os | first answer, ms | at most 1,000 |";
    check(&page(std::slice::from_ref(cell)), &format!("{row} {entries} |"));
}

/// Checks figure and result of the target at the tail for `ottla-os`.
fn check_tail(cell: &Cell, entries: &str) {
    let row =
        "| [consume/tail-1](#consumetail-1) | ottla-os | CPU s/GiB, broker and kernel threads | at most 0.8 x kafka |";
    check(&page(std::slice::from_ref(cell)), &format!("{row} {entries} |"));
}

fn unable(mut cell: Cell, system: &str, why: &str) -> Cell {
    cell.cannot.insert(system.to_owned(), why.to_owned());
    cell
}

#[test]
fn a_target_of_a_cell_that_cannot_be_done_does_not_hold() {
    let killed = unable(cell(KILLED, json!({})), "ottla-os", "no <room>");
    check_start(&killed, "- | **does not hold**: can't be done: no &lt;room&gt;");
    // Even if some round was good before.
    check_start(
        &measured(killed, "ottla-os", FIRST_ANSWER, &[5.0]),
        "5.0 | **does not hold**: can't be done: no &lt;room&gt;",
    );
}

#[test]
fn a_target_does_not_hold_where_more_rounds_failed_than_not() {
    let killed = || cell(KILLED, json!({}));
    let all = failed(killed(), "ottla-os", &[1, 2, 3], "hung | up");
    check_start(&all, "- | **does not hold**: failed: hung \\| up");
    let most = failed(measured(killed(), "ottla-os", FIRST_ANSWER, &[5.0]), "ottla-os", &[2, 3], "hung");
    check_start(&most, "5.0 | **does not hold** (in 1 of 1 rounds); 2 of 3 rounds failed: hung");
    let few = failed(measured(killed(), "ottla-os", FIRST_ANSWER, &[5.0, 5.0]), "ottla-os", &[3], "hung");
    check_start(&few, "5.0 (5.0-5.0) | holds (in 2 of 2 rounds); 1 of 3 rounds failed: hung");
    let again = failed(measured(killed(), "ottla-os", FIRST_ANSWER, &[5.0]), "ottla-os", &[1], "hung");
    check_start(&again, "5.0 | holds (in 1 of 1 rounds)");
}

#[test]
fn a_ratio_to_what_failed_is_not_measured_for_that_reason() {
    let tail = measured(cell(TAIL, json!({})), "ottla-os", CPU, &[1.0, 1.0]);
    check_tail(&failed(tail.clone(), "kafka", &[1, 2], "hung"), "- | not measured: kafka: failed: hung");
    check_tail(&unable(tail.clone(), "kafka", "no room"), "- | not measured: kafka: can't be done: no room");
    check_tail(&tail, "- | not measured");
    let one = failed(measured(tail, "kafka", CPU, &[2.0]), "kafka", &[2], "hung");
    check_tail(&one, "0.500 x kafka | holds (in 1 of 1 rounds); kafka: 1 of 2 rounds failed: hung");
}

#[test]
fn what_is_not_resolved_has_no_ratio_and_does_not_hold_by_it() {
    let tail = |kafka: &[f64], ottla: &[f64]| {
        measured(measured(cell(TAIL, json!({})), "kafka", CPU, kafka), "ottla-os", CPU, ottla)
    };
    check_tail(&tail(&[2.0, 0.0], &[-0.1, 1.0]), "- | not decided: lost in the noise of two measurements");
    check_tail(
        &tail(&[2.0, 2.0, 2.0], &[1.0, 1.0, -1.0]),
        "0.500 (0.500-0.500) x kafka | holds (in 2 of 3 rounds); 1 of 3 rounds lost in the noise of two measurements",
    );
    check_tail(
        &tail(&[2.0, -2.0, 2.0], &[1.0, -1.0, 0.0]),
        "0.500 x kafka | not decided (in 1 of 3 rounds); 2 of 3 rounds lost in the noise of two measurements",
    );
    let page = page(&[tail(&[2.0, 2.0], &[-0.2, 0.1])]);
    check(&page, "| kafka | 2.00 (2.00-2.00) | 1.00 |");
    check(&page, "| ottla-os | **-0.050 (-0.20 to 0.10)** | - |");
}

#[test]
fn the_same_shape_at_another_place_is_shown_without_a_verdict() {
    let row = |system: &str, entries: &str| {
        let name = "[latency/throughput](#latencythroughput)";
        format!("| {name} | {system} | CPU s/GiB, broker and kernel threads | for comparison | {entries} |")
    };
    let again = measured(cell("latency/throughput", json!({})), "kafka", CPU, &[2.0, 2.0]);
    let again = unable(measured(again, "ottla-os", CPU, &[1.0, 4.0]), "ottla-fsync", "no room");
    let page = page(&[again]);
    check(&page, &row("ottla-os", "1.250 (0.500-2.000) x kafka | -"));
    check(&page, &row("ottla-fsync", "- | can't be done: no room"));
}

#[test]
fn what_only_kafka_did_is_listed_before_what_it_does_better() {
    let tools = measured(cell("tools/consumer", json!({})), "kafka", CPU, &[1.0]);
    let tools = unable(tools, "ottla-os", "no groups | yet");
    let tools = failed(tools, "ottla-fsync", &[1, 2], "hung");
    let nobody = unable(cell("scale/idle", json!({})), "ottla-os", "no room");
    let partly = failed(measured(base(), "ottla-os", CPU, &[1.0]), "ottla-os", &[4], "hung");
    let page = page(&[tools, nobody, partly]);
    let (_, section) = page.split_once("## Where Kafka is better").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let rows = ["| ottla-os | can't be done: no groups \\| yet |", "| ottla-fsync | failed: hung |"];
    for row in rows {
        check(section, &format!("| [tools/consumer](#toolsconsumer) {row}"));
    }
    assert_eq!(
        section.matches("can't be done: ").count() + section.matches("failed: ").count(),
        rows.len(),
        "{section}"
    );
    assert!(section.find("Kafka did this").expect("said") < section.find("comparisons of a median").expect("said"));
}

#[test]
fn starts_count_for_the_bound_of_memory_and_what_has_no_figure_is_counted() {
    let start = measured(cell(KILLED, json!({})), "ottla-os", "peak_mib", &[20.0, 21.0, 22.0]);
    let start = failed(measured(start, "ottla-os", "bound_mib", &[100.0, 100.0]), "ottla-fsync", &[1], "hung");
    check(
        &page(&[start]),
        "| every cell | ottla-os, ottla-fsync | peak memory, MiB | at most the bound of memory | 2 of 2 runs | \
         holds, all of them; 2 more runs have no such figure |",
    );
}
