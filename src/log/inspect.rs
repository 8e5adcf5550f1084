//! Looks at a data directory, a partition's directory or one segment, read-only, and says what it finds: for
//! `ottla storage inspect`.
//!
//! Checked: every batch's header, CRC and records; offsets within and across segments; index entries against the batches
//! they point at; time index entries likewise; snapshots, epochs and partition.metadata by their own formats.

use super::index::{Entry as IndexFormat, IndexEntry, TimeEntry};
use super::walk::{Walk, WalkError};
use super::{Epochs, epochs, metadata_file, names, snapshot};
use crate::base::Offset;
use crate::io::disk::{Disk, Entry, Open};
use crate::record::{BatchHeader, Compression, Records};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

/// Plain bytes of a batch that are looked at, at most.
const PLAIN_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Largest index, snapshot or small file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What an inspection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Partition directories looked at.
    pub partitions: u64,
    /// Segments looked at.
    pub segments: u64,
    /// Batches looked at.
    pub batches: u64,
    /// Records in batches that could be read.
    pub records: u64,
    /// Things that are not right; each was printed in a line that begins with `FINDING`.
    pub findings: u64,
}

/// A batch as the index checks need it.
struct Seen {
    position: u64,
    last: Offset,
    /// Largest timestamp of its records; of its header when the records can't be read.
    max_timestamp: i64,
}

struct Inspection<'a> {
    disk: &'a dyn Disk,
    out: &'a mut dyn Write,
    found: Findings,
}

/// Inspects `path` and prints to `out`. An error means that the path could not be read or `out` not written.
pub fn inspect(disk: &dyn Disk, path: &Path, out: &mut dyn Write) -> io::Result<Findings> {
    let mut inspection = Inspection { disk, out, found: Findings::default() };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(base) = names::parse(&name, names::LOG) {
        inspection.segment(path.parent().unwrap_or(Path::new(".")), base, None)?;
    } else {
        let entries = disk.list(path)?;
        if is_partition(&entries) {
            inspection.partition(path, &entries)?;
        } else {
            for entry in entries.iter().filter(|entry| entry.is_dir) {
                let inner = path.join(&entry.name);
                let entries = disk.list(&inner)?;
                if is_partition(&entries) {
                    inspection.partition(&inner, &entries)?;
                }
            }
        }
    }
    let Findings { partitions, segments, batches, records, findings } = inspection.found;
    writeln!(
        inspection.out,
        "{partitions} partitions, {segments} segments, {batches} batches, {records} records: {findings} findings"
    )?;
    Ok(inspection.found)
}

fn is_partition(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| names::parse(&entry.name, names::LOG).is_some())
}

