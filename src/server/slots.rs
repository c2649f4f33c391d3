//! The fixed table of clients: who has a slot, and who gives one up.

use super::client::{Client, State};
use super::input::LargeBuffers;
use super::listen::Socket;
use crate::auth::Peer;
use crate::http::{self, Error, Via};
use crate::limits::{CLIENTS, CLIENTS_LOCAL, CLIENTS_PER_ADDRESS, YIELD_MS};
use crate::out::Out;
use core::cmp::Reverse;

/// A slot: its buffers are made when it is first used, and kept.
struct Slot {
    client: Client,
    taken: bool,
}

/// All clients.
pub struct Slots {
    slots: Vec<Slot>,
    most: usize,
}

impl Slots {
    /// No clients, and room for `most` of them, but for [`CLIENTS`] at the most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.min(CLIENTS);
        Slots { slots: Vec::with_capacity(most), most }
    }

    /// Slots that were ever used: the others' numbers need not be looked at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no client.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| !s.taken)
    }

    /// Whether a newcomer finds a free slot.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.slots.len() < self.most || self.slots.iter().any(|s| !s.taken)
    }

    /// The number of a free slot; the lowest, so that memory never used stays so.
    #[must_use]
    pub fn free(&self) -> usize {
        self.slots.iter().position(|s| !s.taken).unwrap_or(self.slots.len())
    }

    /// Puts a newcomer into a free slot.
    pub fn put(
        &mut self,
        slot: usize,
        socket: Socket,
        peer: Peer,
        via: Via,
        now_ms: u64,
        large: &mut LargeBuffers,
    ) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.client.reuse(socket, peer, via, now_ms, large);
            slot.taken = true;
        } else if self.slots.len() < self.most {
            self.slots.push(Slot { client: Client::new(socket, peer, via, now_ms), taken: true });
        }
    }

    /// The client in a slot.
    pub fn get_mut(&mut self, slot: usize) -> Option<&mut Client> {
        self.slots.get_mut(slot).filter(|s| s.taken).map(|s| &mut s.client)
    }

    /// Whether the client in the slot has taken all that was written.
    #[must_use]
    pub fn is_flushed(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|s| s.taken && s.client.is_flushed())
    }

    /// Closes the connection in a slot.
    pub fn close(&mut self, slot: usize, large: &mut LargeBuffers) {
        if let Some(slot) = self.slots.get_mut(slot).filter(|s| s.taken) {
            slot.taken = false;
            slot.client.hang_up(large);
        }
    }

    /// When the next client's time is up, in milliseconds.
    #[must_use]
    pub fn next_deadline_ms(&self) -> u64 {
        let taken = self.slots.iter().filter(|s| s.taken);
        taken.map(|s| s.client.deadline_ms).min().unwrap_or(u64::MAX)
    }

    /// The clients, with their slots.
    fn taken(&self) -> impl Iterator<Item = (usize, &Client)> {
        self.slots.iter().enumerate().filter(|(_, s)| s.taken).map(|(at, s)| (at, &s.client))
    }

    /// Slots that the peer's network holds.
    fn held(&self, peer: Peer) -> usize {
        let sharers = peer.sharers();
        self.taken().filter(|(_, client)| client.peer.sharers() == sharers).count()
    }

    /// Whether the address holds its share of slots already. This machine's own may hold more: a proxy stands there for
    /// many.
    #[must_use]
    pub fn is_over_share(&self, peer: Peer) -> bool {
        let share = if peer.is_local() { CLIENTS_LOCAL } else { CLIENTS_PER_ADDRESS };
        self.held(peer) >= share
    }

    /// The clients that are not being served: idle ones, those whose request has not come in, those who have not taken
    /// their reply for [`YIELD_MS`], and those whose login is `held_back`. One that waits for its answer never is among
    /// them.
    fn spare<'a>(
        &'a self,
        now_ms: u64,
        held_back: &'a dyn Fn(usize) -> bool,
    ) -> impl Iterator<Item = (usize, &'a Client)> {
        self.taken().filter(move |(at, client)| match client.state {
            State::Calling { .. } => is_slow_reader(client, now_ms) || held_back(*at),
            _ => true,
        })
    }

    /// The spare client that has done nothing for longest, and for [`YIELD_MS`] at least.
    fn slowest(&self, now_ms: u64, held_back: &dyn Fn(usize) -> bool) -> Option<usize> {
        let slow = self.spare(now_ms, held_back).filter(|(_, c)| is_slow(c, now_ms));
        slow.min_by_key(|(_, c)| c.since_ms()).map(|(at, _)| at)
    }

    /// The slowest spare client of the network that holds the most slots, if these are two more than `held` at least: with
    /// one moved from there to a newcomer, whose network holds so many, it still has no fewer.
    fn of_the_greediest(&self, held: usize, now_ms: u64, held_back: &dyn Fn(usize) -> bool) -> Option<usize> {
        let holding = self.spare(now_ms, held_back).map(|(at, c)| (at, self.held(c.peer), c.since_ms()));
        let greedy = holding.filter(|(_, holds, _)| *holds >= held + 2);
        greedy.max_by_key(|&(_, holds, since_ms)| (holds, Reverse(since_ms))).map(|(at, ..)| at)
    }

    /// Whether there is a client that would have to make room for a newcomer from an address with no slot.
    #[must_use]
    pub fn can_yield(&self, now_ms: u64, held_back: &dyn Fn(usize) -> bool) -> bool {
        self.slowest(now_ms, held_back).or_else(|| self.of_the_greediest(0, now_ms, held_back)).is_some()
    }

    /// The client that makes room for a newcomer when all slots are taken: who is slow, or else one of those who hold
    /// more than the newcomer would.
    #[must_use]
    pub fn yields_to(&self, newcomer: Peer, now_ms: u64, held_back: &dyn Fn(usize) -> bool) -> Option<usize> {
        let held = self.held(newcomer);
        self.slowest(now_ms, held_back).or_else(|| self.of_the_greediest(held, now_ms, held_back))
    }

    /// The one of these that has kept its reply unread for longest, and for [`YIELD_MS`] at least.
    #[must_use]
    pub fn slowest_reader(&self, of: impl Iterator<Item = usize>, now_ms: u64) -> Option<usize> {
        let clients = of.filter_map(|at| Some((at, &self.slots.get(at).filter(|s| s.taken)?.client)));
        let slow = clients.filter(|(_, c)| is_slow_reader(c, now_ms));
        slow.min_by_key(|(_, c)| c.since_ms()).map(|(at, _)| at)
    }

    /// Whose turn it is to get a large buffer: the one whose request is oldest, of those whose network holds fewest. Who has
    /// yet to take what was sent before can't go on, and keeps nobody waiting.
    #[must_use]
    pub fn next_body(&self, large: &LargeBuffers) -> Option<(usize, Peer)> {
        let waiting = self.taken().filter(|(_, c)| c.waits_for_buffer() && c.is_flushed());
        let rank = |c: &Client| (large.is_over_share(c.peer), large.held(c.peer), c.since_ms());
        waiting.min_by_key(|(_, c)| rank(c)).map(|(at, c)| (at, c.peer))
    }

    /// The client that gives its large buffer up for one of `waiting`'s: it has been slow for [`YIELD_MS`] at least, its
    /// network holds more than that one, or is the same, and most; of these it has been slow for longest.
    #[must_use]
    pub fn slowest_body(&self, waiting: Peer, large: &LargeBuffers, now_ms: u64) -> Option<usize> {
        let (held, may_have_more) = (large.held(waiting), !large.is_over_share(waiting));
        let slow = self.taken().filter(|(_, c)| c.keeps_buffer_ms(now_ms) >= YIELD_MS);
        let yielding = slow.filter(|(_, c)| {
            c.peer.sharers() == waiting.sharers() || (may_have_more && large.held(c.peer) > held)
        });
        yielding.max_by_key(|(_, c)| (large.held(c.peer), c.keeps_buffer_ms(now_ms))).map(|(at, _)| at)
    }

    /// The client of the newcomer's own network that has been idle for longest, and for [`YIELD_MS`] at least: it makes
    /// room when the network holds its share.
    #[must_use]
    pub fn idle_beside(&self, newcomer: Peer, now_ms: u64) -> Option<usize> {
        let sharers = newcomer.sharers();
        let own = self.spare(now_ms, &|_| false).filter(|(_, c)| c.peer.sharers() == sharers && c.is_idle());
        let idle = own.filter(|(_, c)| is_slow(c, now_ms));
        idle.min_by_key(|(_, c)| c.since_ms()).map(|(at, _)| at)
    }
}

