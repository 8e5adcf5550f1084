//! The pass's view of transactions.

use super::*;
use crate::log::compact::transactions::Marker;

fn aborted(id: i64, first: i64, last: i64) -> Aborted {
    Aborted { producer: ProducerId(id), first: Offset(first), last: Offset(last) }
}

fn data_of(base: i64, id: i64) -> BatchHeader {
    header(&transactional(base, id, 0, &[(Some("k"), Some("v"))]).build())
}

fn marker_of(base: i64, id: i64) -> BatchHeader {
    header(&marker(base, id, false).build())
}

#[test]
fn data_is_aborted_from_the_first_offset_to_the_marker() {
    let mut pass = Transactions::new(vec![aborted(1, 10, 14), aborted(2, 12, 20)]);
    assert!(!pass.data(&data_of(9, 1)), "an earlier transaction of the same producer");
    assert!(!pass.marker(&header(&marker(9, 1, true).build()), Marker::Commit));
    assert!(pass.data(&data_of(10, 1)));
    assert!(!pass.data(&data_of(11, 3)), "another producer");
    assert!(pass.data(&data_of(12, 2)));
    assert!(!pass.data(&header(&data(13, &[(Some("k"), None)]).build())), "not of a transaction");
    assert!(!pass.marker(&marker_of(14, 1), Marker::Abort), "its data was met");
    assert!(!pass.data(&data_of(15, 1)), "the next transaction");
    assert_eq!(pass.take_kept(), [aborted(1, 10, 14)]);
    assert_eq!(pass.take_kept(), []);
}

#[test]
fn a_marker_marks_nothing_once_its_data_is_gone() {
    let mut pass = Transactions::new(vec![aborted(1, 10, 14)]);
    assert!(pass.marker(&marker_of(14, 1), Marker::Abort));
    assert!(pass.marker(&marker_of(15, 2), Marker::Abort), "not in the index");
    assert!(pass.marker(&marker_of(16, 3), Marker::Commit));
    assert!(pass.marker(&marker_of(17, 3), Marker::Empty));
    assert!(!pass.marker(&marker_of(18, 3), Marker::Other));
    assert_eq!(pass.take_kept(), []);
}

/// A marker that can't be read, or that went earlier while the index still knew of it, must not make the producer's later
/// transactions look aborted.
#[test]
fn what_follows_a_missing_marker_is_not_aborted() {
    let mut pass = Transactions::new(vec![aborted(1, 10, 14), aborted(1, 20, 24)]);
    assert!(pass.data(&data_of(10, 1)));
    assert!(!pass.data(&data_of(15, 1)));
    assert!(pass.data(&data_of(20, 1)));
    assert!(!pass.marker(&marker_of(24, 1), Marker::Abort));
    assert_eq!(pass.take_kept(), [aborted(1, 20, 24)]);
}
