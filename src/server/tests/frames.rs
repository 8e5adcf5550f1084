use super::*;

fn prefix(length: i32) -> Vec<u8> {
    length.to_be_bytes().to_vec()
}

#[tokio::test]
async fn h1_h5_what_is_no_frame_is_closed_without_a_byte() {
    let running = serve(test_limits());
    let check = async |bytes: &[u8], reason: CloseReason| {
        let before = running.metrics.connections.closed_count(reason.name());
        let mut client = running.client().await;
        client.send(bytes).await;
        timeout(Duration::from_secs(2), client.closed()).await.expect("closed at once");
        running.until("counted", |running| running.metrics.connections.closed_count(reason.name()) == before + 1).await;
    };
    for length in [0, 1, 7, -1, i32::MIN, i32::MAX, 100 * 1024 * 1024 + 1] {
        check(&prefix(length), CloseReason::FrameLength).await;
    }
    check(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03], CloseReason::ForeignProtocol).await;
    check(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", CloseReason::ForeignProtocol).await;
    check(b"POST /topics/a HTTP/1.1\r\n\r\n", CloseReason::ForeignProtocol).await;
    check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CloseReason::ForeignProtocol).await;
    check(b"SSH-2.0-OpenSSH_9.7\r\n", CloseReason::ForeignProtocol).await;
    check(&[0xff; 64], CloseReason::FrameLength).await;
    check(&[prefix(8), vec![0x7f, 0xff, 0, 0, 0, 0, 0, 1]].concat(), CloseReason::UnknownApi).await;
    assert!(running.fake.started.lock().is_empty());
    running.client().await.echo(1).await;
}

#[tokio::test]
async fn frames_of_all_sizes_arrive_whole() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    let step = 64 * 1024 - 16;
    for padding in [0, 1, 1000, 4096, step - 1, step, step + 1, 2 * step, 1_000_000, 5_000_000] {
        client.send(&padded(Ask::Echo, 5, 0, padding)).await;
        let answer = client.receive().await;
        assert_eq!(answer.len(), 12 + padding);
        assert!(answer[12..].iter().zip(0..).all(|(byte, at)| *byte == pattern_byte(at)), "{padding}");
    }
    running.until("memory is given back", |running| running.memory.used_bytes() == 0).await;
}

#[tokio::test]
async fn frames_may_come_in_any_pieces() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    client.0.set_nodelay(true).expect("an option");
    let frames: Vec<u8> = (0..40).flat_map(|at| padded(Ask::Echo, at, 0, at as usize * 7)).collect();
    for cut in [1, 2, 3, 5, 19, 20, 21, 1000] {
        for piece in frames.chunks(cut) {
            client.send(piece).await;
            tokio::task::yield_now().await;
        }
        for at in 0..40 {
            let answer = client.receive().await;
            assert_eq!(answer.len(), 12 + at as usize * 7, "cut {cut}");
            assert_eq!(answer[..4], i32::to_be_bytes(at));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_disturb_nobody() {
    let running = serve(test_limits());
    let mut healthy = running.client().await;
    for seed in 1..=400u64 {
        let mut client = running.client().await;
        let mut state = seed;
        let mut bytes: Vec<u8> = (0..seed % 97)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        if seed % 3 == 0 && bytes.len() > 4 {
            // A plausible length, so that the bytes behind it count as a request.
            let length = (bytes.len() - 4) as i32;
            bytes[..4].copy_from_slice(&length.to_be_bytes());
        }
        let _ = client.0.write_all(&bytes).await;
        if seed % 50 == 0 {
            healthy.echo(seed as i32).await;
        }
    }
    drop(healthy);
    running.until_empty().await;
    assert_eq!(running.memory.used_bytes(), 0);
}

/// Paused time leaps to the next timer whenever nobody runs, even while bytes are on their way through the system:
/// with this, it leaps by 50 ms at most.
fn small_leaps() {
    tokio::spawn(async {
        loop {
            sleep(Duration::from_millis(50)).await;
        }
    });
}

/// Sends `bytes` one per second until the end comes; says when it came.
async fn slowly(mut client: Client, bytes: &[u8]) -> Duration {
    let begun = Instant::now();
    for byte in bytes {
        let mut one = [0];
        tokio::select! {
            end = client.0.read(&mut one) => {
                assert_eq!(end.unwrap_or(0), 0, "an end, not an answer");
                return begun.elapsed();
            }
            () = sleep(Duration::from_secs(1)) => {}
        }
        if client.0.write_all(&[*byte]).await.is_err() {
            return begun.elapsed();
        }
    }
    client.closed().await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn h6_a_byte_a_second_is_closed_within_the_limit() {
    small_leaps();
    let running = serve(test_limits());
    let check = async |bytes: Vec<u8>| {
        let took = slowly(running.client().await, &bytes).await;
        let allowed = Duration::from_secs(29)..Duration::from_secs(37);
        assert!(allowed.contains(&took), "{} bytes: closed after {took:?}", bytes.len());
    };
    check(prefix(100)[..1].to_vec()).await;
    check(prefix(100)[..3].to_vec()).await;
    check(prefix(100)).await;
    check([prefix(1000), vec![0; 400]].concat()).await;
    check([prefix(100 * 1024 * 1024), vec![0; 400]].concat()).await;
    assert_eq!(running.metrics.connections.closed_count("frame_too_slow"), 5);
    assert_eq!(running.memory.used_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_honest_frame_arrives() {
    small_leaps();
    let running = serve(test_limits());
    let mut client = running.client().await;
    // 20 KiB a second, 50 s in all: above what is asked for.
    for piece in padded(Ask::Echo, 1, 0, 1_000_000).chunks(20_000) {
        client.send(piece).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(client.receive().await.len(), 1_000_012);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    small_leaps();
    let running = serve(test_limits());
    let (mut idle, mut busy, mut waiting) = (running.client().await, running.client().await, running.client().await);
    idle.echo(1).await;
    waiting.send(&request(Ask::Delay, 9, 2_000_000)).await;
    let begun = Instant::now();
    let beat = async {
        for correlation in 0..20 {
            sleep(Duration::from_secs(60)).await;
            busy.echo(correlation).await;
        }
    };
    let end = async {
        idle.closed().await;
        begun.elapsed()
    };
    let ((), took) = tokio::join!(beat, end);
    assert!((Duration::from_secs(599)..Duration::from_secs(610)).contains(&took), "{took:?}");
    assert_eq!(running.metrics.connections.closed_count("idle"), 1);
    assert_eq!(waiting.correlation().await, 9, "who waits for an answer is not idle");
}

#[tokio::test(start_paused = true)]
async fn without_an_idle_limit_nobody_is_idle() {
    let running = serve(Limits { idle: Duration::MAX, drain: Duration::MAX, ..test_limits() });
    let mut client = running.client().await;
    client.echo(1).await;
    sleep(Duration::from_secs(10 * 24 * 60 * 60)).await;
    client.echo(2).await;
    running.signal.stop();
    client.closed().await;
    assert_eq!(running.task.await.expect("the server ends").cut, 0);
}

#[tokio::test]
async fn a_frame_keeps_its_memory_until_its_last_slice_is_gone() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    client.send(&padded(Ask::Keep, 1, 0, 300_000)).await;
    assert_eq!(client.correlation().await, 1);
    assert!((300_000..400_000).contains(&running.memory.used_bytes()), "{}", running.memory.used_bytes());
    drop(client);
    running.until_empty().await;
    assert!(running.memory.used_bytes() >= 300_000, "the connection's end changes nothing");
    running.fake.kept.lock().clear();
    assert_eq!(running.memory.used_bytes(), 0);
}
