//! Limits on guessing passwords: how soon an address may try again, and how much time goes to hashing.
//!
//! Pure: the clock, in milliseconds from any start, is an argument. All memory is one table of fixed size.
//!
//! **An address** that failed n times in a row must wait half a second times 2^(n-1), 32 seconds at most, and is
//! forgotten after ten minutes without a failure. A login that comes too soon is held back if it is a matter of two
//! seconds, and otherwise refused, so that it takes up no slot. A right password forgives up to three failures; more
//! are left to time, or one with an account of their own could wipe out their guesses at another's.
//!
//! **A full table.** The record reused is one that is not being held back; of these the one with the fewest failures,
//! and then the oldest. So one address, which never has more than one record, can't push out any other; to lose a record
//! with 7 failures someone needs 64 networks of their own, each with as many failures. While all 64 are held back,
//! addresses without a record share one more, which holds them back two seconds at most.
//!
//! **Hashing** may take a quarter of the time: each hash is charged with the milliseconds it took, to an account that
//! gains one in four and holds a second's worth. So what a flood of logins can take from other clients is the same on a
//! fast machine and on a slow one. Who finds it empty waits, two seconds at a time, and is never refused for it.

use crate::limits::THROTTLE_ADDRESSES;

use super::Peer;

/// What the first failure costs; each further one doubles it.
const FIRST_DELAY_MS: u64 = 500;
/// Doublings of the delay at most: 32 seconds.
const MAX_DOUBLINGS: u32 = 6;
/// How long an address is remembered after its last failure.
const FORGET_MS: u64 = 600_000;
/// Failures that a right password forgives.
const FORGIVEN: u32 = 3;
/// The longest that a login is held back in its slot; who has to wait longer is refused.
const MAX_WAIT_MS: u64 = 2000;
/// One millisecond of hashing is earned in so many.
const HASH_SHARE: u64 = 4;
/// The time in which all that hashing may use up at once is earned: a second's worth.
const MAX_CREDIT_MS: i64 = 4000;
/// What each hash is charged with at least: a fast one may not be tried without end either.
const MIN_HASH_MS: u64 = 10;
/// An address gets one line in the log in this time.
const LOG_EVERY_MS: u64 = 60_000;
/// Lines in the log for all addresses together: so many at once,
const LOG_LINES: u64 = 10;
/// and then one in this time.
const LOG_LINE_MS: u64 = 6000;

/// What to do with a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Verify it now.
    Go,
    /// Keep it for so many milliseconds, then ask again. At most 2000.
    Wait(u64),
    /// Answer that it is too soon.
    Refuse,
}

/// Whether a failed login is to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// True for the first of a burst, and then once a minute.
    pub log: bool,
    /// With `log`: failures from this address since the last line, this one not counted.
    pub untold: u32,
}

/// What is remembered of one address.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// `None` where the record is free.
    network: Option<Peer>,
    failures: u32,
    last_ms: u64,
    until_ms: u64,
    log_from_ms: u64,
    untold: u32,
}

const FREE: Record =
    Record { network: None, failures: 0, last_ms: 0, until_ms: 0, log_from_ms: 0, untold: 0 };

impl Record {
    /// True if nothing need be remembered of it any more.
    #[inline(never)]
    fn forgotten(&self, now_ms: u64) -> bool {
        self.network.is_none() || now_ms.saturating_sub(self.last_ms) >= FORGET_MS
    }

    /// Counts a failure: at most `max_doublings` of the first delay.
    fn fail(&mut self, now_ms: u64, max_doublings: u32) {
        let delay = FIRST_DELAY_MS << self.failures.min(max_doublings);
        self.failures = self.failures.saturating_add(1);
        self.last_ms = now_ms;
        self.until_ms = now_ms.saturating_add(delay);
    }
}

/// Failed logins by address, and the account of hashing time.
#[derive(Clone, Debug)]
pub struct Throttle {
    records: [Record; THROTTLE_ADDRESSES],
    /// For addresses without a record while the table is full of those that are held back.
    shared: Record,
    /// The account of hashing at `credit_at_ms`, in the milliseconds it takes to earn it; 0 or less after a long hash.
    credit_ms: i64,
    credit_at_ms: u64,
    /// Time up to which lines in the log have been used up; each takes `LOG_LINE_MS`.
    log_used_ms: u64,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle::new()
    }
}

impl Throttle {
    /// One that has seen nothing.
    pub const fn new() -> Throttle {
        Throttle {
            records: [FREE; THROTTLE_ADDRESSES],
            shared: FREE,
            credit_ms: MAX_CREDIT_MS,
            credit_at_ms: 0,
            log_used_ms: 0,
        }
    }

