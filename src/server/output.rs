//! Answers on their way out: parts in order, written as the socket takes them.
//!
//! What must hold:
//! - What a file has in memory goes from there to the socket without a copy here (sendfile), when it is long enough to be
//!   worth calls of its own. The rest is read in pieces of 256 KiB, one being sent while the next is read: at most 512 KiB
//!   of file data here.
//! - A file is read only when the socket takes bytes. What a slow socket keeps waiting is given back and read again later
//!   from the files: ring memory after a short time in any case, pieces when the socket takes nothing at all.
//! - A file that can't be read ends the connection: the length of the answer was sent already.

use super::limits::WRITE_SLICES_MAX;
use super::pieces::{Loading, Pieces};
use crate::base::limits::{STREAM_PIECE_BYTES, STREAM_PIECES_BYTES};
use crate::base::{Body, FileRange, Part};
use crate::handlers::call::{Close, CloseReason};
use bytes::{Buf, Bytes};
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::net::{SendAncillaryBuffer, SendFlags};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes written before other connections of the worker have their turn.
const TURN_BYTES: usize = 2 * 1024 * 1024;

/// Shorter parts of files are copied, many in one call, rather than sent each with calls of its own.
const DIRECT_BYTES_MIN: usize = 64 * 1024;

/// What is still to be sent on one connection. `M` marks the end of an answer and comes back once it is sent.
pub struct Output<M> {
    chunks: VecDeque<Chunk<M>>,
    loading: Option<Loading>,
    loading_bytes: usize,
    owned_bytes: u64,
    held_bytes: u64,
    ring_bytes: u64,
    piece_bytes: usize,
    sent_bytes: u64,
}

/// What to give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spill {
    /// Slices of the ring.
    Ring,
    /// Slices of the ring and pieces.
    All,
}

/// What the socket was given.
enum Sent {
    /// Nothing is there to give.
    Nothing,
    /// So many bytes of the memory at the head.
    Memory(usize),
    /// So many bytes of the file part at the head.
    File(usize),
}

enum Chunk<M> {
    /// Memory of this answer alone: what is left of `whole` bytes, which are let go together.
    Owned { bytes: Bytes, whole: u64 },
    /// Memory with a copy in a file: a slice of the ring, or a piece of the file itself.
    Backed { bytes: Bytes, file: Arc<dyn FileRange>, position: u64, piece: bool },
    /// Still in a file; the system has it in memory up to `cached_end`, as far as was looked.
    File { file: Arc<dyn FileRange>, position: u64, length: u64, cached_end: u64 },
    /// An answer ends here.
    End(M),
}

impl<M> Default for Output<M> {
    fn default() -> Self {
        Output {
            chunks: VecDeque::new(),
            loading: None,
            loading_bytes: 0,
            owned_bytes: 0,
            held_bytes: 0,
            ring_bytes: 0,
            piece_bytes: 0,
            sent_bytes: 0,
        }
    }
}

impl<M> Output<M> {
    /// Adds an answer, length prefix first.
    pub fn push(&mut self, body: Body, mark: M) {
        let length = i32::try_from(body.len()).expect("an answer is below 2 GiB: fetches are bounded far lower");
        self.push_owned(Bytes::copy_from_slice(&length.to_be_bytes()));
        for part in body.parts {
            match part {
                Part::Bytes(bytes) => self.push_owned(bytes),
                Part::Tail { bytes, file, position } if !bytes.is_empty() => {
                    self.ring_bytes += bytes.len() as u64;
                    self.chunks.push_back(Chunk::Backed { bytes, file, position, piece: false });
                }
                Part::File { file, position, length } if length > 0 => {
                    self.chunks.push_back(Chunk::File { file, position, length, cached_end: 0 });
                }
                Part::Tail { .. } | Part::File { .. } => {}
            }
        }
        self.chunks.push_back(Chunk::End(mark));
    }

