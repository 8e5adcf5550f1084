use super::*;
use crate::io::disk::Open;
use crate::log::Wanted;
use crate::log::survey::FlawKind;
use crate::log::{IndexTail, epochs, snapshot};

/// A partition of several segments with an idempotent producer, twelve batches.
fn twelve(settings: LogSettings) -> Partition {
    let mut partition = Partition::new(settings);
    for n in 0..12 {
        partition.append(&produced(1, 0, n * 2, 2), n / 5);
    }
    partition
}

fn active_path(partition: &Partition) -> PathBuf {
    dir().join(names::segment(partition.log.segments().last().expect("there is one").base(), names::LOG))
}

fn write(disk: &FaultyDisk, path: &Path, len: u64, tail: &[u8]) {
    let file = disk.open(path, Open::Create).expect("it can be opened");
    file.set_len(len).expect("it can be cut");
    if !tail.is_empty() {
        file.write_at(&[std::io::IoSlice::new(tail)], len).expect("it can be written");
    }
}

/// F5: the tail torn at every byte of the last three batches: it opens, ends with the last whole batch, and goes on.
#[test]
fn torn_tails_are_cut_at_every_byte() {
    let partition = twelve(LogSettings::default());
    let (path, all) = (active_path(&partition), partition.all_bytes());
    let start = partition.stored[9].0.position as usize;
    let disk = partition.disk.kill();
    for cut in start..all.len() {
        for garbage in [&b""[..], &[0; 300], &[0xff; 70]] {
            let disk = disk.kill();
            write(&disk, &path, cut as u64, garbage);
            let (log, tip, report) = Partition::open(&disk, &partition.settings, OpenHow::AfterCrash);
            // What follows may by chance be what was cut.
            let content = [&all[..cut], garbage].concat();
            let is_whole = |(p, bytes): &&(Placement, Bytes)| content[p.position as usize..].starts_with(bytes);
            let whole = partition.stored.iter().take_while(|stored| is_whole(stored)).count();
            let (last, _) = &partition.stored[whole - 1];
            assert_eq!(tip.end(), last.last.plus(1), "cut at {cut}");
            let good = (last.position + last.size) as usize;
            assert_eq!(report.cut.is_some(), content.len() > good, "cut at {cut}: {report:?}");
            assert!(report.cut.is_none_or(|cut| cut.kept.is_none() && cut.position == good as u64));
            let mut next = Partition { disk, settings: small(), log, tip, stored: partition.stored[..whole].to_vec() };
            next.append(&produced(1, 0, whole as i32 * 2, 2), 9);
            assert_eq!(read_all(&next.log, &next.tip), next.all_bytes(), "cut at {cut}");
        }
    }
}

/// F6: every bit of the active segment flipped: opening cuts before the batch, keeps the bytes, and says so.
#[test]
fn flipped_bits_in_the_active_segment_are_cut_and_kept() {
    let partition = twelve(LogSettings::default());
    let path = active_path(&partition);
    let disk = partition.disk.kill();
    for (index, (placement, bytes)) in partition.stored.iter().enumerate().step_by(3) {
        for at in 0..bytes.len() as u64 {
            let disk = disk.kill();
            disk.corrupt(&path, u64::from(placement.position) + at, 0x10).expect("there is such a byte");
            let (_, tip, report) = Partition::open(&disk, &partition.settings, OpenHow::AfterCrash);
            if (12..16).contains(&at) {
                continue; // the leader epoch lies outside the CRC
            }
            let cut = report.cut.unwrap_or_else(|| panic!("batch {index} byte {at} went unnoticed"));
            assert_eq!((cut.position, tip.end()), (u64::from(placement.position), placement.base));
            let (batches, name) = cut.kept.expect("whole batches follow");
            assert_eq!(batches as usize, 11 - index, "batch {index} byte {at}");
            let kept = disk.read_whole(&dir().join(name), 1 << 20).expect("kept");
            assert_eq!(kept.len() as u64, cut.bytes);
        }
    }
}

/// What is derived is made again: missing, empty, torn or from the future.
#[test]
fn derived_files_are_rebuilt() {
    let partition = twelve(small());
    let segments = partition.log.segments().len();
    assert!(segments > 1, "{segments}");
    partition.close();
    let reference = partition.disk.kill();
    let content = |disk: &FaultyDisk, name: &str| disk.read_whole(&dir().join(name), 1 << 20).ok();
    let derived = files(&reference).into_iter().filter(|(name, _)| !name.ends_with(names::LOG));
    let derived: Vec<_> = derived.map(|(name, len)| (content(&reference, &name), name, len)).collect();
    assert!(derived.len() >= 2 * segments + 3, "{derived:?}");
    for (before, name, len) in derived {
        for damage in ["missing", "empty", "torn", "longer"] {
            for how in [OpenHow::Clean, OpenHow::AfterCrash] {
                let disk = reference.kill();
                let path = dir().join(&name);
                match damage {
                    "missing" => disk.remove_file(&path).expect("it is there"),
                    "empty" => write(&disk, &path, 0, &[]),
                    "torn" => write(&disk, &path, len.saturating_sub(2), &[]),
                    _ => write(&disk, &path, len, &[0x7f; 5]),
                }
                let what = format!("{name} {damage} {how:?}");
                let (log, tip, report) = Partition::open(&disk, &partition.settings, how);
                assert!(report.cut.is_none() && report.damaged.is_empty(), "{what}: {report:?}");
                assert!(read_all(&log, &tip) == partition.all_bytes(), "{what}");
                assert_eq!(tip.producers, partition.tip.producers, "{what}");
                assert_eq!((tip.end, &tip.epochs), (partition.tip.end, &partition.tip.epochs), "{what}");
                log.close_clean(&tip).expect("the disk takes it");
                if !name.ends_with(snapshot::SUFFIX) {
                    assert_eq!(content(&disk, &name), before, "{what}");
                }
                let (found, text) = inspect_all(&disk);
                assert_eq!(found.findings, 0, "{what}: {text}");
            }
        }
    }
}

