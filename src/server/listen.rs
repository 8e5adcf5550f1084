//! Listeners: bound first, served later, stopped together.

use super::admission::Admission;
use super::connection::{Shared, serve};
use super::limits::{ACCEPT_BACKLOG, ACCEPT_PAUSE, Limits};
use super::memory::Memory;
use super::pieces::Pieces;
use crate::handlers::answer_memory::AnswerMemory;
use crate::handlers::call::{Advertised, ConnectionId, Dispatch, Listener, Peer, Stopping};
use crate::metrics::{Metrics, Refusal};
use socket2::SockRef;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// One listener as configured.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Its name, e.g. PLAINTEXT.
    pub name: String,
    /// Where it listens; port 0 picks a free one.
    pub bind: SocketAddr,
    /// What its clients are told. A fixed address with port 0 takes the port that was bound.
    pub advertised: Advertised,
}

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener {name}: can't listen on {bind}: {source}")]
pub struct BindError {
    /// The listener's name.
    pub name: String,
    /// Its address.
    pub bind: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// A listener that is open.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Name and advertised address.
    pub listener: Arc<Listener>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How a stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that had to be cut because their answers did not come in time.
    pub cut: usize,
    /// How long it took.
    pub time: Duration,
}

/// Listeners that are open but not served yet.
pub struct Server {
    listeners: Vec<(TcpListener, Bound)>,
    limits: Limits,
    memory: Arc<Memory>,
    answers: Arc<AnswerMemory>,
    admission: Arc<Admission>,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Opens the listeners. Connections queue with the system until [`Self::run`].
    ///
    /// # Errors
    /// The first listener that can't be opened.
    pub fn bind(listeners: &[ListenerConfig], limits: Limits, metrics: Arc<Metrics>) -> Result<Server, BindError> {
        let memory = Memory::new(limits.memory_bytes, limits.frame_bytes);
        if memory.frame_bytes_max() < limits.frame_bytes {
            tracing::warn!(
                asked = limits.frame_bytes,
                possible = memory.frame_bytes_max(),
                budget = memory.budget_bytes(),
                "socket.request.max.bytes is larger than ottla.request.memory.bytes can hold: larger requests are refused"
            );
        }
        let admission = Admission::new(limits.connections, limits.connections_per_ip);
        let (used, limit) = (Arc::clone(&memory), memory.budget_bytes());
        metrics.sample_request_memory(move || used.used_bytes() as f64);
        metrics.sample_request_memory_limit(move || limit as f64);
        let answers = AnswerMemory::new(memory.budget_bytes() as u64);
        let held = Arc::clone(&answers);
        metrics.sample_answer_memory(move || held.used_bytes() as f64);
        let listeners = listeners.iter().map(bind).collect::<Result<_, _>>()?;
        Ok(Server { listeners, limits, memory, answers, admission, metrics })
    }

    /// The open listeners, in the order configured.
    pub fn bound(&self) -> Vec<Bound> {
        self.listeners.iter().map(|(_, bound)| bound.clone()).collect()
    }

    /// The memory of request frames.
    pub fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// The memory of unsent answers.
    pub fn answers(&self) -> Arc<AnswerMemory> {
        Arc::clone(&self.answers)
    }

    /// Who is let in.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Serves until `stopping`, then: accepts no more, answers what was started, closes; after [`Limits::drain`] cuts
    /// what is left. Dropping the future cuts everything at once.
    pub async fn run<D: Dispatch>(self, dispatch: Arc<D>, stopping: Stopping) -> Drained {
        let drain = self.limits.drain;
        let shared = Arc::new(Shared {
            dispatch,
            memory: self.memory,
            pieces: Arc::new(Pieces::default()),
            limits: self.limits,
            metrics: self.metrics,
        });
        let numbers = Arc::new(AtomicU64::new(1));
        let mut loops = JoinSet::new();
        for (socket, bound) in self.listeners {
            let door = Door {
                socket,
                listener: bound.listener,
                shared: Arc::clone(&shared),
                admission: Arc::clone(&self.admission),
                answers: Arc::clone(&self.answers),
                stopping: stopping.clone(),
                numbers: Arc::clone(&numbers),
            };
            loops.spawn(door.accept(drain));
        }
        let mut cut = 0;
        stopping.begun().await;
        let begun = Instant::now();
        while let Some(ended) = loops.join_next().await {
            match ended {
                Ok(left) => cut += left,
                Err(error) => tracing::error!(%error, "an accept loop failed"),
            }
        }
        Drained { cut, time: begun.elapsed() }
    }
}

