//! The call between the sockets and the handlers: who asks ([`Peer`]), what is asked ([`Request`]), what comes back
//! ([`Answer`]). The server (one floor up) calls [`Dispatch`]; the handlers implement it; neither knows the other.
//!
//! What must hold:
//! - `start` of one connection's requests is awaited one after the other, in the order they arrived; what it returns may
//!   finish in any order, and the server sends the answers in request order (AV-12).
//! - The memory of a frame stays charged to the broker's budget until the last slice of its [`Bytes`] is dropped: keep no
//!   slice longer than the request needs it, copy what must outlive it.
//! - A [`Later`](Answer::Later) future is dropped when its connection ends: what it does must be safe to abandon at any
//!   await. What must happen in any case belongs into `start` (which runs to its end unless the connection breaks) or
//!   into a task of its own.

use super::answer_memory::AnswerMemory;
use crate::base::Body;
use bytes::Bytes;
use parking_lot::Mutex;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Answers requests. One per broker, shared by all connections.
pub trait Dispatch: Send + Sync + 'static {
    /// Stage one: what must happen in request order (offsets are assigned here). Until it returns, the connection starts
    /// no other request, so it waits for nothing slow: that belongs into [`Answer::Later`].
    fn start(&self, peer: &Arc<Peer>, request: Request) -> impl Future<Output = Answer> + Send;

    /// The connection is over; whatever was kept under `peer.id` can go. Called exactly once per connection.
    fn closed(&self, _peer: &Peer) {}
}

/// What happens to a request.
pub enum Answer {
    /// Answered already: response header and body, without the length prefix.
    Ready(Body),
    /// Answered when the future is done. Later requests of the connection start meanwhile.
    Later(Pin<Box<dyn Future<Output = Reply> + Send + 'static>>),
    /// Never answered (Produce with acks=0, PR-1).
    Silent,
    /// Answered at once; then the connection is not read for this long (KIP-219, TH-1).
    Throttled(Body, Duration),
    /// The connection is closed once the answers to earlier requests are sent. Nothing is sent for this one.
    Close(Close),
}

impl Answer {
    /// An answer that is worked out by `future`.
    pub fn later(future: impl Future<Output = Reply> + Send + 'static) -> Answer {
        Answer::Later(Box::pin(future))
    }
}

/// How an answer that took longer came out; as in [`Answer`].
pub enum Reply {
    /// The answer.
    Body(Body),
    /// The answer; then the connection is not read for this long.
    Throttled(Body, Duration),
    /// No answer is due (acks=0).
    Silent,
    /// Close after the earlier answers.
    Close(Close),
}

/// Why a connection is closed from this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The class, a metric label.
    pub reason: CloseReason,
    /// For the log: what exactly. Never sent to the peer.
    pub detail: String,
}

impl Close {
    /// A reason with its particulars.
    pub fn new(reason: CloseReason, detail: impl Into<String>) -> Close {
        Close { reason, detail: detail.into() }
    }
}

