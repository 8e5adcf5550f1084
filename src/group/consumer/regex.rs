//! Subscriptions by regular expression (KIP-848): matched by the broker, as a whole, in linear time.
//!
//! Kafka's expressions are RE2's. The `regex` crate knows the same but for `\Q...\E` (translated here), `\C` and `\z`'s
//! cousin `\Z` (refused in both). What no subscription needs is bounded: the length of an expression and of what it is
//! compiled to; how long one may be that has classes of all of Unicode, whose making alone takes a tenth of a millisecond
//! and more; and the expressions of a group, which are all compiled when topics change. Topics are named in ASCII.

use crate::group::GroupError;
use crate::group::command::Name;
use crate::metadata::Image;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// Bytes of an expression, at most: room for hundreds of names.
pub(super) const REGEX_BYTES_MAX: usize = 8 << 10;

/// Bytes that an expression is compiled to, at most, and as many again while it matches.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Bytes of an expression, above which it knows ASCII alone.
const UNICODE_BYTES_MAX: usize = 128;

/// Different expressions of the members of a group, at most.
pub(super) const EXPRESSIONS_MAX: usize = 100;

/// The flags that RE2 knows, and what takes them back. Others would turn on what is bounded here.
const FLAGS: [char; 5] = ['i', 'm', 's', 'U', '-'];

/// A compiled expression.
pub(super) struct Expression(Regex);

impl Expression {
    /// Compiles it.
    pub(super) fn new(pattern: &str) -> Result<Expression, GroupError> {
        if pattern.len() > REGEX_BYTES_MAX || has_other_flags(pattern) {
            return Err(GroupError::InvalidRegularExpression);
        }
        let plain = unquoted(pattern);
        // On its own first: one that closes a bracket it did not open would get out of those around it.
        let knows_unicode = pattern.len() <= UNICODE_BYTES_MAX;
        compile(&plain, knows_unicode)?;
        compile(&format!(r"\A(?:{plain})\z"), knows_unicode).map(Expression)
    }

    /// The topics whose whole names match.
    pub(super) fn topics(&self, image: &Image) -> BTreeSet<Name> {
        image.topics().filter(|topic| self.0.is_match(topic.name.as_bytes())).map(|topic| topic.name.clone()).collect()
    }
}

/// Whether it sets flags that RE2 does not have. What looks like it between brackets counts, too.
fn has_other_flags(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|group| {
        let end = group.find(|letter: char| !letter.is_ascii_alphabetic() && letter != '-');
        let (flags, rest) = group.split_at(end.unwrap_or(group.len()));
        rest.starts_with([':', ')']) && flags.contains(|flag| !FLAGS.contains(&flag))
    })
}

fn compile(pattern: &str, knows_unicode: bool) -> Result<Regex, GroupError> {
    let mut builder = RegexBuilder::new(pattern);
    builder.unicode(knows_unicode);
    builder.size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX);
    builder.build().map_err(|_| GroupError::InvalidRegularExpression)
}

/// RE2 takes what is between `\Q` and `\E` as it is.
fn unquoted(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut left = pattern;
    while let Some(at) = left.find('\\') {
        plain.push_str(&left[..at]);
        left = &left[at..];
        if let Some(quoted) = left.strip_prefix(r"\Q") {
            let (text, rest) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            plain.push_str(&regex::escape(text));
            left = rest;
        } else {
            // The backslash and what it stands before belong together.
            let pair = left.chars().take(2).map(char::len_utf8).sum();
            plain.push_str(&left[..pair]);
            left = &left[pair..];
        }
    }
    plain.push_str(left);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;
    use crate::metadata::{Change, Configs};
    use uuid::Uuid;

    fn matched(pattern: &str, names: &[&str]) -> Vec<String> {
        let create = |(at, name): (usize, &&str)| {
            let id = TopicId(Uuid::from_u128(at as u128 + 1));
            Change::CreateTopic { name: (*name).into(), id, partitions: 1, configs: Configs::new() }
        };
        let image = Image::of(&names.iter().enumerate().map(create).collect::<Vec<_>>());
        let expression = Expression::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        expression.topics(&image).iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn whole_names_match() {
        assert_eq!(matched("a", &["a", "aa", "ba"]), ["a"]);
        assert_eq!(matched("a|ab", &["a", "ab", "abc", "xab"]), ["a", "ab"]);
        assert_eq!(matched("log-.*", &["log-1", "log-", "my-log-1"]), ["log-", "log-1"]);
        assert_eq!(matched("(?i)LOG", &["log", "Log", "logs"]), ["Log", "log"]);
        assert_eq!(matched("", &["a"]), [""; 0]);
        assert_eq!(matched(r"\Qa.b\E.*", &["a.b", "a.b1", "axb"]), ["a.b", "a.b1"]);
        assert_eq!(matched(r"\Qa.b", &["a.b", "axb"]), ["a.b"]);
        assert_eq!(matched(r"a\\Q?|b", &["b", "a"]), ["b"]);
    }

    #[test]
    fn bad_ones_are_refused() {
        let long = "a".repeat(REGEX_BYTES_MAX + 1);
        let deep = "(".repeat(2_000) + &")".repeat(2_000);
        let bad =
            ["(", ")", "a)|(b", "*", "[z-a]", r"(a)\1", "(?=a)", "(?<!a)b", "\\", "((a{1,1000}){1,1000}){1,1000}"];
        for pattern in bad.into_iter().chain([long.as_str(), deep.as_str()]) {
            assert!(Expression::new(pattern).is_err(), "{:.40}", pattern);
        }
    }

    /// Each class of all of Unicode is made of thousands of ranges: a long expression of them took a second to compile.
    #[test]
    fn a_long_one_knows_ascii_alone() {
        for class in [r"\pL", r"[\pL\PL]", r"[^\pL]"] {
            assert!(Expression::new(class).is_ok(), "{class}");
            for flags in ["", "(?i)", "(?iu)", "(?x)( ?iu)", "(?u:a)"] {
                let long = flags.to_owned() + &class.repeat(REGEX_BYTES_MAX / class.len() - 5);
                assert!(Expression::new(&long).is_err(), "{flags}{class}");
            }
        }
        let names: Vec<String> = (0..500).map(|name| format!("topic-{name}")).collect();
        assert_eq!(matched(&names.join("|"), &["topic-7", "topic-77x", "topic-499"]), ["topic-499", "topic-7"]);
        let any = "(?i)".to_owned() + &"[^x]".repeat(200);
        assert_eq!(matched(&any, &[&"a".repeat(200), &"a".repeat(199), &"X".repeat(200)]).len(), 1);
        assert_eq!(matched(r"(?i-s:LOG)(?:-)(?P<u>\d)", &["log-1", "log-x"]), ["log-1"]);
    }

    /// What makes other engines take years.
    #[test]
    fn none_explodes() {
        let name = "a".repeat(249);
        assert_eq!(matched("(a*)*b", &[&name]), [""; 0]);
        assert_eq!(matched("(a|a)*(a|a)*(a|a)*$", &[&name]).len(), 1);
        assert_eq!(matched("(x+x+)+y", &[&"x".repeat(249)]), [""; 0]);
    }
}
