//! The daemon's own counters: an enum and an array.

use crate::conntrack::kernel::CPU_COUNTERS;

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
    /// Connections deleted.
    Killed = "killed",
    /// Counters of flows that fell: another program has zeroed them.
    AccountingResets = "accounting_resets",
    /// Times when there was no descriptor for a new connection.
    NoDescriptor = "no_descriptor",
}

/// All counters.
#[derive(Debug, Default)]
pub struct Stats {
    counts: [u64; NAMES.len()],
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
