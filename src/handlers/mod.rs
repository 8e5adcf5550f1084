//! handlers
//!
//! - [`call`]: the call between sockets and handlers: peer, request, answer.

pub mod call;
