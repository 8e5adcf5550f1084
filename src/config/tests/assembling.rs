//! All sources together: precedence, places, warnings, errors.

use std::path::Path;

use proptest::prelude::*;

use crate::config::{Advertised, ConfigError, Flags, PropertiesFile, StartConfig, assemble};

fn build(file: &str, environment: &[(&str, &str)], flags: &Flags) -> Result<StartConfig, ConfigError> {
    let file = PropertiesFile { path: "server.properties".into(), text: file.into() };
    let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    assemble(Some(&file), environment, flags)
}

fn options(settings: &[&str]) -> Flags {
    Flags { settings: settings.iter().map(|s| (*s).to_owned()).collect(), ..Flags::default() }
}

#[test]
fn a_bare_start_needs_nothing() {
    let config = assemble(None, [], &Flags::default()).expect("the defaults fit");
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].to_string(), "PLAINTEXT://127.0.0.1:9092");
    assert_eq!(config.listeners[0].advertised, Advertised::AsReached);
    assert_eq!(config.admin.to_string(), "127.0.0.1:9644");
    assert_eq!(config.data_dir, Path::new("./ottla-data"));
    assert_eq!((config.warnings, config.cluster_id), (vec![], None));
    assert!(config.statics.is_empty());
}

#[test]
fn later_sources_outrank_earlier_ones_and_are_remembered() {
    let file = "num.partitions=2\nmessage.max.bytes=2000\nlog.segment.bytes=2000000\nlog.roll.hours=2\n";
    let environment = [
        ("KAFKA_CFG_LOG_ROLL_HOURS", "9"),
        ("KAFKA_LOG_ROLL_HOURS", "3"),
        ("KAFKA_CFG_LOG_SEGMENT_BYTES", "3000000"),
        ("KAFKA_MESSAGE_MAX_BYTES", "3000"),
        ("STATE_DIRECTORY", "/var/lib/ottla:/other"),
        ("CLUSTER_ID", "MkU3OEVBNTcwNTJENDM2Qk"),
        ("HOME", "/root"),
    ];
    let config = build(file, &environment, &options(&["message.max.bytes = 4000"])).expect("fits");
    for (key, text, origin) in [
        ("num.partitions", "2", "server.properties:1"),
        ("log.roll.hours", "3", "environment variable KAFKA_LOG_ROLL_HOURS"),
        ("log.segment.bytes", "3000000", "environment variable KAFKA_CFG_LOG_SEGMENT_BYTES"),
        ("message.max.bytes", "4000", "flag -o"),
        ("log.dir", "/var/lib/ottla", "environment variable STATE_DIRECTORY"),
    ] {
        let value = &config.statics[key];
        assert_eq!((value.text.as_str(), value.origin.to_string().as_str()), (text, origin));
    }
    assert_eq!(config.settings.num_partitions, 2);
    assert_eq!(config.settings.topic_defaults.message_bytes_max, 4000);
    assert_eq!(config.settings.topic_defaults.segment_ms, 3 * 3_600_000);
    assert_eq!(config.data_dir, Path::new("/var/lib/ottla"));
    assert_eq!(config.cluster_id.as_deref(), Some("MkU3OEVBNTcwNTJENDM2Qk"));
    assert_eq!(config.warnings, []);
}

#[test]
fn flags_of_their_own_set_their_keys() {
    let flags = Flags {
        listeners: vec!["PLAINTEXT://127.0.0.1:0".into(), "B://localhost:1".into()],
        data_dir: Some("/data".into()),
        admin: Some("[::1]:0".into()),
        settings: vec!["listener.security.protocol.map=PLAINTEXT:PLAINTEXT,B:PLAINTEXT".into()],
    };
    let environment = [("STATE_DIRECTORY", "/var/lib/x"), ("KAFKA_LISTENERS", "SSL://:1")];
    let config = build("log.dir=/else", &environment, &flags).expect("fits");
    let served: Vec<String> = config.listeners.iter().map(ToString::to_string).collect();
    assert_eq!(served, ["PLAINTEXT://127.0.0.1:0", "B://localhost:1"]);
    assert_eq!(config.admin.to_string(), "[::1]:0");
    assert_eq!(config.data_dir, Path::new("/data"));
    assert_eq!(config.warnings, []);
}

