use super::*;
use crate::io::disk::faulty::Chance;
use crate::store::Durability;
use crate::store::fixture::batch;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

const PARTITIONS: i32 = 4;
const WRITERS: u64 = 6;
const BATCHES: u32 = 150;

/// What the model knows of a partition: values by offset, of those that were acknowledged or read.
#[derive(Default)]
struct Known(Mutex<BTreeMap<i64, Vec<u8>>>);

impl Known {
    fn note(&self, offset: i64, value: &[u8]) {
        if let Some(before) = self.0.lock().insert(offset, value.to_vec()) {
            assert_eq!(before, value, "two values at offset {offset}");
        }
    }
}

struct World {
    setup: Setup,
    known: Vec<Known>,
    writing: AtomicBool,
}

/// Writers and readers at once: offsets without gap, one value per offset for ever, high watermarks that only rise, every
/// acknowledged value readable at its offset.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_readers_agree() {
    for (seed, durability, tail_bytes) in
        [(1, Durability::Fsync, 128 << 10), (2, Durability::Os, 0), (3, Durability::Fsync, 64 << 20)]
    {
        let mut bench = Bench::new(seed);
        (bench.durability, bench.tail_bytes, bench.queue_bytes) = (durability, tail_bytes, 64 << 10);
        let known = (0..PARTITIONS).map(|_| Known::default()).collect();
        let world = Arc::new(World { setup: Setup::over(bench), known, writing: AtomicBool::new(true) });
        let readers: Vec<_> = (0..PARTITIONS)
            .flat_map(|index| [(index, 300), (index, 1 << 20)])
            .map(|(index, max_bytes)| tokio::spawn(read(world.clone(), index, max_bytes)))
            .collect();
        let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(world.clone(), seed, writer))).collect();
        for writer in writers {
            writer.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        world.writing.store(false, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        let total: usize = world.known.iter().map(|known| known.0.lock().len()).sum();
        assert_eq!(total, (WRITERS * u64::from(BATCHES) * 2) as usize, "seed {seed}: values");
        eventually(|| (world.setup.store.queue_bytes(), world.setup.store.reserved_bytes()) == (0, 0)).await;
    }
}

async fn write(world: Arc<World>, seed: u64, writer: u64) {
    let mut chance = Chance::new(seed * 100 + writer);
    let mut parked = Vec::new();
    for at in 0..BATCHES {
        let index = chance.below(PARTITIONS as u64) as i32;
        let value = format!("{writer}:{at}:{}", "x".repeat(chance.below(2000) as usize));
        let partition = world.setup.partition(1, index);
        let batch = batch(&[value.as_bytes(), value.as_bytes()]);
        let ticket = world.setup.append(&partition, &batch).await.expect("appended");
        parked.push(tokio::spawn({
            let world = world.clone();
            async move {
                let base = soon(ticket.durable()).await.expect("durable").base_offset;
                let durable = partition.watermarks().durable;
                assert!(durable >= base.plus(2), "{base} was acknowledged, {durable} is durable");
                world.known[index as usize].note(base.0, value.as_bytes());
                world.known[index as usize].note(base.0 + 1, value.as_bytes());
                let read = partition.read(base, 1, true, ReadUpto::HighWatermark).await.expect("readable");
                let bytes = content(&read);
                assert!(bytes.windows(value.len()).any(|window| window == value.as_bytes()), "{value} at {base}");
            }
        }));
    }
    for ticket in parked {
        ticket.await.expect("no panic");
    }
}

async fn read(world: Arc<World>, index: i32, max_bytes: u64) {
    let partition = world.setup.partition(1, index);
    let set = ReadySet::new();
    let _interest = partition.register(&set, Token(0));
    let (mut next, mut durable) = (Offset(0), Offset(0));
    loop {
        let writing = world.writing.load(Ordering::SeqCst);
        set.take();
        loop {
            let result = partition.read(next, max_bytes, true, ReadUpto::HighWatermark).await.expect("readable");
            assert!(result.watermarks.durable >= durable, "the high watermark went back");
            durable = result.watermarks.durable;
            let bytes = content(&result);
            if bytes.is_empty() {
                assert_eq!(next, durable, "nothing to read below the high watermark");
                break;
            }
            for stored in Batches::new(&bytes) {
                let (header, stored) = stored.expect("whole batches");
                check_stored(stored);
                assert_eq!(header.base_offset, next, "a gap");
                assert!(header.next_offset() <= durable, "{} is above {durable}", header.next_offset());
                for record in crate::record::Records::new(&header, stored, 1 << 20).expect("records") {
                    let record = record.expect("a record");
                    world.known[index as usize].note(record.offset.0, record.value.expect("a value").as_ref());
                }
                next = header.next_offset();
            }
        }
        if !writing {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_millis(50), set.wait()).await;
    }
}
