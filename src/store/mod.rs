//! Floor 5: all logs of a broker. No tokio, no wire.
//!
//! - [`store`]: [`Store`]: opening, the registry of logs, ticks, shutdown. [`config`]: what it is told.
//! - [`data_dir`]: the lock, the stamp, the clean mark.
//! - [`load`]: partition directories. `core`: what the parts share.
//! - [`stored_log`]: [`StoredLog`]: one partition's append path, memory tail and durable offset. [`lookup`]: reads.
//! - [`room`]: bytes in the commit queue, reserved before offsets. `queue`: the queue. `ring`: the memory tail's chunks.
//! - `commit`: the one thread that writes, syncs and publishes. [`counters`]: what is counted.
//!
//! What must hold: offsets are assigned and queued under the partition's lock, so that queue, segments and tail hold each
//! partition's batches in one order. Room is taken before that: what can still fail afterwards is the device. Nothing is
//! published before its sync. The start of the tail never passes the end of what segments hold. After a failed write or
//! sync nothing is ever acknowledged again; a full disk refuses appends and nothing else.
//!
//! What a crash leaves: segments that may be torn or longer than what was acknowledged; the next opening cuts the torn
//! ends, keeps the rest, and syncs it before anybody sees it. Deleted partitions may come back as orphans until
//! [`Store::remove_orphans`].
//!
//! Lock order: registry, then one log's state, then queue or room. Listeners are called under none of them. The commit
//! thread is the only writer of segments; everybody may read.

#[allow(dead_code, unused_imports)] // until the store writes and reads it
mod checkpoint;
mod commit;
mod config;
mod core;
mod counters;
mod data_dir;
#[cfg(test)]
pub(crate) mod fixture;
mod load;
mod lookup;
mod queue;
mod ring;
mod room;
#[allow(clippy::module_inception)] // the store of the store: the one name that fits
mod store;
mod stored_log;

pub use config::{
    DISK_RESERVE_BYTES, Durability, OPEN_FILES, OPEN_THREADS, OnFailure, QUEUE_BYTES, StoreConfig, TAIL_BYTES,
};
pub use counters::{Counter, Counters, SYNC_BUCKETS_US};
pub use data_dir::{DataDir, DataDirError, FORMAT_VERSION, Stamp};
pub use lookup::{Lookup, Plan, PlannedRange, TailDamaged, TailSlice};
pub use room::{Closed, Reserve, Room};
pub use store::{OpenError, ShutdownError, Store, StoreHealth};
pub use stored_log::{AppendError, Appended, DurableListener, LogState, StoredLog};
