//! One wanted value: how it is read, and what it is in the end.

use super::{FilterError, Input};
use crate::query::field::{FieldKind, FieldValue};
use crate::query::net::{Net, cut};
use crate::query::words::{UNSET, Words};
use core::fmt;

/// What a value of a flow is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// From the first number to the second.
    Range(u64, u64),
    /// The bits of the second number are those of the first.
    Masked(u32, u32),
    /// At least one of these bits is set.
    AnyBit(u32),
    /// An address in here.
    Net(Net),
    /// An address in here, with this port.
    End(Net, u16),
    /// A text, which stands in the filter's memory.
    Text {
        /// Where it begins.
        start: u16,
        /// Its bytes.
        len: u16,
    },
    /// A part of a text, in any case, which stands in the filter's memory like a whole one.
    Part {
        /// Where it begins.
        start: u16,
        /// Its bytes; never 0.
        len: u16,
    },
}

impl Test {
    /// Whether `value` is what is wanted; `text` is the filter's memory for texts.
    #[inline]
    pub(super) fn passes(&self, value: FieldValue<'_>, text: &[u8]) -> bool {
        match (self, value) {
            (&Test::Range(low, high), FieldValue::Int(v)) => low <= v && v <= high,
            (&Test::Masked(bits, mask), FieldValue::Int(v)) => v & u64::from(mask) == u64::from(bits),
            (&Test::AnyBit(mask), FieldValue::Int(v)) => v & u64::from(mask) != 0,
            (Test::Net(net), FieldValue::Ip(address, v4) | FieldValue::End(address, v4, _)) => {
                net.contains(&address, v4)
            }
            (&Test::End(net, port), FieldValue::End(address, v4, found)) => {
                found == Some(port) && net.contains(&address, v4)
            }
            (&Test::Text { start, len }, FieldValue::Text(v)) => wanted_text(text, start, len) == Some(v),
            (&Test::Part { start, len }, FieldValue::Text(v)) => {
                wanted_text(text, start, len).is_some_and(|part| has_part(v, part))
            }
            _ => false,
        }
    }
}

/// Whether `part` stands in `text`, whatever the case of ASCII letters. A part of no byte stands nowhere.
#[inline(never)]
fn has_part(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// The text of a [`Test::Text`] or a [`Test::Part`].
pub(super) fn wanted_text(text: &[u8], start: u16, len: u16) -> Option<&[u8]> {
    let start = usize::from(start);
    text.get(start..start + usize::from(len))
}

/// What the values of a field are, for a reader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Takes {
    pub(super) kind: FieldKind,
    pub(super) words: Words,
    /// Whether IP versions stand for families: "4" and "6", as the filter text's `family` has them.
    pub(super) versions: bool,
}

impl Takes {
    /// The greatest number.
    pub(super) fn max(&self) -> u64 {
        match self.kind {
            FieldKind::Int(max) => max,
            _ => u64::from(u32::MAX),
        }
    }

    /// Whether the values are numbers, which alone have an order.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.kind, FieldKind::Int(_) | FieldKind::Bits | FieldKind::Id)
    }

    /// Reads one value, which is not a text's.
    pub(super) fn read(&self, input: Input<'_>) -> Result<Test, FilterError> {
        let test = match (self.kind, input) {
            (FieldKind::Text | FieldKind::Part, _) => None,
            (FieldKind::Ipv4 | FieldKind::Ipv6 | FieldKind::Ip, _) => self.read_net(input).map(Test::Net),
            (FieldKind::End, _) => return self.read_end(input),
            (FieldKind::Word, Input::Int(_)) => None,
            (_, Input::Int(number)) => self.fit(number).map(|n| Test::Range(n, n)),
            (_, Input::Text(text)) => return self.read_number(text),
        };
        test.ok_or(FilterError::BadValue)
    }

    fn read_end(&self, input: Input<'_>) -> Result<Test, FilterError> {
        let end = match input {
            Input::Text(text) => endpoint(text),
            Input::Int(_) => None,
        };
        let port = |port: &str| port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()));
        match end {
            Some((net, None)) => Ok(Test::Net(net)),
            Some((net, Some(text))) => Ok(Test::End(net, port(text).ok_or(FilterError::BadValue)?)),
            None => self.read_net(input).map(Test::Net).ok_or(FilterError::BadValue),
        }
    }

    fn read_net(&self, input: Input<'_>) -> Option<Net> {
        let number = match input {
            Input::Int(number) => word(number),
            Input::Text(text) => unsigned(text).and_then(|n| u32::try_from(n).ok()),
        };
        let net = match (number, input) {
            // A number is an IPv4 address, but never where only IPv6 is taken.
            (Some(number), _) => Some(Net::from_u32(number)),
            (None, Input::Text(text)) => Net::parse_range(text),
            (None, Input::Int(_)) => None,
        };
        net.filter(|net| match self.kind {
            FieldKind::Ipv4 => net.is_v4(),
            FieldKind::Ipv6 => !net.is_v4(),
            _ => true,
        })
    }

    /// A client's integer as a number of this kind.
    fn fit(&self, number: i64) -> Option<u64> {
        if self.max() == u64::from(u32::MAX) {
            return word(number).map(u64::from);
        }
        u64::try_from(number).ok().filter(|&n| n <= self.max())
    }

    fn read_number(&self, text: &str) -> Result<Test, FilterError> {
        if self.versions && matches!(text, "4" | "6") {
            let family = if text == "4" { 2 } else { 10 };
            return Ok(Test::Range(family, family));
        }
        if let Some(number) = self.words.number(text) {
            return Ok(self.meaning(number));
        }
        let bad = FilterError::BadValue;
        if self.kind == FieldKind::Word {
            return Err(bad);
        }
        if let Some((value, mask)) = cut(text, b'/').filter(|_| self.kind == FieldKind::Bits) {
            let (value, mask) = masked(value, mask).ok_or(bad)?;
            let fits = value & !mask == 0;
            return if fits { Ok(Test::Masked(value, mask)) } else { Err(FilterError::OutsideMask) };
        }
        let (low, high) = match cut(text, b'-') {
            Some((low, "")) => (quantity(low), Some(self.max())),
            Some((low, high)) => (quantity(low), quantity(high)),
            None => (quantity(text), quantity(text)),
        };
        let (low, high) = (low.ok_or(bad)?, high.ok_or(bad)?);
        if low <= high && high <= self.max() { Ok(Test::Range(low, high)) } else { Err(bad) }
    }

    /// What the number of a word means.
    fn meaning(&self, number: u32) -> Test {
        let bits = number & !UNSET;
        match self.words {
            Words::Status if number != bits => Test::Masked(0, bits),
            Words::Status if !bits.is_power_of_two() => Test::AnyBit(bits),
            Words::Status => Test::Masked(bits, bits),
            _ => Test::Range(number.into(), number.into()),
        }
    }

    /// The word that means the same as `test`.
    pub(super) fn name(&self, test: &Test) -> Option<&'static str> {
        match *test {
            Test::Range(low, high) if low == high && self.words != Words::Status => {
                self.words.name(u32::try_from(low).ok()?)
            }
            Test::Masked(0, bits) if self.words == Words::Status => self.words.name(bits | UNSET),
            // Several bits that all must be set have no word: that of several bits wants any of them.
            Test::Masked(bits, mask) if bits == mask && bits.is_power_of_two() => self.words.name(bits),
            Test::AnyBit(bits) => self.words.name(bits),
            _ => None,
        }
    }
}

