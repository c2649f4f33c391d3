//! Values without values inside: what their text must look like, and what it means.
//!
//! The rules are liberal where clients differ and nothing can be misread: white space around numbers, a plus sign,
//! exponents, `true` and `false`, base64 in lines or without its padding, and an `i4` up to 4294967295, which some clients
//! send for an unsigned value.

use super::kind::ValueKind;
use super::text::{Text, TooLong, is_space};
use crate::base64;
use core::ops::RangeInclusive;

/// Bytes of a number that is written with references or comments inside; nobody does, but XML allows it.
const ODD_NUMBER_BYTES: usize = 64;

/// What is wrong with the content of a value by the rules of its type: `name` as the client gave it, without a prefix.
pub(super) fn mistake(name: &str, kind: ValueKind, text: Text<'_>) -> Option<&'static str> {
    match kind {
        ValueKind::Int => check_int(name, text),
        ValueKind::Boolean => boolean(text).is_none().then_some("a boolean is 0 or 1, or false or true"),
        ValueKind::Double => double(text).is_none().then_some(
            "a double is written in decimal, as -1.5 or 2e9, and within the range of 64-bit floating point",
        ),
        ValueKind::Base64 => {
            (!is_base64(text)).then_some("base64 is A-Z, a-z, 0-9, + and /, with = only at the end")
        }
        ValueKind::Nil => text.chars().any(|c| !is_space(c)).then_some("nil holds nothing"),
        ValueKind::String | ValueKind::DateTime | ValueKind::Array | ValueKind::Struct => None,
    }
}

/// The types of integers: name, range, and the sentence where a number is beyond it. The last is any other name's.
const INTS: [(&str, RangeInclusive<i64>, &str); 4] = [
    ("i1", -128..=127, "an i1 is from -128 to 127"),
    ("i2", -32768..=32767, "an i2 is from -32768 to 32767"),
    ("i8", i64::MIN..=i64::MAX, "an i8 is from -9223372036854775808 to 9223372036854775807"),
    (
        "",
        i32::MIN as i64..=u32::MAX as i64,
        "an int or i4 is from -2147483648 to 4294967295: send a larger number as i8 or string",
    ),
];

fn check_int(name: &str, text: Text<'_>) -> Option<&'static str> {
    let (_, range, beyond) = INTS.iter().find(|(known, ..)| known.is_empty() || *known == name)?;
    match parse_int(text) {
        Ok(value) if range.contains(&value) => None,
        Ok(_) | Err(IntError::TooLarge) => Some(beyond),
        Err(IntError::Malformed) => Some("an integer is decimal digits, with an optional sign"),
    }
}

/// The text of a number without white space around it.
fn number<'b>(text: Text<'b>, space: &'b mut [u8]) -> Result<&'b str, TooLong> {
    match text.plain() {
        Some(plain) => Ok(plain),
        None => text.copy_to(space).map(str::trim_ascii),
    }
}

/// Why a text is no integer.
enum IntError {
    /// It is beyond 64 signed bits.
    TooLarge,
    Malformed,
}

fn parse_int(text: Text<'_>) -> Result<i64, IntError> {
    let mut space = [0; ODD_NUMBER_BYTES];
    let number = number(text, &mut space).map_err(|TooLong| IntError::TooLarge)?;
    let (is_negative, digits) = sign(number);
    if digits.is_empty() {
        return Err(IntError::Malformed);
    }
    // What comes first is told: a wrong digit, or one too many.
    let mut number = 0_i64;
    for b in digits.bytes() {
        let digit = i64::from(char::from(b).to_digit(10).ok_or(IntError::Malformed)?);
        let digit = if is_negative { -digit } else { digit };
        let longer = number.checked_mul(10).and_then(|number| number.checked_add(digit));
        number = longer.ok_or(IntError::TooLarge)?;
    }
    Ok(number)
}

/// Whether a number begins with a minus, and what is behind its sign.
fn sign(number: &str) -> (bool, &str) {
    match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    }
}

pub(super) fn int(text: Text<'_>) -> Option<i64> {
    parse_int(text).ok()
}

pub(super) fn boolean(text: Text<'_>) -> Option<bool> {
    let mut space = [0; ODD_NUMBER_BYTES];
    match number(text, &mut space) {
        Ok("0" | "false") => Some(false),
        Ok("1" | "true") => Some(true),
        _ => None,
    }
}

/// Digits that a double's whole part may have: the largest is 1.8e308.
const DOUBLE_DIGITS: i32 = 309;
/// The largest whole number up to which a double tells each from its neighbours.
const WHOLE_MOST: u64 = 1 << 53;

/// What a double is, as far as procedures ask: a number of something, sent by a client that knows no large integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Double {
    /// A whole number, of at most 53 bits beside its sign.
    Whole(i64),
    /// A number with a fraction, or a larger one.
    Other,
}

