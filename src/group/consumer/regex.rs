//! Subscriptions by regular expression (KIP-848): matched by the broker, as a whole, in linear time.
//!
//! Kafka's expressions are RE2's. The `regex-automata` crate knows the same but for `\Q...\E` (translated here), `\C` and
//! `\z`'s cousin `\Z` (refused in both). What no subscription needs is bounded: the length of an expression and of what it
//! is compiled to; how long one may be that has classes of all of Unicode, whose making alone takes a tenth of a millisecond
//! and more; the expressions of a group, which are all compiled when topics change, a few in each step; and what it takes
//! to match: linear time is long where each letter moves thousands of states. So they are made into an automaton of single
//! states while it runs, which gives up when its letters make new states all the time. Topics are named in ASCII.

use crate::group::GroupError;
use crate::group::command::Name;
use crate::metadata::Image;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use std::collections::BTreeSet;

/// Bytes of an expression, at most: room for hundreds of names.
pub(super) const REGEX_BYTES_MAX: usize = 8 << 10;

/// Bytes that an expression is compiled to, at most.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Bytes of the states that are remembered while it matches, and how often they are forgotten for nothing, so that a list of
/// names as long as an expression may be has all of its states. After that each must have served for so many letters.
const STATES_BYTES_MAX: usize = 1 << 20;
const STATES_FORGOTTEN_MAX: usize = 3;
const LETTERS_OF_STATE_MIN: usize = 10;

/// Bytes of an expression, above which it knows ASCII alone.
const UNICODE_BYTES_MAX: usize = 128;

/// Different expressions of the members of a group, at most.
pub(super) const EXPRESSIONS_MAX: usize = 100;

/// Expressions of a group that a step looks again for topics of, at most. Each has a member at least, so that all had
/// their turn within an interval of heartbeats.
pub(super) const RESOLVED_AT_ONCE: usize = 2;

/// The flags that RE2 knows, and what takes them back. Others would turn on what is bounded here.
const FLAGS: [char; 5] = ['i', 'm', 's', 'U', '-'];

/// A compiled expression.
pub(super) struct Expression(DFA);

impl Expression {
    /// Compiles it.
    pub(super) fn new(pattern: &str) -> Result<Expression, GroupError> {
        if pattern.len() > REGEX_BYTES_MAX || has_other_flags(pattern) {
            return Err(GroupError::InvalidRegularExpression);
        }
        let plain = unquoted(pattern);
        let syntax = syntax::Config::new().utf8(false).unicode(pattern.len() <= UNICODE_BYTES_MAX);
        // On its own first: one that closes a bracket it did not open would get out of those around it.
        syntax::parse_with(&plain, &syntax).map_err(|_| GroupError::InvalidRegularExpression)?;
        compile(&format!(r"\A(?:{plain})\z"), syntax).map(Expression)
    }

    /// The topics whose whole names match.
    pub(super) fn topics(&self, image: &Image) -> Result<BTreeSet<Name>, GroupError> {
        let (mut cache, mut topics) = (self.0.create_cache(), BTreeSet::new());
        for topic in image.topics() {
            let name = Input::new(topic.name.as_bytes()).anchored(Anchored::Yes);
            match self.0.try_search_fwd(&mut cache, &name) {
                Ok(Some(_)) => drop(topics.insert(topic.name.clone())),
                Ok(None) => {}
                Err(_) => return Err(GroupError::InvalidRegularExpression),
            }
        }
        Ok(topics)
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

fn compile(pattern: &str, syntax: syntax::Config) -> Result<DFA, GroupError> {
    let nfa = thompson::Config::new().utf8(false).nfa_size_limit(Some(COMPILED_BYTES_MAX));
    let dfa = DFA::config()
        .cache_capacity(STATES_BYTES_MAX)
        .minimum_cache_clear_count(Some(STATES_FORGOTTEN_MAX))
        .minimum_bytes_per_state(Some(LETTERS_OF_STATE_MIN))
        .unicode_word_boundary(true);
    let mut builder = DFA::builder();
    builder.syntax(syntax).thompson(nfa.which_captures(WhichCaptures::None)).configure(dfa);
    builder.build(pattern).map_err(|_| GroupError::InvalidRegularExpression)
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
            text.chars().for_each(|letter| quote(letter, &mut plain));
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

/// A letter as itself, whatever it means in expressions.
fn quote(letter: char, plain: &mut String) {
    if letter.is_ascii_punctuation() || letter.is_ascii_whitespace() {
        plain.push_str(&format!(r"\x{{{:x}}}", u32::from(letter)));
    } else {
        plain.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;
    use crate::metadata::{Change, Configs};
    use uuid::Uuid;

    fn image(names: &[&str]) -> Image {
        let create = |(at, name): (usize, &&str)| {
            let id = TopicId(Uuid::from_u128(at as u128 + 1));
            Change::CreateTopic { name: (*name).into(), id, partitions: 1, configs: Configs::new() }
        };
        Image::of(&names.iter().enumerate().map(create).collect::<Vec<_>>())
    }

    fn matched(pattern: &str, names: &[&str]) -> Vec<String> {
        let expression = Expression::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let topics = expression.topics(&image(names)).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        topics.iter().map(|name| name.to_string()).collect()
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
        assert_eq!(matched(r"\Q(a<b)*-_ \E?", &["(a<b)*-_", "(a<b)*-_ "]), ["(a<b)*-_", "(a<b)*-_ "]);
        assert_eq!(matched(r".*\bpay\b.*", &["to-pay-now", "repay", "pay"]), ["pay", "to-pay-now"]);
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

    /// Linear time, and yet 35 milliseconds for each name: 7,000 states were moved by each letter of it.
    #[test]
    fn one_that_each_name_makes_new_states_of_is_given_up() {
        let mut letters = 1_u64;
        let mut name = || {
            let letter = |_| {
                letters = letters.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if letters >> 63 == 0 { 'a' } else { 'b' }
            };
            (0..249).map(letter).collect::<String>()
        };
        let names: Vec<String> = (0..500).map(|_| name()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for pattern in [".?".repeat(3_500), "[ab]*a[ab]{60}".to_owned(), "([ab]*a[ab]{60})*".repeat(9)] {
            let expression = Expression::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(expression.topics(&image(&names)), Err(GroupError::InvalidRegularExpression), "{pattern:.40}");
        }
        assert_eq!(matched("[ab]*", &names).len(), names.len());
        // What a list of names makes new states of are the names.
        for (bytes, count) in [(249, 32), (40, 199), (12, 630)] {
            let listed: Vec<&str> = names[..count.min(names.len())].iter().map(|name| &name[..bytes]).collect();
            let distinct: BTreeSet<&str> = listed.iter().copied().collect();
            let distinct: Vec<&str> = distinct.into_iter().collect();
            assert_eq!(matched(&listed.join("|"), &distinct).len(), distinct.len(), "{bytes} letters each");
        }
        let ordinary: Vec<String> = (0..10_000).map(|at| format!("orders.eu-{at}.payments-{}", at * 7)).collect();
        let ordinary: Vec<&str> = ordinary.iter().map(String::as_str).collect();
        assert_eq!(matched(r"(?i)\w+\.eu-[0-9]+\..*PAY[a-z]+-\d+", &ordinary).len(), ordinary.len());
    }
}
