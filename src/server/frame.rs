//! Frames, read as they arrive: a length of four bytes, then so many bytes.
//!
//! What must hold:
//! - Nothing is allocated on the word of a length. An idle connection holds no buffer; one that has announced a frame
//!   holds a small multiple of the bytes that came (1 KiB at least), and all of it is charged to [`Memory`] first.
//! - Never a byte is read past the frame but the next frame's length, so there is nothing to carry over.
//! - A frame that has begun makes progress or ends the connection; while *this side* waits (for memory), no time counts.

use super::limits::{
    FRAME_BYTES_MIN, FRAME_PROGRESS_BYTES, FRAME_PROGRESS_SPAN, FRAME_PROGRESS_SPAN_PRESSED, LANE_PROGRESS_BYTES,
    SMALL_FRAME_BYTES,
};
use super::memory::{Charge, Memory, Reserve, Waiting};
use crate::handlers::call::{Close, CloseReason};
use bytes::{BufMut, Bytes};
use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The least room that a frame of which a part has come is given.
const PARTIAL_BYTES_MIN: usize = 1024;

/// Bytes read of one frame before other connections of the worker have their turn.
const TURN_BYTES: usize = 256 * 1024;

thread_local! {
    /// The first bytes of a frame land here, then in a buffer of the right size: one per worker thread, not per connection.
    static LANDING: RefCell<Box<[u8]>> = RefCell::new(vec![0; SMALL_FRAME_BYTES].into_boxed_slice());
}

/// Reads one connection's frames.
#[derive(Default)]
pub struct FrameReader {
    prefix: [u8; 4],
    prefix_got: usize,
    body: Option<Partial>,
    progress: Option<Progress>,
    first_seen: bool,
}

/// A frame whose length is known.
struct Partial {
    length: usize,
    buffer: Vec<u8>,
    charge: Option<Charge>,
    waiting: Option<Waiting>,
}

/// What a frame had when it was last seen to move.
struct Progress {
    at: Instant,
    bytes: usize,
    /// When to look again.
    check: Instant,
}

impl Progress {
    fn new(at: Instant, bytes: usize) -> Progress {
        Progress { at, bytes, check: at + FRAME_PROGRESS_SPAN_PRESSED }
    }
}

/// A frame's bytes and the charge for them, dropped together.
struct Owned {
    buffer: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl FrameReader {
    /// The next frame, without its length.
    ///
    /// # Errors
    /// The connection must be closed, and why.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        stream: &TcpStream,
        memory: &Arc<Memory>,
    ) -> Poll<Result<Bytes, Close>> {
        let before = self.arrived();
        loop {
            if self.arrived() >= before + TURN_BYTES {
                // The others of this worker first: a peer that sends as fast as it is read would never let go.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let done = match self.body {
                None => ready!(self.poll_prefix(cx, stream, memory))?,
                Some(_) => ready!(self.poll_body(cx, stream, memory))?,
            };
            if let Some(frame) = done {
                return Poll::Ready(Ok(frame));
            }
        }
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        self.prefix_got > 0 || self.body.is_some()
    }

