//! Addresses, good and bad.

use proptest::prelude::*;

use crate::config::{Advertised, ListenerKeys, parse_bind};

const MAP: &str = "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";

/// What is served, as `NAME://bind>advertised`, then the controllers' names.
fn check(keys: ListenerKeys<'_>, expected: &str) {
    let found = keys.resolve().unwrap_or_else(|e| panic!("{e}"));
    let mut words: Vec<String> = found
        .served
        .iter()
        .map(|listener| match &listener.advertised {
            Advertised::AsReached => format!("{listener}>as reached"),
            Advertised::At { host, port } => format!("{listener}>{host}:{port}"),
        })
        .collect();
    words.extend(found.controllers);
    assert_eq!(words.join(" "), expected);
}

fn keys<'a>(listeners: &'a str, advertised: Option<&'a str>) -> ListenerKeys<'a> {
    ListenerKeys { listeners, advertised, protocols: MAP, controllers: None }
}

#[test]
fn listeners_that_are_served() {
    for (listeners, advertised, expected) in [
        ("PLAINTEXT://127.0.0.1:9092", None, "PLAINTEXT://127.0.0.1:9092>as reached"),
        ("plaintext://:0", None, "PLAINTEXT://:0>as reached"),
        ("PLAINTEXT://0.0.0.0:9092", None, "PLAINTEXT://0.0.0.0:9092>as reached"),
        ("PLAINTEXT://[::]:9092", None, "PLAINTEXT://[::]:9092>as reached"),
        ("PLAINTEXT://[::1]:9092", Some("PLAINTEXT://[2001:db8::1]:1"), "PLAINTEXT://[::1]:9092>2001:db8::1:1"),
        (" PLAINTEXT://:9092 ,", Some("PLAINTEXT://kafka_1.local:19092"), "PLAINTEXT://:9092>kafka_1.local:19092"),
        ("PLAINTEXT://:9092", Some("PLAINTEXT://:9092"), "PLAINTEXT://:9092>as reached"),
    ] {
        check(keys(listeners, advertised), expected);
    }
    let custom = ListenerKeys {
        listeners: "EXTERNAL://:9094,INTERNAL://:9092,CONTROLLER://:9093",
        advertised: Some("external://example.org:9094,CONTROLLER://c:1"),
        protocols: "external:plaintext, INTERNAL:PLAINTEXT,CONTROLLER:SSL",
        controllers: Some("controller"),
    };
    check(custom, "EXTERNAL://:9094>example.org:9094 INTERNAL://:9092>as reached CONTROLLER");
}

#[test]
fn listeners_that_are_refused() {
    for (listeners, advertised, key, word) in [
        ("", None, "listeners", "no listener for clients"),
        ("SSL://:9093", None, "listeners", "listener SSL wants SSL, which is not served yet"),
        ("SASL_SSL://:9093", None, "listeners", "wants SASL_SSL"),
        ("SASL_PLAINTEXT://:9093", None, "listeners", "wants SASL_PLAINTEXT"),
        ("OTHER://:9093", None, "listener.security.protocol.map", "OTHER has no security protocol"),
        ("PLAINTEXT://:1,PLAINTEXT://:2", None, "listeners", "two listeners are called PLAINTEXT"),
        ("127.0.0.1:9092", None, "listeners", "no ://"),
        ("://:9092", None, "listeners", "no name"),
        ("PLAINTEXT://:", None, "listeners", "no address"),
        ("PLAINTEXT://localhost", None, "listeners", "no address"),
        ("PLAINTEXT://:65536", None, "listeners", "no address"),
        ("PLAINTEXT://:+1", None, "listeners", "no address"),
        ("PLAINTEXT://:-1", None, "listeners", "no address"),
        ("PLAINTEXT://::1:9092", None, "listeners", "no address"),
        ("PLAINTEXT://[zz]:9092", None, "listeners", "no address"),
        ("PLAINTEXT://[::1:9092", None, "listeners", "no address"),
        ("PLAINTEXT://a b:9092", None, "listeners", "no address"),
        ("PLAINTEXT://:9092", Some("PLAINTEXT://0.0.0.0:9092"), "advertised.listeners", "no address that a client"),
        ("PLAINTEXT://:9092", Some("PLAINTEXT://[::]:9092"), "advertised.listeners", "no address that a client"),
        ("PLAINTEXT://:9092", Some("PLAINTEXT://:1"), "advertised.listeners", "no address that a client"),
        ("PLAINTEXT://:9092", Some("PLAINTEXT://host:0"), "advertised.listeners", "port 0"),
        ("PLAINTEXT://:9092", Some("SSL://host:1"), "advertised.listeners", "SSL is advertised but is no listener"),
    ] {
        let error = keys(listeners, advertised).resolve().expect_err(listeners);
        assert_eq!(error.key, key, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    for protocols in ["PLAINTEXT", "PLAINTEXT:FOO"] {
        let keys = ListenerKeys { protocols, ..keys("PLAINTEXT://:1", None) };
        assert_eq!(keys.resolve().expect_err(protocols).key, "listener.security.protocol.map");
    }
}

proptest! {
    #[test]
    fn junk_never_panics_and_no_wildcard_is_advertised(
        listeners in "(PLAINTEXT://[\\[\\]:0-9a-z.]{0,12}|[A-Z,]{0,4}|\\PC{0,9}){1,3}",
        advertised in "PLAINTEXT://[\\[\\]:0.1]{0,9}|\\PC{0,9}",
    ) {
        let keys = ListenerKeys { controllers: Some("B,C"), ..keys(&listeners, Some(&advertised)) };
        if let Ok(found) = keys.resolve() {
            for listener in found.served {
                if let Advertised::At { host, port } = listener.advertised {
                    prop_assert!(port != 0 && !host.is_empty() && host != "0.0.0.0" && host != "::");
                }
            }
        }
    }

    #[test]
    fn binds_read_back(text in "[0-9a-z.\\[\\]:]{0,20}") {
        if let Ok(bind) = parse_bind("listeners", &text) {
            prop_assert_eq!(parse_bind("listeners", &bind.to_string()), Ok(bind));
        }
    }
}