fn bind(config: &ListenerConfig) -> Result<(TcpListener, Bound), BindError> {
    let failed = |source| BindError { name: config.name.clone(), bind: config.bind, source };
    let open = || {
        let socket = if config.bind.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        if config.bind.ip() == Ipv6Addr::UNSPECIFIED {
            // IPv4 too, whatever `net.ipv6.bindv6only` says: Kafka's listeners without a host take both.
            SockRef::from(&socket).set_only_v6(false)?;
        }
        socket.bind(config.bind)?;
        socket.listen(ACCEPT_BACKLOG)
    };
    let socket = open().map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    let advertised = match config.advertised.clone() {
        Advertised::Fixed { host, port: 0 } => Advertised::Fixed { host, port: address.port() },
        fixed_or_reached => fixed_or_reached,
    };
    let listener = Arc::new(Listener { name: config.name.clone(), advertised });
    Ok((socket, Bound { listener, address }))
}

/// One listener at work.
struct Door<D> {
    socket: TcpListener,
    listener: Arc<Listener>,
    shared: Arc<Shared<D>>,
    admission: Arc<Admission>,
    answers: Arc<AnswerMemory>,
    stopping: Stopping,
    numbers: Arc<AtomicU64>,
}

impl<D: Dispatch> Door<D> {
    /// Lets connections in until the stop, then waits for them up to `drain`; says how many were cut.
    async fn accept(self, drain: Duration) -> usize {
        let mut connections = JoinSet::new();
        let stopping = self.stopping.clone();
        let mut stop = std::pin::pin!(stopping.begun());
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = connections.join_next() => report(ended),
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, remote)) => {
                        if let Some((peer, slot)) = self.admit(&stream, remote) {
                            connections.spawn(serve(stream, peer, Arc::clone(&self.shared), slot));
                        }
                    }
                    Err(error) => self.refused_by_system(&error).await,
                },
            }
        }
        drop(self.socket);
        let answered = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        // What is left after the time is cut below.
        let _ = timeout(drain, answered).await;
        let cut = connections.len();
        if cut > 0 {
            tracing::warn!(
                cut,
                listener = self.listener.name,
                "connections were cut: their answers did not come in time"
            );
        }
        connections.shutdown().await;
        cut
    }

    fn admit(&self, stream: &TcpStream, remote: SocketAddr) -> Option<(Arc<Peer>, super::admission::Slot)> {
        let slot = match self.admission.admit(remote.ip()) {
            Ok(slot) => slot,
            Err(refusal) => {
                self.shared.metrics.connections.refused(refusal);
                tracing::debug!(%remote, reason = refusal.name(), "connection refused");
                return None;
            }
        };
        // A peer that is gone already: nothing to serve.
        let local = stream.local_addr().ok()?;
        let socket = SockRef::from(stream);
        if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| socket.set_keepalive(true)) {
            tracing::debug!(%remote, %error, "socket options");
        }
        self.shared.metrics.connections.accepted();
        let id = ConnectionId(self.numbers.fetch_add(1, Ordering::Relaxed));
        let (listener, answers) = (Arc::clone(&self.listener), Arc::clone(&self.answers));
        let peer = Peer::new(id, listener, local, remote, self.stopping.clone(), answers);
        Some((Arc::new(peer), slot))
    }

    /// Accept failed: out of descriptors (rest a while: the loop would spin), or the peer was gone already.
    async fn refused_by_system(&self, error: &io::Error) {
        let gone = matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
        if !gone {
            self.shared.metrics.connections.refused(Refusal::Descriptors);
            tracing::warn!(%error, listener = self.listener.name, "can't accept a connection");
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked; the connection is closed");
    }
}
