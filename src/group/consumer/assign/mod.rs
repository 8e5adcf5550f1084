//! Who is to have which partition: the broker's own assignors (KIP-848).
//!
//! - `spec.rs`: what there is to assign, and to whom.
//! - `uniform.rs`: partitions spread evenly over members that all want the same topics; who has one keeps it as far as that
//!   goes. `mixed.rs`: the same where members want different topics.
//! - `range.rs`: of every topic each member gets a run of partitions that lie side by side; members keep their places.
//!
//! What holds: every partition of a topic that somebody wants is given to exactly one member that wants it. The same
//! members, topics and former targets give the same result.
//!
//! An assignment holds up all groups of its partition. So topics and members are numbers here, and what is done for each
//! pair of them is an addition or a comparison of such.

mod mixed;
mod range;
mod spec;
#[cfg(test)]
mod speed_tests;
#[cfg(test)]
mod tests;
mod uniform;

pub(super) use spec::Spec;

/// `uniform`: Kafka's default.
pub(super) const UNIFORM: &str = "uniform";
/// `range`.
pub(super) const RANGE: &str = "range";

/// The assignors that there are.
pub const ASSIGNORS: [&str; 2] = [UNIFORM, RANGE];
