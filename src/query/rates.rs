//! How fast flows are: the mean of each direction between two readings of its counters.
//!
//! A reading is dated when its part of the dump was received, since a scan of a large table takes a third of a second. What a
//! flow had then is kept in a table of fixed capacity, which is reserved when rates are first asked for and given back when
//! nobody has asked for a minute. A rate that is not known is absent, never a guess:
//!
//! - A flow that is met for the first time has none, unless the reading before was of the whole table and all of it had a place:
//!   then the flow is younger than that reading, and all that it carried it has carried since.
//! - A counter that fell was zeroed by another program (nlbwmon does so every 30 seconds): the flow begins anew.
//! - An id that another flow has taken over is told apart by the tuple.
//!
//! Where the table has more flows than places, those that move most keep theirs. A flow can stand in any of [`WINDOW`] places;
//! a newcomer that finds all of them taken displaces, in this order, a flow that has ended, one that did not move between its
//! last two readings, one that is read once and promises less, or, where more than half of the window moves, the slowest of
//! these. So a fast flow that was measured is never displaced by one that is not. What a newcomer promises grows with what it has
//! carried so far; it is nothing if the flow's timeout tells that it has been silent: the kernel sets that anew with every
//! packet, so that a flow with less time left than others of its state has not moved for the difference. So that no flow waits
//! for ever behind others that carried more once, each is taken to promise most in one of so many scans, a few at a time.

mod reading;
#[cfg(test)]
mod tests;

use crate::conntrack::flow::{Flow, Rates};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::uapi::*;
use crate::limits::{RATE_GIVEN_BACK_MS, RATE_HELD_MS, RATE_MS, RATE_OLD_MS};
use reading::{FREE, ONCE, Reading, hash, narrow, narrow_rate, rates, stamp};

/// The attributes that a flow must be read with to be metered.
pub(crate) const METERED: u32 = bit(CTA_ID)
    | bit(CTA_TUPLE_ORIG)
    | bit(CTA_COUNTERS_ORIG)
    | bit(CTA_COUNTERS_REPLY)
    | bit(CTA_STATUS)
    | bit(CTA_TIMEOUT)
    | bit(CTA_PROTOINFO);

/// Places in which a flow may stand.
const WINDOW: usize = 32;

/// Milliseconds between two looks for readings that are too old: much less than the range of a stamp.
const SWEEP_MS: u64 = 30_000;

/// A reading of a part of the table, and the first of the readings that led up to it without too long a pause.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    plan: KernelPlan,
    first_ms: u64,
    last_ms: u64,
}

/// What a call that depends on rates has to do before its scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing: its scan is at least the second reading.
    Ready,
    /// A first reading is there: the second one tells rates from this time on, in milliseconds.
    At(u64),
    /// A first reading must be taken.
    Unread,
}

/// The scan that is under way, as far as it is a reading.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    /// Every entry of it is metered.
    of_all: bool,
    plan: KernelPlan,
    began_ms: u64,
    /// A flow found no place.
    is_cut: bool,
    /// Flows that were metered.
    flows: u32,
}

/// The rates of flows.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    readings: Vec<Reading>,
    capacity: usize,
    /// When rates were last asked for, and readings that are too old were last thrown out, in milliseconds.
    asked_ms: u64,
    swept_ms: u64,
    /// The present time in milliseconds.
    now_ms: u64,
    /// Rates stay as they are.
    is_held: bool,
    /// When rates last changed.
    renewed_ms: u64,
    scan: Scan,
    /// When the last reading of the whole table began, of which every flow had a place.
    whole_ms: Option<u64>,
    /// The last reading of all that it was for had no place for some flow.
    is_partial: bool,
    chains: [Option<Chain>; 4],
    /// The longest timeout that a flow of each state has in this scan, and had in the one before.
    longest: [[u32; STATES]; 2],
    /// Counters that fell.
    resets: u32,
    /// Of so many turns it is this one: those flows promise most whose turn it is.
    turns: u32,
    turn: u32,
}

impl Meter {
    /// A meter for so many flows, which has reserved nothing yet.
    pub(crate) fn new(capacity: usize) -> Self {
        Meter { capacity: capacity.max(WINDOW), ..Meter::default() }
    }

    /// Somebody asks for rates at `now_ms`: the memory is reserved if it is not. Without memory for it no rate is known.
    pub(crate) fn ask(&mut self, now_ms: u64) {
        self.asked_ms = now_ms;
        if self.readings.is_empty() && self.readings.try_reserve_exact(self.capacity).is_ok() {
            self.readings.resize(self.capacity, Reading::default());
        }
    }

