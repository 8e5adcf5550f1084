use super::*;

#[test]
fn a_commit_is_given_its_time() {
    let check = |timeout_ms: i32, expected_ms: u64| {
        assert_eq!(commit_wait(timeout_ms), Duration::from_millis(expected_ms), "{timeout_ms}");
    };
    check(i32::MIN, 30_000);
    check(-1, 30_000);
    check(0, 30_000);
    check(1, 30_000);
    check(30_000, 30_000);
    check(30_001, 30_001);
    check(i32::MAX, i32::MAX as u64);
}
