//! The length in front of every frame.

/// Bytes of the length.
pub const LENGTH_BYTES: usize = 4;

/// The shortest frame there is: a header without client id and body.
pub const FRAME_BYTES_MIN: u32 = 10;

/// Longest frame before login (SA-2; Kafka's `sasl.server.max.receive.size`).
pub const FRAME_BEFORE_LOGIN_BYTES_MAX: u32 = 512 * 1024;

/// Somebody who speaks another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A TLS handshake on a listener without TLS.
    Tls,
    /// An HTTP request.
    Http,
}

/// Why a length can't be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than any request, or negative.
    #[error("frame of {0} bytes: shorter than any request")]
    TooShort(i32),
    /// Longer than allowed.
    #[error("frame of {claimed} bytes: longer than the limit of {limit}")]
    TooLong {
        /// What it claims.
        claimed: i32,
        /// What is allowed.
        limit: u32,
    },
    /// Not Kafka's protocol at all.
    #[error("{}", match .0 { Foreign::Tls => "a TLS handshake on a listener without TLS", Foreign::Http => "an HTTP request" })]
    Foreign(Foreign),
}

/// Reads the length of the frame that follows: bytes without the length itself. Kafka's limit after login is
/// `socket.request.max.bytes`.
pub fn length(prefix: [u8; LENGTH_BYTES], limit: u32) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    match u32::try_from(claimed) {
        Ok(length) if (FRAME_BYTES_MIN..=limit).contains(&length) => Ok(length as usize),
        Ok(length) if length > limit => match foreign(prefix) {
            Some(foreign) => Err(FrameError::Foreign(foreign)),
            None => Err(FrameError::TooLong { claimed, limit }),
        },
        Ok(_) | Err(_) => Err(FrameError::TooShort(claimed)),
    }
}

/// Who it is, going by the first four bytes. Only a guess for the log: asked when the length is out of bounds anyway.
fn foreign(prefix: [u8; LENGTH_BYTES]) -> Option<Foreign> {
    match &prefix {
        [0x16, 0x03, ..] => Some(Foreign::Tls),
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"OPTI" | b"DELE" | b"PATC" | b"CONN" | b"PRI " => Some(Foreign::Http),
        _ => None,
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
