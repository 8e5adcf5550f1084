//! The topics that there are, as a group sees them, and the hash by which it knows that they changed.

use crate::base::{PartitionIndex, TopicId};
use crate::group::command::Name;
use crate::metadata::{Image, Topic};
use std::collections::BTreeSet;
use twox_hash::XxHash3_64;

/// What a topic's hash begins with: the version of how it is made.
const TOPIC_HASH_VERSION: u8 = 0;

/// The seed of all hashes.
const SEED: u64 = 0;

/// The ids of those topics that exist.
pub(super) fn ids<'a>(image: &Image, names: impl IntoIterator<Item = &'a Name>) -> BTreeSet<TopicId> {
    names.into_iter().filter_map(|name| Some(image.topic(name)?.id)).collect()
}

/// The number of partitions; 0 for a topic that does not exist.
pub(super) fn partitions(image: &Image, id: TopicId) -> i32 {
    image.topic_by_id(id).map_or(0, |topic| topic.partitions)
}

/// The hash of the topics that a group is subscribed to, as Kafka keeps it (KIP-1101): it changes when one of them appears,
/// grows, vanishes, or moves to another rack. 0 for none. `names` are in order.
pub(super) fn hash<'a>(image: &Image, names: impl IntoIterator<Item = &'a Name>) -> i64 {
    let mut bytes = Vec::new();
    for name in names {
        if let Some(topic) = image.topic(name) {
            bytes.extend(topic_hash(image, topic).to_le_bytes());
        }
    }
    if bytes.is_empty() { 0 } else { signed(XxHash3_64::oneshot_with_seed(SEED, &bytes)) }
}

fn topic_hash(image: &Image, topic: &Topic) -> i64 {
    let mut bytes = vec![TOPIC_HASH_VERSION];
    let (high, low) = topic.id.0.as_u64_pair();
    bytes.extend(high.to_le_bytes());
    bytes.extend(low.to_le_bytes());
    put_string(&mut bytes, &topic.name);
    bytes.extend(topic.partitions.to_le_bytes());
    for partition in 0..topic.partitions {
        bytes.extend(partition.to_le_bytes());
        let leader = image.leader(topic, PartitionIndex(partition)).and_then(|node| image.broker(node));
        if let Some(rack) = leader.and_then(|broker| broker.rack.as_deref()) {
            bytes.extend(units(rack).to_le_bytes());
            put_string(&mut bytes, rack);
        }
    }
    signed(XxHash3_64::oneshot_with_seed(SEED, &bytes))
}

/// Java's strings: their UTF-16 units, then how many.
fn put_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend(units(text).to_le_bytes());
}

fn units(text: &str) -> i32 {
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

fn signed(hash: u64) -> i64 {
    i64::from_le_bytes(hash.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::metadata::{Change, Configs};
    use uuid::Uuid;

    fn create(name: &str, partitions: i32) -> Change {
        let id = TopicId(Uuid::from_u64_pair(0x0102_0304_0506_0708, 0x090a_0b0c_0d0e_0f10));
        Change::CreateTopic { name: name.into(), id, partitions, configs: Configs::new() }
    }

    fn one(image: &Image, name: &str) -> i64 {
        topic_hash(image, image.topic(name).expect(name))
    }

    /// The numbers are those of Kafka 4.4's `Utils.computeTopicHash` and `computeGroupHash`.
    #[test]
    fn hashes_are_kafka_s() {
        let alpha = Image::of(&[create("alpha", 1)]);
        assert_eq!(one(&alpha, "alpha"), -5_440_023_719_352_778_724);
        assert_eq!(hash(&alpha, &[Name::from("alpha"), Name::from("none")]), 7_831_476_887_843_822_442);
        assert_eq!(one(&Image::of(&[create("alpha", 3)]), "alpha"), 151_713_765_585_895_281);
        let racks = Change::StartBroker { node: NodeId(1), rack: Some("rack-1".to_owned()) };
        assert_eq!(one(&Image::of(&[racks, create("beta.ö", 100)]), "beta.ö"), -5_859_100_536_077_932_389);
        assert_eq!(hash(&alpha, &[]), 0);
    }
}
