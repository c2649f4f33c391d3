//! A table kept as it was: autorefresh off.
//!
//! Flows are recorded one after the other in an arena that is reserved once, at [`SNAPSHOT_FLOW_BYTES`] bytes for each flow that
//! must fit. What is mostly the same is left out (a reply tuple that mirrors the original one), small numbers are short.
//! An IPv4 connection with NAT and counters is about 60 bytes.
//!
//! Of the bytes of each flow one is for a table of bits that tells at once of nearly every id that no record has it. Without
//! it each kill of a connection that is newer than the snapshot would walk all of the arena.

mod record;

use crate::conntrack::flow::Flow;
use crate::conntrack::target::Target;
use crate::limits::SNAPSHOT_FLOW_BYTES;

/// The snapshot has no room for another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Flows in the order in which the kernel gave them.
#[derive(Debug)]
pub struct Snapshot {
    /// The bits for ids, `most` bytes, then the records.
    arena: Vec<u8>,
    flows: usize,
    most: usize,
    /// Where the last record that was looked for begins.
    found: usize,
    /// Records looked at to find one.
    #[cfg(test)]
    visited: usize,
}

impl Snapshot {
    /// An empty snapshot with room for `most` flows; `None` if there is no memory for it. This is its one allocation;
    /// dropping it gives all back.
    #[must_use]
    pub fn reserve(most: usize) -> Option<Self> {
        let mut arena = Vec::new();
        arena.try_reserve_exact(most.saturating_mul(SNAPSHOT_FLOW_BYTES)).ok()?;
        arena.resize(most, 0);
        Some(Snapshot {
            arena,
            flows: 0,
            most,
            found: most,
            #[cfg(test)]
            visited: 0,
        })
    }

    /// Forgets all flows, keeps the room.
    pub fn clear(&mut self) {
        self.arena.truncate(self.most);
        self.arena.fill(0);
        (self.flows, self.found) = (0, self.most);
    }

