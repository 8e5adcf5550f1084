//! The text that Prometheus reads.

use prometheus::{Registry, TextEncoder};

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything registered, in text format 0.0.4. Families without a series are left out.
pub fn text(registry: &Registry) -> String {
    let families: Vec<_> = registry.gather().into_iter().filter(|family| !family.get_metric().is_empty()).collect();
    match TextEncoder::new().encode_to_string(&families) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "metrics can't be written");
            String::new()
        }
    }
}
