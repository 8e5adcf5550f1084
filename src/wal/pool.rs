//! The pool of files: which are free, which hold chunks that are needed, and when there should be more.
//!
//! A file is free, current (the one that is written to), or full until its last sequence is released. The lock is held
//! for decisions only, never while a file is filled, so the thread that grows the pool does not delay an append.
//!
//! The pool stays within [`WalConfig::bytes`], except for an *extra* file: one for a chunk that no file of the pool
//! could ever hold. Extra files are removed when they are free and the pool is too large.

use super::{BLOCK_BYTES, Sequence, WalConfig, WalError, blocks, files, on};
use crate::io::disk::{Disk, File, Open, parent};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// How large the pool is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PoolStats {
    /// Number of files.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of the files that are free; what is left of the current file is not counted.
    pub free_bytes: u64,
    /// Bytes of the files that are full and needed.
    pub full_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    Current,
    /// Needed until this sequence is released.
    Full(Sequence),
}

struct Slot {
    bytes: u64,
    file: Arc<dyn File>,
    used: Use,
    extra: bool,
}

/// The file that a writer goes on in.
pub(super) struct Taken {
    pub number: u64,
    pub bytes: u64,
    pub file: Arc<dyn File>,
}

/// The file that a writer leaves for another.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub number: u64,
    /// Its newest chunk.
    pub last: Sequence,
    /// Whether all its chunks are released: then it may be the one that is taken.
    pub free: bool,
}

enum Plan {
    Use(u64),
    Make { bytes: u64, extra: bool },
    NoRoom,
}

#[derive(Default)]
struct State {
    slots: BTreeMap<u64, Slot>,
    next_number: u64,
    /// Bytes of files that are being made.
    making: u64,
}

/// The files of one log.
pub struct Pool {
    disk: Arc<dyn Disk>,
    config: WalConfig,
    state: Mutex<State>,
}

impl Pool {
    /// The files that are there, all free; the directory and a first file are made when missing. What is more than the
    /// pool may have is removed, largest first.
    pub(super) fn open(disk: Arc<dyn Disk>, config: WalConfig) -> Result<Pool, WalError> {
        let config = within_blocks(config);
        disk.create_dir_synced(&config.dir).map_err(on(&config.dir))?;
        // A process that was killed may have left names that are there but not durable.
        disk.sync_dir(parent(&config.dir)).map_err(on(&config.dir))?;
        files::remove_unfinished(&*disk, &config.dir).map_err(on(&config.dir))?;
        disk.sync_dir(&config.dir).map_err(on(&config.dir))?;
        let mut found = files::list(&*disk, &config.dir).map_err(on(&config.dir))?;
        let next_number = found.iter().map(|(number, _)| number.saturating_add(1)).max().unwrap_or(1);
        found.sort_by_key(|(number, bytes)| (*bytes, *number));
        let mut state = State { next_number, ..State::default() };
        for (number, length) in found {
            let path = files::path(&config.dir, number);
            let bytes = length / BLOCK_BYTES * BLOCK_BYTES;
            let fits = bytes > 0 && state.bytes() + bytes <= config.bytes;
            if fits {
                let file = disk.open(&path, Open::ReadWrite).map_err(on(&path))?;
                state.slots.insert(number, Slot { bytes, file, used: Use::Free, extra: false });
            } else {
                disk.remove_file(&path).map_err(on(&path))?;
            }
        }
        let pool = Pool { disk, config, state: Mutex::new(state) };
        if pool.state.lock().slots.is_empty()
            && !pool.add(pool.config.first_file_bytes).map_err(on(&pool.config.dir))?
        {
            return Err(WalError::NoRoom);
        }
        Ok(pool)
    }

    /// The sizes as they are used: whole blocks, and none larger than the pool.
    pub(super) fn config(&self) -> &WalConfig {
        &self.config
    }

