//! Answers in request order: later ones are worked out meanwhile and wait for those before them (AV-12).

use crate::base::{Body, Part};
use crate::handlers::call::{Answer, Reply};
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Requests that are started and not yet answered. `T` is what the connection remembers of each.
pub struct Answers<T> {
    slots: VecDeque<Slot<T>>,
    /// The number of the first slot; numbers only grow.
    first: u64,
    running: FuturesUnordered<Running>,
    owned_bytes: u64,
}

struct Slot<T> {
    tag: T,
    reply: Option<Reply>,
}

struct Running {
    number: u64,
    future: Pin<Box<dyn Future<Output = Reply> + Send>>,
}

impl Future for Running {
    type Output = (u64, Reply);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let number = self.number;
        self.future.as_mut().poll(cx).map(|reply| (number, reply))
    }
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Answers { slots: VecDeque::new(), first: 0, running: FuturesUnordered::new(), owned_bytes: 0 }
    }
}

impl<T> Answers<T> {
    /// A request was started.
    pub fn push(&mut self, answer: Answer, tag: T) {
        let number = self.first + self.slots.len() as u64;
        let reply = match answer {
            Answer::Ready(body) => Some(Reply::Body(body)),
            Answer::Throttled(body, time) => Some(Reply::Throttled(body, time)),
            Answer::Silent => Some(Reply::Silent),
            Answer::Close(close) => Some(Reply::Close(close)),
            Answer::Later(future) => {
                self.running.push(Running { number, future });
                None
            }
        };
        self.owned_bytes += reply.as_ref().map_or(0, owned_bytes);
        self.slots.push_back(Slot { tag, reply });
    }

    /// How many wait, for their answer or for their turn.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of answers that wait for their turn, those that can't be read again from files.
    pub fn owned_bytes(&self) -> u64 {
        self.owned_bytes
    }

    /// Forgets everything that is not answered.
    pub fn clear(&mut self) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        self.running.clear();
        self.owned_bytes = 0;
    }

    /// The next answer in request order. `None` when no request waits.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Reply, T)>> {
        while let Poll::Ready(Some((number, reply))) = Pin::new(&mut self.running).poll_next(cx) {
            let at = usize::try_from(number - self.first).expect("as many slots as fit in memory");
            // An answer that must wait for its turn pins no ring memory meanwhile.
            let reply = if at == 0 { reply } else { spilled(reply) };
            self.owned_bytes += owned_bytes(&reply);
            self.slots[at].reply = Some(reply);
        }
        match self.slots.front_mut() {
            None => Poll::Ready(None),
            Some(slot) => match slot.reply.take() {
                None => Poll::Pending,
                Some(reply) => {
                    self.first += 1;
                    self.owned_bytes -= owned_bytes(&reply);
                    let slot = self.slots.pop_front().expect("the front was just seen");
                    Poll::Ready(Some((reply, slot.tag)))
                }
            },
        }
    }
}

fn body(reply: &Reply) -> Option<&Body> {
    match reply {
        Reply::Body(body) | Reply::Throttled(body, _) => Some(body),
        Reply::Silent | Reply::Close(_) => None,
    }
}

fn owned_bytes(reply: &Reply) -> u64 {
    let owned = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.len() as u64,
        Part::Tail { .. } | Part::File { .. } => 0,
    };
    body(reply).map_or(0, |body| body.parts.iter().map(owned).sum())
}

fn spilled(reply: Reply) -> Reply {
    let spill = |body: Body| Body { parts: body.parts.into_iter().map(Part::spill).collect() };
    match reply {
        Reply::Body(body) => Reply::Body(spill(body)),
        Reply::Throttled(body, time) => Reply::Throttled(spill(body), time),
        Reply::Silent => Reply::Silent,
        Reply::Close(close) => Reply::Close(close),
    }
}
