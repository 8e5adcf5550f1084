//! The map of offsets by key.

use super::*;
use std::collections::HashMap;

#[test]
fn it_gives_back_the_last_offset_of_each_key() {
    let mut map = map_for(5_000);
    let mut expected = HashMap::new();
    for offset in 0..20_000i64 {
        let key = format!("key {}", (offset * 7919) % 4_000);
        map.put(key.as_bytes(), Offset(offset)).expect("room for 5,000 keys");
        expected.insert(key, Offset(offset));
    }
    assert_eq!((map.len(), map.latest_offset()), (4_000, Some(Offset(19_999))));
    for (key, offset) in expected {
        assert_eq!(map.latest(key.as_bytes()), Some(offset), "{key}");
    }
    assert_eq!(map.latest(b"another"), None);
}

#[test]
fn a_full_map_takes_known_keys_only() {
    let mut map = map_for(3);
    assert_eq!(map.capacity(), 3);
    for (offset, key) in [b"a", b"b", b"c"].into_iter().enumerate() {
        map.put(key, Offset(offset as i64)).expect("room");
    }
    assert_eq!(map.put(b"d", Offset(3)), Err(Full));
    assert_eq!((map.len(), map.latest_offset(), map.latest(b"d")), (3, Some(Offset(2)), None));
    map.put(b"a", Offset(4)).expect("known");
    assert_eq!(map.latest(b"a"), Some(Offset(4)));
}

#[test]
fn a_cleared_map_is_as_new() {
    let mut map = map_for(3);
    map.put(b"", Offset::ZERO).expect("room");
    assert_eq!(map.latest(b""), Some(Offset::ZERO), "an empty key is a key, and offset 0 an offset");
    map.clear();
    assert!(map.is_empty());
    assert_eq!((map.latest(b""), map.latest_offset(), map.capacity()), (None, None, 3));
}

#[test]
fn memory_and_load_make_its_capacity() {
    let check = |bytes: usize, load: f64, expected: Option<usize>| {
        assert_eq!(OffsetMap::new(bytes, load, SEED).map(|map| map.capacity()), expected, "{bytes} bytes at {load}");
    };
    check(24 * 100, 0.9, Some(90));
    check(24 * 100, 1.0, Some(99));
    check(24 * 100, 7.0, Some(99));
    check(24 * 2, 0.5, Some(1));
    check(24 * 2, 0.49, None);
    check(24, 1.0, None);
    check(0, 0.9, None);
    check(24 * 100, 0.0, None);
    check(24 * 100, -1.0, None);
    check(24 * 100, f64::NAN, None);
}

#[test]
fn another_seed_gives_other_digests() {
    let other = OffsetMap::new(1_000, 0.9, *b"another seed ...").expect("room");
    assert_ne!(map_for(1).digest(b"key"), other.digest(b"key"));
    assert_eq!(map_for(1).digest(b"key"), map_for(9).digest(b"key"));
}
