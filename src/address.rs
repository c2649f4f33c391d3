//! The text of addresses.
//!
//! Rows hold four addresses each. core's `Display` of `Ipv6Addr` in place of what is here would save 400 bytes of the
//! program, and a row of IPv6 would take 880 ns in place of 490 (x86-64), so the text is written by hand. The tests compare
//! it with core's.

use crate::out::{Full, Out, hex_digit};
use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// Bytes of the longest text of an address.
const LONGEST: usize = 39;

/// Appends an address of either family; one of IPv4 stands in the last four bytes.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub(crate) fn put_address(out: &mut Out<'_>, address: &[u8; 16], v4: bool) -> Result<(), Full> {
    let mut buffer = [0; LONGEST];
    let mut text = Out::new(&mut buffer);
    if v4 { put_ipv4(&mut text, address) } else { put_ipv6(&mut text, address) }?;
    out.put(text.as_bytes())
}

/// Appends an address, as [`put_address`] does, and a port where there is one: `192.0.2.1:4000`, `[2001:db8::1]:4000`.
///
/// # Errors
/// [`Full`]; then a part of it may be written.
pub(crate) fn put_end_point(
    out: &mut Out<'_>,
    address: &[u8; 16],
    v4: bool,
    port: Option<u16>,
) -> Result<(), Full> {
    let Some(port) = port else {
        return put_address(out, address, v4);
    };
    let (open, close): (&[u8], &[u8]) = if v4 { (b"", b":") } else { (b"[", b"]:") };
    out.put(open)?;
    put_address(out, address, v4)?;
    out.put(close)?;
    out.put_u64(port.into())
}

/// Appends the network of the leading bits of an address: `192.0.2.0/24`.
///
/// # Errors
/// [`Full`]; then a part of it may be written.
pub(crate) fn put_network(out: &mut Out<'_>, address: &[u8; 16], v4: bool, bits: u32) -> Result<(), Full> {
    put_address(out, address, v4)?;
    out.put(b"/")?;
    out.put_u64(bits.into())
}

/// Appends the last four bytes of an address as a dotted quad.
fn put_ipv4(out: &mut Out<'_>, address: &[u8; 16]) -> Result<(), Full> {
    let mut before: &[u8] = b"";
    for &octet in address.iter().skip(12) {
        out.put(before)?;
        out.put_u64(octet.into())?;
        before = b".";
    }
    Ok(())
}

/// Appends an IPv6 address: lower case, no leading zeros, the first longest run of at least two zero groups as `::`, an
/// IPv4-mapped one with its dotted quad (RFC 5952, sections 4 and 5).
fn put_ipv6(out: &mut Out<'_>, address: &[u8; 16]) -> Result<(), Full> {
    if address.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) {
        out.put(b"::ffff:")?;
        return put_ipv4(out, address);
    }
    let mut groups = [0; 8];
    for (group, pair) in groups.iter_mut().zip(address.chunks_exact(2)) {
        *group = pair.iter().fold(0_u16, |sum, &b| sum << 8 | u16::from(b));
    }
    let zeros = longest_zeros(&groups);
    for (i, &group) in groups.iter().enumerate() {
        if zeros.contains(&i) {
            // The run's first group writes it; the group behind it then needs no colon.
            out.put(if i == zeros.start { b"::" } else { b"" })?;
            continue;
        }
        out.put(if i == 0 || i == zeros.end { b"" } else { b":" })?;
        put_group(out, group)?;
    }
    Ok(())
}

/// The first longest run of at least two zero groups; an empty range behind the last group where there is none.
fn longest_zeros(groups: &[u16; 8]) -> core::ops::Range<usize> {
    let mut best = 8..8;
    let mut start = 0;
    for (i, &group) in groups.iter().enumerate() {
        if group != 0 {
            start = i + 1;
        } else if i + 1 - start > best.len().max(1) {
            best = start..i + 1;
        }
    }
    best
}

/// Appends a group in lower-case hexadecimal without leading zeros.
fn put_group(out: &mut Out<'_>, group: u16) -> Result<(), Full> {
    let digits = [12, 8, 4, 0].map(|shift| hex_digit((group >> shift) as u8));
    let leading = (group.leading_zeros() / 4).min(3) as usize;
    out.put(digits.get(leading..).unwrap_or_default())
}

/// The longest address and port as text: one of IPv6 with a zone, `[ADDRESS%ZONE]:PORT`.
const TEXT_BYTES: usize = 1 + LONGEST + 1 + 10 + 2 + 5;

/// An address in a sentence. (With core's `Display` of addresses the program would have two ways to write them, which is three
/// kilobytes.)
pub(crate) struct ShownAddress(pub(crate) IpAddr);

