//! Ottla
