use super::header::{batch_crc, crc32c, write_crc};
use super::*;
use crate::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use bytes::Bytes;
use proptest::prelude::*;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
const CAP: usize = 1 << 20;

fn new_record(timestamp: i64, key: Option<&str>, value: Option<&str>) -> NewRecord {
    let bytes = |text: Option<&str>| text.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    NewRecord { timestamp: Timestamp(timestamp), key: bytes(key), value: bytes(value), headers: Vec::new() }
}

fn three() -> BatchBuilder {
    let header = (Bytes::from_static(b"h"), Some(Bytes::from_static(b"1")));
    let again = (Bytes::from_static(b"h"), None);
    BatchBuilder::new()
        .record(new_record(1_000, Some("k"), Some("v")))
        .record(new_record(3_000, None, Some("")))
        .record(NewRecord { headers: vec![header, again], ..new_record(2_000, Some(""), None) })
}

fn read(batch: &[u8]) -> Result<Vec<Record>, RecordError> {
    let header = BatchHeader::parse(batch).expect("the test's batch has a header");
    Records::new(&header, batch, CAP)?.collect()
}

/// A batch whose records are replaced by `body`, with a fitting length and CRC.
fn with_body(batch: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = batch[..HEADER_BYTES].to_vec();
    out.extend_from_slice(body);
    let length = (out.len() - header::LENGTH_OVERHEAD) as i32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    write_crc(&mut out);
    out
}

/// A batch with bytes replaced at a position, and a fitting CRC.
fn with_field(batch: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = batch.to_vec();
    out[at..at + bytes.len()].copy_from_slice(bytes);
    write_crc(&mut out);
    out
}

#[test]
fn the_checksum_is_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn varints_keep_their_width() {
    let check = |bytes: &[u8], small: Option<i32>, large: Option<i64>| {
        assert_eq!(varint::read_i32(&mut &*bytes), small, "{bytes:x?}");
        assert_eq!(varint::read_i64(&mut &*bytes), large, "{bytes:x?}");
    };
    check(&[], None, None);
    check(&[0], Some(0), Some(0));
    check(&[1], Some(-1), Some(-1));
    check(&[2], Some(1), Some(1));
    check(&[0x80], None, None);
    check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Some(i32::MIN), Some(i64::from(i32::MIN)));
    check(&[0xfe, 0xff, 0xff, 0xff, 0x0f], Some(i32::MAX), Some(i64::from(i32::MAX)));
    check(&[0xff, 0xff, 0xff, 0xff, 0x1f], None, Some(-4_294_967_296));
    check(&[0xff; 5], None, None);
    check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], None, Some(i64::MIN));
    check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], None, None);
    check(&[0xff; 11], None, None);
}

#[test]
fn every_codec_round_trips() {
    for codec in CODECS {
        let batch = three().compression(codec).build();
        let header = check_produced(&batch).expect("built batches are accepted");
        assert_eq!((header.compression(), header.record_count), (Some(codec), 3));
        assert_eq!((header.base_timestamp, header.max_timestamp), (Timestamp(1_000), Timestamp(3_000)));
        let records = read(&batch).expect("built batches can be read");
        assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
        assert_eq!((&records[1].key, records[1].value.as_deref()), (&None, Some(&b""[..])));
        assert_eq!((records[2].key.as_deref(), &records[2].value), (Some(&b""[..]), &None));
        let headers: Vec<_> =
            records[2].headers.iter().map(|header| (&header.key[..], header.value.as_deref())).collect();
        assert_eq!(headers, [(&b"h"[..], Some(&b"1"[..])), (&b"h"[..], None)], "duplicate keys are kept in order");
        let times: Vec<_> = records.iter().map(|record| (record.offset.0, record.timestamp.0)).collect();
        assert_eq!(times, [(0, 1_000), (1, 3_000), (2, 2_000)]);
    }
}

