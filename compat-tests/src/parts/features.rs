//! Two thousand records a case: what every client must be able to do, client by client. Producers are read back by the
//! rdkafka crate; consumers read what the rdkafka crate wrote.

use crate::admin;
use crate::clients::{Client, Clients};
use crate::parts::{Context, in_parallel};
use crate::record::{Checksum, Row, encode, read_rows, write_rows};
use crate::report::{Outcome, Report};
use crate::rng::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Records of a case.
const RECORDS: usize = 2_000;
/// Large records: their size, how many, and what the topic that takes them allows.
const LARGE_BYTES: usize = 5_000_000;
const LARGE_RECORDS: usize = 3;
const LARGE_TOPIC_BYTES: &str = "8000000";
/// First timestamp; one millisecond a record.
const FIRST_MS: i64 = 1_700_000_000_000;
/// They are older than a week: without it they go when the broker first looks, after five minutes.
const KEPT: (&str, &str) = ("retention.ms", "-1");

/// A liveness bound for what is acknowledged to be in its segment, and the time between two looks.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a client's own interface has no word for, and the words that say so. Any other answer is a failure.
const KNOWN_INABILITIES: &[(&str, &str, &str)] =
    &[("kafka-go", "acks all, idempotent", "no setting for an idempotent producer")];

/// One produce case.
struct Case {
    name: &'static str,
    /// The column that the case is about: a client that does not carry it can't do the case.
    subject: Option<&'static str>,
    rows: Vec<Row>,
    flags: &'static [&'static str],
    topic: &'static [(&'static str, &'static str)],
    expect: Expect,
}

enum Expect {
    /// All acknowledged and read back unchanged; the codec of the stored batch, if it is given.
    Delivered(Option<u8>),
    /// Read back unchanged, whatever the client says: acks=0 acknowledges nothing.
    Unacknowledged,
    /// Refused with this code, in the client's spelling.
    TooLarge,
}

fn rows(count: usize, make: impl Fn(i64) -> Row) -> Vec<Row> {
    (0..i64::try_from(count).expect("small")).map(make).collect()
}

fn plain(number: i64) -> Row {
    let value = format!("value {number} of a case, long enough that a codec has something to do with it");
    Row::new(0, Some(format!("key-{number}").as_bytes()), Some(value.as_bytes()), FIRST_MS + number)
}

fn cases() -> Vec<Case> {
    let case = |name, rows, flags, expect| Case { name, subject: None, rows, flags, topic: &[], expect };
    let about = |subject, case: Case| Case { subject: Some(subject), ..case };
    let plain_rows = || rows(RECORDS, plain);
    let duplicate_headers = |number| Row {
        h: vec![("same".to_owned(), Some(encode(b"1"))), ("same".to_owned(), Some(encode(b"2")))],
        ..plain(number)
    };
    let large = |number: i64| {
        let mut rng = Rng::new(number.unsigned_abs());
        let value: Vec<u8> = (0..LARGE_BYTES / 8).flat_map(|_| rng.bits().to_be_bytes()).collect();
        Row::new(0, Some(b"large"), Some(&value), FIRST_MS + number)
    };
    let mut cases = vec![
        case("codec none", plain_rows(), &["--codec", "none"], Expect::Delivered(Some(0))),
        case("codec gzip", plain_rows(), &["--codec", "gzip"], Expect::Delivered(Some(1))),
        case("codec snappy", plain_rows(), &["--codec", "snappy"], Expect::Delivered(Some(2))),
        case("codec lz4", plain_rows(), &["--codec", "lz4"], Expect::Delivered(Some(3))),
        case("codec zstd", plain_rows(), &["--codec", "zstd"], Expect::Delivered(Some(4))),
        case("acks 0", plain_rows(), &["--acks", "0"], Expect::Unacknowledged),
        case("acks 1", plain_rows(), &["--acks", "1"], Expect::Delivered(None)),
        case("acks all", plain_rows(), &["--acks", "all"], Expect::Delivered(None)),
        case("acks all, idempotent", plain_rows(), &["--acks", "all", "--idempotent"], Expect::Delivered(None)),
        about("k", case("null keys", rows(RECORDS, |n| Row { k: None, ..plain(n) }), &[], Expect::Delivered(None))),
        about("v", case("null values", rows(RECORDS, |n| Row { v: None, ..plain(n) }), &[], Expect::Delivered(None))),
        about("h", case("duplicate header keys", rows(RECORDS, duplicate_headers), &[], Expect::Delivered(None))),
        case(
            "1-byte records",
            rows(RECORDS, |n| Row::new(0, Some(b"k"), Some(b"v"), FIRST_MS + n)),
            &[],
            Expect::Delivered(None),
        ),
    ];
    let flags: &[&str] = &["--max-message-bytes", LARGE_TOPIC_BYTES];
    let topic: &[(&str, &str)] = &[("max.message.bytes", LARGE_TOPIC_BYTES)];
    cases.push(Case {
        name: "5 MB records",
        subject: None,
        rows: rows(LARGE_RECORDS, large),
        flags,
        topic,
        expect: Expect::Delivered(None),
    });
    let refused = "5 MB records refused where the topic does not allow them";
    cases.push(Case {
        name: refused,
        subject: None,
        rows: rows(1, large),
        flags,
        topic: &[],
        expect: Expect::TooLarge,
    });
    cases
}