    /// What is metered from here on was received at `now_ms`.
    #[inline]
    pub(crate) fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Throws out what is too old, from time to time; gives the memory back when nobody has asked for rates for long enough.
    pub(crate) fn clean(&mut self, now_ms: u64) {
        if self.readings.is_empty() || now_ms.saturating_sub(self.swept_ms) < SWEEP_MS {
            return;
        }
        if now_ms.saturating_sub(self.asked_ms) >= RATE_GIVEN_BACK_MS {
            *self = Meter::new(self.capacity);
            return;
        }
        self.swept_ms = now_ms;
        let now = stamp(now_ms);
        for reading in &mut self.readings {
            if reading.is_old(now) {
                reading.orig = FREE;
            }
        }
    }

    /// Counters that fell since this was last asked.
    pub(crate) fn take_resets(&mut self) -> u32 {
        core::mem::take(&mut self.resets)
    }

    /// Whether the last reading, or what was read since it, had no place for some flow that it was for.
    pub(crate) fn is_partial(&self) -> bool {
        self.is_partial || self.scan.is_cut
    }

    /// What a call that depends on the rates of the flows of `plan` has to do first.
    pub(crate) fn readiness(&self, plan: &KernelPlan, now_ms: u64) -> Readiness {
        let of_this = |chain: &&Chain| chain.plan.holds(plan) && chain.is_fresh(now_ms);
        match self.chains.iter().flatten().filter(of_this).min_by_key(|chain| chain.first_ms) {
            Some(chain) if chain.first_ms + RATE_MS <= now_ms => Readiness::Ready,
            Some(chain) => Readiness::At(chain.first_ms + RATE_MS),
            None => Readiness::Unread,
        }
    }

    /// A scan begins. `of_all`: every entry is to be metered. `is_held`: a call is between two passes, and the rates stay what
    /// they are, though not for so long that the next reading would find them too old.
    pub(crate) fn begin(&mut self, of_all: bool, is_held: bool, plan: KernelPlan, now_ms: u64) {
        self.now_ms = now_ms;
        self.is_held = is_held && now_ms.saturating_sub(self.renewed_ms) < RATE_HELD_MS;
        if of_all && !self.is_held {
            self.renewed_ms = now_ms;
        }
        self.scan = Scan { of_all, plan, began_ms: now_ms, is_cut: false, flows: 0 };
        let [this, before] = &mut self.longest;
        (*before, *this) = (*this, [0; STATES]);
    }

    /// The scan came to its end.
    pub(crate) fn end(&mut self) {
        let scan = core::mem::take(&mut self.scan);
        if !scan.of_all || self.is_held {
            return;
        }
        self.is_partial = scan.is_cut;
        // Those whose turn it is take a quarter of the places at the most.
        self.turns = scan.flows / (self.capacity as u32 / 4).max(1) + 1;
        self.turn = (self.turn + 1) % self.turns;
        if scan.plan.is_whole() {
            self.whole_ms = Some(scan.began_ms).filter(|_| !scan.is_cut);
        }
        let is_this = |chain: &&mut Chain| chain.plan.holds(&scan.plan) && scan.plan.holds(&chain.plan);
        let known = self.chains.iter_mut().flatten().find(|c| is_this(c) && c.is_fresh(scan.began_ms));
        if let Some(chain) = known {
            chain.last_ms = scan.began_ms;
            return;
        }
        // The one that was read longest ago makes room.
        if let Some(place) = self.chains.iter_mut().min_by_key(|c| c.map_or(0, |c| c.last_ms)) {
            let (first_ms, last_ms) = (scan.began_ms, scan.began_ms);
            *place = Some(Chain { plan: scan.plan, first_ms, last_ms });
        }
    }

    /// Reads the counters of a flow, at the time that was last set. Gives its rates, if they are known.
    pub(crate) fn meter(&mut self, flow: &Flow) -> Option<Rates> {
        let (id, tuple) = (flow.id?, hash(flow.orig.as_ref()?));
        let bytes = [flow.orig_counters?.bytes, flow.repl_counters?.bytes];
        // A counter beyond what a reading has room for, 281 TB, is not cut.
        if self.readings.is_empty() || bytes.iter().any(|bytes| bytes >> 48 != 0) {
            return None;
        }
        self.note_timeout(flow);
        self.scan.flows = self.scan.flows.saturating_add(1);
        let now = stamp(self.now_ms);
        let found = self.window(id).find(|&at| self.readings.get(at).is_some_and(|r| r.is_of(id, tuple)));
        match found.and_then(|at| self.readings.get_mut(at)) {
            Some(reading) if reading.is_newer(now) => reading.rates(),
            Some(reading) if !reading.is_old(now) => {
                let (rates, fell) = reading.renew(bytes, now, self.is_held);
                self.resets = self.resets.saturating_add(fell.into());
                rates
            }
            _ if self.is_held => None,
            _ => self.take_in(flow, id, tuple, bytes),
        }
    }