/// librdkafka and franz-go send one raw snappy block where Java sends xerial's stream (R25).
#[test]
fn both_forms_of_snappy_are_read() {
    let plain = three().build();
    let raw = snap::raw::Encoder::new().compress_vec(&plain[HEADER_BYTES..]).expect("snappy compresses");
    let xerial = Compression::Snappy.compress(&plain[HEADER_BYTES..]).expect("snappy compresses");
    for body in [&raw, &xerial] {
        let mut batch = with_field(&plain, 21, &2i16.to_be_bytes());
        batch = with_body(&batch, body);
        check_produced(&batch).expect("either form is accepted");
        assert_eq!(read(&batch), read(&plain));
    }
}

#[test]
fn bad_batches_are_named() {
    let good = three().producer(ProducerId(7), ProducerEpoch(0), Sequence(5)).build();
    let check = |bytes: &[u8], expected: BatchError| assert_eq!(check_produced(bytes), Err(expected));
    check(&[], BatchError::TooShort { bytes: 0 });
    check(&good[..60], BatchError::TooShort { bytes: 60 });
    let bytes = good.len() - 1;
    check(&good[..bytes], BatchError::Truncated { size: good.len() as u64, bytes });
    check(&[&good[..], &[0]].concat(), BatchError::Trailing { bytes: 1 });
    check(&[&good[..], &good[..]].concat(), BatchError::Trailing { bytes: good.len() });
    for magic in [0i8, 1, 3, -1] {
        check(&with_field(&good, 16, &magic.to_be_bytes()), BatchError::Magic { magic });
    }
    for length in [-1i32, 0, 48, i32::MIN] {
        check(&with_field(&good, 8, &length.to_be_bytes()), BatchError::Length { length });
    }
    let length = i32::MAX;
    let size = length as u64 + 12;
    check(&with_field(&good, 8, &length.to_be_bytes()), BatchError::Truncated { size, bytes: good.len() });
    for codec in [5u8, 6, 7] {
        check(&with_field(&good, 22, &[codec]), BatchError::Codec { codec });
    }
    check(&with_field(&good, 22, &[0x20]), BatchError::Control);
    check(&with_field(&good, 22, &[0x08]), BatchError::AppendTime);
    check(&with_field(&good, 22, &[0x40]), BatchError::Attributes { attributes: 0x40 });
    check(&with_field(&good, 21, &[0x80, 0]), BatchError::Attributes { attributes: i16::MIN });
    for (count, last_offset_delta) in [(3, 3), (3, 1), (0, -1), (-1, -2), (i32::MIN, i32::MAX), (i32::MAX, 2)] {
        let batch =
            with_field(&with_field(&good, 57, &i32::to_be_bytes(count)), 23, &i32::to_be_bytes(last_offset_delta));
        check(&batch, BatchError::Count { count, last_offset_delta });
    }
    let batch = with_field(&good, 53, &(-1i32).to_be_bytes());
    check(&batch, BatchError::Sequence { sequence: -1, epoch: 0 });
    let batch = with_field(&good, 51, &(-1i16).to_be_bytes());
    check(&batch, BatchError::Sequence { sequence: 5, epoch: -1 });
    let mut flipped = good.to_vec();
    flipped[70] ^= 1;
    let stored = BatchHeader::parse(&good).expect("good").crc;
    check(&flipped, BatchError::Crc { stored, computed: batch_crc(&flipped) });
}

#[test]
fn no_single_bit_flip_passes() {
    let good = three().build();
    for bit in 0..good.len() * 8 {
        let (at, mask) = (bit / 8, 1 << (bit % 8));
        let mut flipped = good.to_vec();
        flipped[at] ^= mask;
        let patched = at < 8 || (12..16).contains(&at);
        assert_eq!(check_produced(&flipped).is_ok(), patched, "bit {bit}: only base offset and epoch are unprotected");
    }
}

