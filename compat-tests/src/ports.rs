//! Ports for servers that are started again on the same one.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// The lowest port that is tried: below are those of well-known services.
const LOWEST: u16 = 10_000;

/// Where the system's ephemeral ports begin when it doesn't say: Linux's default.
const EPHEMERAL: u16 = 32_768;

/// How many ports were handed out: no two servers of one run get the same.
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A port of the loopback interface that nobody has at the moment, below the ephemeral ones.
///
/// Of those the system gives one to every outgoing connection and to every bind of port 0. A server that is down for a
/// moment would find its port taken: by another server, or by its own client, which tries to reconnect to it and meets
/// itself.
pub fn free_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let end = first_ephemeral(&range);
    let span = end - LOWEST;
    // Where to begin differs between processes, so that two runs beside each other seldom try the same port.
    let begin = std::process::id().wrapping_mul(7_919);
    let candidates = (0..span).map(|_| {
        let turn = begin.wrapping_add(u32::from(TAKEN.fetch_add(1, Relaxed)));
        LOWEST + u16::try_from(turn % u32::from(span)).expect("below the span, a u16")
    });
    let mut free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("loopback has a free port")
}

/// Where the ephemeral ports begin, from the kernel's `low high`; a range that leaves no room below it is not minded.
fn first_ephemeral(range: &str) -> u16 {
    let low = range.split_whitespace().next().and_then(|low| low.parse().ok());
    low.filter(|low| *low > LOWEST + 1_000).unwrap_or(EPHEMERAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_differ_and_are_not_ephemeral() {
        let ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
        let mut unique = ports.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ports.len());
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        assert!(unique.iter().all(|port| (LOWEST..first_ephemeral(&range)).contains(port)));
        let held = TcpListener::bind(("127.0.0.1", ports[0])).expect("free");
        assert!((0..100).all(|_| free_port() != held.local_addr().expect("bound").port()));
    }

    #[test]
    fn a_range_that_says_nothing_or_leaves_no_room_is_linuxs_default() {
        assert_eq!(first_ephemeral("40000\t60999\n"), 40_000);
        for range in ["", "x y", "1024\t65535", "99999 100000"] {
            assert_eq!(first_ephemeral(range), EPHEMERAL, "{range:?}");
        }
    }
}