    /// The places in which a flow with this id may stand. Ids are keyed hashes: they spread by themselves.
    fn window(&self, id: u32) -> impl Iterator<Item = usize> + use<> {
        let len = self.readings.len();
        let home = ((u64::from(id) * len as u64) >> 32) as usize;
        (0..WINDOW).map(move |step| if home + step < len { home + step } else { home + step - len })
    }

    /// Takes in a flow that is met for the first time.
    fn take_in(&mut self, flow: &Flow, id: u32, tuple: u16, bytes: [u64; 2]) -> Option<Rates> {
        let promise = self.promise(flow, id, bytes);
        let Some(reading) = self.displaced(id, promise).and_then(|at| self.readings.get_mut(at)) else {
            self.scan.is_cut = true;
            return None;
        };
        *reading =
            Reading { id, orig: ONCE, repl: promise, tuple, stamp: stamp(self.now_ms), bytes: narrow(bytes) };
        let age_ms = self.now_ms.checked_sub(self.whole_ms?)?;
        // A flow that was in that reading may have been read for the last time a little before it, and be known no longer.
        if age_ms > RATE_OLD_MS - RATE_MS {
            return None;
        }
        let rates = rates(bytes, age_ms.max(RATE_MS));
        reading.keep(rates);
        Some(rates)
    }

    /// The place, of those that a flow with this id may have, which a newcomer takes that promises so many bytes a second.
    fn displaced(&mut self, id: u32, promise: u32) -> Option<usize> {
        let now = stamp(self.now_ms);
        let (mut moving, mut slowest, mut least) = (0, (u32::MAX, None), (promise, None));
        for at in self.window(id) {
            let reading = self.readings.get(at)?;
            match reading.orig {
                FREE => return Some(at),
                _ if reading.is_old(now) => return Some(at),
                ONCE if reading.repl < least.0 => least = (reading.repl, Some(at)),
                ONCE => {}
                _ => {
                    let speed = reading.speed();
                    moving += usize::from(speed > 0);
                    if speed < slowest.0 {
                        slowest = (speed, Some(at));
                    }
                }
            }
        }
        // Whoever takes the place of another: one flow will be met anew that is not new.
        (self.scan.is_cut, self.whole_ms) = (true, None);
        match slowest {
            (0, at) => at,
            (speed, at) if moving > WINDOW / 2 && speed < promise => at,
            _ => least.1,
        }
    }

    /// Bytes a second that a flow which was never read before may be expected to carry.
    fn promise(&self, flow: &Flow, id: u32, bytes: [u64; 2]) -> u32 {
        if self.is_silent(flow) {
            return 0;
        }
        // The high bits of an id say where it stands, the low ones when it has its turn.
        if (id & 0xffff) % self.turns.max(1) == self.turn && self.turns > 4 {
            return u32::MAX;
        }
        let [orig, repl] = bytes;
        // How old it is nobody knows: all are taken to be about a minute old.
        narrow_rate(orig.saturating_add(repl) / 64)
    }

    fn note_timeout(&mut self, flow: &Flow) {
        let [this, _] = &mut self.longest;
        if let (Some(longest), Some(timeout)) = (state(flow).and_then(|at| this.get_mut(at)), flow.timeout) {
            *longest = timeout.max(*longest);
        }
    }

    /// Whether the time that is left tells that the flow has been silent for some seconds.
    fn is_silent(&self, flow: &Flow) -> bool {
        let (Some(at), Some(timeout)) = (state(flow), flow.timeout) else {
            return false;
        };
        let longest = self.longest.iter().filter_map(|longest| longest.get(at)).max();
        longest.is_some_and(|&longest| timeout.saturating_add(SILENT_S) < longest)
    }
}

impl Chain {
    fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.last_ms) <= RATE_OLD_MS
    }
}

/// Seconds without a packet after which a flow promises nothing.
const SILENT_S: u32 = 5;

/// States between which timeouts differ: of TCP its own, of UDP whether it is assured.
const STATES: usize = 18;

/// The state of a flow for its timeout; `None` where others of its kind have other timeouts, or its own was set by hand.
fn state(flow: &Flow) -> Option<usize> {
    let status = flow.status?;
    if status & IPS_FIXED_TIMEOUT != 0 {
        return None;
    }
    match flow.orig?.l4proto {
        IPPROTO_TCP => flow.tcp_state.map(|state| usize::from(state & 15)),
        IPPROTO_UDP => Some(16 + usize::from(status & IPS_ASSURED != 0)),
        _ => None,
    }
}
