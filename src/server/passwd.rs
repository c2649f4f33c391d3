//! The passwd file, for users' names: read again when it changes.

use crate::log;
use crate::query::users::{LeftOut, Users};
use crate::sys::file::{self, Stamp};
use std::os::fd::AsFd;
use std::path::PathBuf;

/// How often it is looked at, in milliseconds.
const CHECK_EVERY_MS: u64 = 1_000;

/// A passwd file.
pub struct PasswdFile {
    path: PathBuf,
    /// Whether names are wanted at all.
    wanted: bool,
    stamp: Option<Option<Stamp>>,
    /// It could not be read: that may be different the next time, without a change of the file.
    unread: bool,
    next_check_ms: u64,
}

impl PasswdFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn new(path: PathBuf, wanted: bool) -> Self {
        PasswdFile { path, wanted, stamp: None, unread: false, next_check_ms: 0 }
    }

    /// Reads the file into `users` if it has changed, or could not be read before; looks once a second at most. What is
    /// wrong with it is logged, once for each version, and the names that could be read are used.
    pub fn check(&mut self, now_ms: u64, users: &mut Users) {
        if !self.wanted || now_ms < self.next_check_ms {
            return;
        }
        self.next_check_ms = now_ms + CHECK_EVERY_MS;
        let stamp = file::stat(&self.path).ok().map(|status| status.stamp);
        let changed = self.stamp != Some(stamp);
        if !changed && !self.unread {
            return;
        }
        self.stamp = Some(stamp);
        let path = self.path.display();
        let result = self.read(users);
        self.unread = result.is_err();
        match result {
            Ok(LeftOut { no_room: 0, malformed: 0 }) => {}
            Ok(left) => log::warn(format_args!(
                "{path}: {} users without a name, for there is no room for more, and {} lines that can't be read",
                left.no_room, left.malformed
            )),
            Err(e) if changed => {
                log::warn(format_args!(
                    "can't read {path}: {e}; until it can be, users may have no name or an old one"
                ));
            }
            Err(_) => {}
        }
    }

    fn read(&self, users: &mut Users) -> Result<LeftOut, String> {
        let mut left = LeftOut::default();
        let text = |error: std::io::Error| error.to_string();
        // Without O_NONBLOCK opening a FIFO would wait for a writer.
        let file = file::open(&self.path, libc::O_RDONLY | libc::O_NONBLOCK, 0).map_err(text)?;
        if !file::fstat(file.as_fd()).map_err(text)?.is(libc::S_IFREG) {
            return Err("it is not an ordinary file".to_owned());
        }
        users.clear();
        file::lines(file.as_fd(), &mut |line| {
            match core::str::from_utf8(line) {
                Ok(line) => users.add(line.trim_end(), &mut left),
                Err(_) => left.malformed += 1,
            }
            true
        })
        .map_err(text)?;
        Ok(left)
    }
}
