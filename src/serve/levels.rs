//! Levels of features at a start: those that the configuration names, and whether the cluster can be served at its own.

use super::shutdown_failed;
use crate::broker::Broker;
use crate::cli::Failure;
use crate::config::StartConfig;
use crate::handlers::features::{self, Level, LevelError};
use crate::metadata::GROUP_VERSION;

/// The levels that the configuration names.
fn wanted(config: &StartConfig) -> Vec<Level> {
    config.settings.groups.version.map(|level| (GROUP_VERSION.to_owned(), level)).into_iter().collect()
}

/// The levels of a cluster that is founded now.
pub(super) fn of_new_cluster(config: &StartConfig) -> Result<Vec<Level>, Failure> {
    features::of_new_cluster(&wanted(config)).map_err(failed)
}

/// Brings the levels that the configuration names into force. When the cluster can't be served, the data is left clean.
pub(super) async fn settle(config: &StartConfig, broker: &Broker) -> Result<(), Failure> {
    let Err(error) = features::settle(&broker.metadata, &wanted(config)).await else { return Ok(()) };
    let store = broker.store.clone();
    match tokio::task::spawn_blocking(move || store.shutdown()).await {
        Ok(Ok(())) => Err(failed(error)),
        Ok(Err(shutdown)) => Err(shutdown_failed(&config.data_dir, &shutdown)),
        Err(panic) => Err(Failure::Other(format!("the stop failed: {panic}"))),
    }
}

fn failed(error: LevelError) -> Failure {
    let line = error.to_string();
    match error {
        LevelError::Wanted { .. } => Failure::Other(line),
        LevelError::Finalized { .. } => Failure::ForeignData(line),
        LevelError::Commit(_) => Failure::Storage(line),
    }
}
