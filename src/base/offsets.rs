//! Positions in a partition and in time.

use std::fmt;

macro_rules! position {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

position! {
    /// A record's number in its partition, from 0. An "end" offset is exclusive.
    Offset(i64)
}
position! {
    /// Which leadership wrote a batch; grows with each start or takeover. -1 means unknown.
    LeaderEpoch(i32)
}
position! {
    /// Milliseconds since the Unix epoch; -1 means none.
    Timestamp(i64)
}

impl Offset {
    /// The first offset of every partition.
    pub const ZERO: Offset = Offset(0);

    /// The offset `count` records later.
    pub fn plus(self, count: i64) -> Offset {
        Offset(self.0 + count)
    }
}

impl LeaderEpoch {
    /// "Not known", as older clients send it.
    pub const UNKNOWN: LeaderEpoch = LeaderEpoch(-1);
}

impl Timestamp {
    /// "No timestamp."
    pub const NONE: Timestamp = Timestamp(-1);
}
