use super::*;
use crate::wire::requests::offsets::ListOffsetsPartition;
use crate::wire::{Problem, Str};

const FIXED: At = At { version: 4, flexible: false };
const FLEXIBLE: At = At { version: 6, flexible: true };

fn read<T: Field>(at: At, bytes: &[u8], cap: u32) -> Read<Array<T>> {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes), at);
    let array = Array::read(&mut reader, cap)?;
    reader.finish()?;
    Ok(array)
}

#[test]
fn arrays_from_the_wire_equal_arrays_made_here() {
    let check = |at, bytes: &[u8], elements: &[&str]| {
        let array: Array<Str> = read(at, bytes, 10).expect("an array");
        let made: Array<Str> = elements.iter().map(|element| Str::from(element.to_string())).collect();
        assert_eq!(array, made);
        assert_eq!((array.len(), array.is_empty()), (elements.len(), elements.is_empty()));
        assert_eq!(array.to_vec(), made.to_vec());
        assert_eq!(format!("{array:?}"), format!("{elements:?}"));
    };
    check(FIXED, b"\0\0\0\0", &[]);
    check(FIXED, b"\0\0\0\x02\0\x01a\0\0", &["a", ""]);
    check(FLEXIBLE, b"\x01", &[]);
    check(FLEXIBLE, b"\x03\x02a\x01", &["a", ""]);
    assert_eq!(Array::<Str>::default(), Array::from(Vec::new()));
    assert_ne!(Array::<i32>::from(vec![1]), Array::from(vec![2]));
    assert_ne!(Array::<i32>::from(vec![1]), Array::from(vec![1, 1]));
}

#[test]
fn walks_know_their_length() {
    let array: Array<i32> = read(FLEXIBLE, &[3, 0, 0, 0, 1, 0, 0, 0, 2], 10).expect("an array");
    for array in [&array, &Array::from(vec![1, 2])] {
        let mut walk = array.iter();
        assert_eq!(walk.len(), 2);
        assert_eq!((walk.next(), walk.len()), (Some(1), 1));
        assert_eq!((walk.next(), walk.next(), walk.next(), walk.len()), (Some(2), None, None, 0));
    }
}

#[test]
fn bad_arrays() {
    let check = |at, bytes: &[u8], problem: Problem| {
        let error = read::<ListOffsetsPartition>(at, bytes, 3).expect_err("no array");
        assert_eq!(error.problem, problem, "{bytes:02x?}");
    };
    // A partition takes 4 + 4 + 8 bytes, and a byte of tags from version 6.
    check(FIXED, &[0, 0, 0, 1, 0], Problem::TooManyToFit { claimed: 1, fit: 0 });
    check(FIXED, &[[0, 0, 0, 2].as_slice(), &[0; 31]].concat(), Problem::TooManyToFit { claimed: 2, fit: 1 });
    check(FLEXIBLE, &[[2].as_slice(), &[0; 16]].concat(), Problem::TooManyToFit { claimed: 1, fit: 0 });
    check(FIXED, &[[0, 0, 0, 4].as_slice(), &[0; 64]].concat(), Problem::TooMany { claimed: 4, allowed: 3 });
    check(FIXED, &[0xff; 4], Problem::Null);
    check(FIXED, &[0xff, 0xff, 0xff, 0xfe], Problem::Negative(-2));
    check(FLEXIBLE, &[0], Problem::Null);
    // The second element ends in a tag that runs out of the array.
    check(FLEXIBLE, &[[3].as_slice(), &[0; 33], &[1]].concat(), Problem::Short { needed: 1, left: 0 });
}