impl Inspection<'_> {
    fn finding(&mut self, file: &Path, what: impl Display) -> io::Result<()> {
        self.found.findings += 1;
        writeln!(self.out, "FINDING {}: {what}", file.display())
    }

    fn partition(&mut self, dir: &Path, entries: &[Entry]) -> io::Result<()> {
        self.found.partitions += 1;
        writeln!(self.out, "{}", dir.display())?;
        self.topic(dir)?;
        let mut end = None;
        for base in entries.iter().filter_map(|entry| names::parse(&entry.name, names::LOG)) {
            end = Some(self.segment(dir, base, end)?);
        }
        let end = end.unwrap_or_default();
        self.epochs(dir, end)?;
        for at in entries.iter().filter_map(|entry| names::parse(&entry.name, snapshot::SUFFIX)) {
            self.snapshot(&dir.join(names::segment(at, snapshot::SUFFIX)), at, end)?;
        }
        for entry in entries.iter().filter(|entry| entry.name.ends_with(names::CUT)) {
            let why = format!("{} bytes that were cut from a damaged segment and held whole batches", entry.len);
            self.finding(&dir.join(&entry.name), why)?;
        }
        Ok(())
    }

    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match self.disk.read_whole(path, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => self.finding(path, error).map(|()| None),
        }
    }

    fn topic(&mut self, dir: &Path) -> io::Result<()> {
        let path = dir.join(names::PARTITION_METADATA);
        let Some(bytes) = self.read(&path)? else { return self.finding(&path, "missing") };
        match metadata_file::decode(&bytes) {
            Some(topic) => writeln!(self.out, "  topic id {}", metadata_file::encode_id(topic)),
            None => self.finding(&path, "damaged"),
        }
    }

    fn epochs(&mut self, dir: &Path, end: Offset) -> io::Result<()> {
        let path = dir.join(epochs::FILE_NAME);
        let Some(bytes) = self.read(&path)? else { return self.finding(&path, "missing") };
        let Some(epochs) = Epochs::decode(&bytes) else { return self.finding(&path, "damaged") };
        for (epoch, start) in epochs.entries() {
            writeln!(self.out, "  leader epoch {epoch} from offset {start}")?;
            if *start > end {
                self.finding(&path, format!("epoch {epoch} begins at {start}, the log ends at {end}"))?;
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, path: &Path, at: Offset, end: Offset) -> io::Result<()> {
        let Some(bytes) = self.read(path)? else { return Ok(()) };
        match snapshot::decode(&bytes) {
            Ok(producers) => writeln!(self.out, "  producer snapshot at {at}: {} producers", producers.len())?,
            Err(error) => self.finding(path, error)?,
        }
        if at > end {
            self.finding(path, format!("is for offset {at}, the log ends at {end}"))?;
        }
        Ok(())
    }

    /// Inspects a segment and returns the offset after its last batch. `expected` is where the one before it ended.
    fn segment(&mut self, dir: &Path, base: Offset, expected: Option<Offset>) -> io::Result<Offset> {
        self.found.segments += 1;
        let path = dir.join(names::segment(base, names::LOG));
        writeln!(self.out, "  {}", names::segment(base, names::LOG))?;
        if let Some(expected) = expected.filter(|expected| *expected > base) {
            self.finding(&path, format!("begins at offset {base}, the segment before it ends at {expected}"))?;
        }
        let (seen, next) = self.batches(&path, base)?;
        self.offset_index(&dir.join(names::segment(base, names::INDEX)), base, &seen)?;
        self.time_index(&dir.join(names::segment(base, names::TIME_INDEX)), base, &seen)?;
        Ok(next)
    }

    fn batches(&mut self, path: &Path, base: Offset) -> io::Result<(Vec<Seen>, Offset)> {
        let file = self.disk.open(path, Open::Read)?;
        let end = file.len()?;
        let mut walk = Walk::new(&*file, 0, end);
        let (mut seen, mut next) = (Vec::new(), base);
        loop {
            let at = walk.position();
            let (header, batch, position) = match walk.next_batch() {
                Ok(Some(step)) => step,
                Ok(None) => return Ok((seen, next)),
                Err(WalkError::Io(error)) => return Err(error),
                Err(error @ WalkError::Corrupt { .. }) => {
                    self.finding(path, &error)?;
                    if walk.position() == at {
                        self.finding(path, format!("the {} bytes from {at} on can't be walked", end - at))?;
                        return Ok((seen, next));
                    }
                    continue;
                }
            };
            self.found.batches += 1;
            self.print_batch(&header, position)?;
            let (first, last) = (header.base_offset, header.last_offset());
            if first < next || last < first {
                self.finding(path, format!("at byte {position}: offsets {first} to {last} where {next} was expected"))?;
            }
            let max_timestamp = self.records(path, &header, &batch, position)?;
            seen.push(Seen { position, last, max_timestamp });
            next = header.next_offset().max(next);
        }
    }

    fn print_batch(&mut self, header: &BatchHeader, position: u64) -> io::Result<()> {
        let codec = match header.compression() {
            Some(Compression::None) => "plain",
            Some(Compression::Gzip) => "gzip",
            Some(Compression::Snappy) => "snappy",
            Some(Compression::Lz4) => "lz4",
            Some(Compression::Zstd) => "zstd",
            None => "unknown codec",
        };
        write!(
            self.out,
            "    at {position}: offsets {} to {}, {} bytes, {} records, {codec}, epoch {}, max timestamp {}",
            header.base_offset,
            header.last_offset(),
            header.size(),
            header.record_count,
            header.leader_epoch,
            header.max_timestamp
        )?;
        if header.has_producer() {
            let (id, epoch, sequence) = (header.producer_id, header.producer_epoch, header.base_sequence);
            write!(self.out, ", producer {id} epoch {epoch} sequence {sequence}")?;
        }
        let flags = [
            (header.is_transactional(), "transactional"),
            (header.is_control(), "control"),
            (header.has_delete_horizon(), "delete horizon"),
        ];
        for (_, name) in flags.iter().filter(|(set, _)| *set) {
            write!(self.out, ", {name}")?;
        }
        writeln!(self.out)
    }

    /// Reads a batch's records and returns their largest timestamp, the header's when they can't be read.
    fn records(&mut self, path: &Path, header: &BatchHeader, batch: &[u8], position: u64) -> io::Result<i64> {
        let mut expected = header.base_offset;
        let mut largest = None;
        let records = match Records::new(header, batch, PLAIN_BYTES_MAX) {
            Ok(records) => records,
            Err(error) => {
                self.finding(path, format!("at byte {position}: {error}"))?;
                return Ok(header.max_timestamp.0);
            }
        };
        for record in records {
            match record {
                Ok(record) => {
                    if record.offset < expected || record.offset > header.last_offset() {
                        let why = format!("at byte {position}: record offset {} in the wrong place", record.offset);
                        self.finding(path, why)?;
                    }
                    expected = record.offset.plus(1);
                    largest = largest.max(Some(record.timestamp.0));
                    self.found.records += 1;
                }
                Err(error) => {
                    self.finding(path, format!("at byte {position}: {error}"))?;
                    return Ok(header.max_timestamp.0);
                }
            }
        }
        Ok(largest.unwrap_or(header.max_timestamp.0))
    }

    /// An index file's entries; a missing file has none.
    fn entries<E: IndexFormat>(&mut self, path: &Path) -> io::Result<Vec<E>> {
        let Some(bytes) = self.read(path)? else { return Ok(Vec::new()) };
        let entries: Vec<E> = bytes.chunks_exact(E::BYTES).map(E::decode).collect();
        let name = path.file_name().unwrap_or_default().display();
        writeln!(self.out, "    {name}: {} entries", entries.len())?;
        if bytes.len() % E::BYTES != 0 {
            self.finding(path, format!("{} bytes are no whole number of entries", bytes.len()))?;
        }
        Ok(entries)
    }

    fn offset_index(&mut self, path: &Path, base: Offset, seen: &[Seen]) -> io::Result<()> {
        let entries: Vec<IndexEntry> = self.entries(path)?;
        for (number, entry) in entries.iter().enumerate() {
            let offset = base.plus(i64::from(entry.offset));
            let at = seen.binary_search_by_key(&u64::from(entry.position), |seen| seen.position);
            if at.is_err() {
                self.finding(path, format!("entry {number} points at byte {}, where no batch begins", entry.position))?;
            } else if at.is_ok_and(|at| seen[at].last != offset) {
                let why = format!("entry {number} says {offset}, its batch at byte {} ends elsewhere", entry.position);
                self.finding(path, why)?;
            }
            let before = number.checked_sub(1).map(|before| entries[before]);
            if before.is_some_and(|before| before.offset >= entry.offset || before.position >= entry.position) {
                self.finding(path, format!("entry {number} does not grow"))?;
            }
        }
        Ok(())
    }

    fn time_index(&mut self, path: &Path, base: Offset, seen: &[Seen]) -> io::Result<()> {
        let entries: Vec<TimeEntry> = self.entries(path)?;
        for (number, entry) in entries.iter().enumerate() {
            let offset = base.plus(i64::from(entry.offset));
            match seen.iter().find(|seen| seen.last == offset) {
                None => self.finding(path, format!("entry {number} says {offset}, where no batch ends"))?,
                Some(batch) if batch.max_timestamp != entry.timestamp => {
                    let (says, has) = (entry.timestamp, batch.max_timestamp);
                    self.finding(path, format!("entry {number} says {says}, the batch up to {offset} has {has}"))?;
                }
                Some(_) => {}
            }
            let before = number.checked_sub(1).map(|before| entries[before]);
            if before.is_some_and(|before| before.timestamp >= entry.timestamp || before.offset >= entry.offset) {
                self.finding(path, format!("entry {number} does not grow"))?;
            }
        }
        Ok(())
    }
}
