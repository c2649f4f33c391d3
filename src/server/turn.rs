//! One turn of the loop, and when the next one is due.

use super::Server;
use super::client::Next;
use crate::rpc::World;
use crate::sys;
use std::time::Instant;

/// The first of some times, in milliseconds.
pub(super) struct First(Option<u64>);

impl First {
    /// One more of them, if it is one.
    #[inline(never)]
    pub(super) fn add(&mut self, at_ms: Option<u64>) {
        if let Some(at_ms) = at_ms {
            self.0 = Some(self.0.map_or(at_ms, |first_ms| first_ms.min(at_ms)));
        }
    }
}

impl Server {
    /// Takes one turn. Gives when there is something to do again without an event, in milliseconds: `now_ms` for at once.
    pub(super) fn turn(&mut self, now_ms: u64) -> Option<u64> {
        let began = Instant::now();
        let mut more = self.accept(now_ms);
        self.seat_waiting(now_ms);
        for slot in 0..self.slots.len() {
            more |= self.drive(slot, now_ms);
        }
        self.linger.turn(now_ms);
        more |= self.read_table(began, now_ms);
        self.engine.shared.context.rates.clean(now_ms);
        more |= self.check_logins(now_ms);
        if more { Some(now_ms) } else { self.wakes_at_ms(now_ms) }
    }

    /// Gets a client as far as its steps of this turn go. True if it could go on at once.
    fn drive(&mut self, slot: usize, now_ms: u64) -> bool {
        for _ in 0..self.slots.steps(slot) {
            match self.step(slot, now_ms) {
                Next::Go | Next::Call => {}
                Next::Wait | Next::Enlarge => return false,
                Next::Leave => {
                    self.leave(slot, now_ms);
                    return false;
                }
                Next::Close => {
                    self.close(slot);
                    return false;
                }
            }
        }
        true
    }

    /// Reads slices of the shared scan and of the snapshot: one at least, and as many as fit into the time that the clients
    /// have had since this turn `began`. So the clients have about half of the time, however many they are and whatever
    /// they do. True if there is more to read at once.
    fn read_table(&mut self, began: Instant, now_ms: u64) -> bool {
        let reads = Instant::now();
        let share = reads.duration_since(began);
        loop {
            // What is read is dated as well as can be: rates are had from it.
            let now_ms = now_ms + sys::since_ms(began);
            let mut world = World { kernel: &mut self.control, dump: None, is_unsent: true, now_ms };
            let slice = Instant::now();
            let scanned = self.scan.slice(&mut self.engine, &mut world, self.poll.registry());
            if scanned {
                self.engine.shared.stats.add_scan_time(slice);
            }
            let replayed = self.engine.replay();
            if !(scanned || replayed) || reads.elapsed() >= share {
                return scanned || replayed;
            }
        }
    }

    /// When the call of a client gets further without an event, in milliseconds: one that reads a dump depends on that as well.
    fn call_wakes_at_ms(&self, slot: usize, now_ms: u64) -> Option<u64> {
        let call_ms = self.engine.wakes_at_ms(slot, now_ms);
        if self.engine.reads_dump(slot) { self.streams.wakes_at_ms(slot, now_ms) } else { call_ms }
    }

    /// When something is to be done without an event, in milliseconds: the first of all that wait and of all deadlines.
    fn wakes_at_ms(&self, now_ms: u64) -> Option<u64> {
        let mut first = First(match self.paused_until_ms {
            Some(until_ms) => Some(until_ms),
            None => self.listeners.iter().any(|(_, ready)| *ready).then_some(now_ms),
        });
        for (slot, client) in self.slots.taken() {
            first.add(client.deadline_ms());
            if client.is_flushed() {
                first.add(self.call_wakes_at_ms(slot, now_ms));
            }
        }
        first.add(self.shares_wake_at_ms(now_ms));
        self.room.wake(&mut first);
        self.linger.wake(&mut first, now_ms);
        self.scan.wake(&mut first);
        first.add(self.stop_at_ms);
        first.0
    }
}