/// What is taken, as a part of a sentence.
impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FieldKind::Int(0xff) => "an integer from 0 to 255 or a range such as \"1-17\"",
            FieldKind::Int(0xffff) => "an integer from 0 to 65535 or a range such as \"1024-2048\"",
            FieldKind::Int(0xffff_ffff) | FieldKind::Id => {
                "an unsigned 32-bit integer (also as a decimal or 0x string) or a range such as \"60-3600\" or \"60-\""
            }
            FieldKind::Int(_) => "an unsigned integer or a range such as \"1000-2000\" or \"10M-\"",
            FieldKind::Bits => "an unsigned 32-bit integer, a range, or value/mask such as \"0x100/0xff00\"",
            FieldKind::Ipv4 => {
                "an IPv4 address, a network such as \"192.0.2.0/24\", a range such as \"192.0.2.5-192.0.2.9\", \
                 or an integer in host order"
            }
            FieldKind::Ipv6 => {
                "an IPv6 address, a network such as \"2001:db8::/32\", or a range such as \"2001:db8::5-2001:db8::9\""
            }
            FieldKind::Ip => {
                "an address, a network such as \"192.0.2.0/24\", a range such as \"192.0.2.5-192.0.2.9\", \
                 or an integer (IPv4, host order)"
            }
            FieldKind::End => {
                "an address and a port such as \"192.0.2.1:4000\" or \"[2001:db8::1]:4000\", or an address, a network or a \
                 range alone"
            }
            FieldKind::Text => "a string",
            FieldKind::Word => "",
            FieldKind::Part => "a part of a host's name, a string that is not empty",
        })?;
        let mut before = if self.kind == FieldKind::Word { "one of " } else { ", or one of " };
        for (name, _) in self.words.list() {
            write!(f, "{before}{name}")?;
            before = ", ";
        }
        Ok(())
    }
}

/// The addresses, and the port, of a text that begins with addresses.
pub(super) fn endpoint(word: &str) -> Option<(Net, Option<&str>)> {
    if let Some(net) = Net::parse_range(word) {
        return Some((net, None));
    }
    if let Some((v6, behind)) = word.strip_prefix('[').and_then(|rest| cut(rest, b']')) {
        let host = Net::parse_host(v6).filter(|host| !host.is_v4())?;
        let port = behind.strip_prefix(':');
        return (port.is_some() || behind.is_empty()).then_some((host, port));
    }
    let (v4, port) = cut(word, b':')?;
    Some((Net::parse_host(v4).filter(Net::is_v4)?, Some(port)))
}

/// A 32-bit unsigned number from a client's integer: negative ones are its two's complement, as PHP's encoder sends them.
#[must_use]
pub(crate) fn word(number: i64) -> Option<u32> {
    u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
}

/// An unsigned number from decimal or `0x` digits, without sign or space.
#[must_use]
pub(crate) fn unsigned(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    // It would take a sign.
    u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

/// Value and mask, each an unsigned 32-bit number.
#[must_use]
pub(crate) fn masked(value: &str, mask: &str) -> Option<(u32, u32)> {
    let word = |text| u32::try_from(unsigned(text)?).ok();
    Some((word(value)?, word(mask)?))
}

/// An unsigned number with or without a unit: `k`, `M`, `G` (powers of 1000) or `Ki`, `Mi`, `Gi` (of 1024).
pub(super) fn quantity(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("k", 1000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
    ];
    for (unit, size) in UNITS {
        if let Some(digits) = text.strip_suffix(unit) {
            return unsigned(digits)?.checked_mul(size);
        }
    }
    unsigned(text)
}
