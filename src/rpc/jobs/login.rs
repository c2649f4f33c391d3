//! `login`: a password is compared, or held back after wrong ones, and a session opened.

use super::Job;
use crate::auth::{self, Admission, Check, Look, Peer, Ticket, printable, refresh};
use crate::limits::{ARGUMENT_BYTES, PROGRAM_MS};
use crate::out::Full;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::{Wait, Work};
use crate::rpc::{Ask, Shared, World};
use crate::stats::Counter;
use crate::syntax::Writer;
use crate::sys::since_ms;
use heapless::Vec;
use std::time::Instant;

/// A login. User name and password are kept while it is held back or judged; without authentication both are empty.
pub(crate) struct LoggingIn {
    peer: Peer,
    user: Vec<u8, ARGUMENT_BYTES>,
    password: Vec<u8, ARGUMENT_BYTES>,
    /// The program that judges it.
    ticket: Option<Ticket>,
    /// When the login stops asking for a program that is free, in milliseconds; `None` until it has asked once.
    until_ms: Option<u64>,
    /// The id of the session that was opened.
    session: [u8; 32],
}

/// Milliseconds after which a login asks once more for a program to judge it.
const AGAIN_MS: u64 = 50;

/// Reads the parameters.
pub(crate) fn login(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let mut login = LoggingIn {
        peer: ask.peer,
        user: Vec::new(),
        password: Vec::new(),
        ticket: None,
        until_ms: None,
        session: [0; 32],
    };
    if ask.shared.store.needs_password() {
        let user = args.required("username", "a string")?;
        let password = args.required("password", "a string")?;
        args.end("username and password")?;
        args::credential(&user, "username", &mut login.user)?;
        args::credential(&password, "password", &mut login.password)?;
    }
    Ok(Job::Login(login))
}

impl Work for LoggingIn {
    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        let now_ms = world.now_ms;
        let check = match self.ticket.take() {
            Some(ticket) => shared.store.poll(ticket),
            None => match self.hold_back(shared, now_ms)? {
                Some(until_ms) => return Ok(Wait::Until(until_ms)),
                None => self.judge(shared, now_ms),
            },
        };
        match check {
            Check::Right(login) => self.open(login, shared, now_ms),
            Check::Wrong => Err(self.refuse(shared, now_ms)),
            Check::Pending(ticket) => {
                self.ticket = Some(ticket);
                Ok(Wait::Verdict)
            }
            Check::Full => self.wait_for_program(now_ms),
            Check::Failed => {
                // What fails is as good as a guess: whoever makes a program fail must not try without end.
                shared.throttle.failed(self.peer, now_ms);
                let text =
                    format_args!("the program that judges logins gave no answer; the daemon's log says more");
                Err(Fault::new(Code::Internal, text))
            }
        }
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.string(&self.session)
    }

    fn release(&mut self, shared: &mut Shared) {
        // The client is gone: nobody asks what the program says any more.
        if let Some(ticket) = self.ticket.take() {
            shared.store.cancel(ticket);
        }
    }
}

impl LoggingIn {
    /// Until when the login is held back for wrong ones before it, in milliseconds; `None` if it is not.
    ///
    /// # Errors
    /// A fault, when there were too many.
    fn hold_back(&self, shared: &mut Shared, now_ms: u64) -> Result<Option<u64>, Fault> {
        if !shared.store.needs_password() {
            return Ok(None);
        }
        match shared.throttle.check(self.peer, now_ms) {
            Admission::Go => Ok(None),
            Admission::Wait(wait_ms) => Ok(Some(now_ms + wait_ms)),
            Admission::Refuse => {
                let text = format_args!("too many wrong logins from this address; try again in a minute");
                Err(Fault::new(Code::Busy, text))
            }
        }
    }

    /// Begins to judge the login, by the newest version of the password file.
    fn judge(&self, shared: &mut Shared, now_ms: u64) -> Check {
        refresh(&mut shared.store, &mut shared.sessions, Look::Now, now_ms);
        let began = Instant::now();
        let check = shared.store.begin(self.peer, &self.user, &self.password, now_ms);
        // What the hash of a password costs is taken into account before the next one is computed.
        shared.throttle.hashed(since_ms(began), now_ms);
        check
    }

    /// All programs that may be at work are: the login asks again, for as long as one of them may take.
    fn wait_for_program(&mut self, now_ms: u64) -> Result<Wait, Fault> {
        let until_ms = *self.until_ms.get_or_insert(now_ms + PROGRAM_MS);
        if now_ms < until_ms {
            return Ok(Wait::Until(now_ms + AGAIN_MS));
        }
        let text = format_args!("the programs that judge logins are all at work; try again");
        Err(Fault::new(Code::Busy, text))
    }

    /// The login is right: a session is opened.
    fn open(&mut self, login: auth::Login, shared: &mut Shared, now_ms: u64) -> Result<Wait, Fault> {
        if shared.store.needs_password() {
            shared.throttle.succeeded(self.peer, now_ms);
        }
        let mut random = [0; 16];
        (shared.system.random)(&mut random).map_err(|e| {
            Fault::new(Code::Internal, format_args!("the kernel's random source failed: {e}"))
        })?;
        self.session = shared.sessions.open(login, self.peer, random, now_ms).map_err(|_| {
            Fault::new(
                Code::Busy,
                format_args!(
                    "all sessions, or this address's share of them, are in use; log out or try again"
                ),
            )
        })?;
        Ok(Wait::Nothing)
    }

    /// The login is wrong. That is counted and logged, and the fault is the same whatever was wrong.
    fn refuse(&self, shared: &mut Shared, now_ms: u64) -> Fault {
        shared.stats.add(Counter::LoginsRefused);
        let report = shared.throttle.failed(self.peer, now_ms);
        if report.log {
            let (user, peer, more) = (printable(&self.user), self.peer, report.untold);
            crate::log::warn(format_args!(
                "wrong login as \"{user}\" from {peer}, {more} more since the last such line"
            ));
        }
        Fault::new(Code::Login, format_args!("wrong user name or password"))
    }
}
