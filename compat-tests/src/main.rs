//! Compat
fn main() {}
