//! The server with a dispatch that does what the test's request asks for.

mod admin;
mod answer_memory;
mod flood;
mod frames;
mod limits;
mod order;
mod output;
mod sending;
mod stop;

use super::*;
use crate::base::{Body, FileRange, Part};
use crate::handlers::answer_memory::AnswerMemory;
use crate::handlers::call::*;
use crate::metrics::{Metrics, Protocol};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// What a test's request asks for, as its API key. `argument` is the u64 after the correlation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
enum Ask {
    /// The whole frame back, at once.
    Echo = 0,
    /// The whole frame back after so many milliseconds.
    Delay = 1,
    /// An answer when the broker stops.
    WaitForStop = 2,
    /// So many bytes of a file that is never in memory.
    File = 3,
    /// No answer.
    Silence = 4,
    /// Close.
    Close = 5,
    /// The frame back, and then the connection is not read for so many milliseconds.
    Throttle = 6,
    /// So many bytes of memory.
    Owned = 7,
    /// The frame is kept until the test gives it free; the answer comes at once.
    Keep = 8,
    /// So many bytes of ring memory.
    Tail = 9,
    /// So many bytes of a file that is in memory.
    CachedFile = 10,
    /// A file that fails in the middle.
    BrokenFile = 11,
    /// Stage one takes so many milliseconds.
    SlowStart = 12,
    /// Close, found out after so many milliseconds.
    CloseLater = 13,
    /// Never answered, whatever happens.
    Never = 14,
    /// A panic.
    Panic = 15,
    /// So many bytes of memory, made when the memory of answers has room.
    Listing = 16,
    /// So many bytes of a file that sends itself where it is in memory, which is here and there.
    DirectFile = 17,
    /// The same, and in its middle it can't any more.
    RefusingFile = 18,
}

impl Ask {
    fn of(key: i16) -> Option<Ask> {
        const ALL: [Ask; 19] = [
            Ask::Echo,
            Ask::Delay,
            Ask::WaitForStop,
            Ask::File,
            Ask::Silence,
            Ask::Close,
            Ask::Throttle,
            Ask::Owned,
            Ask::Keep,
            Ask::Tail,
            Ask::CachedFile,
            Ask::BrokenFile,
            Ask::SlowStart,
            Ask::CloseLater,
            Ask::Never,
            Ask::Panic,
            Ask::Listing,
            Ask::DirectFile,
            Ask::RefusingFile,
        ];
        ALL.into_iter().find(|ask| *ask as i16 == key)
    }
}

/// A file whose byte at each position is known.
#[derive(Default)]
struct Pattern {
    cached: bool,
    broken_at: Option<u64>,
    reads: AtomicUsize,
    /// Sends itself, up to this position.
    direct_until: u64,
    sends: Arc<AtomicUsize>,
    refused: AtomicBool,
}

fn pattern_byte(position: u64) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 7) as u8
}

impl FileRange for Pattern {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.broken_at.is_some_and(|at| position >= at) {
            return Err(io::Error::other("planted"));
        }
        // Short reads are legal: the sender must go on.
        let length = buf.len().min(100_000);
        buf[..length].iter_mut().zip(position..).for_each(|(byte, at)| *byte = pattern_byte(at));
        Ok(length)
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        if self.cached { self.read_at(buf, position).map(Some) } else { Ok(None) }
    }

    fn is_cached(&self, position: u64, _length: usize) -> bool {
        // Two of three pieces are, and after a refusal none is.
        self.direct_until > 0 && !self.refused.load(Ordering::SeqCst) && !(position >> 18).is_multiple_of(3)
    }

    fn send_to(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        if position >= self.direct_until {
            self.refused.store(true, Ordering::SeqCst);
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.sends.fetch_add(1, Ordering::SeqCst);
        let bytes: Vec<u8> = (position..position + length.min(70_000) as u64).map(pattern_byte).collect();
        Ok(rustix::io::write(socket, &bytes)?)
    }
}

