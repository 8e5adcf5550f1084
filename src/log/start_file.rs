//! `log-start`: where a log begins, for starts that find no write-ahead log (`ottla.durability=os`). Text, put in place
//! whole and not synced: it is for what happened since the checkpoint, and what `os` covers is the end of the process.
//!
//! ```text
//! magic=ottla-log-start
//! version=1
//! start=1042
//! crc=1a2b3c4d        CRC-32C of everything before this line, hexadecimal
//! ```
//!
//! A log start only rises, so an old file does no harm; a damaged one is ignored.

use crate::base::Offset;
use crate::record::header::crc32c;

/// File name within the partition's directory.
pub const FILE_NAME: &str = "log-start";

/// The file's content.
pub fn encode(start: Offset) -> String {
    let text = format!("magic=ottla-log-start\nversion=1\nstart={}\n", start.0);
    format!("{text}crc={:08x}\n", crc32c(text.as_bytes()))
}

/// Reads the file's content; `None` when it is not whole.
pub fn decode(bytes: &[u8]) -> Option<Offset> {
    let text = std::str::from_utf8(bytes).ok()?;
    let start = text.strip_prefix("magic=ottla-log-start\nversion=1\nstart=")?.lines().next()?;
    let start = Offset(start.parse().ok().filter(|start| *start >= 0)?);
    (encode(start) == text).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_ignored() {
        let text = encode(Offset(1042));
        assert_eq!(decode(text.as_bytes()), Some(Offset(1042)));
        for cut in 0..text.len() {
            assert_eq!(decode(&text.as_bytes()[..cut]), None, "cut at {cut}");
            let mut flipped = text.clone().into_bytes();
            flipped[cut] ^= 1;
            assert_eq!(decode(&flipped), None, "byte {cut}");
        }
        assert_eq!(decode(encode(Offset(-1)).as_bytes()), None);
    }
}
