//! `ottla serve`: puts the floors together, serves, and stops in order.
//!
//! Start: descriptors, admin port and listeners are bound first (a busy port is known before anything is written), then
//! the broker is opened, then connections are accepted, then the ready line is printed. Stop: nothing new is
//! accepted, what was started is answered, the last commit is made, the data directory is marked clean. A second signal
//! ends the process at once: recovery makes that safe. A failed disk ends it too, with its own exit code.

mod admitting;
mod allocator;
mod cleaning;
#[cfg(test)]
mod flip_tests;
mod levels;
mod sampling;

use crate::base::{Clock, SystemClock, TopicId};
use crate::broker::{Broker, BrokerConfig, OpenError, TopicLogSettings, random_cluster_id};
use crate::cli::Failure;
use crate::config::{Advertised, Bind, BindHost, Listener, StartConfig};
use crate::handlers::call::{self, StopSignal, stop_signal};
use crate::handlers::{
    Configs, Fetches, Groups, Parts, ProducerIds, Service, Space, SpaceProbe, Topics, Whereabouts, log_settings,
    topic_log_settings,
};
use crate::io::disk::RealDisk;
use crate::log::LogSettings;
use crate::metadata::MetadataLog;
use crate::metrics::{Metrics, Protocol};
use crate::server::{Admin, BindError, Bound, Descriptors, Health, Limits, ListenerConfig, Server};
use crate::settings::{self, BrokerSettings};
use crate::store::{DataDirError, Durability, ShutdownError, Store, StoreConfig};
use crate::wire::ErrorCode;
use crate::wire::api::API_TABLE;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Time between two looks of the store at its disk.
const TICK: Duration = Duration::from_secs(1);

/// Topics with metrics of their own.
const METRIC_TOPICS_MAX: usize = 10_000;

/// Exit code of a second signal, as the shell has it for SIGINT.
const EXIT_AT_ONCE: i32 = 130;

/// Names of what holds readiness back.
const STARTING: &str = "recovery";
const DRAINING: &str = "draining";
const STORAGE: &str = "storage";

/// Serves until the process is told to stop.
///
/// # Errors
/// What prevented the start, or made the broker stop.
pub fn run(config: StartConfig) -> Result<(), Failure> {
    let clock = Arc::new(SystemClock::default());
    allocator::map_large_blocks();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("the runtime can't be started: {error}")))?;
    let outcome = runtime.block_on(serve(config, clock));
    // Nothing that still runs (an answer to a peer that does not read, a slow look-up) keeps the process.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: StartConfig, clock: Arc<SystemClock>) -> Result<(), Failure> {
    let (mut interrupt, mut terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
    let descriptors = Descriptors::raise();
    let metrics = Arc::new(metrics()?);
    let health = Arc::new(Health::default());
    health.hold(STARTING, "reading the data directory");
    let admin = Admin::bind(resolve(&config.admin)?).await.map_err(|error| admin_failed(&config.admin, &error))?;
    let admin_address = admin.address();
    let listeners = config.listeners.iter().map(listener).collect::<Result<Vec<_>, _>>()?;
    let limits = limits(&config.settings, &descriptors);
    let server = Server::bind(&listeners, limits, metrics.clone()).map_err(|error| bind_failed(&error))?;
    let (bound, admission) = (server.bound(), server.admission());
    let admin = tokio::spawn(admin.run(metrics.clone(), health.clone()));

    let seed = Uuid::new_v4().into_bytes();
    let (failures, mut failed) = mpsc::unbounded_channel::<String>();
    let broker_config = broker_config(&config, &descriptors, clock.clone(), failures, seed)?;
    let broker = Broker::open(broker_config).await.map_err(open_failed)?;
    levels::settle(&config, &broker).await?;
    let service = Arc::new(service(&config, &broker, &metrics, clock.clone())?);
    sampling::register(&metrics, &broker.store);
    let ticks = tokio::spawn(tick(broker.store.clone(), metrics.clone()));
    let metadata = tokio::spawn(watch_metadata(broker.metadata.clone(), broker.store.clone()));
    let configs = service.parts().topics.configs().clone();
    let machine = Limits::for_machine(machine_memory(), &descriptors);
    let admitting = tokio::spawn(admitting::follow(configs.clone(), admission, machine));
    let cleaning = tokio::spawn(cleaning::follow(configs.clone(), broker.store.clone(), seed));
    let groups = tokio::spawn(service.parts().groups.clone().watch(metrics.clone()));
    let (stop, stopping) = stop_signal();
    let serving = tokio::spawn(server.run(service, stopping));
    health.release(STARTING);
    announce(&config, &bound, admin_address, clock.monotonic());

    let broken = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        why = failed.recv() => why,
    };
    tokio::spawn(leave_at_once(interrupt, terminate));
    if let Some(why) = &broken {
        health.hold(STORAGE, why.clone());
        tracing::error!(%why, "the storage failed: stopping");
    }
    let outcome = drain(stop, serving, &broker, &health).await;
    ticks.abort();
    metadata.abort();
    admitting.abort();
    cleaning.abort();
    groups.abort();
    admin.abort();
    match broken {
        Some(why) => Err(Failure::Storage(format!(
            "{}: {why}; check the disk, then start again: what was acknowledged is recovered",
            config.data_dir.display()
        ))),
        None => outcome,
    }
}

