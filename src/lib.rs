//! Ottla: a Kafka-wire-compatible broker. See docs/architecture.md for the map.

pub mod base;
