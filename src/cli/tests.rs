//! The command line from arguments to exit code, with hooks that act on nothing.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use crate::config::StartConfig;

use super::{ExitCode, Failure, Hooks, InspectError, Inspection, World, configuration_reference, run};

fn serve(config: StartConfig) -> Result<(), Failure> {
    match config.data_dir.to_str() {
        Some("./busy") => Err(Failure::PortBusy("127.0.0.1:9092 is taken; choose another".into())),
        Some("./full") => Err(Failure::NoSpace("./full is full; make room".into())),
        _ => Ok(()),
    }
}

fn inspect(directory: &Path, out: &mut dyn Write) -> Result<Inspection, InspectError> {
    writeln!(out, "looked at {}", directory.display())?;
    match directory.to_str() {
        Some("good") => Ok(Inspection::Sound),
        Some("bad") => Ok(Inspection::Damaged { findings: 2 }),
        _ => Err(InspectError::NotData(directory.display().to_string())),
    }
}

fn log(filter: &str) -> Result<(), String> {
    if filter == "?" { Err("no filter".into()) } else { Ok(()) }
}

/// Exit code, standard output, standard error.
fn ottla(arguments: &[&str], environment: &[(&str, &str)]) -> (ExitCode, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let all = ["ottla"].iter().chain(arguments).map(OsString::from);
    let environment = environment.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let world = World { environment, out: &mut out, err: &mut err };
    let code = run(all, world, &Hooks { serve, inspect, log });
    let text = |bytes| String::from_utf8(bytes).expect("is text");
    (code, text(out), text(err))
}

#[test]
fn exit_codes_tell_what_happened() {
    for (arguments, code, said) in [
        (&[][..], ExitCode::Success, ""),
        (&["serve"], ExitCode::Success, ""),
        (&["serve", "-o", "num.partitions=3", "-o", "node.id=2"], ExitCode::Success, ""),
        (&["--listener", "PLAINTEXT://127.0.0.1:0", "--admin", "127.0.0.1:0"], ExitCode::Success, ""),
        (&["serve", "--data-dir", "./busy"], ExitCode::PortBusy, "ottla: 127.0.0.1:9092 is taken; choose another\n"),
        (&["--data-dir", "./full"], ExitCode::NoSpace, "ottla: ./full is full; make room\n"),
        (
            &["-o", "num.partitions=x"],
            ExitCode::BadConfig,
            "ottla: Invalid value x for configuration num.partitions: Not a number of type INT (flag -o); change num.partitions to a whole number from 1; default 1\n",
        ),
        (&["serve", "--log", "?"], ExitCode::Usage, "ottla: log filter \"?\": no filter\n"),
        (&["storage", "inspect", "good"], ExitCode::Success, ""),
        (
            &["storage", "inspect", "bad"],
            ExitCode::DamagedData,
            "ottla: bad has 2 findings, listed above; restore the files they name from a copy\n",
        ),
        (
            &["storage", "inspect", "none"],
            ExitCode::Usage,
            "ottla: none holds no segments; name a data directory or a partition's directory\n",
        ),
    ] {
        let (got, _, err) = ottla(arguments, &[]);
        assert_eq!((got, err.as_str()), (code, said), "{arguments:?}");
    }
    for arguments in [&["fly"][..], &["--fly"], &["storage"], &["serve", "--config"]] {
        let (code, out, err) = ottla(arguments, &[]);
        assert_eq!((code, out.as_str()), (ExitCode::Usage, ""), "{arguments:?}");
        assert!(!err.is_empty());
    }
    let (code, _, err) = ottla(&["--config", "/no/such/file"], &[]);
    assert_eq!(code, ExitCode::BadConfig);
    assert!(err.contains("/no/such/file: cannot be read") && err.contains("--config"), "{err}");
}

#[test]
fn exit_codes_are_numbered_once() {
    let numbers = ExitCode::ALL.map(|(code, _)| code.number());
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn the_version_says_which_kafka_it_speaks() {
    let (code, out, _) = ottla(&["--version"], &[]);
    assert_eq!(code, ExitCode::Success);
    let expected = format!("ottla {}\nspeaks the Kafka protocol of Apache Kafka 4.4\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(out, expected);
}

#[test]
fn config_show_gives_values_and_places() {
    let environment = [("KAFKA_SSL_KEY_PASSWORD", "s3cret"), ("KAFKA_ODD_SECRET", "s3cret")];
    let arguments = ["config", "show", "-o", "num.partitions=3", "--data-dir", "/d"];
    let (code, out, err) = ottla(&arguments, &environment);
    assert_eq!((code, err.as_str()), (ExitCode::Success, ""));
    let words = |name: &str| -> Vec<String> {
        let line = out.lines().find(|line| line.split(' ').next() == Some(name)).expect(name);
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(words("num.partitions"), ["num.partitions", "3", "flag", "-o"]);
    assert_eq!(words("log.dirs"), ["log.dirs", "/d", "flag", "--data-dir"]);
    assert_eq!(words("message.max.bytes"), ["message.max.bytes", "1048588", "default"]);
    assert_eq!(words("ssl.key.password")[1], "[hidden]");
    assert_eq!(words("odd.secret")[1], "[hidden]");
    assert!(!out.contains("s3cret"));
    assert!(!out.contains("num.io.threads"));
    assert!(ottla(&["config", "show", "--all"], &[]).1.contains("num.io.threads"));
}

/// After a change of the table: `cargo run -- generate config-docs > docs/configuration.md`.
#[test]
fn the_configuration_page_is_the_tables() {
    let page = include_str!("../../docs/configuration.md");
    assert!(page == configuration_reference(), "docs/configuration.md is not what the code says");
    assert_eq!(ottla(&["generate", "config-docs"], &[]).1, page);
    let (broker, topic, group) =
        (crate::settings::broker_keys(), crate::settings::topic_keys(), crate::settings::group_keys());
    for key in broker.iter().chain(topic).chain(group) {
        assert!(page.contains(&format!("| `{}` |", key.name)), "{} is missing", key.name);
    }
}
