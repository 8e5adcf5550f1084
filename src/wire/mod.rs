//! Floor 2: Kafka's wire format.
//!
//! - [`api`]: THE table: which APIs are served, in which versions. Dispatch, ApiVersions, docs and tests follow it.
//! - [`frame`]: the length in front of every frame, and who else may be knocking.
//! - [`header`]: request and response headers.
//! - [`reader`]: the one parser of everything a client sends, with its bounds.
//! - [`field`]: what a value may be on the wire; [`mod@array`]: arrays that stay in their frame.
//! - [`requests`]: every request as a declaration; [`produce`] and [`fetch`]: the hot pair, with answers of their own.
//! - [`api_versions`]: the answer that every connection starts with; [`response`]: all other answers.
//! - [`error`]: Kafka's error codes; [`writer`]: the few things our own answers are written with.
//!
//! What must hold: nothing a client claims allocates. A decoded request is a few words that point into its frame:
//! strings, bytes and arrays are slices of it, checked once when the request is decoded and read again when they are
//! walked. So a request costs its frame and nothing more, whatever it claims; what walks an array and keeps the
//! elements pays for them itself, and the count of a request's elements is capped. Every error closes the connection.
//!
//! No state, no I/O, no clock: a crash leaves nothing. Handlers and the server call this; it knows only `base`.

pub mod api;
pub mod api_versions;
pub mod array;
pub mod error;
pub mod fetch;
pub mod field;
pub mod frame;
pub mod header;
pub mod produce;
pub mod reader;
pub mod requests;
pub mod response;
pub mod writer;

pub use api::{API_TABLE, Api};
pub use array::Array;
pub use error::ErrorCode;
pub use header::{HeaderError, RequestHeader};
pub use reader::{At, DecodeError, Problem, Reader};
pub use requests::Request;

/// A checked UTF-8 string that is a slice of its frame: cheap to clone and to put in an answer, but it keeps the whole
/// frame alive. What outlives the request is copied (`to_string`).
pub use kafka_protocol::protocol::StrBytes as Str;

#[cfg(test)]
mod memory_tests;
