//! The one parser of everything a client sends.
//!
//! Nothing is believed before its bytes were seen: lengths and counts are checked against the bytes left, the smallest
//! element of this version, the field's own cap and the request's cap on elements, all before anything is done with
//! them. Nothing is allocated: what is read are slices of the frame.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;

/// Most array elements in one request, nested ones counted. No client known sends a tenth of it; it bounds the work
/// that one request can ask for.
pub const ELEMENTS_PER_REQUEST_MAX: u32 = 250_000;

/// Most tagged fields in one tagged section. Kafka's own messages use at most four.
pub const TAGS_PER_SECTION_MAX: u32 = 64;

/// Longest string, bytes: what a 16-bit length can say. Kafka holds compact strings to it too.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// How messages are laid out: which version, and whether with compact lengths and tagged fields (KIP-482).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The version of the request.
    pub version: i16,
    /// Whether it is a flexible version.
    pub flexible: bool,
}

/// Why bytes are not the request they claim to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}, byte {position}: {problem}")]
pub struct DecodeError {
    /// The field, as `Struct.field`.
    pub field: &'static str,
    /// Where in the body (or header) the trouble was met, bytes from its start.
    pub position: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end before the value does.
    #[error("needs {needed} bytes, {left} are left")]
    Short {
        /// Bytes the value needs.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// The request ended, its bytes did not.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    /// A variable-length integer of more than 32 bits.
    #[error("over-long varint")]
    Varint,
    /// A length or count below -1.
    #[error("negative length {0}")]
    Negative(i32),
    /// Null where this version allows none.
    #[error("null is not allowed")]
    Null,
    /// A string longer than strings may be.
    #[error("string of {0} bytes")]
    StringTooLong(usize),
    /// Not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// More elements than the bytes left can hold.
    #[error("claims {claimed} elements, at most {fit} fit")]
    TooManyToFit {
        /// The count on the wire.
        claimed: u32,
        /// How many smallest elements the bytes left could hold.
        fit: usize,
    },
    /// More elements than the field or the request may have.
    #[error("claims {claimed} elements, at most {allowed} are allowed")]
    TooMany {
        /// The count on the wire.
        claimed: u32,
        /// The cap.
        allowed: u32,
    },
    /// More tagged fields than a section may have.
    #[error("claims {0} tagged fields")]
    TooManyTags(u32),
    /// Tags must ascend strictly.
    #[error("tag {0} is repeated or out of order")]
    TagOrder(u32),
    /// A tagged field that is shorter or longer than its value.
    #[error("tagged field {0} does not have the size it claims")]
    TagSize(u32),
    /// The version is not in the table.
    #[error("version {0} is not served")]
    Version(i16),
}

/// A result of reading.
pub type Read<T> = Result<T, DecodeError>;

/// A walk through the bytes of one message.
#[derive(Clone, Debug)]
pub struct Reader {
    frame: Bytes,
    position: usize,
    /// Where the message, or the tagged field being read, ends.
    end: usize,
    at: At,
    elements_left: u32,
    field: &'static str,
}

impl Reader {
    /// Starts at the first byte of a message.
    pub fn new(frame: Bytes, at: At) -> Reader {
        let end = frame.len();
        Reader { frame, position: 0, end, at, elements_left: ELEMENTS_PER_REQUEST_MAX, field: "message" }
    }

    /// The same with room for `elements` in its arrays, if that is fewer.
    pub(super) fn at_most(self, elements: u32) -> Reader {
        Reader { elements_left: self.elements_left.min(elements), ..self }
    }

    /// Starts on elements that were read once already: their count was charged then.
    pub(super) fn again(frame: Bytes, at: At) -> Reader {
        Reader { elements_left: u32::MAX, ..Reader::new(frame, at) }
    }

    /// The layout.
    pub fn at(&self) -> At {
        self.at
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.end - self.position
    }

    /// Bytes read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Names the field that is read next, for errors.
    pub fn enter(&mut self, field: &'static str) {
        self.field = field;
    }

    /// An error at this place.
    pub fn error(&self, problem: Problem) -> DecodeError {
        DecodeError { field: self.field, position: self.position, problem }
    }

