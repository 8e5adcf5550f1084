//! Which leader epoch began at which offset, and its file `leader-epoch-checkpoint`.
//!
//! ```text
//! 0                version
//! 2                number of entries
//! 3 0              epoch, start offset
//! 7 1042
//! ```

use crate::base::{LeaderEpoch, Offset};

/// File name within the partition's directory.
pub const FILE_NAME: &str = "leader-epoch-checkpoint";
const VERSION: &str = "0";

/// Epochs with their start offsets, both strictly growing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Epochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// Notes that `epoch` writes from `start` on. Epochs that wrote nothing give way; one that is not newer is ignored.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch.0 < 0 || self.latest() >= epoch {
            return;
        }
        self.truncate_from(start);
        self.entries.push((epoch, start));
    }

    /// The newest epoch, or [`LeaderEpoch::UNKNOWN`].
    pub fn latest(&self) -> LeaderEpoch {
        self.entries.last().map_or(LeaderEpoch::UNKNOWN, |(epoch, _)| *epoch)
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// The largest epoch not above `asked` with the offset at which it ended; (-1, -1) when `asked` is unknown. This is
    /// what OffsetForLeaderEpoch answers (KIP-101, KIP-320). `end` is the log's end.
    pub fn end_of(&self, asked: LeaderEpoch, end: Offset) -> (LeaderEpoch, Offset) {
        let unknown = (LeaderEpoch::UNKNOWN, Offset(-1));
        if asked.0 < 0 || asked > self.latest() {
            return unknown;
        }
        if asked == self.latest() {
            return (asked, end);
        }
        let above = self.entries.partition_point(|(epoch, _)| *epoch <= asked);
        let ended = self.entries.get(above).map_or(end, |(_, start)| *start);
        match above.checked_sub(1) {
            Some(at) => (self.entries[at].0, ended),
            // Before the first epoch known here: nothing of it is left, so it ended where the first begins.
            None => (asked, ended),
        }
    }

    /// The epoch of the record at `offset`.
    pub fn at(&self, offset: Offset) -> LeaderEpoch {
        match self.entries.partition_point(|(_, start)| *start <= offset) {
            0 => LeaderEpoch::UNKNOWN,
            after => self.entries[after - 1].0,
        }
    }

    /// Forgets what begins at or after `end`.
    pub fn truncate_from(&mut self, end: Offset) {
        self.entries.retain(|(_, start)| *start < end);
    }

    /// Forgets what ended before `start`; the epoch that `start` lies in begins there from now on.
    pub fn truncate_before(&mut self, start: Offset) {
        let begun = self.entries.partition_point(|(_, at)| *at <= start);
        if let Some(last) = begun.checked_sub(1) {
            self.entries.drain(..last);
            self.entries[0].1 = start;
        }
    }

    /// The file's content.
    pub fn encode(&self) -> String {
        let mut text = format!("{VERSION}\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            text.push_str(&format!("{epoch} {start}\n"));
        }
        text
    }

    /// Reads the file's content; `None` when it is damaged.
    pub fn decode(text: &[u8]) -> Option<Epochs> {
        // Without its last newline the last number may have lost digits.
        let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.lines();
        if lines.next()? != VERSION {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut epochs = Epochs::default();
        for line in lines {
            let (epoch, start) = line.split_once(' ')?;
            let (epoch, start) = (LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?));
            let grows = epochs.entries.last().is_none_or(|(before, at)| *before < epoch && *at < start);
            if epoch.0 < 0 || start.0 < 0 || !grows {
                return None;
            }
            epochs.entries.push((epoch, start));
        }
        (epochs.entries.len() == count).then_some(epochs)
    }
}