/// The closed set of reasons to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The API key is unknown or not served (AV-6).
    UnknownApi,
    /// The API is served, but not at this version (AV-6).
    UnsupportedVersion,
    /// The header or body doesn't parse.
    Malformed,
    /// A Produce with acks=0 failed, and closing is the only way to say so (PR-1).
    SilentFailure,
    /// Authentication failed or is missing.
    Authentication,
    /// Bytes of an answer could not be read from their file; part of the answer may have been sent already.
    StorageFailed,
    /// The frame length is below the smallest header or above `socket.request.max.bytes`.
    FrameLength,
    /// The first bytes are those of TLS, HTTP or the like.
    ForeignProtocol,
    /// A frame, once begun, arrived too slowly.
    FrameTooSlow,
    /// Answers that hold memory of the common budget were taken too slowly.
    AnswerTooSlow,
    /// Nothing happened for `connections.max.idle.ms`.
    Idle,
    /// The broker is stopping.
    Stopping,
    /// The peer closed its end.
    PeerClosed,
    /// The socket failed.
    SocketFailed,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [CloseReason; 14] = [
        CloseReason::UnknownApi,
        CloseReason::UnsupportedVersion,
        CloseReason::Malformed,
        CloseReason::SilentFailure,
        CloseReason::Authentication,
        CloseReason::StorageFailed,
        CloseReason::FrameLength,
        CloseReason::ForeignProtocol,
        CloseReason::FrameTooSlow,
        CloseReason::AnswerTooSlow,
        CloseReason::Idle,
        CloseReason::Stopping,
        CloseReason::PeerClosed,
        CloseReason::SocketFailed,
    ];

    /// The name, as metrics and logs have it.
    pub fn name(self) -> &'static str {
        match self {
            CloseReason::UnknownApi => "unknown_api",
            CloseReason::UnsupportedVersion => "unsupported_version",
            CloseReason::Malformed => "malformed",
            CloseReason::SilentFailure => "silent_failure",
            CloseReason::Authentication => "authentication",
            CloseReason::StorageFailed => "storage_failed",
            CloseReason::FrameLength => "frame_length",
            CloseReason::ForeignProtocol => "foreign_protocol",
            CloseReason::FrameTooSlow => "frame_too_slow",
            CloseReason::AnswerTooSlow => "answer_too_slow",
            CloseReason::Idle => "idle",
            CloseReason::Stopping => "stopping",
            CloseReason::PeerClosed => "peer_closed",
            CloseReason::SocketFailed => "socket_failed",
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

/// One request frame, header and body, without the length prefix.
pub struct Request {
    /// The frame, 8 bytes or more. Its memory is charged until the last slice of it is gone.
    pub frame: Bytes,
    /// When its last byte had arrived.
    pub arrived: Instant,
}

impl Request {
    /// The API key: the frame's first two bytes.
    pub fn api_key(&self) -> i16 {
        match self.frame.first_chunk::<2>() {
            Some(bytes) => i16::from_be_bytes(*bytes),
            None => -1,
        }
    }
}

/// A connection's number, never used again while the process runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a listener tells its clients to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// `advertised.listeners` names it.
    Fixed {
        /// Host name or address, as the operator wrote it.
        host: String,
        /// Port.
        port: u16,
    },
    /// Unset: the address that the client reached (never a wildcard, MD-3).
    Reached,
}

/// A listener as its connections see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name in `listeners`, e.g. PLAINTEXT.
    pub name: String,
    /// What its clients are told.
    pub advertised: Advertised,
}

/// The client's own words about its software (ApiVersions 3+, KIP-511).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// E.g. `apache-kafka-java`.
    pub name: String,
    /// E.g. `4.4.0`.
    pub version: String,
}

/// The other end of a connection.
pub struct Peer {
    /// The connection's number; owner of fetch sessions and the like.
    pub id: ConnectionId,
    /// Where it came in.
    pub listener: Arc<Listener>,
    /// The address it reached.
    pub local: SocketAddr,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// The broker is stopping: answer what waits at once.
    pub stopping: Stopping,
    /// The budget of unsent answers: to be asked before a long one is made.
    pub answers: Arc<AnswerMemory>,
    software: Mutex<Option<Software>>,
}

impl Peer {
    /// A peer. IPv6 addresses that map IPv4 are shown as IPv4.
    pub fn new(
        id: ConnectionId,
        listener: Arc<Listener>,
        local: SocketAddr,
        remote: SocketAddr,
        stopping: Stopping,
        answers: Arc<AnswerMemory>,
    ) -> Peer {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (local, remote, software) = (plain(local), plain(remote), Mutex::new(None));
        Peer { id, listener, local, remote, stopping, answers, software }
    }

    /// Host and port that this peer is told to use.
    pub fn advertised(&self) -> (String, u16) {
        match &self.listener.advertised {
            Advertised::Fixed { host, port } => (host.clone(), *port),
            Advertised::Reached => (self.local.ip().to_string(), self.local.port()),
        }
    }

    /// The peer's address, as DescribeLogDirs, quotas and ACLs see it.
    pub fn host(&self) -> IpAddr {
        self.remote.ip()
    }

    /// What the client said about itself, if it has.
    pub fn software(&self) -> Option<Software> {
        self.software.lock().clone()
    }

    /// Remembers what the client said about itself.
    pub fn set_software(&self, software: Software) {
        *self.software.lock() = Some(software);
    }
}

/// Says when the broker begins to stop. Cheap to clone.
#[derive(Clone)]
pub struct Stopping(watch::Receiver<bool>);

/// The end that says so.
pub struct StopSignal(watch::Sender<bool>);

/// A signal and what listens to it.
pub fn stop_signal() -> (StopSignal, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (StopSignal(sender), Stopping(receiver))
}

impl StopSignal {
    /// Begins the stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Whether the stop has begun.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when the stop begins (or when nobody is left who could begin it).
    pub async fn begun(&self) {
        let mut receiver = self.0.clone();
        // An error means that the signal's owner is gone: the broker is being torn down.
        let _ = receiver.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
