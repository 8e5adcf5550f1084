//! Features (KIP-584, KIP-1022): the levels that this Ottla can run at, and those that a start gives to the cluster.
//!
//! - A feature stands in the table when all that it promises is served (NG-1): one that is half there breaks clients (AV-11).
//! - A new cluster has the levels of the table, or those that the configuration names; one that exists keeps its own until
//!   the configuration or UpdateFeatures says otherwise.
//! - A cluster at a level that this Ottla can't run at is not served at all.

use crate::metadata::{Change, CommitError, GROUP_VERSION, Image, MetadataLog};
use std::ops::RangeInclusive;

/// The level of `group.version` in a new cluster, unless `ottla.group.version` says otherwise.
const GROUP_VERSION_FOUNDED: i16 = 1;

/// One feature.
#[derive(Debug)]
pub(super) struct Feature {
    /// Its name.
    pub(super) name: &'static str,
    /// The levels that this Ottla can run at; 0 is "not at all".
    pub(super) levels: RangeInclusive<i16>,
    /// Its level in a new cluster.
    founded: i16,
}

/// Every feature, sorted by name.
pub(super) static FEATURES: &[Feature] =
    &[Feature { name: GROUP_VERSION, levels: 0..=1, founded: GROUP_VERSION_FOUNDED }];

/// The features that this Ottla offers.
pub(super) fn offered() -> Vec<&'static Feature> {
    FEATURES.iter().collect()
}

/// A feature and its level.
pub type Level = (String, i16);

/// Why levels can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// The configuration wants a level that this Ottla does not offer.
    #[error(
        "{name} can't be at level {level} with this Ottla, which {offers}; take the setting away or choose another level"
    )]
    Wanted {
        /// The feature.
        name: String,
        /// The level.
        level: i16,
        /// What is offered.
        offers: String,
    },
    /// The cluster runs at a level that this Ottla does not offer.
    #[error(
        "the cluster runs at level {level} of {name}, and this Ottla {offers}; start the one that it was raised with"
    )]
    Finalized {
        /// The feature.
        name: String,
        /// The level.
        level: i16,
        /// What is offered.
        offers: String,
    },
    /// The levels could not be written down.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What is offered of a feature, in words, when this level is not.
fn missing(offered: &[&'static Feature], name: &str, level: i16) -> Option<String> {
    match offered.iter().find(|feature| feature.name == name) {
        Some(feature) if feature.levels.contains(&level) => None,
        Some(feature) => Some(format!("has levels {} to {}", feature.levels.start(), feature.levels.end())),
        None if level == 0 => None,
        None => Some("does not know the feature".to_owned()),
    }
}

/// The levels of a cluster that is founded now; `wanted` are those that the configuration names.
pub fn of_new_cluster(wanted: &[Level]) -> Result<Vec<Level>, LevelError> {
    new_levels(&offered(), wanted)
}

fn new_levels(offered: &[&'static Feature], wanted: &[Level]) -> Result<Vec<Level>, LevelError> {
    if let Some((name, level, offers)) =
        wanted.iter().find_map(|(name, level)| Some((name, *level, missing(offered, name, *level)?)))
    {
        return Err(LevelError::Wanted { name: name.clone(), level, offers });
    }
    let named = |name: &str| wanted.iter().find(|(wanted, _)| wanted == name).map(|(_, level)| *level);
    let levels =
        offered.iter().map(|feature| (feature.name.to_owned(), named(feature.name).unwrap_or(feature.founded)));
    Ok(levels.filter(|(_, level)| *level > 0).collect())
}

/// Gives the cluster the levels that the configuration names, and finds out whether it can be served. To be called before
/// anything is.
pub async fn settle(metadata: &MetadataLog, wanted: &[Level]) -> Result<(), LevelError> {
    settle_to(metadata, &offered(), wanted).await
}

async fn settle_to(metadata: &MetadataLog, offered: &[&'static Feature], wanted: &[Level]) -> Result<(), LevelError> {
    for (name, level) in metadata.image().features() {
        if let Some(offers) = missing(offered, name, *level) {
            return Err(LevelError::Finalized { name: name.clone(), level: *level, offers });
        }
    }
    let changes = changes(&metadata.image(), wanted);
    if !changes.is_empty() {
        tracing::info!(levels = ?wanted, "feature levels of the configuration come into force");
        metadata.commit(changes).await?;
    }
    Ok(())
}

/// The changes from an image's levels to these.
pub(super) fn changes(image: &Image, levels: &[Level]) -> Vec<Change> {
    let other = levels.iter().filter(|(name, level)| image.feature(name) != *level);
    other.map(|(name, level)| Change::SetFeature { name: name.clone(), level: *level }).collect()
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
