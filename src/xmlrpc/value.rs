//! Values of a call, pulled out of its text when they are asked for.
//!
//! A [`Value`] is a kind and a piece of the body, and can be copied freely. It comes out of a checked document, so its
//! accessors have only one way to fail: the value is of another kind, and they give None.

use super::kind::ValueKind;
use super::scalar::{self, Double};
use super::text::{Text, TooLong};
use core::ops::Range;

/// One value of a call.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    kind: ValueKind,
    /// The raw content: text of a scalar, values of an array's `data`, members of a struct.
    raw: &'a str,
    start: usize,
}

impl<'a> Value<'a> {
    pub(super) const fn new(kind: ValueKind, raw: &'a str, start: usize) -> Self {
        Value { kind, raw, start }
    }

    /// What sort of value it is.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Where the value's content stands: bytes of the body.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    /// The content of any kind as text.
    pub(super) fn text(&self) -> Text<'a> {
        Text::new(self.raw, self.start)
    }

    /// A string.
    pub fn as_text(&self) -> Option<Text<'a>> {
        (self.kind == ValueKind::String).then(|| self.text())
    }

    /// The text of anything but an array, a struct and nil, as the client wrote it. Perl's encoders send a password
    /// of digits as an integer: this still has its leading zeros.
    pub fn as_scalar_text(&self) -> Option<Text<'a>> {
        (!matches!(self.kind, ValueKind::Array | ValueKind::Struct | ValueKind::Nil)).then(|| self.text())
    }

    /// An integer: -2147483648 to 4294967295 from `int` and `i4`, 64 signed bits from `i8`.
    pub fn as_int(&self) -> Option<i64> {
        if self.kind == ValueKind::Int { scalar::int(self.text()) } else { None }
    }

    /// A boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if self.kind == ValueKind::Boolean { scalar::boolean(self.text()) } else { None }
    }

    /// A double: which whole number it is, or that it is none.
    pub fn as_double(&self) -> Option<Double> {
        if self.kind == ValueKind::Double { scalar::double(self.text()) } else { None }
    }

    /// Copies a text into `to` and returns it: a string's, or what base64 holds if that is UTF-8, since some encoders send
    /// every text so that is not ASCII. None where the value is neither.
    ///
    /// # Errors
    /// [`TooLong`] where `to` has not enough bytes.
    pub fn copy_text<'b>(&self, to: &'b mut [u8]) -> Option<Result<&'b str, TooLong>> {
        match self.kind {
            ValueKind::String => Some(self.text().copy_to(to)),
            ValueKind::Base64 => match scalar::decode_base64(self.text(), to) {
                Ok(bytes) => core::str::from_utf8(bytes).ok().map(Ok),
                Err(TooLong) => Some(Err(TooLong)),
            },
            _ => None,
        }
    }

    /// Decodes base64 into `to` and returns what it filled; it needs at most 3 bytes for each 4 of the raw text.
    ///
    /// # Errors
    /// [`TooLong`] where `to` has not enough bytes. None where the value is no base64.
    pub fn copy_base64<'b>(&self, to: &'b mut [u8]) -> Option<Result<&'b [u8], TooLong>> {
        (self.kind == ValueKind::Base64).then(|| scalar::decode_base64(self.text(), to))
    }
}
