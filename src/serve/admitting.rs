//! The limits on connections that are altered while the broker runs.

use crate::handlers::Configs;
use crate::server::{Admission, Limits};
use crate::settings::BrokerSettings;
use std::sync::Arc;

/// The limits on all connections and on those of one address: what the settings say, never more than the machine allows.
pub fn bounds(settings: &BrokerSettings, machine: &Limits) -> (usize, usize) {
    let whole = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    (
        whole(settings.connections_max).min(machine.connections),
        whole(settings.connections_per_ip_max).min(machine.connections_per_ip),
    )
}

/// Keeps the limits at what the settings say, those of now included: what was altered before the broker was started
/// is known only once its metadata is.
pub async fn follow(configs: Arc<Configs>, admission: Arc<Admission>, machine: Limits) {
    let mut changes = configs.changes();
    loop {
        let (connections, per_address) = bounds(&configs.broker(), &machine);
        if admission.bounds() != (connections, per_address) {
            tracing::info!(connections, per_address, "limits on connections");
            admission.set_bounds(connections, per_address);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
#[path = "admitting_tests.rs"]
mod tests;
