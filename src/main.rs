//! Ottla
fn main() {}
