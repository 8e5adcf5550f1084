//! Leader epochs as clients ask for them (KIP-101, KIP-320).

use crate::base::{LeaderEpoch, Offset};
use crate::partition::Partition;

/// The end of the asked epoch, or of the largest one below it that wrote something. The running epoch counts from the
/// start of its leadership on, as with Kafka, even when it has written nothing yet; its end is the high watermark: a log
/// end could be taken back by a crash.
pub(super) fn end(partition: &Partition, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
    let durable = partition.watermarks().durable;
    if asked == partition.leader_epoch() {
        return Some((asked, durable));
    }
    partition.epoch_end(asked).map(|(epoch, end)| (epoch, end.min(durable)))
}

/// The epoch that wrote a record: the smallest whose end lies above it. For the offset after the last record it is the
/// running epoch.
pub(super) fn of_offset(partition: &Partition, offset: Offset) -> LeaderEpoch {
    let ends_above = |epoch: i32| end(partition, LeaderEpoch(epoch)).filter(|(_, end)| *end > offset);
    let current = partition.leader_epoch();
    let (mut low, mut high) = (0, current.0);
    while low < high {
        let middle = low + (high - low) / 2;
        match ends_above(middle) {
            Some(_) => high = middle,
            None => low = middle + 1,
        }
    }
    ends_above(low).map_or(current, |(epoch, _)| epoch)
}
