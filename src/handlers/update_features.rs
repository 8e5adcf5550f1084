//! UpdateFeatures (57), versions 0-2. KIP-584, KIP-778 (kinds of updates).
//!
//! - All features change or none: the first that can't be changed is the answer to all.
//! - A level falls only for an update that says so: 2, nothing may be lost, or 3, whatever is lost. Those of today lose
//!   nothing. Such an update does not raise a level either.
//! - Version 0 has no such update: as with Kafka 4.4, its `allow_downgrade` counts for nothing.
//! - A feature that comes twice has the last level that was asked for.
//! - Up to version 1 a success names each feature; an error is told once in every version.

use super::answer::{Outcome, done, text};
use super::errors;
use super::features::{self, Feature, Level};
use crate::base::NodeId;
use crate::metadata::{CommitError, Image, MetadataLog, Refusal};
use crate::wire::requests::UpdateFeaturesRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::update_features_response::{UpdatableFeatureResult, UpdateFeaturesResponse};
use std::collections::HashMap;

/// The last version whose answer names each feature.
const RESULTS_UP_TO: i16 = 1;

/// Bytes of a name that a message repeats: a name may be as long as a message can be.
const NAME_SHOWN_BYTES_MAX: usize = 255;

/// What an update may do to a level, by its number on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// 1: raise it.
    Upgrade,
    /// 2 and 3: lower it.
    Downgrade,
    /// Any other number.
    Unknown,
}

/// One update.
#[derive(Clone, Debug)]
struct Update {
    name: String,
    level: i16,
    kind: Kind,
}

pub(super) async fn answer(
    metadata: &MetadataLog,
    offered: Vec<&'static Feature>,
    node: NodeId,
    header: &RequestHeader,
    request: &UpdateFeaturesRequest,
) -> Outcome {
    let updates = updates(request);
    let asked = updates.clone();
    let decide = move |image: &Image| {
        let levels = check(image, &offered, node, &updates).map_err(|reason| Refusal::Declined { reason })?;
        Ok(features::changes(image, &levels))
    };
    let outcome = match request.validate_only {
        true => decide(&metadata.image()).map(drop).map_err(CommitError::Refused),
        false => metadata.commit_with(decide).await.map(drop),
    };
    let mut response = UpdateFeaturesResponse::default();
    response.error_message = None;
    let error = match outcome {
        Ok(()) => {
            if !request.validate_only && !asked.is_empty() {
                tracing::info!(updates = ?asked, "feature levels are as they were asked for");
            }
            ErrorCode::None
        }
        Err(error) => {
            response.error_message = Some(text(format!("No feature was changed: {error}.")));
            match &error {
                CommitError::Refused(Refusal::Declined { .. }) => ErrorCode::InvalidUpdateVersion,
                other => errors::of_commit(other),
            }
        }
    };
    response.error_code = error.code();
    if error.is_none() && header.version <= RESULTS_UP_TO {
        response.results = request.feature_updates.iter().map(|update| changed(update.feature)).collect();
    }
    done(header, &response, error)
}

/// The result for one feature of an update that was made.
fn changed(feature: crate::wire::Str) -> UpdatableFeatureResult {
    let mut result = UpdatableFeatureResult::default();
    result.feature = feature;
    result.error_message = None;
    result
}

/// The updates of a request, each feature once, in the order in which they are first named.
fn updates(request: &UpdateFeaturesRequest) -> Vec<Update> {
    let mut updates: Vec<Update> = Vec::new();
    let mut places = HashMap::new();
    for asked in &request.feature_updates {
        let kind = match asked.upgrade_type {
            1 => Kind::Upgrade,
            2 | 3 => Kind::Downgrade,
            _ => Kind::Unknown,
        };
        let update = Update { name: asked.feature.to_string(), level: asked.max_version_level, kind };
        match places.entry(asked.feature.clone()) {
            std::collections::hash_map::Entry::Occupied(place) => updates[*place.get()] = update,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(updates.len());
                updates.push(update);
            }
        }
    }
    updates
}

/// The levels that the updates lead to, or why one of them can't be made.
fn check(image: &Image, offered: &[&'static Feature], node: NodeId, updates: &[Update]) -> Result<Vec<Level>, String> {
    for update in updates {
        let Update { name, level, .. } = update;
        let shown = &name[..name.floor_char_boundary(NAME_SHOWN_BYTES_MAX)];
        check_one(image.feature(name), offered, node, update)
            .map_err(|reason| format!("feature {shown} can't get level {level}: {reason}"))?;
    }
    Ok(updates.iter().map(|update| (update.name.clone(), update.level)).collect())
}

/// In Kafka's order, so that the first reason is Kafka's too.
fn check_one(now: i16, offered: &[&'static Feature], node: NodeId, update: &Update) -> Result<(), String> {
    if update.kind == Kind::Unknown {
        return Err("there is no such kind of update; 1 raises a level, 2 and 3 lower it".to_owned());
    }
    if update.level < 0 {
        return Err("levels start at 0".to_owned());
    }
    let Some(feature) = offered.iter().find(|feature| feature.name == update.name) else {
        return Err(format!("broker {node} has no such feature"));
    };
    let (least, most) = (feature.levels.start(), feature.levels.end());
    if !feature.levels.contains(&update.level) {
        return Err(format!("broker {node} can run at levels {least} to {most}"));
    }
    match update.kind {
        Kind::Upgrade if update.level < now => Err(format!("it is at {now}, and this kind of update lowers no level")),
        Kind::Downgrade if update.level > now => {
            Err(format!("it is at {now}, and this kind of update raises no level"))
        }
        Kind::Upgrade | Kind::Downgrade | Kind::Unknown => Ok(()),
    }
}

#[cfg(test)]
#[path = "update_features_tests.rs"]
mod tests;
