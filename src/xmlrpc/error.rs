//! What can be wrong with a call, and where.

use crate::charset;

/// What sort of mistake a [`DecodeError`] is.
// The enum takes a whole word, so that a struct which holds it is copied word by word.
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

/// Why a document is refused: a sentence for people and the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The sort of mistake.
    pub class: Class,
    /// What is wrong and what would be right.
    pub what: &'static str,
    /// Where: a byte offset into the body.
    pub at: usize,
}

impl DecodeError {
    /// A document that is not well-formed at byte `at`.
    pub(super) const fn not_well_formed(what: &'static str, at: usize) -> Self {
        DecodeError { class: Class::NotWellFormed, what, at }
    }

    /// A document that is no call, seen at byte `at`.
    pub(super) const fn not_a_call(what: &'static str, at: usize) -> Self {
        DecodeError { class: Class::NotACall, what, at }
    }

    /// A value that is wrong at byte `at`.
    pub(super) const fn bad_value(what: &'static str, at: usize) -> Self {
        DecodeError { class: Class::BadValue, what, at }
    }
}

/// A mistake was found, which the cursor keeps: so small a result costs little on its way up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failed;

impl From<charset::Error> for DecodeError {
    fn from(error: charset::Error) -> Self {
        DecodeError::not_well_formed(error.what(), error.at())
    }
}

/// The byte offset of a line and column, both from 1, as the tokenizer counts them: lines end in LF, columns are
/// characters. One beyond the body means its end.
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
    fn offsets_of_lines_and_columns() {
        let body = "ab\nü€\n\nx";
        for (at, line, column) in
            [(0, 1, 1), (2, 1, 3), (3, 2, 1), (5, 2, 2), (8, 2, 3), (9, 3, 1), (10, 4, 1), (11, 4, 2)]
        {
            assert_eq!(offset_of(body, line, column), at, "{line} {column}");
        }
        assert_eq!(offset_of(body, 9, 9), body.len());
        assert_eq!(offset_of("", 1, 1), 0);
    }
}