    /// When to call [`Self::overdue`] next: while a frame has begun and it is the peer's turn.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.body.as_ref().is_some_and(|partial| partial.waiting.is_some());
        if waiting {
            return None;
        }
        self.progress.as_ref().map(|progress| progress.check)
    }

    /// The connection was not read for a while: the peer's time starts again at `now`.
    pub fn resumed(&mut self, now: Instant) {
        if self.progress.is_some() {
            self.progress = Some(Progress::new(now, self.arrived()));
        }
    }

    /// Whether the frame is too slow, at `now`. Under pressure, and in the lane, less time is given.
    pub fn overdue(&mut self, now: Instant, memory: &Memory) -> Option<Close> {
        let in_lane = self.in_lane();
        // Who holds no memory keeps nobody waiting.
        let hurried = in_lane || (memory.is_pressed() && self.holds_memory());
        let arrived = self.arrived();
        let progress = self.progress.as_mut()?;
        let asked = if in_lane { LANE_PROGRESS_BYTES } else { FRAME_PROGRESS_BYTES };
        if arrived - progress.bytes >= asked {
            *progress = Progress::new(now, arrived);
            return None;
        }
        let span: Duration = if hurried { FRAME_PROGRESS_SPAN_PRESSED } else { FRAME_PROGRESS_SPAN };
        if now < progress.at + span {
            if now >= progress.check {
                progress.check = now + FRAME_PROGRESS_SPAN_PRESSED;
            }
            return None;
        }
        let length = self.body.as_ref().map_or(0, |partial| partial.length);
        let detail = format!("{arrived} bytes of {length} have come, too few of them in the last {span:?}");
        Some(Close::new(CloseReason::FrameTooSlow, detail))
    }

    fn in_lane(&self) -> bool {
        self.body.as_ref().and_then(|partial| partial.charge.as_ref()).is_some_and(Charge::in_lane)
    }

    fn holds_memory(&self) -> bool {
        self.body.as_ref().is_some_and(|partial| partial.charge.is_some())
    }

    fn arrived(&self) -> usize {
        self.body.as_ref().map_or(self.prefix_got, |partial| 4 + partial.buffer.len())
    }

    fn poll_prefix(
        &mut self,
        cx: &mut Context<'_>,
        stream: &TcpStream,
        memory: &Memory,
    ) -> Poll<Result<Option<Bytes>, Close>> {
        while self.prefix_got < 4 {
            ready!(stream.poll_read_ready(cx)).map_err(socket_failed)?;
            match stream.try_read(&mut self.prefix[self.prefix_got..]) {
                Ok(0) => return Poll::Ready(Err(self.ended())),
                Ok(got) => {
                    self.prefix_got += got;
                    self.begun();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(socket_failed(error))),
            }
        }
        let length = self.length(memory)?;
        self.first_seen = true;
        self.body = Some(Partial { length, buffer: Vec::new(), charge: None, waiting: None });
        Poll::Ready(Ok(None))
    }

    fn begun(&mut self) {
        if self.progress.is_none() {
            self.progress = Some(Progress::new(Instant::now(), 0));
        }
    }

    /// The announced length, checked before anything follows from it.
    fn length(&self, memory: &Memory) -> Result<usize, Close> {
        if !self.first_seen
            && let Some(protocol) = foreign(self.prefix)
        {
            return Err(Close::new(CloseReason::ForeignProtocol, format!("the peer speaks {protocol}")));
        }
        let announced = i32::from_be_bytes(self.prefix);
        let maximum = memory.frame_bytes_max();
        match usize::try_from(announced) {
            Ok(length) if (FRAME_BYTES_MIN..=maximum).contains(&length) => Ok(length),
            _ => {
                let detail = format!("a frame of {announced} bytes; allowed are {FRAME_BYTES_MIN} to {maximum}");
                Err(Close::new(CloseReason::FrameLength, detail))
            }
        }
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        stream: &TcpStream,
        memory: &Arc<Memory>,
    ) -> Poll<Result<Option<Bytes>, Close>> {
        let partial = self.body.as_mut().expect("poll_body is called with a body");
        if let Some(waiting) = partial.waiting.as_mut() {
            let charge = ready!(waiting.as_mut().poll(cx));
            partial.waiting = None;
            // The peer's time starts again: it was not asked for bytes meanwhile.
            self.progress = Some(Progress::new(Instant::now(), 4 + partial.buffer.len()));
            partial.accept(charge);
        }
        ready!(stream.poll_read_ready(cx)).map_err(socket_failed)?;
        if partial.charge_short() {
            match partial.reserve(memory) {
                Reserve::Now(charge) => partial.accept(charge),
                Reserve::Later(waiting) => {
                    partial.waiting = Some(waiting);
                    return Poll::Ready(Ok(None));
                }
            }
        }
        let mut next = [0; 4];
        let (got, next_got) = match partial.read(stream, &mut next) {
            Ok((0, _)) => return Poll::Ready(Err(self.ended())),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                partial.release_unused();
                return Poll::Ready(Ok(None));
            }
            Err(error) => return Poll::Ready(Err(socket_failed(error))),
        };
        debug_assert!(got > 0);
        if partial.buffer.len() < partial.length {
            return Poll::Ready(Ok(None));
        }
        let partial = self.body.take().expect("the body is there");
        self.prefix = next;
        self.prefix_got = next_got;
        self.progress = None;
        if next_got > 0 {
            self.begun();
        }
        let charge = partial.charge.expect("a frame with bytes is charged");
        Poll::Ready(Ok(Some(Bytes::from_owner(Owned { buffer: partial.buffer, _charge: charge }))))
    }

    fn ended(&self) -> Close {
        let detail = if self.is_partial() { "in the middle of a frame" } else { "between frames" };
        Close::new(CloseReason::PeerClosed, detail)
    }
}

