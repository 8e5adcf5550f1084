use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/ottla.json");

fn metrics(topics_max: usize) -> Metrics {
    let protocol = Protocol {
        apis: vec![(0, "Produce"), (1, "Fetch"), (18, "ApiVersions")],
        error_name: |code| match code {
            0 => "none",
            3 => "UNKNOWN_TOPIC_OR_PARTITION",
            _ => "other",
        },
    };
    Metrics::new(Registry::new(), protocol, "0.1.0", "abc", topics_max).expect("a fresh registry takes every family")
}

/// Touches every family once, so that each has a series.
fn exercised() -> Metrics {
    let all = metrics(10);
    all.requests.answered(0, 0);
    all.requests.took(0, Stage::Total, Duration::from_millis(3));
    all.requests.request_size(0, 1000);
    all.requests.response_size(1, 1000);
    all.connections.accepted();
    all.connections.accepted();
    all.connections.refused(Refusal::Descriptors);
    all.connections.closed("idle");
    all.topics.topic("orders").appended(100, 3);
    all.storage.synced(Duration::from_millis(1), 4096);
    all.sample_request_memory(|| 5.0);
    all.sample_request_memory_limit(|| 50.0);
    all.sample_answer_memory(|| 6.0);
    all.sample_ring_bytes(|| 7.0);
    all.sample_commit_queue_bytes(|| 8.0);
    all.sample_wal_bytes(|| 9.0);
    all.sample_wal_used_bytes(|| 3.0);
    all.sample_unwritten_bytes(|| 2.0);
    all.sample_checkpoint_bytes(|| 4.0);
    all.sample_checkpoints(|| 11.0);
    all.sample_recovery_progress(|| 1.0);
    all.sample_recovery_chunks(|| 12.0);
    all.sample_recovery_batches(|| 13.0);
    all.sample_recovery_cuts(|| 1.0);
    all.sample_recovery_findings(|| 0.0);
    all.sample_removed_segments(|| vec![("time", 1)]);
    all.sample_removed_bytes(|| vec![("time", 15)]);
    all.sample_trash_files(|| 2.0);
    all.sample_proven_time_lag(|| 0.0);
    all.sample_cleaner_rounds(|| 1.0);
    all.sample_cleaner_read_bytes(|| 16.0);
    all.sample_cleaner_written_bytes(|| 17.0);
    all.sample_cleaner_removed_records(|| 18.0);
    all.sample_cleaner_unreadable_batches(|| 0.0);
    all.sample_cleaner_map_bytes(|| 19.0);
    all.sample_uncleanable_logs(|| 0.0);
    let lag = Lag { group: "readers".into(), topic: "orders".into(), records: 3 };
    all.groups.show(GroupPicture { states: [("Empty", 1)].into(), lags: vec![lag], unread: 0 });
    all.sample_scrub_bytes(|| 14.0);
    all.sample_scrub_findings(|| 0.0);
    all
}

fn shown(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(ToString::to_string).collect()
}

#[test]
fn the_table_names_exactly_what_is_registered() {
    let text = exercised().text();
    let expected: BTreeSet<String> = families::table()
        .lines()
        .skip(2)
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.nth(1).expect("a name").trim_matches('`').to_string();
            format!("{name} {}", cells.next().expect("a type"))
        })
        .collect();
    assert_eq!(shown(&text), expected);
}

#[test]
fn every_family_has_a_series_with_its_labels() {
    let text = exercised().text();
    let check = |line: &str| assert!(text.lines().any(|has| has == line), "{line} is missing in\n{text}");
    check("ottla_build_info{revision=\"abc\",version=\"0.1.0\"} 1");
    check("ottla_requests_total{api=\"Produce\",error=\"none\"} 1");
    check("ottla_request_duration_seconds_count{api=\"Produce\",stage=\"total\"} 1");
    check("ottla_topic_bytes_in_total{topic=\"orders\"} 100");
    check("ottla_topic_records_in_total{topic=\"orders\"} 3");
    check("ottla_connections 1");
    check("ottla_connections_accepted_total 2");
    check("ottla_connections_closed_total{reason=\"idle\"} 1");
    check("ottla_connections_refused_total{reason=\"descriptors\"} 1");
    check("ottla_request_memory_bytes 5");
    check("ottla_answer_memory_bytes 6");
    check("ottla_fsync_duration_seconds_count 1");
    check("ottla_checkpoints_total 11");
}

