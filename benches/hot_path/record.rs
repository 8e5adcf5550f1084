//! The check of a produced batch. Compressed batches are not opened, so theirs is the header and the checksum.

use crate::setup::batch;
use criterion::{Criterion, Throughput};
use ottla::record::{Compression, check_produced};
use std::hint::black_box;

/// Name, records, bytes of each.
const SHAPES: [(&str, usize, usize); 2] = [("64 x 1 KiB", 64, 1024), ("1000 x 100 B", 1000, 100)];

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    for (codec, compression) in [("plain", Compression::None), ("lz4", Compression::Lz4)] {
        for (shape, records, record_bytes) in SHAPES {
            let batch = batch(records, record_bytes, compression);
            group.throughput(Throughput::Bytes(batch.len() as u64));
            group.bench_function(format!("{codec}, {shape}"), |bencher| {
                bencher.iter(|| check_produced(black_box(&batch)).expect("a good batch"));
            });
        }
    }
    group.finish();
}