/// Memory that says when it is let go.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl Counted {
    fn bytes(length: usize, alive: &Arc<AtomicUsize>) -> Bytes {
        alive.fetch_add(1, Ordering::SeqCst);
        Bytes::from_owner(Counted((0..length as u64).map(pattern_byte).collect(), Arc::clone(alive)))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Fake {
    kept: parking_lot::Mutex<Vec<Bytes>>,
    tails: Arc<AtomicUsize>,
    sends: Arc<AtomicUsize>,
    started: parking_lot::Mutex<Vec<i32>>,
    closed: AtomicUsize,
    closed_twice: AtomicBool,
    ids: parking_lot::Mutex<HashMap<ConnectionId, ()>>,
}

fn file_body(correlation: &Bytes, length: u64, file: Pattern) -> Body {
    let file = Part::File { file: Arc::new(file), position: 0, length };
    Body { parts: vec![Part::Bytes(correlation.clone()), file] }
}

impl Dispatch for Fake {
    async fn start(&self, peer: &Arc<Peer>, request: Request) -> Answer {
        let frame = request.frame.clone();
        let correlation = frame.slice(4..8);
        let argument = frame.get(8..16).map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().expect("8 bytes")));
        let Some(ask) = Ask::of(request.api_key()) else {
            return Answer::Close(Close::new(CloseReason::UnknownApi, "not asked for by any test"));
        };
        self.started.lock().push(i32::from_be_bytes(frame[4..8].try_into().expect("4 bytes")));
        let time = Duration::from_millis(argument);
        let echo = Body::from(Bytes::copy_from_slice(&frame[4..]));
        match ask {
            Ask::Echo => Answer::Ready(echo),
            Ask::Delay => Answer::later(async move {
                sleep(time).await;
                Reply::Body(echo)
            }),
            Ask::WaitForStop => {
                let stopping = peer.stopping.clone();
                Answer::later(async move {
                    stopping.begun().await;
                    Reply::Body(echo)
                })
            }
            Ask::File => Answer::Ready(file_body(&correlation, argument, Pattern::default())),
            Ask::CachedFile => {
                Answer::Ready(file_body(&correlation, argument, Pattern { cached: true, ..Pattern::default() }))
            }
            Ask::BrokenFile => {
                let broken_at = Some(argument / 2);
                Answer::Ready(file_body(&correlation, argument, Pattern { broken_at, ..Pattern::default() }))
            }
            Ask::DirectFile | Ask::RefusingFile => {
                let direct_until = if ask == Ask::DirectFile { u64::MAX } else { argument / 2 };
                Answer::Ready(file_body(
                    &correlation,
                    argument,
                    Pattern { direct_until, sends: Arc::clone(&self.sends), ..Pattern::default() },
                ))
            }
            Ask::Silence => Answer::Silent,
            Ask::Close => Answer::Close(Close::new(CloseReason::Malformed, "asked for")),
            Ask::CloseLater => Answer::later(async move {
                sleep(time).await;
                Reply::Close(Close::new(CloseReason::SilentFailure, "asked for"))
            }),
            Ask::Throttle => Answer::Throttled(echo, time),
            Ask::Owned | Ask::Listing => {
                if ask == Ask::Listing {
                    peer.answers.room().await;
                }
                let mut bytes = BytesMut::with_capacity(argument as usize + 4);
                bytes.put_slice(&correlation);
                bytes.put_bytes(7, argument as usize);
                Answer::Ready(bytes.freeze().into())
            }
            Ask::Keep => {
                self.kept.lock().push(frame);
                Answer::Ready(Bytes::copy_from_slice(&correlation).into())
            }
            Ask::Tail => {
                let file: Arc<dyn FileRange> = Arc::new(Pattern::default());
                let bytes = Counted::bytes(argument as usize, &self.tails);
                Answer::Ready(Body { parts: vec![correlation.into(), Part::Tail { bytes, file, position: 0 }] })
            }
            Ask::SlowStart => {
                sleep(time).await;
                Answer::Ready(echo)
            }
            Ask::Never => Answer::later(std::future::pending()),
            Ask::Panic => panic!("asked for by a test"),
        }
    }

    fn closed(&self, peer: &Peer) {
        self.closed.fetch_add(1, Ordering::SeqCst);
        if self.ids.lock().insert(peer.id, ()).is_some() {
            self.closed_twice.store(true, Ordering::SeqCst);
        }
    }
}

impl From<Bytes> for Part {
    fn from(bytes: Bytes) -> Part {
        Part::Bytes(bytes)
    }
}

/// A running server.
struct Running {
    address: SocketAddr,
    fake: Arc<Fake>,
    metrics: Arc<Metrics>,
    memory: Arc<Memory>,
    answers: Arc<AnswerMemory>,
    admission: Arc<Admission>,
    signal: StopSignal,
    task: JoinHandle<Drained>,
}

