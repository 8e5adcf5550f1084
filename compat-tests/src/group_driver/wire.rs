//! A connection that asks one thing at a time and waits for the answer.

use crate::raw_producer::enframe;
use bytes::Bytes;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A liveness bound for one answer: a join waits for the others of its group.
const WAIT: Duration = Duration::from_secs(120);
/// Largest answer that is believed, bytes.
const ANSWER_BYTES_MAX: u32 = 16 << 20;

pub(super) struct Connection {
    stream: TcpStream,
    correlation: i32,
}

impl Connection {
    pub(super) async fn open(bootstrap: &str) -> Result<Connection, String> {
        let stream = TcpStream::connect(bootstrap).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Connection { stream, correlation: 0 })
    }

    pub(super) async fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, String> {
        self.correlation += 1;
        let frame = enframe(self.correlation, version, request).map_err(|error| error.to_string())?;
        self.stream.write_all(&frame).await.map_err(|error| format!("request {}: {error}", R::KEY))?;
        let answer = tokio::time::timeout(WAIT, self.answer()).await;
        let answer = answer.map_err(|_| format!("request {} had no answer after {WAIT:?}", R::KEY))?;
        let mut answer = answer.map_err(|error| format!("the answer to request {}: {error}", R::KEY))?;
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version));
        let header = header.map_err(|error| error.to_string())?;
        if header.correlation_id != self.correlation {
            return Err(format!("request {} was answered {}", self.correlation, header.correlation_id));
        }
        R::Response::decode(&mut answer, version).map_err(|error| error.to_string())
    }

    async fn answer(&mut self) -> std::io::Result<Bytes> {
        let length = self.stream.read_u32().await?;
        if length > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other(format!("{length} bytes")));
        }
        let mut answer = vec![0; length as usize];
        self.stream.read_exact(&mut answer).await?;
        Ok(answer.into())
    }
}
