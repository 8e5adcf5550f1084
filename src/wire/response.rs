//! Answers written by the codec crate, under the header that the table asks for.

use super::{Api, RequestHeader};
use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::Encodable;

/// Room for the header of an answer, bytes.
const HEADER_BYTES: usize = 5;

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

/// The whole answer to a request, header included, without the frame's length.
pub fn encode<R: Encodable>(header: &RequestHeader, response: &R) -> Result<Bytes, EncodeError> {
    let failed = |reason: String| EncodeError { api: header.api, version: header.version, reason };
    let size = response.compute_size(header.version).map_err(|error| failed(error.to_string()))?;
    let mut out = BytesMut::with_capacity(HEADER_BYTES + size);
    header.put_response(&mut out);
    response.encode(&mut out, header.version).map_err(|error| failed(error.to_string()))?;
    Ok(out.freeze())
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
