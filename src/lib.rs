//! Ottla
pub mod settings;
