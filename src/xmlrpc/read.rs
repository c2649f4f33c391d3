//! The text of a document, taken piece by piece from left to right: names, signs, runs of characters.
//!
//! What a piece should have been is said once, where its token begins ([`Reader::begin`]): whichever part of the token is then
//! missing, the error is that sentence.

use super::error::{Class, DecodeError, Failed};
use super::text::{find, is_space};
use crate::charset::is_xml_char;

/// A text, and how far it is read.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    text: &'a str,
    /// Offset of `text` in the body.
    base: usize,
    /// How much of the text is read: whole characters.
    at: usize,
    /// What is wrong where the token is malformed that is being read, and where that begins; or the mistake that was found.
    error: DecodeError,
}

impl<'a> Reader<'a> {
    /// At the start of `text`, which begins at byte `base` of the body.
    pub fn new(text: &'a str, base: usize) -> Self {
        Reader { text, base, at: 0, error: DecodeError::not_well_formed("", base) }
    }

    /// What is not read yet.
    #[inline(never)]
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Offset in the body of what is not read yet.
    pub fn position(&self) -> usize {
        self.base + self.at
    }

    /// The raw text between two offsets of the body.
    #[inline(never)]
    pub fn raw(&self, from: usize, to: usize) -> &'a str {
        let range = from.saturating_sub(self.base)..to.saturating_sub(self.base);
        self.text.get(range).unwrap_or_default()
    }

    /// A token begins here; `malformed` is the sentence where it is not what it should be.
    #[inline(never)]
    pub fn begin(&mut self, malformed: &'static str) {
        self.error = DecodeError::not_well_formed(malformed, self.position());
    }

    /// The mistake that was found.
    pub fn error(&self) -> DecodeError {
        self.error
    }

    /// Keeps a mistake. Nothing more is read.
    #[inline(never)]
    pub fn fail(&mut self, class: Class, what: &'static str, at: usize) -> Failed {
        self.error = DecodeError { class, what, at };
        self.wrong()
    }

    /// The document is not well-formed at this offset in the body.
    #[inline(never)]
    pub fn not_well_formed(&mut self, what: &'static str, at: usize) -> Failed {
        self.fail(Class::NotWellFormed, what, at)
    }

    /// The token is malformed as a whole.
    #[inline(never)]
    pub fn wrong(&mut self) -> Failed {
        self.at = self.text.len();
        Failed
    }

    /// The token is malformed: what it can't have stands at this offset in the body.
    #[inline(never)]
    pub fn wrong_at(&mut self, at: usize) -> Failed {
        self.error.at = at;
        self.wrong()
    }

    /// The token is malformed: it can't go on with what is next.
    #[inline(never)]
    pub fn wrong_here(&mut self) -> Failed {
        self.wrong_at(self.position())
    }

    /// Takes `text`, if it is next.
    pub fn eat(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// Takes `text`, which must be next.
    pub fn want(&mut self, text: &str) -> Result<(), Failed> {
        if self.eat(text) { Ok(()) } else { Err(self.wrong_here()) }
    }

    /// As [`Reader::want`]; but at the end of the text it is the whole token that is wrong.
    pub fn want_sign(&mut self, sign: &str) -> Result<(), Failed> {
        if self.rest().is_empty() { Err(self.wrong()) } else { self.want(sign) }
    }

    /// Takes all bytes up to the first that is not `such`, which all bytes are that are not ASCII: how many.
    pub fn skip(&mut self, such: fn(u8) -> bool) -> usize {
        let rest = self.rest();
        let len = rest.bytes().position(|b| !such(b)).unwrap_or(rest.len());
        self.at += len;
        len
    }

    /// Takes white space. False where there is none.
    pub fn skip_space(&mut self) -> bool {
        self.skip(|b| is_space(b.into())) > 0
    }

    /// Takes what comes before `end`, or all there is: characters that XML can carry.
    pub fn before(&mut self, end: &str) -> Result<&'a str, Failed> {
        self.take(find(self.rest(), end))
    }

    /// Takes so many bytes, or all there are: characters that XML can carry.
    pub fn take(&mut self, len: Option<usize>) -> Result<&'a str, Failed> {
        let rest = self.rest();
        let text = len.and_then(|len| rest.get(..len)).unwrap_or(rest);
        if let Some((at, _)) = text.char_indices().find(|&(_, c)| !is_xml_char(c)) {
            let what = "a character that XML 1.0 can't carry: leave it out or send base64";
            return Err(self.not_well_formed(what, self.position() + at));
        }
        self.at += text.len();
        Ok(text)
    }

    /// Takes a name (production 5).
    pub fn name(&mut self) -> Result<&'a str, Failed> {
        let rest = self.rest();
        let name = rest.get(..rest.find(|c| !is_name(c)).unwrap_or(rest.len())).unwrap_or_default();
        if !name.starts_with(is_name_start) {
            return Err(self.wrong());
        }
        self.at += name.len();
        Ok(name)
    }

    /// Takes the name of an element or an attribute, which may have a prefix before a colon.
    pub fn qualified_name(&mut self) -> Result<&'a str, Failed> {
        let name = self.name()?;
        match name.split_once(':') {
            Some((_, local)) if local.contains(':') || !local.starts_with(is_name_start) => Err(self.wrong()),
            _ => Ok(name),
        }
    }

    /// Takes an equals sign and the quote behind it: the quote.
    pub fn equals(&mut self) -> Result<&'static str, Failed> {
        self.skip_space();
        self.want_sign("=")?;
        self.skip_space();
        let quote = if self.rest().starts_with('\'') { "'" } else { "\"" };
        self.want_sign(quote)?;
        Ok(quote)
    }
}

/// Production 4.
fn is_name_start(c: char) -> bool {
    matches!(c,
        ':' | 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}'
    )
}

/// Production 4a.
fn is_name(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}