    /// The end: nothing may follow.
    pub fn finish(self) -> Read<()> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.error(Problem::Trailing(left))),
        }
    }

    /// Everything that is left, as the body after a header.
    pub fn rest(self) -> Bytes {
        self.frame.slice(self.position..self.end)
    }

    /// The next `N` bytes.
    pub fn fixed<const N: usize>(&mut self) -> Read<[u8; N]> {
        let from = self.advance(N)?;
        Ok(self.frame[from..from + N].try_into().expect("N bytes were counted"))
    }

    /// The next `length` bytes, not copied.
    pub fn slice(&mut self, length: usize) -> Read<Bytes> {
        let from = self.advance(length)?;
        Ok(self.frame.slice(from..from + length))
    }

    /// The bytes between an earlier position and this one.
    pub(super) fn since(&self, from: usize) -> Bytes {
        self.frame.slice(from..self.position)
    }

    fn advance(&mut self, length: usize) -> Read<usize> {
        if length > self.left() {
            return Err(self.error(Problem::Short { needed: length, left: self.left() }));
        }
        let from = self.position;
        self.position += length;
        Ok(from)
    }

    /// An unsigned varint of at most 32 bits in at most five bytes. Zero padding within the five is let pass, as Kafka
    /// lets it.
    pub fn uvarint(&mut self) -> Read<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.fixed::<1>()?[0];
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(Problem::Varint))
    }

    /// A length or count with null: 32 bits with -1, or compact with 0.
    fn length(&mut self) -> Read<Option<u32>> {
        if self.at.flexible {
            return Ok(self.uvarint()?.checked_sub(1));
        }
        self.signed(|bytes: [u8; 4]| i32::from_be_bytes(bytes))
    }

    fn signed<const N: usize>(&mut self, number: fn([u8; N]) -> i32) -> Read<Option<u32>> {
        match number(self.fixed::<N>()?) {
            -1 => Ok(None),
            length => u32::try_from(length).map(Some).map_err(|_| self.error(Problem::Negative(length))),
        }
    }

    /// A string or null: 16-bit length with -1, or compact.
    pub fn string(&mut self) -> Read<Option<StrBytes>> {
        let length = match self.at.flexible {
            true => self.uvarint()?.checked_sub(1),
            false => self.signed(|bytes: [u8; 2]| i32::from(i16::from_be_bytes(bytes)))?,
        };
        self.text(length)
    }

    /// A string or null with a 16-bit length whatever the version: the client id of a request header.
    pub fn string16(&mut self) -> Read<Option<StrBytes>> {
        let length = self.signed(|bytes: [u8; 2]| i32::from(i16::from_be_bytes(bytes)))?;
        self.text(length)
    }

    fn text(&mut self, length: Option<u32>) -> Read<Option<StrBytes>> {
        let Some(length) = length.map(|length| length as usize) else { return Ok(None) };
        if length > STRING_BYTES_MAX {
            return Err(self.error(Problem::StringTooLong(length)));
        }
        let bytes = self.slice(length)?;
        StrBytes::from_utf8(bytes).map(Some).map_err(|_| self.error(Problem::Utf8))
    }

    /// Bytes or null: 32-bit length with -1, or compact.
    pub fn bytes(&mut self) -> Read<Option<Bytes>> {
        match self.length()? {
            None => Ok(None),
            Some(length) => self.slice(length as usize).map(Some),
        }
    }

    /// The count of an array whose smallest element takes `least` bytes, or null. Charged to the request.
    pub fn count(&mut self, least: usize, cap: u32) -> Read<Option<u32>> {
        let Some(claimed) = self.length()? else { return Ok(None) };
        let fit = self.left() / least.max(1);
        if claimed as usize > fit {
            return Err(self.error(Problem::TooManyToFit { claimed, fit }));
        }
        let allowed = cap.min(self.elements_left);
        if claimed > allowed {
            return Err(self.error(Problem::TooMany { claimed, allowed }));
        }
        self.elements_left -= claimed;
        Ok(Some(claimed))
    }

    /// A tagged section. `known` reads the value of a tag it knows and says so; others are skipped, not kept.
    pub fn tags(&mut self, mut known: impl FnMut(u32, &mut Reader) -> Read<bool>) -> Read<()> {
        let count = self.uvarint()?;
        if count > TAGS_PER_SECTION_MAX {
            return Err(self.error(Problem::TooManyTags(count)));
        }
        let mut last = None;
        for _ in 0..count {
            let tag = self.uvarint()?;
            if last.is_some_and(|last| tag <= last) {
                return Err(self.error(Problem::TagOrder(tag)));
            }
            last = Some(tag);
            let size = self.uvarint()? as usize;
            if size > self.left() {
                return Err(self.error(Problem::Short { needed: size, left: self.left() }));
            }
            let (outer, inner) = (self.end, self.position + size);
            self.end = inner;
            let read = known(tag, self);
            self.end = outer;
            if !read? {
                self.position = inner;
            } else if self.position != inner {
                return Err(self.error(Problem::TagSize(tag)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
