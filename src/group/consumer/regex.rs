//! Subscriptions by regular expression (KIP-848): matched by the broker, as a whole, in linear time.
//!
//! Kafka's expressions are RE2's. The `regex` crate knows the same but for `\Q...\E` (translated here), `\C` and `\z`'s
//! cousin `\Z` (refused in both). What no subscription needs is bounded: the length of an expression and of what it is
//! compiled to.

use crate::group::GroupError;
use crate::group::command::Name;
use crate::metadata::Image;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// Bytes of an expression, at most: room for hundreds of names.
pub(super) const REGEX_BYTES_MAX: usize = 8 << 10;

/// Bytes that an expression is compiled to, at most, and as many again while it matches.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A compiled expression.
pub(super) struct Expression(Regex);

impl Expression {
    /// Compiles it.
    pub(super) fn new(pattern: &str) -> Result<Expression, GroupError> {
        if pattern.len() > REGEX_BYTES_MAX {
            return Err(GroupError::InvalidRegularExpression);
        }
        let plain = unquoted(pattern);
        // On its own first: one that closes a bracket it did not open would get out of those around it.
        compile(&plain)?;
        compile(&format!(r"\A(?:{plain})\z")).map(Expression)
    }

    /// The topics whose whole names match.
    pub(super) fn topics(&self, image: &Image) -> BTreeSet<Name> {
        image.topics().filter(|topic| self.0.is_match(&topic.name)).map(|topic| topic.name.clone()).collect()
    }
}

fn compile(pattern: &str) -> Result<Regex, GroupError> {
    let mut builder = RegexBuilder::new(pattern);
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

    /// What makes other engines take years.
    #[test]
    fn none_explodes() {
        let name = "a".repeat(249);
        assert_eq!(matched("(a*)*b", &[&name]), [""; 0]);
        assert_eq!(matched("(a|a)*(a|a)*(a|a)*$", &[&name]).len(), 1);
        assert_eq!(matched("(x+x+)+y", &[&"x".repeat(249)]), [""; 0]);
    }
}
