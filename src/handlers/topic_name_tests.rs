use super::*;

#[test]
fn names_follow_kafkas_rules() {
    let good = |name: &str| assert_eq!(check(name), Ok(()), "{name}");
    good("a");
    good("A-b_c.9");
    good("...");
    good(&"x".repeat(TOPIC_NAME_CHARS_MAX));
    let bad = |name: &str, error: NameError| assert_eq!(check(name), Err(error), "{name}");
    bad("", NameError::Empty);
    bad(".", NameError::Dots(".".into()));
    bad("..", NameError::Dots("..".into()));
    bad(&"x".repeat(TOPIC_NAME_CHARS_MAX + 1), NameError::TooLong(TOPIC_NAME_CHARS_MAX + 1));
    for (name, character) in [("a b", ' '), ("a/b", '/'), ("한국", '한'), ("a\0", '\0'), ("🦀", '🦀')] {
        bad(name, NameError::Character { name: name.into(), character });
    }
}