/// An index made again is the index that was lost, byte for byte.
#[test]
fn rebuilt_indexes_are_equal() {
    for interval in [0, 1, 150, 400, 5_000] {
        let mut partition = Partition::new(LogSettings { index_interval_bytes: interval, ..small() });
        for n in 0..40i64 {
            partition.append(&batch(1 + n as usize % 3, (n * 7 % 60) as usize, NOW.0 + n * 5 - n % 4 * 9), 0);
        }
        partition.close();
        let disk = partition.disk.kill();
        let content = |name: &str| disk.read_whole(&dir().join(name), 1 << 20).expect("it is there");
        let indexes = files(&disk).into_iter().filter(|(name, _)| name.ends_with("index"));
        let indexes: Vec<_> = indexes.map(|(name, _)| (content(&name), name)).collect();
        for (_, name) in &indexes {
            disk.remove_file(&dir().join(name)).expect("it is there");
        }
        let (log, tip, _) = Partition::open(&disk, &partition.settings, OpenHow::AfterCrash);
        log.close_clean(&tip).expect("the disk takes it");
        for (before, name) in &indexes {
            assert_eq!(content(name), *before, "{name} at interval {interval}");
        }
    }
}

/// A damaged sealed segment is named and left as it is; what stands elsewhere is served.
#[test]
fn damaged_sealed_segments_are_named_and_left_alone() {
    let partition = twelve(small());
    partition.close();
    let sealed = partition.log.segments()[0].base();
    let path = dir().join(names::segment(sealed, names::LOG));
    let in_sealed: Vec<_> = partition.stored.iter().filter(|(placement, _)| placement.segment == sealed).collect();
    let (victim, _) = in_sealed[in_sealed.len() - 1];
    let disk = partition.disk.kill();
    disk.corrupt(&path, u64::from(victim.position) + 16, 0x01).expect("there is such a byte");
    let before = disk.read_whole(&path, 1 << 20).expect("it is there");
    let (log, tip, report) = Partition::open(&disk, &partition.settings, OpenHow::AfterCrash);
    let [(file, flaw)] = &report.damaged[..] else { panic!("{report:?}") };
    assert_eq!((file, flaw.position), (&path.display().to_string(), u64::from(victim.position)));
    assert!(matches!(flaw.kind, FlawKind::Batch(crate::record::BatchError::Magic { magic: 3 })), "{flaw:?}");
    assert_eq!(disk.read_whole(&path, 1 << 20).expect("it is there"), before, "not touched");
    assert_eq!((tip.end, &tip.producers), (partition.tip.end, &partition.tip.producers));
    assert!(log.plan(Wanted::new(victim.base, tip.end, 1, true)).is_err());
    let elsewhere = partition.stored.iter().filter(|(placement, _)| placement.base != victim.base);
    for (placement, _) in elsewhere {
        let plans = log.plan(Wanted::new(placement.base, tip.end, 1, true)).expect("not harmed");
        assert_eq!(plans[0].1.first_base, placement.base);
    }
}

#[test]
fn directories_of_another_topic_are_refused() {
    let partition = twelve(small());
    partition.close();
    let other = TopicId(Uuid::from_u128(7));
    let disk = partition.disk.kill();
    let opened = Log::open(&env(&disk), log_dir(other), &partition.settings, OpenHow::Clean, NOW);
    match opened.err() {
        Some(OpenError::WrongTopic { found, expected, .. }) => assert_eq!((found, expected), (TOPIC, other)),
        error => panic!("{error:?}"),
    }
}

#[test]
fn what_is_not_there_is_an_empty_partition() {
    for exists in [false, true] {
        let disk = disk();
        if exists {
            disk.create_dir_all(&dir()).expect("an empty disk takes a directory");
        }
        let (log, tip, report) = Partition::open(&disk, &small(), OpenHow::AfterCrash);
        assert_eq!((tip.end(), log.segments().len(), report), (Offset(0), 0, OpenReport::default()));
        let mut partition = Partition { disk, settings: small(), log, tip, stored: Vec::new() };
        partition.append(&batch(1, 1, NOW.0), 0);
        assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
    }
}

