//! One connection: frames in, answers out, in one task and without a hop between the two.
//!
//! What must hold:
//! - Requests start one after the other, in the order they came; answers leave in that order.
//! - With too many unanswered requests, too many queued bytes, or while muted, the connection is not read: TCP tells the peer.
//! - At rest it holds a task, a timer and no buffer.
//! - Whatever ends it, [`Dispatch::closed`] is called once and its place is given back.

use super::admission::Slot;
use super::answers::Answers;
use super::frame::FrameReader;
use super::limits::{LINGER, LINGER_BYTES, Limits, OUTPUT_QUEUED_BYTES_MAX, SPILL_AFTER, UNANSWERED_MAX};
use super::memory::Memory;
use super::output::{Output, Spill};
use super::pieces::Pieces;
use super::taking::Taking;
use crate::handlers::call::{Answer, Close, CloseReason, Dispatch, Peer, Reply, Request};
use crate::metrics::{Metrics, Stage};
use socket2::SockRef;
use std::future::{Future, poll_fn};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// A timer that is set again long before it ends: for connections without a limit on idle time.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// What all connections share.
pub struct Shared<D> {
    /// Who answers.
    pub dispatch: Arc<D>,
    /// Memory of frames.
    pub memory: Arc<Memory>,
    /// File data on its way out.
    pub pieces: Arc<Pieces>,
    /// Bounds.
    pub limits: Limits,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// A connection's life, from its first byte to its end.
pub async fn serve<D: Dispatch>(stream: TcpStream, peer: Arc<Peer>, shared: Arc<Shared<D>>, slot: Slot) {
    let mut ending = Ending { shared: Arc::clone(&shared), peer: Arc::clone(&peer), reason: "aborted", _slot: slot };
    let stopping = peer.stopping.clone();
    let mut connection = Connection::new(stream, peer, shared);
    let close = {
        let mut stop = pin!(stopping.begun());
        let mut stop_seen = false;
        poll_fn(|cx| {
            if !stop_seen && stop.as_mut().poll(cx).is_ready() {
                stop_seen = true;
                connection.stopping = true;
            }
            connection.poll(cx)
        })
        .await
    };
    ending.reason = close.reason.name();
    log_end(&ending.peer, &close);
    if connection.deserves_linger(&close) {
        linger(&connection.stream).await;
    }
}

fn log_end(peer: &Peer, close: &Close) {
    let (id, remote, listener) = (peer.id, peer.remote, &peer.listener.name);
    let software = peer.software();
    let software = software.as_ref().map_or("", |software| software.name.as_str());
    match close.reason {
        CloseReason::PeerClosed | CloseReason::SocketFailed | CloseReason::Idle | CloseReason::Stopping => {
            tracing::debug!(%id, %remote, listener, reason = %close, "connection ended");
        }
        CloseReason::UnknownApi
        | CloseReason::UnsupportedVersion
        | CloseReason::Malformed
        | CloseReason::SilentFailure
        | CloseReason::Authentication
        | CloseReason::StorageFailed
        | CloseReason::FrameLength
        | CloseReason::ForeignProtocol
        | CloseReason::FrameTooSlow
        | CloseReason::AnswerTooSlow => {
            tracing::info!(%id, %remote, listener, software, reason = %close, "connection closed");
        }
    }
}

/// Says the end, however it comes about.
struct Ending<D: Dispatch> {
    shared: Arc<Shared<D>>,
    peer: Arc<Peer>,
    reason: &'static str,
    _slot: Slot,
}

impl<D: Dispatch> Drop for Ending<D> {
    fn drop(&mut self) {
        self.shared.metrics.connections.closed(self.reason);
        self.shared.dispatch.closed(&self.peer);
    }
}

/// Lets the peer read the last answers: closing with unread bytes would reset the connection and drop them.
async fn linger(stream: &TcpStream) {
    if SockRef::from(stream).shutdown(Shutdown::Write).is_err() {
        return;
    }
    let drain = async {
        let mut forgotten = 0;
        let mut buffer = [0; 1024];
        while forgotten < LINGER_BYTES && stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(got) => forgotten += got,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    // Either way the connection is closed next.
    let _ = timeout(LINGER, Box::pin(drain)).await;
}

/// What is remembered of a request until its answer is sent.
struct Timing {
    api: i16,
    arrived: Instant,
    started: Instant,
    /// The end of the ordered part; then, that of the wait.
    since: Instant,
    bytes: u64,
}

type Starting = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Connection<D> {
    stream: TcpStream,
    peer: Arc<Peer>,
    shared: Arc<Shared<D>>,
    reader: FrameReader,
    starting: Option<(Starting, Timing)>,
    answers: Answers<Timing>,
    output: Output<Timing>,
    taking: Taking,
    unsent: usize,
    muted_until: Option<Instant>,
    closing: Option<Close>,
    stopping: bool,
    /// The connection was not read in the last round.
    held: bool,
    active: Instant,
    stalled: Option<Stalled>,
    /// Since when ring memory is held.
    ring_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// A socket that takes nothing.
struct Stalled {
    since: Instant,
    at_bytes: u64,
    spilled: bool,
}

impl<D: Dispatch> Connection<D> {
    fn new(stream: TcpStream, peer: Arc<Peer>, shared: Arc<Shared<D>>) -> Self {
        let now = Instant::now();
        Connection {
            stream,
            taking: Taking::new(&peer.answers),
            peer,
            reader: FrameReader::default(),
            starting: None,
            answers: Answers::default(),
            output: Output::default(),
            unsent: 0,
            muted_until: None,
            closing: None,
            stopping: false,
            held: false,
            active: now,
            stalled: None,
            ring_since: None,
            timer: Box::pin(sleep_until(now.checked_add(shared.limits.idle).unwrap_or(now + FAR))),
            shared,
        }
    }

    /// Runs until the connection must end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Close> {
        loop {
            while self.poll_start(cx) || self.poll_answers(cx) || self.poll_read(cx) {
                self.count_answers();
            }
            let flushed = self.poll_flush(cx);
            self.count_answers();
            match flushed {
                Poll::Ready(Err(close)) => return Poll::Ready(close),
                Poll::Ready(Ok(())) => {
                    if let Some(close) = self.finished() {
                        return Poll::Ready(close);
                    }
                }
                Poll::Pending => {}
            }
            if self.held && self.may_read() {
                continue;
            }
            if let Some(close) = ready!(self.poll_timer(cx)) {
                return Poll::Ready(close);
            }
        }
    }

    /// Says what the answers hold that are not sent.
    fn count_answers(&mut self) {
        self.taking.holds(self.answers.owned_bytes() + self.output.held_bytes(), self.output.sent_bytes());
    }

    /// The reason to end, once nothing is left to send.
    fn finished(&mut self) -> Option<Close> {
        if self.closing.is_some() {
            // Only what came before the reason is still answered: `answers` holds nothing else.
            return if self.answers.is_empty() { self.closing.take() } else { None };
        }
        let quiet = self.answers.is_empty() && self.starting.is_none();
        (self.stopping && quiet).then(|| Close::new(CloseReason::Stopping, "the broker is stopping"))
    }

    fn may_read(&self) -> bool {
        self.starting.is_none()
            && self.closing.is_none()
            && !self.stopping
            && self.muted_until.is_none()
            && self.answers.len() + self.unsent < UNANSWERED_MAX
            && self.answers.owned_bytes() + self.output.owned_bytes() < OUTPUT_QUEUED_BYTES_MAX
            && !self.taking.holds_back()
    }

    /// Reads a frame and begins to start it. Says whether anything moved.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.may_read() {
            self.held = true;
            return false;
        }
        if std::mem::take(&mut self.held) {
            self.reader.resumed(Instant::now());
        }
        match self.reader.poll_frame(cx, &self.stream, &self.shared.memory) {
            Poll::Pending => false,
            Poll::Ready(Err(close)) => {
                let gone = matches!(close.reason, CloseReason::PeerClosed | CloseReason::SocketFailed);
                if gone {
                    self.answers.clear();
                    self.output = Output::default();
                    self.unsent = 0;
                }
                self.closing = Some(close);
                true
            }
            Poll::Ready(Ok(frame)) => {
                let now = Instant::now();
                self.active = now;
                let request = Request { frame, arrived: now };
                let api = request.api_key();
                self.shared.metrics.requests.request_size(api, request.frame.len() as u64);
                let timing = Timing { api, arrived: now, started: now, since: now, bytes: 0 };
                let (dispatch, peer) = (Arc::clone(&self.shared.dispatch), Arc::clone(&self.peer));
                let start = Box::pin(async move { dispatch.start(&peer, request).await });
                self.starting = Some((start, timing));
                true
            }
        }
    }

