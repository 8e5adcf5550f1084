//! Floor 11: sockets. Listeners, admission, frames in, answers out, the admin port.
//!
//! - [`listen`]: listeners and their accept loops, start and stop; [`admission`]: who is let in.
//! - [`connection`]: one connection; made of [`frame`] (reading), [`answers`] (order), [`output`] and [`pieces`] (sending).
//! - [`memory`]: the budget of request frames; that of unsent answers is the handlers' and the server's together, see
//!   [`answer_memory`](crate::handlers::answer_memory); [`taking`]: whether a peer takes its answers.
//! - [`admin`]: metrics and health over HTTP.
//! - [`limits`]: every bound; [`descriptors`]: who may open how many files.
//!
//! What must hold: what a peer sends decides nothing about memory, descriptors or other peers' service beyond the
//! named bounds; a connection's answers leave in the order of its requests; a stop answers what was started. The server
//! knows sockets and frames, neither APIs nor logs: requests go through [`Dispatch`](crate::handlers::call::Dispatch).
//! A crash leaves nothing behind: there is no state here that outlives a connection. Called by the composition only.

mod admin;
mod admission;
mod answers;
mod connection;
mod descriptors;
mod frame;
pub mod limits;
mod listen;
mod memory;
mod output;
mod pieces;
mod taking;

pub use admin::{Admin, Health};
pub use admission::Admission;
pub use descriptors::Descriptors;
pub use limits::Limits;
pub use listen::{BindError, Bound, Drained, ListenerConfig, Server};
pub use memory::Memory;

#[cfg(test)]
mod tests;
