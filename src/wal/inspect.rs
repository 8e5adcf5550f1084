//! What the files hold, for people: every chunk that is found, whatever incarnation it is of.

use super::header::{Header, VERSION};
use super::scan::{Body, Found, How, Reader};
use super::{BLOCK_BYTES, Sequence, WalError, files};
use crate::io::disk::Disk;
use std::io;
use std::path::Path;

/// A file of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileView {
    /// Its number.
    pub number: u64,
    /// Its length.
    pub bytes: u64,
    /// The version of a newer format, if there are chunks of one.
    pub newer: Option<u16>,
    /// The chunks in it, by position.
    pub chunks: Vec<ChunkView>,
}

/// A chunk whose header is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkView {
    /// Its number in its incarnation.
    pub sequence: Sequence,
    /// Which run of the broker wrote it.
    pub incarnation: u64,
    /// Where it begins in the file.
    pub position: u64,
    /// Bytes that it takes, padding included.
    pub bytes: u64,
    /// Number of entries in its table.
    pub entries: u32,
    /// Whether the checksum of payload and table fits.
    pub is_whole: bool,
}

/// Looks at every file of the log, by number. Reads all of it; writes nothing.
pub fn inspect(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<FileView>> {
    let numbers = files::list(disk, dir)?;
    let view = |(number, _): (u64, u64)| file(disk, dir, number).map_err(io::Error::other);
    numbers.into_iter().map(view).collect()
}

fn file(disk: &dyn Disk, dir: &Path, number: u64) -> Result<FileView, WalError> {
    let mut reader = Reader::open(disk, dir, number)?;
    let mut view = FileView { number, bytes: reader.len, newer: None, chunks: Vec::new() };
    let Some(first) = first_header(&mut reader)? else { return Ok(view) };
    let visit = |found: Found| {
        let header = found.header;
        if header.version > VERSION {
            view.newer = Some(header.version);
            return Ok(());
        }
        view.chunks.push(ChunkView {
            sequence: header.sequence,
            incarnation: header.incarnation,
            position: found.position,
            bytes: header.extent(),
            entries: header.entries,
            is_whole: found.body == Body::Good,
        });
        Ok(())
    };
    reader.scan(|header| header.belongs(first.directory_id, number), |_| How::Read, visit)?;
    Ok(view)
}

/// Nobody says whose the log is, so the first header in the file does.
fn first_header(reader: &mut Reader) -> Result<Option<Header>, WalError> {
    for position in (0..reader.len).step_by(BLOCK_BYTES as usize) {
        if let Some((header, _)) = reader.header(position)? {
            return Ok(Some(header));
        }
    }
    Ok(None)
}
