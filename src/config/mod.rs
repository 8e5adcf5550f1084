//! From what a person wrote to what the broker starts with.
//!
//! | part | what it does |
//! | --- | --- |
//! | `properties` | Java's properties syntax |
//! | `environment` | the `KAFKA_*` rule of the official image |
//! | `listeners` | addresses to bind and to advertise |
//! | `assemble` | layers defaults < file < environment < flags, and checks every value |
//! | `report` | warnings and errors, one line each |
//!
//! What must hold: every value remembers where it was written; a bad value stops the start with a
//! line that names key, value, place and remedy; nothing is dropped in silence. The environment and
//! the text of the file are arguments. Called by `cli` alone; a [`StartConfig`] goes to the broker.

mod assemble;
mod environment;
mod listeners;
mod properties;
mod report;

pub use assemble::{Flags, PropertiesFile, StartConfig, assemble};
pub use environment::{Meaning, meaning, variable};
pub use listeners::{Advertised, Bind, BindHost, Listener, ListenerError, ListenerKeys, Listeners, parse_bind};
pub use properties::{BadEscape, Property, parse as parse_properties};
pub use report::{ConfigError, Warning};

#[cfg(test)]
mod tests;
