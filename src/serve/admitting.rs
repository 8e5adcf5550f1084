//! The limits on connections that are altered while the broker runs.

use crate::handlers::Configs;
use crate::server::{Admission, Limits};
use crate::settings::BrokerSettings;
use std::sync::Arc;

/// What the settings say when nobody has set a limit.
const NOT_SET: u32 = i32::MAX as u32;

/// The limits on all connections and on those of one address: what the settings say, never more than the machine allows.
/// Where nobody has set a limit for one address, it is that of the machine, which leaves room for others.
pub fn bounds(settings: &BrokerSettings, machine: &Limits) -> (usize, usize) {
    let within = |asked: u32| usize::try_from(asked).unwrap_or(usize::MAX).min(machine.connections);
    let per_address = match settings.connections_per_ip_max {
        NOT_SET => machine.connections_per_ip,
        asked => within(asked),
    };
    (within(settings.connections_max), per_address)
}

/// What is asked for and can't be.
fn excess(settings: &BrokerSettings, machine: &Limits) -> Option<u32> {
    let asked = settings.connections_max;
    (asked != NOT_SET && usize::try_from(asked).is_ok_and(|asked| asked > machine.connections)).then_some(asked)
}

/// Keeps the limits at what the settings say, those of now included: what was altered before the broker was started
/// is known only once its metadata is.
pub async fn follow(configs: Arc<Configs>, admission: Arc<Admission>, machine: Limits) {
    let mut changes = configs.changes();
    let mut told = None;
    loop {
        let settings = configs.broker();
        let (connections, per_address) = bounds(&settings, &machine);
        let asked = excess(&settings, &machine);
        if let Some(asked) = asked.filter(|_| asked != told) {
            tracing::warn!(
                asked,
                possible = machine.connections,
                "max.connections is above what the limit of open files allows; raise it (ulimit -n, LimitNOFILE)"
            );
        }
        told = asked;
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