    fn push_owned(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            let whole = bytes.len() as u64;
            self.owned_bytes += whole;
            self.held_bytes += whole;
            self.chunks.push_back(Chunk::Owned { bytes, whole });
        }
    }

    /// Whether everything is sent.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes that wait in memory and can't be given back.
    pub fn owned_bytes(&self) -> u64 {
        self.owned_bytes
    }

    /// As [`Self::owned_bytes`], with what was sent of parts that are not sent whole: their memory is still held.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Bytes sent so far; that it grows is the socket's progress.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Bytes of the ring that are held.
    pub fn ring_bytes(&self) -> u64 {
        self.ring_bytes
    }

    /// Gives back `what`; what it held is read from the files when the socket takes it.
    pub fn spill(&mut self, what: Spill) {
        // A piece that is being read belongs to the first file part, and that may be another one now.
        self.loading = None;
        self.loading_bytes = 0;
        self.ring_bytes = 0;
        for chunk in &mut self.chunks {
            if let Chunk::File { cached_end, .. } = chunk {
                // The socket was slow: the pages may have gone meanwhile.
                *cached_end = 0;
            }
            if let Chunk::Backed { bytes, file, position, piece } = chunk
                && (what == Spill::All || !*piece)
            {
                if !file.holds(*position + bytes.len() as u64) {
                    // On its way to the file: given back when it is asked for the next time.
                    self.ring_bytes += bytes.len() as u64;
                    continue;
                }
                self.piece_bytes -= if *piece { bytes.len() } else { 0 };
                let (file, position, length) = (Arc::clone(file), *position, bytes.len() as u64);
                *chunk = Chunk::File { file, position, length, cached_end: 0 };
            }
        }
        self.chunks.shrink_to_fit();
    }

    /// Sends what the socket takes. Ready when all is sent; `sent` gets the marks of the answers that went out whole.
    ///
    /// # Errors
    /// The connection must be closed, and why.
    pub fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &TcpStream,
        pieces: &Arc<Pieces>,
        sent: &mut impl FnMut(M),
    ) -> Poll<Result<(), Close>> {
        let mut turn = 0;
        loop {
            self.poll_loading(cx)?;
            self.pop_ends(sent);
            if self.chunks.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(stream.poll_write_ready(cx)).map_err(socket_failed)?;
            self.load_ahead(cx, pieces)?;
            match self.send_head(stream)? {
                Sent::Nothing => return Poll::Pending, // the piece at the head is being read, and wakes us
                Sent::Memory(written) => {
                    self.advance(written, sent);
                    turn += written;
                }
                Sent::File(written) => {
                    self.advance_file(written, sent);
                    turn += written;
                }
            }
            if turn >= TURN_BYTES && !self.chunks.is_empty() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Gives the socket what is at the head, once.
    fn send_head(&mut self, stream: &TcpStream) -> Result<Sent, Close> {
        if self.loading.is_none()
            && let Some(Chunk::File { file, position, cached_end, .. }) = self.chunks.front_mut()
            && *position < *cached_end
        {
            let length = usize::try_from(*cached_end - *position).expect("a piece at most");
            let sent = stream.try_io(Interest::WRITABLE, || file.send_to(stream.as_fd(), *position, length));
            return match sent {
                Ok(written) => Ok(Sent::File(written)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    Ok(Sent::File(0))
                }
                // First: a socket's EOPNOTSUPP is of the kind that the file has for its own refusal.
                Err(error) if is_of_socket(&error) => Err(socket_failed(error)),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    *cached_end = 0; // the file says now that nothing is cached
                    Ok(Sent::File(0))
                }
                Err(error) => Err(storage_failed(error)),
            };
        }
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
        let (count, more) = self.gather(&mut slices);
        if count == 0 {
            return Ok(Sent::Nothing);
        }
        let written = if more {
            // The heading of a file part travels with its first bytes.
            stream.try_io(Interest::WRITABLE, || send_more(stream, &slices[..count]))
        } else {
            stream.try_write_vectored(&slices[..count])
        };
        match written {
            Ok(written) => Ok(Sent::Memory(written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Sent::Memory(0)),
            Err(error) => Err(socket_failed(error)),
        }
    }

    /// Puts a piece that has been read in its place: it belongs to the first file part.
    fn poll_loading(&mut self, cx: &mut Context<'_>) -> Result<(), Close> {
        let Some(loading) = self.loading.as_mut() else { return Ok(()) };
        let Poll::Ready(read) = loading.as_mut().poll(cx) else { return Ok(()) };
        self.loading = None;
        self.loading_bytes = 0;
        let bytes = read.map_err(storage_failed)?;
        let at = self.first_file().expect("the part that is read is still there");
        self.loaded(at, bytes);
        Ok(())
    }

    fn first_file(&self) -> Option<usize> {
        self.chunks.iter().position(|chunk| matches!(chunk, Chunk::File { .. }))
    }

    /// Starts reading file parts while there is room for pieces.
    fn load_ahead(&mut self, cx: &mut Context<'_>, pieces: &Arc<Pieces>) -> Result<(), Close> {
        while self.loading.is_none() {
            debug_assert!(self.piece_bytes + self.loading_bytes <= STREAM_PIECES_BYTES + STREAM_PIECE_BYTES);
            let Some(at) = self.first_file() else { return Ok(()) };
            let Chunk::File { file, position, length, cached_end } = &mut self.chunks[at] else { return Ok(()) };
            let want = usize::try_from(*length).unwrap_or(usize::MAX).min(STREAM_PIECE_BYTES);
            if *position < *cached_end {
                return Ok(());
            }
            if want >= DIRECT_BYTES_MIN && file.is_cached(*position, want) {
                *cached_end = *position + want as u64;
                return Ok(());
            }
            // What is at the head must go first, whatever is in memory behind it: a ring slice that was given back lies in
            // front of pieces that were not.
            if at > 0 && self.piece_bytes + want > STREAM_PIECES_BYTES {
                return Ok(());
            }
            match pieces.cached(file, *position, want).map_err(storage_failed)? {
                Some(bytes) => self.loaded(at, bytes),
                None => {
                    self.loading = Some(pieces.load(Arc::clone(file), *position, want));
                    self.loading_bytes = want;
                    self.poll_loading(cx)?;
                }
            }
        }
        Ok(())
    }

    /// The first bytes of the file part at `at` have been read.
    fn loaded(&mut self, at: usize, bytes: Bytes) {
        let Chunk::File { file, position, length, .. } = &mut self.chunks[at] else {
            unreachable!("a piece belongs to a file part");
        };
        let backed = Chunk::Backed { bytes: bytes.clone(), file: Arc::clone(file), position: *position, piece: true };
        *position += bytes.len() as u64;
        *length -= bytes.len() as u64;
        self.piece_bytes += bytes.len();
        if *length == 0 {
            self.chunks[at] = backed;
        } else {
            self.chunks.insert(at, backed);
        }
    }

    /// The slices in memory at the head: how many, and whether bytes that go straight from a file follow them.
    fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; WRITE_SLICES_MAX]) -> (usize, bool) {
        let mut count = 0;
        for chunk in &self.chunks {
            match chunk {
                Chunk::Owned { bytes, .. } | Chunk::Backed { bytes, .. } => {
                    slices[count] = IoSlice::new(bytes);
                    count += 1;
                }
                Chunk::File { position, cached_end, .. } => return (count, position < cached_end),
                Chunk::End(_) => {}
            }
            if count == WRITE_SLICES_MAX {
                break;
            }
        }
        (count, false)
    }

    /// `written` bytes of the file part at the head are with the system.
    fn advance_file(&mut self, written: usize, sent: &mut impl FnMut(M)) {
        self.sent_bytes += written as u64;
        let Some(Chunk::File { position, length, .. }) = self.chunks.front_mut() else {
            unreachable!("a file part is at the head, {written} bytes of it were sent");
        };
        *position += written as u64;
        *length -= written as u64;
        if *length == 0 {
            self.chunks.pop_front();
        }
        self.pop_ends(sent);
    }

    /// `written` bytes are with the system.
    fn advance(&mut self, mut written: usize, sent: &mut impl FnMut(M)) {
        self.sent_bytes += written as u64;
        while written > 0 {
            self.pop_ends(sent);
            let Some(Chunk::Owned { bytes, .. } | Chunk::Backed { bytes, .. }) = self.chunks.front_mut() else {
                unreachable!("only memory at the head was written, {written} bytes are left");
            };
            let step = written.min(bytes.len());
            bytes.advance(step);
            written -= step;
            let empty = bytes.is_empty();
            match self.chunks.front_mut() {
                Some(Chunk::Owned { whole, .. }) => {
                    self.owned_bytes -= step as u64;
                    self.held_bytes -= if empty { *whole } else { 0 };
                }
                Some(Chunk::Backed { position, piece, .. }) => {
                    *position += step as u64;
                    if *piece {
                        self.piece_bytes -= step;
                    } else {
                        self.ring_bytes -= step as u64;
                    }
                }
                Some(Chunk::File { .. } | Chunk::End(_)) | None => {}
            }
            if empty {
                self.chunks.pop_front();
            }
        }
        self.pop_ends(sent);
    }

    fn pop_ends(&mut self, sent: &mut impl FnMut(M)) {
        while matches!(self.chunks.front(), Some(Chunk::End(_))) {
            if let Some(Chunk::End(mark)) = self.chunks.pop_front() {
                sent(mark);
            }
        }
        if self.chunks.is_empty() && self.chunks.capacity() > 16 {
            self.chunks = VecDeque::new();
        }
    }
}