    /// Adds a filled, synced file when the pool wants one, and returns whether it did. Sizes double from the first
    /// file's to the largest. A full disk is no error but `Ok(false)`; any other error is final for the log. For a thread
    /// of its own, which decides when to ask again.
    pub fn grow(&self) -> io::Result<bool> {
        let wanted = {
            let state = self.state.lock();
            if state.wants_growth(&self.config) { state.growth(&self.config) } else { None }
        };
        wanted.map_or(Ok(false), |bytes| self.add(bytes))
    }

    /// Whether less than half of the pool is free, and it may have another file.
    pub fn wants_growth(&self) -> bool {
        self.state.lock().wants_growth(&self.config)
    }

    /// How large the pool is now.
    pub fn stats(&self) -> PoolStats {
        let state = self.state.lock();
        let full = state.slots.values().filter(|slot| matches!(slot.used, Use::Full(_))).map(|slot| slot.bytes);
        let full_bytes = full.sum();
        PoolStats { files: state.slots.len(), bytes: state.bytes(), free_bytes: state.free_bytes(), full_bytes }
    }

    /// Makes a free file of `bytes`; false when the disk is full.
    fn add(&self, bytes: u64) -> io::Result<bool> {
        let number = self.state.lock().reserve(bytes);
        let made = files::make(&*self.disk, &self.config.dir, number, bytes);
        let mut state = self.state.lock();
        state.making -= bytes;
        let Some(file) = made? else { return Ok(false) };
        state.slots.insert(number, Slot { bytes, file, used: Use::Free, extra: false });
        Ok(true)
    }

    /// Whether a chunk of `needed` bytes would find a file when the writer leaves `left`.
    pub(super) fn would_turn(&self, needed: u64, left: Option<Left>) -> bool {
        let plan = self.state.lock().plan(needed, left, &self.config);
        match plan {
            Plan::Use(_) => true,
            Plan::Make { bytes, .. } => self.disk.free_bytes(&self.config.dir).is_ok_and(|free| bytes <= free),
            Plan::NoRoom => false,
        }
    }

    /// Gives the writer a file for a chunk of `needed` bytes (whole blocks) in exchange for the one that it leaves. After
    /// an error it still has that one.
    pub(super) fn turn(&self, needed: u64, left: Option<Left>) -> Result<Taken, WalError> {
        let mut state = self.state.lock();
        let number = match state.plan(needed, left, &self.config) {
            Plan::Use(number) => number,
            Plan::NoRoom => return Err(WalError::NoRoom),
            Plan::Make { bytes, extra } => {
                let number = state.reserve(bytes);
                drop(state);
                let made = files::make(&*self.disk, &self.config.dir, number, bytes);
                state = self.state.lock();
                state.making -= bytes;
                let path = files::path(&self.config.dir, number);
                let file = made.map_err(on(&path))?.ok_or(WalError::NoRoom)?;
                state.slots.insert(number, Slot { bytes, file, used: Use::Free, extra });
                number
            }
        };
        if let Some(slot) = left.and_then(|left| state.slots.get_mut(&left.number)) {
            slot.used = left.map_or(Use::Free, |left| if left.free { Use::Free } else { Use::Full(left.last) });
        }
        let slot = state.slots.get_mut(&number).expect("a planned or new file is in the pool");
        slot.used = Use::Current;
        let taken = Taken { number, bytes: slot.bytes, file: slot.file.clone() };
        let removed = state.take_surplus(&self.config);
        drop(state);
        self.remove(&removed);
        Ok(taken)
    }

    /// Frees the files whose chunks are all below `below`.
    pub(super) fn release(&self, below: Sequence) {
        let mut state = self.state.lock();
        for slot in state.slots.values_mut() {
            if matches!(slot.used, Use::Full(last) if last < below) {
                slot.used = Use::Free;
            }
        }
        let removed = state.take_surplus(&self.config);
        drop(state);
        self.remove(&removed);
    }

