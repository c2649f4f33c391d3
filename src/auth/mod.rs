//! Who may use the daemon: password files, limits on guessing, and login sessions.
//!
//! A login goes: [`Throttle::check`] (may this address try now?), [`Store::verify`] (is the password right?),
//! [`Throttle::hashed`] (what it cost), [`Throttle::failed`] or [`Throttle::succeeded`] (what came of it), and then
//! [`Sessions::open`]. Only `store` touches a file; time and random bytes are arguments everywhere else, and no input from
//! outside makes anything here panic.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
pub mod file;
pub mod hash;
mod log;
mod session;
mod store;
mod throttle;

pub use crate::peer::Peer;
pub use log::printable;
pub use session::{Busy, Handle, Sessions, Unknown};
pub use store::{Backend, Store};
pub use throttle::{Report, Throttle, Verdict};
