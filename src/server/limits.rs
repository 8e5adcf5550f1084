//! What the server bounds: settings with finite defaults, and constants with a name.

use crate::base::limits::FRAME_STEP_BYTES;
use crate::handlers::answer_memory::ANSWER_FREE_BYTES;
use std::time::Duration;

/// Smallest request: API key, version and correlation id. A frame that announces less closes the connection.
pub const FRAME_BYTES_MIN: usize = 8;

/// Memory that a frame may hold before it must win its place among the large ones, bytes.
pub const SMALL_FRAME_BYTES: usize = FRAME_STEP_BYTES;

/// A frame that has begun must, in each such span, either end or bring [`FRAME_PROGRESS_BYTES`].
pub const FRAME_PROGRESS_SPAN: Duration = Duration::from_secs(30);

/// The progress asked of a frame in one [`FRAME_PROGRESS_SPAN`], bytes (about 2 KiB/s).
pub const FRAME_PROGRESS_BYTES: usize = 64 * 1024;

/// As [`FRAME_PROGRESS_SPAN`], for a frame that others wait for: the one in the lane, and any that holds memory while
/// memory is short.
pub const FRAME_PROGRESS_SPAN_PRESSED: Duration = Duration::from_secs(2);

/// The progress asked of the frame in the lane in one [`FRAME_PROGRESS_SPAN_PRESSED`], bytes (0.5 MiB/s).
pub const LANE_PROGRESS_BYTES: usize = 1024 * 1024;

/// Requests of one connection that are started and not yet answered; at this number the connection is not read.
/// Librdkafka pipelines without a bound of its own, Java five.
pub const UNANSWERED_MAX: usize = 64;

/// Bytes of answers in memory that wait for one socket; at this number the connection is not read.
pub const OUTPUT_QUEUED_BYTES_MAX: u64 = ANSWER_FREE_BYTES;

/// A connection whose unsent answers are counted (see [`crate::handlers::answer_memory`]) must, in each such span, either get
/// rid of them or send [`ANSWER_PROGRESS_BYTES`].
pub const ANSWER_PROGRESS_SPAN: Duration = Duration::from_secs(30);

/// As [`ANSWER_PROGRESS_SPAN`], while the memory of answers is short; then also for answers that wait for earlier ones.
pub const ANSWER_PROGRESS_SPAN_SHORT: Duration = Duration::from_secs(2);

/// The progress asked of a connection with counted answers in one span, bytes.
pub const ANSWER_PROGRESS_BYTES: u64 = 64 * 1024;

/// Ring memory that waits longer than this for its socket is given back, and so are file pieces when the socket took
/// nothing for so long; they are read again from their files.
pub const SPILL_AFTER: Duration = Duration::from_millis(500);

/// Most slices in one vectored write.
pub const WRITE_SLICES_MAX: usize = 64;

/// How long a connection that is closed after an answer still takes (and forgets) what its peer sends, so that the
/// answer is not lost to a reset.
pub const LINGER: Duration = Duration::from_secs(1);

/// Most bytes taken and forgotten during [`LINGER`].
pub const LINGER_BYTES: usize = 1024 * 1024;

/// How long the accept loop rests after the system refused a descriptor.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Length of the accept queue asked of the system. Kafka asks for 50, which a burst of reconnecting clients overflows.
pub const ACCEPT_BACKLOG: u32 = 1024;

/// Default of [`Limits::drain`]: below Kubernetes' 30 s of grace, with room for the last sync.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(20);

/// The server's settings.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `max.connections`, all listeners together.
    pub connections: usize,
    /// `max.connections.per.ip`.
    pub connections_per_ip: usize,
    /// `connections.max.idle.ms`; `Duration::MAX` for no limit.
    pub idle: Duration,
    /// `socket.request.max.bytes`.
    pub frame_bytes: usize,
    /// `ottla.request.memory.bytes`: memory of all frames together; unsent answers may hold as much again.
    pub memory_bytes: usize,
    /// How long a stop waits for answers in flight.
    pub drain: Duration,
}

impl Limits {
    /// Defaults for a machine with `memory` bytes and `descriptors` that may be open.
    pub fn for_machine(memory: u64, descriptors: &super::Descriptors) -> Limits {
        Limits {
            connections: descriptors.connections,
            connections_per_ip: (descriptors.connections / 4 * 3).max(1),
            idle: Duration::from_secs(600),
            frame_bytes: 100 * 1024 * 1024,
            memory_bytes: default_memory_bytes(memory),
            drain: DRAIN_DEFAULT,
        }
    }
}

/// Default of `ottla.request.memory.bytes`: a quarter of the machine's memory, 512 MiB at most.
pub fn default_memory_bytes(memory: u64) -> usize {
    const CEILING: u64 = 512 * 1024 * 1024;
    (memory / 4).min(CEILING) as usize
}
