use super::*;
use crate::log::{epochs, metadata_file};

/// The bytes that Kafka's own tools read, spelled out.
#[test]
fn index_files_are_kafkas_format() {
    let mut partition = Partition::new(LogSettings { index_interval_bytes: 150, ..LogSettings::default() });
    for (count, time) in [(1, 5), (2, 1), (1, 9), (1, 9), (1, 3)] {
        partition.append(&batch(count, 30, NOW.0 + time), 0);
    }
    let positions: Vec<_> = partition.stored.iter().map(|(placement, _)| placement.position).collect();
    partition.close();
    let read = |suffix| {
        let path = dir().join(names::segment(Offset(0), suffix));
        partition.disk.read_whole(&path, 1 << 20).expect("it is there")
    };
    // More than 150 bytes lie before the third batch and, from there, before the fifth: entries of (last offset, position).
    let entry = |offset: u32, position: u32| [offset.to_be_bytes(), position.to_be_bytes()].concat();
    assert_eq!(read(names::INDEX), [entry(3, positions[2]), entry(5, positions[4])].concat());
    // The time index gets (largest time so far, last offset of its batch) whenever it has grown.
    let time = |time: i64, offset: u32| [&(NOW.0 + time).to_be_bytes()[..], &offset.to_be_bytes()].concat();
    assert_eq!(read(names::TIME_INDEX), time(9, 3));
    assert_eq!(read(names::LOG), partition.all_bytes());
}

#[test]
fn small_files_are_kafkas_format() {
    let mut partition = Partition::new(small());
    assert!(!partition.disk.exists(&dir()).expect("the disk answers"), "no file before the first batch");
    partition.append(&batch(1, 10, NOW.0), 3);
    partition.append(&batch(1, 10, NOW.0), 5);
    partition.close();
    let read = |name: &str| {
        String::from_utf8(partition.disk.read_whole(&dir().join(name), 1 << 20).expect("it is there")).expect("text")
    };
    assert_eq!(read(epochs::FILE_NAME), "0\n2\n3 0\n5 1\n");
    assert_eq!(read(names::PARTITION_METADATA), "version: 0\ntopic_id: ASNFZ4mrze8BI0VniavN7w\n");
    let expected = [
        "00000000000000000000.index",
        "00000000000000000000.log",
        "00000000000000000000.timeindex",
        "00000000000000000002.snapshot",
        "leader-epoch-checkpoint",
        "partition.metadata",
    ];
    let names: Vec<_> = files(&partition.disk).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected);
}

#[test]
fn epoch_files_are_checked() {
    let check = |text: &str, good: bool| assert_eq!(Epochs::decode(text.as_bytes()).is_some(), good, "{text:?}");
    check("0\n0\n", true);
    check("0\n2\n1 0\n4 10\n", true);
    for bad in [
        "",
        "0",
        "0\n",
        "1\n0\n",
        "0\n1\n",
        "0\n2\n1 0\n",
        "0\n1\n1 0\n2 5\n",
        "0\n1\n1\n",
        "0\n1\n1 20",
        "0\n1\nx 0\n",
        "0\n1\n-1 0\n",
    ] {
        check(bad, false);
    }
    check("0\n2\n4 0\n4 10\n", false);
    check("0\n2\n4 10\n5 10\n", false);
    assert_eq!(Epochs::decode(&[0xff, 0xfe]), None);
}

#[test]
fn topic_ids_round_trip() {
    for bits in [1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, 1 << 127, 3] {
        let topic = TopicId(Uuid::from_u128(bits));
        assert_eq!(metadata_file::decode(metadata_file::encode(topic).as_bytes()), Some(topic));
    }
    for bad in ["", "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n", "version: 0\ntopic_id: AAAA\n", "version: 0\n"] {
        assert_eq!(metadata_file::decode(bad.as_bytes()), None, "{bad:?}");
    }
    assert_eq!(metadata_file::decode_id("AAAAAAAAAAAAAAAAAAAAAB"), None, "bits that no id has");
    assert_eq!(metadata_file::decode_id("AAAAAAAAAAAAAAAAAAAAA+"), None, "another alphabet");
}

#[test]
fn only_kafkas_names_are_segments() {
    let check = |name: &str, base: Option<i64>| assert_eq!(names::parse(name, names::LOG), base.map(Offset), "{name}");
    check("00000000000000000042.log", Some(42));
    check("09223372036854775807.log", Some(i64::MAX));
    for other in ["42.log", "00000000000000000042.index", "0000000000000000004x.log", "+0000000000000000042.log"] {
        check(other, None);
    }
    check("99999999999999999999.log", None);
    check("00000000000000000042.log.100.cut", None);
    assert_eq!(names::segment(Offset(42), names::INDEX), "00000000000000000042.index");
}

/// What is whole has no finding; damage of every kind has one.
#[test]
fn inspection_finds_planted_damage() {
    let mut partition = Partition::new(small());
    for n in 0..40 {
        partition.append(&produced(1, 0, n * 3, 3), n / 10);
    }
    partition.close();
    let (found, text) = inspect_all(&partition.disk);
    assert_eq!((found.findings, found.batches, found.records, found.partitions), (0, 40, 120, 1), "{text}");
    assert_eq!(found.segments, partition.log.segments().len() as u64);
    assert!(
        text.contains("topic id ASNFZ4mrze8BI0VniavN7w") && text.contains("leader epoch 3 from offset 90"),
        "{text}"
    );

    let mut planted = 0;
    for (name, len) in files(&partition.disk) {
        for at in 0..len {
            let disk = partition.disk.kill();
            disk.corrupt(&dir().join(&name), at, 0x04).expect("there is such a byte");
            let (found, text) = inspect_all(&disk);
            // A batch's leader epoch has neither checksum nor neighbour, the last base offset no neighbour; in the text
            // files a digit may become another.
            let batch = partition.stored.iter().find(|(placement, _)| {
                let start = u64::from(placement.position);
                names::segment(placement.segment, names::LOG) == name
                    && (start..start + u64::from(placement.size)).contains(&at)
            });
            let unprotected = match batch {
                Some((placement, _)) => {
                    let at = at - u64::from(placement.position);
                    (12..16).contains(&at) || (at < 8 && placement.last.plus(1) == partition.tip.end())
                }
                None => name == epochs::FILE_NAME || name == names::PARTITION_METADATA,
            };
            assert!(found.findings > 0 || unprotected, "{name} byte {at}: {text}");
            planted += u64::from(found.findings > 0);
        }
    }
    assert!(planted > 5_000, "{planted}");
}

/// One segment can be looked at alone, and a torn tail is a finding.
#[test]
fn inspection_takes_a_single_segment() {
    let mut partition = Partition::new(LogSettings::default());
    for _ in 0..3 {
        partition.append(&batch(2, 20, NOW.0), 0);
    }
    partition.close();
    let path = dir().join(names::segment(Offset(0), names::LOG));
    let look = |disk: &FaultyDisk| inspect::inspect(disk, &path, &mut Vec::new()).expect("readable");
    let whole = look(&partition.disk);
    assert_eq!((whole.batches, whole.findings, whole.partitions), (3, 0, 0));
    let file = partition.disk.open(&path, crate::io::disk::Open::ReadWrite).expect("it is there");
    file.set_len(file.len().expect("a length") - 1).expect("it can be cut");
    let torn = look(&partition.disk);
    assert!(torn.batches == 2 && torn.findings >= 1, "{torn:?}");
    let nothing = Path::new("/data/nothing");
    assert!(inspect::inspect(&partition.disk, nothing, &mut Vec::new()).is_err());
}