fn test_metrics() -> Arc<Metrics> {
    let protocol = Protocol { apis: vec![(0, "Produce"), (1, "Fetch")], error_name: |_| "none" };
    Arc::new(Metrics::new(prometheus::Registry::new(), protocol, "0", "test", 10).expect("a fresh registry"))
}

fn test_limits() -> Limits {
    Limits {
        connections: 4000,
        connections_per_ip: 4000,
        idle: Duration::from_secs(600),
        frame_bytes: 100 * 1024 * 1024,
        memory_bytes: 512 * 1024 * 1024,
        drain: Duration::from_secs(5),
    }
}

fn local_listener() -> ListenerConfig {
    ListenerConfig {
        name: "PLAINTEXT".into(),
        bind: "127.0.0.1:0".parse().expect("an address"),
        advertised: Advertised::Reached,
    }
}

fn serve(limits: Limits) -> Running {
    let metrics = test_metrics();
    let server = Server::bind(&[local_listener()], limits, Arc::clone(&metrics)).expect("a free port");
    let (address, memory, answers) = (server.bound()[0].address, server.memory(), server.answers());
    let admission = server.admission();
    let fake = Arc::new(Fake::default());
    let (signal, stopping) = stop_signal();
    let task = tokio::spawn(server.run(Arc::clone(&fake), stopping));
    Running { address, fake, metrics, memory, answers, admission, signal, task }
}

impl Running {
    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.expect("the server listens"))
    }

    /// Waits until `check` holds; 10 s at most.
    async fn until(&self, what: &str, check: impl Fn(&Running) -> bool) {
        let waited = timeout(Duration::from_secs(10), async {
            while !check(self) {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "not in 10 s: {what}");
    }

    /// Every connection is gone, and said so once.
    async fn until_empty(&self) {
        self.until("every connection ends", |running| {
            running.admission.open() == 0 && running.metrics.connections.open() == 0
        })
        .await;
        assert!(!self.fake.closed_twice.load(Ordering::SeqCst));
    }
}

/// A client that counts bytes itself.
struct Client(TcpStream);

fn request(ask: Ask, correlation: i32, argument: u64) -> Vec<u8> {
    padded(ask, correlation, argument, 0)
}

/// A request with so many bytes after the argument.
fn padded(ask: Ask, correlation: i32, argument: u64, padding: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(20 + padding);
    frame.put_i32(16 + padding as i32);
    frame.put_i16(ask as i16);
    frame.put_i16(0);
    frame.put_i32(correlation);
    frame.put_u64(argument);
    frame.extend((0..padding as u64).map(pattern_byte));
    frame
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the server reads");
    }

    /// The next answer, after its length.
    async fn receive(&mut self) -> Vec<u8> {
        let length = self.0.read_i32().await.expect("an answer");
        let mut answer = vec![0; length as usize];
        self.0.read_exact(&mut answer).await.expect("a whole answer");
        answer
    }

    async fn correlation(&mut self) -> i32 {
        let answer = self.receive().await;
        i32::from_be_bytes(answer[..4].try_into().expect("4 bytes"))
    }

    /// Sends an echo and gets it back; says how long it took.
    async fn echo(&mut self, correlation: i32) -> Duration {
        let begun = Instant::now();
        self.send(&request(Ask::Echo, correlation, 0)).await;
        assert_eq!(self.correlation().await, correlation);
        begun.elapsed()
    }

    /// The connection ends without another byte.
    async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end, too: bytes that were never read cause it.
        let _ = self.0.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{} bytes instead of an end", rest.len());
    }
}

/// Runs the test's body in a process of its own, where memory and descriptors are not blurred by other tests.
/// Says whether this is that process.
fn alone(name: &str) -> bool {
    const MARK: &str = "OTTLA_TEST_ALONE";
    if std::env::var(MARK).is_ok_and(|value| value == name) {
        return true;
    }
    let program = std::env::current_exe().expect("the test program");
    let output = Command::new(program)
        .args(["--exact", &format!("server::tests::{name}"), "--nocapture"])
        .env(MARK, name)
        .output()
        .expect("the test program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{name} is no test: {said}");
    print!("{said}");
    false
}

/// Resident memory, bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = statm.split(' ').nth(1).and_then(|field| field.parse().ok()).expect("a number of pages");
    pages * 4096
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("the list of descriptors").count()
}
