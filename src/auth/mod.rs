//! Who may use the daemon: password files, limits on guessing, and login sessions.
//!
//! A login goes: [`refresh`] with [`Look::Now`] (is the password file the one that was read?), [`Throttle::check`] (may this
//! address try now?), [`Store::begin`] and, where a program judges, [`Store::poll`] (is it right?), [`Throttle::hashed`] (what
//! it cost), [`Throttle::failed`] or [`Throttle::succeeded`] (what came of it), and then [`Sessions::open`]. Only `store` and
//! `program` touch files or processes; time and random bytes are arguments everywhere else, and no input from outside makes
//! anything here panic.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
pub mod audit;
mod check;
pub mod file;
pub mod hash;
mod log;
mod login;
mod program;
mod session;
mod store;
mod throttle;

pub use crate::peer::Peer;
pub use check::{Check, Ticket};
pub use log::printable;
pub use login::{Login, Who};
pub use session::{Busy, Handle, Sessions, Unknown};
pub use store::{Backend, Look, Store, refresh};
pub use throttle::{Admission, Report, Throttle};

use crate::sys::file::Status;
use crate::sys::sentence;

/// Fails for a file that others than its owner can write: what it says about logins could be anybody's.
fn check_owner_alone(status: &Status) -> std::io::Result<()> {
    let text = "others than its owner can write it: take that away with \"chmod go-w\"";
    if status.mode & 0o022 == 0 { Ok(()) } else { Err(sentence(text.to_owned())) }
}
