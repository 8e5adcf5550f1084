//! What is measured: names, words, units, and which way is better.

/// One measure.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its key in the results.
    pub name: &'static str,
    /// What it is, with its unit, as the head of a column.
    pub label: &'static str,
    /// Whether less is better.
    pub less_is_better: bool,
    /// Digits after the point.
    pub digits: usize,
}

const fn less(name: &'static str, label: &'static str, digits: usize) -> Measure {
    Measure { name, label, less_is_better: true, digits }
}

const fn more(name: &'static str, label: &'static str, digits: usize) -> Measure {
    Measure { name, label, less_is_better: false, digits }
}

/// All of them, in the order of columns.
pub const ALL: &[Measure] = &[
    // the machine less the clients, the kernel's write-back included: the figure that survives
    less("machine_cpu_s_per_gib", "CPU s/GiB, broker and kernel threads", 2),
    less("broker_cpu_s_per_gib", "CPU s/GiB, broker process", 2),
    more("mb_per_s", "MB/s", 1),
    more("records_per_s", "records/s", 0),
    less("read_machine_cpu_s_per_gib", "reading: CPU s/GiB, broker and kernel threads", 2),
    more("read_mb_per_s", "reading: MB/s", 1),
    less("peak_mib", "peak memory, MiB", 0),
    less("bound_mib", "bound of memory, MiB", 0),
    less("disk_bytes_per_byte", "bytes to disk per byte", 2),
    less("disk_read_per_byte", "bytes from disk per byte", 2),
    less("produce_p50_ms", "produce p50, ms", 2),
    less("produce_p99_ms", "produce p99, ms", 2),
    less("produce_p999_ms", "produce p99.9, ms", 2),
    less("produce_max_ms", "produce max, ms", 1),
    less("end_to_end_p50_ms", "end to end p50, ms", 2),
    less("end_to_end_p99_ms", "end to end p99, ms", 2),
    less("end_to_end_p999_ms", "end to end p99.9, ms", 2),
    less("end_to_end_max_ms", "end to end max, ms", 1),
    more("beside_mb_per_s", "load beside, MB/s", 1),
    more("segments_rolled", "segments rolled", 0),
    less("first_answer_ms", "first answer, ms", 1),
    less("acknowledged_ms", "a topic's partitions acknowledge, ms", 0),
    less("resident_mib", "resident memory, MiB", 1),
    less("distribution_mib", "distribution, MiB", 1),
    less("create_s", "creating, s", 1),
    less("machine_cpu_ms_per_s", "CPU ms per second, broker and kernel threads", 1),
    less("cpu_ms_per_s", "CPU ms per second, broker process", 1),
];

/// What stands in the results besides, for whoever wants to look closer, and is no column: payload bytes and seconds of the
/// measurement, seconds that the host took from this machine's cores meanwhile, how late the client was at worst, and the
/// medians of both halves of a latency's time: where the second is much longer, the rate wasn't kept.
pub const ONLY_RAW: &[&str] =
    &["bytes", "seconds", "stolen_s", "client_late_max_ms", "produce_p50_first_half_ms", "produce_p50_second_half_ms"];

/// The measure of this name.
pub fn of(name: &str) -> Option<&'static Measure> {
    ALL.iter().find(|measure| measure.name == name)
}
