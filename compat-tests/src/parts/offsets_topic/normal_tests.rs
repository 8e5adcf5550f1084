//! What is left out of a comparison, and what is not.

use super::{Printed, without_uuids};

const ID: &str = "2c4eb523-2747-4e2e-82a3-fa4e4f4e92bf";
const OTHER: &str = "f38df8f4-fa27-4136-afb3-948e0a8172ff";

fn group(state: &str, id: &str) -> String {
    let value = format!(r#"{{"version":3,"data":{{"generation":1,"leader":"kgo-{id}",{state}}}}}"#);
    format!(r#"{{"key":{{"type":2,"data":{{"group":"g"}}}},"value":{value}}}"#)
}

fn printed(text: &str) -> Printed {
    Printed::by_formatter(text).expect("well-formed")
}

#[test]
fn ids_and_times_are_alike() {
    let one = printed(&group(r#""currentStateTimestamp":1795815016086"#, ID));
    assert_eq!(one, printed(&group(r#""currentStateTimestamp":1795815016087"#, OTHER)));
    assert!(one.differences(&one).is_empty());
}

#[test]
fn a_time_and_none_are_a_difference() {
    let one = printed(&group(r#""currentStateTimestamp":1795815016086"#, ID));
    let other = printed(&group(r#""currentStateTimestamp":-1"#, ID));
    assert_eq!(one.differences(&other).len(), 1);
}

#[test]
fn a_record_more_is_a_difference() {
    let text = group(r#""currentStateTimestamp":1795815016086"#, ID);
    let found = printed(&(text.clone() + &text)).differences(&printed(&text));
    assert!(found[0].contains("record 2 of 2 and 1"), "{found:?}");
}

#[test]
fn a_dump_is_read_with_its_batches() {
    let text = "Dumping /x/__consumer_offsets-42/00000000000000000000.log\nLog starting offset: 0\n\
        baseOffset: 0 lastOffset: 0 count: 1 baseSequence: 0 producerId: -1 isTransactional: false magic: 2 isvalid: true\n\
        | offset: 0 CreateTime: 1 keySize: 6 valueSize: 24 sequence: 0 headerKeys: [] key: {\"type\":\"2\",\"data\":{\"group\":\"g\"}} payload: {\"version\":\"3\",\"data\":{}}\n";
    let one = Printed::by_dump(text).expect("well-formed");
    assert_eq!(one.keys(), 1);
    for changed in ["valueSize: 25", "isvalid: false", "magic: 1", "__consumer_offsets-41", "\"version\":\"2\""] {
        let name = changed.split([':', '-']).next().expect("a name");
        let at = text.find(name).expect("there");
        let end = at + changed.len();
        let other = Printed::by_dump(&format!("{}{changed}{}", &text[..at], &text[end..]));
        assert_ne!(one, other.unwrap_or_default(), "{changed}");
    }
}

#[test]
fn bad_input_is_an_error_or_stays_as_it_is() {
    assert!(Printed::by_formatter("{\"key\":").is_err());
    assert!(Printed::by_dump("| offset: 0 no key here").is_err());
    assert!(Printed::by_monitor("nofigure").is_err());
    assert_eq!(without_uuids("ü-2c4eb523-2747"), "ü-2c4eb523-2747");
    assert_eq!(without_uuids(&format!("ü{ID}-{OTHER}")), "üUUID-UUID");
}
