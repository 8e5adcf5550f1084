//! Answers that go to a socket without a connection around them.

use super::*;
use crate::base::limits::STREAM_PIECES_BYTES;
use crate::io::disk::{Disk, File, Open, RealDisk};
use crate::server::output::{Output, Spill};
use crate::server::pieces::Pieces;
use rustix::io::Errno;
use std::future::poll_fn;

/// More than a socket's buffers hold.
const LONG: u64 = 20_000_000;

async fn connected() -> (TcpStream, TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let peer = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
    (listener.accept().await.expect("the peer").0, peer)
}

fn output_of(parts: Vec<Part>) -> Output<()> {
    let mut output = Output::default();
    output.push(Body { parts }, ());
    output
}

async fn flush(output: &mut Output<()>, stream: &TcpStream, pieces: &Arc<Pieces>) -> Result<(), Close> {
    poll_fn(|cx| output.poll_flush(cx, stream, pieces, &mut |()| {})).await
}

/// Sends until the socket is full: nobody reads.
async fn fill(output: &mut Output<()>, stream: &TcpStream, pieces: &Arc<Pieces>) {
    let flushed = timeout(Duration::from_millis(200), flush(output, stream, pieces)).await;
    assert!(flushed.is_err(), "the socket takes less than {LONG} bytes: {flushed:?}");
}

/// Ring memory that was given back lies in front of pieces that were not, and it must be read for them to go: a bound on
/// pieces that held here, too, would wait for itself.
#[tokio::test]
async fn what_is_at_the_head_is_read_though_pieces_behind_it_fill_the_room() {
    let (stream, mut peer) = connected().await;
    let behind = Arc::new(Pattern { cached: true, ..Pattern::default() });
    let mut output = output_of(vec![
        Part::Tail {
            bytes: Counted::bytes(LONG as usize, &Arc::default()),
            file: Arc::new(Pattern::default()),
            position: 0,
        },
        Part::File { file: behind.clone(), position: LONG, length: STREAM_PIECES_BYTES as u64 },
    ]);
    let pieces = Arc::default();
    fill(&mut output, &stream, &pieces).await;
    let read_ahead = behind.reads.load(Ordering::SeqCst);
    output.spill(Spill::Ring);
    assert_eq!(output.ring_bytes(), 0);

    let length = LONG as usize + STREAM_PIECES_BYTES;
    let mut answer = vec![0; 4 + length];
    let arrive = async { tokio::join!(flush(&mut output, &stream, &pieces), peer.read_exact(&mut answer)) };
    let (flushed, read) = timeout(Duration::from_secs(10), arrive).await.expect("all of it is sent");
    assert!(flushed.is_ok() && read.is_ok(), "{flushed:?} {read:?}");
    assert!(answer[4..].iter().zip(0..).all(|(byte, at)| *byte == pattern_byte(at)));
    assert_eq!(behind.reads.load(Ordering::SeqCst), read_ahead, "all behind was in memory before");
}

/// A file that says it is in memory, whatever there is of it, and is sent by the system.
struct Sendable(Arc<dyn File>);

impl FileRange for Sendable {
    fn read_at(&self, _buf: &mut [u8], _position: u64) -> io::Result<usize> {
        panic!("it is sent, not read");
    }

    fn read_cached(&self, _buf: &mut [u8], _position: u64) -> io::Result<Option<usize>> {
        panic!("it is sent, not read");
    }

    fn is_cached(&self, _position: u64, _length: usize) -> bool {
        true
    }

    fn send_to(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        self.0.send_to(socket, position, length)
    }
}

/// Sendfile has one error for two sides: the peer's end is no matter for an operator, a file's is.
#[tokio::test]
async fn a_failed_sendfile_is_the_sockets_or_the_files() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let file = RealDisk::new().open(&dir.path().join("a"), Open::Create).expect("a new file");
    file.set_len(LONG).expect("it grows");
    let answer = || output_of(vec![Part::File { file: Arc::new(Sendable(file.clone())), position: 0, length: LONG }]);
    let pieces = Arc::default();
    // A peer that leaves bytes unread resets the connection; one that took all ends it, and the next bytes find it broken.
    for unread in [true, false] {
        let ((stream, peer), mut output) = (connected().await, answer());
        if unread {
            fill(&mut output, &stream, &pieces).await;
        }
        drop(peer);
        let close = flush(&mut output, &stream, &pieces).await.expect_err("nobody is there");
        assert_eq!(close.reason, CloseReason::SocketFailed, "{}", close.detail);
        assert!(output.sent_bytes() > 4, "the file was on its way");
    }
    file.set_len(1_000).expect("it shrinks");
    let ((stream, _peer), mut output) = (connected().await, answer());
    let close = flush(&mut output, &stream, &pieces).await.expect_err("there is no more");
    assert_eq!((close.reason, output.sent_bytes()), (CloseReason::StorageFailed, 4 + 1_000), "{}", close.detail);
}

/// A file whose sending fails like this.
struct Failing(Errno);

impl FileRange for Failing {
    fn read_at(&self, _buf: &mut [u8], _position: u64) -> io::Result<usize> {
        panic!("it is sent, not read");
    }

    fn read_cached(&self, _buf: &mut [u8], _position: u64) -> io::Result<Option<usize>> {
        panic!("it is sent, not read");
    }

    fn is_cached(&self, _position: u64, _length: usize) -> bool {
        true
    }

    fn send_to(&self, _socket: BorrowedFd<'_>, _position: u64, _length: usize) -> io::Result<usize> {
        Err(self.0.into())
    }
}

/// What the network says of the way to a peer, what a firewall forbids, and memory that lacks are no matter of the disk's.
#[tokio::test]
async fn what_the_network_says_is_no_failure_of_storage() {
    let (network, ways) = ([Errno::NETUNREACH, Errno::NETRESET, Errno::PROTO], [Errno::HOSTDOWN, Errno::HOSTUNREACH]);
    let (peer, forbidden) = ([Errno::CONNREFUSED, Errno::TIMEDOUT], [Errno::ACCESS, Errno::PERM, Errno::OPNOTSUPP]);
    let (memory, file) = ([Errno::NOBUFS, Errno::NOMEM], [Errno::IO, Errno::STALE, Errno::BADMSG]);
    let of_socket = [&network[..], &ways, &peer, &forbidden, &memory].concat();
    for (errors, reason) in [(&of_socket[..], CloseReason::SocketFailed), (&file, CloseReason::StorageFailed)] {
        for error in errors {
            let (stream, _peer) = connected().await;
            let mut output = output_of(vec![Part::File { file: Arc::new(Failing(*error)), position: 0, length: LONG }]);
            let close = flush(&mut output, &stream, &Arc::default()).await.expect_err("it fails");
            assert_eq!(close.reason, reason, "{error}");
        }
    }
}
