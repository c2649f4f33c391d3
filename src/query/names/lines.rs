//! One line of a file that names hosts.
//!
//! Leases are read in two forms, which the beginning of each line tells apart:
//!
//! | of | a line |
//! |---|---|
//! | dnsmasq | `EXPIRY MAC ADDRESS NAME CLIENT`, for IPv6 `EXPIRY IAID ADDRESS NAME DUID`; no name is `*`; `duid DUID` |
//! | odhcpd | `# INTERFACE DUID IAID NAME EXPIRY ID LENGTH ADDRESS/LENGTH...`, for IPv4 with `ipv4` as IAID; no name is `-` |
//!
//! odhcpd before 2025 puts lines of a hosts file between these, with the same names: they are passed over.

use crate::limits::ONE_NAME_BYTES;
use core::net::IpAddr;

/// A line that is none of its file's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The form of a file's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// That of /etc/hosts: `ADDRESS NAME [ALIAS...]`. The first name is taken.
    Hosts,
    /// That of dnsmasq's leases or odhcpd's.
    Leases,
}

/// What is done with a host's address and its name. [`Malformed`], where the name can't be one, makes its line such.
type Each<'a> = &'a mut dyn FnMut(IpAddr, &[u8]) -> Result<(), Malformed>;

/// Calls `each` with every host that a line names, without its end.
///
/// # Errors
/// [`Malformed`].
pub(crate) fn read(line: &[u8], form: Form, each: Each<'_>) -> Result<(), Malformed> {
    let is_hosts = form == Form::Hosts;
    let text = if is_hosts { line.split(|&b| b == b'#').next().unwrap_or(line) } else { line };
    let mut words = Words(text);
    let Some(first) = words.next() else {
        return Ok(());
    };
    match (first, address(first)) {
        (_, Some(address)) if is_hosts => each(address, words.want()?),
        (b"#", _) if !is_hosts => odhcpd(words, each),
        // The latter is odhcpd's line of a hosts file.
        (b"duid", _) | (_, Some(_)) if !is_hosts => words.want().map(drop),
        _ if !is_hosts && first.iter().all(u8::is_ascii_digit) => {
            words.want()?;
            let address = address(words.want()?).ok_or(Malformed)?;
            match words.want()? {
                b"*" => Ok(()),
                name => each(address, name),
            }
        }
        _ => Err(Malformed),
    }
}

/// The rest of a line, word for word.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// The next word.
    #[inline(never)]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let (word, rest) = rest.split_at_checked(end)?;
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    /// The next word, which must be there.
    fn want(&mut self) -> Result<&'a [u8], Malformed> {
        self.next().ok_or(Malformed)
    }
}

/// Reads a line of odhcpd's behind its `#`. An address with a shorter length is a prefix, which no host has to itself.
fn odhcpd(mut words: Words<'_>, each: Each<'_>) -> Result<(), Malformed> {
    let mut buffer = [0; ONE_NAME_BYTES];
    for _ in 0..3 {
        words.want()?;
    }
    let (name, expiry) = (words.want()?, words.want()?);
    let expiry = expiry.strip_prefix(b"-").unwrap_or(expiry);
    if !expiry.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    words.want()?;
    words.want()?;
    if name == b"-" {
        return Ok(());
    }
    let name = unescape(name, &mut buffer).ok_or(Malformed)?;
    while let Some(word) = words.next() {
        let host = word.strip_suffix(b"/128").or_else(|| word.strip_suffix(b"/32"));
        if let Some(host) = host {
            each(address(host).ok_or(Malformed)?, name)?;
        }
    }
    Ok(())
}

/// The name that a device gave odhcpd, which puts `\xNN` for what no host's name may have, and `broken\x20` before a name with
/// such. `None` if it is too long.
fn unescape<'a>(name: &[u8], buffer: &'a mut [u8; ONE_NAME_BYTES]) -> Option<&'a [u8]> {
    let mut rest = name.strip_prefix(br"broken\x20").unwrap_or(name);
    let mut len = 0;
    while let Some((&first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|&b| char::from(b).to_digit(16));
        let escaped = match (behind.first(), digit(1), digit(2)) {
            (Some(b'x'), Some(high), Some(low)) if first == b'\\' => Some((high << 4 | low) as u8),
            _ => None,
        };
        *buffer.get_mut(len)? = escaped.unwrap_or(first);
        rest = if escaped.is_some() { behind.get(3..)? } else { behind };
        len += 1;
    }
    buffer.get(..len)
}

