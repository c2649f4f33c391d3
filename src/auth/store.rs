//! Where passwords come from (`--auth`), and keeping them up to date while the daemon runs.
//!
//! A file is read as a whole into a table, and again when it changed or on SIGHUP. A bad one leaves the table as it was: a slip
//! of the pen must not lock anybody out. One that is gone, or names nobody, lets nobody in: whoever takes it away means
//! that. After `--user` dropped root, a file that only root can read can't be read again: give it to that user's group
//! (0640).

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use super::check::{Check, Ticket};
use super::file::{Name, Users};
use super::log::printable;
use super::program::Program;
use super::{Login, Peer, Sessions};
use crate::limits::PASSWORD_FILE_BYTES;
use crate::log;
use crate::sys::file::{self, Shown, Status};
use crate::sys::file_watch::Watch;
use crate::sys::sentence;

/// What decides who may log in.
#[derive(Clone, Debug)]
pub enum Backend {
    /// Nobody: any login will do. For loopback and unix sockets.
    None,
    /// A password file.
    File(PathBuf),
    /// A shadow(5) file, and the users of it that may log in.
    Shadow(PathBuf, Vec<Name>),
    /// A program that speaks the checkpassword interface (see [`super::program`]).
    Program(PathBuf),
}

/// When a password file is looked at.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// If the last look is a second ago: to be called as often as is handy.
    Due,
    /// Now: a login must not be judged by an old version.
    Now,
    /// It is read now, changed or not: SIGHUP.
    Anyway,
}

/// What judges logins.
#[derive(Debug)]
pub struct Store(Source);

#[derive(Debug)]
enum Source {
    Anybody,
    // On the heap, so that the store can be moved without a copy of the table on the stack.
    File(Box<UserFile>),
    Program(Box<Program>),
}

/// A password file and its users, as they were last read.
#[derive(Debug)]
struct UserFile {
    watch: Watch,
    /// Of a shadow(5) file: who may log in.
    allowed: Option<Vec<Name>>,
    users: Users,
}

impl Store {
    /// Reads the backend's file for the first time, or looks whether the program is one that can be trusted.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it; the daemon should not start then.
    pub fn open(backend: Backend) -> Result<Store, String> {
        let (path, allowed) = match backend {
            Backend::None => return Ok(Store(Source::Anybody)),
            Backend::Program(path) => return Ok(Store(Source::Program(Box::new(Program::open(path)?)))),
            Backend::File(path) => (path, None),
            Backend::Shadow(path, allowed) => (path, Some(allowed)),
        };
        let mut file = Box::new(UserFile { watch: Watch::new(path), allowed, users: Users::new() });
        file.refresh(Look::Anyway, 0).unwrap_or(Ok(())).map_err(|error| file.explain(&error))?;
        Ok(Store(Source::File(file)))
    }

    /// True if a login takes a user name and a password.
    pub fn needs_password(&self) -> bool {
        !matches!(self.0, Source::Anybody)
    }

    /// Looks whether what judges logins can still be used, now that privileges were given up.
    ///
    /// # Errors
    /// A sentence that says what is in the way and what to do.
    pub(crate) fn check_access(&self) -> Result<(), String> {
        match &self.0 {
            Source::Anybody => Ok(()),
            Source::Program(program) => program.check_access(),
            Source::File(file) => match file::open_ordinary(file.watch.path(), 0) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!(
                    "password file {}: {error}: the account that --user names must be able to read it, or a new version \
                     could never be read: give it to that account's group (chgrp) with mode 0640",
                    Shown(file.watch.path())
                )),
            },
        }
    }

    /// Begins to judge a login; any is right with [`Backend::None`]. With a file it takes the time of the most expensive
    /// hash there (see [`Users::verify`]), so ask [`Throttle::check`](super::Throttle::check) first.
    pub fn begin(&mut self, peer: Peer, user: &[u8], password: &[u8], now_ms: u64) -> Check {
        match &mut self.0 {
            Source::Anybody => Check::Right(Login::anybody()),
            Source::Program(program) => program.begin(peer, user, password, now_ms),
            Source::File(file) => match file.users.verify(user, password) {
                Some(login) => Check::Right(login),
                None => Check::Wrong,
            },
        }
    }

    /// What has become of a login that a program judges. Anything but [`Check::Pending`] is told once, and ends the ticket.
    pub fn poll(&mut self, ticket: Ticket) -> Check {
        match &mut self.0 {
            Source::Program(program) => program.poll(ticket),
            _ => Check::Failed,
        }
    }

    /// Gives up a login that a program judges: its client is gone.
    pub fn cancel(&mut self, ticket: Ticket) {
        if let Source::Program(program) = &mut self.0 {
            program.cancel(ticket);
        }
    }

    /// Takes note of programs that have ended, and ends those whose time is up. To be called each turn. True if
    /// [`poll`](Store::poll) now knows more.
    pub fn reap(&mut self, now_ms: u64) -> bool {
        match &mut self.0 {
            Source::Program(program) => program.reap(now_ms),
            _ => false,
        }
    }

    /// Ends what was started to judge logins: nobody will ask for the answers.
    pub(crate) fn end(&mut self) {
        if let Source::Program(program) = &mut self.0 {
            program.end();
        }
    }

    /// True if this is a user as of now: still there, and with the same password.
    pub fn knows(&self, login: &Login) -> bool {
        match &self.0 {
            Source::File(file) => file.users.knows(login),
            // What a program would say today is not asked.
            _ => true,
        }
    }

    /// Reads a password file again if it is time to. `Some` is something to tell: that it was read, or a sentence on why the
    /// old users were kept or nobody can log in, which is told once for each version of the file.
    pub fn refresh(&mut self, look: Look, now_ms: u64) -> Option<Result<(), String>> {
        let Source::File(file) = &mut self.0 else {
            return None;
        };
        let result = file.refresh(look, now_ms)?;
        Some(result.map_err(|error| {
            let rest =
                if is_gone(&error) { "nobody can log in until it is back" } else { "the old users stay" };
            format!("{}; {rest}", file.explain(&error))
        }))
    }

    /// What a newcomer to this configuration should know, as sentences to log as warnings after each successful read.
    pub fn warnings(&self) -> Vec<String> {
        match &self.0 {
            Source::File(file) => file.warnings(),
            _ => Vec::new(),
        }
    }
}

