//! Real clients, real Kafka tools and faults against the real binary. `./compat-tests/run` is the way in.

mod admin;
mod broker;
mod clients;
mod history;
mod parts;
mod rdkafka_client;
mod record;
mod report;
mod rng;
mod schema;

fn main() {
    let binary = std::path::PathBuf::from(std::env::args().nth(1).expect("binary"));
    let (report, _) = report::timed("chaos", |report| {
        let seed = rng::Rng::fresh_seed();
        report.result("kill -9", parts::chaos::run(&binary, "fsync", 3, seed));
    });
    let _ = report;
}
