//! The protocol's primitive types in their old, non-flexible form, read from and written to plain bytes. A read beyond
//! the end, a negative count or a name that isn't UTF-8 is an error, and an error closes the connection.

use std::io;

/// An error for what a client should not have sent.
pub(super) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads a frame from its front. What it hands out is independent of it and may be written to.
pub(super) struct Reader<'a>(&'a mut [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Reader(bytes)
    }

    /// What was not read yet.
    pub(super) fn rest(self) -> &'a mut [u8] {
        self.0
    }

    pub(super) fn i16(&mut self) -> io::Result<i16> {
        self.fixed().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> io::Result<i32> {
        self.fixed().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> io::Result<i64> {
        self.fixed().map(i64::from_be_bytes)
    }

    pub(super) fn flag(&mut self) -> io::Result<bool> {
        self.fixed().map(|[flag]: [u8; 1]| flag != 0)
    }

    /// Passes over `count` bytes.
    pub(super) fn skip(&mut self, count: usize) -> io::Result<()> {
        self.take(count).map(drop)
    }

    /// The number of elements of an array, which may not be null.
    pub(super) fn count(&mut self) -> io::Result<usize> {
        usize::try_from(self.i32()?).map_err(|_| malformed("an array without elements"))
    }

    pub(super) fn string(&mut self) -> io::Result<&'a str> {
        let length = usize::try_from(self.i16()?).map_err(|_| malformed("a string that is null"))?;
        std::str::from_utf8(self.take(length)?).map_err(|_| malformed("a string that is not UTF-8"))
    }

    /// Passes over a string that may be null.
    pub(super) fn skip_string(&mut self) -> io::Result<()> {
        let length = self.i16()?.max(0);
        self.skip(length.unsigned_abs().into())
    }

    /// Bytes; those that are null are empty.
    pub(super) fn bytes(&mut self) -> io::Result<&'a mut [u8]> {
        let length = usize::try_from(self.i32()?.max(0)).map_err(|_| malformed("too many bytes"))?;
        self.take(length)
    }

    fn fixed<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.0
            .split_off_mut(..N)
            .and_then(|bytes| (&*bytes).try_into().ok())
            .ok_or_else(|| malformed("a frame too short"))
    }

    fn take(&mut self, count: usize) -> io::Result<&'a mut [u8]> {
        self.0.split_off_mut(..count).ok_or_else(|| malformed("a frame too short"))
    }
}

/// Where an answer is written to.
pub(super) trait Put {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()>;

    fn i16(&mut self, value: i16) -> io::Result<()> {
        self.put(&value.to_be_bytes())
    }

    fn i32(&mut self, value: i32) -> io::Result<()> {
        self.put(&value.to_be_bytes())
    }

    fn i64(&mut self, value: i64) -> io::Result<()> {
        self.put(&value.to_be_bytes())
    }

    /// A length or a number of elements.
    fn count(&mut self, count: usize) -> io::Result<()> {
        self.i32(i32::try_from(count).map_err(|_| malformed("an answer too large"))?)
    }

    fn string(&mut self, text: &str) -> io::Result<()> {
        self.i16(i16::try_from(text.len()).map_err(|_| malformed("a name too long"))?)?;
        self.put(text.as_bytes())
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Begins an answer in a reused buffer: room for the frame's length, and the correlation id.
pub(super) fn begin_answer(answer: &mut Vec<u8>, correlation: i32) {
    answer.clear();
    answer.extend_from_slice(&[0; LENGTH_BYTES]);
    answer.extend_from_slice(&correlation.to_be_bytes());
}

/// Writes the length in front of an answer that is complete.
pub(super) fn end_answer(answer: &mut [u8]) -> io::Result<()> {
    let length = i32::try_from(answer.len() - LENGTH_BYTES).map_err(|_| malformed("an answer too large"))?;
    answer[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Size of the length in front of a frame, which does not count itself.
pub(super) const LENGTH_BYTES: usize = 4;
