//! A file that is read again when it has changed: the password file, and those with names of users and hosts.
#![forbid(unsafe_code)]

use super::file::{self, Stamp, Status};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// How often, in milliseconds, files that may change are looked at, at most.
pub(crate) const LOOK_EVERY_MS: u64 = 1_000;

/// What is done with an open file and its status.
pub(crate) type Read<'a> = &'a mut dyn FnMut(BorrowedFd<'_>, Status) -> io::Result<()>;

/// A path, and which version of the file there was read last.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    /// The version that was looked at last, whether it was good or not: `None` before the first look, and `Some(None)`
    /// where there was no file.
    seen: Option<Option<Stamp>>,
    /// The system gave an error when the file was opened or read. That may be different the next time without a change of
    /// the file: when there was no descriptor left, for instance.
    unread: bool,
    /// When, in the caller's milliseconds, the file is to be looked at again.
    next_look_ms: u64,
}

impl Watch {
    /// A file that was not read yet.
    pub(crate) const fn new(path: PathBuf) -> Watch {
        Watch { path, seen: None, unread: false, next_look_ms: 0 }
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// As [`look_now`](Watch::look_now), but once a second at most, by `now_ms`; call it as often as is handy.
    pub(crate) fn look(&mut self, now_ms: u64, read: Read<'_>) -> Option<io::Result<()>> {
        if now_ms < self.next_look_ms {
            return None;
        }
        self.next_look_ms = now_ms.saturating_add(LOOK_EVERY_MS);
        self.look_now(read)
    }

    /// Reads the file if it is not the version that was looked at last, or could not be read then. `Some` is something
    /// to tell: an error is told once for each version of the file, not at each look.
    pub(crate) fn look_now(&mut self, read: Read<'_>) -> Option<io::Result<()>> {
        let changed = self.has_changed();
        if !changed && !self.unread {
            return None;
        }
        let result = self.read(read);
        (changed || !self.unread).then_some(result)
    }

    /// Whether the file is not the version that was looked at last.
    pub(crate) fn has_changed(&self) -> bool {
        self.seen != Some(self.version())
    }

    /// Whether the file is to be read: it has changed, or it could not be read and now can be opened.
    pub(crate) fn is_stale(&self) -> bool {
        self.has_changed() || (self.unread && file::open_ordinary(&self.path, 0).is_ok())
    }

    /// Reads the file, changed or not.
    ///
    /// # Errors
    /// Those of `read`, of open(2), and a sentence for what is not an ordinary file. One of the system's may be of the
    /// moment; a sentence is about this version.
    pub(crate) fn read(&mut self, read: Read<'_>) -> io::Result<()> {
        self.seen = Some(self.version());
        let result = file::open_ordinary(&self.path, 0).and_then(|(file, status)| {
            // Only now is it certain which version is read.
            self.seen = Some(Some(status.stamp));
            read(file.as_fd(), status)
        });
        self.unread = result.as_ref().is_err_and(|error| error.raw_os_error().is_some());
        result
    }

    fn version(&self) -> Option<Stamp> {
        file::stat(&self.path).ok().map(|status| status.stamp)
    }
}
