//! Newcomers: who gets a slot, who waits for one, who is refused, and what to do without descriptors.

use super::listen::Socket;
use super::room::Newcomer;
use super::{FIRST_CLIENT, Server};
use crate::auth::Peer;
use crate::http::{self, Error, Via};
use crate::limits::{ACCEPTS_A_TURN, PAUSE_MS};
use crate::log;
use crate::out::Out;
use crate::quota::Verdict;
use crate::stats::Counter;
use mio::Token;
use std::io::ErrorKind;

/// Bytes of a refused request that are looked at: enough to tell a HEAD from a POST.
const REFUSED_BYTES: usize = 512;

impl Server {
    /// Takes newcomers in, so many from each listener. Whether more may wait that could be taken in at once.
    pub(super) fn accept(&mut self, now_ms: u64) -> bool {
        if self.paused_until_ms.is_some_and(|until_ms| now_ms < until_ms) {
            return false;
        }
        self.paused_until_ms = None;
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_A_TURN {
                if !self.listeners.get(at).is_some_and(|(_, ready)| *ready) {
                    break;
                }
                self.accept_one(at, now_ms);
                if self.paused_until_ms.is_some() {
                    return false;
                }
            }
        }
        self.listeners.iter().any(|(_, ready)| *ready)
    }

    fn accept_one(&mut self, at: usize, now_ms: u64) {
        let Some((listener, _)) = self.listeners.get(at) else {
            return;
        };
        let via = listener.via();
        let (socket, peer) = match listener.accept() {
            Ok(newcomer) => newcomer,
            Err(e) => return self.accept_failed(at, &e, now_ms),
        };
        self.engine.shared.stats.add(Counter::Accepted);
        let newcomer = Newcomer { socket, peer, via, since_ms: now_ms };
        // Nobody overtakes those who wait.
        let verdict = if self.room.is_empty() { self.decide_slot(peer, now_ms) } else { Verdict::Wait };
        match verdict {
            Verdict::Wait => {
                if let Some(refused) = self.room.add(newcomer, now_ms) {
                    self.turn_away(refused, now_ms);
                }
            }
            verdict => self.seat(newcomer, verdict, now_ms),
        }
    }

    /// Gives slots to those who wait for one, as many as there are; refuses who has waited too long.
    pub(super) fn seat_waiting(&mut self, now_ms: u64) {
        while let Some((at, verdict)) = self.next_newcomer(now_ms) {
            match self.room.take(at) {
                Some(newcomer) => self.seat(newcomer, verdict, now_ms),
                None => return,
            }
        }
        while let Some(newcomer) = self.room.expired(now_ms) {
            self.turn_away(newcomer, now_ms);
        }
    }

    fn seat(&mut self, newcomer: Newcomer, verdict: Verdict, now_ms: u64) {
        if let Verdict::Evict(slot) = verdict {
            self.evict(slot, now_ms);
        }
        self.admit(newcomer.socket, newcomer.peer, newcomer.via, now_ms);
    }

    /// Gives a newcomer the slot that there is for it. False if its socket can't be watched.
    pub(super) fn admit(&mut self, mut socket: Socket, peer: Peer, via: Via, now_ms: u64) -> bool {
        let slot = self.slots.free();
        let watched = socket.register(self.poll.registry(), Token(FIRST_CLIENT + slot), false).is_ok();
        if watched {
            self.slots.put(slot, socket, peer, via, now_ms, &mut self.large);
        }
        watched
    }

    /// Tells a newcomer that there is no slot for it.
    fn turn_away(&mut self, newcomer: Newcomer, now_ms: u64) {
        self.engine.shared.stats.add(Counter::NoSlot);
        self.count_error(Error::Busy);
        let Newcomer { mut socket, peer, .. } = newcomer;
        let mut buf = [0; 512];
        let mut out = Out::new(&mut buf);
        let mut request = [0; REFUSED_BYTES];
        let length = socket.read(&mut request).unwrap_or(0);
        if http::error(&mut out, Error::Busy, request.get(..length).unwrap_or(&[])).is_ok() {
            // A socket that nothing was written to has room for it; a client that is gone already need not be told.
            let _ = socket.write(out.as_bytes());
        }
        self.linger.add(socket, peer, false, self.poll.registry(), now_ms);
    }

    fn accept_failed(&mut self, at: usize, error: &std::io::Error, now_ms: u64) {
        match error.kind() {
            // The client is gone again.
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted => return,
            ErrorKind::WouldBlock => {}
            _ => {
                self.engine.shared.stats.add(Counter::NoDescriptor);
                log::debug(format_args!("can't take a client in for now: {error}"));
                self.paused_until_ms = Some(now_ms + PAUSE_MS);
                return;
            }
        }
        if let Some((_, ready)) = self.listeners.get_mut(at) {
            *ready = false;
        }
    }
}
