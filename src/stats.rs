//! The daemon's own counters: an enum and an array.

use crate::conntrack::kernel::CPU_COUNTERS;
use std::time::Instant;

macro_rules! counters {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])+ $variant,)+ }

        /// The counters' names, in the order of [`Counter`].
        pub const NAMES: &[&str] = &[$($name,)+];
    };
}

counters! {
    /// Connections of clients taken in.
    Accepted = "accepted",
    /// Connections refused for want of a slot.
    NoSlot = "no_slot",
    /// Calls, those inside `system.multicall` each.
    Calls = "calls",
    /// Replies that are faults.
    Faults = "faults",
    /// Requests refused by HTTP.
    HttpErrors = "http_errors",
    /// Clients cut off for being too slow.
    Deadlines = "deadlines",
    /// Wrong logins.
    LoginsRefused = "logins_refused",
    /// Scans of the kernel's table.
    Scans = "scans",
    /// Entries read in them.
    Entries = "entries",
    /// Scans that ended in an error.
    ScanErrors = "scan_errors",
    /// Of these, the ones in which the kernel had no room for its answer.
    NetlinkOverruns = "netlink_overruns",
    /// Connections deleted.
    Killed = "killed",
    /// Counters of flows that fell: another program has zeroed them.
    AccountingResets = "accounting_resets",
    /// Times when there was no descriptor for a new connection.
    NoDescriptor = "no_descriptor",
}

/// What is counted one by one, for the metrics alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Calls, by the place of their procedure in the table of procedures; the last is for names of none.
    Calls,
    /// Faults, by the place of their code among all codes.
    Faults,
    /// Refusals by HTTP, by the place of their status among those of errors.
    HttpErrors,
}

/// What one tally can tell apart.
pub const TALLY_KINDS: usize = 24;

/// All counters.
#[derive(Debug, Default)]
pub struct Stats {
    counts: [u64; NAMES.len()],
    #[cfg(feature = "metrics")]
    tallies: [[u64; TALLY_KINDS]; 3],
    /// Microseconds of work that scans took.
    #[cfg(feature = "metrics")]
    scan_us: u64,
}

impl Stats {
    /// Adds one. A call, since it is asked for in many places.
    #[inline(never)]
    pub fn add(&mut self, counter: Counter) {
        self.add_all(counter, 1);
    }

    /// Adds so many.
    pub fn add_all(&mut self, counter: Counter, events: u32) {
        if let Some(count) = self.counts.get_mut(counter as usize) {
            *count = count.saturating_add(events.into());
        }
    }

    /// Adds one to what `tally` counts in this place; beyond the last, to the last.
    #[cfg_attr(not(feature = "metrics"), allow(unused_variables))]
    #[inline(never)]
    pub fn add_to(&mut self, tally: Tally, place: Option<usize>) {
        #[cfg(feature = "metrics")]
        if let Some(counts) = self.tallies.get_mut(tally as usize) {
            let place = place.unwrap_or(usize::MAX).min(counts.len() - 1);
            if let Some(count) = counts.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Adds time that a scan has worked since `began`.
    #[cfg_attr(not(feature = "metrics"), allow(unused_variables))]
    pub fn add_scan_time(&mut self, began: Instant) {
        #[cfg(feature = "metrics")]
        {
            let took = began.elapsed();
            let us = took.as_secs().saturating_mul(1_000_000).saturating_add(took.subsec_micros().into());
            self.scan_us = self.scan_us.saturating_add(us);
        }
    }

    /// Microseconds of work that scans took.
    #[cfg(feature = "metrics")]
    pub(crate) fn scan_us(&self) -> u64 {
        self.scan_us
    }

    /// What a tally has counted in this place; with `None` in the last.
    #[cfg(feature = "metrics")]
    pub(crate) fn tally(&self, tally: Tally, place: Option<usize>) -> u64 {
        let counts = self.tallies.get(tally as usize);
        let count = counts.and_then(|counts| counts.get(place.unwrap_or(counts.len() - 1)));
        count.copied().unwrap_or_default()
    }

    /// One counter.
    #[cfg(feature = "metrics")]
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.counts.get(counter as usize).copied().unwrap_or_default()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.iter().copied().zip(self.counts)
    }
}

/// The kernel's counters by attribute number (`CTA_STATS_*`), under the names that `conntrack -S` gives them. Those that
/// the kernel no longer counts have no name.
pub const KERNEL_NAMES: [&str; CPU_COUNTERS] = [
    "",
    "",
    "found",
    "",
    "invalid",
    "",
    "",
    "",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "error",
    "search_restart",
    "clash_resolve",
    "chaintoolong",
];
