use super::*;
use std::process::Command;

const PARTITIONS: i32 = 10_000;
const BYTES_EACH_MAX: u64 = 2048;
const CHILD: &str = "OTTLA_TEST_IDLE_CHILD";

/// Ten thousand partitions at rest: no file, no descriptor, and little memory. Measured in a process of its own, where no
/// other test allocates.
#[tokio::test]
async fn idle_partitions_cost_little() {
    if std::env::var_os(CHILD).is_none() {
        let test = "partition::tests::idle::idle_partitions_cost_little";
        let binary = std::env::current_exe().expect("this binary");
        let child = Command::new(binary).args(["--exact", test, "--test-threads=1"]).env(CHILD, "1").output();
        let child = child.expect("it starts");
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    let setup = Setup::new(1);
    let settings = Arc::new(settings());
    let files = setup.bench.disk_names();
    let ensure = |topic, index| setup.partitions.ensure(id(topic, index), "a-topic-of-some-length", &settings, EPOCH);
    ensure(1, 0);
    let before = resident_bytes();
    for index in 0..PARTITIONS {
        ensure(2, index);
    }
    let each = resident_bytes().saturating_sub(before) / PARTITIONS as u64;
    assert!(each <= BYTES_EACH_MAX, "an idle partition takes {each} bytes");
    // Zero would mean that nothing was measured.
    assert!(each > 100, "an idle partition takes {each} bytes");
    assert_eq!((setup.bench.disk_names(), setup.store.open_files()), (files, 0));
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}
