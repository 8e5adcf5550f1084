//! Properties syntax and the rule of variables.

use proptest::prelude::*;

use crate::config::{Meaning, meaning, parse_properties, variable};
use crate::settings::broker_keys;

fn check(text: &str, expected: &[(&str, &str, usize)]) {
    let parsed = parse_properties(text).expect("is well formed");
    let got: Vec<_> = parsed.iter().map(|p| (p.key.as_str(), p.value.as_str(), p.line)).collect();
    assert_eq!(got, expected, "{text:?}");
}

#[test]
fn properties_are_read_as_java_reads_them() {
    check("", &[]);
    check("a=b", &[("a", "b", 1)]);
    check("a = b \n", &[("a", "b ", 1)]);
    check("a:b\r\nc d\re\n", &[("a", "b", 1), ("c", "d", 2), ("e", "", 3)]);
    check("# a=b\n  ! c=d\n\t\x0c\n e = f", &[("e", "f", 4)]);
    check("a=b\\\n   c\\\n\td\ne=f", &[("a", "bcd", 1), ("e", "f", 4)]);
    check("a=b\\\\\nc=d", &[("a", "b\\", 1), ("c", "d", 2)]);
    check("# no continuation \\\na=b", &[("a", "b", 2)]);
    check("a=b\\", &[("a", "b", 1)]);
    check("\\\n", &[]);
    check("a\\=b\\ c\\:d = e", &[("a=b c:d", "e", 1)]);
    check("a==b", &[("a", "=b", 1)]);
    check("a : = b", &[("a", "= b", 1)]);
    check("a=\\t\\n\\r\\f\\q\\#", &[("a", "\t\n\r\x0cq#", 1)]);
    check("a=\\u00e9\\uD83D\\uDE00é", &[("a", "é😀é", 1)]);
    check("listeners=PLAINTEXT://:9092,\\\n  X://[::1]:1", &[("listeners", "PLAINTEXT://:9092,X://[::1]:1", 1)]);
    check("a=1\na=2", &[("a", "1", 1), ("a", "2", 2)]);
    check("=b", &[("", "b", 1)]);
}

#[test]
fn bad_escapes_name_their_line() {
    for text in ["x=1\na=\\u12", "x=1\na=\\uzzzz", "x=1\na=\\uD83D", "x=1\na=\\uD83D\\u0041", "x=1\n\\u=1"] {
        let error = parse_properties(text).expect_err(text);
        assert_eq!(error.line, 2, "{text:?}");
    }
}

#[test]
fn variables_follow_the_official_rule() {
    let property = |name: &str| Meaning::Property(name.to_owned());
    for (name, expected) in [
        ("KAFKA_ABC_DEF", property("abc.def")),
        ("KAFKA_ABC__DEF", property("abc_def")),
        ("KAFKA_ABC___DEF", property("abc-def")),
        // Greedy from the left: three first, then two.
        ("KAFKA_A____B", property("a-.b")),
        ("KAFKA_A_____B", property("a-_b")),
        ("KAFKA_LISTENER_NAME_PLAINTEXT_SASL_JAAS_CONFIG", property("listener.name.plaintext.sasl.jaas.config")),
        ("KAFKA_CFG_NODE_ID", Meaning::ForeignProperty("node.id".into())),
        ("KAFKA_HEAP_OPTS", Meaning::Nothing),
        ("KAFKA_VERSION", Meaning::Nothing),
        ("KAFKA_JMX_HOSTNAME", Meaning::Nothing),
        ("KAFKA_", Meaning::Nothing),
        ("KAFKA", Meaning::Nothing),
        ("kafka_node_id", Meaning::Nothing),
        ("PATH", Meaning::Nothing),
        ("KAFKA_PORT", Meaning::Injected),
        ("KAFKA_SERVICE_HOST", Meaning::Injected),
        ("KAFKA_SERVICE_PORT", Meaning::Injected),
        ("KAFKA_SERVICE_PORT_CLIENTS", Meaning::Injected),
        ("KAFKA_PORT_9092_TCP", Meaning::Injected),
        ("KAFKA_PORT_9092_TCP_ADDR", Meaning::Injected),
        ("KAFKA_HEADLESS_SERVICE_HOST", Meaning::Injected),
        ("KAFKA_PORT_9092_XYZ", property("port.9092.xyz")),
    ] {
        assert_eq!(meaning(name), expected, "{name}");
    }
}

#[test]
fn every_key_has_a_variable_that_means_it() {
    for key in broker_keys() {
        assert_eq!(meaning(&variable(key.name)), Meaning::Property(key.name.into()), "{}", key.name);
    }
}

/// Writes a key or value so that Java, and we, read it back.
fn escape(text: &str, all_unicode: bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x0c' => out.push_str("\\f"),
            ' ' | '=' | ':' | '#' | '!' | '\\' => out.extend(['\\', c]),
            c if all_unicode && !c.is_ascii() => {
                let mut units = [0u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

proptest! {
    #[test]
    fn properties_read_back(key in "\\PC{1,12}|[a-z =:#\\\\\t]{1,9}", value in "(?s).{0,20}", unicode: bool) {
        let text = format!("# first\n{} = {}\n", escape(&key, unicode), escape(&value, unicode));
        let parsed = parse_properties(&text).expect("is well formed");
        prop_assert_eq!(parsed.len(), 1);
        prop_assert_eq!((&parsed[0].key, &parsed[0].value, parsed[0].line), (&key, &value, 2));
    }

    #[test]
    fn properties_never_panic(text in "(?s)[\\\\u0-9a-f=: \n\r\t#!]{0,60}|(?s).{0,60}") {
        let _ = parse_properties(&text);
    }

    #[test]
    fn variables_read_back(parts in proptest::collection::vec("[a-z0-9]{1,6}", 1..6), marks in "[._-]{6}") {
        let mut property = String::new();
        for (part, mark) in parts.iter().zip(marks.chars()) {
            if !property.is_empty() {
                property.push(mark);
            }
            property.push_str(part);
        }
        let name = variable(&property);
        prop_assume!(!matches!(meaning(&name), Meaning::Injected | Meaning::Nothing));
        prop_assume!(!name.starts_with("KAFKA_CFG_"));
        prop_assert_eq!(meaning(&name), Meaning::Property(property));
    }

    #[test]
    fn variables_never_panic(name in "KAFKA_[A-Z_0-9]{0,20}|\\PC{0,20}") {
        let _ = meaning(&name);
    }
}
