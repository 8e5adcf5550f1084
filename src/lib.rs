//! Ottla: a Kafka-wire-compatible broker. See docs/architecture.md for the map of the modules and their floors.

// Folders describe their parts, private ones too: these docs are read with `cargo doc --document-private-items`.
#![allow(rustdoc::private_intra_doc_links)]

pub mod base;
pub mod broker;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod group;
pub mod handlers;
pub mod io;
pub mod log;
pub mod metadata;
pub mod metrics;
pub mod partition;
pub mod record;
pub mod serve;
pub mod server;
pub mod settings;
pub mod store;
pub mod wal;
pub mod wire;

#[cfg(test)]
mod tidy;