fn on(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::Other(format!("signals can't be received: {error}")))
}

/// A second signal does not wait for anything.
async fn leave_at_once(mut interrupt: Signal, mut terminate: Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::warn!("second signal: leaving at once, the next start recovers");
    std::process::exit(EXIT_AT_ONCE);
}

/// The stop, in order.
async fn drain(
    stop: StopSignal,
    serving: tokio::task::JoinHandle<crate::server::Drained>,
    broker: &Broker,
    health: &Health,
) -> Result<(), Failure> {
    tracing::info!("stopping: answering what was started");
    health.hold(DRAINING, "the broker is stopping");
    stop.stop();
    match serving.await {
        Ok(drained) => tracing::info!(cut = drained.cut, ms = drained.time.as_millis(), "connections closed"),
        Err(error) => tracing::error!(%error, "the server ended badly"),
    }
    let store = broker.store.clone();
    let path = store.path().to_owned();
    match tokio::task::spawn_blocking(move || store.shutdown()).await {
        Ok(Ok(())) => {
            tracing::info!("stopped: the data directory is clean");
            Ok(())
        }
        Ok(Err(error)) => Err(shutdown_failed(&path, &error)),
        Err(error) => Err(Failure::Other(format!("the stop failed: {error}"))),
    }
}

fn metrics() -> Result<Metrics, Failure> {
    let protocol = Protocol {
        apis: API_TABLE.iter().map(|row| (row.key, row.name)).collect(),
        error_name: |code| match code {
            0 => "none",
            code => ErrorCode::from_code(code).map_or("other", ErrorCode::name),
        },
    };
    let revision = option_env!("OTTLA_REVISION").unwrap_or("unknown");
    Metrics::new(prometheus::Registry::new(), protocol, env!("CARGO_PKG_VERSION"), revision, METRIC_TOPICS_MAX)
        .map_err(|error| Failure::Other(format!("the metrics can't be registered: {error}")))
}

/// What the store has to do from time to time.
async fn tick(store: Arc<Store>, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = sampling::Told::default();
    loop {
        ticks.tick().await;
        told.tell(&store, &metrics);
        let store = store.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || store.tick()).await {
            tracing::error!(%error, "the store's tick failed");
        }
    }
}

/// Metadata that can't be made durable, or can't be read, ends the broker as a failed log does.
async fn watch_metadata(metadata: Arc<MetadataLog>, store: Arc<Store>) {
    let why = metadata.broken().await;
    if let Err(error) = tokio::task::spawn_blocking(move || store.fail(&format!("metadata: {why}"))).await {
        tracing::error!(%error, "the store could not be ended");
    }
}

fn broker_config(
    config: &StartConfig,
    descriptors: &Descriptors,
    clock: Arc<dyn Clock>,
    failures: mpsc::UnboundedSender<String>,
    seed: [u8; 16],
) -> Result<BrokerConfig, Failure> {
    let settings = &config.settings;
    let defaults = Arc::new(log_settings(&settings.topic_defaults, settings));
    let on_failure = Box::new(move |why: &str| {
        // Nobody listens when the stop has begun already.
        let _ = failures.send(why.to_owned());
    });
    let mut store = StoreConfig::new(defaults, clock, on_failure);
    store.durability = match settings.durability {
        settings::Durability::Fsync => Durability::Fsync,
        settings::Durability::Os => Durability::Os,
    };
    store.tail_bytes = settings.tail_bytes;
    store.wal_bytes = settings.wal_bytes;
    store.cleaner = cleaning::config(&settings.cleaner, seed);
    store.retention_check_every = Duration::from_millis(settings.retention_check_interval_ms);
    store.open_files = descriptors.files;
    Ok(BrokerConfig {
        disk: Arc::new(RealDisk::new()),
        data_dir: config.data_dir.clone(),
        node: settings.node_id,
        rack: settings.rack.clone(),
        cluster_id: config.cluster_id.clone(),
        new_cluster_id: random_cluster_id(),
        new_features: levels::of_new_cluster(config)?,
        nonces: Box::new(|| Uuid::new_v4().as_u128()),
        store,
        log_settings: known_settings(config),
    })
}

