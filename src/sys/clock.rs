//! What time it is, and waiting for another.

use super::check;
use std::mem::MaybeUninit;
use std::time::Instant;

/// Whole milliseconds since then: `Duration::as_millis` would do it in 128 bits.
pub fn since_ms(then: Instant) -> u64 {
    let since = then.elapsed();
    since.as_secs().saturating_mul(1000).saturating_add(since.subsec_millis().into())
}

/// Seconds and nanoseconds of a clock (clock_gettime(2)). `None` if that can't be told.
fn clock(clock: libc::clockid_t) -> Option<(u64, u64)> {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the pointer is to live memory of the type that the call fills.
    check(unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) }).ok()?;
    // SAFETY: all-zero bytes are a valid `timespec`, and the call only puts other numbers there.
    let time = unsafe { time.assume_init() };
    Some((u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?))
}

/// Microseconds of processor time that this process has taken, in the kernel too. `None` if that can't be told.
pub fn cpu_us() -> Option<u64> {
    let (s, ns) = clock(libc::CLOCK_PROCESS_CPUTIME_ID)?;
    Some(s.saturating_mul(1_000_000).saturating_add(ns / 1000))
}

/// Seconds since 1970; 0 before.
pub(crate) fn since_1970_s() -> u64 {
    clock(libc::CLOCK_REALTIME).map_or(0, |(s, _)| s)
}

/// Sleeps for so many milliseconds. (std's way there is almost a kilobyte.)
#[cfg(feature = "shell")]
pub(crate) fn sleep(ms: u64) {
    let began = Instant::now();
    while let Some(left_ms) = ms.checked_sub(since_ms(began)).filter(|left_ms| *left_ms > 0) {
        let left_ms = libc::c_int::try_from(left_ms).unwrap_or(libc::c_int::MAX);
        // SAFETY: an empty list may be a null pointer; the rest are plain numbers.
        unsafe { libc::poll(std::ptr::null_mut(), 0, left_ms) };
    }
}
