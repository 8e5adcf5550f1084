//! What the machine's disk makes of the system's answers.

use super::real::{CachedReads, write_back_begun};
use super::{Disk, Open, RealDisk};
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// ext4 drops pages that find no blocks and may tell only the call that asks for them to be written; a kernel or a kind of
/// file that can't begin to write has lost nothing.
#[test]
fn a_write_back_that_fails_is_told_apart_from_one_that_cant_be() {
    write_back_begun(Ok(())).expect("begun");
    for unsupported in [Errno::INVAL, Errno::NOSYS, Errno::SPIPE, Errno::OPNOTSUPP, Errno::PERM] {
        write_back_begun(Err(unsupported)).unwrap_or_else(|error| panic!("{unsupported:?} is passed over: {error}"));
    }
    for failed in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::NOMEM, Errno::ROFS, Errno::BADF] {
        let error = write_back_begun(Err(failed)).expect_err("pages may be lost");
        assert_eq!(error.raw_os_error(), Some(failed.raw_os_error()));
    }
    let nothing_to_write = RealDisk::new().open(Path::new("/dev/null"), Open::ReadWrite).expect("it is everywhere");
    nothing_to_write.begin_write_back(0, 1 << 20).expect("a device without pages can't be asked (ESPIPE)");
}

/// What one socket's firewall forbids must not make everybody's reads copies; a system that forbids or lacks the call does.
#[test]
fn a_refusal_to_send_after_files_were_sent_is_the_sockets() {
    let refuses = |reads: &CachedReads| {
        let errors = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM, Errno::CONNRESET, Errno::IO];
        errors.map(|errno| reads.refuses_to_send(&io::Error::from(errno)))
    };
    let reads = CachedReads::default();
    assert_eq!(refuses(&reads), [true, true, true, true, false, false]);
    reads.sent();
    assert_eq!(refuses(&reads), [true, true, false, false, false, false]);
}
