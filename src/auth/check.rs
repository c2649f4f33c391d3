//! What is known of a login: the answer, or the ticket by which it is asked for.

use super::Login;

/// A login that a program judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u32);

/// What is known of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is right.
    Right(Login),
    /// Name or password is wrong.
    Wrong,
    /// A program judges it: ask [`poll`](super::Store::poll) after the next turn, or give it up with
    /// [`cancel`](super::Store::cancel).
    Pending(Ticket),
    /// As many programs as may, or as the peer's network may have, are at work. Begin again later.
    Full,
    /// The program could not be started, took too long, or ended with neither 0 nor 1. The log says what happened.
    Failed,
}