/// Gives the socket slices with the word that more follows at once, so that they don't leave as a packet of their own.
#[cfg(target_os = "linux")]
fn send_more(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut nothing = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(stream, slices, &mut nothing, SendFlags::MORE | SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send_more(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    stream.try_write_vectored(slices)
}

/// Whether a failure of sending from a file to a socket is the socket's: the connection's end, what the network says of the
/// way to the peer, what a firewall forbids, or memory that the system lacks. A file's failure is EIO, or one that speaks
/// of its file system.
fn is_of_socket(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::PIPE
                | Errno::CONNABORTED
                | Errno::CONNREFUSED
                | Errno::CONNRESET
                | Errno::NOTCONN
                | Errno::SHUTDOWN
                | Errno::TIMEDOUT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NETDOWN
                | Errno::NETRESET
                | Errno::NETUNREACH
                | Errno::NOPROTOOPT
                | Errno::PROTO
                | Errno::ACCESS
                | Errno::PERM
                | Errno::OPNOTSUPP
                | Errno::NOBUFS
                | Errno::NOMEM
        )
    )
}

fn socket_failed(error: io::Error) -> Close {
    Close::new(CloseReason::SocketFailed, error.to_string())
}

fn storage_failed(error: io::Error) -> Close {
    Close::new(CloseReason::StorageFailed, error.to_string())
}
