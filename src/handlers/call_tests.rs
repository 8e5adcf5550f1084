use super::*;
use std::collections::HashSet;

fn peer(advertised: Advertised, local: &str) -> Peer {
    let listener = Arc::new(Listener { name: "PLAINTEXT".into(), advertised });
    let (_signal, stopping) = stop_signal();
    Peer::new(
        ConnectionId(1),
        listener,
        local.parse().expect("a test address"),
        "[::ffff:10.0.0.9]:4000".parse().expect("a test address"),
        stopping,
        AnswerMemory::new(u64::MAX),
    )
}

#[test]
fn a_peer_is_told_the_address_it_reached_unless_one_is_fixed() {
    let check = |advertised: Advertised, local: &str, host: &str, port: u16| {
        assert_eq!(peer(advertised, local).advertised(), (host.to_string(), port));
    };
    check(Advertised::Reached, "127.0.0.1:9092", "127.0.0.1", 9092);
    check(Advertised::Reached, "[::ffff:10.1.2.3]:9092", "10.1.2.3", 9092);
    check(Advertised::Reached, "[fe80::1]:9092", "fe80::1", 9092);
    check(Advertised::Fixed { host: "kafka.example".into(), port: 19092 }, "127.0.0.1:9092", "kafka.example", 19092);
}

#[test]
fn a_mapped_address_counts_as_ipv4() {
    assert_eq!(peer(Advertised::Reached, "127.0.0.1:1").host().to_string(), "10.0.0.9");
}

#[test]
fn every_reason_to_close_has_a_name_of_its_own() {
    let names: HashSet<_> = CloseReason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), CloseReason::ALL.len());
}

#[tokio::test]
async fn a_stop_is_seen_by_who_waits_and_who_comes_later() {
    let (signal, stopping) = stop_signal();
    assert!(!stopping.is_stopping());
    let early = stopping.clone();
    let waiting = tokio::spawn(async move { early.begun().await });
    signal.stop();
    waiting.await.expect("the waiting task ends");
    stopping.begun().await;
    assert!(stopping.is_stopping());
}
