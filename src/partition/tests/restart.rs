use super::*;
use crate::io::disk::faulty::Chance;
use crate::store::fixture::{batch, produced};
use crate::store::{DataDirError, Durability, OpenError};

const PARTITIONS: i32 = 5;

/// Writes a random history; returns what each partition then holds.
async fn write(setup: &Setup, chance: &mut Chance) -> Vec<Vec<u8>> {
    let mut sequences = [0; PARTITIONS as usize];
    for _ in 0..200 {
        let index = chance.below(PARTITIONS as u64) as i32;
        let partition = setup.partition(1, index);
        let value = vec![chance.below(256) as u8; 1 + chance.below(3000) as usize];
        let next = if chance.below(2) == 0 {
            batch(&[&value, b"and another"])
        } else {
            let sequence = &mut sequences[index as usize];
            *sequence += 1;
            produced(i64::from(index), *sequence - 1, &value)
        };
        setup.commit(&partition, &next).await;
    }
    let mut all = Vec::new();
    for index in 0..PARTITIONS {
        all.push(read_all(&setup.partition(1, index), Offset(0), 1 << 20).await);
    }
    all
}

/// What was acknowledged is there after every kind of end, byte by byte, and producers are remembered.
#[tokio::test]
async fn every_restart_finds_what_was_acknowledged() {
    for seed in 0..6 {
        for end in ["clean", "kill", "power"] {
            let mut chance = Chance::new(seed);
            let setup = Setup::new(seed);
            let before = write(&setup, &mut chance).await;
            let last = setup.append(&setup.partition(1, 0), &produced(77, 0, b"last")).await.expect("appended");
            let last = soon(last.durable()).await.expect("durable").base_offset;
            let disk = match end {
                "clean" => {
                    setup.store.shutdown().expect("clean");
                    assert!(setup.partitions.reserve(1).await.is_err(), "a stopped store takes nothing");
                    setup.bench.disk.crash(seed)
                }
                "kill" => setup.bench.disk.kill(),
                _ => setup.bench.disk.crash(seed),
            };
            let after = Setup::over(Bench::on(disk));
            assert_eq!(after.store.was_clean(), end == "clean", "seed {seed}");
            for (index, before) in before.iter().enumerate() {
                let now = read_all(&after.partition(1, index as i32), Offset(0), 1 << 20).await;
                assert!(now.starts_with(before), "seed {seed}, {end}: partition {index} lost something");
            }
            let again = after.append(&after.partition(1, 0), &produced(77, 0, b"last")).await.expect("recognised");
            assert!(again.is_duplicate(), "seed {seed}, {end}");
            assert_eq!(soon(again.durable()).await.expect("durable").base_offset, last);
            let next = after.commit(&after.partition(1, 0), &produced(77, 1, b"next")).await;
            assert_eq!(next.base_offset, Offset(last.0 + 1));
        }
    }
}

/// The power goes at any moment of a history: what was acknowledged until then is there.
#[tokio::test]
async fn power_may_go_at_any_moment() {
    for seed in 0..25 {
        let setup = Setup::new(seed);
        let mut chance = Chance::new(seed);
        setup.bench.disk.cut_power_after(20 + chance.below(400));
        let mut acknowledged = vec![Vec::new(); PARTITIONS as usize];
        for at in 0..200_u32 {
            let index = chance.below(PARTITIONS as u64) as usize;
            let value = format!("value {at} {}", "x".repeat(chance.below(4000) as usize));
            let next = batch(&[value.as_bytes()]);
            let Ok(mut room) = setup.partitions.reserve(next.len() as u64).await else { break };
            let header = check_produced(&next).expect("good");
            let partition = setup.partition(1, index as i32);
            let Ok(ticket) = partition.append(next, &header, &mut room) else { break };
            drop(room);
            match soon(ticket.durable()).await {
                Ok(result) => acknowledged[index].push((result.base_offset, value)),
                Err(error) => assert_eq!(error, AckError::Storage),
            }
        }
        let after = Setup::over(Bench::on(setup.bench.disk.crash(seed)));
        for (index, acknowledged) in acknowledged.iter().enumerate() {
            let partition = after.partition(1, index as i32);
            read_all(&partition, Offset(0), 1 << 20).await;
            for (offset, value) in acknowledged {
                let read = partition.read(*offset, 1, true, ReadUpto::HighWatermark).await;
                let bytes = content(&read.unwrap_or_else(|error| panic!("seed {seed}, {index}@{offset}: {error}")));
                assert!(bytes.windows(value.len()).any(|window| window == value.as_bytes()), "seed {seed}");
            }
        }
    }
}

