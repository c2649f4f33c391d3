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
