//! From a handler's result to what the server sends.

use super::call::{Answer, Close, CloseReason, Reply};
use crate::base::Body;
use crate::metrics::Metrics;
use crate::wire::response::{self, EncodeError, Listing};
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::protocol::Encodable;
use std::future::Future;
use std::sync::Arc;

/// An answer, and the error it is counted under.
pub(super) struct Done {
    /// Header and body.
    pub(super) body: Body,
    /// The first error in it, or none.
    pub(super) error: ErrorCode,
}

/// An answer, or the mistake of ours that prevents it.
pub(super) type Outcome = Result<Done, EncodeError>;

/// An answer that the codec crate writes; counted under `error`.
pub(super) fn done<R: Encodable>(header: &RequestHeader, response: &R, error: ErrorCode) -> Outcome {
    Ok(Done { body: response::encode(header, response)?.into(), error })
}

/// An answer that is one long array, made and written element by element; counted under its first error.
pub(super) fn done_listing<R: Listing>(
    header: &RequestHeader,
    frame: &R,
    elements: impl ExactSizeIterator<Item = R::Element>,
    code: impl Fn(&R::Element) -> i16,
) -> Outcome {
    let mut error = ErrorCode::None;
    let elements = elements.inspect(|element| {
        if error.is_none() {
            error = first_error([code(element)]);
        }
    });
    let body = response::encode_listing(header, frame, elements)?;
    Ok(Done { body, error })
}

/// The first error among `codes`, as an answer is counted.
pub(super) fn first_error(codes: impl IntoIterator<Item = i16>) -> ErrorCode {
    codes.into_iter().filter_map(ErrorCode::from_code).find(|code| !code.is_none()).unwrap_or_default()
}

/// An answer that is there already.
pub(super) fn ready(metrics: &Metrics, header: &RequestHeader, outcome: Outcome) -> Answer {
    match finish(metrics, header, outcome) {
        Ok(body) => Answer::Ready(body),
        Err(close) => Answer::Close(close),
    }
}

/// An answer that `work` finds.
pub(super) fn later(
    metrics: &Arc<Metrics>,
    header: RequestHeader,
    work: impl Future<Output = Outcome> + Send + 'static,
) -> Answer {
    let (metrics, header) = (metrics.clone(), header.detached());
    Answer::later(async move {
        match finish(&metrics, &header, work.await) {
            Ok(body) => Reply::Body(body),
            Err(close) => Reply::Close(close),
        }
    })
}

/// As [`later`], for work with effects: it goes on to its end even when the connection ends before the answer, so that a
/// change that was committed also comes into force.
pub(super) fn to_the_end(
    metrics: &Arc<Metrics>,
    header: RequestHeader,
    work: impl Future<Output = Outcome> + Send + 'static,
) -> Answer {
    let task = tokio::spawn(work);
    later(metrics, header, async move {
        match task.await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and this future with it.
                Err(_cancelled) => std::future::pending().await,
            },
        }
    })
}

fn finish(metrics: &Metrics, header: &RequestHeader, outcome: Outcome) -> Result<Body, Close> {
    match outcome {
        Ok(done) => {
            metrics.requests.answered(header.api.key(), done.error.code());
            Ok(done.body)
        }
        Err(error) => {
            tracing::error!(api = %header.api, version = header.version, %error, "an answer could not be written");
            Err(Close::new(CloseReason::UnsupportedVersion, error.to_string()))
        }
    }
}

/// Text of our own for an answer.
pub(super) fn text(text: impl Into<String>) -> Str {
    Str::from_string(text.into())
}

/// What the client may do with a topic or the cluster, as bits (KIP-430), when it asks; without an authorizer it may do
/// everything.
pub(super) fn operations(asked: bool, all: i32) -> i32 {
    if asked { all } else { NOT_ASKED }
}

/// "The client did not ask."
const NOT_ASKED: i32 = i32::MIN;

/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
pub(super) const TOPIC_OPERATIONS: i32 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;

/// CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE.
pub(super) const CLUSTER_OPERATIONS: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
