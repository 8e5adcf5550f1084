use super::*;
use crate::io::disk::FaultyDisk;

const MIB: u64 = 1 << 20;

fn disk() -> (Arc<dyn Disk>, FaultyDisk) {
    let disk = FaultyDisk::new(1, MIB);
    (Arc::new(disk.clone()), disk)
}

fn path() -> &'static Path {
    Path::new("data")
}

fn opened(disk: &Arc<dyn Disk>) -> Result<DataDir, DataDirError> {
    DataDir::open(disk.clone(), path())
}

#[test]
fn a_stamp_is_given_once_and_kept_through_power_loss() {
    let (disk, faulty) = disk();
    let mut fresh = opened(&disk).expect("new");
    assert_eq!(fresh.stamp(), None);
    let given = Stamp { cluster_id: "c-1".into(), node_id: NodeId(4), directory_id: Uuid::from_u128(9) };
    assert_eq!(fresh.claim("c-1", NodeId(4), Uuid::from_u128(9)).expect("claimed"), &given);
    let after: Arc<dyn Disk> = Arc::new(faulty.crash(2));
    let mut again = opened(&after).expect("stamped");
    assert_eq!(again.stamp(), Some(&given));
    assert_eq!(again.claim("c-1", NodeId(4), Uuid::from_u128(10)).expect("the same"), &given, "the id stays");
    let other = again.claim("c-2", NodeId(4), Uuid::nil()).expect_err("refused");
    assert!(matches!(&other, DataDirError::OtherCluster { stamped, given, .. } if stamped == "c-1" && given == "c-2"));
    assert!(matches!(again.claim("c-1", NodeId(5), Uuid::nil()), Err(DataDirError::OtherNode { .. })));
}

#[test]
fn one_user_at_a_time() {
    let (disk, _) = disk();
    let first = opened(&disk).expect("free");
    assert!(matches!(opened(&disk), Err(DataDirError::Locked { .. })));
    drop(first);
    opened(&disk).expect("free again");
}

#[test]
fn what_is_not_ours_is_refused() {
    let (disk, _) = disk();
    disk.create_dir_all(&path().join("meta")).expect("made");
    opened(&disk).expect("the metadata log may come before the stamp");
    disk.write_whole(&path().join("meta.properties"), b"version=1\n").expect("written");
    let refused = opened(&disk).err().expect("refused");
    assert!(matches!(&refused, DataDirError::Foreign { found, .. } if found == "meta.properties"), "{refused}");
}

#[test]
fn bad_stamps_are_named() {
    let good = "magic=ottla-data-dir\nversion=1\ncluster.id=c\nnode.id=1\n\
                directory.id=00000000-0000-0000-0000-000000000009\n";
    let check = |text: &[u8], expected: &str| {
        let (disk, _) = disk();
        disk.create_dir_all(path()).expect("made");
        disk.write_whole(&path().join(STAMP_FILE), text).expect("written");
        match opened(&disk) {
            Ok(_) => assert_eq!(expected, "", "{:?} was accepted", String::from_utf8_lossy(text)),
            Err(error) => {
                let text = error.to_string();
                assert!(!expected.is_empty() && text.contains(expected), "{text:?} does not say {expected:?}");
            }
        }
    };
    let with = |from: &str, to: &str| good.replace(from, to).into_bytes();
    check(good.as_bytes(), "");
    check(&with("magic", "# a comment\n\nmagic"), "");
    check(&with("version=1", "version=2"), "format version 2");
    check(&with("version=1", "version=0"), "version is 0");
    check(&with("version=1", "version=x"), "version: ");
    check(&with("ottla-data-dir", "other"), "magic is");
    check(&with("cluster.id=c\n", ""), "no cluster.id");
    check(&with("cluster.id=c", "cluster.id="), "cluster.id has 0 bytes");
    check(&with("node.id=1", "node.id=one"), "node.id: ");
    check(&with("-000000000009", ""), "directory.id: ");
    check(&with("node.id=1", "node.id=1\nnode.id=2"), "node.id is there twice");
    check(b"hello\n", "not key=value");
    check(b"", "no magic");
    check(&[0xff, 0xfe], "utf-8");
    check(&vec![b'#'; 70_000], "70000 bytes");
}

#[test]
fn a_cluster_id_must_fit_one_line() {
    for bad in ["", "a\nb", &"x".repeat(CLUSTER_ID_BYTES_MAX + 1)] {
        let (disk, _) = disk();
        let refused = opened(&disk).expect("new").claim(bad, NodeId(1), Uuid::nil()).expect_err("refused");
        assert!(matches!(refused, DataDirError::Damaged { .. }));
    }
}

#[test]
fn the_clean_mark_is_this_directorys_and_goes_durably() {
    let (disk, faulty) = disk();
    let mut dir = opened(&disk).expect("new");
    assert!(!dir.is_clean().expect("asked"));
    dir.claim("c", NodeId(1), Uuid::from_u128(9)).expect("claimed");
    dir.mark_clean().expect("marked");
    assert!(dir.is_clean().expect("asked"));
    dir.unmark().expect("unmarked");
    dir.unmark().expect("nothing to do");
    let after: Arc<dyn Disk> = Arc::new(faulty.crash(3));
    let dir = opened(&after).expect("stamped");
    assert!(!dir.is_clean().expect("asked"), "the mark does not come back");
    for bad in [&b""[..], b"magic=ottla-clean-stop\n", &[b'x'; 70_000]] {
        after.write_whole(&path().join(CLEAN_FILE), bad).expect("written");
        assert!(!dir.is_clean().expect("asked"));
    }
}