/// Lengths and counts that lie, in plain batches at produce and in compressed ones when they are read.
#[test]
fn lying_records_are_named() {
    let good = three().build();
    let body = &good[HEADER_BYTES..];
    let first = 1 + usize::from(body[0] >> 1);
    let check = |what: &str, body: &[u8], index: i32, error: RecordError| {
        let plain = with_body(&good, body);
        assert_eq!(check_produced(&plain), Err(BatchError::Record { index, error }), "{what}");
        for codec in CODECS {
            let packed = codec.compress(body).expect("codecs compress");
            let batch = with_body(&with_field(&good, 21, &i16::from(codec.id()).to_be_bytes()), &packed);
            let read = read(&batch);
            // Reading a record does not judge its offset delta: compaction leaves gaps.
            let lenient = matches!(error, RecordError::OffsetDelta { .. });
            assert_eq!(read.is_err(), !lenient, "{what}, {codec:?}: {read:?}");
        }
    };
    let with = |at: usize, bytes: &[u8]| {
        let mut out = body.to_vec();
        out[at..at + bytes.len()].copy_from_slice(bytes);
        out
    };
    check("missing record", &body[..first], 1, RecordError::Missing);
    check("left over", &[body, &body[..first]].concat(), 3, RecordError::LeftOver(first));
    check("cut off", &body[..body.len() - 1], 2, RecordError::CutOff);
    check("negative length", &with(0, &[1]), 0, RecordError::BadLength);
    check("zero length", &with(0, &[0]), 0, RecordError::CutOff);
    check("length beyond the batch", &with(0, &[0x7e]), 0, RecordError::CutOff);
    check("key length -2", &with(4, &[3]), 0, RecordError::BadLength);
    check("key beyond the record", &with(4, &[0x7e]), 0, RecordError::CutOff);
    check("value beyond the record", &with(6, &[0x7e]), 0, RecordError::CutOff);
    check("header count beyond the record", &with(8, &[0x7e]), 0, RecordError::BadLength);
    check("header count -1", &with(8, &[1]), 0, RecordError::BadLength);
    check("offset delta", &with(3, &[2]), 0, RecordError::OffsetDelta { delta: 1, expected: 0 });
    let huge = [&[0xfe, 0xff, 0xff, 0xff, 0x0f][..], &body[1..]].concat();
    check("length of 2 GiB", &huge, 0, RecordError::CutOff);
}

#[test]
fn null_header_keys_are_refused() {
    let with_header = BatchBuilder::new()
        .record(NewRecord { headers: vec![(Bytes::new(), None)], ..new_record(0, None, None) })
        .build();
    let mut body = with_header[HEADER_BYTES..].to_vec();
    let at = body.len() - 2;
    assert_eq!(body[at..], [0, 1], "an empty key and a null value");
    body[at] = 1;
    let error = BatchError::Record { index: 0, error: RecordError::BadLength };
    assert_eq!(check_produced(&with_body(&with_header, &body)), Err(error));
}

/// What decompresses to more than the cap is an error, and costs no more than the cap.
#[test]
fn bombs_stop_at_the_cap() {
    let plain = vec![0u8; 8 * CAP];
    let good = three().build();
    for codec in &CODECS[1..] {
        let bomb = codec.compress(&plain).expect("codecs compress");
        assert!(codec.decompress(&bomb, CAP).is_err(), "{codec:?}");
        assert_eq!(codec.decompress(&bomb, plain.len()).expect("under the cap").len(), plain.len());
        let body = [&[0xfe, 0xff, 0xff, 0xff, 0x0f][..], &plain].concat();
        let packed = codec.compress(&body).expect("codecs compress");
        let batch = with_body(&with_field(&good, 21, &i16::from(codec.id()).to_be_bytes()), &packed);
        assert_eq!(read(&batch), Err(RecordError::OverCap), "{codec:?}");
    }
    let mut liar = snap::raw::Encoder::new().compress_vec(b"short").expect("snappy compresses");
    liar.splice(0..1, [0xff, 0xff, 0x3f]);
    assert!(Compression::Snappy.decompress(&liar, CAP).is_err(), "a claim of 1 MiB in a few bytes");
}

#[test]
fn damaged_compression_is_an_error() {
    let good = three();
    for codec in &CODECS[1..] {
        let batch = good.clone().compression(*codec).build();
        for end in HEADER_BYTES..batch.len() - 1 {
            let cut = with_body(&batch, &batch[HEADER_BYTES..end]);
            let read = read(&cut);
            // gzip and lz4 end in checksums, of which a reader that has its records may not need every byte.
            let tail = end + 16 >= batch.len();
            assert!(read.is_err() || tail, "{codec:?} cut at {end}: {read:?}");
        }
    }
}

