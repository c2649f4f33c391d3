//! The waiting room: newcomers for whom there is no slot yet. Each costs a descriptor; what it sends stays in the kernel.

use super::listen::Socket;
use super::turn::First;
use crate::auth::Peer;
use crate::http::Via;
use crate::limits::{ROOM_MS, WAITING_PER_ADDRESS, WAITING_ROOM};
use crate::quota::{Holding, Holdings, Quota, Turn, Verdict, Worth};
use heapless::Vec;

/// A connection that was accepted and has no slot.
pub(crate) struct Newcomer {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    pub(crate) via: Via,
    /// When it came, in milliseconds.
    pub(crate) since_ms: u64,
}

/// The waiting room.
pub(crate) struct Room {
    waiting: Vec<Newcomer, WAITING_ROOM>,
    quota: Quota,
}

impl Room {
    /// An empty room for at most `most` newcomers, for which there are descriptors.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(WAITING_ROOM);
        let share = (most - most / 4).min(WAITING_PER_ADDRESS);
        Room { waiting: Vec::new(), quota: Quota::new(most, share) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a newcomer in. Where the room, or the share of its network, is full, one newcomer must be refused, and is given
    /// back: this one, or the last to come of the network that has most in the room.
    pub(crate) fn add(&mut self, newcomer: Newcomer, now_ms: u64) -> Option<Newcomer> {
        let mut holdings = Holdings::default();
        for (key, waits) in self.waiting.iter().enumerate() {
            // The newcomer that came last has the longest still to wait, and loses least if it is refused.
            let useless_ms = ROOM_MS.saturating_sub(now_ms.saturating_sub(waits.since_ms));
            holdings.add(Holding { key, peer: waits.peer, worth: Worth::Spent, useless_ms });
        }
        let refused = match self.quota.decide(&holdings, newcomer.peer) {
            Verdict::Wait => return Some(newcomer),
            Verdict::Evict(at) => self.take(at),
            Verdict::Free => None,
        };
        self.waiting.push(newcomer).err().or(refused)
    }

    /// Takes a newcomer out.
    pub(crate) fn take(&mut self, at: usize) -> Option<Newcomer> {
        (at < self.waiting.len()).then(|| self.waiting.swap_remove(at))
    }

    /// Takes out a newcomer that has waited for [`ROOM_MS`], if there is one.
    pub(crate) fn expired(&mut self, now_ms: u64) -> Option<Newcomer> {
        let at = self.waiting.iter().position(|waits| waits.since_ms + ROOM_MS <= now_ms)?;
        self.take(at)
    }

    /// The newcomer whose turn it is to get a part of what is held: the place that [`Room::take`] takes, and the verdict on it.
    pub(crate) fn next(&self, quota: &Quota, holdings: &Holdings) -> Option<(usize, Verdict)> {
        let mut turn = Turn::new(quota, holdings);
        for (at, waits) in self.waiting.iter().enumerate() {
            turn.add(at, waits.peer, waits.since_ms);
        }
        turn.first()
    }

    /// Who waits.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.waiting.iter().map(|waits| waits.peer)
    }

    /// When the next newcomer will have waited for [`ROOM_MS`].
    pub(super) fn wake(&self, first: &mut First) {
        self.waiting.iter().for_each(|waits| first.add(Some(waits.since_ms + ROOM_MS)));
    }
}