#[test]
fn ids_go_by_two_names() {
    for (file, id) in [
        ("node.id=7", Some(7)),
        ("broker.id=7", Some(7)),
        ("broker.id=7\nnode.id=7", Some(7)),
        ("node.id=7\nbroker.id=8", None),
        ("node.id=-1", None),
    ] {
        let got = build(file, &[], &Flags::default()).ok().map(|config| config.settings.node_id.0);
        assert_eq!(got, id, "{file}");
    }
}

#[test]
fn the_official_images_rule_binds_what_is_advertised() {
    let variable = [("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://example.org:9095")];
    let config = build("", &variable, &Flags::default()).expect("fits");
    assert_eq!(config.listeners[0].to_string(), "PLAINTEXT://0.0.0.0:9095");
    assert_eq!(config.listeners[0].advertised, Advertised::At { host: "example.org".into(), port: 9095 });
    let config = build("advertised.listeners=PLAINTEXT://example.org:9095", &[], &Flags::default());
    assert_eq!(config.expect("fits").listeners[0].to_string(), "PLAINTEXT://127.0.0.1:9092");
}

#[test]
fn a_usual_file_of_kafka_starts() {
    let file = "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
num.network.threads=3
socket.send.buffer.bytes=102400
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
offsets.topic.replication.factor=1
log.retention.hours=168
";
    let config = build(file, &[], &Flags::default()).expect("fits");
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].advertised, Advertised::At { host: "localhost".into(), port: 9092 });
    assert_eq!(config.data_dir, Path::new("/tmp/kraft-combined-logs"));
    // The two accepted keys, the controller's, and the open listener.
    assert_eq!(config.warnings.len(), 4, "{:?}", config.warnings);
}

fn check_warnings(file: &str, environment: &[(&str, &str)], expected: &[&str]) {
    let config = build(file, environment, &Flags::default()).expect("only warns");
    let lines: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected, "{file}");
}

#[test]
fn nothing_is_dropped_in_silence() {
    check_warnings(
        "num.partitons=3",
        &[],
        &["unknown key num.partitons (server.properties:1) is ignored; did you mean num.partitions?"],
    );
    check_warnings(
        "",
        &[("KAFKA_QQQQQQQQ", "1")],
        &["unknown key qqqqqqqq (environment variable KAFKA_QQQQQQQQ) is ignored"],
    );
    check_warnings(
        "\nnum.io.threads=9",
        &[],
        &["num.io.threads (server.properties:2) is accepted and has no effect in this version"],
    );
    check_warnings("num.io.threads=8", &[], &[]);
    check_warnings(
        "super.users=User:a",
        &[],
        &["super.users (server.properties:1) is accepted and has no effect in this version"],
    );
    check_warnings(
        "zookeeper.connect=a:1",
        &[],
        &["zookeeper.connect (server.properties:1) is no longer a key of Kafka 4 and is ignored"],
    );
    check_warnings("node.id=1\nnode.id=2", &[], &["node.id (server.properties:2) replaces the value of line 1"]);
    check_warnings(
        "",
        &[("KAFKA_PORT", "tcp://10.0.0.1:9092"), ("KAFKA_SERVICE_HOST", "10.0.0.1")],
        &[
            "KAFKA_PORT, KAFKA_SERVICE_HOST look like Kubernetes' variables for a Service and are not taken for settings",
        ],
    );
    check_warnings(
        "process.roles=broker,controller\ncontroller.quorum.voters=1@localhost:9093\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER",
        &[],
        &[
            "Ottla has no controllers of its own: controller.listener.names, controller.quorum.voters, listener CONTROLLER have no effect",
        ],
    );
    check_warnings(
        "listeners=PLAINTEXT://0.0.0.0:9092\nottla.admin.listener=:9644",
        &[],
        &[
            "PLAINTEXT://0.0.0.0:9092 can be reached from other machines, without log-in and without encryption; bind 127.0.0.1 unless the network is trusted",
            "admin listener :9644 can be reached from other machines, without log-in and without encryption; bind 127.0.0.1 unless the network is trusted",
        ],
    );
}