    /// Runs the ordered part of the request that was read last.
    fn poll_start(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((start, _)) = self.starting.as_mut() else { return false };
        let Poll::Ready(answer) = start.as_mut().poll(cx) else { return false };
        let Some((_, mut timing)) = self.starting.take() else { return false };
        timing.since = Instant::now();
        let requests = &self.shared.metrics.requests;
        requests.took(timing.api, Stage::Queue, timing.started - timing.arrived);
        requests.took(timing.api, Stage::Local, timing.since - timing.started);
        self.answers.push(answer, timing);
        true
    }

    /// Moves the next answer to the output.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> bool {
        if self.answers.is_empty() {
            return false;
        }
        let Poll::Ready(Some((reply, mut timing))) = self.answers.poll_next(cx) else { return false };
        let now = Instant::now();
        self.active = now;
        self.shared.metrics.requests.took(timing.api, Stage::Wait, now - timing.since);
        timing.since = now;
        let body = match reply {
            Reply::Body(body) => body,
            Reply::Throttled(body, time) => {
                self.muted_until = now.checked_add(time);
                body
            }
            Reply::Silent => {
                self.shared.metrics.requests.took(timing.api, Stage::Total, now - timing.arrived);
                return true;
            }
            Reply::Close(close) => {
                self.answers.clear();
                self.starting = None;
                self.closing = Some(close);
                return true;
            }
        };
        timing.bytes = body.len();
        self.unsent += 1;
        self.output.push(body, timing);
        true
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Close>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let before = self.output.sent_bytes();
        let (unsent, requests) = (&mut self.unsent, &self.shared.metrics.requests);
        let mut now = None;
        let flushed = self.output.poll_flush(cx, &self.stream, &self.shared.pieces, &mut |timing: Timing| {
            let now = *now.get_or_insert_with(Instant::now);
            *unsent -= 1;
            requests.response_size(timing.api, timing.bytes);
            requests.took(timing.api, Stage::Send, now - timing.since);
            requests.took(timing.api, Stage::Total, now - timing.arrived);
        });
        let sent = self.output.sent_bytes();
        if flushed.is_ready() {
            self.stalled = None;
        } else if self.stalled.as_ref().is_none_or(|stalled| stalled.at_bytes != sent) {
            self.stalled = Some(Stalled { since: Instant::now(), at_bytes: sent, spilled: false });
        }
        let ring = self.output.ring_bytes() > 0;
        self.ring_since = ring.then(|| self.ring_since.unwrap_or_else(Instant::now));
        if sent != before {
            self.active = Instant::now();
        }
        flushed
    }

    /// Waits for the next deadline. Ready when one has passed: with the reason to end, or after a change.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Close>> {
        let Some(next) = self.next_deadline() else { return Poll::Pending };
        if next < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(self.pass(Instant::now()))
    }

    fn next_deadline(&self) -> Option<Instant> {
        let frame = if self.may_read() { self.reader.deadline() } else { None };
        let spill = self.stalled.as_ref().filter(|stalled| !stalled.spilled).map(|stalled| stalled.since + SPILL_AFTER);
        let ring = self.ring_since.map(|since| since + SPILL_AFTER);
        [frame, spill, ring, self.taking.deadline(), self.muted_until, self.idle_at()].into_iter().flatten().min()
    }

    /// When the connection counts as idle: not while a request is being worked on.
    fn idle_at(&self) -> Option<Instant> {
        let working = self.starting.is_some() || !self.answers.is_empty();
        if working { None } else { self.active.checked_add(self.shared.limits.idle) }
    }

    /// Acts on the deadlines that have passed at `now`.
    fn pass(&mut self, now: Instant) -> Option<Close> {
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
        }
        if let Some(stalled) = self.stalled.as_mut()
            && !stalled.spilled
            && stalled.since + SPILL_AFTER <= now
        {
            stalled.spilled = true;
            self.output.spill(Spill::All);
            self.ring_since = None;
        }
        if self.ring_since.is_some_and(|since| since + SPILL_AFTER <= now) {
            self.output.spill(Spill::Ring);
            self.ring_since = None;
        }
        if let Some(close) = self.taking.overdue(now, self.output.sent_bytes(), !self.output.is_empty()) {
            return Some(close);
        }
        if self.idle_at().is_some_and(|at| at <= now) {
            let detail = format!("nothing happened for {:?}", self.shared.limits.idle);
            return Some(Close::new(CloseReason::Idle, detail));
        }
        if self.may_read() { self.reader.overdue(now, &self.shared.memory) } else { None }
    }

    /// Whether answers may still be on their way to a peer that goes on sending.
    fn deserves_linger(&self, close: &Close) -> bool {
        let gone = matches!(close.reason, CloseReason::PeerClosed | CloseReason::SocketFailed | CloseReason::Idle);
        !gone && self.output.sent_bytes() > 0 && self.output.is_empty()
    }
}
