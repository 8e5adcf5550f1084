//! Floor 11: sockets. Listeners, admission, frames in, answers out, the admin port.
//!
//! - [`limits`]: every bound, [`descriptors`]: who may open how many files.

mod descriptors;
pub mod limits;

pub use descriptors::Descriptors;
pub use limits::Limits;
