//! Who is let in: a bound on connections, and one per address. Both may change while the server runs; connections that
//! are in already stay in.

use crate::metrics::Refusal;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts connections.
pub struct Admission {
    open: AtomicUsize,
    by_address: DashMap<IpAddr, usize>,
    connections_max: AtomicUsize,
    per_address_max: AtomicUsize,
}

/// A place; given back when dropped.
pub struct Slot {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Bounds on all connections, and on those of one address.
    pub fn new(connections_max: usize, per_address_max: usize) -> Arc<Admission> {
        Arc::new(Admission {
            open: AtomicUsize::new(0),
            by_address: DashMap::new(),
            connections_max: AtomicUsize::new(connections_max),
            per_address_max: AtomicUsize::new(per_address_max),
        })
    }

    /// Changes the bounds, for connections that come from now on.
    pub fn set_bounds(&self, connections_max: usize, per_address_max: usize) {
        self.connections_max.store(connections_max, Ordering::Relaxed);
        self.per_address_max.store(per_address_max, Ordering::Relaxed);
    }

    /// The bounds: on all connections, and on those of one address.
    pub fn bounds(&self) -> (usize, usize) {
        (self.connections_max.load(Ordering::Relaxed), self.per_address_max.load(Ordering::Relaxed))
    }

    /// A place for a connection from `address`.
    ///
    /// # Errors
    /// Which bound is reached.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Refusal> {
        let address = address.to_canonical();
        let (connections_max, per_address_max) = self.bounds();
        if self.open.fetch_add(1, Ordering::Relaxed) >= connections_max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::MaxConnections);
        }
        let mut count = self.by_address.entry(address).or_insert(0);
        if *count >= per_address_max {
            drop(count);
            self.open.fetch_sub(1, Ordering::Relaxed);
            // With a bound of 0 the entry that was just made must not stay.
            self.by_address.remove_if(&address, |_, count| *count == 0);
            return Err(Refusal::MaxConnectionsPerIp);
        }
        *count += 1;
        Ok(Slot { admission: Arc::clone(self), address })
    }

    /// Connections that are in.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Addresses that are remembered.
    pub fn addresses(&self) -> usize {
        self.by_address.len()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if let Entry::Occupied(mut entry) = self.admission.by_address.entry(self.address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