/// An address, in hosts files also with the interface that it is good for behind a `%`.
fn address(word: &[u8]) -> Option<IpAddr> {
    let word = word.split(|&b| b == b'%').next()?;
    core::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hosts that a line names, as text; `None` for a malformed one.
    fn named(line: &[u8], form: Form) -> Option<Vec<String>> {
        let mut named = vec![];
        let mut each = |address: IpAddr, name: &[u8]| {
            named.push(format!("{address} {}", String::from_utf8_lossy(name)));
            Ok(())
        };
        read(line, form, &mut each).ok().map(|()| named)
    }

    #[track_caller]
    fn names(line: &str, form: Form, expected: &[&str]) {
        let named = named(line.as_bytes(), form).expect("a line of this form");
        assert_eq!(named, expected, "{line}");
    }

    #[test]
    fn leases_of_dnsmasq() {
        let is = |line: &str, expected: &[&str]| names(line, Form::Leases, expected);
        is("1764115200 aa:bb:cc:dd:ee:ff 192.168.1.23 laptop 01:aa:bb:cc:dd:ee:ff", &["192.168.1.23 laptop"]);
        is("0 06-aa:bb:cc:dd:ee:ff 192.168.1.24 tv *", &["192.168.1.24 tv"]);
        is("1764115200 aa:bb:cc:dd:ee:ff 192.168.1.25 * *", &[]);
        is("duid 00:01:00:01:2a:bb:cc:dd", &[]);
        is("1764115200 1234567 fd00::23 laptop 00:01:00:01", &["fd00::23 laptop"]);
        is("1764115200 T1234567 fd00::24 * 00:01:00:01", &[]);
        is("", &[]);
        is(" \t\r", &[]);
        is("1 aa 10.0.0.1 a", &["10.0.0.1 a"]);
        is("1 aa 10.0.0.1 \u{f6}<b>&\"' *\r", &["10.0.0.1 \u{f6}<b>&\"'"]);
    }

    #[test]
    fn leases_of_odhcpd() {
        let is = |line: &str, expected: &[&str]| names(line, Form::Leases, expected);
        is(
            "# br-lan 00030001aabbccddeeff 1 phone 1764115200 23 128 fd00::23/128 2001:db8::23/128",
            &["fd00::23 phone", "2001:db8::23 phone"],
        );
        is("# br-lan aabbccddeeff ipv4 tv 1764115200 c0a80118 32 192.168.1.24/32", &["192.168.1.24 tv"]);
        is("# br-lan aa:bb:cc:dd:ee:ff ipv4 - -1 c0a80118 32 192.168.1.24/32", &[]);
        is("# br-lan 0003 1 router -1 10 60 2001:db8:0:10::/60", &[]);
        is("# br-lan 0003 1 phone 0 23 128", &[]);
        is(r"# br-lan 0003 1 broken\x20Ann\x27s\x20phone -1 23 128 fd00::23/128", &["fd00::23 Ann's phone"]);
        is(r"# br-lan 0003 1 a\xzz\x4 -1 23 128 fd00::23/128", &[r"fd00::23 a\xzz\x4"]);
        is("fd00::23\tphone.lan\tphone", &[]);
    }

    #[test]
    fn lines_of_hosts() {
        let is = |line: &str, expected: &[&str]| names(line, Form::Hosts, expected);
        is("127.0.0.1 localhost", &["127.0.0.1 localhost"]);
        is("  fd00::1\trouter.lan router # ours", &["fd00::1 router.lan"]);
        is("fe80::1%eth0 gateway", &["fe80::1 gateway"]);
        is("# 10.0.0.1 commented", &[]);
        is("10.0.0.1 name#comment", &["10.0.0.1 name"]);
        is("", &[]);
    }

    #[test]
    fn what_is_malformed() {
        for line in [
            "10.0.0.1",
            "10.0.0.1 # no name",
            "10.0.0 name",
            "name 10.0.0.1",
            "10.0.0.1/8 name",
            "1 aa 10.0.0.1 a *",
        ] {
            assert_eq!(named(line.as_bytes(), Form::Hosts), None, "{line}");
        }
        for line in [
            "1764115200",
            "1764115200 aa:bb:cc:dd:ee:ff",
            "1764115200 aa:bb:cc:dd:ee:ff 192.168.1.23",
            "1764115200 aa:bb:cc:dd:ee:ff laptop 192.168.1.23",
            "-1 aa:bb:cc:dd:ee:ff 192.168.1.23 laptop *",
            "lease {",
            "duid",
            "#",
            "# a comment",
            "# br-lan 0003 1 a b 23 128 fd00::23/128",
            "# br-lan 0003 1 phone -1 23",
            "# br-lan 0003 1 phone -1 23 128 fd00:::23/128",
            "# br-lan 0003 1 phone -1 23 128 ten/32",
            "10.0.0.1",
            "\u{fffd}",
        ] {
            assert_eq!(named(line.as_bytes(), Form::Leases), None, "{line}");
        }
        assert_eq!(named(b"\xff\xfe 1 2", Form::Leases), None);
        let long = format!("# l 0 1 {} -1 1 128 ::1/128", "n".repeat(ONE_NAME_BYTES + 1));
        assert_eq!(named(long.as_bytes(), Form::Leases), None);
    }
}
