//! Bounds that protect the broker and are not settings. Settings that bound live in `settings`.

/// One piece of file data in flight to a socket, bytes.
pub const STREAM_PIECE_BYTES: usize = 256 * 1024;

/// File data that one connection may hold at a time, bytes: the piece being sent and the one being read.
pub const STREAM_PIECES_BYTES: usize = 2 * STREAM_PIECE_BYTES;

/// A frame's memory grows by at most this much at a time, as its bytes arrive.
pub const FRAME_STEP_BYTES: usize = 64 * 1024;

/// Longest topic name, characters (Kafka's own limit: the partition directory must fit a file name).
pub const TOPIC_NAME_CHARS_MAX: usize = 249;

/// Most partitions that one request may create (Kafka's own limit for one CreateTopics or CreatePartitions operation).
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;

/// Batches remembered per producer and partition for de-duplication (Kafka's own number; idempotent clients keep at
/// most this many requests in flight).
pub const PRODUCER_BATCHES_KEPT: usize = 5;
