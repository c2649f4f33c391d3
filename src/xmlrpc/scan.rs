//! XML tokens, joined to the four things the grammar of values knows: an element opens, it closes, text, the end.
//!
//! The tokenizer leaves to its user: that tags match (here [`Cursor::child`]), that attributes are not given twice, that
//! references mean something (here). It keeps the characters within what XML 1.0 allows, comments without `--`, and
//! exactly one root. The same cursor walks the whole document once to check it, and later parts of it to pull values
//! out: a part of a checked document never gives an error.

use super::error::{Class, DecodeError, Failed, offset_of};
use super::text::{is_space, reference};
use crate::limits::ATTRIBUTES;
use xmlparser::{ElementEnd, Error, StreamError, Token, Tokenizer};

const DOCTYPE: &str = "a DOCTYPE is refused: send the call without one";

const NEVER_ENDS: &str =
    "the document ends inside an element: close every element, with </methodCall> as the last";

/// An element that opens.
#[derive(Clone, Copy)]
pub(super) struct Open<'a> {
    /// The name as written, prefix and all.
    pub name: &'a str,
    /// Offset of its `<`.
    pub at: usize,
    /// Offset after its `>`: where its content begins.
    pub content: usize,
}

/// What stands next in the document.
pub(super) enum Event<'a> {
    Open(Open<'a>),
    /// The innermost element closes: the name as written, offset of the closing tag (the content's end).
    Close(&'a str, usize),
    /// Character data or a CDATA section at an offset; true where it is only white space.
    Text(usize, bool),
    End,
}

/// What stands next inside one element.
pub(super) enum Child<'a> {
    Open(Open<'a>),
    /// Text that is more than white space, at an offset.
    Text(usize),
    /// The element's end: offset of its closing tag.
    Closed(usize),
}

/// Walks over a document, or over a part of one that is known to be right.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    tokens: Tokenizer<'a>,
    text: &'a str,
    /// Offset of `text` in the body.
    base: usize,
    /// An element written `<x/>` opened: its close comes next, at this offset.
    closing: Option<(&'a str, usize)>,
    /// The first mistake that was found.
    error: DecodeError,
}

impl core::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cursor").field("at", &self.position()).finish_non_exhaustive()
    }
}

impl<'a> Cursor<'a> {
    /// At the start of a whole document.
    pub fn document(body: &'a str) -> Self {
        Cursor::new(Tokenizer::from(body), body, 0)
    }

    /// At the start of a part of a document, which begins at byte `base` of it.
    pub fn part(text: &'a str, base: usize) -> Self {
        Cursor::new(Tokenizer::from_fragment(text, 0..text.len()), text, base)
    }

    fn new(tokens: Tokenizer<'a>, text: &'a str, base: usize) -> Self {
        Cursor { tokens, text, base, closing: None, error: DecodeError::not_well_formed("", 0) }
    }

    /// Offset of what was not looked at yet.
    pub fn position(&self) -> usize {
        self.base + self.tokens.stream().pos().min(self.text.len())
    }

