use super::*;

/// A small generator, so that a failure can be run again from its seed.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn av_12_answers_leave_in_request_order() {
    for seed in 1..=8 {
        println!("seed {seed}");
        let running = serve(test_limits());
        let mut chance = Seeded(seed);
        let client = running.client().await;
        let (mut read, mut write) = client.0.into_split();
        let mut expected = Vec::new();
        let mut bytes = Vec::new();
        for correlation in 0..300 {
            let (ask, argument) = match chance.below(6) {
                0 | 1 => (Ask::Delay, chance.below(30)),
                2 => (Ask::File, chance.below(700_000)),
                3 => (Ask::Silence, 0),
                4 => (Ask::Tail, 1 + chance.below(50_000)),
                _ => (Ask::Echo, 0),
            };
            if ask != Ask::Silence {
                let length = match ask {
                    Ask::File | Ask::Tail => 4 + argument as usize,
                    _ => 12,
                };
                expected.push((correlation, length));
            }
            bytes.extend(request(ask, correlation, argument));
        }
        let writing = tokio::spawn(async move {
            write.write_all(&bytes).await.expect("the server reads");
            write
        });
        for (correlation, length) in expected {
            let mut answer = vec![0; read.read_i32().await.expect("an answer") as usize];
            read.read_exact(&mut answer).await.expect("a whole answer");
            assert_eq!(i32::from_be_bytes(answer[..4].try_into().expect("4 bytes")), correlation, "seed {seed}");
            assert_eq!(answer.len(), length);
            if length > 12 {
                let right = answer[4..].iter().zip(0..).all(|(byte, at)| *byte == pattern_byte(at));
                assert!(right, "seed {seed}: the body of {correlation} is wrong");
            }
        }
        drop(writing.await.expect("all is written"));
        let started = running.fake.started.lock().clone();
        assert_eq!(started, (0..300).collect::<Vec<_>>(), "requests start in order");
    }
}

#[tokio::test]
async fn requests_behind_a_slow_one_run_meanwhile() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    let begun = Instant::now();
    for correlation in 0..20 {
        client.send(&request(Ask::Delay, correlation, 500)).await;
    }
    for correlation in 0..20 {
        assert_eq!(client.correlation().await, correlation);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "20 waits of 500 ms took {took:?}: one after the other");
}

#[tokio::test]
async fn the_ordered_part_holds_back_later_requests() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    client.send(&[request(Ask::SlowStart, 1, 200), request(Ask::Echo, 2, 0)].concat()).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(*running.fake.started.lock(), vec![1]);
    assert_eq!(client.correlation().await, 1);
    assert_eq!(client.correlation().await, 2);
}

#[tokio::test]
async fn pr_1_a_silent_request_has_no_answer() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    client.send(&[request(Ask::Silence, 1, 0), request(Ask::Echo, 2, 0), request(Ask::Silence, 3, 0)].concat()).await;
    assert_eq!(client.correlation().await, 2);
    client.echo(4).await;
}

#[tokio::test]
async fn a_close_comes_after_earlier_answers_and_nothing_after_it() {
    let check = async |close: Ask| {
        let running = serve(test_limits());
        let mut client = running.client().await;
        let asks = [request(Ask::Delay, 1, 100), request(close, 2, 50), request(Ask::Echo, 3, 0)];
        client.send(&asks.concat()).await;
        // Bytes that are never read must not cost the peer its last answer.
        client.send(&vec![0; 200_000]).await;
        assert_eq!(client.correlation().await, 1);
        client.closed().await;
        drop(client);
        running.until_empty().await;
    };
    check(Ask::Close).await;
    check(Ask::CloseLater).await;
}

#[tokio::test]
async fn th_1_a_throttled_answer_comes_at_once_and_mutes() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    let begun = Instant::now();
    client.send(&[request(Ask::Throttle, 1, 2000), request(Ask::Echo, 2, 0)].concat()).await;
    assert_eq!(client.correlation().await, 1);
    assert!(begun.elapsed() < Duration::from_millis(1500), "the answer itself does not wait");
    assert_eq!(client.correlation().await, 2);
    assert!(begun.elapsed() >= Duration::from_millis(2000), "the next request waits");
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_only() {
    let running = serve(test_limits());
    let (mut victim, mut other) = (running.client().await, running.client().await);
    other.echo(1).await;
    victim.send(&request(Ask::Panic, 1, 0)).await;
    victim.closed().await;
    other.echo(2).await;
    drop(other);
    running.until_empty().await;
}
