//! A connection that asks one thing at a time and waits for the answer.

use crate::raw_producer::enframe;
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId, ResponseHeader};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A liveness bound for one answer: a join waits for the others of its group.
const WAIT: Duration = Duration::from_secs(120);
/// Largest answer that is believed, bytes.
const ANSWER_BYTES_MAX: u32 = 16 << 20;

/// The newest version of FindCoordinator.
const FIND: i16 = 6;
/// Before something is asked again: `retry.backoff.ms`.
pub(super) const RETRY: Duration = Duration::from_millis(100);

pub(super) fn error(code: i16) -> Option<ResponseError> {
    ResponseError::try_from_code(code)
}

/// Whether the coordinator is to be asked again later.
pub(super) fn is_passing(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::CoordinatorLoadInProgress
            | ResponseError::CoordinatorNotAvailable
            | ResponseError::NotCoordinator
            | ResponseError::RebalanceInProgress
    )
}

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

    /// Asks for the coordinator; there is one broker, so where it is says nothing new.
    pub(super) async fn find(&mut self, group: &GroupId) -> Result<(), String> {
        let request = FindCoordinatorRequest::default().with_key_type(0).with_coordinator_keys(vec![group.0.clone()]);
        loop {
            let answer = self.ask(FIND, &request).await?;
            let code = answer.coordinators.first().map_or(answer.error_code, |found| found.error_code);
            match error(code) {
                None => return Ok(()),
                Some(error) if is_passing(error) => tokio::time::sleep(RETRY).await,
                Some(error) => return Err(format!("FindCoordinator: {error:?}")),
            }
        }
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
