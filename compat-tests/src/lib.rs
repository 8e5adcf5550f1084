//! Real clients, real Kafka tools and faults against the real binary, and the comparison with Apache Kafka: the library
//! that the two programs of this package are made of.
//!
//! `compat-tests` (main.rs) checks; `side-by-side` (bin/side-by-side.rs) measures. `./compat-tests/run` is the way in.

pub mod admin;
pub mod broker;
pub mod client_table;
pub mod clients;
pub mod differences;
pub mod dump;
pub mod group_driver;
pub mod history;
pub mod keyed;
pub mod member;
pub mod pair;
pub mod partition;
pub mod parts;
pub mod ports;
pub mod probe;
pub mod raw_producer;
pub mod rdkafka_client;
pub mod rdkafka_member;
pub mod record;
pub mod recorder;
pub mod report;
pub mod rng;
pub mod schema;
pub mod scrape;
pub mod seeds;
pub mod side_by_side;
pub mod tmpfs;
pub mod traffic;
pub mod wall_clock;