/// The settings of each topic's logs, worked out once for all of its partitions: the start asks for each of them.
fn known_settings(config: &StartConfig) -> TopicLogSettings {
    let (statics, settings) = (config.statics.clone(), config.settings.clone());
    let known = Mutex::new(HashMap::<TopicId, Arc<LogSettings>>::new());
    Box::new(move |image, topic| {
        let work_out = || Arc::new(topic_log_settings(settings.node_id, &statics, &settings, image, topic));
        known.lock().entry(topic.id).or_insert_with(work_out).clone()
    })
}

fn service(
    config: &StartConfig,
    broker: &Broker,
    metrics: &Arc<Metrics>,
    clock: Arc<dyn Clock>,
) -> Result<Service, Failure> {
    let node = config.settings.node_id;
    let image = broker.metadata.image();
    let configs = Configs::new(node, Arc::new(config.statics.clone()), &image, metrics.clone())
        .map_err(|error| Failure::Other(format!("{error}")))?;
    let (metadata, partitions) = (broker.metadata.clone(), broker.partitions.clone());
    let topics = Arc::new(Topics::new(metadata.clone(), partitions, Arc::new(configs), metrics.clone()));
    // What was loaded gets its settings and its epoch now; all else when it is first asked for.
    for log in broker.store.logs() {
        let id = log.id();
        if let Some(topic) = image.topic_by_id(id.topic) {
            topics.partition(&image, topic, id.partition);
        }
    }
    let data_dir = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let place = Arc::new(Whereabouts { node, rack: config.settings.rack.clone(), data_dir: data_dir.clone() });
    let sessions_max = usize::try_from(config.settings.fetch_sessions_max).unwrap_or(usize::MAX);
    let fetches = Fetches::new(topics.clone(), place.clone(), metrics.clone(), clock.clone(), sessions_max);
    let groups = Arc::new(Groups::new(topics.clone(), clock.clone()));
    groups.start();
    let probe: SpaceProbe = Box::new(move || space(&data_dir));
    Ok(Service::new(Parts {
        place,
        topics,
        groups,
        fetches,
        producer_ids: Arc::new(ProducerIds::new(metadata, node)),
        space: Arc::new(probe),
        metrics: metrics.clone(),
        clock,
    }))
}

/// Sizes of the file system under a directory.
fn space(path: &Path) -> Space {
    match rustix::fs::statvfs(path) {
        Ok(found) => Space {
            total: Some(found.f_blocks.saturating_mul(found.f_frsize)),
            free: Some(found.f_bavail.saturating_mul(found.f_frsize)),
        },
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the file system does not tell its size");
            Space::default()
        }
    }
}

fn limits(settings: &BrokerSettings, descriptors: &Descriptors) -> Limits {
    let memory = machine_memory();
    let machine = Limits::for_machine(memory, descriptors);
    let whole = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    let (connections, connections_per_ip) = admitting::bounds(settings, &machine);
    Limits {
        connections,
        connections_per_ip,
        idle: settings.connections_idle_max_ms.map_or(IDLE_UNLIMITED, Duration::from_millis),
        frame_bytes: whole(settings.request_bytes_max),
        memory_bytes: usize::try_from(settings.request_memory(memory)).unwrap_or(usize::MAX),
        drain: machine.drain,
    }
}

/// "Never", for connections that may be idle.
const IDLE_UNLIMITED: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Memory of the machine, or of the container that the process is confined to, bytes.
fn machine_memory() -> u64 {
    let system = rustix::system::sysinfo();
    let machine =
        u64::from(system.totalram as u32).max(system.totalram as u64).saturating_mul(u64::from(system.mem_unit));
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|text| text.trim().parse::<u64>().ok());
    container.map_or(machine, |container| container.min(machine))
}

