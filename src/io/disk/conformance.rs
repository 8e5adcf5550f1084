//! What every disk does, run against each.

use super::{Disk, FaultyDisk, File, Open, RealDisk};
use crate::base::FileRange;
use std::io::{ErrorKind, IoSlice, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

fn check_all(check: fn(&dyn Disk, &Path)) {
    let dir = tempfile::tempdir().expect("a directory for the test");
    check(&RealDisk::new(), dir.path());
    let faulty = FaultyDisk::new(1, 1 << 30);
    faulty.create_dir_all(Path::new("/data")).expect("an empty disk takes a directory");
    check(&faulty, Path::new("/data"));
    // Whatever a disk says was synced is there after a loss of power, and the rest does not break it.
    faulty.sync_file_system(Path::new("/")).expect("no fault is planned");
    let again = faulty.crash(2);
    assert_eq!(again.list(Path::new("/data")).unwrap().len(), disk_names(&RealDisk::new(), dir.path()).len());
}

fn disk_names(disk: &dyn Disk, path: &Path) -> Vec<String> {
    disk.list(path).unwrap().into_iter().map(|entry| entry.name).collect()
}

fn write(file: &dyn File, bytes: &[u8], position: u64) {
    file.write_at(&[IoSlice::new(bytes)], position).unwrap();
}

fn content(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0xEE; file.len().unwrap() as usize + 10];
    let read = file.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(read);
    bytes
}

fn kind<T>(result: std::io::Result<T>) -> ErrorKind {
    result.err().expect("an error was expected").kind()
}

