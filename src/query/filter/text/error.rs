//! What is wrong with a filter's text, in a sentence with its place, its reason and what would be right.

use super::super::FilterError;
use super::super::takes_of;
use super::known_names;
use crate::limits::{ALTERNATIVES, CONDITIONS, FILTER_TEXT_BYTES};
use crate::query::field::FieldId;
use crate::query::words::{did_you_mean, suggest};
use core::fmt;
use core::ops::Range;

/// A filter's text that can't be read: where and why.
#[derive(Clone, Copy, Debug)]
pub struct TextError {
    at: u16,
    len: u16,
    reason: Reason,
}

/// Why a text can't be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    /// No field has this name; the one that is meant.
    UnknownField(Option<&'static str>),
    /// The word is none that there is; the one that is meant.
    UnknownWord(Option<&'static str>),
    /// A list without a field.
    BareList,
    /// The value is not what the field takes, or there is no room for it.
    Value(FilterError, FieldId),
    /// There is no value.
    NoValue,
    /// A negation stands before a value rather than before the field.
    MisplacedNegation,
    /// A negation stands before nothing.
    NothingNegated,
    /// A quoted text does not end.
    OpenQuote,
    /// Something follows a quoted text without a space.
    BehindQuote,
    /// A comparison of what has no order.
    NoOrder,
    /// A comparison with more than one value.
    OneBound,
    /// No number is beyond the bound.
    NothingBeyond,
    /// The text is longer than [`FILTER_TEXT_BYTES`].
    TooLong,
}

impl TextError {
    /// A text that was looked into is no longer than [`FILTER_TEXT_BYTES`], so that no place is cut.
    pub(super) fn new(at: usize, len: usize, reason: Reason) -> Self {
        TextError { at: at as u16, len: len as u16, reason }
    }

    /// The bytes of the text that are wrong. None at their place where something is missing, and at the beginning where all
    /// of it is too long.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.at.into()..usize::from(self.at) + usize::from(self.len)
    }

    /// Whether it is about a field that there is not.
    #[must_use]
    pub fn names_no_field(&self) -> bool {
        matches!(self.reason, Reason::UnknownField(_))
    }

    /// The error as a sentence; `text` is the text that it was found in.
    #[must_use]
    pub fn sentence(self, text: &str) -> impl fmt::Display {
        Sentence { wrong: text.get(self.range()).unwrap_or(""), error: self }
    }
}

struct Sentence<'a> {
    wrong: &'a str,
    error: TextError,
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands before the wrong text and its place, and behind these; of what is missing there is no text.
        let (before, behind) = match self.error.reason {
            Reason::UnknownField(_) => ("unknown field ", ""),
            Reason::UnknownWord(_) => ("", " is no address, network, port, protocol, state, service or flag"),
            Reason::BareList => ("", ": a list needs a field before it, as in port:80,443"),
            Reason::Value(FilterError::BadValue, _) => ("", " is not "),
            Reason::Value(FilterError::OutsideMask, _) => {
                ("", " has bits outside its mask, so nothing could match")
            }
            Reason::Value(_, _) => ("", " is more than there is room for: at most "),
            Reason::NoValue => ("a value is missing", ""),
            Reason::MisplacedNegation => {
                ("the !", " stands before a value; put it before the field, as in !port:80,443")
            }
            Reason::NothingNegated => ("nothing follows the negation", ""),
            Reason::OpenQuote => ("the quoted text", " has no end"),
            Reason::BehindQuote => ("a space or a comma is missing", ", behind the quoted text"),
            Reason::NoOrder => ("", " is no number; only numbers are compared with < and >"),
            Reason::OneBound => ("the comma", ": < and > take one number"),
            Reason::NothingBeyond => ("no value of the field is beyond ", ""),
            Reason::TooLong => return write!(f, "the filter is longer than {FILTER_TEXT_BYTES} bytes"),
        };
        let wrong = Short(if before.is_empty() || before.ends_with(' ') { self.wrong } else { "" });
        write!(f, "{before}{wrong} at {}{behind}", self.error.at)?;
        match self.error.reason {
            Reason::UnknownField(meant) => suggest(f, meant, &mut known_names()),
            Reason::UnknownWord(meant) => did_you_mean(f, meant),
            Reason::Value(FilterError::BadValue, field) => write!(f, "{}", takes_of(field)),
            Reason::Value(FilterError::OutsideMask, _) => Ok(()),
            Reason::Value(_, _) => write!(f, "{CONDITIONS} terms and {ALTERNATIVES} values"),
            _ => Ok(()),
        }
    }
}

/// The beginning of a text, with "…" where it goes on.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(40) {
            Some((end, _)) => write!(f, "{}…", self.0.get(..end).unwrap_or("")),
            None => f.write_str(self.0),
        }
    }
}