/// An address and a port in a sentence.
pub(crate) struct ShownEnd<'a>(pub(crate) &'a SocketAddr);

impl fmt::Display for ShownAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &|out| put_ip(out, self.0))
    }
}

impl fmt::Display for ShownEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &|out| {
            let zone = match self.0 {
                SocketAddr::V4(_) => 0,
                SocketAddr::V6(end) => end.scope_id(),
            };
            let v6 = self.0.is_ipv6();
            out.put(if v6 { b"[" } else { b"" })?;
            put_ip(out, self.0.ip())?;
            if zone != 0 {
                out.put(b"%")?;
                out.put_u64(zone.into())?;
            }
            out.put(if v6 { b"]:" } else { b":" })?;
            out.put_u64(self.0.port().into())
        })
    }
}

fn put_ip(out: &mut Out<'_>, address: IpAddr) -> Result<(), Full> {
    let (bytes, v4) = match address {
        IpAddr::V4(address) => (address.to_ipv6_mapped().octets(), true),
        IpAddr::V6(address) => (address.octets(), false),
    };
    put_address(out, &bytes, v4)
}

fn show(f: &mut fmt::Formatter<'_>, put: &dyn Fn(&mut Out<'_>) -> Result<(), Full>) -> fmt::Result {
    let mut buffer = [0; TEXT_BYTES];
    let mut out = Out::new(&mut buffer);
    put(&mut out).map_err(|Full| fmt::Error)?;
    f.write_str(core::str::from_utf8(out.as_bytes()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The text, which is written whole or, into anything smaller, not at all.
    fn written(longest: usize, write: impl Fn(&mut Out<'_>) -> Result<(), Full>) -> String {
        let mut text = String::new();
        for size in 0..=longest {
            let mut buf = vec![0; size];
            let mut out = Out::new(&mut buf);
            match write(&mut out) {
                Ok(()) => text = String::from_utf8(out.as_bytes().to_vec()).unwrap(),
                Err(Full) => assert!(out.is_empty() && text.is_empty(), "{size}"),
            }
        }
        text
    }

    fn ipv6(address: Ipv6Addr) -> String {
        written(LONGEST, |out| put_address(out, &address.octets(), false))
    }

    #[test]
    fn ipv6_is_written_as_core_writes_it() {
        for address in [
            "::",
            "::1",
            "1::",
            "2001:db8::",
            "::ffff:192.0.2.1",
            "::ffff:0.0.0.0",
            "::192.0.2.1",
            "::ffff:0:1:2",
            "fe80::1:0:0:1",
            "2001:db8:0:1:1:1:1:1",
            "2001:0:0:1:0:0:0:1",
            "1:0:0:2:0:0:3:4",
            "64:ff9b::c000:201",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let parsed: Ipv6Addr = address.parse().unwrap();
            assert_eq!(ipv6(parsed), parsed.to_string(), "{address}");
        }
        // Every pattern of zero groups, with groups of each length of hexadecimal digits.
        for pattern in 0..=255_u16 {
            for group in [1, 0x20, 0x300, 0x4000, 0xffff] {
                let groups: [u16; 8] = std::array::from_fn(|i| if pattern >> i & 1 == 1 { group } else { 0 });
                let address = Ipv6Addr::from(groups);
                assert_eq!(ipv6(address), address.to_string());
            }
        }
        let mut state = 0x0123_4567_89ab_cdef_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mixed = u128::from(state) << 64 | u128::from(state.rotate_left(23) ^ state >> 7);
            let address = Ipv6Addr::from(mixed);
            assert_eq!(ipv6(address), address.to_string());
        }
    }

    #[test]
    fn ipv4_is_written_as_core_writes_it() {
        for octets in [[0; 4], [255; 4], [1, 20, 0, 9], [10, 100, 99, 199]] {
            let address = Ipv4Addr::from(octets);
            let mapped = address.to_ipv6_mapped().octets();
            assert_eq!(written(15, |out| put_address(out, &mapped, true)), address.to_string());
        }
    }

    #[test]
    fn addresses_and_ends_are_shown_as_core_shows_them() {
        for text in [
            "192.0.2.1:80",
            "[::1]:65535",
            "[fe80::1%7]:8000",
            "[::ffff:192.0.2.1]:1",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        ] {
            let end: SocketAddr = text.parse().unwrap();
            assert_eq!((ShownEnd(&end).to_string(), end.to_string()), (text.to_owned(), text.to_owned()));
            assert_eq!(ShownAddress(end.ip()).to_string(), end.ip().to_string());
        }
    }
}
