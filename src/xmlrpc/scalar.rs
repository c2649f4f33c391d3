//! Values without values inside: what their text must look like, and what it means.
//!
//! The rules are liberal where clients differ and nothing can be misread: white space around numbers, a plus sign,
//! exponents, `true` and `false`, base64 in lines or without its padding, and an `i4` up to 4294967295, which some clients
//! send for an unsigned value.

use super::error::DecodeError;
use super::kind::ValueKind;
use super::text::{Text, TooLong, is_space};
use crate::base64;
use core::num::IntErrorKind;

/// Bytes of a number that is written with references or comments inside; nobody does, but XML allows it.
const ODD_NUMBER_BYTES: usize = 64;

/// Checks the content of a value against the rules of its type: `name` as the client gave it, without a prefix.
pub(super) fn check(name: &str, kind: ValueKind, text: Text<'_>) -> Result<(), DecodeError> {
    let what = match kind {
        ValueKind::Int => check_int(name, text).err(),
        ValueKind::Boolean => boolean(text).is_none().then_some("a boolean is 0 or 1, or false or true"),
        ValueKind::Double => double(text).is_none().then_some(
            "a double is written in decimal, as -1.5 or 2e9, and within the range of 64-bit floating point",
        ),
        ValueKind::Base64 => {
            (!is_base64(text)).then_some("base64 is A-Z, a-z, 0-9, + and /, with = only at the end")
        }
        ValueKind::Nil => text.chars().any(|c| !is_space(c)).then_some("nil holds nothing"),
        ValueKind::String | ValueKind::DateTime | ValueKind::Array | ValueKind::Struct => None,
    };
    what.map_or(Ok(()), |what| Err(DecodeError::bad_value(what, text.range().start)))
}

fn check_int(name: &str, text: Text<'_>) -> Result<(), &'static str> {
    let (range, beyond) = match name {
        "i1" => (-128..=127, "an i1 is from -128 to 127"),
        "i2" => (-32768..=32767, "an i2 is from -32768 to 32767"),
        "i8" => (i64::MIN..=i64::MAX, "an i8 is from -9223372036854775808 to 9223372036854775807"),
        _ => (
            i32::MIN.into()..=u32::MAX.into(),
            "an int or i4 is from -2147483648 to 4294967295: send a larger number as i8 or string",
        ),
    };
    match parse_int(text) {
        Ok(value) if range.contains(&value) => Ok(()),
        Ok(_) | Err(IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => Err(beyond),
        Err(_) => Err("an integer is decimal digits, with an optional sign"),
    }
}

/// The text of a number without white space around it.
fn number<'b>(text: Text<'b>, space: &'b mut [u8]) -> Result<&'b str, TooLong> {
    match text.plain() {
        Some(plain) => Ok(plain),
        None => text.copy_to(space).map(|text| text.trim_matches(is_space)),
    }
}

fn parse_int(text: Text<'_>) -> Result<i64, IntErrorKind> {
    let mut space = [0; ODD_NUMBER_BYTES];
    let digits = number(text, &mut space).map_err(|TooLong| IntErrorKind::PosOverflow)?;
    digits.parse::<i64>().map_err(|error| *error.kind())
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
    let text = number(text, &mut space).ok()?.as_bytes();
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let e = unsigned.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(unsigned.len());
    let (mantissa, tail) = unsigned.split_at(e);
    let exponent = tail.get(1..).map_or(Some(0), exponent)?;
    let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
    let (whole, tail) = mantissa.split_at(point);
    let fraction = tail.get(1..).unwrap_or_default();
    let places = exponent.checked_add(i32::try_from(whole.len()).ok()?)?;
    let mut digits = whole.iter().chain(fraction);
    if whole.len() + fraction.len() == 0 || !digits.clone().all(u8::is_ascii_digit) {
        return None;
    }
    let leading = digits.clone().take_while(|&&b| b == b'0').count();
    if leading < whole.len() + fraction.len() && places > DOUBLE_DIGITS + i32::try_from(leading).ok()? {
        return None;
    }
    // The digits there are, then the zeros up to the point; no further than the value is of interest.
    let (mut value, mut place) = (0_u64, 0);
    while place < places && value <= WHOLE_MOST {
        match digits.next() {
            Some(digit) => value = value * 10 + u64::from(digit - b'0'),
            // A zero stays one; without this the loop would run as often as the exponent says.
            None if value == 0 => break,
            None => value *= 10,
        }
        place += 1;
    }
    let value = i64::try_from(value).ok().filter(|_| value <= WHOLE_MOST && digits.all(|&b| b == b'0'));
    let negative = text.first() == Some(&b'-');
    Some(value.map_or(Double::Other, |value| Double::Whole(if negative { -value } else { value })))
}

/// The integer behind a number's `e`; one beyond all reason is as good as one that is too large.
fn exponent(text: &[u8]) -> Option<i32> {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |n, b| (n * 10 + i32::from(b - b'0')).min(1_000_000));
    Some(if text.first() == Some(&b'-') { -number } else { number })
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
