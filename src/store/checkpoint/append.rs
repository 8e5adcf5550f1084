//! Writing: one commit after the other, and the whole anew when most of it is out of date.
//!
//! ```text
//! append   make room in both copies      a full disk is met here, before anything of the commit is written
//!          write and sync the first      from here on the commit counts
//!          write and sync the second     answered
//! ```

use super::commit_writer::{CommitWriter, Place, PlacedFrame, Written};
use super::copy_file::CopyFile;
use super::format::{self, Record};
use super::fresh::{Finished, Fresh, discard};
use super::load::highest_commit;
use super::{Change, CheckpointError, Position, Sizes};
use crate::base::TopicPartition;
use crate::io::disk::Disk;
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// How many times its live bytes a copy may have before it is written anew.
pub(super) const REWRITE_FACTOR: u64 = 4;

/// What a copy may have beyond that.
pub(super) const REWRITE_SLACK_BYTES: u64 = 1024 * 1024;

/// The checkpoint, open for writing. It knows where each partition's record lies, not what is in it.
pub(crate) struct Checkpoint {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    directory_id: Uuid,
    sizes: Sizes,
    copies: [CopyFile; 2],
    /// The same in both copies.
    index: HashMap<TopicPartition, Place>,
    /// Bytes of the records in the index.
    live_bytes: u64,
    /// The last commit, where it ends and its last header's CRC.
    commit: u64,
    end: u64,
    crc: u32,
    /// After a rewrite that found no room: how far the file grows before the next attempt.
    rewrite_beyond: u64,
    /// A write or sync failed: what the files hold is for the next start to find out.
    failed: bool,
}

