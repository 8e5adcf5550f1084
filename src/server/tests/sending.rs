use super::*;
use crate::server::limits::UNANSWERED_MAX;

fn check_body(answer: &[u8], length: usize) {
    assert_eq!(answer.len(), 4 + length);
    let wrong = answer[4..].iter().zip(0..).position(|(byte, at)| *byte != pattern_byte(at));
    assert_eq!(wrong, None, "the first wrong byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_parts_arrive_whole() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    for ask in [Ask::File, Ask::CachedFile, Ask::Tail, Ask::DirectFile, Ask::RefusingFile] {
        for length in [1, 1000, 65_536, 262_143, 262_144, 262_145, 524_288, 3_000_001, 20_000_000] {
            client.send(&request(ask, 1, length)).await;
            check_body(&client.receive().await, length as usize);
        }
        client.send(&request(ask, 2, 0)).await;
        check_body(&client.receive().await, 0);
    }
    assert!(running.fake.sends.load(Ordering::SeqCst) > 300, "files have sent themselves");
    running.until("ring memory is let go", |running| running.fake.tails.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_slow_reader_pins_no_ring_memory_and_still_gets_everything() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    const LENGTH: usize = 12_000_000; // more than a socket's buffers hold
    for correlation in 0..3 {
        client.send(&request(Ask::Tail, correlation, LENGTH as u64)).await;
    }
    running.until("the answers wait", |running| running.fake.started.lock().len() == 3).await;
    running.until("ring memory is let go", |running| running.fake.tails.load(Ordering::SeqCst) == 0).await;
    for _ in 0..3 {
        check_body(&client.receive().await, LENGTH);
    }
    client.echo(9).await;
}

#[tokio::test]
async fn a_reader_that_goes_on_slowly_pins_no_ring_memory_either() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    const LENGTH: usize = 12_000_000;
    client.send(&[request(Ask::Tail, 1, LENGTH as u64), request(Ask::Tail, 2, 1000)].concat()).await;
    let mut answer = vec![0; 8 + LENGTH];
    let mut at = 0;
    let mut held = Vec::new();
    while at < answer.len() {
        let end = (at + 300_000).min(answer.len());
        at += client.0.read_exact(&mut answer[at..end]).await.expect("more of the answer");
        held.push(running.fake.tails.load(Ordering::SeqCst));
        sleep(Duration::from_millis(50)).await;
    }
    check_body(&answer[4..], LENGTH);
    check_body(&client.receive().await, 1000);
    let free_from = held.iter().position(|count| *count == 0).expect("ring memory is let go");
    assert!(free_from <= 20, "after {free_from} of {} reads", held.len());
}

#[tokio::test]
async fn a_file_that_fails_in_the_middle_ends_the_connection() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    let mut other = running.client().await;
    client.send(&request(Ask::BrokenFile, 1, 2_000_000)).await;
    let announced = client.0.read_i32().await.expect("the length is sent before the file is read");
    assert_eq!(announced, 2_000_004);
    let mut rest = Vec::new();
    let _ = client.0.read_to_end(&mut rest).await;
    assert!(rest.len() < 2_000_004, "the answer must not look whole");
    running.until("counted", |running| running.metrics.connections.closed_count("storage_failed") == 1).await;
    other.echo(1).await;
}

#[tokio::test]
async fn with_too_many_unanswered_requests_the_connection_is_not_read() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    for correlation in 0..200 {
        client.send(&request(Ask::WaitForStop, correlation, 0)).await;
    }
    running.until("the bound is reached", |running| running.fake.started.lock().len() == UNANSWERED_MAX).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(running.fake.started.lock().len(), UNANSWERED_MAX);
}

#[tokio::test]
async fn with_too_many_queued_bytes_the_connection_is_not_read() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    for correlation in 0..60 {
        client.send(&request(Ask::Owned, correlation, 1_000_000)).await;
    }
    sleep(Duration::from_millis(300)).await;
    let started = running.fake.started.lock().len();
    assert!(started < 20, "{started} answers of 1 MB for a socket that takes a few");
    for correlation in 0..60 {
        assert_eq!(client.correlation().await, correlation);
    }
}

#[tokio::test]
async fn a_reader_that_leaves_in_the_middle_leaves_nothing() {
    let running = serve(test_limits());
    for ask in [Ask::File, Ask::CachedFile, Ask::Tail, Ask::Owned, Ask::Never] {
        let mut client = running.client().await;
        client.send(&request(ask, 1, 20_000_000)).await;
        sleep(Duration::from_millis(50)).await;
        drop(client);
    }
    running.until_empty().await;
    running.until("ring memory is let go", |running| running.fake.tails.load(Ordering::SeqCst) == 0).await;
    assert_eq!(running.memory.used_bytes(), 0);
}