#[test]
fn what_cannot_be_stops_with_one_line() {
    for (file, line) in [
        (
            "\nnum.partitions=0",
            "Invalid value 0 for configuration num.partitions: Value must be at least 1 (server.properties:2); change num.partitions to a whole number from 1; default 1",
        ),
        (
            "auto.create.topics.enable=yes",
            "Invalid value yes for configuration auto.create.topics.enable: Expected value to be either true or false (server.properties:1); change auto.create.topics.enable to true or false; default true",
        ),
        (
            "listener.name.plaintext.max.connections=x",
            "Invalid value x for configuration listener.name.plaintext.max.connections: Not a number of type INT (server.properties:1); change max.connections to a whole number from 0; default 2147483647",
        ),
        (
            "ottla.durability=maybe",
            "Invalid value maybe for configuration ottla.durability: String must be one of: fsync, os (server.properties:1); change ottla.durability to one of fsync, os; default fsync",
        ),
        (
            "log.retention.ms=0",
            "Invalid value 0 for configuration log.retention.ms: Value must be -1 (unlimited) or at least 1 (server.properties:1); change log.retention.ms to a whole number",
        ),
        (
            "authorizer.class.name=a.B",
            "Configuration authorizer.class.name cannot be set to a.B: access control is not served yet; leave it empty (server.properties:1); leave it out",
        ),
        (
            "remote.log.storage.system.enable=true",
            "Configuration remote.log.storage.system.enable cannot be set to true: remote storage is not served yet; leave it false (server.properties:1); set it to false or leave it out",
        ),
        (
            "listeners=SSL://:9093",
            "listeners (server.properties:1): listener SSL wants SSL, which is not served yet; use PLAINTEXT on a trusted network",
        ),
        (
            "ottla.admin.listener=9644",
            "ottla.admin.listener (server.properties:1): \"9644\" is no address; write it as host:port, IPv6 in brackets",
        ),
        (
            "log.dirs=/a,/b",
            "log.dirs=/a,/b (server.properties:1) names 2 data directories and Ottla takes one; name one, on a volume that spans the disks if need be",
        ),
        (
            "log.dir=/a,/b",
            "log.dir=/a,/b (server.properties:1) names 2 data directories and Ottla takes one; name one, on a volume that spans the disks if need be",
        ),
        (
            "node.id=1\nbroker.id=2",
            "node.id=1 (server.properties:1) and broker.id=2 (server.properties:2) differ; keep one",
        ),
        (
            "process.roles=controller",
            "process.roles=controller (server.properties:1) has no broker in it; write broker,controller or leave the key out",
        ),
        (
            "x=1\na=\\uzz",
            "server.properties: line 2: \\u wants four hexadecimal digits that make up a character; correct the line",
        ),
    ] {
        let error = build(file, &[], &Flags::default()).expect_err(file).to_string();
        assert_eq!(error, line);
        assert!(!error.contains('\n'));
    }
    for (settings, line) in [
        (&["novalue"][..], "-o \"novalue\" has no = in it; write -o key=value"),
        (&["=1"], "-o \"=1\" has no = in it; write -o key=value"),
        (&["a=1", "a=2"], "a is set by flag -o and again by flag -o; keep one"),
    ] {
        assert_eq!(build("", &[], &options(settings)).expect_err(line).to_string(), line);
    }
    let error = build("", &[("CLUSTER_ID", "a b")], &Flags::default()).expect_err("a blank");
    assert_eq!(error.to_string(), "CLUSTER_ID=\"a b\" is no cluster id; use letters, digits, - and _, 64 at most");
    let error = build("", &[("KAFKA_NUM_PARTITIONS", "x")], &Flags::default()).expect_err("no number");
    assert!(error.to_string().ends_with("(environment variable KAFKA_NUM_PARTITIONS); change KAFKA_NUM_PARTITIONS to a whole number from 1; default 1"), "{error}");
}

#[test]
fn passwords_are_in_no_message() {
    let file = "ssl.key.password=s3cret\nlistener.name.a.ssl.keystore.password=s3cret\n";
    let config = build(file, &[], &Flags::default()).expect("fits");
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert!(!warnings.is_empty());
    assert!(!format!("{warnings:?} {config:?}").contains("s3cret"));
}

proptest! {
    #[test]
    fn junk_never_panics(
        file in "(?s)([a-z.]{1,9}=\\PC{0,9}\n|listeners=\\PC{0,20}\n|log.dirs=\\PC{0,9}\n|\\PC{0,20}\n){0,6}",
        name in "KAFKA_[A-Z_]{0,20}",
        value in "\\PC{0,12}",
        option in "\\PC{0,12}",
    ) {
        let _ = build(&file, &[(&name, &value), ("KAFKA_LISTENERS", &value)], &options(&[&option]));
    }
}