#[test]
fn bytes_come_back_as_written() {
    check_all(|disk, dir| {
        let file = disk.open(&dir.join("a"), Open::Create).unwrap();
        assert!(file.is_empty().unwrap());
        file.write_at(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")], 0).unwrap();
        file.write_at(&[], 0).unwrap();
        file.write_at(&[IoSlice::new(b"")], 9).unwrap();
        assert_eq!((content(&*file), file.len().unwrap()), (b"abcde".to_vec(), 5));
        write(&*file, b"XY", 1);
        write(&*file, b"z", 7);
        assert_eq!(content(&*file), b"aXYde\0\0z");
        file.begin_write_back(0, 8).unwrap();
        file.set_len(2).unwrap();
        file.set_len(4).unwrap();
        assert_eq!(content(&*file), b"aX\0\0");
        file.sync_data().unwrap();
        let mut one = [9; 1];
        assert_eq!(file.read_at(&mut one, 4).unwrap(), 0);
        assert_eq!(file.read_at(&mut one, u32::MAX.into()).unwrap(), 0);
        assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
        let cached = file.read_cached(&mut one, 1).unwrap();
        assert!(cached.is_none() || (cached, one) == (Some(1), *b"X"), "{cached:?} {one:?}");
        let mut more = [9; 9];
        let cached = file.read_cached(&mut more, 0).unwrap();
        assert!(cached.is_none() || (cached, &more[..4]) == (Some(4), b"aX\0\0".as_slice()), "{cached:?}");
        // A file is a range that others may read.
        let range: Arc<dyn FileRange> = file;
        assert_eq!(range.read_at(&mut one, 0).unwrap(), 1);
    });
}

#[test]
fn a_file_goes_to_a_socket_from_where_it_is_asked_to_its_end() {
    check_all(|disk, dir| {
        let file = disk.open(&dir.join("a"), Open::Create).unwrap();
        write(&*file, b"0123456789", 0);
        assert!(
            !file.is_cached(0, 0) && !file.is_cached(10, 1) && !file.is_cached(9, 2),
            "nothing, or not all, is there"
        );
        if !file.is_cached(2, 8) {
            return; // a file that can't tell, or can't send, is read
        }
        let (socket, peer) = UnixStream::pair().unwrap();
        assert_eq!(file.send_to(socket.as_fd(), 2, 5).unwrap(), 5);
        assert_eq!(file.send_to(socket.as_fd(), 8, 99).unwrap(), 2);
        assert_eq!(file.send_to(socket.as_fd(), 10, 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let mut got = [0; 7];
        (&peer).read_exact(&mut got).unwrap();
        assert_eq!(&got, b"2345689");
        drop(peer);
        assert_eq!(file.send_to(socket.as_fd(), 0, 1).unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn many_slices_are_written_in_order() {
    check_all(|disk, dir| {
        let file = disk.open(&dir.join("a"), Open::Create).unwrap();
        let bytes: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        let parts: Vec<IoSlice<'_>> = bytes.chunks(4).map(IoSlice::new).collect();
        file.write_at(&parts, 3).unwrap();
        assert_eq!(content(&*file)[3..], bytes);
    });
}

#[test]
fn opening_keeps_its_promises() {
    check_all(|disk, dir| {
        let path = dir.join("a");
        assert_eq!(kind(disk.open(&path, Open::Read)), ErrorKind::NotFound);
        assert_eq!(kind(disk.open(&path, Open::ReadWrite)), ErrorKind::NotFound);
        assert_eq!(kind(disk.open(&dir.join("no/a"), Open::Create)), ErrorKind::NotFound);
        write(&*disk.open(&path, Open::Create).unwrap(), b"abc", 0);
        assert_eq!(content(&*disk.open(&path, Open::Create).unwrap()), b"abc");
        let reader = disk.open(&path, Open::Read).unwrap();
        assert!(reader.write_at(&[IoSlice::new(b"x")], 0).is_err());
        assert!(reader.set_len(0).is_err());
        write(&*disk.open(&path, Open::ReadWrite).unwrap(), b"X", 1);
        assert_eq!(content(&*reader), b"aXc");
        assert_eq!(kind(disk.open(dir, Open::Read)), ErrorKind::IsADirectory);
        assert_eq!(kind(disk.open(&path.join("b"), Open::Create)), ErrorKind::NotADirectory);
        disk.remove_file(&path).unwrap();
        assert_eq!(content(&*reader), b"aXc");
        assert_eq!(kind(disk.remove_file(&path)), ErrorKind::NotFound);
    });
}

#[test]
fn names_appear_and_vanish() {
    check_all(|disk, dir| {
        for name in ["b", "a", "c.tmp"] {
            disk.open(&dir.join(name), Open::Create).unwrap();
        }
        disk.create_dir_synced(&dir.join("d/e/f")).unwrap();
        disk.create_dir_all(&dir.join("d/e")).unwrap();
        assert_eq!(disk_names(disk, dir), ["a", "b", "c.tmp", "d"]);
        assert!(disk.list(dir).unwrap()[3].is_dir);
        write(&*disk.open(&dir.join("a"), Open::ReadWrite).unwrap(), b"1234", 0);
        assert_eq!(disk.list(dir).unwrap()[0].len, 4);
        disk.rename(&dir.join("a"), &dir.join("b")).unwrap();
        assert_eq!(disk.read_whole(&dir.join("b"), 4).unwrap(), b"1234");
        assert_eq!(kind(disk.read_whole(&dir.join("b"), 3)), ErrorKind::InvalidData);
        assert_eq!(kind(disk.rename(&dir.join("a"), &dir.join("z"))), ErrorKind::NotFound);
        disk.rename(&dir.join("b"), &dir.join("d/e/moved")).unwrap();
        disk.rename(&dir.join("d/e"), &dir.join("e")).unwrap();
        assert_eq!(disk_names(disk, &dir.join("e")), ["f", "moved"]);
        assert!(disk.exists(&dir.join("e/f")).unwrap() && !disk.exists(&dir.join("d/e")).unwrap());
        disk.remove_dir_all(&dir.join("e")).unwrap();
        assert_eq!(kind(disk.remove_dir_all(&dir.join("e"))), ErrorKind::NotFound);
        assert_eq!(kind(disk.list(&dir.join("e"))), ErrorKind::NotFound);
        assert_eq!(disk_names(disk, dir), ["c.tmp", "d"]);
        disk.sync_dir(dir).unwrap();
        assert!(disk.free_bytes(dir).unwrap() > 0);
    });
}

#[test]
fn small_files_are_replaced_whole() {
    check_all(|disk, dir| {
        let path = dir.join("stamp");
        disk.write_whole(&path, b"a longer first").unwrap();
        disk.write_whole(&path, b"second").unwrap();
        assert_eq!(disk.read_whole(&path, 100).unwrap(), b"second");
        assert_eq!(disk_names(disk, dir), ["stamp"]);
    });
}

#[test]
fn a_lock_is_held_by_one() {
    check_all(|disk, dir| {
        let path = dir.join(".lock");
        let held = disk.lock(&path).unwrap();
        assert_eq!(kind(disk.lock(&path)), ErrorKind::WouldBlock);
        drop(held);
        drop(disk.lock(&path).unwrap());
    });
}

#[test]
fn giving_up_memory_loses_nothing_that_was_written() {
    check_all(|disk, dir| {
        let file = disk.open(&dir.join("a"), Open::Create).unwrap();
        write(&*file, &[1; 9_000], 0);
        file.sync_data().unwrap();
        write(&*file, &[2; 3_000], 5_000);
        disk.forget_cached(&dir.join("a")).unwrap();
        assert_eq!(content(&*file), [[1; 5_000].as_slice(), &[2; 3_000], &[1; 1_000]].concat());
        assert_eq!(kind(disk.forget_cached(&dir.join("none"))), ErrorKind::NotFound);
    });
}
