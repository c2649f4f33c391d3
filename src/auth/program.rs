//! Logins judged by a program (`--auth program:PATH`), by the interface of Bernstein's checkpassword, which helpers for PAM,
//! LDAP and RADIUS speak.
//!
//! The program reads `name NUL password NUL timestamp NUL` from descriptor 3. Status 0 is yes, 1 is no, anything else that it
//! could not tell. Such programs run their first argument when the answer is yes, so that argument is `/bin/true`; nothing of
//! the login is on the command line or in the environment.
//!
//! Programs are bounded in number ([`PROGRAMS`], half of them for one network) and in time ([`PROGRAM_MS`]). Nothing here
//! waits for one: what it reads is in a pipe before it starts, its output goes to /dev/null, SIGCHLD wakes the loop when
//! it ends.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::check::{Check, Ticket};
use super::{Login, Peer};
use crate::limits::{PROGRAM_MS, PROGRAMS};
use crate::log;
use crate::sys;
use crate::sys::file::{self, Shown};
use crate::sys::spawn::{self, Child, End};

/// What a program reads at most (the interface allows no more). A pipe holds at least eight times as much.
const INPUT_BYTES: usize = 512;
/// Programs that one network, or the machine itself, may keep busy: another's login finds one free.
const PROGRAMS_PER_ADDRESS: usize = PROGRAMS / 2;
/// What such a program runs when the login is right.
const WHEN_RIGHT: &std::ffi::CStr = c"/bin/true";
/// Of programs that fail there is one line in the log in this time.
const LOG_EVERY_MS: u64 = 10_000;

/// One program at work, or one whose answer was not asked for yet.
#[derive(Debug)]
struct Work {
    ticket: Ticket,
    peer: Peer,
    login: Login,
    /// `None` once it has ended.
    child: Option<Child>,
    /// What came of it, once that is known.
    answer: Option<Check>,
    /// Nobody asks for the answer any more: the place is free once the program has ended.
    given_up: bool,
    /// When its time is up; after it has ended, when an answer that nobody asked for is forgotten.
    until_ms: u64,
}

/// The program, and what of it is at work.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    works: [Option<Work>; PROGRAMS],
    next: u32,
    /// No line goes to the log before.
    log_from_ms: u64,
    /// Failures that have no line in the log.
    untold: u32,
}

/// Why a program gave no answer.
enum Failure {
    Start(io::Error),
    End(End),
    Late,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Start(error) => write!(f, "could not be started: {error}"),
            Failure::End(End::Status(status)) => {
                write!(f, "ended with status {status}, which is neither 0 (right) nor 1 (wrong)")
            }
            Failure::End(End::Signal(signal)) => write!(f, "was ended by signal {signal}"),
            Failure::Late => write!(f, "took longer than {} seconds and was ended", PROGRAM_MS / 1000),
        }
    }
}

