//! Floor 9: composition: what a broker stands on, opened in order and closed in order. No logic.
//!
//! Opening: lock the data directory, read the metadata, claim the directory for cluster and node, load the logs (what was
//! recovered is durable then, and what belongs to no topic is gone), raise the incarnation. Nobody is served before all of
//! it. Closing: the store commits what is queued, syncs, and marks the directory clean; the metadata log
//! ends with its last handle. A crash at any point leaves a directory that the next opening takes.
//!
//! Called by `serve` alone.

use crate::base::{NodeId, TopicPartition};
use crate::io::bucket::Bucket;
use crate::io::disk::Disk;
use crate::log::LogSettings;
use crate::metadata::{self, Change, CommitError, Image, MetadataConfig, MetadataLog, SNAPSHOT_EVERY, Topic};
use crate::partition::Partitions;
use crate::store::{self, DataDir, DataDirError, KnownTopic, ShutdownError, Store, StoreConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// What a broker is opened with.
pub struct BrokerConfig {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The data directory; made when missing.
    pub data_dir: PathBuf,
    /// The broker's id.
    pub node: NodeId,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// The cluster that it must belong to; any when none.
    pub cluster_id: Option<String>,
    /// The id of a cluster that is founded now, unless `cluster_id` says.
    pub new_cluster_id: String,
    /// The features of a cluster that is founded now, with their levels.
    pub new_features: Vec<(String, i16)>,
    /// Random numbers.
    pub nonces: metadata::Nonces,
    /// How the store runs.
    pub store: StoreConfig,
    /// What a topic's configuration means to its logs.
    pub log_settings: TopicLogSettings,
}

/// The settings of a topic's logs.
pub type TopicLogSettings = Box<dyn Fn(&Image, &Topic) -> Arc<LogSettings> + Send + Sync>;

/// Why a broker can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The directory of the metadata.
    #[error("{}: {error}", path.display())]
    Bucket {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The metadata.
    #[error(transparent)]
    Metadata(#[from] metadata::OpenError),
    /// The start could not be written down.
    #[error(transparent)]
    Start(#[from] CommitError),
    /// The logs.
    #[error(transparent)]
    Store(#[from] store::OpenError),
}

/// What a broker stands on.
pub struct Broker {
    /// Metadata.
    pub metadata: Arc<MetadataLog>,
    /// Logs.
    pub store: Arc<Store>,
    /// Partitions over the logs.
    pub partitions: Arc<Partitions>,
}

impl Broker {
    /// Opens everything, in order. Blocks on the disk.
    pub async fn open(config: BrokerConfig) -> Result<Broker, OpenError> {
        let BrokerConfig {
            disk,
            data_dir: path,
            node,
            rack,
            cluster_id,
            new_cluster_id,
            new_features,
            nonces,
            store,
            log_settings,
        } = config;
        let mut data_dir = DataDir::open(disk, &path)?;
        let bucket = Bucket::directory(&path).map_err(|error| OpenError::Bucket { path: path.clone(), error })?;
        let new_cluster_id = cluster_id.clone().unwrap_or(new_cluster_id);
        let metadata =
            MetadataConfig { bucket, node, new_cluster_id, new_features, nonces, snapshot_every: SNAPSHOT_EVERY };
        let metadata = Arc::new(MetadataLog::open(metadata).await?);
        let found = metadata.image().cluster_id().to_string();
        data_dir.claim(cluster_id.as_deref().unwrap_or(&found), node, Uuid::new_v4())?;
        check_cluster(&path, &found, cluster_id)?;
        let image = metadata.image();
        // This start has not raised the incarnation yet: these are the epochs of the last run.
        let known = |id: TopicPartition| {
            let topic = image.topic_by_id(id.topic).filter(|topic| topic.has(id.partition))?;
            let (epoch, settings) = (Some(image.leader_epoch(topic)), Some(log_settings(&image, topic)));
            Some(KnownTopic { name: (*topic.name).to_owned(), epoch, settings })
        };
        let store = Store::open(data_dir, store, &known)?;
        metadata.commit(vec![Change::StartBroker { node, rack }]).await?;
        let partitions = Partitions::new(store.clone());
        Ok(Broker { metadata, store, partitions })
    }

    /// Commits what is queued and leaves the directory clean. Blocks on the disk.
    pub fn close(&self) -> Result<(), ShutdownError> {
        self.store.shutdown()
    }
}

/// The metadata and the stamp must speak of one cluster.
fn check_cluster(path: &Path, found: &str, asked: Option<String>) -> Result<(), DataDirError> {
    match asked {
        Some(given) if given != found => {
            Err(DataDirError::OtherCluster { path: path.to_owned(), stamped: found.to_owned(), given })
        }
        Some(_) | None => Ok(()),
    }
}

/// A random id as Kafka writes cluster ids: 16 bytes in URL-safe base64 without padding, 22 characters.
pub fn random_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = Uuid::new_v4().as_u128();
    // 21 characters of 6 bits, and the 2 bits that are left at the top of the last one.
    let full = (0..21).map(|at| bits >> (122 - 6 * at));
    let last = std::iter::once(bits << 4);
    full.chain(last).map(|bits| char::from(ALPHABET[(bits & 63) as usize])).collect()
}

#[cfg(test)]
pub(crate) mod fixture_tests;

#[cfg(test)]
mod tests {
    use super::random_cluster_id;

    #[test]
    fn cluster_ids_are_22_characters_and_differ() {
        let (one, other) = (random_cluster_id(), random_cluster_id());
        assert_eq!((one.len(), other.len()), (22, 22));
        assert_ne!(one, other);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{one}");
    }
}
