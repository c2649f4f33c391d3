//! Newcomers: who gets a slot, who makes room for whom, and what to do without descriptors.

use super::listen::Socket;
use super::{FIRST_CLIENT, Server, slots};
use crate::auth::Peer;
use crate::http::Via;
use crate::limits::{ACCEPTS_A_TURN, PAUSE_MS};
use crate::log;
use crate::stats::Counter;
use mio::Token;
use std::io::ErrorKind;

impl Server {
    /// Takes newcomers in, as many as there are slots for. Whether more may wait that could be taken in at once.
    pub(super) fn accept(&mut self, now_ms: u64) -> bool {
        if now_ms < self.paused_until_ms {
            return false;
        }
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_A_TURN {
                if !self.listeners.get(at).is_some_and(|(_, ready)| *ready) {
                    break;
                }
                if !self.slots.has_room()
                    && !self.slots.can_yield(now_ms, &|slot| self.engine.is_held_back(slot))
                {
                    return false;
                }
                self.accept_one(at, now_ms);
                if now_ms < self.paused_until_ms {
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
        let (mut socket, peer) = match listener.accept() {
            Ok(newcomer) => newcomer,
            Err(e) => return self.accept_failed(at, &e, now_ms),
        };
        self.engine.shared.stats.add(Counter::Accepted);
        if !self.make_room(peer, now_ms) {
            self.engine.shared.stats.add(Counter::NoSlot);
            return slots::turn_away(&mut socket);
        }
        self.admit(socket, peer, via, now_ms);
    }

    /// Gives a newcomer the slot that there is for it. False if its socket can't be watched.
    pub(super) fn admit(&mut self, mut socket: Socket, peer: Peer, via: Via, now_ms: u64) -> bool {
        let slot = self.slots.free();
        let watched = socket.register(self.poll.registry(), Token(FIRST_CLIENT + slot)).is_ok();
        if watched {
            self.slots.put(slot, socket, peer, via, now_ms, &mut self.large);
        }
        watched
    }

    fn accept_failed(&mut self, at: usize, error: &std::io::Error, now_ms: u64) {
        match error.kind() {
            // The client is gone again.
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted => return,
            ErrorKind::WouldBlock => {}
            _ => {
                self.engine.shared.stats.add(Counter::NoDescriptor);
                log::debug(format_args!("can't take a client in for now: {error}"));
                self.paused_until_ms = now_ms + PAUSE_MS;
                return;
            }
        }
        if let Some((_, ready)) = self.listeners.get_mut(at) {
            *ready = false;
        }
    }

    /// Sees to it that there is a slot for a newcomer: closes the client that can best be spared. False if there is none
    /// but those being served, or the newcomer's address has its share.
    fn make_room(&mut self, newcomer: Peer, now_ms: u64) -> bool {
        let yields = if self.slots.is_over_share(newcomer) {
            self.slots.idle_beside(newcomer, now_ms)
        } else if self.slots.has_room() {
            return true;
        } else {
            self.slots.yields_to(newcomer, now_ms, &|slot| self.engine.is_held_back(slot))
        };
        yields.map(|slot| self.close(slot)).is_some()
    }
}
