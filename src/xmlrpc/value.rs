//! Values of a call, pulled out of its text when they are asked for.
//!
//! A [`Value`] is a kind and a piece of the body, and can be copied freely. It comes out of a checked document, so its
//! accessors have only one way to fail: the value is of another kind, and they give None.

use super::grammar::{self, Inside};
use super::scalar::{self, Double};
use super::scan::{Cursor, Event};
use super::text::{Text, TooLong};
use core::ops::Range;

/// What sort of value it is, whatever the client's name for the type.
// A whole word, so that what holds it is copied by words.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `i4`, `int`, `i8`, and Apache's `i1` and `i2`.
    Int,
    /// `boolean`.
    Boolean,
    /// `string`, or text without a type.
    String,
    /// `double`.
    Double,
    /// `base64`.
    Base64,
    /// `dateTime.iso8601`; its text is not looked into.
    DateTime,
    /// `array`.
    Array,
    /// `struct`.
    Struct,
    /// `nil`.
    Nil,
}

impl Kind {
    /// The kind that a type's name means, without a prefix.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "int" | "i4" | "i8" | "i1" | "i2" => Kind::Int,
            "boolean" => Kind::Boolean,
            "string" => Kind::String,
            "double" => Kind::Double,
            "base64" => Kind::Base64,
            "dateTime.iso8601" => Kind::DateTime,
            "array" => Kind::Array,
            "struct" => Kind::Struct,
            "nil" => Kind::Nil,
            _ => return None,
        })
    }

    /// The kind's name for people, as a sentence about a wrong one needs it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Int => "int",
            Kind::Boolean => "boolean",
            Kind::String => "string",
            Kind::Double => "double",
            Kind::Base64 => "base64",
            Kind::DateTime => "dateTime.iso8601",
            Kind::Array => "array",
            Kind::Struct => "struct",
            Kind::Nil => "nil",
        }
    }
}

/// One value of a call.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    kind: Kind,
    /// The raw content: text of a scalar, values of an array's `data`, members of a struct.
    raw: &'a str,
    start: usize,
}

impl<'a> Value<'a> {
    pub(super) const fn new(kind: Kind, raw: &'a str, start: usize) -> Self {
        Value { kind, raw, start }
    }

    /// What sort of value it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the value's content stands: bytes of the body. With [`Value::kind`] it is all that
    /// [`Value::from_range`] needs to make the value again, so a caller can give the body back in between.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    /// The value again that [`Value::range`] and [`Value::kind`] came from, in no time. `body` must be the body that
    /// was parsed, unchanged. With another one the value makes no sense, but nothing panics; None where the range is
    /// not within it.
    pub fn from_range(body: &'a str, range: Range<usize>, kind: Kind) -> Option<Self> {
        let start = range.start;
        Some(Value::new(kind, body.get(range)?, start))
    }

    /// The raw text of any kind.
    pub(super) fn text(&self) -> Text<'a> {
        Text::new(self.raw, self.start)
    }

    /// A string.
    pub fn as_text(&self) -> Option<Text<'a>> {
        (self.kind == Kind::String).then(|| self.text())
    }

    /// The text of anything but an array, a struct and nil, as the client wrote it. Perl's encoders send a password
    /// of digits as an integer: this still has its leading zeros.
    pub fn as_scalar_text(&self) -> Option<Text<'a>> {
        (!matches!(self.kind, Kind::Array | Kind::Struct | Kind::Nil)).then(|| self.text())
    }

    /// An integer: -2147483648 to 4294967295 from `int` and `i4`, 64 signed bits from `i8`.
    pub fn as_int(&self) -> Option<i64> {
        if self.kind == Kind::Int { scalar::int(self.text()) } else { None }
    }

    /// A boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if self.kind == Kind::Boolean { scalar::boolean(self.text()) } else { None }
    }

    /// A double: which whole number it is, or that it is none.
    pub fn as_double(&self) -> Option<Double> {
        if self.kind == Kind::Double { scalar::double(self.text()) } else { None }
    }

    /// Decodes base64 into `to` and returns what it filled; it needs at most 3 bytes for each 4 of the raw text.
    ///
    /// # Errors
    /// [`TooLong`] where `to` has not enough bytes. None where the value is no base64.
    pub fn copy_base64<'b>(&self, to: &'b mut [u8]) -> Option<Result<&'b [u8], TooLong>> {
        (self.kind == Kind::Base64).then(|| scalar::decode_base64(self.text(), to))
    }

    /// An array's values, in order.
    pub fn as_array(&self) -> Option<Items<'a>> {
        (self.kind == Kind::Array).then(|| Items::new(self.raw, self.start))
    }

    /// A struct's members, in the client's order; names may come twice.
    pub fn as_struct(&self) -> Option<Members<'a>> {
        let cursor = Cursor::part(self.raw, self.start);
        (self.kind == Kind::Struct).then_some(Members { cursor })
    }
}

/// Values one after another: those of an array or the parameters of a call. Looks at each byte of them once in total.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    cursor: Cursor<'a>,
    end: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(raw: &'a str, start: usize) -> Self {
        Items { cursor: Cursor::part(raw, start), end: start + raw.len() }
    }

    /// Where the values stand that were not handed out yet: bytes of the body. [`Items::from_range`] goes on there, so
    /// that a long array is walked in several turns with the body given back in between.
    pub fn range(&self) -> Range<usize> {
        self.cursor.position()..self.end
    }

    /// Goes on where [`Items::range`] was; None where that is not within `body`. Under the terms of
    /// [`Value::from_range`].
    pub fn from_range(body: &'a str, range: Range<usize>) -> Option<Self> {
        let start = range.start;
        Some(Items::new(body.get(range)?, start))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        loop {
            // White space, and the `<param>` around each value of a call, are stepped over.
            match self.cursor.event().ok()? {
                Event::Open(open) if open.name == "value" => {
                    return grammar::value(&mut self.cursor, &open, Inside::Skip).ok();
                }
                Event::End => return None,
                Event::Open(_) | Event::Close(..) | Event::Text(..) => {}
            }
        }
    }
}

/// A struct's members one after another. Looks at each byte of them once in total.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.cursor.event().ok()? {
                Event::Open(open) if open.name == "member" => {
                    return grammar::member(&mut self.cursor, &open, Inside::Skip).ok();
                }
                Event::End => return None,
                Event::Open(_) | Event::Close(..) | Event::Text(..) => {}
            }
        }
    }
}
