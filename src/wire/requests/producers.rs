//! InitProducerId.

use super::define::request;
use crate::base::{ProducerEpoch, ProducerId};
use crate::wire::Str;

request! {
    /// Asks for a producer id, or for a raised epoch of one (KIP-98, KIP-360).
    pub struct InitProducerIdRequest {
        /// Null for a producer that is idempotent only.
        transactional_id: Option<Str>;
        /// When an open transaction is aborted, milliseconds.
        transaction_timeout_ms: i32;
        /// The id that the producer holds; -1 for none.
        producer_id: ProducerId [in 3..] = ProducerId::NONE;
        /// The epoch that it holds; -1 for none.
        producer_epoch: ProducerEpoch [in 3..] = ProducerEpoch(-1);
    }
}
