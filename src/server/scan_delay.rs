//! When a scan begins.

/// How long a scan may be delayed: this part of what the last one took, and so many milliseconds at most.
const DELAY_PART: u64 = 64;
const MOST_DELAY_MS: u64 = 16;

/// Delays a scan a little after the first call asks for it, so that calls which come together share one. Otherwise all but
/// the first would wait for the end of a scan that began before they came. Where a scan takes next to no time it is not
/// delayed.
#[derive(Debug, Default)]
pub(super) struct ScanDelay {
    began_ms: u64,
    took_ms: u64,
    due_ms: Option<u64>,
}

impl ScanDelay {
    /// Calls wait for a scan: whether it is due. If it is, it is taken to begin.
    pub(super) fn is_due(&mut self, now_ms: u64) -> bool {
        let delay_ms = (self.took_ms / DELAY_PART).min(MOST_DELAY_MS);
        // Calls that come later do not delay it further.
        let due_ms = *self.due_ms.get_or_insert(now_ms.saturating_add(delay_ms));
        if now_ms < due_ms {
            return false;
        }
        (self.began_ms, self.due_ms) = (now_ms, None);
        true
    }

    /// No call waits for a scan any more.
    pub(super) fn cancel(&mut self) {
        self.due_ms = None;
    }

    /// The scan that began is over.
    pub(super) fn ended(&mut self, now_ms: u64) {
        self.took_ms = now_ms.saturating_sub(self.began_ms);
    }

    /// When a delayed scan begins, in milliseconds.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_delayed_by_a_part_of_the_last_one() {
        let mut delay = ScanDelay::default();
        assert!(delay.is_due(5), "nothing is known of a scan yet");
        let mut now_ms = 5;
        for (took_ms, delay_ms) in [(1, 0), (63, 0), (64, 1), (700, 10), (1_000_000, MOST_DELAY_MS)] {
            now_ms += took_ms;
            delay.ended(now_ms);
            let begun = delay.is_due(now_ms);
            assert_eq!(begun, delay_ms == 0, "{took_ms}");
            if !begun {
                assert_eq!(delay.due_ms(), Some(now_ms + delay_ms));
                now_ms += delay_ms;
                assert!(!delay.is_due(now_ms - 1), "{took_ms}");
                assert!(delay.is_due(now_ms), "{took_ms}: a call that comes later does not delay it further");
            }
            assert_eq!(delay.due_ms(), None);
        }
    }

    #[test]
    fn a_call_that_leaves_takes_its_delay_along() {
        let mut delay = ScanDelay::default();
        assert!(delay.is_due(0));
        delay.ended(640);
        assert!(!delay.is_due(1000), "delayed until 1010");
        delay.cancel();
        assert!(!delay.is_due(1010), "another delay began");
        assert!(delay.is_due(1020));
    }
}
