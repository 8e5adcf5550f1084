//! Kafka's primitive fields, read from a record and written to one.
//!
//! The records of a partition come from its log, but what is in them came from clients: lengths and counts are checked
//! against the bytes left before anything is allocated.

use super::RecordError;
use crate::group::command::Name;
use bytes::Bytes;

/// Longest string, bytes. Kafka holds the strings of flexible versions to it too.
pub(in crate::group) const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// A walk through a key or a value.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    left: &'a [u8],
    /// Whether lengths are varints and tagged fields follow (KIP-482).
    flexible: bool,
}

impl<'a> Cursor<'a> {
    /// Starts at the first of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { left: bytes, flexible: false }
    }

    /// From here on fields are of a flexible version, or not.
    pub(super) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, left) = self.left.split_at_checked(length).ok_or(RecordError::Short)?;
        self.left = left;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, left) = self.left.split_first_chunk::<N>().ok_or(RecordError::Short)?;
        self.left = left;
        Ok(*taken)
    }

    pub(super) fn i8(&mut self) -> Result<i8, RecordError> {
        Ok(i8::from_be_bytes(self.fixed()?))
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    pub(super) fn u128(&mut self) -> Result<u128, RecordError> {
        Ok(u128::from_be_bytes(self.fixed()?))
    }

    /// An unsigned varint of 32 bits.
    fn varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(RecordError::Varint);
            }
            value |= bits << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    /// A length or count; none for null. `narrow` is how versions that are not flexible write it.
    fn length(&mut self, narrow: impl Fn(&mut Self) -> Result<i32, RecordError>) -> Result<Option<usize>, RecordError> {
        if self.flexible {
            return Ok(self.varint()?.checked_sub(1).map(|length| length as usize));
        }
        match narrow(self)? {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| RecordError::Negative(length)),
        }
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<Name>, RecordError> {
        let Some(length) = self.length(|cursor| Ok(i32::from(cursor.i16()?)))? else { return Ok(None) };
        if length > STRING_BYTES_MAX {
            return Err(RecordError::StringTooLong(length));
        }
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| RecordError::Utf8)?;
        Ok(Some(text.into()))
    }

    pub(super) fn string(&mut self) -> Result<Name, RecordError> {
        self.nullable_string()?.ok_or(RecordError::Null)
    }

    /// Bytes, not copied yet.
    pub(super) fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, RecordError> {
        match self.length(Self::i32)? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, RecordError> {
        self.nullable_bytes()?.map(Bytes::copy_from_slice).ok_or(RecordError::Null)
    }

    /// The number of an array's elements, each of which has at least `least` bytes.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, RecordError> {
        let claimed = self.length(Self::i32)?.ok_or(RecordError::Null)?;
        let fit = self.left.len() / least;
        if claimed > fit {
            return Err(RecordError::TooMany { claimed, fit });
        }
        Ok(claimed)
    }

    /// An array of numbers of 32 bits; none for null.
    pub(super) fn nullable_i32s(&mut self) -> Result<Option<Vec<i32>>, RecordError> {
        let Some(claimed) = self.length(Self::i32)? else { return Ok(None) };
        let fit = self.left.len() / size_of::<i32>();
        if claimed > fit {
            return Err(RecordError::TooMany { claimed, fit });
        }
        (0..claimed).map(|_| self.i32()).collect::<Result<_, _>>().map(Some)
    }

    /// The tagged fields that end a structure of a flexible version: `known` is given each, and passes over those of
    /// newer versions, as Kafka does.
    pub(super) fn tags(
        &mut self,
        mut known: impl FnMut(u32, Cursor<'a>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        if !self.flexible {
            return Ok(());
        }
        // Not bounded but by the bytes: each field takes two of them at least.
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            known(tag, Cursor { left: self.take(length)?, flexible: true })?;
        }
        Ok(())
    }
}

/// Fields, one after another: of a flexible version where a method says so.
#[derive(Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    /// Starts with a key's kind or a value's version.
    pub(super) fn new(first: i16) -> Fields {
        Fields(first.to_be_bytes().to_vec())
    }

    /// Starts with nothing.
    pub(super) fn bare() -> Fields {
        Fields(Vec::new())
    }

    pub(super) fn i8(&mut self, value: i8) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(super) fn string(&mut self, value: &str) -> &mut Self {
        let length = i16::try_from(value.len());
        let length = length.unwrap_or_else(|_| panic!("a string of {} bytes in a record", value.len()));
        self.0.extend(length.to_be_bytes());
        self.0.extend(value.as_bytes());
        self
    }

    pub(super) fn nullable_string(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.string(value),
            None => {
                self.0.extend((-1_i16).to_be_bytes());
                self
            }
        }
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.count(value.len());
        self.0.extend(value);
        self
    }

    pub(super) fn count(&mut self, count: usize) -> &mut Self {
        self.i32(i32::try_from(count).expect("frames are far smaller"))
    }

    /// A string of a flexible version.
    pub(super) fn compact_string(&mut self, value: &str) -> &mut Self {
        assert!(value.len() <= STRING_BYTES_MAX, "a string of {} bytes in a record", value.len());
        self.varint(value.len() + 1);
        self.0.extend(value.as_bytes());
        self
    }

    /// A string of a flexible version, or null.
    pub(super) fn compact_nullable_string(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.compact_string(value),
            None => self.varint(0),
        }
    }

    /// Bytes of a flexible version.
    pub(super) fn compact_bytes(&mut self, value: &[u8]) -> &mut Self {
        self.varint(value.len() + 1);
        self.0.extend(value);
        self
    }

    /// The number of an array's elements, of a flexible version.
    pub(super) fn compact_count(&mut self, count: usize) -> &mut Self {
        self.varint(count + 1)
    }

    /// An unsigned varint.
    pub(super) fn varint(&mut self, value: usize) -> &mut Self {
        let mut left = value;
        while left >= 0x80 {
            self.0.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.0.push(left as u8);
        self
    }

    /// Bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    pub(super) fn finish(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.0))
    }
}
