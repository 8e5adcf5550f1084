//! The answers of one connection, collected in one reused buffer and written when it is full or when no further request
//! is here. Pieces of a file go through the same buffer, so that an answer and the records behind it are one write.

use super::wire::Put;
use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;

/// Size of the buffer, and so the largest piece of a file that is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// The buffer and where it is written to.
pub(super) struct Outgoing<'a> {
    stream: &'a TcpStream,
    buffer: Box<[u8]>,
    used: usize,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        Outgoing { stream, buffer: vec![0; PIECE_BYTES].into_boxed_slice(), used: 0 }
    }

    /// Copies as much of a file's range as there is room for, at least one byte of it, and says how much.
    pub(super) fn put_piece(&mut self, file: &File, position: u64, length: usize) -> io::Result<usize> {
        if self.used == self.buffer.len() {
            self.flush()?;
        }
        let room = &mut self.buffer[self.used..];
        let piece = length.min(room.len());
        file.read_exact_at(&mut room[..piece], position)?;
        self.used += piece;
        Ok(piece)
    }

    /// Writes what has been collected.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let used = std::mem::take(&mut self.used);
        self.stream.write_all(&self.buffer[..used])
    }
}

impl Put for Outgoing<'_> {
    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.used == self.buffer.len() {
                self.flush()?;
            }
            let piece = bytes.len().min(self.buffer.len() - self.used);
            self.buffer[self.used..self.used + piece].copy_from_slice(&bytes[..piece]);
            self.used += piece;
            bytes = &bytes[piece..];
        }
        Ok(())
    }
}