/// Whether the client has done nothing for [`YIELD_MS`].
fn is_slow(client: &Client, now_ms: u64) -> bool {
    client.since_ms().saturating_add(YIELD_MS) <= now_ms
}

/// Whether the client has kept a part of its reply unread for as long.
fn is_slow_reader(client: &Client, now_ms: u64) -> bool {
    !client.is_flushed() && is_slow(client, now_ms)
}

/// Tells a newcomer that its address has its share, and closes.
pub fn turn_away(socket: &mut Socket) {
    let mut buf = [0; 512];
    let mut out = Out::new(&mut buf);
    // A close with unread bytes is a reset, which could take the reply with it: what has come already is read.
    let mut request = [0; 2048];
    let length = socket.read(&mut request).unwrap_or(0);
    if http::error(&mut out, Error::Busy, request.get(..length).unwrap_or(&[])).is_ok() {
        // A fresh socket has room for it; one that is gone already need not be told.
        let _ = socket.write(out.as_bytes());
    }
    socket.finish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::UnixStream;

    #[test]
    fn the_machine_itself_has_one_share() {
        let (mut slots, mut large) = (Slots::new(CLIENTS), LargeBuffers::default());
        let local = |address: &str| Peer::new(address.parse().unwrap());
        let peers = [Peer::Unix, local("127.0.0.1"), local("::1"), local("127.0.0.2")];
        for &peer in &peers[..CLIENTS_LOCAL] {
            assert!(!slots.is_over_share(peer));
            let socket = Socket::Unix(UnixStream::pair().unwrap().0);
            slots.put(slots.free(), socket, peer, Via::Unix, 0, &mut large);
        }
        assert!(peers.iter().all(|&peer| slots.is_over_share(peer)));
        assert!(!slots.is_over_share(local("192.0.2.1")));
    }
}