    /// May `peer` have a password verified now? Changes nothing: ask again after a `Wait`, as often as is handy.
    pub fn check(&self, peer: Peer, now_ms: u64) -> Admission {
        let known = self.find(peer, now_ms);
        let until = match known.and_then(|index| self.records.get(index)) {
            Some(record) => record.until_ms,
            None if self.reusable(now_ms).is_none() => self.shared.until_ms,
            None => 0,
        };
        // One above 0 will do: a hash may overdraw the account, or a slow one would never be allowed.
        let hash_wait = u64::try_from(1i64.saturating_sub(self.credit(now_ms))).unwrap_or(0);
        match until.saturating_sub(now_ms) {
            own_wait if own_wait > MAX_WAIT_MS => Admission::Refuse,
            // What others used up of the account is no reason to refuse this one.
            own_wait => match own_wait.max(hash_wait.min(MAX_WAIT_MS)) {
                0 => Admission::Go,
                wait => Admission::Wait(wait),
            },
        }
    }

    /// Charges a verification that took `cost_ms`, whatever came of it.
    pub fn hashed(&mut self, cost_ms: u64, now_ms: u64) {
        let cost = cost_ms.max(MIN_HASH_MS).saturating_mul(HASH_SHARE);
        self.credit_ms = self.credit(now_ms).saturating_sub(i64::try_from(cost).unwrap_or(i64::MAX));
        self.credit_at_ms = now_ms;
    }

    /// Counts a wrong password from `peer`, and says whether to log it.
    pub fn failed(&mut self, peer: Peer, now_ms: u64) -> Report {
        let known = self.find(peer, now_ms);
        let Some(record) = known.or(self.reusable(now_ms)).and_then(|index| self.records.get_mut(index))
        else {
            self.shared.fail(now_ms, MAX_WAIT_MS.ilog2() - FIRST_DELAY_MS.ilog2());
            return report(&mut self.shared, &mut self.log_used_ms, now_ms);
        };
        if known.is_none() {
            *record = Record { network: Some(peer.network()), ..FREE };
        }
        record.fail(now_ms, MAX_DOUBLINGS);
        report(record, &mut self.log_used_ms, now_ms)
    }

    /// Forgives `peer` a few failures, after a right password.
    pub fn succeeded(&mut self, peer: Peer, now_ms: u64) {
        let known = self.find(peer, now_ms).and_then(|index| self.records.get_mut(index));
        if let Some(record) = known.filter(|record| record.failures <= FORGIVEN) {
            *record = FREE;
        }
    }

    /// The index of what is remembered of this peer's network.
    fn find(&self, peer: Peer, now_ms: u64) -> Option<usize> {
        let network = Some(peer.network());
        self.records.iter().position(|record| record.network == network && !record.forgotten(now_ms))
    }

    /// The index of the record that a newcomer would get.
    fn reusable(&self, now_ms: u64) -> Option<usize> {
        let mut least = None;
        for (index, record) in self.records.iter().enumerate() {
            let failures = if record.forgotten(now_ms) { 0 } else { record.failures.saturating_add(1) };
            let rank = (failures, record.last_ms);
            if (failures == 0 || record.until_ms <= now_ms) && least.is_none_or(|(least, _)| rank < least) {
                least = Some((rank, index));
            }
        }
        least.map(|(_, index)| index)
    }

    /// The account of hashing now.
    #[inline(never)]
    fn credit(&self, now_ms: u64) -> i64 {
        let earned = i64::try_from(now_ms.saturating_sub(self.credit_at_ms)).unwrap_or(i64::MAX);
        self.credit_ms.saturating_add(earned).min(MAX_CREDIT_MS)
    }
}

/// Decides whether a failure gets a line in the log, and counts those that don't.
fn report(record: &mut Record, used_ms: &mut u64, now_ms: u64) -> Report {
    // Lines not used earlier can be used now, but only so many.
    let used = (*used_ms).max(now_ms.saturating_sub(LOG_LINES * LOG_LINE_MS));
    let line = used.saturating_add(LOG_LINE_MS) <= now_ms.max(LOG_LINES * LOG_LINE_MS);
    if now_ms < record.log_from_ms || !line {
        record.untold = record.untold.saturating_add(1);
        return Report { log: false, untold: 0 };
    }
    *used_ms = used + LOG_LINE_MS;
    record.log_from_ms = now_ms.saturating_add(LOG_EVERY_MS);
    Report { log: true, untold: std::mem::take(&mut record.untold) }
}
