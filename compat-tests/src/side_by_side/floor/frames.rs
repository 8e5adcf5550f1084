//! The frames of one connection, read into one reused buffer. Small frames that are there together come with one read; of
//! a large one nothing is read beyond its end, so that nothing large is moved.

use super::wire::{LENGTH_BYTES, malformed};
use std::io::{self, Read};
use std::ops::Range;

/// Largest frame that is believed, bytes.
pub(super) const FRAME_BYTES_MAX: usize = 128 << 20;
/// What is read at least, if it is there: several small frames, and little to move if a large one begins in it.
const READ_AHEAD_BYTES: usize = 16 << 10;

/// The buffer: what has been received and not been handed out lies in `start..end`.
#[derive(Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Frames {
    /// The next frame without its length, or `None` if the client has ended the connection. The buffer grows with what
    /// has arrived, not with what a length claims.
    pub(super) fn next(&mut self, mut stream: impl Read) -> io::Result<Option<&mut [u8]>> {
        if !self.fill(&mut stream, LENGTH_BYTES)? {
            return Ok(None);
        }
        let whole = self.whole_frame().filter(|whole| *whole <= FRAME_BYTES_MAX);
        let whole = whole.ok_or_else(|| malformed("a frame too large"))?;
        if !self.fill(&mut stream, whole)? {
            return Ok(None);
        }
        let frame: Range<usize> = self.start + LENGTH_BYTES..self.start + whole;
        self.start = frame.end;
        Ok(Some(&mut self.buffer[frame]))
    }

    /// Whether a further frame has arrived whole.
    pub(super) fn another_is_here(&self) -> bool {
        self.whole_frame().is_some_and(|whole| whole <= self.end - self.start)
    }

    /// The size of the next frame with its length, once that is here.
    fn whole_frame(&self) -> Option<usize> {
        let length = self.buffer[self.start..self.end].first_chunk()?;
        usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(LENGTH_BYTES)
    }

    /// Reads until `wanted` bytes are here, or says that the connection has ended.
    fn fill(&mut self, stream: &mut impl Read, wanted: usize) -> io::Result<bool> {
        while self.end - self.start < wanted {
            let room = self.make_room(wanted);
            match stream.read(&mut self.buffer[self.end..room]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Where to read to at most, which is beyond `end`.
    fn make_room(&mut self, wanted: usize) -> usize {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + wanted > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let room = wanted.min(2 * self.end).max(READ_AHEAD_BYTES).max(self.buffer.len());
            self.buffer.resize(room, 0);
        }
        (self.start + wanted).max(READ_AHEAD_BYTES).min(self.buffer.len())
    }
}