impl Checkpoint {
    /// Writes both copies anew with what the [`Change::Put`]s say, whatever was there: durable on return, and a crash
    /// leaves the old state or the new. Commit numbers go on from those that are there.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        directory_id: Uuid,
        position: Position,
        records: impl IntoIterator<Item = Change>,
    ) -> Result<Checkpoint, CheckpointError> {
        Self::create_sized(disk, dir, directory_id, position, records, Sizes::default())
    }

    pub(super) fn create_sized(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        directory_id: Uuid,
        position: Position,
        records: impl IntoIterator<Item = Change>,
        sizes: Sizes,
    ) -> Result<Checkpoint, CheckpointError> {
        let commit = highest_commit(&**disk, dir, directory_id)?.unwrap_or(0).saturating_add(1);
        let build = || {
            let mut fresh = Fresh::begin(&**disk, dir, directory_id, commit, position, sizes)?;
            put_all(&mut fresh, records)?;
            fresh.finish()
        };
        let finished: Finished = build().map_err(|error| discard(&**disk, dir, error))?;
        let (copies, written) = finished.publish(&**disk, dir)?;
        let mut made = Checkpoint {
            disk: disk.clone(),
            dir: dir.to_owned(),
            directory_id,
            sizes,
            copies,
            index: HashMap::new(),
            live_bytes: 0,
            commit,
            end: 0,
            crc: 0,
            rewrite_beyond: 0,
            failed: false,
        };
        made.took(written);
        Ok(made)
    }

    /// Appends one commit: durable in both copies on return, all or nothing after a crash. When a partition is named more
    /// than once the last counts.
    ///
    /// After [`CheckpointError::Full`] and [`CheckpointError::TooLarge`] nothing has changed and it may be called again;
    /// after any other error every later call fails.
    pub(crate) fn append(&mut self, position: Position, changes: Vec<Change>) -> Result<(), CheckpointError> {
        if self.failed {
            let error = io::Error::other("an earlier write failed");
            return Err(CheckpointError::io(self.copies[0].path(), error));
        }
        let outcome = self.append_or_rewrite(position, &changes);
        self.failed = outcome.as_ref().is_err_and(|error| !error.changed_nothing());
        outcome
    }

    /// The partition's state as of the last commit; none when it has none.
    ///
    /// # Errors
    /// When neither copy has it whole any more.
    pub(crate) fn state_of(&self, id: TopicPartition) -> Result<Option<Bytes>, CheckpointError> {
        let Some(place) = self.index.get(&id) else { return Ok(None) };
        let mut record = Vec::new();
        self.read_record(id, *place, &mut record)?;
        let put = Record::decode(&record).and_then(|record| record.put);
        Ok(put.map(|(_, state)| Bytes::copy_from_slice(state)))
    }

    /// Bytes of one copy on the disk, room kept beyond the last commit included.
    pub(crate) fn bytes(&self) -> u64 {
        self.copies[0].given()
    }

    /// Bytes of the records that count.
    #[cfg(test)]
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    fn append_or_rewrite(&mut self, position: Position, changes: &[Change]) -> Result<(), CheckpointError> {
        changes.iter().try_for_each(format::check_size)?;
        let most = self.live_bytes.saturating_mul(REWRITE_FACTOR) + self.sizes.rewrite_slack_bytes;
        if self.end > most.max(self.rewrite_beyond) {
            match self.rewrite(position, changes) {
                // There may still be room for one commit more.
                Err(error) if error.is_full() => self.rewrite_beyond = self.end + self.sizes.rewrite_slack_bytes,
                outcome => return outcome,
            }
        }
        self.append_frames(position, changes)
    }

    fn append_frames(&mut self, position: Position, changes: &[Change]) -> Result<(), CheckpointError> {
        let (bytes, written) = self.encode(position, changes);
        for copy in &mut self.copies {
            copy.make_room(written.end, self.sizes.reserve_bytes)?;
        }
        let [first, second] = &mut self.copies;
        if let Err(error) = first.write(&bytes, self.end) {
            let error = CheckpointError::io_or_full(first.path(), error);
            if error.is_full() {
                // The commit may be there as a whole; nobody must ever find it.
                first.cut(self.end).map_err(|error| CheckpointError::io(first.path(), error))?;
            }
            return Err(error);
        }
        first.sync().map_err(|error| CheckpointError::io(first.path(), error))?;
        let also = second.write(&bytes, self.end).and_then(|()| second.sync());
        also.map_err(|error| CheckpointError::io(second.path(), error))?;
        self.took(written);
        Ok(())
    }

    fn encode(&self, position: Position, changes: &[Change]) -> (Vec<u8>, Written) {
        let mut writer = CommitWriter::new(self.commit.saturating_add(1), position, self.crc, self.end, self.sizes);
        let (mut bytes, mut record) = (Vec::new(), Vec::new());
        for change in changes {
            format::encode_record(change, &mut record);
            let put = matches!(change, Change::Put { .. });
            if let Some(frame) = writer.push(change.id(), &record, put) {
                bytes.extend_from_slice(&frame.bytes);
            }
        }
        let (PlacedFrame { bytes: last, .. }, written) = writer.finish();
        bytes.extend_from_slice(&last);
        (bytes, written)
    }

    /// Writes both copies anew, with the changes.
    fn rewrite(&mut self, position: Position, changes: &[Change]) -> Result<(), CheckpointError> {
        let finished = self.build(position, changes).map_err(|error| discard(&*self.disk, &self.dir, error))?;
        let (copies, written) = finished.publish(&*self.disk, &self.dir)?;
        self.copies = copies;
        self.index.clear();
        self.live_bytes = 0;
        self.rewrite_beyond = 0;
        self.took(written);
        Ok(())
    }

    fn build(&self, position: Position, changes: &[Change]) -> Result<Finished, CheckpointError> {
        let latest: HashMap<TopicPartition, &Change> = changes.iter().map(|change| (change.id(), change)).collect();
        let mut kept: Vec<_> = self.index.iter().filter(|(id, _)| !latest.contains_key(id)).collect();
        // In the order of the file, so that the disk is read forward.
        kept.sort_unstable_by_key(|(_, place)| place.at);
        let commit = self.commit.saturating_add(1);
        let mut fresh = Fresh::begin(&*self.disk, &self.dir, self.directory_id, commit, position, self.sizes)?;
        let mut record = Vec::new();
        for (id, place) in kept {
            self.read_record(*id, *place, &mut record)?;
            fresh.put(*id, &record)?;
        }
        let counts = changes.iter().filter(|change| std::ptr::eq(*change, latest[&change.id()]));
        put_all(&mut fresh, counts.cloned())?;
        fresh.finish()
    }

    /// Reads a record back, from whichever copy has it whole.
    fn read_record(&self, id: TopicPartition, place: Place, record: &mut Vec<u8>) -> Result<(), CheckpointError> {
        record.resize(place.len as usize, 0);
        for copy in &self.copies {
            let filled = copy.file().read_at(record, place.at);
            let whole = filled.is_ok_and(|filled| filled == record.len());
            if whole && Record::decode(record).is_some_and(|read| read.id == id && read.len == record.len()) {
                return Ok(());
            }
        }
        let what = format!("the record of partition {id} at byte {} can be read from neither copy", place.at);
        Err(CheckpointError::Damaged { path: self.copies[0].path().to_owned(), what })
    }

    /// Takes over what a commit came to.
    fn took(&mut self, written: Written) {
        (self.commit, self.end, self.crc) = (written.commit, written.end, written.crc);
        for (id, place) in written.placed {
            let before = match place {
                Some(place) => {
                    self.live_bytes += u64::from(place.len);
                    self.index.insert(id, place)
                }
                None => self.index.remove(&id),
            };
            self.live_bytes -= before.map_or(0, |before| u64::from(before.len));
        }
    }
}

/// Puts what the changes say into new files; what is forgotten is not there to begin with.
fn put_all(fresh: &mut Fresh, changes: impl IntoIterator<Item = Change>) -> Result<(), CheckpointError> {
    let mut record = Vec::new();
    for change in changes.into_iter().filter(|change| matches!(change, Change::Put { .. })) {
        format::check_size(&change)?;
        format::encode_record(&change, &mut record);
        fresh.put(change.id(), &record)?;
    }
    Ok(())
}
