//! Where passwords come from (`--auth`), and keeping them up to date while the daemon runs.
//!
//! A file is read as a whole into a table, and again when it changed or on SIGHUP; a bad one leaves the table as it
//! was. After `--user` dropped root, a file that only root can read can't be read again: give it to that user's group
//! (0640), or restart the daemon after a change.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::file::{Name, Users};
use super::log::printable;
use crate::limits::PASSWORD_FILE_BYTES;
use crate::sys::file::{self, Stamp, Status};

/// How often, in milliseconds, [`Store::reload_if_changed`] looks at the file at most.
const CHECK_EVERY_MS: u64 = 1000;

/// What decides who may log in.
#[derive(Clone, Debug)]
pub enum Backend {
    /// Nobody: any login will do. For loopback and unix sockets.
    None,
    /// A password file.
    File(PathBuf),
    /// A shadow(5) file, and the users of it that may log in.
    Shadow(PathBuf, Vec<Name>),
}

/// The users as they were last read, and the file they came from.
#[derive(Debug)]
pub struct Store {
    backend: Backend,
    users: Users,
    /// The version last looked at, good or bad; `None` when there was no file.
    stamp: Option<Stamp>,
    /// It could not be read: that may be different the next time, without a change of the file.
    unread: bool,
    /// When, in the caller's milliseconds, the file is to be looked at again.
    next_check_ms: u64,
}

impl Store {
    /// Reads the backend's file for the first time.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it; the daemon should not start then.
    pub fn open(backend: Backend) -> Result<Store, String> {
        let mut store = Store { backend, users: Users::new(), stamp: None, unread: false, next_check_ms: 0 };
        store.reload()?;
        Ok(store)
    }

    /// True if a login takes a user name and a password.
    pub fn needs_password(&self) -> bool {
        !matches!(self.backend, Backend::None)
    }

    /// True if the login is right; always with [`Backend::None`]. Takes the time of the file's most expensive hash
    /// (see [`Users::verify`]), so ask [`Throttle::check`](super::Throttle::check) first.
    pub fn verify(&self, user: &[u8], password: &[u8]) -> bool {
        !self.needs_password() || self.users.verify(user, password)
    }

    /// The users as they were last read.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Reads the file again, changed or not: at SIGHUP.
    ///
    /// # Errors
    /// A sentence to log. The users stay as they were.
    pub fn reload(&mut self) -> Result<(), String> {
        let path = match &self.backend {
            Backend::None => return Ok(()),
            Backend::File(path) | Backend::Shadow(path, _) => path,
        };
        let explain = |problem: String| format!("password file {}: {problem}", path.display());
        self.stamp = file::stat(path).ok().map(|status| status.stamp);
        self.unread = true;
        let mut buffer = [0; PASSWORD_FILE_BYTES];
        let (status, length) = read(path, &mut buffer).map_err(|error| explain(error.to_string()))?;
        self.unread = false;
        let text = trusted(&status, &buffer, length).map_err(explain)?;
        let users = match &self.backend {
            Backend::Shadow(_, allowed) => Users::parse_shadow(text, allowed),
            _ => Users::parse(text),
        };
        self.users = users.map_err(|error| explain(error.to_string()))?;
        self.stamp = Some(status.stamp);
        Ok(())
    }

    /// Reads the file again if it is not the version last looked at, or could not be read then: for want of a descriptor, it
    /// may be. Looks once a second at most, by `now_ms`; call it as often as is handy. `Some` is something to log: that it
    /// was read, or why the old users were kept (said once for each version of the file, not once a second).
    pub fn reload_if_changed(&mut self, now_ms: u64) -> Option<Result<(), String>> {
        let path = match &self.backend {
            Backend::None => return None,
            Backend::File(path) | Backend::Shadow(path, _) => path,
        };
        if now_ms < self.next_check_ms {
            return None;
        }
        self.next_check_ms = now_ms.saturating_add(CHECK_EVERY_MS);
        let stamp = file::stat(path).ok().map(|status| status.stamp);
        let changed = stamp != self.stamp;
        if !changed && !self.unread {
            return None;
        }
        let result = self.reload();
        (changed || !self.unread).then_some(result)
    }

    /// What a newcomer to this configuration should know, as sentences to log as warnings after each successful read.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut names = String::new();
        for name in self.users.legacy() {
            names.push_str(if names.is_empty() { "" } else { ", " });
            names.push_str(&printable(name));
        }
        if !names.is_empty() {
            warnings.push(format!("passwords kept as unsalted SHA-1 are easily guessed: set them anew with \"rctd passwd\": {names}"));
        }
        if self.needs_password() && self.users.is_empty() {
            warnings.push("nobody can log in: the password file has no user with a password".to_owned());
        }
        if let Backend::Shadow(_, allowed) = &self.backend {
            for name in allowed.iter().filter(|name| !self.users.contains(name) && !self.users.is_empty()) {
                warnings.push(format!(
                    "{} can't log in: no such account, or it has no password",
                    printable(name)
                ));
            }
        }
        warnings
    }
}

/// Reads as much of a file as there is room for, unless it is not an ordinary one; what it is, and how many bytes that were.
fn read(path: &Path, buffer: &mut [u8]) -> io::Result<(Status, usize)> {
    // Without O_NONBLOCK opening a FIFO would wait for a writer.
    let file = file::open(path, libc::O_RDONLY | libc::O_NONBLOCK, 0)?;
    let status = file::fstat(file.as_fd())?;
    let length = if status.is(libc::S_IFREG) { file::fill(file.as_fd(), buffer)? } else { 0 };
    Ok((status, length))
}

/// The text that was read, if the file is one that only its owner can change, and all of it is there.
fn trusted<'a>(status: &Status, buffer: &'a [u8], length: usize) -> Result<&'a [u8], String> {
    if !status.is(libc::S_IFREG) {
        return Err("it is not an ordinary file".to_owned());
    }
    if status.mode & 0o022 != 0 {
        return Err("others than its owner can write it: take that away with \"chmod go-w\"".to_owned());
    }
    if length == buffer.len() {
        return Err(format!("it is too large: {} bytes are the most", PASSWORD_FILE_BYTES - 1));
    }
    Ok(buffer.split_at(length).0)
}
