//! The fixed table of clients: who has a slot, and who gives one up.

use super::client::{Client, State};
use super::input::LargeBuffers;
use super::listen::Socket;
use crate::auth::Peer;
use crate::http::{self, Error, Via};
use crate::limits::{CLIENTS, CLIENTS_LOCAL, CLIENTS_PER_ADDRESS, YIELD_MS};
use crate::out::Out;

/// A slot: its buffers are made when it is first used, and kept.
struct Slot {
    client: Client,
    taken: bool,
}

/// All clients.
pub struct Slots {
    slots: Vec<Slot>,
}

impl Default for Slots {
    fn default() -> Self {
        Slots { slots: Vec::with_capacity(CLIENTS) }
    }
}

impl Slots {
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
        self.slots.len() < CLIENTS || self.slots.iter().any(|s| !s.taken)
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
        } else if self.slots.len() < CLIENTS {
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

    /// Whether the address holds its share of slots already. This machine's own may hold more: a proxy stands there for
    /// many.
    #[must_use]
    pub fn is_over_share(&self, peer: Peer) -> bool {
        let network = peer.network();
        let held = self.slots.iter().filter(|s| s.taken && s.client.peer.network() == network).count();
        held >= if peer.is_local() { CLIENTS_LOCAL } else { CLIENTS_PER_ADDRESS }
    }

    /// The client that has done nothing for longest, and for [`YIELD_MS`] at least: one that is idle, one whose request
    /// does not come on, or one that does not read its reply. One that waits for its answer never is.
    #[must_use]
    pub fn most_dispensable(&self, now_ms: u64) -> Option<usize> {
        let spare = |client: &Client| match client.state {
            State::Calling { .. } => !client.is_flushed(),
            _ => true,
        };
        let slots = self.slots.iter().enumerate().filter(|(_, s)| s.taken && spare(&s.client));
        let slots = slots.filter(|(_, s)| s.client.since_ms().saturating_add(YIELD_MS) <= now_ms);
        slots.min_by_key(|(_, s)| s.client.since_ms()).map(|(at, _)| at)
    }
}

/// Tells a newcomer that its address has its share, and closes.
pub fn turn_away(socket: &mut Socket) {
    let mut buf = [0; 512];
    let mut out = Out::new(&mut buf);
    if http::error(&mut out, Error::Busy).is_ok() {
        // A fresh socket has room for it; one that is gone already need not be told.
        let _ = socket.write(out.as_bytes());
    }
    socket.finish();
}
