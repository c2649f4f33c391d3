//! Numbers as people read them. None of these writes a space, so that a table's cells stay apart.

use crate::out::{Full, Out};
use core::fmt;

/// The prefixes of units, a thousand apart.
const PREFIXES: &[u8] = b"kMGTPE";

/// Writes a number of bytes: `120B`, `1.5kB`, `640MB`.
pub(super) fn put_size(out: &mut Out<'_>, bytes: u64) -> Result<(), Full> {
    put_scaled(out, bytes)?;
    out.put(b"B")
}

/// Writes a number of bytes a second as bits a second: `0`, `12.0kbit/s`.
pub(super) fn put_rate(out: &mut Out<'_>, bytes: u64) -> Result<(), Full> {
    if bytes == 0 {
        return out.put(b"0");
    }
    put_scaled(out, bytes.saturating_mul(8))?;
    out.put(b"bit/s")
}

/// Writes a number with three digits or so, and its prefix. It is rounded down: nothing shall look like more than it is.
fn put_scaled(out: &mut Out<'_>, number: u64) -> Result<(), Full> {
    let (mut whole, mut rest, mut prefixes) = (number, 0, PREFIXES.iter());
    let mut prefix = None;
    while whole >= 1000 {
        (rest, whole) = (whole % 1000, whole / 1000);
        prefix = prefixes.next();
    }
    out.put_u64(whole)?;
    let Some(prefix) = prefix else {
        return Ok(());
    };
    if whole < 100 {
        out.put(b".")?;
        out.put_u64(rest / 100)?;
    }
    out.put(&[*prefix])
}

/// Writes a time in seconds in its two largest units: `59s`, `4m32s`, `3h12m`, `4d23h`.
pub(super) fn put_duration(out: &mut Out<'_>, seconds: u64) -> Result<(), Full> {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let [first, second] = match (days, hours, minutes) {
        (0, 0, 0) => return put_unit(out, seconds, b"s"),
        (0, 0, _) => [(minutes, b"m"), (seconds % 60, b"s")],
        (0, _, _) => [(hours, b"h"), (minutes % 60, b"m")],
        _ => [(days, b"d"), (hours % 24, b"h")],
    };
    put_unit(out, first.0, first.1)?;
    put_unit(out, second.0, second.1)
}

fn put_unit(out: &mut Out<'_>, number: u64, unit: &[u8]) -> Result<(), Full> {
    out.put_u64(number)?;
    out.put(unit)
}

/// Writes a set of bits: `0x100`.
pub(super) fn put_hex(out: &mut Out<'_>, number: u32) -> Result<(), Full> {
    out.put(b"0x")?;
    let digits = (u32::BITS - number.leading_zeros()).div_ceil(4).max(1);
    (0..digits).rev().try_for_each(|at| out.put(&[crate::out::hex_digit((number >> (4 * at)) as u8)]))
}

/// A number with a comma between thousands, for a sentence.
pub(super) struct Grouped(pub(super) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (0, last) => write!(f, "{last}"),
            (thousands, last) => write!(f, "{},{last:03}", Grouped(thousands)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Out<'_>) -> Result<(), Full>) -> String {
        let mut buf = [0; 32];
        let mut out = Out::new(&mut buf);
        write(&mut out).unwrap();
        String::from_utf8(out.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers_are_those_of_people() {
        for (bytes, size, rate) in [
            (0, "0B", "0"),
            (1, "1B", "8bit/s"),
            (999, "999B", "7.9kbit/s"),
            (1000, "1.0kB", "8.0kbit/s"),
            (1999, "1.9kB", "15.9kbit/s"),
            (99_999, "99.9kB", "799kbit/s"),
            (100_000, "100kB", "800kbit/s"),
            (8_200_000_000, "8.2GB", "65.6Gbit/s"),
            (u64::MAX, "18.4EB", "18.4Ebit/s"),
        ] {
            assert_eq!(written(|out| put_size(out, bytes)), size);
            assert_eq!(written(|out| put_rate(out, bytes)), rate);
        }
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (272, "4m32s"),
            (3600, "1h0m"),
            (86_399, "23h59m"),
            (431_999, "4d23h"),
            (u64::from(u32::MAX), "49710d6h"),
        ] {
            assert_eq!(written(|out| put_duration(out, seconds)), text);
        }
        for (number, text) in [(0, "0x0"), (0x100, "0x100"), (u32::MAX, "0xffffffff")] {
            assert_eq!(written(|out| put_hex(out, number)), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Grouped(number).to_string(), text);
        }
    }
}
