//! The first pass.

use super::*;

fn noted(map: &mut OffsetMap, from: i64, aborted: Vec<Aborted>, batches: &[Bytes]) -> (Vec<Result<u64, Full>>, Offset) {
    let mut mapper = Mapper::new(map, Transactions::new(aborted), Offset(from), CAP);
    let note = |batch: &Bytes| mapper.note(&header(batch), batch).map(|noted| noted.keys);
    let keys = batches.iter().map(note).collect();
    (keys, mapper.end())
}

#[test]
fn keys_of_data_from_the_first_dirty_offset_on_are_mapped() {
    let aborted = vec![Aborted { producer: ProducerId(7), first: Offset(5), last: Offset(6) }];
    let batches = [
        data(0, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]).build(),
        data(2, &[(Some("c"), Some("1")), (Some("a"), Some("2")), (None, Some("3"))]).build(),
        transactional(5, 7, 0, &[(Some("a"), Some("aborted"))]).build(),
        marker(6, 7, false).build(),
        transactional(7, 7, 1, &[(Some("d"), None)]).build(),
    ];
    let mut map = map_for(10);
    let (keys, end) = noted(&mut map, 3, aborted, &batches);
    assert_eq!((keys, end), (vec![Ok(0), Ok(1), Ok(0), Ok(0), Ok(1)], Offset(8)));
    let latest = |key: &str| map.latest(key.as_bytes()).map(|offset| offset.0);
    assert_eq!(["a", "b", "c", "d"].map(latest), [Some(3), None, None, Some(7)]);
}

#[test]
fn a_full_map_ends_the_pass_where_it_came() {
    let batches = [
        data(0, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]).build(),
        data(2, &[(Some("a"), Some("2")), (Some("c"), Some("2")), (Some("d"), Some("2"))]).build(),
    ];
    let mut map = map_for(3);
    assert_eq!(noted(&mut map, 0, Vec::new(), &batches), (vec![Ok(2), Err(Full)], Offset(4)));
    // The next pass begins inside of the batch.
    assert_eq!(noted(&mut map, 4, Vec::new(), &batches), (vec![Ok(0), Ok(1)], Offset(5)));
}

#[test]
fn a_segment_ends_where_the_next_begins() {
    let mut map = map_for(3);
    let batch = data(5, &[(Some("a"), Some("1"))]).build();
    let mut mapper = Mapper::new(&mut map, Transactions::new(Vec::new()), Offset(5), CAP);
    assert_eq!(mapper.end(), Offset(5));
    mapper.segment_ends(Offset(5));
    assert_eq!(mapper.end(), Offset(5), "a segment before the first dirty offset says nothing");
    mapper.note(&header(&batch), &batch).expect("room");
    mapper.segment_ends(Offset(9));
    assert_eq!(mapper.end(), Offset(9));
}

/// Such a batch is read twice, so that one with a flaw at its end puts nothing.
#[test]
fn a_batch_of_very_many_records_is_mapped_too() {
    let keys: Vec<_> = (0..20_000).map(|key| format!("{}", key % 500)).collect();
    let records: Vec<_> = keys.iter().map(|key| (Some(key.as_str()), Some(""))).collect();
    let whole = data(0, &records).compression(Compression::Lz4);
    let batch = whole.build();
    let mut map = map_for(500);
    assert_eq!(noted(&mut map, 10, Vec::new(), std::slice::from_ref(&batch)), (vec![Ok(19_990)], Offset(20_000)));
    assert_eq!(map.latest(b"499"), Some(Offset(19_999)));
    let mut small = map_for(100);
    assert_eq!(noted(&mut small, 0, Vec::new(), &[batch]), (vec![Err(Full)], Offset(100)));
}