/// Runs all cases.
pub fn part(report: &mut Report, context: &Context) {
    let (broker, setup, dir) = match context.broker(&[]) {
        Ok(parts) => parts,
        Err(error) => return report.result("broker", Err(error)),
    };
    let bench = Bench { clients: &context.clients, bootstrap: &broker.bootstrap, data: &setup.data, dir: dir.path() };
    let cases = cases();
    for (number, case) in cases.iter().enumerate() {
        if let Err(error) = write_rows(&bench.input(number), &case.rows) {
            return report.result(case.name, Err(error));
        }
    }
    let producers: Vec<_> = context.clients.all.iter().filter(|client| client.produces && !client.lines_only).collect();
    let jobs: Vec<_> = producers.iter().flat_map(|client| (0..cases.len()).map(move |case| (*client, case))).collect();
    let outcomes = in_parallel(&jobs, |(client, case)| bench.produce(client, *case, &cases[*case]));
    for ((client, case), outcome) in jobs.iter().zip(outcomes) {
        report.note(format!("{} produces: {}", client.name, cases[*case].name), outcome);
    }
    if let Err(error) = bench.prepare_reading() {
        return report.result("topic to read from", Err(error));
    }
    let consumers: Vec<_> = context.clients.all.iter().filter(|client| client.consumes).collect();
    let jobs: Vec<_> = consumers.iter().flat_map(|client| READS.iter().map(move |read| (*client, read))).collect();
    let outcomes = in_parallel(&jobs, |(client, read)| bench.read(client, read));
    for ((client, read), outcome) in jobs.iter().zip(outcomes) {
        report.note(format!("{} reads: {}", client.name, read.name), outcome);
    }
    for client in context.clients.all.iter().filter(|client| !client.consumes) {
        report.note(format!("{} reads: by partition", client.name), bench.cannot_read(client));
    }
}

/// By column, a client's own words for why it does not carry it.
type Words = BTreeMap<String, String>;

fn known_inability(client: &Client, case: &str, error: &str) -> bool {
    KNOWN_INABILITIES.iter().any(|(name, of, words)| *name == client.name && *of == case && error.contains(words))
}

/// A row as an error message shows it.
fn brief(row: &Row) -> String {
    format!("{row:?}").chars().take(200).collect()
}

struct Bench<'a> {
    clients: &'a Clients,
    bootstrap: &'a str,
    data: &'a Path,
    dir: &'a Path,
}

