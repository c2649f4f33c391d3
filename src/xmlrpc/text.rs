//! Character data as it stands in the document, and what it means.
//!
//! XML 1.0 (fifth edition): 2.2 characters, 2.4-2.7 markup inside text, 2.11 end-of-line handling, 4.1 and 4.6
//! references. The raw text is kept; it is decoded while it is compared or copied, so nothing is stored twice.

use crate::charset::is_xml_char;
use core::ops::Range;

/// Begins a CDATA section (production 19).
pub(super) const CDATA_OPEN: &str = "<![CDATA[";
/// Ends one (production 21).
pub(super) const CDATA_CLOSE: &str = "]]>";

/// The decoded text does not fit the space it was to be copied to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

/// Character data of a validated document: text, references, CDATA sections, comments and processing instructions.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    raw: &'a str,
    start: usize,
}

impl<'a> Text<'a> {
    pub(super) const fn new(raw: &'a str, start: usize) -> Self {
        Text { raw, start }
    }

    /// Where the raw text stands: bytes of the body.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    /// The text as it stands in the document, references and all.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The characters that the text means.
    pub fn chars(&self) -> Chars<'a> {
        Chars { rest: self.raw, cdata: false }
    }

    /// Whether the text means nothing at all.
    pub fn is_empty(&self) -> bool {
        self.chars().next().is_none()
    }

    /// Whether the text means exactly `other`.
    pub fn eq_str(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }

    /// Copies what the text means into `to` and returns it. That is never longer than the raw text.
    ///
    /// # Errors
    /// [`TooLong`] where `to` has not enough bytes; `to` then holds the beginning.
    pub fn copy_to<'b>(&self, to: &'b mut [u8]) -> Result<&'b str, TooLong> {
        let mut len = 0;
        for c in self.chars() {
            let end = len + c.len_utf8();
            c.encode_utf8(to.get_mut(len..end).ok_or(TooLong)?);
            len = end;
        }
        // Whole characters were written, so this is UTF-8; the check costs little beside the copy.
        core::str::from_utf8(to.get(..len).ok_or(TooLong)?).map_err(|_| TooLong)
    }

    /// The raw text without white space around it, where it holds no markup or references.
    pub(super) fn plain(&self) -> Option<&'a str> {
        let plain = !self.raw.bytes().any(|b| b == b'&' || b == b'<');
        plain.then(|| self.raw.trim_ascii())
    }
}

/// The characters of a [`Text`]: references expanded, CDATA sections opened, comments and processing instructions left
/// out, CR LF and CR turned into LF.
#[derive(Clone, Debug)]
pub struct Chars<'a> {
    rest: &'a str,
    cdata: bool,
}

impl Chars<'_> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Steps over what stands between characters at `<`. False where that is no such thing, which a validated text
    /// never has.
    fn skip_markup(&mut self) -> bool {
        if self.rest.starts_with(CDATA_OPEN) {
            self.cdata = true;
            self.skip(CDATA_OPEN.len());
            return true;
        }
        let end = if self.rest.starts_with("<!--") { "-->" } else { "?>" };
        let found = self.rest.as_bytes().windows(end.len()).position(|bytes| bytes == end.as_bytes());
        self.skip(found.map_or(self.rest.len(), |i| i + end.len()));
        found.is_some()
    }
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            let c = self.rest.chars().next()?;
            match c {
                ']' if self.cdata && self.rest.starts_with(CDATA_CLOSE) => {
                    self.cdata = false;
                    self.skip(CDATA_CLOSE.len());
                    continue;
                }
                '<' if !self.cdata => {
                    if !self.skip_markup() {
                        return None;
                    }
                    continue;
                }
                '&' if !self.cdata => {
                    let (c, len) = reference(self.rest)?;
                    self.skip(len);
                    return Some(c);
                }
                '\r' if self.rest.starts_with("\r\n") => self.skip(2),
                c => self.skip(c.len_utf8()),
            }
            return Some(if c == '\r' { '\n' } else { c });
        }
    }
}

