//! Bytes that real clients sent, against the decoder: every recorded request of a served version decodes to its last byte,
//! and what it decoded to, written by the codec crate, is the recorded body again.

use super::oracle;
use super::*;
use crate::wire::RequestHeader;

/// Lines of `key version hex`; made by `compat-tests record` (compat-tests/src/recorder.rs).
const RECORDED: &[(&str, &str)] = &[
    ("java-4.4.0", include_str!("../fixtures/recorded/java-4.4.0.txt")),
    ("franz-go-1.22.2", include_str!("../fixtures/recorded/franz-go-1.22.2.txt")),
    ("librdkafka-2.16.1", include_str!("../fixtures/recorded/librdkafka-2.16.1.txt")),
    ("librdkafka-2.0.2", include_str!("../fixtures/recorded/librdkafka-2.0.2.txt")),
    ("sarama-1.61.1", include_str!("../fixtures/recorded/sarama-1.61.1.txt")),
    ("kafka-python-3.0.12", include_str!("../fixtures/recorded/kafka-python-3.0.12.txt")),
];

fn unhex(text: &str) -> Bytes {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn what_real_clients_sent_decodes_and_encodes_back() {
    for (client, lines) in RECORDED {
        let (mut decoded, mut encoded) = (0, 0);
        for line in lines.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            let (key, version): (i16, i16) = (fields[0].parse().expect("key"), fields[1].parse().expect("version"));
            if !Api::from_key(key).is_some_and(|api| api.serves(version)) {
                continue; // recorded against Apache Kafka, which serves newer versions of some APIs
            }
            let (header, body) = RequestHeader::decode(unhex(fields[2])).expect("a header");
            let request = Request::decode(header.api, version, body.clone());
            let request = request.unwrap_or_else(|error| panic!("{client}: {key} v{version}: {error}"));
            decoded += 1;
            if let Ok(again) = oracle::encode(&request, version) {
                assert_eq!(again, body, "{client}: {key} v{version}: {request:?}");
                encoded += 1;
            }
        }
        assert!(decoded >= 5 && encoded >= 4, "{client}: {decoded} decoded, {encoded} encoded back");
    }
}
