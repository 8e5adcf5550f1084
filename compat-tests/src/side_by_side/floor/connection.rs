//! One connection: a frame, its answer, the next frame. Answers leave in the order of the requests because nothing else
//! can happen. An API or a version that isn't served, or a frame that can't be read, ends the connection.

use super::fetch::{Planned, fetch};
use super::frames::Frames;
use super::outgoing::Outgoing;
use super::topics::Topics;
use super::wire::{Put, Reader, malformed};
use super::{control, produce};
use kafka_protocol::messages::ApiKey;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;

/// What is served, old and non-flexible. Produce below 3 is listed because Kafka lists it for clients that look for it,
/// as is FindCoordinator, by which librdkafka tells whether it may use lz4. Fetch 10 is what librdkafka wants for zstd.
pub(super) const SERVED: [(ApiKey, RangeInclusive<i16>); 7] = [
    (ApiKey::Produce, 0..=7),
    (ApiKey::Fetch, 4..=11),
    (ApiKey::ListOffsets, 1..=1),
    (ApiKey::Metadata, 1..=4),
    (ApiKey::FindCoordinator, 0..=0),
    (ApiKey::ApiVersions, 0..=3),
    (ApiKey::CreateTopics, 2..=4),
];

/// A request, its header read.
pub(super) struct Request<'a> {
    pub(super) version: i16,
    pub(super) correlation: i32,
    pub(super) body: &'a mut [u8],
}

/// Serves the connection until it ends.
pub(super) fn serve(stream: &TcpStream, address: SocketAddr, topics: &Topics) -> io::Result<()> {
    let mut frames = Frames::default();
    let mut connection =
        Connection { address, topics, out: Outgoing::new(stream), answer: Vec::new(), plan: Vec::new() };
    while let Some(frame) = frames.next(stream)? {
        connection.handle(frame)?;
        if !frames.another_is_here() {
            connection.out.flush()?;
        }
    }
    Ok(())
}

/// The buffers that a connection reuses, and what its requests are about.
struct Connection<'a> {
    address: SocketAddr,
    topics: &'a Topics,
    out: Outgoing<'a>,
    answer: Vec<u8>,
    plan: Vec<Planned>,
}

impl Connection<'_> {
    fn handle(&mut self, frame: &mut [u8]) -> io::Result<()> {
        let mut reader = Reader::new(frame);
        let (key, version, correlation) = (reader.i16()?, reader.i16()?, reader.i32()?);
        // The client id.
        reader.skip_string()?;
        let key = ApiKey::try_from(key).map_err(|()| malformed("an API that there isn't"))?;
        let served = SERVED.iter().any(|(served, versions)| *served == key && versions.contains(&version));
        // A newer version of ApiVersions has an answer of its own: a client begins with it before it knows.
        if !served && key != ApiKey::ApiVersions {
            return Err(malformed("a request that isn't served"));
        }
        let request = Request { version, correlation, body: reader.rest() };
        match key {
            ApiKey::Produce => produce::produce(self.topics, request, &mut self.answer)?,
            ApiKey::Fetch => return fetch(self.topics, request, &mut self.plan, &mut self.out),
            _ => control::answer(self.topics, self.address, key, request, &mut self.answer)?,
        }
        self.out.put(&self.answer)
    }
}