impl Program {
    /// A program at this path, if nobody but its owner can change it.
    pub(super) fn open(path: PathBuf) -> Result<Program, String> {
        let status = file::stat(&path).and_then(|status| {
            file::check_ordinary(&status)?;
            super::check_owner_alone(&status)
        });
        status.map_err(|error| format!("login program {}: {error}", Shown(&path)))?;
        spawn::forbid_core_dumps().map_err(|error| format!("can't forbid core dumps: {error}"))?;
        let works = [const { None }; PROGRAMS];
        Ok(Program { path, works, next: 0, log_from_ms: 0, untold: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn check_access(&self) -> Result<(), String> {
        file::check_executable(&self.path).map_err(|error| {
            format!(
                "login program {}: {error}: the daemon's account must be able to run it",
                Shown(&self.path)
            )
        })
    }

    pub(super) fn begin(&mut self, peer: Peer, user: &[u8], password: &[u8], now_ms: u64) -> Check {
        let Some(input) = input(user, password) else {
            return Check::Wrong;
        };
        let busy = self.works.iter().flatten().filter(|work| work.peer.sharers() == peer.sharers()).count();
        let Some(place) = self.works.iter_mut().find(|place| place.is_none() && busy < PROGRAMS_PER_ADDRESS)
        else {
            return Check::Full;
        };
        match start(&self.path, &input) {
            Ok(child) => {
                self.next = self.next.wrapping_add(1);
                let ticket = Ticket(self.next);
                *place = Some(Work {
                    ticket,
                    peer,
                    login: Login::named(user),
                    child: Some(child),
                    answer: None,
                    given_up: false,
                    until_ms: now_ms.saturating_add(PROGRAM_MS),
                });
                Check::Pending(ticket)
            }
            Err(error) => {
                self.tell(&Failure::Start(error), now_ms);
                Check::Failed
            }
        }
    }

    pub(super) fn poll(&mut self, ticket: Ticket) -> Check {
        let Some(work) = self.works.iter_mut().flatten().find(|work| work.is(ticket)) else {
            return Check::Failed;
        };
        let Some(answer) = work.answer.take() else {
            return Check::Pending(ticket);
        };
        work.given_up = true;
        self.free();
        answer
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if let Some(work) = self.works.iter_mut().flatten().find(|work| work.is(ticket)) {
            work.given_up = true;
            work.child.iter().for_each(Child::kill);
        }
        self.free();
    }

    pub(super) fn reap(&mut self, now_ms: u64) -> bool {
        let mut news = false;
        for at in 0..self.works.len() {
            let Some(work) = self.works.get_mut(at).and_then(Option::as_mut) else {
                continue;
            };
            let had_answer = work.answer.is_some() || work.given_up;
            let failure = work.reap(now_ms);
            news |= !had_answer && work.answer.is_some();
            if let Some(failure) = failure {
                self.tell(&failure, now_ms);
            }
        }
        self.free();
        news
    }

    /// Ends all that is at work.
    pub(super) fn end(&mut self) {
        let children = self.works.iter().flatten().filter_map(|work| work.child.as_ref());
        children.for_each(Child::kill);
    }

    /// Frees the places of programs that have ended and whose answer nobody asks for.
    fn free(&mut self) {
        for place in &mut self.works {
            if place.as_ref().is_some_and(|work| work.child.is_none() && work.given_up) {
                *place = None;
            }
        }
    }

    fn tell(&mut self, failure: &Failure, now_ms: u64) {
        if now_ms < self.log_from_ms {
            self.untold = self.untold.saturating_add(1);
            return;
        }
        self.log_from_ms = now_ms.saturating_add(LOG_EVERY_MS);
        let (path, more) = (Shown(&self.path), std::mem::take(&mut self.untold));
        log::error(format_args!(
            "the login program {path} {failure}; {more} more failures since the last such line"
        ));
    }
}

impl Drop for Program {
    /// Nothing that was started outlives the daemon.
    fn drop(&mut self) {
        self.end();
    }
}

impl Work {
    /// Whether the ticket's holder still asks for this.
    fn is(&self, ticket: Ticket) -> bool {
        self.ticket == ticket && !self.given_up
    }

    /// Takes note of what has become of it; a failure that somebody should know of is returned.
    fn reap(&mut self, now_ms: u64) -> Option<Failure> {
        let late = now_ms >= self.until_ms;
        let Some(child) = &self.child else {
            self.given_up |= late;
            return None;
        };
        let waits = self.answer.is_none() && !self.given_up;
        match child.ended() {
            Ok(None) if late => {
                child.kill();
                // Until the kernel has ended it the place is taken.
                return waits.then(|| self.fail(Failure::Late));
            }
            Ok(None) => return None,
            Ok(Some(end)) => {
                self.child = None;
                // Whoever waits for the answer looks in the next turn or never.
                self.until_ms = now_ms.saturating_add(PROGRAM_MS);
                match end {
                    _ if !waits => {}
                    End::Status(0) => self.answer = Some(Check::Right(self.login.clone())),
                    End::Status(1) => self.answer = Some(Check::Wrong),
                    end => return Some(self.fail(Failure::End(end))),
                }
            }
            // Nobody else waits for our children; if one is lost all the same, its place is not.
            Err(error) => {
                self.child = None;
                return waits.then(|| self.fail(Failure::Start(error)));
            }
        }
        None
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        self.answer = Some(Check::Failed);
        failure
    }
}

/// What the program is to read, or `None` where that can't be said: a NUL is the end of a name or password, and only so many
/// bytes are read.
fn input(user: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let time = sys::since_1970_s().to_string();
    if user.contains(&0) || password.contains(&0) || user.is_empty() {
        return None;
    }
    let input = [user, b"\0", password, b"\0", time.as_bytes(), b"\0"].concat();
    (input.len() <= INPUT_BYTES).then_some(input)
}

fn start(path: &Path, input: &[u8]) -> io::Result<Child> {
    let (read, write) = spawn::pipe()?;
    // An empty pipe has room for all of it, so this neither waits nor falls short.
    file::write_all(write.as_fd(), input)?;
    drop(write);
    Child::start(path, WHEN_RIGHT, read.as_fd())
}
