//! What can be wrong with a call, and where.

use crate::charset;

/// What sort of mistake a [`DecodeError`] is.
// A whole word, so that what holds it is copied by words.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// The bytes are not well-formed XML, or use what is refused: a DOCTYPE, an unknown encoding.
    NotWellFormed,
    /// Well-formed so far, but not a `methodCall`.
    NotACall,
    /// A call with a value that breaks the value's own rules or a limit.
    BadValue,
}

impl Class {
    /// The fault code of the "Specification for Fault Code Interoperability" (2001).
    pub const fn code(self) -> i32 {
        match self {
            Class::NotWellFormed => -32700,
            Class::NotACall => -32600,
            Class::BadValue => -32602,
        }
    }
}

/// Why a document is refused: a sentence for people and the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The sort of mistake; gives the fault code.
    pub class: Class,
    /// What is wrong and what would be right.
    pub what: &'static str,
    /// Where: a byte offset into the body; see [`line_column`].
    pub at: usize,
}

impl DecodeError {
    /// A document that is not well-formed at byte `at`.
    pub const fn not_well_formed(what: &'static str, at: usize) -> Self {
        DecodeError { class: Class::NotWellFormed, what, at }
    }

    /// A document that is no call, seen at byte `at`.
    pub const fn not_a_call(what: &'static str, at: usize) -> Self {
        DecodeError { class: Class::NotACall, what, at }
    }

    /// A value that is wrong at byte `at`.
    pub const fn bad_value(what: &'static str, at: usize) -> Self {
        DecodeError { class: Class::BadValue, what, at }
    }
}

impl From<charset::Error> for DecodeError {
    fn from(error: charset::Error) -> Self {
        DecodeError::not_well_formed(error.what(), error.at())
    }
}

/// Line and column of byte `at`, both from 1, as editors count: lines end in LF, columns are characters. An offset
/// beyond the body means its end, one inside a character that character. Looks at each byte up to `at` once.
pub fn line_column(body: &str, at: usize) -> (usize, usize) {
    let mut place = (1, 1);
    for (offset, c) in body.char_indices() {
        if offset + c.len_utf8() > at {
            break;
        }
        place = if c == '\n' { (place.0 + 1, 1) } else { (place.0, place.1 + 1) };
    }
    place
}

/// The byte offset of a line and column, both from 1: the inverse of [`line_column`].
pub(super) fn offset_of(body: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        let rest = body.get(start..).unwrap_or_default();
        start += rest.find('\n').map_or(rest.len(), |i| i + 1);
    }
    let rest = body.get(start..).unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1));
    start + within.map_or(rest.len(), |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_offsets_agree() {
        let body = "ab\nü€\n\nx";
        for (at, place) in
            [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (2, 2)), (8, (2, 3)), (9, (3, 1)), (11, (4, 2))]
        {
            assert_eq!(line_column(body, at), place, "{at}");
            assert_eq!(offset_of(body, place.0, place.1), at, "{place:?}");
        }
        assert_eq!(line_column(body, 4), (2, 1));
        assert_eq!(line_column(body, 99), (4, 2));
        assert_eq!(offset_of(body, 9, 9), body.len());
        assert_eq!((line_column("", 0), offset_of("", 1, 1)), ((1, 1), 0));
    }
}
