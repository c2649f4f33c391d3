//! The passwd file, for users' names: read again when it changes.

use crate::log;
use crate::query::users::{LeftOut, Users};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// How often it is looked at, in milliseconds.
const CHECK_EVERY_MS: u64 = 1_000;
/// Bytes of its longest line.
const LINE_BYTES: usize = 512;

/// What tells one version of a file from another: inode, size, and the time of its last change.
type Stamp = (u64, u64, i64, i64);

/// A passwd file.
pub struct PasswdFile {
    path: PathBuf,
    /// Whether names are wanted at all.
    wanted: bool,
    stamp: Option<Option<Stamp>>,
    next_check_ms: u64,
}

impl PasswdFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn new(path: PathBuf, wanted: bool) -> Self {
        PasswdFile { path, wanted, stamp: None, next_check_ms: 0 }
    }

    /// Reads the file into `users` if it has changed; looks once a second at most. What is wrong with it is logged, and
    /// the names that could be read are used.
    pub fn check(&mut self, now_ms: u64, users: &mut Users) {
        if !self.wanted || now_ms < self.next_check_ms {
            return;
        }
        self.next_check_ms = now_ms + CHECK_EVERY_MS;
        let metadata = fs::metadata(&self.path).ok();
        let stamp = metadata.map(|m| (m.ino(), m.size(), m.ctime(), m.ctime_nsec()));
        if self.stamp == Some(stamp) {
            return;
        }
        self.stamp = Some(stamp);
        let path = self.path.display();
        match self.read(users) {
            Ok(LeftOut { no_room: 0, malformed: 0 }) => {}
            Ok(left) => log::warn(format_args!(
                "{path}: {} users without a name, for there is no room for more, and {} lines that can't be read",
                left.no_room, left.malformed
            )),
            Err(e) => log::warn(format_args!("can't read {path}: {e}; the names known so far stay")),
        }
    }

    fn read(&self, users: &mut Users) -> std::io::Result<LeftOut> {
        let mut left = LeftOut::default();
        let mut reader = BufReader::with_capacity(LINE_BYTES, File::open(&self.path)?);
        users.clear();
        let mut line = Vec::with_capacity(LINE_BYTES);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(left);
            }
            match core::str::from_utf8(&line) {
                Ok(line) => users.add(line.trim_end(), &mut left),
                Err(_) => left.malformed += 1,
            }
        }
    }
}