#[test]
fn patching_leaves_the_checksum_alone() {
    let mut batch = three().build().to_vec();
    let before = BatchHeader::parse(&batch).expect("built");
    patch(&mut batch, Offset(1 << 40), LeaderEpoch(9));
    let after = check_produced(&batch).expect("still good");
    assert_eq!(after, BatchHeader { base_offset: Offset(1 << 40), leader_epoch: LeaderEpoch(9), ..before });
    assert_eq!(after.next_offset(), Offset((1 << 40) + 3));
}

#[test]
fn append_time_is_every_records_time() {
    for codec in CODECS {
        let mut batch = three().compression(codec).build().to_vec();
        restamp_append_time(&mut batch, Timestamp(77_000));
        let header = BatchHeader::parse(&batch).expect("built");
        assert_eq!(header.crc, batch_crc(&batch));
        assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::LogAppendTime, Timestamp(77_000)));
        let records = read(&batch).expect("records are untouched");
        assert!(records.iter().all(|record| record.timestamp == Timestamp(77_000)));
        assert_eq!(check_produced(&batch), Err(BatchError::AppendTime), "producers may not claim it");
    }
}

#[test]
fn batches_follow_one_another() {
    let (one, two) = (three().build(), three().compression(Compression::Lz4).build());
    let both = [&one[..], &two[..]].concat();
    let sizes: Vec<_> = Batches::new(&both).map(|batch| batch.expect("good").1.len()).collect();
    assert_eq!(sizes, [one.len(), two.len()]);
    let cut: Vec<_> = Batches::new(&both[..both.len() - 1]).collect();
    let error = BatchError::Truncated { size: two.len() as u64, bytes: two.len() - 1 };
    assert_eq!((cut.len(), cut[1].as_ref().err()), (2, Some(&error)));
}

fn any_record() -> impl Strategy<Value = NewRecord> {
    let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from));
    let header = (prop::collection::vec(any::<u8>(), 0..5).prop_map(Bytes::from), bytes());
    (0i64..1 << 50, bytes(), bytes(), prop::collection::vec(header, 0..4))
        .prop_map(|(timestamp, key, value, headers)| NewRecord { timestamp: Timestamp(timestamp), key, value, headers })
}

proptest! {
    #[test]
    fn any_records_round_trip(
        records in prop::collection::vec(any_record(), 1..30),
        codec in prop::sample::select(&CODECS[..]),
        base in 0i64..1 << 60,
    ) {
        let built = BatchBuilder { records: records.clone(), base_offset: Offset(base), ..BatchBuilder::new().compression(codec) };
        let batch = built.build();
        prop_assert!(check_produced(&batch).is_ok());
        let read = read(&batch).expect("built batches can be read");
        prop_assert_eq!(read.len(), records.len());
        for (index, (read, record)) in read.into_iter().zip(records).enumerate() {
            prop_assert_eq!(read.offset, Offset(base + index as i64));
            prop_assert_eq!((read.timestamp, read.key, read.value), (record.timestamp, record.key, record.value));
            let headers: Vec<_> = read.headers.into_iter().map(|header| (header.key, header.value)).collect();
            prop_assert_eq!(headers, record.headers);
        }
    }

    /// Whatever bytes stand for records, reading ends without panic and within the cap.
    #[test]
    fn any_bytes_end_in_an_answer(body in prop::collection::vec(any::<u8>(), 0..200), id in 0i16..8, count in -2i32..50) {
        let batch = with_body(&with_field(&three().build(), 21, &id.to_be_bytes()), &body);
        let batch = with_field(&with_field(&batch, 57, &count.to_be_bytes()), 23, &(count.wrapping_sub(1)).to_be_bytes());
        let checked = check_produced(&batch);
        let read = read(&batch);
        if checked.is_ok() && id == 0 {
            prop_assert_eq!(read.expect("checked records can be read").len(), count as usize);
        }
    }

    #[test]
    fn any_header_parses_or_not(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = check_produced(&bytes);
        prop_assert!(Batches::new(&bytes).count() <= 2);
    }
}