impl Partial {
    /// Whether the charge covers no byte more than there are.
    fn charge_short(&self) -> bool {
        self.charge.as_ref().is_none_or(|charge| charge.bytes() <= self.buffer.len())
    }

    /// Asks for the next step.
    fn reserve(&self, memory: &Arc<Memory>) -> Reserve {
        if self.buffer.is_empty() {
            return memory.first(self.length, self.length.min(SMALL_FRAME_BYTES));
        }
        let step = (self.buffer.len() * memory.growth()).max(PARTIAL_BYTES_MIN);
        memory.more(self.length, step.min(self.length))
    }

    /// Takes a larger charge; bytes that are there move under it.
    fn accept(&mut self, charge: Charge) {
        if !self.buffer.is_empty() {
            self.buffer.reserve_exact(charge.bytes() - self.buffer.len());
        }
        self.charge = Some(charge);
    }

    /// Gives back what was taken for bytes that did not come.
    fn release_unused(&mut self) {
        if self.buffer.is_empty() {
            self.charge = None;
        }
    }

    /// Reads what is there; of the next frame only its length, into `next`.
    fn read(&mut self, stream: &TcpStream, next: &mut [u8; 4]) -> io::Result<(usize, usize)> {
        let allowed = self.charge.as_ref().map_or(0, Charge::bytes).min(self.length);
        if !self.buffer.is_empty() {
            let room = allowed - self.buffer.len();
            let got = stream.try_read_buf(&mut (&mut self.buffer).limit(room))?;
            return Ok((got, 0));
        }
        LANDING.with_borrow_mut(|landing| {
            let landing = &mut landing[..allowed.min(SMALL_FRAME_BYTES)];
            let whole = landing.len() == self.length;
            let total = if whole {
                stream.try_read_vectored(&mut [IoSliceMut::new(landing), IoSliceMut::new(next)])?
            } else {
                stream.try_read(landing)?
            };
            let got = total.min(landing.len());
            if got > 0 {
                let room = if got == self.length { got } else { (got * 2).max(PARTIAL_BYTES_MIN).min(allowed) };
                self.buffer = Vec::with_capacity(room);
                self.buffer.extend_from_slice(&landing[..got]);
                if let Some(charge) = self.charge.as_mut() {
                    charge.shrink(room);
                }
            }
            Ok((got, total - got))
        })
    }
}

/// The protocol that opens with these bytes, if it is a known one that isn't Kafka's.
fn foreign(first: [u8; 4]) -> Option<&'static str> {
    match &first {
        [0x16, 0x03, 0..=4, _] => Some("TLS"),
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"OPTI" | b"DELE" | b"CONN" | b"TRAC" | b"PATC" => Some("HTTP"),
        b"PRI " => Some("HTTP/2"),
        b"SSH-" => Some("SSH"),
        _ => None,
    }
}

fn socket_failed(error: io::Error) -> Close {
    Close::new(CloseReason::SocketFailed, error.to_string())
}
