//! When a scan begins.

/// How long a scan may be put off: this part of what the last one took, and so many milliseconds at most.
const PUT_OFF_PART: u64 = 64;
const PUT_OFF_MS: u64 = 16;

/// When a scan begins: a little after the first call asks for it, so that calls which come together share one. Else all but
/// the first would wait for the end of a scan before theirs began. Where a scan is over in no time it is not put off.
#[derive(Debug, Default)]
pub struct Muster {
    began_ms: u64,
    took_ms: u64,
    at_ms: Option<u64>,
}

impl Muster {
    /// Calls wait for a scan; whether it is time for it. If so, it is taken to begin.
    pub fn is_over(&mut self, now_ms: u64) -> bool {
        let wait_ms = (self.took_ms / PUT_OFF_PART).min(PUT_OFF_MS);
        let at_ms = *self.at_ms.get_or_insert(now_ms.saturating_add(wait_ms));
        if now_ms < at_ms {
            return false;
        }
        (self.began_ms, self.at_ms) = (now_ms, None);
        true
    }

    /// No call waits for a scan any more.
    pub fn nobody_waits(&mut self) {
        self.at_ms = None;
    }

    /// The scan that began is over.
    pub fn ended(&mut self, now_ms: u64) {
        self.took_ms = now_ms.saturating_sub(self.began_ms);
    }

    /// When a scan that is put off begins.
    #[must_use]
    pub fn at_ms(&self) -> Option<u64> {
        self.at_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_put_off_by_a_part_of_the_last_one() {
        let mut muster = Muster::default();
        assert!(muster.is_over(5), "nothing is known of a scan yet");
        let mut now_ms = 5;
        for (took_ms, wait_ms) in [(1, 0), (63, 0), (64, 1), (700, 10), (1_000_000, PUT_OFF_MS)] {
            now_ms += took_ms;
            muster.ended(now_ms);
            let begun = muster.is_over(now_ms);
            assert_eq!(begun, wait_ms == 0, "{took_ms}");
            if !begun {
                assert_eq!(muster.at_ms(), Some(now_ms + wait_ms));
                now_ms += wait_ms;
                assert!(!muster.is_over(now_ms - 1), "{took_ms}");
                assert!(muster.is_over(now_ms), "{took_ms}: who comes later does not put it off further");
            }
            assert_eq!(muster.at_ms(), None);
        }
    }

    #[test]
    fn who_leaves_takes_the_wait_along() {
        let mut muster = Muster::default();
        assert!(muster.is_over(0));
        muster.ended(640);
        assert!(!muster.is_over(1000), "put off to 1010");
        muster.nobody_waits();
        assert!(!muster.is_over(1010), "another wait began");
        assert!(muster.is_over(1020));
    }
}