fn listener(listener: &Listener) -> Result<ListenerConfig, Failure> {
    let advertised = match &listener.advertised {
        Advertised::AsReached => call::Advertised::Reached,
        Advertised::At { host, port } => call::Advertised::Fixed { host: host.clone(), port: *port },
    };
    Ok(ListenerConfig { name: listener.name.clone(), bind: resolve(&listener.bind)?, advertised })
}

fn resolve(bind: &Bind) -> Result<SocketAddr, Failure> {
    match &bind.host {
        BindHost::Any => Ok(SocketAddr::new(every_interface(has_ipv6()), bind.port)),
        BindHost::Address(address) => Ok(SocketAddr::new(*address, bind.port)),
        BindHost::Name(name) => {
            let mut found = (name.as_str(), bind.port).to_socket_addrs().map_err(|error| {
                Failure::Other(format!("{bind}: {name} can't be resolved: {error}; name an address of this machine"))
            })?;
            let none = || Failure::Other(format!("{bind}: {name} has no address; name an address of this machine"));
            found.next().ok_or_else(none)
        }
    }
}

/// IPv6's wildcard takes IPv4 too, but a kernel may be without IPv6.
fn every_interface(has_ipv6: bool) -> IpAddr {
    if has_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

fn has_ipv6() -> bool {
    socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).is_ok()
}

fn bind_failed(error: &BindError) -> Failure {
    let line = format!("{error}; choose another with --listener {}://host:port (port 0 is a free one)", error.name);
    match error.source.kind() {
        io::ErrorKind::AddrInUse => Failure::PortBusy(line),
        _ => Failure::Other(line),
    }
}

fn admin_failed(bind: &Bind, error: &io::Error) -> Failure {
    let line = format!("admin: can't listen on {bind}: {error}; choose another with --admin host:port");
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::PortBusy(line),
        _ => Failure::Other(line),
    }
}

fn open_failed(error: OpenError) -> Failure {
    let line = error.to_string();
    match &error {
        OpenError::DataDir(inner) => match inner {
            DataDirError::Locked { .. } => {
                Failure::DataDirLocked(format!("{line}; stop it, or choose another with --data-dir"))
            }
            DataDirError::Foreign { .. }
            | DataDirError::Newer { .. }
            | DataDirError::OtherCluster { .. }
            | DataDirError::OtherNode { .. } => Failure::ForeignData(line),
            DataDirError::Damaged { .. } => Failure::Damaged(line),
            DataDirError::Io { error, .. } => disk_failed(line, error),
        },
        OpenError::Bucket { error, .. } => disk_failed(line, error),
        OpenError::Store(error) if error.is_full() => Failure::NoSpace(format!("{line}; make room and start again")),
        OpenError::Store(error) if error.is_foreign() => Failure::ForeignData(line),
        OpenError::Store(error) if error.is_damaged() => Failure::Damaged(line),
        OpenError::Metadata(error) if error.is_newer() => Failure::ForeignData(line),
        OpenError::Metadata(error) if error.is_damaged() => Failure::Damaged(line),
        OpenError::Store(_) | OpenError::Metadata(_) | OpenError::Start(_) => Failure::Storage(line),
    }
}

fn disk_failed(line: String, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Failure::NoSpace(format!("{line}; make room and start again"))
        }
        _ => Failure::Storage(line),
    }
}

fn shutdown_failed(path: &Path, error: &ShutdownError) -> Failure {
    Failure::Storage(format!("{}: {error}; what was acknowledged is recovered by the next start", path.display()))
}

/// Says that the broker is ready, where, and what to try.
fn announce(config: &StartConfig, bound: &[Bound], admin: SocketAddr, took: Duration) {
    let mut text = format!("ottla {} ready in {} ms\n", env!("CARGO_PKG_VERSION"), took.as_millis());
    for bound in bound {
        let advertised = match &bound.listener.advertised {
            call::Advertised::Fixed { host, port } => format!("advertised as {host}:{port}"),
            call::Advertised::Reached => "advertised as the address a client reaches".to_owned(),
        };
        text += &format!("  listening  {}://{} ({advertised})\n", bound.listener.name, bound.address);
    }
    text += &format!("  admin      http://{admin}/metrics\n");
    text += &format!("  data       {}\n", config.data_dir.display());
    if let Some(first) = bound.first() {
        text += &format!("  try        kcat -b {} -L\n", reachable(first.address));
    }
    // Nobody may be reading; the broker serves all the same.
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An address that a client on this machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}
