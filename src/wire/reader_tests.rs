use super::*;

const FIXED: At = At { version: 0, flexible: false };
const FLEXIBLE: At = At { version: 0, flexible: true };

fn reader(at: At, bytes: &[u8]) -> Reader {
    Reader::new(Bytes::copy_from_slice(bytes), at)
}

#[test]
fn varints_hold_32_bits_in_five_bytes() {
    let check = |bytes: &[u8], value: Result<u32, Problem>| {
        let read = reader(FLEXIBLE, bytes).uvarint().map_err(|error| error.problem);
        assert_eq!(read, value, "{bytes:02x?}");
    };
    check(&[0], Ok(0));
    check(&[0x7f], Ok(127));
    check(&[0x80, 0x01], Ok(128));
    check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Ok(u32::MAX));
    check(&[0x81, 0x80, 0x80, 0x80, 0x00], Ok(1)); // padded, as Kafka lets pass
    check(&[0xff, 0xff, 0xff, 0xff, 0x1f], Err(Problem::Varint)); // 33 bits
    check(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Err(Problem::Varint)); // six bytes
    check(&[0xff; 10], Err(Problem::Varint));
    check(&[0x80], Err(Problem::Short { needed: 1, left: 0 }));
    check(&[], Err(Problem::Short { needed: 1, left: 0 }));
}

#[test]
fn strings() {
    let check = |at: At, bytes: &[u8], value: Result<Option<&str>, Problem>| {
        let read = reader(at, bytes).string().map_err(|error| error.problem);
        assert_eq!(read.as_ref().map(Option::as_deref), value.as_ref().map(|text| *text), "{bytes:02x?}");
    };
    check(FIXED, b"\0\x02hi", Ok(Some("hi")));
    check(FIXED, b"\0\0", Ok(Some("")));
    check(FIXED, b"\xff\xff", Ok(None));
    check(FIXED, b"\xff\xfe", Err(Problem::Negative(-2)));
    check(FIXED, b"\x80\0", Err(Problem::Negative(-32768)));
    check(FIXED, b"\0\x03hi", Err(Problem::Short { needed: 3, left: 2 }));
    check(FIXED, b"\0\x02\xc3\x28", Err(Problem::Utf8));
    check(FIXED, b"\0\x03\xed\xa0\x80", Err(Problem::Utf8)); // a surrogate, as Java could write it
    check(FLEXIBLE, b"\x03hi", Ok(Some("hi")));
    check(FLEXIBLE, b"\x01", Ok(Some("")));
    check(FLEXIBLE, b"\0", Ok(None));
    check(FLEXIBLE, b"\x04hi", Err(Problem::Short { needed: 3, left: 2 }));
    let long = |length: usize| {
        [
            &[0x80 | (length + 1) as u8, 0x80 | ((length + 1) >> 7) as u8, ((length + 1) >> 14) as u8],
            vec![b'x'; length].as_slice(),
        ]
        .concat()
    };
    check(FLEXIBLE, &long(STRING_BYTES_MAX), Ok(Some("x".repeat(STRING_BYTES_MAX).as_str())));
    check(FLEXIBLE, &long(STRING_BYTES_MAX + 1), Err(Problem::StringTooLong(STRING_BYTES_MAX + 1)));
}

#[test]
fn byte_strings() {
    let check = |at: At, bytes: &[u8], value: Result<Option<&[u8]>, Problem>| {
        let read = reader(at, bytes).bytes().map_err(|error| error.problem);
        assert_eq!(read.as_ref().map(Option::as_deref), value.as_ref().map(|bytes| *bytes), "{bytes:02x?}");
    };
    check(FIXED, b"\0\0\0\x02hi", Ok(Some(b"hi")));
    check(FIXED, b"\xff\xff\xff\xff", Ok(None));
    check(FIXED, b"\xff\xff\xff\xfe", Err(Problem::Negative(-2)));
    check(FIXED, b"\x7f\xff\xff\xff", Err(Problem::Short { needed: i32::MAX as usize, left: 0 }));
    check(FLEXIBLE, b"\x03hi", Ok(Some(b"hi")));
    check(FLEXIBLE, b"\0", Ok(None));
    check(FLEXIBLE, b"\xff\xff\xff\xff\x0f", Err(Problem::Short { needed: u32::MAX as usize - 1, left: 0 }));
}

