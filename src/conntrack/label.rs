//! The texts that entries carry: helper names and security contexts.
//!
//! A table of a million entries has a handful of them ("ftp", "sip", one context for each SECMARK rule), so each is
//! kept once and a [`super::flow::Flow`] holds its number. That keeps a flow small, `Copy` and of one size.

use crate::limits::{LABEL_BYTES, LABELS};
use heapless::Vec;

/// A text's number in [`Labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(u8);

impl Label {
    /// Its number, for a record of a flow.
    #[must_use]
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// The label with a number that [`Label::number`] gave.
    #[must_use]
    pub(crate) fn from_number(number: u8) -> Self {
        Label(number)
    }
}

/// More different texts, or longer ones, than [`Labels`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// Every text met so far, each once: at most [`LABELS`] of at most [`LABEL_BYTES`] bytes.
#[derive(Debug, Default)]
pub struct Labels {
    texts: Vec<Vec<u8, LABEL_BYTES>, LABELS>,
}

impl Labels {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Labels { texts: Vec::new() }
    }

    /// The number of `text`, which is kept if it is new.
    ///
    /// # Errors
    /// [`TooMany`] if it is new and does not fit.
    pub(crate) fn intern(&mut self, text: &[u8]) -> Result<Label, TooMany> {
        if let Some(at) = self.texts.iter().position(|t| t == text) {
            return Ok(Label(at as u8));
        }
        let text = Vec::from_slice(text).map_err(|_| TooMany)?;
        self.texts.push(text).map_err(|_| TooMany)?;
        Ok(Label((self.texts.len() - 1) as u8))
    }

    /// The text of `label`; empty for a label of another table.
    #[must_use]
    pub fn text(&self, label: Label) -> &[u8] {
        self.texts.get(usize::from(label.0)).map_or(&[], Vec::as_slice)
    }

    /// Forgets all. Only when nothing holds a label any more.
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once() {
        let mut labels = Labels::new();
        let ftp = labels.intern(b"ftp").expect("room");
        let sip = labels.intern(b"sip").expect("room");
        assert_ne!(ftp, sip);
        assert_eq!(labels.intern(b"ftp"), Ok(ftp));
        assert_eq!(labels.text(sip), b"sip");
    }

    #[test]
    fn full_is_an_error_but_known_texts_still_are_found() {
        let mut labels = Labels::new();
        for i in 0..LABELS {
            labels.intern(&[i as u8]).expect("room");
        }
        assert_eq!(labels.intern(b"one more"), Err(TooMany));
        assert!(labels.intern(&[3]).is_ok());
        labels.clear();
        assert_eq!(labels.intern(&[b'x'; LABEL_BYTES + 1]), Err(TooMany));
        assert!(labels.intern(&[b'x'; LABEL_BYTES]).is_ok());
    }
}
