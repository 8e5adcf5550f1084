//! The harness refuses a command line that it doesn't understand, instead of checking something else.
//! (With a test here cargo builds the harness beside the tests, with the same features: `compat-tests/run` needs both.)

use std::process::Command;

/// Its exit code and what it printed.
fn run(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_compat-tests")).args(words).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_it_does_not_understand_it_refuses() {
    for (words, answer) in [
        (&[][..], "usage: "),
        (&["some"], "usage: "),
        (&["all"], "--binary is missing"),
        (&["all", "--binary"], "--binary needs a value"),
        (&["all", "--binary", "no/such/file"], "no/such/file: No such file"),
        (&["all", "--seed", "x"], "--seed wants a number"),
        (&["all", "--quick"], "--quick is neither an option nor one of the parts"),
        (&["all", "compactoin"], "compactoin is neither an option nor one of the parts"),
    ] {
        let (code, printed) = run(words);
        assert_eq!(code, Some(64), "{words:?}: {printed}");
        assert!(printed.contains(answer), "{words:?}: {printed}");
    }
}