    /// Flows recorded and not killed since.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows
    }

    /// Records a flow that was read in full.
    ///
    /// # Errors
    /// [`NoRoom`]; the snapshot then is as before.
    pub fn push(&mut self, flow: &Flow) -> Result<(), NoRoom> {
        let record = record::write(flow);
        let bytes = record.bytes().ok_or(NoRoom)?;
        if self.flows == self.most || self.arena.capacity() - self.arena.len() < bytes.len() {
            return Err(NoRoom);
        }
        self.arena.extend_from_slice(bytes);
        self.flows += 1;
        if let Some(id) = flow.id {
            self.check(id, true);
        }
        Ok(())
    }

    /// Whether an id may have been recorded; `now` it is. Three bits stand for each (a Bloom filter). They are made of the
    /// id, which is a hash: any part of it is as good as any other.
    #[inline(never)]
    fn check(&mut self, id: u32, now: bool) -> bool {
        let mut known = true;
        for turn in [0, 11, 22] {
            let hash = id.rotate_left(turn);
            let at = (hash as usize / 8).checked_rem(self.most);
            let Some(byte) = at.and_then(|at| self.arena.get_mut(at)) else {
                return false;
            };
            let bit = 1 << (hash % 8);
            known &= *byte & bit != 0;
            *byte |= if now { bit } else { 0 };
        }
        known
    }

    /// The first flow at or after `at`, and where the next one begins. `None` at the end. Start with 0.
    #[must_use]
    pub fn read(&self, at: usize) -> Option<(Flow, usize)> {
        let mut at = at.max(self.most);
        loop {
            let record = record::first(self.arena.get(at..)?)?;
            at += record.len();
            if let Some(flow) = record::read(record) {
                return Some((flow, at));
            }
        }
    }

    /// Takes the flow out that `target` names, if it is there.
    pub fn kill(&mut self, target: &Target) {
        if let Some(record) = self.find(target) {
            record::kill(record);
            self.flows -= 1;
        }
    }

    /// Puts what a change was about, mark, timeout or bits to be added to the status, into the record of the flow that
    /// `target` names, if it is there.
    pub fn update(&mut self, target: &Target, changed: &Flow) {
        if let Some(record) = self.find(target) {
            record::update(record, changed);
        }
    }

    /// The record of the flow that `target` names; others may share its id. Those who look for many do so in the order of a
    /// dump, which is the arena's: so each is looked for from where the last one was, to the end and then from the
    /// beginning.
    fn find(&mut self, target: &Target) -> Option<&mut [u8]> {
        if !self.check(target.id(), false) {
            return None;
        }
        for part in [self.found..self.arena.len(), self.most..self.found] {
            let mut at = part.start;
            while at < part.end {
                let record = record::first(self.arena.get(at..)?)?;
                let end = at + record.len();
                #[cfg(test)]
                {
                    self.visited += 1;
                }
                if record::is(record, target) {
                    self.found = at;
                    return self.arena.get_mut(at..end);
                }
                at = end;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conntrack::flow::{Counters, Tuple, mapped};
    use crate::conntrack::uapi::AF_INET;

    fn flow(id: u32) -> Flow {
        let (src, dst) = (mapped([192, 0, 2, 1]), mapped([192, 0, 2, 2]));
        let orig = Tuple { src, dst, l3proto: AF_INET, ..Tuple::default() };
        Flow { id: Some(id), orig: Some(orig), ..Flow::default() }
    }

    fn target(id: u32) -> Target {
        Target::of(&flow(id)).expect("tuple and id")
    }

    #[test]
    fn the_arena_never_grows() {
        let orig = Tuple { zone: Some(3), ..Tuple::default() };
        let counters = Some(Counters { packets: u64::MAX, bytes: u64::MAX });
        let long =
            Flow { orig: Some(orig), orig_counters: counters, repl_counters: counters, ..Flow::default() };
        let mut snapshot = Snapshot::reserve(10).expect("memory");
        let room = snapshot.arena.capacity();
        let fitted = (0..20).take_while(|_| snapshot.push(&long).is_ok()).count();
        assert!((1..10).contains(&fitted), "{fitted}");
        assert_eq!(snapshot.arena.capacity(), room);
        snapshot.clear();
        for _ in 0..10 {
            assert_eq!(snapshot.push(&Flow::default()), Ok(()));
        }
        assert_eq!(snapshot.push(&Flow::default()), Err(NoRoom));
    }

    #[test]
    fn kills_and_changes_reach_the_record() {
        let mut snapshot = Snapshot::reserve(4).expect("memory");
        for id in 1..=3 {
            snapshot.push(&Flow { mark: Some(0), ..flow(id) }).expect("room");
        }
        snapshot.push(&Flow::default()).expect("room");
        for id in [2, 2, 77, 0] {
            snapshot.kill(&target(id));
        }
        snapshot.update(&target(3), &Flow { mark: Some(5), timeout: Some(9), ..Flow::default() });
        assert_eq!(snapshot.flows(), 3);
        let (first, next) = snapshot.read(0).expect("one");
        let (second, end) = snapshot.read(next).expect("three");
        assert_eq!((first.id, second.id), (Some(1), Some(3)));
        assert_eq!(
            (second.mark, second.timeout),
            (Some(5), Some(9)),
            "one that was there and one that was not"
        );
        let (without_id, end) = snapshot.read(end).expect("the last");
        assert_eq!(without_id, Flow::default());
        assert!(snapshot.read(end).is_none());
    }

    /// Kills come in the order of a dump, which is the arena's: each finds its record next to the last one.
    #[test]
    fn many_kills_walk_the_arena_once() {
        let n = 10_000;
        let mut snapshot = Snapshot::reserve(n).expect("memory");
        let fill = |snapshot: &mut Snapshot| {
            for id in 0..n as u32 {
                snapshot.push(&flow(id.wrapping_mul(0x9E37_79B1))).expect("room");
            }
        };
        fill(&mut snapshot);
        // Twice, so that the second round begins where the first one ended.
        for odd in [0, 1] {
            snapshot.visited = 0;
            for id in (odd..n as u32).step_by(2) {
                snapshot.kill(&target(id.wrapping_mul(0x9E37_79B1)));
            }
            assert!(snapshot.visited <= 3 * n, "{} records for {} kills", snapshot.visited, n / 2);
        }
        assert_eq!(snapshot.flows(), 0);
        // What is gone is looked for everywhere, once, and the next one is found where it is.
        snapshot.clear();
        fill(&mut snapshot);
        snapshot.kill(&target(9_999_u32.wrapping_mul(0x9E37_79B1)));
        snapshot.visited = 0;
        snapshot.kill(&target(9_999_u32.wrapping_mul(0x9E37_79B1)));
        assert_eq!(snapshot.visited, n);
        snapshot.kill(&target(0));
        assert_eq!(snapshot.flows(), n - 2, "in front of the last one that was found");
    }

    /// What is newer than the snapshot is mostly known not to be there without a look at any record.
    #[test]
    fn few_kills_of_others_walk_the_arena() {
        let n: u32 = 4_000;
        // Ids are keyed hashes: mixed well enough to stand for such.
        let mix =
            |nth: u32| (nth.wrapping_mul(0x9E37_79B1) ^ nth >> 3).wrapping_mul(0x85EB_CA6B).rotate_left(13);
        let mut snapshot = Snapshot::reserve(n as usize).expect("memory");
        for round in 0..2 {
            (0..n).for_each(|nth| snapshot.push(&flow(mix(2 * nth + round))).expect("room"));
            snapshot.visited = 0;
            (0..n).for_each(|nth| snapshot.kill(&target(mix(2 * nth + 1 - round))));
            let walks = snapshot.visited as u32 / n;
            assert!((n / 100..n / 20).contains(&walks), "{walks} of {n}");
            assert_eq!(snapshot.flows(), n as usize);
            snapshot.clear();
        }
    }
}