#[test]
fn outcomes_are_counted_by_name_and_strange_codes_fit() {
    let all = metrics(1);
    let check = |api: i16, error: i16, times: usize| (0..times).for_each(|_| all.requests.answered(api, error));
    check(0, 0, 3);
    check(0, 3, 2);
    check(1, -1, 1);
    check(1, i16::MAX, 1);
    check(1, i16::MIN, 1);
    check(99, 0, 1); // no name, no series
    check(-7, 0, 1);
    let text = all.text();
    assert!(text.contains("ottla_requests_total{api=\"Produce\",error=\"none\"} 3"));
    assert!(text.contains("ottla_requests_total{api=\"Produce\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"} 2"));
    assert_eq!(all.requests.answered_count(0, 3), 2);
    assert_eq!(all.requests.answered_count(99, 0), 0);
    assert_eq!(text.matches("ottla_requests_total{").count(), 4, "{text}");
}

#[test]
fn topics_have_a_bounded_number_of_series() {
    let all = metrics(3);
    let held: Vec<_> = (0..1000).map(|at| all.topics.topic(&format!("t{at:04}"))).collect();
    held.iter().for_each(|topic| topic.appended(1, 1));
    let text = all.text();
    assert_eq!(text.matches("ottla_topic_bytes_in_total{").count(), 3);
    assert!(text.contains("ottla_topics_without_series 997"));

    // A deleted topic's series go, the next hidden one appears with what it has counted.
    all.topics.forget("t0001");
    let text = all.text();
    assert!(!text.contains("\"t0001\""));
    assert!(text.contains("ottla_topic_bytes_in_total{topic=\"t0003\"} 1"));
    assert!(text.contains("ottla_topics_without_series 996"));

    // Created again, a topic starts from nothing.
    assert_eq!(all.topics.topic("t0001").bytes_in(), 0);
    all.topics.forget("never existed");
}

#[test]
fn a_label_value_cannot_break_the_text() {
    let all = metrics(3);
    all.topics.topic("a\"b\\c\nd").appended(1, 1);
    assert!(all.text().contains("{topic=\"a\\\"b\\\\c\\nd\"} 1"));
}

/// `OTTLA_WRITE_DOCS=1 cargo test` writes the table anew.
#[test]
fn the_docs_page_is_the_table() {
    const BEGIN: &str = "<!-- table: begin -->\n";
    const END: &str = "<!-- table: end -->";
    let page = std::fs::read_to_string(DOCS).expect("docs/metrics.md exists");
    let begin = page.find(BEGIN).expect("the begin mark") + BEGIN.len();
    let end = page.find(END).expect("the end mark");
    if std::env::var_os("OTTLA_WRITE_DOCS").is_some() {
        let page = format!("{}{}{}", &page[..begin], families::table(), &page[end..]);
        std::fs::write(DOCS, page).expect("docs/metrics.md can be written");
        return;
    }
    assert_eq!(&page[begin..end], families::table(), "run OTTLA_WRITE_DOCS=1 cargo test metrics:: once");
}

fn expressions(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            if let Some(expression) = fields.get("expr").and_then(serde_json::Value::as_str) {
                into.push(expression.to_string());
            }
            fields.values().for_each(|field| expressions(field, into));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| expressions(item, into)),
        _ => {}
    }
}

fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("ottla_") || word.starts_with("process_"))
        .map(|word| {
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            histogram.unwrap_or(word)
        })
}

#[test]
fn every_family_has_a_panel_and_every_panel_a_family() {
    let board = std::fs::read_to_string(DASHBOARD).expect("grafana/ottla.json exists");
    let board = serde_json::from_str(&board).expect("grafana/ottla.json is JSON");
    let mut found = Vec::new();
    expressions(&board, &mut found);
    let asked: BTreeSet<&str> = found.iter().flat_map(|expression| names(expression)).collect();
    let own: BTreeSet<&str> = families::FAMILIES.iter().map(|family| family.name).collect();
    let process: BTreeSet<&str> = families::PROCESS.iter().map(|row| row.0).collect();
    let unknown: Vec<_> = asked.iter().filter(|name| !own.contains(*name) && !process.contains(*name)).collect();
    let missing: Vec<_> = own.iter().filter(|name| !asked.contains(*name)).collect();
    assert!(unknown.is_empty(), "panels ask for {unknown:?}");
    assert!(missing.is_empty(), "no panel asks for {missing:?}");
}

#[test]
fn names_follow_the_rules() {
    for family in families::FAMILIES {
        let Family { name, kind, help, .. } = family;
        assert!(name.starts_with("ottla_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == families::Kind::Counter, "{name}");
        assert!(help.ends_with('.') && !help.contains('|'), "{name}: {help}");
    }
}

use families::Family;