    /// Removes files that the pool has given up. One that stays is found by the next start.
    fn remove(&self, numbers: &[u64]) {
        for number in numbers {
            let path = files::path(&self.config.dir, *number);
            if let Err(error) = self.disk.remove_file(&path) {
                tracing::warn!("{}: {error}", path.display());
            }
        }
    }
}

/// Sizes in whole blocks that agree with each other.
fn within_blocks(config: WalConfig) -> WalConfig {
    let bytes = (config.bytes / BLOCK_BYTES * BLOCK_BYTES).max(BLOCK_BYTES);
    let first_file_bytes = blocks(config.first_file_bytes).clamp(BLOCK_BYTES, bytes);
    let file_bytes_max = blocks(config.file_bytes_max).clamp(first_file_bytes, bytes);
    WalConfig { bytes, first_file_bytes, file_bytes_max, ..config }
}

impl State {
    fn bytes(&self) -> u64 {
        self.slots.values().map(|slot| slot.bytes).sum()
    }

    fn free_bytes(&self) -> u64 {
        self.slots.values().filter(|slot| slot.used == Use::Free).map(|slot| slot.bytes).sum()
    }

    /// Bytes by which the pool may grow.
    fn room(&self, config: &WalConfig) -> u64 {
        config.bytes.saturating_sub(self.bytes() + self.making)
    }

    fn wants_growth(&self, config: &WalConfig) -> bool {
        let free = self.free_bytes() + self.making;
        free.saturating_mul(2) < self.bytes() + self.making && self.growth(config).is_some()
    }

    /// Bytes of the next regular file; `None` when there is no room for one.
    fn growth(&self, config: &WalConfig) -> Option<u64> {
        let largest = self.slots.values().map(|slot| slot.bytes).max().unwrap_or(0);
        let next = largest.saturating_mul(2).clamp(config.first_file_bytes, config.file_bytes_max);
        let bytes = next.min(self.room(config));
        (bytes >= config.first_file_bytes).then_some(bytes)
    }

    /// Takes a number and room for a file that is about to be made.
    fn reserve(&mut self, bytes: u64) -> u64 {
        self.making += bytes;
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Where a chunk of `needed` bytes goes. The smallest file that holds it: large ones are left for large chunks.
    fn plan(&self, needed: u64, left: Option<Left>, config: &WalConfig) -> Plan {
        let is_left = |number: u64| left.is_some_and(|left| left.free && left.number == number);
        let open = self.slots.iter().filter(|(number, slot)| slot.used == Use::Free || is_left(**number));
        let fits = open.filter(|(_, slot)| slot.bytes >= needed).min_by_key(|(_, slot)| slot.bytes);
        if let Some((number, _)) = fits {
            return Plan::Use(*number);
        }
        if needed <= self.room(config) {
            return Plan::Make { bytes: self.growth(config).unwrap_or(needed).max(needed), extra: false };
        }
        let overdrawn: u64 = self.slots.values().filter(|slot| slot.extra).map(|slot| slot.bytes).sum();
        if overdrawn + needed <= config.overdraft_bytes {
            return Plan::Make { bytes: needed.max(config.first_file_bytes), extra: true };
        }
        let some_day = |slot: &Slot| !slot.extra && slot.bytes >= needed;
        if needed <= config.file_bytes_max && self.slots.values().any(some_day) {
            return Plan::NoRoom;
        }
        Plan::Make { bytes: needed, extra: true }
    }

    /// Takes free extra files out of a pool that is too large, and returns their numbers.
    fn take_surplus(&mut self, config: &WalConfig) -> Vec<u64> {
        let mut taken = Vec::new();
        while self.bytes() > config.bytes {
            let surplus = self.slots.iter().find(|(_, slot)| slot.extra && slot.used == Use::Free);
            let Some(number) = surplus.map(|(number, _)| *number) else { break };
            self.slots.remove(&number);
            taken.push(number);
        }
        taken
    }
}
