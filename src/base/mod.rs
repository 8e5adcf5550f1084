//! Floor 0: the words every other module speaks.
//!
//! - [`ids`]: who: topics, partitions, brokers, producers.
//! - [`offsets`]: where and when: offsets, leader epochs, timestamps.
//! - [`watermarks`]: how far a partition has come, and what may be seen of it.
//! - [`clock`]: time as an argument.
//! - [`body`]: the bytes of an answer, in memory or still in a file.
//! - [`limits`]: bounds that are not settings.
//!
//! Nothing here does I/O, reads a clock on its own, or knows Kafka's wire format. Anybody may import it.

pub mod body;
pub mod clock;
pub mod ids;
pub mod limits;
pub mod offsets;
pub mod watermarks;

pub use body::{Body, FileRange, Part};
pub use clock::{Boot, Clock, ManualClock, SystemClock};
pub use ids::{NodeId, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TopicId, TopicPartition};
pub use offsets::{LeaderEpoch, Offset, Timestamp};
pub use watermarks::Watermarks;
