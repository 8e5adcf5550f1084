use super::*;
use crate::metrics::Refusal;

async fn refused(running: &Running) {
    running.client().await.closed().await;
}

#[tokio::test]
async fn h7_connections_are_bounded_and_come_back() {
    let check = async |limits: Limits, refusal: Refusal| {
        let running = serve(limits);
        let mut clients = Vec::new();
        for correlation in 0..5 {
            let mut client = running.client().await;
            client.echo(correlation).await;
            clients.push(client);
        }
        refused(&running).await;
        refused(&running).await;
        assert_eq!(running.metrics.connections.refused_count(refusal), 2);
        clients.pop();
        running.until("a place is free", |running| running.admission.open() == 4).await;
        let mut last = running.client().await;
        last.echo(9).await;
        for client in &mut clients {
            client.echo(10).await;
        }
    };
    check(Limits { connections: 5, ..test_limits() }, Refusal::MaxConnections).await;
    check(Limits { connections_per_ip: 5, ..test_limits() }, Refusal::MaxConnectionsPerIp).await;
}

#[test]
fn h7_churn_leaves_no_descriptor() {
    if !alone("limits::h7_churn_leaves_no_descriptor") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let running = serve(test_limits());
        running.client().await.echo(0).await;
        running.until_empty().await;
        let before = open_descriptors();
        for round in 0..2000 {
            let mut client = running.client().await;
            match round % 5 {
                0 => drop(client),
                1 => client.send(&[0, 0]).await,
                2 => client.send(&request(Ask::Never, 1, 0)).await,
                3 => client.send(&[0xff; 4]).await,
                _ => drop(client.echo(round).await),
            }
        }
        running.until_empty().await;
        let after = open_descriptors();
        assert!(after <= before + 2, "{before} descriptors before, {after} after");
        assert_eq!(running.admission.addresses(), 0);
        assert_eq!(running.fake.closed.load(Ordering::SeqCst), 2001);
        println!("2000 connections: {before} descriptors before, {after} after");
    });
}

#[test]
fn descriptors_are_shared_out() {
    let check = |limit: u64, connections: usize, files: usize| {
        assert_eq!(Descriptors::share(limit), Descriptors { limit, connections, files });
    };
    check(1024, 1024 - 256 - 112, 256);
    check(20_000, 20_000 - 5_000 - 112, 5_000);
    check(64, 1, 16);
    check(0, 1, 16);
    check(u64::MAX, (1 << 20) - (1 << 18) - 112, 1 << 18);
    let raised = Descriptors::raise();
    assert!(raised.connections + raised.files < usize::try_from(raised.limit).unwrap_or(usize::MAX));
}

#[test]
fn defaults_follow_the_machine() {
    let descriptors = Descriptors::share(20_000);
    let check = |memory: u64, budget: usize| {
        let limits = Limits::for_machine(memory, &descriptors);
        assert_eq!(limits.memory_bytes, budget);
        assert!(limits.connections_per_ip < limits.connections);
    };
    check(64 << 30, 512 << 20);
    check(1 << 30, 256 << 20);
}

#[test]
fn a_port_in_use_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let config = ListenerConfig { bind: taken.local_addr().expect("its address"), ..local_listener() };
        let error = Server::bind(std::slice::from_ref(&config), test_limits(), test_metrics())
            .err()
            .expect("the port is taken");
        let text = error.to_string();
        assert!(text.contains("PLAINTEXT") && text.contains(&config.bind.to_string()), "{text}");
    });
}

#[tokio::test]
async fn several_listeners_have_names_and_addresses_of_their_own() {
    let fixed = |port| Advertised::Fixed { host: "broker.example".into(), port };
    let configs = [
        local_listener(),
        ListenerConfig { name: "EXTERNAL".into(), advertised: fixed(0), ..local_listener() },
        ListenerConfig { name: "OUTSIDE".into(), advertised: fixed(19092), ..local_listener() },
    ];
    let server = Server::bind(&configs, test_limits(), test_metrics()).expect("free ports");
    let bound = server.bound();
    assert_eq!(bound[0].listener.advertised, Advertised::Reached);
    assert_eq!(bound[1].listener.advertised, fixed(bound[1].address.port()));
    assert_eq!(bound[2].listener.advertised, fixed(19092));
    let (_signal, stopping) = stop_signal();
    tokio::spawn(server.run(Arc::new(Fake::default()), stopping));
    for each in &bound {
        Client(TcpStream::connect(each.address).await.expect("it listens")).echo(1).await;
    }
}
