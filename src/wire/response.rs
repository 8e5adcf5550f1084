//! Answers written by the codec crate, under the header that the table asks for: whole, or piece by piece where they grow
//! with the cluster.

use super::writer::Writer;
use super::{Api, RequestHeader};
use crate::base::{Body, Part};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{self as kafka};
use kafka_protocol::protocol::Encodable;

/// Room for the header of an answer, bytes.
const HEADER_BYTES: usize = 5;

/// A listing is cut into pieces of about this size, bytes; one element is never cut.
const PIECE_BYTES: usize = 256 * 1024;

/// An answer that its version can't carry: a field was set that the version lacks. Always a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("{api} version {version} can't carry the answer: {reason}")]
pub struct EncodeError {
    /// Which API.
    pub api: Api,
    /// In which version.
    pub version: i16,
    /// What the codec says.
    pub reason: String,
}

impl EncodeError {
    fn new(header: &RequestHeader, reason: impl ToString) -> EncodeError {
        EncodeError { api: header.api, version: header.version, reason: reason.to_string() }
    }
}

/// The whole answer to a request, header included, without the frame's length.
pub fn encode<R: Encodable>(header: &RequestHeader, response: &R) -> Result<Bytes, EncodeError> {
    let failed = |reason| EncodeError::new(header, reason);
    let size = response.compute_size(header.version).map_err(failed)?;
    let mut out = BytesMut::with_capacity(HEADER_BYTES + size);
    header.put_response(&mut out);
    response.encode(&mut out, header.version).map_err(failed)?;
    Ok(out.freeze())
}

/// An answer that is one long array with little around it.
pub trait Listing: Encodable {
    /// What the array holds.
    type Element: Encodable;

    /// The array.
    fn elements(&self) -> &[Self::Element];

    /// Bytes between the array and the tagged section in this version.
    fn tail_bytes(version: i16) -> usize;
}

macro_rules! listing {
    ($($response:ident.$field:ident of $module:ident::$element:ident, $version:ident -> $tail:expr;)*) => {
        $(impl Listing for kafka::$response {
            type Element = kafka::$module::$element;

            fn elements(&self) -> &[Self::Element] {
                &self.$field
            }

            fn tail_bytes($version: i16) -> usize {
                $tail
            }
        })*
    };
}
listing! {
    ListOffsetsResponse.topics of list_offsets_response::ListOffsetsTopicResponse, _version -> 0;
    MetadataResponse.topics of metadata_response::MetadataResponseTopic, version -> match version {
        8..=10 => 4, // the cluster's authorized operations
        13.. => 2, // the error code
        ..=12 => 0,
    };
    CreateTopicsResponse.topics of create_topics_response::CreatableTopicResult, _version -> 0;
    DeleteTopicsResponse.responses of delete_topics_response::DeletableTopicResult, _version -> 0;
    OffsetForLeaderEpochResponse.topics of offset_for_leader_epoch_response::OffsetForLeaderTopicResult, _version -> 0;
    DescribeConfigsResponse.results of describe_configs_response::DescribeConfigsResult, _version -> 0;
    AlterConfigsResponse.responses of alter_configs_response::AlterConfigsResourceResponse, _version -> 0;
    CreatePartitionsResponse.results of create_partitions_response::CreatePartitionsTopicResult, _version -> 0;
    IncrementalAlterConfigsResponse.responses of incremental_alter_configs_response::AlterConfigsResourceResponse, _version -> 0;
}

/// The whole answer, header included, with its array made element by element: neither all the elements nor one buffer
/// with all their bytes exist at any time. `frame` is the answer with an empty array.
pub fn encode_listing<R: Listing>(
    header: &RequestHeader,
    frame: &R,
    elements: impl ExactSizeIterator<Item = R::Element>,
) -> Result<Body, EncodeError> {
    if !frame.elements().is_empty() {
        return Err(EncodeError::new(header, "the listing has elements of its own"));
    }
    let at = header.at();
    let mut empty = Writer::new(at, HEADER_BYTES);
    empty.count(0);
    let tail_bytes = R::tail_bytes(header.version) + usize::from(at.flexible);
    let mut head = encode(header, frame)?;
    let tail = head.split_off(head.len() - tail_bytes);
    let head = head.strip_suffix(&empty.out[..]);
    let head = head.ok_or_else(|| EncodeError::new(header, "its array is not where it is expected"))?;

    let mut body = Body::default();
    let mut piece = Writer::new(at, head.len() + HEADER_BYTES);
    piece.out.put_slice(head);
    piece.count(elements.len());
    for element in elements {
        if piece.out.len() >= PIECE_BYTES {
            body.parts.push(Part::Bytes(std::mem::take(&mut piece.out).freeze()));
        }
        element.encode(&mut piece.out, header.version).map_err(|reason| EncodeError::new(header, reason))?;
    }
    piece.out.put_slice(&tail);
    body.parts.push(Part::Bytes(piece.out.freeze()));
    Ok(body)
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
