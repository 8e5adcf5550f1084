//! A small file system of its own in memory, so that a disk can be filled without harm to the machine.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes written at once into the ballast.
const PIECE: usize = 1 << 20;

/// A mounted tmpfs; unmounted when dropped, which must be after everybody has left it.
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// Mounts `bytes` of memory at `path`, which is created. Needs the right to mount.
    pub fn mount(path: &Path, bytes: u64) -> Result<Self, String> {
        fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(path);
        let output = command.output().map_err(|error| format!("mount: {error}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = why.lines().next().unwrap_or_default();
            return Err(format!("no tmpfs can be mounted: {why} Run this part as root."));
        }
        Ok(Tmpfs { path: path.to_owned() })
    }

    /// Free bytes.
    pub fn free(&self) -> Result<u64, String> {
        let stat = rustix::fs::statvfs(&self.path).map_err(|error| format!("statvfs: {error}"))?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Fills the file system with ballast until at most `left` bytes are free, 0 included. What is there already stays.
    pub fn fill(&self, left: u64) -> Result<(), String> {
        self.write_ballast(left).map_err(|error| format!("ballast: {error}"))
    }

    fn write_ballast(&self, left: u64) -> io::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.ballast())?;
        let zeros = vec![0; PIECE];
        loop {
            let free = self.free().map_err(io::Error::other)?;
            let piece = usize::try_from(free.saturating_sub(left)).unwrap_or(PIECE).min(PIECE);
            if piece == 0 {
                return Ok(());
            }
            match file.write(&zeros[..piece]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the ballast away.
    pub fn empty(&self) -> Result<(), String> {
        fs::remove_file(self.ballast()).map_err(|error| format!("ballast: {error}"))
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // lazily: a broker that a failed check left behind is killed by its own drop, maybe later than this
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