impl Bench<'_> {
    fn input(&self, case: usize) -> PathBuf {
        self.dir.join(format!("case-{case}.jsonl"))
    }

    fn produce(&self, client: &Client, number: usize, case: &Case) -> Outcome {
        let topic = format!("case-{number}.{}", client.name);
        match self.try_produce(client, number, case, &topic) {
            Ok(words) if words.is_empty() => Outcome::Passed(String::new()),
            Ok(words) => match case.subject.and_then(|column| words.get(column)) {
                Some(why) => Outcome::Cannot(why.clone()),
                None => Outcome::Passed(format!("compared without what it does not carry: {words:?}")),
            },
            Err(error) if known_inability(client, case.name, &error) => Outcome::Cannot(error),
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Ok holds the columns that differ, each with the client's own words about it.
    fn try_produce(&self, client: &Client, number: usize, case: &Case, topic: &str) -> Result<Words, String> {
        admin::create_topic(self.bootstrap, topic, 1, &[&[KEPT], case.topic].concat())?;
        let input = self.input(number);
        let input = input.to_str().ok_or("path is not UTF-8")?;
        let args = ["produce", "--bootstrap", self.bootstrap, "--topic", topic, "--partition", "0", "--input", input];
        let answer = self.clients.run(client, &[&args[..], case.flags].concat())?;
        match &case.expect {
            Expect::TooLarge => return too_large(&answer).map(|()| Words::new()),
            Expect::Delivered(_) if answer["ok"] != true || answer["acked"] != case.rows.len() => {
                return Err(answer.to_string());
            }
            Expect::Delivered(_) | Expect::Unacknowledged => {}
        }
        if let Expect::Delivered(Some(codec)) = case.expect {
            self.stored_codec(topic, codec)?;
        }
        let not_carried: Words = serde_json::from_value(answer["not_carried"].clone()).unwrap_or_default();
        self.read_back(topic, &case.rows, &not_carried)
    }

    /// Reads a topic with the rdkafka crate and compares record by record; a column that differs is excused only by the
    /// producer's own words about it.
    fn read_back(&self, topic: &str, rows: &[Row], not_carried: &Words) -> Result<Words, String> {
        let out = self.dir.join(format!("{topic}.out"));
        let (count, path) = (rows.len().to_string(), out.to_str().ok_or("path is not UTF-8")?);
        let args = ["consume", "--bootstrap", self.bootstrap, "--topic", topic, "--partition", "0", "--from", "start"];
        let args = [&args[..], &["--count", &count, "--timeout-ms", "20000", "--out", path]].concat();
        let answer = self.clients.run(self.clients.own(), &args)?;
        if answer["ok"] != true {
            return Err(format!("read back: {answer}"));
        }
        let mut words = Words::new();
        for (sent, seen) in rows.iter().zip(read_rows(&out)?) {
            let equal =
                [("k", sent.k == seen.k), ("v", sent.v == seen.v), ("h", sent.h == seen.h), ("t", sent.t == seen.t)];
            for (column, _) in equal.iter().filter(|(_, equal)| !equal) {
                match not_carried.get(*column) {
                    Some(why) => drop(words.insert((*column).to_owned(), why.clone())),
                    None => return Err(format!("sent {} but read {}", brief(sent), brief(&seen))),
                }
            }
        }
        Ok(words)
    }

    /// The codec in the segment, soon after the acknowledgement: what is acknowledged is in the write-ahead log, and is
    /// written to its segment behind it.
    fn stored_codec(&self, topic: &str, codec: u8) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            match self.written_codec(topic, codec) {
                Err(_) if begun.elapsed() < WRITTEN_WITHIN => std::thread::sleep(LOOK_EVERY),
                found => return found,
            }
        }
    }

    /// The codec in the attributes of the stored batches: compression must not be switched off in silence (AV-1). A client
    /// may leave a batch plain that would not shrink, so one batch of the codec is enough, and another codec is too much.
    fn written_codec(&self, topic: &str, codec: u8) -> Result<(), String> {
        const LENGTH_AT: usize = 8;
        const ATTRIBUTES_LOW: usize = 22;
        let path = self.data.join(format!("{topic}-0/00000000000000000000.log"));
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (mut at, mut seen) = (0, Vec::new());
        while let (Some(length), Some(attributes)) =
            (bytes.get(at + LENGTH_AT..at + LENGTH_AT + 4), bytes.get(at + ATTRIBUTES_LOW))
        {
            seen.push(attributes & 7);
            at += LENGTH_AT + 4 + u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        }
        let foreign = seen.iter().any(|stored| *stored != codec && *stored != 0);
        if seen.contains(&codec) && !foreign {
            Ok(())
        } else {
            Err(format!("stored with codecs {seen:?}, not {codec}"))
        }
    }

    fn prepare_reading(&self) -> Result<(), String> {
        let input = self.dir.join("reading.jsonl");
        write_rows(&input, &rows(RECORDS, plain))?;
        admin::create_topic(self.bootstrap, "reading", 1, &[KEPT])?;
        let args =
            ["produce", "--bootstrap", self.bootstrap, "--topic", "reading", "--partition", "0", "--codec", "lz4"];
        let args = [&args[..], &["--linger-ms", "50", "--input", input.to_str().ok_or("path is not UTF-8")?]].concat();
        let answer = self.clients.run(self.clients.own(), &args)?;
        if answer["ok"] == true { Ok(()) } else { Err(answer.to_string()) }
    }

    fn read(&self, client: &Client, read: &Read) -> Outcome {
        let result = if read.from == "end" { self.read_tail(client) } else { self.read_from(client, read) };
        result.map_or_else(Outcome::Failed, |()| Outcome::Passed(String::new()))
    }

    /// The words of a client that does not read by partition. One that reads after all is listed wrongly.
    fn cannot_read(&self, client: &Client) -> Outcome {
        let args = ["consume", "--bootstrap", self.bootstrap, "--topic", "reading", "--partition", "0", "--count", "1"];
        match self.clients.run(client, &args) {
            Ok(answer) => match answer["error"].as_str() {
                Some(words) if answer["ok"] == false => Outcome::Cannot(words.to_owned()),
                _ => Outcome::Failed(format!("listed as one that cannot read, but: {answer}")),
            },
            Err(error) => Outcome::Failed(error),
        }
    }

    fn read_from(&self, client: &Client, read: &Read) -> Result<(), String> {
        let count = RECORDS - read.first;
        let (text, expected) = (count.to_string(), checksum(&rows(RECORDS, plain)[read.first..]));
        let args = ["consume", "--bootstrap", self.bootstrap, "--topic", "reading", "--partition", "0", "--from"];
        let args = [&args[..], &[read.from, "--count", &text, "--timeout-ms", "20000"]].concat();
        let answer = self.clients.run(client, &args)?;
        if answer["ok"] == true && answer["first"] == read.first && answer["sha256"] == expected {
            Ok(())
        } else {
            Err(format!("expected {count} from offset {}: {answer}", read.first))
        }
    }

    /// Reads from the end: nothing of what is there, everything that comes.
    fn read_tail(&self, client: &Client) -> Result<(), String> {
        let topic = format!("tail.{}", client.name);
        admin::create_topic(self.bootstrap, &topic, 1, &[KEPT])?;
        let input = self.dir.join("reading.jsonl");
        let input = input.to_str().ok_or("path is not UTF-8")?;
        let produce =
            ["produce", "--bootstrap", self.bootstrap, "--topic", &topic, "--partition", "0", "--input", input];
        let first = self.clients.run(self.clients.own(), &produce)?;
        if first["ok"] != true {
            return Err(format!("before: {first}"));
        }
        let count = RECORDS.to_string();
        let args = ["consume", "--bootstrap", self.bootstrap, "--topic", &topic, "--partition", "0", "--from", "end"];
        let args = [&args[..], &["--count", &count, "--timeout-ms", "20000"]].concat();
        let answer = self.clients.run_with(client, &args, || {
            let _ = self.clients.run(self.clients.own(), &produce);
        })?;
        if answer["ok"] == true && answer["first"] == RECORDS && answer["sha256"] == checksum(&rows(RECORDS, plain)) {
            Ok(())
        } else {
            Err(answer.to_string())
        }
    }
}

/// One way to begin reading, and the first offset that it must give.
struct Read {
    name: &'static str,
    from: &'static str,
    first: usize,
}

const READS: &[Read] = &[
    Read { name: "from the start", from: "start", first: 0 },
    Read { name: "from the end", from: "end", first: 0 },
    Read { name: "from an offset in the middle of a batch", from: "1234", first: 1234 },
    Read { name: "from the last offset", from: "1999", first: 1999 },
    Read { name: "from a timestamp", from: "ts:1700000000777", first: 777 },
];

fn checksum(rows: &[Row]) -> String {
    let mut sum = Checksum::default();
    rows.iter().for_each(|row| sum.add_row(row));
    sum.finish().0
}

/// Every spelling of error 10 that a client knows.
fn too_large(answer: &Value) -> Result<(), String> {
    let errors = answer["errors"].as_object().cloned().unwrap_or_default();
    let spelled = |word: &String| {
        let word: String = word.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        word.contains("toolarge") // MESSAGE_TOO_LARGE, RecordTooLargeException, "message was too large"
    };
    if answer["ok"] != true && errors.keys().any(spelled) {
        Ok(())
    } else {
        Err(format!("not refused as too large: {answer}"))
    }
}
