use super::*;

#[tokio::test]
async fn a_stop_answers_what_waits_and_closes_the_rest() {
    let running = serve(test_limits());
    let (mut waiting, mut idle, mut working, mut partial) =
        (running.client().await, running.client().await, running.client().await, running.client().await);
    idle.echo(1).await;
    partial.send(&[0, 0, 1, 0, 0, 0]).await;
    waiting.send(&request(Ask::WaitForStop, 2, 0)).await;
    working.send(&[request(Ask::Delay, 3, 300), request(Ask::File, 4, 1_000_000)].concat()).await;
    running.until("all is started", |running| running.fake.started.lock().len() == 4).await;
    running.signal.stop();
    assert_eq!(waiting.correlation().await, 2);
    assert_eq!(working.correlation().await, 3);
    assert_eq!(working.receive().await.len(), 1_000_004);
    for client in [&mut waiting, &mut idle, &mut working, &mut partial] {
        client.closed().await;
    }
    let drained = running.task.await.expect("the server ends");
    assert_eq!(drained.cut, 0);
    assert!(drained.time < Duration::from_secs(3), "{drained:?}");
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens");
    assert_eq!(running.fake.closed.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn requests_after_the_stop_are_not_started() {
    let running = serve(test_limits());
    let mut client = running.client().await;
    client.send(&request(Ask::Delay, 1, 300)).await;
    running.until("it is started", |running| running.fake.started.lock().len() == 1).await;
    running.signal.stop();
    sleep(Duration::from_millis(50)).await;
    client.send(&request(Ask::Echo, 2, 0)).await;
    assert_eq!(client.correlation().await, 1);
    client.closed().await;
    assert_eq!(*running.fake.started.lock(), vec![1]);
}

#[tokio::test]
async fn what_never_ends_is_cut_at_the_deadline() {
    let running = serve(Limits { drain: Duration::from_millis(300), ..test_limits() });
    let (mut never, mut unread) = (running.client().await, running.client().await);
    never.send(&request(Ask::Never, 1, 0)).await;
    unread.send(&request(Ask::File, 2, 100_000_000)).await;
    running.until("all is started", |running| running.fake.started.lock().len() == 2).await;
    running.signal.stop();
    let drained = running.task.await.expect("the server ends");
    assert_eq!(drained.cut, 2);
    assert!((Duration::from_millis(250)..Duration::from_secs(3)).contains(&drained.time), "{drained:?}");
    never.closed().await;
    assert_eq!(running.fake.closed.load(Ordering::SeqCst), 2);
    assert_eq!(running.admission.open(), 0);
}
