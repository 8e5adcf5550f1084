//! Real clients, real Kafka tools and faults against the real binary. `./compat-tests/run` is the way in.
//!
//! `compat-tests all --binary PATH [--long] [--write-docs] [part...]` runs the parts; `compat-tests client ...` is the rdkafka crate as one
//! of the client programs; `compat-tests record ...` writes down what clients send (recorder.rs).

use compat_tests::parts::{self, Context};
use compat_tests::report::{self, Report, say};
use compat_tests::{client_table, clients, rdkafka_client, recorder, rng, seeds};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("client") => ExitCode::from(u8::try_from(rdkafka_client::main(&words[1..])).unwrap_or(1)),
        Some("record") => match recorder::main(&words[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("compat-tests: {error}"));
                ExitCode::FAILURE
            }
        },
        Some("all") => match context(&words[1..]) {
            Ok((context, chosen)) => run(&context, &chosen),
            Err(error) => {
                say(&format!("compat-tests: {error}"));
                ExitCode::from(64)
            }
        },
        _ => {
            say(
                "usage: compat-tests all --binary PATH [--long] [--seed N] [--write-docs] [part...] | compat-tests client produce|consume ...",
            );
            ExitCode::from(64)
        }
    }
}

fn context(words: &[String]) -> Result<(Context, Vec<String>), String> {
    let (mut binary, mut long, mut write_docs, mut seed, mut chosen) = (None, false, false, None, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--binary" => binary = Some(PathBuf::from(value()?)),
            "--seed" => seed = Some(value()?.parse().map_err(|_| "--seed wants a number")?),
            "--long" => long = true,
            "--write-docs" => write_docs = true,
            part if parts::ALL.iter().any(|(name, _)| *name == part) => chosen.push(part.to_owned()),
            other => return Err(format!("{other} is neither an option nor one of the parts")),
        }
    }
    let binary = binary.ok_or("--binary is missing")?;
    let binary = binary.canonicalize().map_err(|error| format!("{}: {error}", binary.display()))?;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let clients = clients::Clients::load(&root)?;
    let seed = seed.unwrap_or_else(rng::Rng::fresh_seed);
    let kept = seeds::Seeds::load(&root.join("seeds"))?;
    Ok((Context { binary, root, clients, long, write_docs, seed, kept }, chosen))
}

fn run(context: &Context, chosen: &[String]) -> ExitCode {
    say(&format!("seed {}", context.seed));
    let mut all = Report::default();
    let mut minutes = Vec::new();
    for (name, part) in parts::ALL {
        if !chosen.is_empty() && !chosen.iter().any(|part| part == name) {
            continue;
        }
        let (report, took) = report::timed(name, |report| part(report, context));
        all.checks.extend(report.checks);
        minutes.push(format!("{name:<12} {:>5.1} min", took.as_secs_f64() / 60.0));
    }
    if chosen.is_empty() || client_table::PARTS.iter().all(|part| chosen.iter().any(|own| own == part)) {
        let page = context.root.join("../docs/compatibility.md");
        let published = client_table::publish(&page, &context.clients, &all.checks, context.write_docs);
        all.result("the client table is that of this run", published);
    }
    say("== minutes of the client parts");
    minutes.iter().for_each(|line| say(line));
    let (passed, failed, cannot) = all.counts();
    if failed > 0 {
        say("== what failed");
    }
    for check in &all.checks {
        if let report::Outcome::Failed(why) = &check.outcome {
            say(&format!("  {}: {why}", check.name));
        }
    }
    say(&format!("{cannot} checks that a client cannot make, in its own words, counted apart"));
    say(&format!("{passed} passed, {failed} failed"));
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
