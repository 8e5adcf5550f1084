//! Floor 5: all logs of a broker. No tokio, no wire.
//!
//! - [`store`]: [`Store`]: opening, the registry of logs, ticks, shutdown. [`config`]: what it is told.
//! - [`data_dir`]: the lock, the stamp, the clean mark.
//! - [`recovery`]: from what a run left to logs that may be served. [`load`]: partition directories. [`sync_ahead`].
//! - [`stored_log`]: [`StoredLog`]: one partition's append path, memory tail and durable offset. [`lookup`]: reads.
//! - [`room`]: bytes in the commit queue, reserved before offsets. `queue`: the queue. `ring`: the memory tail's chunks.
//! - `threads`: the three threads, and [`counters`]: what is counted. `core`: what they share. Their work:
//!   - `commit`: the one order; the write-ahead log; what is durable.
//!   - `writer`: segments, after `handover`.
//!   - `checkpointer`: recovery offsets, into `checkpoint`.
//! - `cleaner`: compaction, on threads of its own.
//! - `chores`: what happens every second. `proven_time`: by which ages are judged. `retention`: what is too old or too
//!   much. `trash`: files that go.
//! - [`inspect()`]: what checkpoint and write-ahead log hold, for people.
//!
//! What must hold: offsets are assigned and queued under the partition's lock, so that queue, log, segments and tail hold
//! each partition's batches in one order. Room is taken before that: what can still fail afterwards is the device. Nothing
//! is published before it is durable, as the mode has it. The start of the tail never passes the end of what segments
//! hold. A recovery offset passes only what is synced. After a failed write or sync nothing is ever acknowledged again; a
//! full disk refuses appends and nothing else. No file of a log goes before a durable record says that nobody needs it.
//!
//! What a crash leaves: segments that may be torn, or end before the write-ahead log does; `recovery` puts that right and
//! syncs it before anybody sees it. Files of deleted partitions go at the next start, which is told what topics there are.
//!
//! Lock order: registry, then one log's state, then queue or room. Listeners are called under none of them. The segment
//! writer is the only writer of segments; everybody may read.

mod alarm;
mod checkpoint;
mod checkpointer;
mod chores;
mod cleaner;
mod commit;
mod config;
mod core;
mod counters;
#[cfg(test)]
mod crash_point_tests;
mod data_dir;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod flip_tests;
#[cfg(test)]
mod full_disk_tests;
mod handover;
mod inspect;
#[cfg(test)]
mod interleaving_tests;
mod load;
mod lookup;
mod proven_time;
mod queue;
mod recovery;
mod retention;
mod ring;
mod room;
mod scrub;
#[cfg(test)]
mod simulation_tests;
#[allow(clippy::module_inception)] // the store of the store: the one name that fits
mod store;
mod stored_log;
mod sync_ahead;
mod threads;
#[cfg(test)]
mod torn_tests;
mod trash;
mod writer;

pub use checkpoint::{CheckpointError, CopyView, FrameView, Position, RecordView, inspect as inspect_checkpoint};
pub use cleaner::CleanerConfig;
pub use config::{
    CHECKPOINT_EVERY, DISK_RESERVE_BYTES, Durability, OPEN_FILES, OPEN_THREADS, OnFailure, QUEUE_BYTES, StoreConfig,
    TAIL_BYTES, WAL_BYTES,
};
pub use counters::{Counter, Counters, SYNC_BUCKETS_US};
pub use data_dir::{DataDir, DataDirError, FORMAT_VERSION, Stamp};
pub use inspect::{Inspected, inspect};
pub use lookup::{Lookup, Plan, PlannedRange, TailDamaged, TailSlice};
pub use recovery::Recovery;
pub use retention::Reason as RemovalReason;
pub use room::{Closed, Reserve, Room};
pub use store::{KnownTopic, OpenError, ShutdownError, Store, StoreHealth, Topics};
pub use stored_log::{AppendError, Appended, DurableListener, LogState, StoredLog};
