//! The bytes of an answer: parts in memory, parts still in a file.
//!
//! A fetch answer is planned (ranges, total length) and then streamed: the server reads file parts piece by piece, so that
//! a connection holds a bounded amount of file data whatever the answer's size.

use bytes::Bytes;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// A readable stretch of an immutable file region. Opaque to the server: it knows neither segments nor paths.
pub trait FileRange: Send + Sync {
    /// Fills `buf` from `position` (bytes from the file's start) and returns how much was read; short only at the file's end.
    /// May block on the disk.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;

    /// Like [`Self::read_at`] but never waits for the disk: `None` when the bytes are not in memory or the file system
    /// can't tell (preadv2 with RWF_NOWAIT), or the file would have to be opened.
    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>>;

    /// Whether so many bytes are in memory, as far as looks at some of their pages tell: none of the looks waits for the
    /// disk. False also where the file system can't tell, or the file can't send, or would have to be opened.
    fn is_cached(&self, position: u64, length: usize) -> bool {
        let _ = (position, length);
        false
    }

    /// Sends from the file to a socket without a copy in this process (sendfile), at most `length` bytes; how many the
    /// socket took. Waits for the disk where [`Self::is_cached`] was wrong.
    ///
    /// # Errors
    /// `WouldBlock` when the socket takes nothing now; `Unsupported` when the file can't send, or not before it is opened
    /// again, as [`Self::is_cached`] then says, too; `UnexpectedEof` when the file ends before `position`; the socket's or
    /// the file's failure, which this call can't tell apart.
    fn send_to(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        let _ = (socket, position, length);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether everything below `end` can be read. What is in memory may be on its way to the file still.
    fn holds(&self, end: u64) -> bool {
        let _ = end;
        true
    }
}

/// One part of an answer.
#[derive(Clone)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Shared tail memory (a slice of a ring chunk) that must not be held for long: a sender whose peer is slow drops
    /// the bytes and reads the same content from `file` instead.
    Tail {
        /// The content.
        bytes: Bytes,
        /// Where the same content lies on disk.
        file: Arc<dyn FileRange>,
        /// Byte position of the content in `file`.
        position: u64,
    },
    /// Bytes that are still in a file.
    File {
        /// The file.
        file: Arc<dyn FileRange>,
        /// First byte, from the file's start.
        position: u64,
        /// Number of bytes.
        length: u64,
    },
}

impl Part {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Part::Bytes(bytes) | Part::Tail { bytes, .. } => bytes.len() as u64,
            Part::File { length, .. } => *length,
        }
    }

    /// Whether the part holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same content without holding ring memory, as far as the file holds it already.
    pub fn spill(self) -> Part {
        match self {
            Part::Tail { bytes, file, position } if file.holds(position + bytes.len() as u64) => {
                Part::File { file, position, length: bytes.len() as u64 }
            }
            other => other,
        }
    }
}

/// A whole answer, without its length prefix: parts in order.
#[derive(Clone, Default)]
pub struct Body {
    /// The parts, sent in this order.
    pub parts: Vec<Part>,
}

impl Body {
    /// Total length in bytes.
    pub fn len(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body { parts: vec![Part::Bytes(bytes)] }
    }
}
