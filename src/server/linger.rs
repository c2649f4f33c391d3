//! Connections that are over but for what the client may still send.
//!
//! A close with unread bytes is a reset, which can take the last reply from a client that has yet to read it. So whoever is
//! refused, or has had its last reply, is read on for a while, and what it sends is thrown away. That takes a descriptor
//! each, but no slot and no buffer.

use super::listen::Socket;
use super::turn::First;
use crate::auth::Peer;
use crate::limits::{LINGER_BYTES, LINGER_MS, LINGERING};
use crate::quota::{Holding, Holdings, Quota, Verdict, Worth};
use mio::{Registry, Token};
use std::io::ErrorKind;

/// Bytes that are thrown away at once.
const PIECE_BYTES: usize = 4096;

struct Leaving {
    socket: Socket,
    peer: Peer,
    readable: bool,
    since_ms: u64,
}

/// The connections.
pub(crate) struct Linger {
    leaving: Vec<Option<Leaving>>,
    quota: Quota,
    first_token: usize,
}

impl Linger {
    /// None yet, and descriptors for `most`. Their tokens begin with `first_token`.
    pub(crate) fn new(most: usize, first_token: usize) -> Self {
        let most = most.min(LINGERING);
        let mut leaving = Vec::new();
        leaving.resize_with(most, || None);
        Linger { leaving, quota: Quota::new(most, most), first_token }
    }

    /// Says that nothing more will be sent, and waits for the client to close. Where there is no place for that, the connection
    /// is closed that has lingered longest, of the network with most of them. `known`: epoll knows the socket already.
    pub(crate) fn add(
        &mut self,
        mut socket: Socket,
        peer: Peer,
        known: bool,
        registry: &Registry,
        now_ms: u64,
    ) {
        socket.finish();
        let mut holdings = Holdings::default();
        for (key, leaving) in self.leaving.iter().enumerate() {
            if let Some(leaving) = leaving {
                let useless_ms = now_ms.saturating_sub(leaving.since_ms);
                holdings.add(Holding { key, peer: leaving.peer, worth: Worth::Stalled, useless_ms });
            }
        }
        let at = match self.quota.decide(&holdings, peer) {
            Verdict::Free => self.leaving.iter().position(Option::is_none),
            Verdict::Evict(at) => Some(at),
            Verdict::Wait => None,
        };
        let Some((at, place)) = at.and_then(|at| Some((at, self.leaving.get_mut(at)?))) else {
            // It is closed at once: what has come already is read, so that as few closes as possible are resets.
            throw_away(&mut socket);
            return;
        };
        if socket.register(registry, Token(self.first_token + at), known).is_ok() {
            *place = Some(Leaving { socket, peer, readable: true, since_ms: now_ms });
        }
    }

    /// Something has come on one of the connections.
    pub(crate) fn set_readable(&mut self, at: usize) {
        if let Some(Some(leaving)) = self.leaving.get_mut(at) {
            leaving.readable = true;
        }
    }

    /// Throws away what has come, and closes who has closed or whose time is up.
    pub(crate) fn turn(&mut self, now_ms: u64) {
        for place in &mut self.leaving {
            let Some(leaving) = place else { continue };
            let open = !leaving.readable || {
                let left = throw_away(&mut leaving.socket);
                leaving.readable = left == Left::Some;
                left != Left::End
            };
            if !open || leaving.ends_ms() <= now_ms {
                *place = None;
            }
        }
    }

    /// When there is something to do again without an event.
    pub(super) fn wake(&self, first: &mut First, now_ms: u64) {
        for leaving in self.leaving.iter().flatten() {
            first.add(Some(if leaving.readable { now_ms } else { leaving.ends_ms() }));
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaving.iter().all(Option::is_none)
    }
}

impl Leaving {
    fn ends_ms(&self) -> u64 {
        self.since_ms + LINGER_MS
    }
}

/// What is left to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Some,
    None,
    End,
}

/// Reads what has come, up to [`LINGER_BYTES`].
fn throw_away(socket: &mut Socket) -> Left {
    let mut buf = [0; PIECE_BYTES];
    for _ in 0..LINGER_BYTES / PIECE_BYTES {
        match socket.read(&mut buf) {
            Ok(0) => return Left::End,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Left::None,
            Err(_) => return Left::End,
        }
    }
    Left::Some
}