/// What a start finds in the page cache is shown to readers, so it must not depend on the page cache any more.
#[tokio::test]
async fn what_was_recovered_is_durable_before_it_is_seen() {
    for seed in 0..10 {
        let mut bench = Bench::new(seed);
        bench.durability = Durability::Os;
        let setup = Setup::over(bench);
        write(&setup, &mut Chance::new(seed)).await;
        let mut disk = setup.bench.disk.kill();
        let mut seen = Vec::new();
        for start in ["after kill -9", "after a loss of power"] {
            let after = Setup::over(Bench::on(disk));
            assert!(!after.store.was_clean());
            for index in 0..PARTITIONS {
                let now = read_all(&after.partition(1, index), Offset(0), 1 << 20).await;
                match seen.get(index as usize) {
                    None => seen.push(now),
                    Some(before) => assert!(now == *before, "seed {seed}, {start}: partition {index} lost something"),
                }
            }
            disk = after.bench.disk.crash(seed);
        }
    }
}

/// The mark of a clean stop holds for one start.
#[tokio::test]
async fn a_crash_after_a_clean_start_is_not_taken_for_clean() {
    let setup = Setup::new(4);
    setup.commit(&setup.partition(1, 0), &batch(&[b"x"])).await;
    setup.store.shutdown().expect("clean");
    let mut disk = setup.bench.disk.crash(1);
    for clean in [true, false, false] {
        let after = Setup::over(Bench::on(disk));
        assert_eq!(after.store.was_clean(), clean);
        disk = after.bench.disk.crash(2);
    }
}

#[tokio::test]
async fn orphans_go_and_known_ones_stay() {
    let setup = Setup::new(1);
    for topic in 1..=4 {
        setup.commit(&setup.partition(topic, 0), &batch(&[b"x"])).await;
    }
    setup.store.shutdown().expect("clean");
    let even = |id: crate::base::TopicPartition| {
        let topic = id.topic.0.as_u128();
        topic.is_multiple_of(2).then(|| format!("topic{topic}"))
    };
    let after = Setup::over(Bench::on(setup.bench.disk.kill()).naming(even));
    assert_eq!((after.store.logs().len(), after.store.recovery().orphans), (2, 2));
    after.store.shutdown().expect("clean");
    let topics: Vec<_> = after.bench.disk_names().into_iter().filter(|name| name.starts_with("topic")).collect();
    assert_eq!(topics, ["topic2-0", "topic4-0"]);
}

#[tokio::test]
async fn a_directory_in_use_is_refused_and_freed_at_the_end() {
    let setup = Setup::new(2);
    assert!(matches!(setup.bench.try_open(), Err(OpenError::DataDir(DataDirError::Locked { .. }))));
    setup.store.shutdown().expect("clean");
    setup.store.shutdown().expect("the second time does nothing");
    let Setup { bench, store, partitions } = setup;
    drop((store, partitions));
    bench.open();
}

#[tokio::test]
async fn silent_producers_are_forgotten() {
    let setup = Setup::new(3);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &produced(5, 0, b"x")).await;
    setup.store.tick();
    for _ in 0..50 {
        setup.bench.clock.advance(Duration::from_secs(3600));
        setup.store.tick();
    }
    let again = setup.append(&partition, &produced(5, 0, b"x")).await.expect("a new producer");
    assert!(!again.is_duplicate());
    soon(again.durable()).await.expect("durable");
}

/// Nobody has asked for the partition since the start: it keeps what is altered to be kept all the same.
#[tokio::test]
async fn altered_settings_reach_partitions_that_nobody_has_asked_for() {
    let setup = Setup::new(7);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"x"])).await;
    let after = Setup::over(Bench::on(setup.bench.disk.kill()));
    let altered = crate::log::LogSettings { retention_ms: None, retention_bytes: Some(7), ..settings() };
    after.partitions.set_settings(TopicId(Uuid::from_u128(1)), 1, &Arc::new(altered.clone()));
    let logs = after.store.logs();
    assert_eq!(logs.len(), 1);
    assert_eq!(*logs[0].settings(), altered);
}
