//! What must match: a conjunction of conditions on fields, in fixed memory.
//!
//! A condition has one or more wanted values, any of which will do. Each is an equality, a range (`"1024-2048"`), a value
//! under a mask (`"0x100/0xff00"`), a network (`"192.0.2.0/24"`) or a text, and a `!` in front negates it. A flow
//! without the field never matches, negated or not.

mod kernel;

use super::context::Context;
use super::field::{FieldId, FieldKind, FieldValue};
use super::net::Net;
use crate::conntrack::flow::Flow;
use crate::limits::{ALTERNATIVES, ALTERNATIVES_A_FIELD, CONDITIONS, FILTER_TEXT_BYTES};
use heapless::Vec;

/// A wanted value as a client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

/// Why a filter can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// The value is none that the field takes: [`takes`] says what would be.
    BadValue,
    /// A bit of the value is outside its mask, so that nothing could match.
    OutsideMask,
    /// No wanted value at all: an empty Array.
    Empty,
    /// More wanted values for one field than [`ALTERNATIVES_A_FIELD`].
    TooManyForField,
    /// More than [`CONDITIONS`] fields, [`ALTERNATIVES`] values or [`FILTER_TEXT_BYTES`] of text.
    TooLarge,
}

/// What a filter on a field of this kind takes, as a part of a sentence.
#[must_use]
pub fn takes(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Int(0xff) => "an integer from 0 to 255 or a range such as \"1-17\"",
        FieldKind::Int(0xffff) => "an integer from 0 to 65535 or a range such as \"1024-2048\"",
        FieldKind::Int(0xffff_ffff) | FieldKind::Id => {
            "an unsigned 32-bit integer (also as a decimal or 0x string) or a range such as \"60-3600\""
        }
        FieldKind::Int(_) => "an unsigned integer or a range such as \"1000-2000\"",
        FieldKind::Bits => "an unsigned 32-bit integer, a range, or value/mask such as \"0x100/0xff00\"",
        FieldKind::Ipv4 => "an IPv4 address, a network such as \"192.0.2.0/24\", or an integer in host order",
        FieldKind::Ipv6 => "an IPv6 address or a network such as \"2001:db8::/32\"",
        FieldKind::Ip => "an address, a network such as \"192.0.2.0/24\", or an integer (IPv4, host order)",
        FieldKind::Text => "a string",
    }
}

#[derive(Clone, Copy, Debug)]
enum Test {
    Range(u64, u64),
    Masked(u32, u32),
    Net(Net),
    Text { start: u16, len: u16 },
}

#[derive(Clone, Copy, Debug)]
struct Alternative {
    negated: bool,
    test: Test,
}

#[derive(Clone, Copy, Debug)]
struct Condition {
    field: FieldId,
    first: u8,
    count: u8,
}

/// Conditions that a flow must meet, all of them. The empty filter matches every flow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    conditions: Vec<Condition, CONDITIONS>,
    alternatives: Vec<Alternative, ALTERNATIVES>,
    text: Vec<u8, FILTER_TEXT_BYTES>,
    needs: u32,
}

impl Filter {
    /// A filter that matches every flow.
    #[must_use]
    pub const fn new() -> Self {
        Filter { conditions: Vec::new(), alternatives: Vec::new(), text: Vec::new(), needs: 0 }
    }

    /// Whether it matches every flow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The attributes that a flow must be read with to be judged.
    #[must_use]
    pub fn needs(&self) -> u32 {
        self.needs
    }

    /// Adds a condition on `field`; [`Filter::or`] then adds its wanted values.
    ///
    /// # Errors
    /// [`FilterError::TooLarge`].
    pub fn condition(&mut self, field: FieldId) -> Result<(), FilterError> {
        let first = self.alternatives.len() as u8;
        self.needs |= field.field().needs;
        let condition = Condition { field, first, count: 0 };
        self.conditions.push(condition).map_err(|_| FilterError::TooLarge)
    }

    /// Adds a wanted value to the condition that was added last.
    ///
    /// # Errors
    /// [`FilterError`], when the value can't be read or there is no room.
    pub fn or(&mut self, input: Input<'_>) -> Result<(), FilterError> {
        let Some(condition) = self.conditions.last_mut() else {
            return Err(FilterError::Empty);
        };
        if usize::from(condition.count) == ALTERNATIVES_A_FIELD {
            return Err(FilterError::TooManyForField);
        }
        condition.count += 1;
        let kind = condition.field.field().kind;
        let (negated, input) = match input {
            Input::Text(text) => match text.strip_prefix('!') {
                Some(rest) => (true, Input::Text(rest)),
                None => (false, input),
            },
            Input::Int(_) => (false, input),
        };
        let test = match (kind, input) {
            (FieldKind::Text, Input::Text(text)) => self.keep(text)?,
            (FieldKind::Text, Input::Int(_)) => return Err(FilterError::BadValue),
            (FieldKind::Ipv4 | FieldKind::Ipv6 | FieldKind::Ip, _) => read_net(kind, input)?,
            _ => read_number(kind, input)?,
        };
        let alternative = Alternative { negated, test };
        self.alternatives.push(alternative).map_err(|_| FilterError::TooLarge)
    }

