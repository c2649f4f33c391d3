//! What a client's slot, large buffer and dump are worth to those who wait for one: judged by the time that the client has
//! cost, not by what it happens to do at the moment.

use super::client::{Client, State};
use crate::limits::{SERVED_MS, SPENT_MS, STALLED_MS, YIELD_MS};
use crate::quota::Worth;

impl Client {
    /// What its slot is worth to those who wait for one, and for how long it has been of no use, in milliseconds. A login that
    /// is `held_back` costs its slot nothing but time.
    pub(crate) fn worth_of_slot(&self, held_back: bool, now_ms: u64) -> (Worth, u64) {
        let idle_ms = now_ms.saturating_sub(self.moved_ms);
        if self.is_idle() {
            return (if idle_ms >= YIELD_MS { Worth::Idle } else { Worth::Spent }, idle_ms);
        }
        let sum_ms = self.pace.sum_ms(now_ms);
        let stalled = held_back || self.is_stalled(sum_ms, now_ms);
        (self.worth(stalled, !self.is_called(), sum_ms, now_ms), sum_ms)
    }

    /// What its large buffer is worth to those who wait for one, and for how long it has been of no use, in milliseconds.
    pub(crate) fn worth_of_buffer(&self, now_ms: u64) -> (Worth, u64) {
        let sum_ms = self.pace.with_buffer_ms(now_ms);
        (self.worth(sum_ms >= YIELD_MS, false, sum_ms, now_ms), sum_ms)
    }

    /// What the dump of its listing is worth to those who wait for one, and for how long it has been of no use, in
    /// milliseconds.
    pub(crate) fn worth_of_dump(&self, now_ms: u64) -> (Worth, u64) {
        let sum_ms = self.pace.in_call_ms(now_ms);
        (self.worth(self.is_stalled(sum_ms, now_ms), false, sum_ms, now_ms), sum_ms)
    }

    #[inline(never)]
    fn is_stalled(&self, sum_ms: u64, now_ms: u64) -> bool {
        self.pace.still_ms(now_ms) >= YIELD_MS || sum_ms >= STALLED_MS
    }

    fn is_called(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    #[inline(never)]
    fn worth(&self, stalled: bool, unserved: bool, sum_ms: u64, now_ms: u64) -> Worth {
        let served_long = self.is_called() && now_ms.saturating_sub(self.called_ms) >= SERVED_MS;
        match () {
            () if stalled => Worth::Stalled,
            () if unserved || served_long || sum_ms >= SPENT_MS => Worth::Spent,
            () => Worth::Busy,
        }
    }
}
