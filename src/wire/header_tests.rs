use super::*;
use crate::wire::Problem;

fn frame(parts: &[&[u8]]) -> Bytes {
    parts.concat().into()
}

#[test]
fn headers_of_both_versions() {
    let check = |bytes: Bytes, api, version, client_id: Option<&str>, body: &[u8]| {
        let (header, rest) = RequestHeader::decode(bytes).expect("a header");
        assert_eq!((header.api, header.version, header.correlation_id), (api, version, 7));
        assert_eq!(header.client_id.as_deref(), client_id);
        assert_eq!(&rest[..], body);
    };
    check(frame(&[&[0, 3, 0, 8, 0, 0, 0, 7], b"\0\x02me", b"body"]), Api::Metadata, 8, Some("me"), b"body");
    check(frame(&[&[0, 3, 0, 8, 0, 0, 0, 7], b"\xff\xff", b""]), Api::Metadata, 8, None, b"");
    check(frame(&[&[0, 3, 0, 9, 0, 0, 0, 7], b"\0\x02me", b"\0", b"body"]), Api::Metadata, 9, Some("me"), b"body");
    // Tags of a header are skipped, not kept.
    check(frame(&[&[0, 3, 0, 9, 0, 0, 0, 7], b"\0\x02me", b"\x01\x09\x01x", b"b"]), Api::Metadata, 9, Some("me"), b"b");
}

#[test]
fn ill_formed_headers() {
    let check = |bytes: &[u8], problem: Problem| match RequestHeader::decode(Bytes::copy_from_slice(bytes)) {
        Err(HeaderError::Malformed(error)) => assert_eq!(error.problem, problem, "{bytes:02x?}"),
        other => panic!("{bytes:02x?}: {other:?}"),
    };
    check(b"", Problem::Short { needed: 2, left: 0 });
    check(b"\0\x03\0", Problem::Short { needed: 2, left: 1 });
    check(b"\0\x03\0\x09\0\0\0", Problem::Short { needed: 4, left: 3 });
    check(b"\0\x03\0\x09\0\0\0\x07", Problem::Short { needed: 2, left: 0 });
    check(b"\0\x03\0\x09\0\0\0\x07\0\x05me", Problem::Short { needed: 5, left: 2 });
    check(b"\0\x03\0\x09\0\0\0\x07\xff\xfe", Problem::Negative(-2));
    check(b"\0\x03\0\x09\0\0\0\x07\0\x01\xff", Problem::Utf8);
    check(b"\0\x03\0\x09\0\0\0\x07\xff\xff", Problem::Short { needed: 1, left: 0 });
    check(b"\0\x03\0\x09\0\0\0\x07\xff\xff\x41", Problem::TooManyTags(65));
    check(b"\0\x03\0\x09\0\0\0\x07\xff\xff\x02\x01\0\x01\0", Problem::TagOrder(1));
}

/// AV-6: the server closes on both; AV-2: except that ApiVersions of any version has an answer.
#[test]
fn what_is_not_served_is_told_apart() {
    let check = |bytes: &[u8], error| {
        assert_eq!(RequestHeader::decode(Bytes::copy_from_slice(bytes)), Err(error), "{bytes:02x?}");
    };
    check(b"\0\x04\0\0\0\0\0\x07\xff\xff", HeaderError::UnknownApi { key: 4, version: 0 });
    check(b"\x7f\xff\0\x01\0\0\0\x07\xff\xff", HeaderError::UnknownApi { key: i16::MAX, version: 1 });
    check(b"\xff\xff\xff\xff\0\0\0\x07", HeaderError::UnknownApi { key: -1, version: -1 });
    let unsupported = |api, version| HeaderError::UnsupportedVersion { api, version, correlation_id: 7 };
    check(b"\0\x03\0\x0e\0\0\0\x07\xff\xff", unsupported(Api::Metadata, 14));
    check(b"\0\0\0\x02\0\0\0\x07\xff\xff", unsupported(Api::Produce, 2));
    // Whatever a version from the future puts behind the correlation id, it is answered.
    check(b"\0\x12\x03\xe7\0\0\0\x07", unsupported(Api::ApiVersions, 999));
    check(b"\0\x12\xff\xff\0\0\0\x07\xde\xad", unsupported(Api::ApiVersions, -1));
}

/// AV-4: the header of an ApiVersions answer never has tagged fields.
#[test]
fn av_4_response_headers() {
    let check = |api: Api, version, bytes: &[u8]| {
        let mut out = Vec::new();
        RequestHeader { api, version, correlation_id: 7, client_id: None }.put_response(&mut out);
        assert_eq!(out, bytes, "{api} {version}");
    };
    check(Api::Metadata, 8, &[0, 0, 0, 7]);
    check(Api::Metadata, 9, &[0, 0, 0, 7, 0]);
    for version in 0..=5 {
        check(Api::ApiVersions, version, &[0, 0, 0, 7]);
    }
    assert_eq!(Api::ApiVersions.request_header_version(2), 1);
    assert_eq!(Api::ApiVersions.request_header_version(3), 2);
}
