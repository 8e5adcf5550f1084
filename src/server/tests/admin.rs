use super::*;

async fn start(health: &Arc<Health>) -> SocketAddr {
    let admin = Admin::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = admin.address();
    tokio::spawn(admin.run(test_metrics(), Arc::clone(health)));
    address
}

async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // A refusal may come before everything is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn health_says_what_holds_it_back() {
    let health = Arc::new(Health::default());
    health.hold("recovery", "3 of 40 logs");
    let address = start(&health).await;
    let check = async |path: &str, status: u16, part: &str| {
        let answer = get(address, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert!(answer.contains(part), "{path}: {answer}");
    };
    check("/readyz", 503, r#"{"reasons":[{"detail":"3 of 40 logs","reason":"recovery"}],"status":"not ready"}"#).await;
    check("/v1/status/ready", 503, r#""status":"booting""#).await;
    check("/livez", 200, "ok").await;
    check("/healthz", 200, "ok").await;
    health.hold("recovery", "39 of 40 logs");
    check("/readyz", 503, "39 of 40").await;
    health.release("recovery");
    check("/readyz", 200, r#"{"reasons":[],"status":"ready"}"#).await;
    check("/v1/status/ready", 200, r#""status":"ready""#).await;
    health.hold("draining", "stopping");
    check("/readyz", 503, "draining").await;
    check("/metrics", 200, "content-type: text/plain; version=0.0.4").await;
    check("/metrics", 200, "ottla_build_info{").await;
    check("/public_metrics", 200, "ottla_build_info{").await;
    check("/nothing", 404, "").await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let address = start(&Arc::new(Health::default())).await;
    let long = format!("GET /livez HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let answer = ask(address, &long).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_do_not_keep_others_out() {
    let address = start(&Arc::new(Health::default())).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(address).await.expect("it listens"));
    }
    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
}
