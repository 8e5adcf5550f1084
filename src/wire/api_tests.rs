use super::*;
use std::fmt::Write;
use std::path::Path;

/// Kafka's own layout of every request version; how it was made is told in the Java file beside it.
const SCHEMAS: &str = include_str!("fixtures/kafka-clients-4.4.0-schemas.txt");

#[test]
fn rows_ascend_and_are_found() {
    for (at, row) in API_TABLE.iter().enumerate() {
        assert_eq!(row.api as usize, at, "{}", row.name);
        assert_eq!(row.api.row(), row);
        assert_eq!(Api::from_key(row.key), Some(row.api));
        assert!(row.min <= row.max && row.advertised_min <= row.min, "{}", row.name);
        assert!(at == 0 || API_TABLE[at - 1].key < row.key, "{}", row.name);
    }
    for key in [-1, 4, 5, 6, 7, 58, 999, i16::MIN, i16::MAX] {
        assert_eq!(Api::from_key(key), None);
    }
}

/// AV-10: no floor above Kafka's, no version that Kafka 4.4 lacks or calls unstable, flexible from the same version on.
#[test]
fn av_10_ranges_are_kafkas() {
    for row in API_TABLE {
        let lines = SCHEMAS.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let theirs: Vec<_> = lines.filter(|line| line[0] == row.name).collect();
        let number = |line: &[&str], at: usize| line[at].parse::<i16>().expect("a number");
        assert!(!theirs.is_empty(), "{} is no API of Kafka 4.4", row.name);
        assert_eq!(number(&theirs[0], 1), row.key);
        assert_eq!(number(&theirs[0], 2), row.min, "{}", row.name);
        assert!(row.max <= number(&theirs[theirs.len() - 1], 2), "{}", row.name);
        let flexible_from = match number(&theirs[0], 3) {
            -1 => NEVER,
            version => version,
        };
        assert_eq!(flexible_from.max(row.min), row.flexible_from.max(row.min), "{}", row.name);
    }
}

#[test]
fn av_10_only_produce_is_advertised_below_what_is_served() {
    let below: Vec<_> = API_TABLE.iter().filter(|row| row.advertised_min != row.min).map(|row| row.api).collect();
    assert_eq!(below, [Api::Produce]);
}

/// AV-11: librdkafka takes the parts of a group consumer for the whole: they are served together, and so are those of the
/// newer protocol (KIP-848).
#[test]
fn av_11_group_apis_are_whole() {
    let missing: Vec<i16> = (8..=16).chain([42, 47]).filter(|key| Api::from_key(*key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let newer = [68, 69].map(|key| Api::from_key(key).is_some());
    assert_eq!(newer[0], newer[1], "ConsumerGroupHeartbeat, ConsumerGroupDescribe");
}

#[test]
fn before_login_only_what_login_needs() {
    let early: Vec<_> = API_TABLE.iter().filter(|row| row.before_login).map(|row| row.api).collect();
    assert_eq!(early, [Api::ApiVersions]);
}

/// The table of docs/protocol.md.
fn documented() -> String {
    let mut table = String::from(
        "| key | API | answered | advertised | flexible from | before login |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in API_TABLE {
        let Row { key, name, min, max, advertised_min, flexible_from, before_login, .. } = row;
        let flexible = if *flexible_from == NEVER { "never".to_string() } else { flexible_from.to_string() };
        let early = if *before_login { "yes" } else { "no" };
        writeln!(table, "| {key} | {name} | {min}-{max} | {advertised_min}-{max} | {flexible} | {early} |")
            .expect("a string takes everything");
    }
    table
}

/// docs/protocol.md shows this table. `OTTLA_WRITE_DOCS=1 cargo test` writes it anew.
#[test]
fn the_table_is_documented() {
    const START: &str = "<!-- api table: written by src/wire/api_tests.rs -->\n";
    const END: &str = "<!-- end of api table -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md");
    let page = std::fs::read_to_string(&path).expect("docs/protocol.md");
    let (before, rest) = page.split_once(START).expect("the table's start mark");
    let (table, after) = rest.split_once(END).expect("the table's end mark");
    if std::env::var_os("OTTLA_WRITE_DOCS").is_some() {
        std::fs::write(&path, [before, START, &documented(), END, after].concat()).expect("docs/protocol.md");
        return;
    }
    assert_eq!(
        table,
        documented(),
        "docs/protocol.md is stale: run OTTLA_WRITE_DOCS=1 cargo test the_table_is_documented"
    );
}
