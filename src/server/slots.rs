//! The fixed table of clients.

use super::client::Client;
use super::input::LargeBuffers;
use super::listen::Socket;
use crate::auth::Peer;
use crate::http::Via;
use crate::limits::{CLIENTS, CLIENTS_PER_ADDRESS};
use crate::quota::{Holding, Holdings, Quota, Worth};

/// A slot: its buffers are made when it is first used, and kept.
struct Slot {
    client: Client,
    taken: bool,
    /// Times that the client may get further in one turn.
    steps: usize,
}

/// Times that a client may get further in one turn, on average over all of them.
const STEPS_A_TURN: usize = 8;

/// Whether and how a client holds something: who counts as its holder, what it is worth, and for how long it has been of no
/// use, in milliseconds.
pub(super) type Held<'a> = &'a dyn Fn(usize, &Client) -> Option<(Peer, (Worth, u64))>;

/// All clients.
pub struct Slots {
    slots: Vec<Slot>,
    most: usize,
    /// Who may hold how many.
    pub(super) quota: Quota,
}

impl Slots {
    /// No clients, and room for `most` of them, but for [`CLIENTS`] at the most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.min(CLIENTS);
        let quota = Quota::new(most, CLIENTS_PER_ADDRESS.min(most.div_ceil(2)));
        Slots { slots: Vec::with_capacity(most), most, quota }
    }

    /// Slots that were ever used: the others' numbers need not be looked at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Clients that there can be at a time.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Whether there is no client.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| !s.taken)
    }

    /// Whether a slot is free.
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
            self.slots.push(Slot { client: Client::new(socket, peer, via, now_ms), taken: true, steps: 0 });
        }
        self.share_steps();
    }

    /// The client in a slot.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&Client> {
        self.slots.get(slot).filter(|s| s.taken).map(|s| &s.client)
    }

    /// The client in a slot.
    pub fn get_mut(&mut self, slot: usize) -> Option<&mut Client> {
        self.slots.get_mut(slot).filter(|s| s.taken).map(|s| &mut s.client)
    }

    /// Frees a slot: the socket that was in it, and whose. Dropped it is closed.
    pub fn free_up(&mut self, slot: usize, large: &mut LargeBuffers) -> Option<(Socket, Peer)> {
        let slot = self.slots.get_mut(slot).filter(|s| s.taken)?;
        slot.taken = false;
        let socket = slot.client.hang_up(large);
        let peer = slot.client.peer;
        self.share_steps();
        socket.map(|socket| (socket, peer))
    }

    /// How many times the client in a slot may get further in one turn.
    pub(super) fn steps(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |s| s.steps)
    }

    /// Shares the steps of a turn out: each network gets the same number, which its clients share evenly. Otherwise sixteen
    /// connections of one network would get sixteen times the work that the one connection of another gets.
    fn share_steps(&mut self) {
        let holdings = self.holdings(&|_, client| Some((client.peer, (Worth::Busy, 0))));
        let all = STEPS_A_TURN * holdings.len();
        let networks = holdings.networks().max(1);
        for slot in self.slots.iter_mut().filter(|s| s.taken) {
            let clients = holdings.held(slot.client.peer).max(1);
            slot.steps = (all / networks / clients).max(1);
        }
    }

    /// The clients, with their slots.
    pub(super) fn taken(&self) -> impl Iterator<Item = (usize, &Client)> {
        self.slots.iter().enumerate().filter(|(_, s)| s.taken).map(|(at, s)| (at, &s.client))
    }

    /// What the clients hold for whom `held` gives something.
    pub(super) fn holdings(&self, held: Held<'_>) -> Holdings {
        let mut holdings = Holdings::default();
        for (key, client) in self.taken() {
            if let Some((peer, (worth, useless_ms))) = held(key, client) {
                holdings.add(Holding { key, peer, worth, useless_ms });
            }
        }
        holdings
    }

    /// Whether any client waits for a large buffer.
    pub(super) fn any_waits_for_buffer(&self) -> bool {
        self.taken().any(|(_, client)| client.waits_for_buffer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CLIENTS_LOCAL;
    use crate::quota::Verdict;
    use mio::net::UnixStream;

    #[test]
    fn the_machine_itself_has_one_share() {
        let (mut slots, mut large) = (Slots::new(CLIENTS), LargeBuffers::default());
        let local = |address: &str| Peer::new(address.parse().unwrap());
        let peers = [Peer::Unix, local("127.0.0.1"), local("::1"), local("127.0.0.2")];
        let decide = |slots: &Slots, peer| {
            let held = |_: usize, client: &Client| Some((client.peer, client.worth_of_slot(false, 0)));
            slots.quota.decide(&slots.holdings(&held), peer)
        };
        for &peer in &peers[..CLIENTS_LOCAL] {
            assert_eq!(decide(&slots, peer), Verdict::Free);
            let socket = Socket::Unix(UnixStream::pair().unwrap().0);
            slots.put(slots.free(), socket, peer, Via::Unix, 0, &mut large);
        }
        for peer in peers {
            assert_eq!(decide(&slots, peer), Verdict::Wait);
        }
        assert_eq!(decide(&slots, local("192.0.2.1")), Verdict::Free);
    }

    #[test]
    fn each_network_has_the_same_work_done_for_it() {
        let (mut slots, mut large) = (Slots::new(CLIENTS), LargeBuffers::default());
        let put = |slots: &mut Slots, large: &mut LargeBuffers, address: &str| {
            let socket = Socket::Unix(UnixStream::pair().unwrap().0);
            let peer = Peer::new(address.parse().unwrap());
            slots.put(slots.free(), socket, peer, Via::Tcp, 0, large);
        };
        put(&mut slots, &mut large, "192.0.2.1");
        assert_eq!(slots.steps(0), STEPS_A_TURN);
        put(&mut slots, &mut large, "192.0.2.1");
        assert_eq!((slots.steps(0), slots.steps(1)), (STEPS_A_TURN, STEPS_A_TURN));
        put(&mut slots, &mut large, "192.0.2.2");
        put(&mut slots, &mut large, "192.0.2.1");
        // 32 in all, 16 for each network.
        assert_eq!([0, 1, 2, 3].map(|slot| slots.steps(slot)), [5, 5, 16, 5]);
        slots.free_up(2, &mut large);
        assert_eq!([0, 1, 3].map(|slot| slots.steps(slot)), [STEPS_A_TURN; 3]);
    }
}