    /// The raw text between two offsets of the body.
    pub fn raw(&self, from: usize, to: usize) -> &'a str {
        let range = from.saturating_sub(self.base)..to.saturating_sub(self.base);
        self.text.get(range).unwrap_or_default()
    }

    /// A mistake was found at this offset in the body. The cursor keeps it, and nothing comes after it.
    pub fn fail(&mut self, class: Class, what: &'static str, at: usize) -> Failed {
        self.error = DecodeError { class, what, at };
        Failed
    }

    /// The mistake that was found.
    pub fn error(&self) -> DecodeError {
        self.error
    }

    #[cold]
    fn not_well_formed(&mut self, what: &'static str, at: usize) -> Failed {
        self.fail(Class::NotWellFormed, what, at)
    }

    /// The next event; comments and processing instructions are stepped over.
    pub fn event(&mut self) -> Result<Event<'a>, Failed> {
        if let Some((name, at)) = self.closing.take() {
            return Ok(Event::Close(name, at));
        }
        loop {
            let Some(token) = self.token()? else {
                return Ok(Event::End);
            };
            let at = self.base + token.span().start();
            match token {
                Token::ElementStart { span, .. } => {
                    return self.opening(span.as_str().get(1..).unwrap_or_default(), at);
                }
                Token::ElementEnd { end: ElementEnd::Close(..), span } => {
                    let name = span.as_str().get("</".len()..span.as_str().len() - 1).unwrap_or_default();
                    return Ok(Event::Close(name.trim_end_matches(is_space), at));
                }
                Token::Text { text } => {
                    self.check_references(text.as_str(), at)?;
                    return Ok(Event::Text(at, text.as_str().bytes().all(|b| is_space(b.into()))));
                }
                Token::Cdata { .. } => return Ok(Event::Text(at, false)),
                Token::ProcessingInstruction { target, content, span } => {
                    let tight = content.is_some_and(|c| c.start() == target.end());
                    self.check_instruction(target.as_str(), span.as_str(), at, tight)?;
                }
                Token::Declaration { version, encoding, .. } => {
                    self.check_declaration(version.as_str(), encoding.map(|e| e.as_str()), at)?;
                }
                Token::DtdStart { .. } | Token::EmptyDtd { .. } => {
                    return Err(self.not_well_formed(DOCTYPE, at));
                }
                // The other tokens stand inside a DOCTYPE or an opening tag, where the cursor never is.
                _ => {}
            }
        }
    }

    /// The next thing inside `parent`, the innermost open element; white space is stepped over.
    pub fn child(&mut self, parent: &Open<'a>) -> Result<Child<'a>, Failed> {
        loop {
            match self.event()? {
                Event::Open(open) => return Ok(Child::Open(open)),
                Event::Text(_, true) => {}
                Event::Text(at, false) => return Ok(Child::Text(at)),
                Event::Close(name, at) if name == parent.name => return Ok(Child::Closed(at)),
                Event::Close(_, at) => {
                    return Err(self.not_well_formed(
                        "a closing tag names another element than the one that is open: close the innermost first",
                        at,
                    ));
                }
                Event::End => {
                    return Err(self.not_well_formed(NEVER_ENDS, self.position()));
                }
            }
        }
    }

    /// Steps over the rest of the innermost open element and returns its closing tag's offset. Only for a document
    /// that was checked: names are not compared again.
    pub fn skip_to_close(&mut self) -> Result<usize, Failed> {
        let mut depth = 0_usize;
        loop {
            match self.event()? {
                Event::Open(_) => depth += 1,
                Event::Close(_, at) if depth == 0 => return Ok(at),
                Event::Close(..) => depth -= 1,
                Event::Text(..) => {}
                Event::End => {
                    return Err(self.not_well_formed(NEVER_ENDS, self.position()));
                }
            }
        }
    }

    /// Reads an element's attributes up to the end of its opening tag.
    fn opening(&mut self, name: &'a str, at: usize) -> Result<Event<'a>, Failed> {
        let mut seen = [""; ATTRIBUTES];
        let mut count = 0;
        if name.starts_with(':') {
            return Err(self.not_well_formed("an element's name begins with a colon", at));
        }
        loop {
            match self.token()? {
                Some(Token::Attribute { value, span, .. }) => {
                    let here = self.base + span.start();
                    // The name as written; a value stands behind the first `=`.
                    let name = span.as_str().split('=').next().unwrap_or_default().trim_end_matches(is_space);
                    let known = seen.get(..count).unwrap_or_default();
                    if known.contains(&name) {
                        return Err(self.not_well_formed("an attribute is given twice", here));
                    }
                    let Some(slot) = seen.get_mut(count) else {
                        return Err(
                            self.not_well_formed("an element has more attributes than are read", here)
                        );
                    };
                    *slot = name;
                    count += 1;
                    self.check_references(value.as_str(), self.base + value.start())?;
                }
                Some(Token::ElementEnd { end, span }) => {
                    let content = self.base + span.end();
                    if end == ElementEnd::Empty {
                        self.closing = Some((name, content));
                    }
                    return Ok(Event::Open(Open { name, at, content }));
                }
                _ => return Err(self.not_well_formed(NEVER_ENDS, self.position())),
            }
        }
    }

    fn token(&mut self) -> Result<Option<Token<'a>>, Failed> {
        match self.tokens.next() {
            None => Ok(None),
            Some(Ok(token)) => {
                #[cfg(test)]
                super::work::add(token.span().as_str().len());
                Ok(Some(token))
            }
            Some(Err(error)) => Err(self.explain(error)),
        }
    }

    /// The tokenizer's error as a sentence of ours, with the offset of what it stumbled over.
    fn explain(&mut self, error: Error) -> Failed {
        let (what, cause, outer) = match error {
            Error::InvalidDeclaration(e, p) => ("the XML declaration is malformed", Some(e), p),
            Error::InvalidComment(e, p) => {
                ("a comment is malformed: it ends with --> and holds no other --", Some(e), p)
            }
            Error::InvalidPI(e, p) => {
                ("a processing instruction is malformed: it has a name and ends with ?>", Some(e), p)
            }
            Error::InvalidDoctype(_, p) | Error::InvalidEntity(_, p) => (DOCTYPE, None, p),
            Error::InvalidElement(e, p) => {
                ("a tag is malformed: after < stands a name, and > ends it", Some(e), p)
            }
            Error::InvalidAttribute(e, p) => {
                ("an attribute is malformed: it is written name=\"value\"", Some(e), p)
            }
            Error::InvalidCdata(e, p) => ("a CDATA section is malformed: it ends with ]]>", Some(e), p),
            Error::InvalidCharData(e, p) => ("text holds ]]>: write ]]&gt;", Some(e), p),
            Error::UnknownToken(p) => {
                ("this can't stand here in an XML document with one root element", None, p)
            }
        };
        let (what, place) = match cause {
            Some(StreamError::NonXmlChar(_, p)) => {
                ("a character that XML 1.0 can't carry: leave it out or send base64", p)
            }
            Some(StreamError::InvalidChar(_, _, p) | StreamError::InvalidCharMultiple(_, _, p)) => (what, p),
            Some(StreamError::InvalidQuote(_, p) | StreamError::InvalidSpace(_, p)) => (what, p),
            Some(StreamError::InvalidString(_, p)) => (what, p),
            _ => (what, outer),
        };
        let at = self.base + offset_of(self.text, place.row as usize, place.col as usize);
        self.not_well_formed(what, at)
    }

    /// Each `&` begins one of the five predefined entities or a character by number.
    fn check_references(&mut self, text: &str, at: usize) -> Result<(), Failed> {
        for (offset, _) in text.match_indices('&') {
            if reference(text.get(offset..).unwrap_or_default()).is_none() {
                return Err(self.not_well_formed(
                    "an & that begins no known reference: write &amp; (known are &lt; &gt; &amp; &quot; &apos; and \
                     characters by number)",
                    at + offset,
                ));
            }
        }
        Ok(())
    }

    /// A processing instruction's name is not `xml` in any case (production 17), and white space ends it. The tokenizer
    /// hands a declaration with a tab or a line end behind `<?xml` over as one: that is well-formed at the very start.
    fn check_instruction(&mut self, target: &str, span: &str, at: usize, tight: bool) -> Result<(), Failed> {
        if tight {
            return Err(
                self.not_well_formed("a processing instruction's name ends with white space or ?>", at)
            );
        }
        let declaration = at == 0 && target == "xml" && span.contains("version");
        if target.eq_ignore_ascii_case("xml") && !declaration {
            return Err(self.not_well_formed("an XML declaration stands at the very start of a document", at));
        }
        Ok(())
    }

    /// Productions 26 and 81 where the tokenizer is laxer: digits behind `1.`, a letter first in the encoding's name.
    fn check_declaration(&mut self, version: &str, encoding: Option<&str>, at: usize) -> Result<(), Failed> {
        let encoded = encoding.is_none_or(|e| e.starts_with(|c: char| c.is_ascii_alphabetic()));
        if version.len() <= "1.".len() || !encoded {
            return Err(self.not_well_formed("the XML declaration is malformed", at));
        }
        Ok(())
    }
}
