use super::*;

const MIB: u64 = 1024 * 1024;
const BUDGET: u64 = 64 * MIB;
const ANSWER: u64 = 8_000_000;
const WORKERS: usize = 2;
const SILENT: u64 = 50;
/// Once nobody waits, these fit into the budget and have the usual time.
const FIT: u64 = 8;

/// Takes an answer of `length` bytes in steps, with a rest after each; says how long it took.
async fn take(mut client: Client, length: u64, step: usize, rest: Duration) -> Duration {
    let begun = Instant::now();
    client.send(&request(Ask::Listing, 3, length)).await;
    assert_eq!(u64::from(client.0.read_u32().await.expect("an answer")), length + 4);
    let mut left = length as usize + 4;
    let mut buffer = vec![0; step];
    while left > 0 {
        let now = left.min(step);
        client.0.read_exact(&mut buffer[..now]).await.expect("more of the answer");
        left -= now;
        sleep(rest).await;
    }
    begun.elapsed()
}

#[test]
fn peers_that_never_read_long_answers_stay_within_the_budget() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let running = serve(Limits { memory_bytes: BUDGET as usize, ..test_limits() });
        let mut healthy = running.client().await;
        // Slow, but it goes on: it is not given up while the others hold the rest.
        let slow = tokio::spawn(take(running.client().await, 20_000_000, 500_000, Duration::from_millis(150)));
        running.until("the slow one is counted", |running| running.answers.used_bytes() > 0).await;
        let mut silent = Vec::new();
        for correlation in 0..SILENT as i32 {
            let mut client = running.client().await;
            client.send(&request(Ask::Listing, correlation, ANSWER)).await;
            silent.push(client);
        }
        let quick = tokio::spawn(take(running.client().await, ANSWER, 500_000, Duration::ZERO));

        let begun = Instant::now();
        let (mut peak, mut slowest, mut correlation) = (0, Duration::ZERO, 0);
        let given_up = || running.metrics.connections.closed_count("answer_too_slow");
        while given_up() < SILENT - FIT && begun.elapsed() < Duration::from_secs(60) {
            correlation += 1;
            slowest = slowest.max(healthy.echo(correlation).await);
            peak = peak.max(running.answers.used_bytes());
            sleep(Duration::from_millis(2)).await;
        }
        println!(
            "{SILENT} silent: counted {} KiB at most, all but {FIT} gone in {:?}, slowest answer {slowest:?}",
            peak / 1024,
            begun.elapsed()
        );
        assert!(given_up() >= SILENT - FIT, "{} are gone", given_up());
        assert!(peak > BUDGET / 2, "{peak} bytes: the budget was not used");
        assert!(peak <= BUDGET + WORKERS as u64 * ANSWER, "{peak} bytes");
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        println!("slow: {:?}, quick: {:?}", slow.await.expect("all of it"), quick.await.expect("all of it"));
        let mut first = silent.swap_remove(0);
        drop(silent);
        running.until("the memory is back", |running| running.answers.used_bytes() == 0).await;
        // An answer that was given up is never whole.
        let mut rest = Vec::new();
        let _ = first.0.read_to_end(&mut rest).await;
        assert!(rest.len() < ANSWER as usize + 8, "{} bytes", rest.len());
        healthy.echo(0).await;
    });
}

#[tokio::test]
async fn answers_that_wait_for_an_earlier_one_are_given_up_only_for_others() {
    let running = serve(Limits { memory_bytes: 4 * MIB as usize, ..test_limits() });
    let mut behind = running.client().await;
    behind.send(&[request(Ask::Never, 1, 0), request(Ask::Listing, 2, ANSWER)].concat()).await;
    running.until("it is counted", |running| running.answers.used_bytes() > 0).await;
    assert!(running.answers.is_short());
    let took = take(running.client().await, ANSWER, 500_000, Duration::ZERO).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(running.metrics.connections.closed_count("answer_too_slow"), 1);
    behind.closed().await;
}
