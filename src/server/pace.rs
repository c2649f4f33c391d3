//! How long a connection has waited for its client: what tells a slow client from one that is being served.

/// The time that went into waiting for a connection's client, be it for the rest of a request or until a part of the reply
/// was taken. It is summed over whole replies and over all requests of the connection: a client that takes each buffer just
/// in time is slow all the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Since when the client is waited for, in milliseconds; `None` while the daemon works, or nothing is under way.
    since_ms: Option<u64>,
    /// How long it was waited for before that.
    before_ms: u64,
    /// The sum when the call began.
    at_call_ms: u64,
    /// The sum when the connection got its large buffer.
    at_buffer_ms: u64,
}

impl Pace {
    /// From here on the client is waited for.
    #[inline(never)]
    pub(crate) fn wait(&mut self, now_ms: u64) {
        self.stop(now_ms);
        self.since_ms = Some(now_ms);
    }

    /// The client has done what it was waited for.
    #[inline(never)]
    pub(crate) fn stop(&mut self, now_ms: u64) {
        self.before_ms = self.sum_ms(now_ms);
        self.since_ms = None;
    }

    /// A call begins.
    pub(crate) fn mark_call(&mut self, now_ms: u64) {
        self.at_call_ms = self.sum_ms(now_ms);
    }

    /// The connection has got a large buffer.
    pub(crate) fn mark_buffer(&mut self, now_ms: u64) {
        self.at_buffer_ms = self.sum_ms(now_ms);
    }

    /// Since when the client is waited for, in milliseconds.
    pub(crate) fn since_ms(&self) -> Option<u64> {
        self.since_ms
    }

    /// For how long it has been waited for now, in milliseconds.
    pub(crate) fn still_ms(&self, now_ms: u64) -> u64 {
        self.since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }

    /// For how long in all, in milliseconds.
    #[inline(never)]
    pub(crate) fn sum_ms(&self, now_ms: u64) -> u64 {
        self.before_ms.saturating_add(self.still_ms(now_ms))
    }

    /// For how long since the call began.
    pub(crate) fn in_call_ms(&self, now_ms: u64) -> u64 {
        self.sum_ms(now_ms).saturating_sub(self.at_call_ms)
    }

    /// For how long since the connection got its large buffer.
    pub(crate) fn with_buffer_ms(&self, now_ms: u64) -> u64 {
        self.sum_ms(now_ms).saturating_sub(self.at_buffer_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_adds_up() {
        let mut pace = Pace::default();
        pace.wait(100);
        assert_eq!((pace.still_ms(150), pace.sum_ms(150)), (50, 50));
        pace.stop(200);
        assert_eq!((pace.since_ms(), pace.still_ms(900), pace.sum_ms(900)), (None, 0, 100));
        pace.mark_buffer(900);
        pace.wait(1000);
        pace.mark_call(1030);
        assert_eq!((pace.still_ms(1040), pace.sum_ms(1040)), (40, 140));
        assert_eq!((pace.in_call_ms(1040), pace.with_buffer_ms(1040)), (10, 40));
        // It was waited for without a break: another buffer begins.
        pace.wait(1050);
        assert_eq!((pace.still_ms(1050), pace.sum_ms(1050)), (0, 150));
    }
}
