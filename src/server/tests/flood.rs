use super::*;
use crate::server::limits;

const MIB: u64 = 1024 * 1024;

/// How long another client's requests take while something goes on, and the highest memory meanwhile.
struct Watch {
    slowest: Duration,
    connect_slowest: Duration,
    peak: u64,
    charged: usize,
}

/// Serves a healthy client, on one connection and on new ones, for `time`.
async fn watch(running: &Running, time: Duration) -> Watch {
    let mut client = running.client().await;
    let mut seen = Watch { slowest: Duration::ZERO, connect_slowest: Duration::ZERO, peak: 0, charged: 0 };
    let until = Instant::now() + time;
    let mut correlation = 0;
    while Instant::now() < until {
        correlation += 1;
        seen.slowest = seen.slowest.max(client.echo(correlation).await);
        let begun = Instant::now();
        running.client().await.echo(correlation).await;
        seen.connect_slowest = seen.connect_slowest.max(begun.elapsed());
        seen.peak = seen.peak.max(resident());
        seen.charged = seen.charged.max(running.memory.used_bytes());
        sleep(Duration::from_millis(10)).await;
    }
    seen
}

fn in_runtime(body: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(body);
}

#[test]
fn h1_h3_announced_frames_cost_nothing() {
    if !alone("flood::h1_h3_announced_frames_cost_nothing") {
        return;
    }
    in_runtime(async {
        let running = serve(test_limits());
        running.client().await.echo(0).await;
        let base = resident();
        let mut clients = Vec::new();
        for _ in 0..500 {
            let mut client = running.client().await;
            client.send(&(100 * 1024 * 1024i32).to_be_bytes()).await;
            clients.push(client);
        }
        let sending = tokio::spawn(async move {
            loop {
                for client in &mut clients {
                    // The server may have closed it by now.
                    let _ = client.0.write_all(&[0]).await;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
        let seen = watch(&running, Duration::from_secs(5)).await;
        let grown = (seen.peak - base) / 1024;
        println!(
            "500 announcers: charged {} KiB, resident +{grown} KiB, slowest answer {:?}, with connect {:?}",
            seen.charged / 1024,
            seen.slowest,
            seen.connect_slowest
        );
        // 1 KiB each, and what the two workers set aside in the moment of a read.
        let allowed = 1..=500 * 1024 + 3 * limits::SMALL_FRAME_BYTES;
        assert!(allowed.contains(&seen.charged), "{} bytes charged", seen.charged);
        assert!(seen.peak - base < 16 * MIB, "{grown} KiB for 500 announcements");
        assert!(seen.slowest.max(seen.connect_slowest) < Duration::from_secs(1));
        sending.abort();
        let _ = sending.await;
        running.until_empty().await;
        assert_eq!(running.memory.used_bytes(), 0);
    });
}

#[test]
fn h1_half_sent_frames_stay_within_the_budget() {
    if !alone("flood::h1_half_sent_frames_stay_within_the_budget") {
        return;
    }
    in_runtime(async {
        let budget = 64 * MIB as usize;
        let running = serve(Limits { memory_bytes: budget, ..test_limits() });
        running.client().await.echo(0).await;
        let base = resident();
        let mut held = Vec::new();
        for at in 0..30 {
            let mut client = running.client().await;
            let whole = padded(Ask::Echo, at, 0, 4_000_000);
            // Half of it, as far as the server takes it; then nothing more.
            held.push(tokio::spawn(async move {
                let _ = client.0.write_all(&whole[..2_000_000]).await;
                std::future::pending::<()>().await;
            }));
        }
        sleep(Duration::from_millis(500)).await;
        let seen = watch(&running, Duration::from_secs(3)).await;
        let grown = (seen.peak - base) / 1024;
        println!("30 half frames: charged {} KiB, resident +{grown} KiB", seen.charged / 1024);
        assert!(seen.charged <= budget, "{} bytes charged", seen.charged);
        // The senders live in this process, too: each holds a frame of 4 MB.
        let senders = 30 * 4_000_016;
        assert!(seen.peak - base < senders + 2 * budget as u64, "{grown} KiB");
        assert!(seen.slowest.max(seen.connect_slowest) < Duration::from_secs(1), "{:?}", seen.slowest);

        // A large frame gets its turn: those that stand still while others wait are closed soon.
        let mut client = running.client().await;
        let begun = Instant::now();
        let whole = padded(Ask::Echo, 7, 0, 4_000_000);
        let (mut read, mut write) = client.0.split();
        let (_, length) = tokio::join!(write.write_all(&whole), read.read_i32());
        assert_eq!(length.expect("an answer"), 4_000_012);
        println!("a large frame meanwhile: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
        held.iter().for_each(JoinHandle::abort);
        drop(client);
        running.until_empty().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_frames_through_a_small_budget_all_arrive() {
    let running = serve(Limits { memory_bytes: 4 * MIB as usize, ..test_limits() });
    let clients = (0..40).map(|at| {
        let connecting = TcpStream::connect(running.address);
        tokio::spawn(async move {
            let mut client = Client(connecting.await.expect("the server listens"));
            for round in 0..5 {
                let length = 1 + (at * 131 + round * 977) * 17 % 2_000_000;
                let frame = padded(Ask::Silence, at as i32, 0, length);
                client.send(&frame).await;
                client.echo(round as i32).await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let all = async {
        for client in clients {
            client.await.expect("every client is served");
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("no frame waits for ever");
    running.until_empty().await;
    assert_eq!(running.memory.used_bytes(), 0);
}

#[test]
fn h9_clients_that_never_read_cost_little() {
    if !alone("flood::h9_clients_that_never_read_cost_little") {
        return;
    }
    in_runtime(async {
        let running = serve(test_limits());
        let warm = watch(&running, Duration::from_secs(1)).await;
        let base = resident();
        let mut clients = Vec::new();
        for at in 0..200 {
            let mut client = running.client().await;
            let ask = [Ask::File, Ask::CachedFile][at % 2];
            for correlation in 0..20 {
                client.send(&request(ask, correlation, 50_000_000)).await;
            }
            clients.push(client);
        }
        let seen = watch(&running, Duration::from_secs(4)).await;
        let after = resident();
        println!(
            "200 that never read: resident +{} KiB (peak +{} KiB), slowest answer {:?} (before {:?})",
            after.saturating_sub(base) / 1024,
            seen.peak.saturating_sub(base) / 1024,
            seen.slowest,
            warm.slowest
        );
        assert!(after.saturating_sub(base) < 64 * MIB, "{} KiB", (after - base) / 1024);
        assert!(seen.slowest < Duration::from_secs(1));
        drop(clients);
        running.until_empty().await;
    });
}

#[test]
fn idle_connections_are_small() {
    if !alone("flood::idle_connections_are_small") {
        return;
    }
    in_runtime(async {
        const COUNT: u64 = 2000;
        let running = serve(test_limits());
        running.client().await.echo(0).await;
        let base = resident();
        let mut clients = Vec::new();
        for at in 0..COUNT {
            let mut client = running.client().await;
            client.echo(at as i32).await;
            clients.push(client);
        }
        // Both ends live here; the client's costs a tenth.
        let each = resident().saturating_sub(base) / COUNT;
        println!("{COUNT} idle connections: {each} bytes each, both ends");
        assert!(each < 12 * 1024, "{each} bytes: 10,000 would take more than 120 MiB");
    });
}
