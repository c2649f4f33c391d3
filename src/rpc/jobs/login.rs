//! `login`: a password is compared, or held back after wrong ones, and a session opened.

use super::Job;
use crate::auth::printable;
use crate::auth::{Peer, Verdict};
use crate::limits::ARGUMENT_BYTES;
use crate::out::Full;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::pieces::Pieces;
use crate::rpc::work::{Wait, Work, Wrote};
use crate::rpc::{Ask, Shared, World};
use crate::stats::Counter;
use crate::sys::since_ms;
use heapless::Vec;
use std::time::Instant;

/// A login. User name and password are kept while it is held back; without authentication both are empty.
pub(crate) struct Login {
    peer: Peer,
    user: Vec<u8, ARGUMENT_BYTES>,
    password: Vec<u8, ARGUMENT_BYTES>,
    /// The id of the session that was opened.
    session: [u8; 32],
}

/// Reads the parameters.
pub(crate) fn login(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let mut login = Login { peer: ask.peer, user: Vec::new(), password: Vec::new(), session: [0; 32] };
    if ask.shared.store.needs_password() {
        let user = args.required("username", "a string")?;
        let password = args.required("password", "a string")?;
        args.end("username and password")?;
        args::credential(&user, "username", &mut login.user)?;
        args::credential(&password, "password", &mut login.password)?;
    }
    Ok(Job::Login(login))
}

impl Work for Login {
    fn end(&mut self, shared: &mut Shared, _: Option<Fault>, world: &mut World<'_>) -> Result<Wait, Fault> {
        if shared.store.needs_password() {
            match shared.throttle.check(self.peer, world.now_ms) {
                Verdict::Go => {}
                Verdict::Wait(wait_ms) => return Ok(Wait::Until(world.now_ms + wait_ms)),
                Verdict::Refuse => {
                    let text = format_args!("too many wrong logins from this address; try again in a minute");
                    return Err(Fault::new(Code::Busy, text));
                }
            }
            self.verify(shared, world.now_ms)?;
        }
        let mut random = [0; 16];
        (shared.random)(&mut random).map_err(|e| {
            Fault::new(Code::Internal, format_args!("the kernel's random source failed: {e}"))
        })?;
        self.session = shared.sessions.open(self.peer, random, world.now_ms).map_err(|_| {
            Fault::new(
                Code::Busy,
                format_args!(
                    "all sessions, or this address's share of them, are in use; log out or try again"
                ),
            )
        })?;
        Ok(Wait::Nothing)
    }

    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        _: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Wrote, Full> {
        pieces.piece(|writer| writer.string(&self.session))?;
        Ok(Wrote::All)
    }
}

impl Login {
    /// Compares the password, counts what comes of it, and says no with one sentence whatever was wrong.
    fn verify(&self, shared: &mut Shared, now_ms: u64) -> Result<(), Fault> {
        let began = Instant::now();
        let right = shared.store.verify(&self.user, &self.password);
        shared.throttle.hashed(since_ms(began), now_ms);
        if right {
            shared.throttle.succeeded(self.peer, now_ms);
            return Ok(());
        }
        shared.stats.add(Counter::LoginsRefused);
        let report = shared.throttle.failed(self.peer, now_ms);
        if report.log {
            let (user, peer, more) = (printable(&self.user), self.peer, report.untold);
            crate::log::warn(format_args!(
                "wrong login as \"{user}\" from {peer}, {more} more since the last such line"
            ));
        }
        Err(Fault::new(Code::Login, format_args!("wrong user name or password")))
    }
}
