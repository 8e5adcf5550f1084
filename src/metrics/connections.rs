//! Connections: open, accepted, refused, closed.

use super::families::{CONNECTIONS, CONNECTIONS_ACCEPTED, CONNECTIONS_CLOSED, CONNECTIONS_REFUSED};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `max.connections` is reached.
    MaxConnections,
    /// `max.connections.per.ip` is reached.
    MaxConnectionsPerIp,
    /// The system gave no descriptor.
    Descriptors,
}

impl Refusal {
    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::MaxConnections => "max_connections",
            Refusal::MaxConnectionsPerIp => "max_connections_per_ip",
            Refusal::Descriptors => "descriptors",
        }
    }
}

/// Connections.
pub struct Connections {
    open: IntGauge,
    accepted: IntCounter,
    refused: IntCounterVec,
    closed: IntCounterVec,
}

impl Connections {
    pub(super) fn register(registry: &Registry) -> Result<Connections, prometheus::Error> {
        let connections = Connections {
            open: IntGauge::with_opts(CONNECTIONS.opts())?,
            accepted: IntCounter::with_opts(CONNECTIONS_ACCEPTED.opts())?,
            refused: IntCounterVec::new(CONNECTIONS_REFUSED.opts(), CONNECTIONS_REFUSED.labels)?,
            closed: IntCounterVec::new(CONNECTIONS_CLOSED.opts(), CONNECTIONS_CLOSED.labels)?,
        };
        registry.register(Box::new(connections.open.clone()))?;
        registry.register(Box::new(connections.accepted.clone()))?;
        registry.register(Box::new(connections.refused.clone()))?;
        registry.register(Box::new(connections.closed.clone()))?;
        Ok(connections)
    }

    /// A connection was let in.
    pub fn accepted(&self) {
        self.accepted.inc();
        self.open.inc();
    }

    /// A connection was turned away.
    pub fn refused(&self, why: Refusal) {
        self.refused.with_label_values(&[why.name()]).inc();
    }

    /// A connection that was let in has ended. `reason` is of a closed set.
    pub fn closed(&self, reason: &'static str) {
        self.open.dec();
        self.closed.with_label_values(&[reason]).inc();
    }

    /// Connections open now.
    pub fn open(&self) -> i64 {
        self.open.get()
    }

    /// How many ended for `reason`.
    pub fn closed_count(&self, reason: &'static str) -> u64 {
        self.closed.with_label_values(&[reason]).get()
    }

    /// How many were turned away for `why`.
    pub fn refused_count(&self, why: Refusal) -> u64 {
        self.refused.with_label_values(&[why.name()]).get()
    }
}
