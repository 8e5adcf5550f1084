//! What the copies hold, for people.

use super::scan::{Stop, Walker, survey};
use super::{FILES, Position};
use crate::base::TopicPartition;
use crate::io::disk::{Disk, Open};
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// One copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyView {
    /// Where it is.
    pub path: PathBuf,
    /// Its length, bytes.
    pub bytes: u64,
    /// Its header: version, data directory, first commit. None when it does not fit its CRC.
    pub header: Option<(u32, Uuid, u64)>,
    /// The frames of which all CRCs fit and each follows from the one before.
    pub frames: Vec<FrameView>,
    /// Where that ends.
    pub stopped_at: u64,
    /// Why.
    pub stopped_by: String,
    /// Whether more than zeros lies beyond.
    pub more: bool,
    /// The highest commit of which a frame's header lies beyond.
    pub commit_beyond: Option<u64>,
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameView {
    /// Bytes from the file's start.
    pub at: u64,
    /// Its commit.
    pub commit: u64,
    /// What holds for the whole broker.
    pub position: Position,
    /// Whether its commit ends with it.
    pub last: bool,
    /// Its records.
    pub records: Vec<RecordView>,
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordView {
    /// Bytes from the file's start.
    pub at: u64,
    /// Its partition.
    pub id: TopicPartition,
    /// The directory and the bytes of the state; none when the partition is forgotten.
    pub put: Option<(String, u64)>,
}

/// Reads the copies that exist in a data directory, of any version and of whatever directory. Changes nothing.
pub fn inspect(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<CopyView>> {
    let mut views = Vec::new();
    for path in FILES.map(|name| dir.join(name)) {
        match view(disk, &path) {
            Ok(view) => views.push(view),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(views)
}

fn view(disk: &dyn Disk, path: &Path) -> io::Result<CopyView> {
    let file = disk.open(path, Open::Read)?;
    let (mut header, mut frames) = (None, Vec::new());
    let (stopped_at, stop) = match Walker::start(file.clone()) {
        Ok((found, mut walker)) => {
            header = Some((found.version, found.directory_id, found.first_commit));
            let stop = view_frames(&mut walker, &mut frames);
            (walker.at, stop)
        }
        Err(stop) => (0, stop),
    };
    let beyond = survey(&*file, stopped_at);
    let (path, bytes, stopped_by) = (path.to_owned(), file.len()?, stop.to_string());
    Ok(CopyView { path, bytes, header, frames, stopped_at, stopped_by, more: beyond.trace, commit_beyond: beyond.seen })
}

fn view_frames(walker: &mut Walker, frames: &mut Vec<FrameView>) -> Stop {
    loop {
        let frame = match walker.next() {
            Ok(frame) => frame,
            Err(stop) => return stop,
        };
        let view = |(at, record): (u64, super::format::Record<'_>)| {
            let put = record.put.map(|(dir, state)| (dir.to_owned(), state.len() as u64));
            RecordView { at, id: record.id, put }
        };
        let (at, header) = (frame.at, frame.header);
        let records = frame.records().map(view).collect();
        frames.push(FrameView { at, commit: header.commit, position: header.position, last: header.last, records });
    }
}
