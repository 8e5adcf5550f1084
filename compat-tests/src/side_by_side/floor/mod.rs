//! The floor: the bare loop that a broker is compared with. What it costs is what the clients, the sockets and the page
//! cache cost; what a broker costs above it is the broker.
//!
//! One process, one blocking thread for each connection, on the loopback interface only. It speaks the part of the
//! protocol that a plain producer and a plain reader need: see `connection` for the versions. It promises nothing else:
//! no groups, no producer ids, no syncs, no checks but the frame's bounds and the batch's CRC, nothing kept across a
//! start.
//!
//! - `connection`: the loop over one connection's frames, and which APIs there are
//! - `frames`, `outgoing`: reading and writing a socket through reused buffers
//! - `wire`: the protocol's primitive types
//! - `produce`, `fetch`: the two hot APIs, parsed by hand and without an allocation for each request
//! - `control`: the other APIs
//! - `topics`: which topics there are, and the wait for new data
//! - `log`: one partition's file and its index
//! - `batch`: the header of a record batch
//!
//! Any topic that a Metadata request names exists, with one partition unless a CreateTopics request came first. A frame
//! that can't be read closes its connection and no other. Memory: what the clients send in a frame, the index (24 bytes
//! for each batch), and 1 MiB for each connection.

mod batch;
mod connection;
mod control;
mod fetch;
mod frames;
mod log;
mod outgoing;
mod produce;
mod topics;
mod wire;

use crate::report::say;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use topics::Topics;

/// Connections at one time; what comes above them is closed at once.
const CONNECTIONS_MAX: usize = 4096;
/// The pause after a connection that could not be taken, such as when there are no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const USAGE: &str = "side-by-side floor --port P --dir DIR";
const EXIT_USAGE: u8 = 64;

/// A floor that listens. Its threads live until the process ends.
pub struct Floor {
    address: SocketAddr,
    accepts: JoinHandle<()>,
}

impl Floor {
    /// Listens on `port` of the loopback interface, or on a free one if it is 0. Each partition has a file in `dir`,
    /// which is created when it is missing. A file that is there already is cut to nothing first.
    pub fn start(port: u16, dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let topics = Arc::new(Topics::new(dir.to_owned()));
        let accepts =
            std::thread::Builder::new().name("accept".to_owned()).spawn(move || accept(&listener, address, &topics))?;
        Ok(Floor { address, accepts })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process is killed.
    fn serve(self) {
        // It ends by a panic only, which has been printed.
        let _ = self.accepts.join();
    }
}

fn accept(listener: &TcpListener, address: SocketAddr, topics: &Arc<Topics>) {
    for stream in listener.incoming() {
        // Each connection's thread holds the topics once, so their holders count the connections.
        let full = Arc::strong_count(topics) > CONNECTIONS_MAX;
        let begun = stream.and_then(|stream| if full { Ok(()) } else { begin(stream, address, topics) });
        if begun.is_err() {
            std::thread::sleep(ACCEPT_PAUSE);
        }
    }
}

fn begin(stream: TcpStream, address: SocketAddr, topics: &Arc<Topics>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let topics = Arc::clone(topics);
    let serve = move || {
        // A client that leaves, or sends what can't be read, ends its own connection: there is no one to tell.
        let _ = connection::serve(&stream, address, &topics);
    };
    std::thread::Builder::new().name("connection".to_owned()).spawn(serve).map(drop)
}

/// Runs the floor with the words after the subcommand until the process is killed.
pub fn main(words: &[String]) -> ExitCode {
    let options = match Options::read(words) {
        Ok(options) => options,
        Err(error) => {
            say(&format!("{error}; {USAGE}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match Floor::start(options.port, &options.dir) {
        Ok(floor) => {
            say(&format!("floor ready on {}", floor.address()));
            floor.serve();
        }
        Err(error) => say(&format!("the floor can't start: {error}")),
    }
    ExitCode::FAILURE
}

struct Options {
    port: u16,
    dir: PathBuf,
}

impl Options {
    fn read(words: &[String]) -> Result<Self, String> {
        let mut named = BTreeMap::new();
        for pair in words.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} has no value", pair[0])) };
            named.insert(name.as_str(), value.as_str());
        }
        let mut need = |name: &str| named.remove(name).ok_or_else(|| format!("{name} is missing"));
        let port = need("--port")?.parse().map_err(|_| "--port is no port")?;
        let dir = need("--dir")?.into();
        match named.keys().next() {
            Some(name) => Err(format!("{name} is not known")),
            None => Ok(Options { port, dir }),
        }
    }
}

#[cfg(test)]
mod tests;
