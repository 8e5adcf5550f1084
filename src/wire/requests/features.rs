//! Levels of features: UpdateFeatures.

use super::caps::FEATURES_MAX;
use super::define::request;
use crate::wire::{Array, Str};

request! {
    /// Changes the levels that the cluster runs at (KIP-584, KIP-778).
    pub struct UpdateFeaturesRequest {
        /// How long the client waits, milliseconds.
        timeout_ms: i32 = 60000;
        /// The features; each once.
        feature_updates: Array<FeatureUpdateKey> [max FEATURES_MAX];
        /// Whether only to check.
        validate_only: bool [in 1..];
    }

    /// One feature of [`UpdateFeaturesRequest`].
    pub struct FeatureUpdateKey {
        /// Its name.
        feature: Str;
        /// The new level; 0 takes the feature away.
        max_version_level: i16;
        /// Whether the level may fall, in version 0.
        allow_downgrade: bool [in ..=0];
        /// 1 the level may only grow, 2 it may fall if nothing is lost, 3 it may fall whatever is lost.
        upgrade_type: i8 [in 1..] = 1;
    }
}