/// Reads a double, in the grammar of `f64::from_str` without its words. Exact, and without the 19 KiB of tables and code
/// that a conversion to binary takes.
pub(super) fn double(text: Text<'_>) -> Option<Double> {
    let mut space = [0; ODD_NUMBER_BYTES];
    let (is_negative, unsigned) = sign(number(text, &mut space).ok()?);
    let e = unsigned.bytes().position(|b| matches!(b, b'e' | b'E')).unwrap_or(unsigned.len());
    let (mantissa, tail) = unsigned.split_at_checked(e)?;
    let exponent = tail.get(1..).map_or(Some(0), exponent)?;
    let point = mantissa.bytes().position(|b| b == b'.').unwrap_or(mantissa.len());
    // The digits up to the point once the exponent has moved it, and those that were looked at.
    let places = exponent.checked_add(i32::try_from(point).ok()?)?;
    let mut place = 0;
    // What the digits up to the point come to, no further than that is of interest; where the first one stands that is no zero.
    let (mut value, mut first, mut is_whole) = (0_u64, None, true);
    for (at, b) in mantissa.bytes().enumerate() {
        if at == point {
            continue;
        }
        let digit = char::from(b).to_digit(10)?;
        if digit != 0 {
            first = first.or(Some(place));
        }
        if place < places && value <= WHOLE_MOST {
            value = value * 10 + u64::from(digit);
        } else {
            is_whole &= digit == 0;
        }
        place += 1;
    }
    if place == 0 || first.is_some_and(|first| places > DOUBLE_DIGITS + first) {
        return None;
    }
    // Zeros follow; none for a zero, or this would run as often as the exponent says.
    while place < places && value != 0 && value <= WHOLE_MOST {
        value *= 10;
        place += 1;
    }
    if !is_whole || value > WHOLE_MOST {
        return Some(Double::Other);
    }
    Some(Double::Whole(if is_negative { -(value as i64) } else { value as i64 }))
}

/// The integer behind a number's `e`; one beyond all reason is as good as one that is too large.
fn exponent(text: &str) -> Option<i32> {
    let (is_negative, digits) = sign(text);
    if digits.is_empty() {
        return None;
    }
    let number = digits.bytes().try_fold(0, |number, b| {
        let digit = char::from(b).to_digit(10)?;
        Some((number * 10 + digit as i32).min(1_000_000))
    })?;
    Some(if is_negative { -number } else { number })
}

fn sextet(c: char) -> Option<u8> {
    u8::try_from(c).ok().and_then(base64::sextet)
}

fn is_base64(text: Text<'_>) -> bool {
    let (mut digits, mut padding) = (0_usize, 0_usize);
    for c in text.chars().filter(|&c| !is_space(c)) {
        match c {
            '=' => padding += 1,
            c if padding == 0 && sextet(c).is_some() => digits += 1,
            _ => return false,
        }
    }
    // One digit alone is six bits, less than a byte.
    padding <= 2 && digits % 4 != 1
}

/// Decodes checked base64 into `to`, and returns the part of it that was filled.
pub(super) fn decode_base64<'b>(text: Text<'_>, to: &'b mut [u8]) -> Result<&'b [u8], TooLong> {
    let len = base64::join(text.chars().filter_map(sextet), to).ok_or(TooLong)?;
    to.get(..len).ok_or(TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of up to six of these characters, against the conversion of std.
    #[test]
    fn doubles_are_those_of_std() {
        const OF: &[u8] = b"0159+-.e";
        let mut seen = 0;
        for length in 0..=6 {
            for number in 0..OF.len().pow(length) {
                let place = |at| OF[number / OF.len().pow(at) % OF.len()];
                let text = String::from_utf8((0..length).map(place).collect()).unwrap_or_default();
                let known = text.parse::<f64>().ok().filter(|value| value.is_finite());
                let expected =
                    known.map(|value| match value.fract() == 0.0 && value.abs() <= WHOLE_MOST as f64 {
                        true => Double::Whole(value as i64),
                        false => Double::Other,
                    });
                // 1.8e308 and a little more has no double, but is far from any number that is taken.
                let edge = text.contains("e308") || text.contains("e309");
                // A tiny number that std rounds to 0 is a fraction here.
                let tiny = expected == Some(Double::Whole(0))
                    && text.trim_start_matches(['0', '+', '-', '.']).starts_with(['1', '5', '9']);
                let expected = if tiny { Some(Double::Other) } else { expected };
                assert!(edge || double(Text::new(&text, 0)) == expected, "{text} {expected:?}");
                seen += usize::from(expected.is_some());
            }
        }
        assert!(seen > 20_000, "{seen}");
    }
}