    /// Checks that the condition that was added last has a wanted value.
    ///
    /// # Errors
    /// [`FilterError::Empty`].
    pub fn close(&self) -> Result<(), FilterError> {
        match self.conditions.last() {
            Some(condition) if condition.count == 0 => Err(FilterError::Empty),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, text: &str) -> Result<Test, FilterError> {
        let start = self.text.len() as u16;
        self.text.extend_from_slice(text.as_bytes()).map_err(|_| FilterError::TooLarge)?;
        Ok(Test::Text { start, len: text.len() as u16 })
    }

    /// Whether the flow, read with at least [`Filter::needs`], meets every condition.
    #[must_use]
    #[inline]
    pub fn matches(&self, flow: &Flow, context: &Context) -> bool {
        self.conditions.iter().all(|c| self.meets(c, flow, context))
    }

    /// Whether the flow is one to be shown or acted upon: it is not hidden, and meets every condition. It must have been read
    /// with [`Filter::needs`] and [`Context::needs`].
    #[must_use]
    #[inline]
    pub fn admits(&self, flow: &Flow, context: &Context) -> bool {
        !context.hides(flow) && self.matches(flow, context)
    }

    fn meets(&self, condition: &Condition, flow: &Flow, context: &Context) -> bool {
        let values = condition.field.field().values(flow, context);
        if values.iter().all(Option::is_none) {
            return false;
        }
        self.wanted(condition).iter().any(|alternative| {
            let mut values = values.iter().flatten();
            let found = values.any(|&value| self.passes(&alternative.test, value));
            found != alternative.negated
        })
    }

    fn wanted(&self, condition: &Condition) -> &[Alternative] {
        let first = usize::from(condition.first);
        let range = first..first + usize::from(condition.count);
        self.alternatives.get(range).unwrap_or(&[])
    }

    #[inline]
    fn passes(&self, test: &Test, value: FieldValue<'_>) -> bool {
        match (test, value) {
            (&Test::Range(low, high), FieldValue::Int(v)) => low <= v && v <= high,
            (&Test::Masked(bits, mask), FieldValue::Int(v)) => v & u64::from(mask) == u64::from(bits),
            (Test::Net(net), FieldValue::Ip(address, v4)) => net.contains(&address, v4),
            (&Test::Text { start, len }, FieldValue::Text(v)) => {
                let range = usize::from(start)..usize::from(start) + usize::from(len);
                self.text.get(range) == Some(v)
            }
            _ => false,
        }
    }
}

fn read_net(kind: FieldKind, input: Input<'_>) -> Result<Test, FilterError> {
    let net = match input {
        Input::Int(_) if kind == FieldKind::Ipv6 => None,
        Input::Int(number) => word(number).map(Net::from_u32),
        Input::Text(text) => Net::parse(text).or_else(|| {
            let number = unsigned(text).and_then(|n| u32::try_from(n).ok());
            number.filter(|_| kind != FieldKind::Ipv6).map(Net::from_u32)
        }),
    };
    let fits = |net: &Net| match kind {
        FieldKind::Ipv4 => net.is_v4(),
        FieldKind::Ipv6 => !net.is_v4(),
        _ => true,
    };
    net.filter(fits).map(Test::Net).ok_or(FilterError::BadValue)
}

fn read_number(kind: FieldKind, input: Input<'_>) -> Result<Test, FilterError> {
    let max = match kind {
        FieldKind::Int(max) => max,
        _ => u64::from(u32::MAX),
    };
    let bad = FilterError::BadValue;
    match input {
        Input::Int(number) if max == u64::from(u32::MAX) => {
            let number = word(number).map(u64::from).ok_or(bad)?;
            Ok(Test::Range(number, number))
        }
        Input::Int(number) => {
            let number = u64::try_from(number).ok().filter(|&n| n <= max).ok_or(bad)?;
            Ok(Test::Range(number, number))
        }
        Input::Text(text) => {
            if let Some((value, mask)) = text.split_once('/').filter(|_| kind == FieldKind::Bits) {
                let (value, mask) = masked(value, mask).ok_or(bad)?;
                return if value & !mask == 0 {
                    Ok(Test::Masked(value, mask))
                } else {
                    Err(FilterError::OutsideMask)
                };
            }
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let (low, high) = (unsigned(low).ok_or(bad)?, unsigned(high).ok_or(bad)?);
            if low <= high && high <= max { Ok(Test::Range(low, high)) } else { Err(bad) }
        }
    }
}

/// A 32-bit unsigned number from a client's integer: negative ones are its two's complement, as PHP's encoder sends them.
#[must_use]
pub fn word(number: i64) -> Option<u32> {
    u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
}

/// An unsigned number from decimal or `0x` digits, without sign or space.
#[must_use]
pub fn unsigned(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    let number = digits.chars().try_fold(0_u64, |number, digit| {
        let digit = digit.to_digit(radix)?;
        number.checked_mul(radix.into())?.checked_add(digit.into())
    });
    number.filter(|_| !digits.is_empty())
}

/// Value and mask, each an unsigned 32-bit number.
#[must_use]
pub fn masked(value: &str, mask: &str) -> Option<(u32, u32)> {
    let word = |text| u32::try_from(unsigned(text)?).ok();
    Some((word(value)?, word(mask)?))
}
