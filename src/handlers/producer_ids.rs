//! Producer ids, taken from blocks that the metadata log hands out.

use crate::base::{NodeId, ProducerId};
use crate::metadata::{CommitError, MetadataLog, PRODUCER_IDS_PER_BLOCK};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Hands out producer ids, each once in the life of the cluster: a block that a crash leaves half used is not used again.
pub struct ProducerIds {
    metadata: Arc<MetadataLog>,
    node: NodeId,
    /// The next id, and the end of its block.
    block: Mutex<(i64, i64)>,
}

impl ProducerIds {
    /// Ids for broker `node`.
    pub fn new(metadata: Arc<MetadataLog>, node: NodeId) -> ProducerIds {
        ProducerIds { metadata, node, block: Mutex::new((0, 0)) }
    }

    /// A new id. Waits for the metadata log once per block.
    pub async fn next(&self) -> Result<ProducerId, CommitError> {
        let mut block = self.block.lock().await;
        if block.0 == block.1 {
            let ProducerId(first) = self.metadata.reserve_producer_ids(self.node).await?;
            *block = (first, first + PRODUCER_IDS_PER_BLOCK);
        }
        let id = block.0;
        block.0 += 1;
        Ok(ProducerId(id))
    }
}
