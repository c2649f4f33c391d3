//! The limited resources: which client gets a slot, a large buffer or a dump, each by its [`Quota`](crate::quota::Quota).

use super::client::{Next, State};
use super::{Server, dumps, input};
use crate::auth::Peer;
use crate::http::Error;
use crate::limits::PAUSE_MS;
use crate::quota::{Holdings, Turn, Verdict};
use crate::stats::Counter;

impl Server {
    fn slot_holdings(&self, now_ms: u64) -> Holdings {
        self.slots.holdings(&|slot, client| {
            Some((client.peer, client.worth_of_slot(self.engine.is_held_back(slot), now_ms)))
        })
    }

    /// Whether a newcomer gets a slot, and whose if none is free.
    pub(super) fn decide_slot(&self, newcomer: Peer, now_ms: u64) -> Verdict {
        self.slots.quota.decide(&self.slot_holdings(now_ms), newcomer)
    }

    /// The next newcomer of the waiting room to get a slot: its place there, and whose slot it gets if none is free.
    pub(super) fn next_newcomer(&self, now_ms: u64) -> Option<(usize, Verdict)> {
        if self.room.is_empty() {
            return None;
        }
        self.room.next(&self.slots.quota, &self.slot_holdings(now_ms))
    }

    /// The slot of the next client to get a large buffer, and whose buffer it gets if none is free.
    pub(super) fn next_body(&self, now_ms: u64) -> Option<(usize, Verdict)> {
        if !self.slots.any_waits_for_buffer() {
            return None;
        }
        // As the buffers count them: by who was given one.
        let holdings =
            self.slots.holdings(&|_, client| Some((client.input.holder()?, client.worth_of_buffer(now_ms))));
        let mut turn = Turn::new(&input::QUOTA, &holdings);
        for (slot, client) in self.slots.taken().filter(|(_, client)| client.waits_for_buffer()) {
            turn.add(slot, client.peer, client.since_ms());
        }
        turn.first()
    }

    /// The slot of the next client to get a dump of its own, and whose dump it gets if none is free. A client that has yet to
    /// take an earlier part of its reply could not go on with a dump, and keeps nobody waiting.
    pub(super) fn next_listing(&self, now_ms: u64) -> Option<(usize, Verdict)> {
        let holdings = self.slots.holdings(&|slot, client| {
            self.streams.has(slot).then(|| (client.peer, client.worth_of_dump(now_ms)))
        });
        let mut turn = Turn::new(&dumps::QUOTA, &holdings);
        for (slot, client) in self.slots.taken().filter(|(_, client)| client.is_flushed()) {
            if let Some(since_ms) = self.engine.waits_for_dump(slot) {
                turn.add(slot, client.peer, since_ms);
            }
        }
        turn.first()
    }

    /// Gives a body that waits for a large buffer one, if it is its turn.
    pub(super) fn enlarge(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some((next, verdict)) = self.next_body(now_ms) else {
            return Next::Wait;
        };
        if next != slot {
            return Next::Wait;
        }
        if let Verdict::Evict(other) = verdict {
            self.evict(other, now_ms);
        }
        self.slots.get_mut(slot).map_or(Next::Wait, |client| client.enlarge(&mut self.large, now_ms))
    }

    /// Gives a call that waits for a dump of its own one, if it is its turn.
    pub(super) fn begin_stream(&mut self, slot: usize, now_ms: u64) {
        if self.engine.waits_for_dump(slot).is_none() {
            return;
        }
        let Some((next, verdict)) = self.next_listing(now_ms) else {
            return;
        };
        if next == slot {
            if let Verdict::Evict(other) = verdict {
                self.evict(other, now_ms);
            }
            self.streams.begin(slot, &mut self.engine, self.poll.registry());
        }
    }

    /// Whether the client in `slot` must leave after this reply, because it holds what another waits for: a large buffer, which
    /// is for one request only; or its slot, where the newcomer is of the same network or of one that would not hold more than
    /// this one even then.
    pub(super) fn is_in_the_way(&self, slot: usize, now_ms: u64) -> bool {
        let Some(client) = self.slots.get(slot) else {
            return false;
        };
        let others_want_buffer = client.input.keeps_large() && self.slots.any_waits_for_buffer();
        if self.room.is_empty() || others_want_buffer {
            return others_want_buffer;
        }
        let holdings = self.slot_holdings(now_ms);
        // As long as a newcomer can have a slot without that, nobody is in the way.
        let (held, sharers) = (holdings.weight(client.peer), client.peer.sharers());
        self.room.next(&self.slots.quota, &holdings).is_none()
            && self.room.peers().any(|peer| peer.sharers() == sharers || held >= holdings.weight(peer) + 2)
    }

    /// Ends a client's connection so that another can have what it holds. A client whose request was not answered is told so.
    pub(super) fn evict(&mut self, slot: usize, now_ms: u64) {
        let Some(client) = self.slots.get_mut(slot) else {
            return;
        };
        if client.is_idle() {
            return self.close(slot);
        }
        self.engine.shared.stats.add(Counter::Deadlines);
        if client.can_be_refused() {
            client.refuse(Error::Busy, now_ms);
            // What does not fit the socket is lost, as is the rest of a reply that has begun.
            client.flush(now_ms);
            self.count_error(Error::Busy);
            return self.leave(slot, now_ms);
        }
        self.close(slot);
    }

    /// A client's time is up. A client whose request was coming in is told so.
    pub(super) fn too_slow(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        // A client that waited for a buffer was not too slow: the daemon had none for it.
        let why = if client.waits_for_buffer() { Error::Busy } else { Error::TooSlow };
        let told = client.can_be_refused();
        match client.state {
            State::Head(_) | State::Body(..) if told => {
                self.engine.shared.stats.add(Counter::Deadlines);
                client.refuse(why, now_ms);
                self.count_error(why);
                Next::Go
            }
            State::Calling { .. } => {
                self.engine.shared.stats.add(Counter::Deadlines);
                Next::Close
            }
            _ => Next::Close,
        }
    }

    /// Frees a slot for others and closes its connection.
    pub(super) fn close(&mut self, slot: usize) {
        self.engine.forget(slot);
        self.streams.end(slot);
        drop(self.slots.free_up(slot, &mut self.large));
    }

    /// Frees a slot for others, and lets its client read what was sent last.
    pub(super) fn leave(&mut self, slot: usize, now_ms: u64) {
        self.engine.forget(slot);
        self.streams.end(slot);
        if let Some((socket, peer)) = self.slots.free_up(slot, &mut self.large) {
            self.linger.add(socket, peer, true, self.poll.registry(), now_ms);
        }
    }

    /// When a newcomer, body or listing that waits may go on, in milliseconds: at `now_ms` if one could at once. Otherwise the
    /// quotas are asked again after a pause, since no event tells that a client has become slow enough to give way.
    pub(super) fn shares_wake_at_ms(&self, now_ms: u64) -> Option<u64> {
        let listings = (0..self.slots.len()).any(|slot| self.engine.waits_for_dump(slot).is_some());
        let bodies = self.slots.any_waits_for_buffer();
        let at_once = self.next_newcomer(now_ms).is_some()
            || (bodies && self.next_body(now_ms).is_some())
            || (listings && self.next_listing(now_ms).is_some());
        if at_once {
            return Some(now_ms);
        }
        (listings || bodies || !self.room.is_empty()).then_some(now_ms + PAUSE_MS)
    }
}
