//! Who joins and leaves a flow, and when.

use std::time::Duration;

/// What happens to the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A member of this protocol joins: `classic` or `consumer`.
    Join(&'static str),
    /// The oldest member leaves in order.
    Leave,
}

/// A flow's course.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// How long records flow.
    pub(super) flow: Duration,
    /// Steps, in seconds after the flow begins.
    pub(super) steps: &'static [(u64, Step)],
    /// Longest time in which no member may do anything, where that is asked for.
    pub(super) stall_max: Option<Duration>,
}

/// ```text
///   time, s     0    4       9       14    17         the flow ends
///   members     1    3       5       4     3          all stop when everything is done
/// ```
pub(super) const CLASSIC: Schedule = Schedule {
    flow: Duration::from_secs(20),
    steps: &[
        (0, Step::Join("classic")),
        (4, Step::Join("classic")),
        (4, Step::Join("classic")),
        (9, Step::Join("classic")),
        (9, Step::Join("classic")),
        (14, Step::Leave),
        (17, Step::Leave),
    ],
    stall_max: None,
};

/// The same with the consumer protocol (KIP-848), whose members hear of each other with their heartbeats, every five
/// seconds.
pub(super) const CONSUMER: Schedule = Schedule {
    flow: Duration::from_secs(30),
    steps: &[
        (0, Step::Join("consumer")),
        (4, Step::Join("consumer")),
        (4, Step::Join("consumer")),
        (12, Step::Join("consumer")),
        (12, Step::Join("consumer")),
        (20, Step::Leave),
        (25, Step::Leave),
    ],
    stall_max: None,
};

/// A rolling upgrade of three members from the classic protocol to the consumer protocol, and back.
pub(super) const UPGRADE: Schedule = Schedule {
    flow: Duration::from_secs(54),
    steps: &[
        (0, Step::Join("classic")),
        (0, Step::Join("classic")),
        (0, Step::Join("classic")),
        (10, Step::Leave),
        (10, Step::Join("consumer")),
        (17, Step::Leave),
        (17, Step::Join("consumer")),
        (24, Step::Leave),
        (24, Step::Join("consumer")),
        (31, Step::Leave),
        (31, Step::Join("classic")),
        (38, Step::Leave),
        (38, Step::Join("classic")),
        (45, Step::Leave),
        (45, Step::Join("classic")),
    ],
    stall_max: None,
};

/// The same where members keep what they have while the group changes.
pub(super) const UPGRADE_COOPERATIVE: Schedule = Schedule { stall_max: Some(Duration::from_secs(3)), ..UPGRADE };
