//! Values without values inside: what their text must look like, and what it means.
//!
//! Liberal where clients differ and nothing can be misread: white space around numbers, a plus sign, exponents, base64
//! in lines or without its padding, and an `i4` up to 4294967295, which some clients send for an unsigned value.

use super::error::DecodeError;
use super::text::{Text, TooLong, is_space};
use super::value::{Kind, Value};
use core::num::IntErrorKind;

/// Bytes of a number that is written with references or comments inside; nobody does, but XML allows it.
const ODD_NUMBER_BYTES: usize = 64;

/// Checks a value against the rules of the type that it is given, `name` without a prefix.
pub(super) fn check(name: &str, value: &Value<'_>) -> Result<(), DecodeError> {
    let text = value.text();
    let what = match value.kind() {
        Kind::Int => check_int(name, text).err(),
        Kind::Boolean => boolean(text).is_none().then_some("a boolean is 0 or 1"),
        Kind::Double => double(text).is_none().then_some(
            "a double is written in decimal, as -1.5 or 2e9, and within the range of 64-bit floating point",
        ),
        Kind::Base64 => {
            (!is_base64(text)).then_some("base64 is A-Z, a-z, 0-9, + and /, with = only at the end")
        }
        Kind::Nil => text.chars().any(|c| !is_space(c)).then_some("nil holds nothing"),
        Kind::String | Kind::DateTime | Kind::Array | Kind::Struct => None,
    };
    what.map_or(Ok(()), |what| Err(DecodeError::bad_value(what, value.range().start)))
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
        Ok("0") => Some(false),
        Ok("1") => Some(true),
        _ => None,
    }
}

pub(super) fn double(text: Text<'_>) -> Option<f64> {
    let mut space = [0; ODD_NUMBER_BYTES];
    let digits = number(text, &mut space).ok()?;
    // The parser also knows words: inf, infinity, nan.
    let decimal = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    digits.parse::<f64>().ok().filter(|value| decimal && value.is_finite())
}

/// The six bits of a base64 digit (RFC 4648, table 1).
fn sextet(c: char) -> Option<u8> {
    let b = u8::try_from(c).ok()?;
    match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
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
pub(super) fn base64<'b>(text: Text<'_>, to: &'b mut [u8]) -> Result<&'b [u8], TooLong> {
    let (mut len, mut bits, mut have) = (0, 0_u32, 0_u32);
    for sextet in text.chars().filter_map(sextet) {
        bits = bits << 6 & 0xffff | u32::from(sextet);
        have += 6;
        if have >= 8 {
            have -= 8;
            // The mask is the byte itself.
            *to.get_mut(len).ok_or(TooLong)? = (bits >> have & 0xff) as u8;
            len += 1;
        }
    }
    to.get(..len).ok_or(TooLong)
}