impl std::fmt::Display for Store {
    /// How logins are judged, as the end of a sentence: "logins are ...".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Source::Anybody => f.write_str("open to whoever can reach the daemon (--auth none)"),
            Source::Program(program) => write!(f, "judged by the program {}", Shown(program.path())),
            Source::File(file) => {
                write!(f, "judged by {} (users: {})", Shown(file.watch.path()), file.users.len())
            }
        }
    }
}

/// Brings the users up to date, ends the sessions of those who are no longer among them or have another password, and says
/// so in the log.
pub fn refresh(store: &mut Store, sessions: &mut Sessions, look: Look, now_ms: u64) {
    match store.refresh(look, now_ms) {
        None => return,
        Some(Ok(())) => log::info(format_args!("the users were read again")),
        Some(Err(why)) => log::error(format_args!("{why}")),
    }
    store.warnings().iter().for_each(|warning| log::warn(format_args!("{warning}")));
    let ended = sessions.keep(&|login| store.knows(login), now_ms);
    if ended > 0 {
        log::info(format_args!("sessions ended, whose users are gone or have another password: {ended}"));
    }
}

impl UserFile {
    fn refresh(&mut self, look: Look, now_ms: u64) -> Option<io::Result<()>> {
        let UserFile { watch, allowed, users } = self;
        let read = &mut |file: BorrowedFd<'_>, status| {
            *users = read_users(file, status, allowed.as_deref())?;
            Ok(())
        };
        let result = match look {
            Look::Due => watch.look(now_ms, read)?,
            Look::Now => watch.look_now(read)?,
            Look::Anyway => watch.read(read),
        };
        if result.as_ref().is_err_and(is_gone) {
            *users = Users::new();
        }
        Some(result)
    }

    fn explain(&self, error: &io::Error) -> String {
        format!("password file {}: {error}", Shown(self.watch.path()))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut names = String::new();
        for name in self.users.legacy() {
            names.push_str(if names.is_empty() { "" } else { ", " });
            names.push_str(&printable(name));
        }
        if !names.is_empty() {
            warnings.push(format!("passwords kept as unsalted SHA-1 are easily guessed: set them anew with \"rctd passwd\": {names}"));
        }
        if self.users.is_empty() {
            warnings.push("nobody can log in: the password file has no user with a password".to_owned());
        }
        for name in self.allowed.as_deref().unwrap_or_default() {
            if !self.users.is_empty() && !self.users.contains(name) {
                let name = printable(name);
                warnings.push(format!("{name} can't log in: no such account, or it has no password"));
            }
        }
        warnings
    }
}

/// True if there is no file any more. Any other error may be of the moment.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a whole password file, if it is one that only its owner can change.
fn read_users(file: BorrowedFd<'_>, status: Status, allowed: Option<&[Name]>) -> io::Result<Users> {
    super::check_owner_alone(&status)?;
    let mut buffer = [0; PASSWORD_FILE_BYTES];
    let length = file::fill(file, &mut buffer)?;
    if length == buffer.len() {
        let most = PASSWORD_FILE_BYTES - 1;
        return Err(sentence(format!("it is too large: {most} bytes are the most")));
    }
    let text = buffer.split_at(length).0;
    let users = match allowed {
        Some(allowed) => Users::parse_shadow(text, allowed),
        None => Users::parse(text),
    };
    users.map_err(|error| sentence(error.to_string()))
}
