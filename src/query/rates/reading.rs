//! What a flow had when it was last read, in as few bytes as tell its rate the next time.

use crate::conntrack::flow::{Ends, Rates, Tuple};
use crate::limits::{RATE_FLOW_BYTES, RATE_MS, RATE_OLD_MS};

/// Milliseconds in one step of a stamp: 16 bits of them are 262 seconds.
const STEP_MS: u64 = 4;
/// The shortest time between two readings that tells a rate, in steps; less than [`RATE_MS`], since a second scan does not
/// reach every flow as late as the first one did.
const LEAST_STEPS: u16 = (RATE_MS * 9 / 10 / STEP_MS) as u16;
/// The time in steps after which a reading tells nothing.
const MOST_STEPS: i16 = (RATE_OLD_MS / STEP_MS) as i16;
/// A flow whose place in the table of readings is free has this in place of its first rate.
pub(super) const FREE: u32 = 0;
/// The flow was read once; the second rate is what it promises.
pub(super) const ONCE: u32 = 1;
/// What is added to a rate where it is kept, behind these two.
const KNOWN: u32 = 2;

/// What a flow had when it was last read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) id: u32,
    /// [`FREE`], [`ONCE`], or the rate of the original direction and [`KNOWN`].
    pub(super) orig: u32,
    /// The rate of the reply direction, or what the flow promises.
    pub(super) repl: u32,
    /// A part of a hash of the tuple.
    pub(super) tuple: u16,
    /// When the counters were read, in steps.
    pub(super) stamp: u16,
    /// Bytes of each direction: 48 bits are 281 TB.
    pub(super) bytes: [[u16; 3]; 2],
}

const _: () = assert!(size_of::<Reading>() == RATE_FLOW_BYTES, "what limits.rs says a reading costs");

impl Reading {
    #[inline]
    pub(super) fn is_of(&self, id: u32, tuple: u16) -> bool {
        self.id == id && self.orig != FREE && self.tuple == tuple
    }

    pub(super) fn is_old(&self, now: u16) -> bool {
        self.age(now) > MOST_STEPS
    }

    /// Whether it was read later than `now`: what is read now the kernel has had ready since.
    pub(super) fn is_newer(&self, now: u16) -> bool {
        self.age(now) < 0
    }

    /// In steps. Readings are thrown out long before half of the range is over.
    fn age(&self, now: u16) -> i16 {
        now.wrapping_sub(self.stamp) as i16
    }

    /// Both directions together, of a flow that was read twice.
    pub(super) fn speed(&self) -> u32 {
        self.orig.saturating_sub(KNOWN).saturating_add(self.repl)
    }

    pub(super) fn keep(&mut self, rates: Rates) {
        (self.orig, self.repl) = (rates.orig + KNOWN, rates.repl);
    }

    pub(super) fn rates(&self) -> Option<Rates> {
        (self.orig >= KNOWN).then(|| Rates { orig: self.orig - KNOWN, repl: self.repl })
    }

    /// Takes note of the flow's counters. Gives its rates, and whether a counter fell. With `is_held` rates stay as they are.
    pub(super) fn renew(&mut self, bytes: [u64; 2], now: u16, is_held: bool) -> (Option<Rates>, bool) {
        let [orig, repl] = self.bytes.map(widen);
        let (Some(orig), Some(repl)) = (bytes[0].checked_sub(orig), bytes[1].checked_sub(repl)) else {
            // Whoever zeroes the counters does so for all flows: the fast ones keep their places meanwhile.
            let promise = self.rates().map_or(self.repl, |_| self.speed());
            (self.orig, self.repl) = (ONCE, promise);
            (self.bytes, self.stamp) = (narrow(bytes), now);
            return (None, true);
        };
        let steps = now.wrapping_sub(self.stamp);
        if steps >= LEAST_STEPS && !is_held {
            self.keep(rates([orig, repl], u64::from(steps) * STEP_MS));
            (self.bytes, self.stamp) = (narrow(bytes), now);
        }
        (self.rates(), false)
    }
}

/// The rates of a flow that carried so many bytes in so many milliseconds.
pub(super) fn rates(bytes: [u64; 2], ms: u64) -> Rates {
    let [orig, repl] = bytes.map(|bytes| narrow_rate(bytes.saturating_mul(1000) / ms.max(1)));
    Rates { orig, repl }
}

/// What is faster than can be said is as fast as can be said.
pub(super) fn narrow_rate(rate: u64) -> u32 {
    u32::try_from(rate).unwrap_or(u32::MAX).min(u32::MAX - KNOWN)
}

pub(super) fn stamp(ms: u64) -> u16 {
    (ms / STEP_MS) as u16
}

pub(super) fn narrow(bytes: [u64; 2]) -> [[u16; 3]; 2] {
    bytes.map(|b| [b as u16, (b >> 16) as u16, (b >> 32) as u16])
}

fn widen(bytes: [u16; 3]) -> u64 {
    bytes.iter().rev().fold(0, |wide, &part| wide << 16 | u64::from(part))
}

/// A hash of a tuple, to tell the flow that has an id from the one that had it before.
pub(super) fn hash(tuple: &Tuple) -> u16 {
    let ends = match tuple.ends {
        Ends::None => 0,
        Ends::Ports { src, dst } => u32::from(src) << 16 | u32::from(dst),
        Ends::Icmp { kind, code, id } => u32::from(id) << 16 | u32::from(kind) << 8 | u32::from(code),
    };
    let words = tuple.src.chunks_exact(4).chain(tuple.dst.chunks_exact(4));
    let mix = |hash: u32, word: u32| (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9);
    let mut hash = mix(u32::from(tuple.l4proto), ends);
    for word in words {
        hash = mix(hash, word.first_chunk().map_or(0, |word| u32::from_be_bytes(*word)));
    }
    (hash >> 16) as u16
}