#[test]
fn counts_are_held_to_the_bytes_the_field_and_the_request() {
    let bytes = [&[0, 0, 0, 10], [0; 40].as_slice()].concat();
    let count = |least, cap| reader(FIXED, &bytes).count(least, cap).map_err(|error| error.problem);
    assert_eq!(count(4, 10), Ok(Some(10)));
    assert_eq!(count(5, 10), Err(Problem::TooManyToFit { claimed: 10, fit: 8 }));
    assert_eq!(count(4, 9), Err(Problem::TooMany { claimed: 10, allowed: 9 }));
    assert_eq!(count(0, 10), Ok(Some(10)), "an element without bytes counts as one");
    assert_eq!(reader(FIXED, &[0xff; 4]).count(1, 9).map_err(|error| error.problem), Ok(None));

    // Three arrays of a third of the request's cap pass, what goes beyond doesn't.
    let third = ELEMENTS_PER_REQUEST_MAX / 3;
    let one: Vec<u8> = third.to_be_bytes().into_iter().chain(vec![0; third as usize]).collect();
    let mut reader = reader(FIXED, &one.repeat(4));
    for _ in 0..3 {
        assert_eq!(reader.count(1, u32::MAX), Ok(Some(third)));
        reader.slice(third as usize).expect("the elements");
    }
    let error = reader.count(1, u32::MAX).expect_err("the cap is reached");
    assert_eq!(error.problem, Problem::TooMany { claimed: third, allowed: ELEMENTS_PER_REQUEST_MAX - 3 * third });
}

#[test]
fn tagged_fields() {
    let check = |bytes: &[u8], value: Result<Option<u8>, Problem>| {
        let mut reader = reader(FLEXIBLE, bytes);
        let mut seen = None;
        let read = reader.tags(|tag, reader| {
            if tag == 5 {
                seen = Some(reader.fixed::<1>()?[0]);
            }
            Ok(tag == 5)
        });
        assert_eq!(read.map(|()| seen).map_err(|error| error.problem), value, "{bytes:02x?}");
    };
    check(&[0], Ok(None));
    check(&[1, 5, 1, 42], Ok(Some(42)));
    check(&[3, 0, 2, 9, 9, 5, 1, 42, 7, 0], Ok(Some(42))); // unknown ones before and after
    check(&[2, 5, 1, 42, 5, 1, 43], Err(Problem::TagOrder(5)));
    check(&[2, 5, 1, 42, 4, 0], Err(Problem::TagOrder(4)));
    check(&[1, 5, 2, 42, 0], Err(Problem::TagSize(5))); // larger than its value
    check(&[1, 5, 0], Err(Problem::Short { needed: 1, left: 0 })); // smaller than its value
    check(&[1, 6, 5, 1], Err(Problem::Short { needed: 5, left: 1 }));
    check(&[2, 6, 0], Err(Problem::Short { needed: 1, left: 0 }));
    // CVE-2026-111115: millions of two-byte tags.
    let many: Vec<u8> = [0x80 | 65, 0].into_iter().chain((0..65).flat_map(|tag| [tag, 0])).collect();
    check(&many, Err(Problem::TooManyTags(65)));
    check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Err(Problem::TooManyTags(u32::MAX)));
}

#[test]
fn a_tagged_field_does_not_reach_beyond_its_size() {
    let mut reader = reader(FLEXIBLE, &[1, 0, 2, 1, 2, 3, 4, 5, 6]);
    let read = reader.tags(|_, reader| reader.fixed::<4>().map(|_| true));
    assert_eq!(read.map_err(|error| error.problem), Err(Problem::Short { needed: 4, left: 2 }));
}

#[test]
fn errors_name_field_and_place() {
    let mut reader = reader(FIXED, &[0, 9, 1]);
    reader.enter("CreatableTopic.name");
    let error = reader.string().expect_err("short");
    assert_eq!(error.to_string(), "CreatableTopic.name, byte 2: needs 9 bytes, 1 are left");
}
