//! The cleaner's settings, which are altered while the broker runs.

use crate::handlers::Configs;
use crate::settings::CleanerSettings;
use crate::store::{CleanerConfig, Store};
use std::sync::Arc;
use std::time::Duration;

/// Slowest pace, bytes in a second: Kafka takes zero and less, which would be never.
const BYTES_PER_SECOND_MIN: f64 = 1024.0;

/// What the settings say. `seed` keys the digests of record keys.
pub fn config(settings: &CleanerSettings, seed: [u8; 16]) -> CleanerConfig {
    let whole = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    // Not a number is no limit, as it is for Kafka's comparisons.
    let bytes_per_second = match settings.io_max_bytes_per_second {
        limit if limit.is_nan() => f64::MAX,
        limit => limit.max(BYTES_PER_SECOND_MIN),
    };
    CleanerConfig {
        enabled: settings.enable,
        threads: whole(settings.threads),
        dedupe_buffer_bytes: settings.dedupe_buffer_bytes,
        load_factor: if settings.load_factor.is_nan() { 0.0 } else { settings.load_factor.clamp(0.0, 1.0) },
        bytes_per_second,
        backoff: Duration::from_millis(settings.backoff_ms),
        seed,
    }
}

/// Keeps the cleaner at what the settings say, those of now included.
pub async fn follow(configs: Arc<Configs>, store: Arc<Store>, seed: [u8; 16]) {
    let mut changes = configs.changes();
    loop {
        let wanted = config(&configs.broker().cleaner, seed);
        if let Err(error) = store.set_cleaner(wanted) {
            tracing::error!(%error, "a thread of the cleaner can't be started");
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(load_factor: f64, io_max_bytes_per_second: f64) -> CleanerSettings {
        CleanerSettings {
            enable: true,
            threads: 2,
            dedupe_buffer_bytes: 128 << 20,
            load_factor,
            io_buffer_bytes: 0,
            io_max_bytes_per_second,
            backoff_ms: 15_000,
        }
    }

    /// Kafka takes any number for these; none of them may stop the cleaner for good, or make it panic.
    #[test]
    fn odd_numbers_are_brought_to_what_can_be() {
        for (given, load, pace) in [
            (f64::NAN, 0.0, f64::MAX),
            (f64::NEG_INFINITY, 0.0, BYTES_PER_SECOND_MIN),
            (-1.0, 0.0, BYTES_PER_SECOND_MIN),
            (0.9, 0.9, BYTES_PER_SECOND_MIN),
            (f64::INFINITY, 1.0, f64::INFINITY),
            (1e9, 1.0, 1e9),
        ] {
            let config = config(&settings(given, given), [0; 16]);
            assert_eq!((config.load_factor, config.bytes_per_second), (load, pace), "{given}");
        }
    }
}