/// White space of XML 1.0, production 3.
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The character that the reference at the start of `text` means, and the reference's bytes, `&` and `;` included.
///
/// Only the five predefined entities and characters by number: there is no DOCTYPE to declare others.
pub(super) fn reference(text: &str) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 5] = [("lt", '<'), ("gt", '>'), ("amp", '&'), ("quot", '"'), ("apos", '\'')];
    let name = text.get(1..text.bytes().position(|b| b == b';')?)?;
    let c = match name.strip_prefix('#') {
        Some(number) => character(number)?,
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((c, name.len() + 2))
}

/// The character of XML with this number, which is decimal or, behind an `x`, hexadecimal.
fn character(number: &str) -> Option<char> {
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    // Without a digit the number is 0, which is no character of XML.
    let number = digits.chars().try_fold(0_u32, |number, digit| {
        Some(number.saturating_mul(radix).saturating_add(digit.to_digit(radix)?))
    });
    char::from_u32(number?).filter(|&c| is_xml_char(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(raw: &str) -> String {
        Text::new(raw, 0).chars().collect()
    }

    #[test]
    fn references() {
        for (text, expected) in [
            ("&lt;x", Some(('<', 4))),
            ("&apos;", Some(('\'', 6))),
            ("&#65;", Some(('A', 5))),
            ("&#x41;", Some(('A', 6))),
            ("&#x00000000000000000041;", Some(('A', 24))),
            ("&#x10FFFF;", Some(('\u{10ffff}', 10))),
            ("&#9;", Some(('\t', 4))),
            ("&#xFFFD;", Some(('\u{fffd}', 8))),
        ] {
            assert_eq!(reference(text), expected, "{text}");
        }
        for text in [
            "&",
            "&;",
            "&#;",
            "&#x;",
            "&#65",
            "&#x",
            "&#X41;",
            "&#65a;",
            "&#x41g;",
            "&#65 ;",
            "&# 65;",
            "&#-5;",
            "&#0;",
            "&#8;",
            "&#xB;",
            "&#xFFFE;",
            "&#xFFFF;",
            "&#xD800;",
            "&#x110000;",
            "&#4294967361;",
            "&nbsp;",
            "&LT;",
            "&lt",
            "&l;",
            "&#٣;",
        ] {
            assert_eq!(reference(text), None, "{text}");
        }
    }

    #[test]
    fn what_raw_text_means() {
        for (raw, meaning) in [
            ("", ""),
            (" a b ", " a b "),
            ("a&amp;lt;b", "a&lt;b"),
            ("a<![CDATA[<&amp;]]]]><![CDATA[>]]>z", "a<&amp;]]>z"),
            ("a<!-- <b>&x; -->c<?pi d?>e", "ace"),
            ("a\r\nb\rc\r\r\n\nd", "a\nb\nc\n\n\nd"),
            ("&#13;\n&#13;&#10;", "\r\n\r\n"),
            ("<![CDATA[\r\n\r]]>", "\n\n"),
            ("\r<!---->\n", "\n\n"),
            ("<![CDATA[]]>", ""),
            ("ü€\u{10348}", "ü€\u{10348}"),
        ] {
            assert_eq!(decode(raw), meaning, "{raw}");
            let text = Text::new(raw, 0);
            assert!(text.eq_str(meaning) && !text.eq_str(&format!("{meaning}x")), "{raw}");
            assert_eq!(text.is_empty(), meaning.is_empty(), "{raw}");
            assert!(meaning.len() <= text.raw().len(), "decoding makes no text longer: {raw}");
            for size in 0..=meaning.len() {
                let mut to = vec![0; size];
                let copied = text.copy_to(&mut to);
                assert_eq!(
                    copied,
                    if size == meaning.len() { Ok(meaning) } else { Err(TooLong) },
                    "{raw} {size}"
                );
            }
        }
    }

    #[test]
    fn text_that_was_never_validated_ends_quietly() {
        for raw in ["a<b>", "a<", "a<!--", "a&x;", "a<![CDATA[", "a<?"] {
            assert_eq!(decode(raw), "a", "{raw}");
        }
    }
}
