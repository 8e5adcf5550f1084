//! A file's bytes: what a reader sees now, and what the medium holds.

use super::chance::Chance;
use std::collections::BTreeSet;

/// What is written back at once.
pub(super) const PAGE: usize = 4096;
/// What a device writes whole or not at all.
const SECTOR: usize = 512;

/// One file.
#[derive(Clone, Default)]
pub(super) struct FileNode {
    pub(super) live: Vec<u8>,
    /// What the medium holds.
    pub(super) durable: Vec<u8>,
    /// Pages of `live` that the next sync must write.
    pub(super) dirty: BTreeSet<usize>,
    pub(super) length_dirty: bool,
    /// Directory entries of now.
    pub(super) names: u32,
    pub(super) open: u32,
}

/// Pages that hold `len` bytes.
pub(super) fn pages(len: usize) -> u64 {
    len.div_ceil(PAGE) as u64
}

impl FileNode {
    pub(super) fn put(&mut self, bytes: &[u8], position: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = position + bytes.len();
        let grown_from = self.live.len();
        if end > grown_from {
            self.live.resize(end, 0);
            self.length_dirty = true;
            self.dirty.extend(grown_from / PAGE..end.div_ceil(PAGE));
        }
        self.live[position..end].copy_from_slice(bytes);
        self.dirty.extend(position / PAGE..end.div_ceil(PAGE));
    }

    pub(super) fn cut(&mut self, len: usize) {
        let before = self.live.len();
        self.live.resize(len, 0);
        self.length_dirty |= before != len;
        self.dirty.retain(|page| page * PAGE < len);
        if len > before {
            self.dirty.extend(before / PAGE..len.div_ceil(PAGE));
        } else if !len.is_multiple_of(PAGE) {
            self.dirty.insert(len / PAGE);
        }
    }

    pub(super) fn write_back(&mut self, page: usize) {
        let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(self.live.len()));
        if from < to {
            if self.durable.len() < to {
                self.durable.resize(to, 0);
            }
            self.durable[from..to].copy_from_slice(&self.live[from..to]);
        }
    }

    pub(super) fn sync(&mut self) {
        for page in std::mem::take(&mut self.dirty) {
            self.write_back(page);
        }
        if self.length_dirty {
            self.durable.resize(self.live.len(), 0);
            self.length_dirty = false;
        }
    }

    /// A sync that fails: pages that it could not write are clean all the same.
    pub(super) fn sync_badly(&mut self, chance: &mut Chance) {
        for page in std::mem::take(&mut self.dirty) {
            if chance.one_in(2) {
                self.write_back(page);
            }
        }
        if std::mem::take(&mut self.length_dirty) && chance.one_in(2) {
            self.durable.resize(self.live.len(), 0);
        }
    }

    /// Clean pages are read from the medium again; the length stays.
    pub(super) fn forget_clean(&mut self) {
        for page in (0..self.live.len().div_ceil(PAGE)).filter(|page| !self.dirty.contains(page)) {
            for at in page * PAGE..((page + 1) * PAGE).min(self.live.len()) {
                self.live[at] = self.durable.get(at).copied().unwrap_or(0);
            }
        }
    }

    pub(super) fn after_power_loss(&self, chance: &mut Chance) -> Vec<u8> {
        let mut left = self.durable.clone();
        if self.length_dirty {
            let (low, high) = (self.durable.len().min(self.live.len()), self.durable.len().max(self.live.len()));
            let between = low as u64 + chance.below((high - low) as u64 + 1);
            let len = match chance.below(3) {
                0 => self.durable.len(),
                1 => self.live.len(),
                _ => between as usize,
            };
            left.resize(len, 0);
        }
        for page in &self.dirty {
            let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(self.live.len()).min(left.len()));
            let fate = chance.below(4);
            for sector in (from..to).step_by(SECTOR) {
                let end = (sector + SECTOR).min(to);
                // Half of the pages are kept or dropped whole, the others sector by sector.
                let kept = if fate < 2 { fate == 0 } else { chance.one_in(2) };
                if kept {
                    left[sector..end].copy_from_slice(&self.live[sector..end]);
                }
            }
        }
        left
    }
}
