//! Request and response headers.
//!
//! ```text
//! request:  key 2 | version 2 | correlation id 4 | client id 2 + n (null -1) | tagged fields (version 2 of the header)
//! response: correlation id 4 | tagged fields (version 1 of the header)
//! ```

use super::reader::{At, DecodeError, Reader};
use super::{Api, Str};
use bytes::{BufMut, Bytes};

/// The header of a request that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API.
    pub api: Api,
    /// In which version; one that is served.
    pub version: i16,
    /// The client's number for the request; comes back in the answer.
    pub correlation_id: i32,
    /// What the client calls itself. A slice of the frame.
    pub client_id: Option<Str>,
}

/// Why a header leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a header. Close the connection.
    #[error("request header: {0}")]
    Malformed(#[from] DecodeError),
    /// An API that is not served. Close the connection (AV-6).
    #[error("API key {key} (version {version}) is not served")]
    UnknownApi {
        /// Its number.
        key: i16,
        /// The version asked for.
        version: i16,
    },
    /// A version that is not served. ApiVersions is answered with `ApiVersionsResponse::unsupported` (AV-2); for any
    /// other API close the connection (AV-6).
    #[error("{api} version {version} is not served")]
    UnsupportedVersion {
        /// Which API.
        api: Api,
        /// The version asked for.
        version: i16,
        /// The client's number for the request.
        correlation_id: i32,
    },
}

impl RequestHeader {
    /// What an answer needs of it: holds no slice of the frame, whose memory goes back before the answer is there.
    pub fn detached(self) -> RequestHeader {
        RequestHeader { client_id: None, ..self }
    }

    /// Splits a frame (without its length) into header and body.
    pub fn decode(frame: Bytes) -> Result<(RequestHeader, Bytes), HeaderError> {
        let mut reader = Reader::new(frame, At { version: 1, flexible: false });
        reader.enter("RequestHeader.request_api_key");
        let key = i16::from_be_bytes(reader.fixed()?);
        reader.enter("RequestHeader.request_api_version");
        let version = i16::from_be_bytes(reader.fixed()?);
        reader.enter("RequestHeader.correlation_id");
        let correlation_id = i32::from_be_bytes(reader.fixed()?);
        let Some(api) = Api::from_key(key) else { return Err(HeaderError::UnknownApi { key, version }) };
        if !api.serves(version) {
            return Err(HeaderError::UnsupportedVersion { api, version, correlation_id });
        }
        reader.enter("RequestHeader.client_id");
        let client_id = reader.string16()?;
        if api.request_header_version(version) >= 2 {
            reader.enter("RequestHeader tags");
            reader.tags(|_, _| Ok(false))?;
        }
        Ok((RequestHeader { api, version, correlation_id, client_id }, reader.rest()))
    }

    /// How the body is laid out.
    pub fn at(&self) -> At {
        self.api.at(self.version)
    }

    /// Writes the header of the answer.
    pub fn put_response(&self, out: &mut impl BufMut) {
        out.put_i32(self.correlation_id);
        if self.api.response_header_version(self.version) >= 1 {
            out.put_u8(0); // no tagged fields
        }
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