/// Disk failures while opening are errors, not data loss: the next try finds everything.
#[test]
fn a_disk_that_fails_while_opening_loses_nothing() {
    use crate::io::disk::faulty::{Fault, Operation};
    let partition = twelve(small());
    let reference = partition.disk.kill();
    for operation in [Operation::Read, Operation::Open, Operation::Write, Operation::SetLen, Operation::Rename] {
        for after in 0..40 {
            let disk = reference.kill();
            disk.fail(operation, "orders", after, Fault::Io);
            let opened = Log::open(&env(&disk), log_dir(TOPIC), &partition.settings, OpenHow::AfterCrash, NOW);
            drop(opened);
            disk.heal();
            let (log, tip, _) = Partition::open(&disk, &partition.settings, OpenHow::AfterCrash);
            assert!(read_all(&log, &tip) == partition.all_bytes(), "{operation:?} after {after}");
            assert_eq!(tip.producers, partition.tip.producers, "{operation:?} after {after}");
        }
    }
}

/// Power lost at every single change of the disk: what was synced before is there, and the log is sound.
#[test]
fn power_loss_at_every_change_keeps_what_was_synced() {
    let run = |cut_after: Option<u64>| {
        let mut partition = Partition::new(small());
        if let Some(changes) = cut_after {
            partition.disk.cut_power_after(changes);
        }
        let mut synced = 0;
        for n in 0..14 {
            let placed = partition.place(&produced(1, 0, n * 2, 2), n / 5);
            if partition.log.write(&[placed]).is_err() {
                break;
            }
            if n % 3 == 2 {
                match partition.disk.sync_file_system(Path::new("/data")) {
                    Ok(()) => synced = partition.stored.len(),
                    Err(_) => break,
                }
            }
        }
        (partition, synced)
    };
    let (whole, _) = run(None);
    let changes = whole.disk.changes();
    assert!(changes > 40, "{changes}");
    for cut in 0..changes {
        for seed in 0..4 {
            let (partition, synced) = run(Some(cut));
            let disk = partition.disk.crash(seed);
            let (log, tip, report) = Partition::open(&disk, &partition.settings, OpenHow::AfterCrash);
            let kept = partition.stored.iter().take_while(|(placement, _)| placement.last < tip.end()).count();
            assert!(kept >= synced, "cut {cut} seed {seed}: {kept} of {synced}: {report:?}");
            assert!(report.damaged.is_empty(), "cut {cut} seed {seed}: {report:?}");
            let stored: Vec<u8> = partition.stored[..kept].iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
            assert!(read_all(&log, &tip) == stored, "cut {cut} seed {seed}");
            let producer = tip.producers().get(ProducerId(1)).map(|producer| producer.last().last_sequence.0);
            assert_eq!(producer, (kept > 0).then_some(kept as i32 * 2 - 1), "cut {cut} seed {seed}");
        }
    }
}

/// A clean end followed by appends and a crash: the clean end's snapshot and closing index entry do no harm.
#[test]
fn clean_ends_and_crashes_mix() {
    let mut partition = twelve(small());
    for round in 0..6 {
        partition.close();
        let disk = partition.disk.kill();
        assert_eq!(partition.reopen(disk, OpenHow::Clean), OpenReport::default());
        partition.append(&produced(1, 0, 24 + round * 2, 2), 4 + round);
        let (before, disk) = (partition.tip.clone(), partition.disk.kill());
        assert_eq!(partition.reopen(disk, OpenHow::AfterCrash), OpenReport::default());
        assert_eq!((&partition.tip.producers, &partition.tip.epochs), (&before.producers, &before.epochs));
        assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
    }
    partition.close();
    let (found, text) = inspect_all(&partition.disk);
    assert_eq!(found.findings, 0, "{text}");
    let epochs = partition.disk.read_whole(&dir().join(epochs::FILE_NAME), 1 << 20).expect("it is there");
    assert_eq!(epochs, b"0\n9\n0 0\n1 10\n2 20\n4 24\n5 26\n6 28\n7 30\n8 32\n9 34\n");
}

/// One damaged batch must not make the good ones behind it look wrong.
#[test]
fn batches_behind_damage_keep_their_epoch() {
    let mut partition = Partition::new(small());
    partition.append(&batch(1, 100, NOW.0), 1);
    partition.log.flush_indexes().expect("written");
    let at = partition.tip.clone();
    for number in 1..20 {
        partition.append(&batch(1, 100, NOW.0 + number), 2);
    }
    let path = dir().join(names::segment(Offset::ZERO, names::LOG));
    let disk = partition.disk.kill();
    disk.corrupt(&path, u64::from(partition.stored[1].0.position) + 7, 1).expect("there is such a byte");
    let how = OpenHow::From { tip: &at, tail: &IndexTail::default(), epoch: Some(LeaderEpoch(2)) };
    let (log, tip, report) = Partition::open(&disk, &small(), how);
    assert_eq!(report.damaged.len(), 1);
    assert!(log.plan(Wanted::new(Offset(1), tip.end(), 500, true)).is_err(), "the damaged one");
    log.plan(Wanted::new(Offset(4), tip.end(), 500, true)).map(drop).expect("one behind it in the same segment");
}
