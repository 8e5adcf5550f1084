//! Consumer groups: which partition of `__consumer_offsets` a group lives in, and the APIs about groups, one file each.
//!
//! - [`place`]: the topic of committed offsets, made when it is first needed, and the partition of a group.
//!
//! What holds: whoever asks about a group reaches the one machine that has it. An answer is told when what it rests on is
//! durable. Nothing is asked of a coordinator for longer than a client may be made to wait; a connection that ends gives up
//! its answer, not what it asked for.

mod place;

pub use place::Groups;
