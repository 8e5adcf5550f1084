//! File data on its way to sockets, in pieces: read from memory at once where the system has it there, else on a blocking
//! thread. Buffers of whole pieces are used again, since fresh ones of this size cost page faults each time.

use crate::base::FileRange;
use crate::base::limits::STREAM_PIECE_BYTES;
use bytes::Bytes;
use parking_lot::Mutex;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};

/// Buffers kept for use again; more than these are freed.
const KEPT_MAX: usize = 8;

/// Pieces below this are read into a buffer of their own size.
const POOLED_BYTES_MIN: usize = STREAM_PIECE_BYTES / 4;

/// A piece that is being read.
pub type Loading = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>;

/// The buffers.
#[derive(Default)]
pub struct Pieces {
    kept: Mutex<Vec<Box<[u8]>>>,
}

struct Piece {
    buffer: Box<[u8]>,
    length: usize,
    home: Weak<Pieces>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else { return };
        if self.buffer.len() == STREAM_PIECE_BYTES {
            let mut kept = home.kept.lock();
            if kept.len() < KEPT_MAX {
                kept.push(std::mem::take(&mut self.buffer));
            }
        }
    }
}

impl Pieces {
    fn buffer(self: &Arc<Self>, length: usize) -> Piece {
        let pooled = (POOLED_BYTES_MIN..=STREAM_PIECE_BYTES).contains(&length);
        let kept = if pooled { self.kept.lock().pop() } else { None };
        let size = if pooled { STREAM_PIECE_BYTES } else { length };
        let buffer = kept.unwrap_or_else(|| vec![0; size].into_boxed_slice());
        Piece { buffer, length, home: Arc::downgrade(self) }
    }

    /// The bytes, if the system has all of them in memory.
    ///
    /// # Errors
    /// The file can't be read, or ends too early.
    pub fn cached(
        self: &Arc<Self>,
        file: &Arc<dyn FileRange>,
        position: u64,
        length: usize,
    ) -> io::Result<Option<Bytes>> {
        let mut piece = self.buffer(length);
        let mut got = 0;
        while got < length {
            match file.read_cached(&mut piece.buffer[got..length], position + got as u64)? {
                None => return Ok(None),
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(more) => got += more,
            }
        }
        Ok(Some(Bytes::from_owner(piece)))
    }

    /// The bytes, from a blocking thread.
    pub fn load(self: &Arc<Self>, file: Arc<dyn FileRange>, position: u64, length: usize) -> Loading {
        let pieces = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = pieces.buffer(length);
            let mut got = 0;
            while got < length {
                match file.read_at(&mut piece.buffer[got..length], position + got as u64) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(more) => got += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(Bytes::from_owner(piece))
        });
        Box::pin(async move { read.await.unwrap_or_else(|failed| Err(io::Error::other(failed))) })
    }
}
