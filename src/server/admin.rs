//! The admin port: metrics and health over HTTP, apart from the clients' listeners and never crowded out by them.
//!
//! | path | 200 when | otherwise |
//! | --- | --- | --- |
//! | `/livez`, `/healthz` | the process turns | - |
//! | `/readyz`, `/v1/status/ready` | nothing holds it back | 503 and a JSON list of reasons |
//! | `/metrics`, `/public_metrics` | always | - |

use crate::metrics::Metrics;
use crate::metrics::exposition::CONTENT_TYPE;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at a time; further ones wait with the system.
const CONNECTIONS_MAX: usize = 16;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Time for a request's head to arrive, between requests too.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Time for a connection in all, so that a reader who takes nothing holds no place for long.
const CONNECTION_TIME: Duration = Duration::from_secs(300);

/// How long the accept loop rests after the system refused.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the broker is ready, and what holds it back if not. Shared by who starts, who stops and who asks.
#[derive(Default)]
pub struct Health {
    reasons: Mutex<BTreeMap<&'static str, String>>,
}

impl Health {
    /// Not ready, because of `name` (a stage: recovery, listeners, draining, storage); `detail` may be replaced as it goes on.
    pub fn hold(&self, name: &'static str, detail: impl Into<String>) {
        self.reasons.lock().insert(name, detail.into());
    }

    /// `name` holds it back no longer.
    pub fn release(&self, name: &'static str) {
        self.reasons.lock().remove(name);
    }

    /// Whether nothing holds it back.
    pub fn is_ready(&self) -> bool {
        self.reasons.lock().is_empty()
    }

    fn json(&self, ready: &str, waiting: &str) -> (bool, String) {
        let reasons = self.reasons.lock();
        let list: Vec<_> =
            reasons.iter().map(|(name, detail)| serde_json::json!({ "reason": name, "detail": detail })).collect();
        let status = if list.is_empty() { ready } else { waiting };
        (list.is_empty(), serde_json::json!({ "status": status, "reasons": list }).to_string())
    }
}

/// The admin port, open but not served yet.
pub struct Admin {
    socket: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Opens the port; 0 picks a free one.
    ///
    /// # Errors
    /// What the system says.
    pub async fn bind(address: SocketAddr) -> io::Result<Admin> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Admin { socket, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves for ever; drop the future to stop (readiness can be asked for until the very end).
    pub async fn run(self, metrics: Arc<Metrics>, health: Arc<Health>) {
        let router = router(metrics, health);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("the places are never closed");
            while connections.try_join_next().is_some() {}
            match self.socket.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        serve(stream, router).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "admin: can't accept a connection");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "admin: connection failed"),
        Err(_) => tracing::debug!("admin: connection was open too long"),
    }
}

fn router(metrics: Arc<Metrics>, health: Arc<Health>) -> Router {
    let text = move || {
        let metrics = Arc::clone(&metrics);
        async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text()) }
    };
    let ready = |good: &'static str, bad: &'static str| {
        let health = Arc::clone(&health);
        move || {
            let (ready, json) = health.json(good, bad);
            async move { readiness(ready, json) }
        }
    };
    Router::new()
        .route("/metrics", get(text.clone()))
        .route("/public_metrics", get(text))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready("ready", "not ready")))
        .route("/v1/status/ready", get(ready("ready", "booting")))
}

fn readiness(ready: bool, json: String) -> Response {
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], json + "\n").into_response()
}
