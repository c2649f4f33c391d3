//! What the grammar of values knows of XML, read from left to right: an element opens, it closes, text, the end.
//!
//! It is XML 1.0 (fifth edition) without a DOCTYPE. The [`Cursor`] keeps to it: characters that XML can carry, comments without
//! `--`, attributes given once, references that mean something, exactly one root; that tags match is told in
//! [`Cursor::child`]. The same cursor walks the whole document once to check it, and later parts of it to pull values out: a
//! part of a checked document never gives an error.

use super::error::{Class, DecodeError, Failed};
use super::read::Reader;
use super::text::{Text, find, is_space, reference};
use crate::limits::ATTRIBUTES;

const NEVER_ENDS: &str =
    "the document ends inside an element: close every element, with </methodCall> as the last";

const TAG: &str = "a tag is malformed: after < stands a name, and > ends it";

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

/// Where in a document a cursor is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing is read yet.
    Start,
    /// Before the root element.
    Prolog,
    /// Inside so many elements.
    Inside(usize),
    /// Behind the root element.
    Behind,
}

/// What a part of a document may be inside of: more elements than a document can close.
const ANY_DEPTH: usize = usize::MAX / 2;

/// Walks over a document, or over a part of one that is known to be right.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    reader: Reader<'a>,
    place: Place,
    /// An element written `<x/>` opened: its close comes next, at this offset.
    closing: Option<(&'a str, usize)>,
}

impl core::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cursor").field("at", &self.position()).finish_non_exhaustive()
    }
}

impl<'a> Cursor<'a> {
    /// At the start of a whole document.
    pub fn document(body: &'a str) -> Self {
        let mut reader = Reader::new(body, 0);
        // One more byte order mark than the body is allowed.
        reader.eat("\u{feff}");
        Cursor { reader, place: Place::Start, closing: None }
    }

    /// At the start of a part of a document, which begins at byte `base` of it.
    pub fn part(text: &'a str, base: usize) -> Self {
        Cursor { reader: Reader::new(text, base), place: Place::Inside(ANY_DEPTH), closing: None }
    }

    /// Offset of what was not looked at yet.
    pub fn position(&self) -> usize {
        self.reader.position()
    }

    /// The raw text between two offsets of the body.
    pub fn raw(&self, from: usize, to: usize) -> &'a str {
        self.reader.raw(from, to)
    }

    /// A mistake was found at this offset in the body. The cursor keeps it, and is at its end.
    pub fn fail(&mut self, class: Class, what: &'static str, at: usize) -> Failed {
        self.reader.fail(class, what, at)
    }

    /// The mistake that was found.
    pub fn error(&self) -> DecodeError {
        self.reader.error()
    }

    /// The next event; comments and processing instructions are stepped over.
    pub fn event(&mut self) -> Result<Event<'a>, Failed> {
        if let Some((name, at)) = self.closing.take() {
            return Ok(Event::Close(name, at));
        }
        #[cfg(test)]
        let before = self.position();
        let event = self.read();
        #[cfg(test)]
        if event.is_ok() {
            super::work::add(self.position() - before);
        }
        event
    }

    fn read(&mut self) -> Result<Event<'a>, Failed> {
        loop {
            let at = self.position();
            let place = self.place;
            if place == Place::Start {
                self.place = Place::Prolog;
            }
            self.reader.begin("this can't stand here in an XML document with one root element");
            match (place, self.reader.rest().as_bytes()) {
                (_, []) => return Ok(Event::End),
                (_, [b'<', b'?', ..]) => self.instruction(place, at)?,
                (_, [b'<', b'!', b'-', b'-', ..]) => self.comment()?,
                (Place::Inside(_), [b'<', b'!', ..]) => return self.cdata(at),
                (Place::Inside(depth), [b'<', b'/', ..]) => return self.close(depth, at),
                (Place::Inside(_), [b'<']) => return Err(self.reader.wrong()),
                (Place::Inside(_), [first, ..]) if *first != b'<' => return self.text(at),
                (Place::Inside(_), _) => return self.opening(at),
                _ if self.reader.skip_space() => {}
                (Place::Start | Place::Prolog, [b'<', b'!', ..]) if self.reader.eat("<!DOCTYPE") => {
                    return Err(self
                        .reader
                        .not_well_formed("a DOCTYPE is refused: send the call without one", at));
                }
                (Place::Start | Place::Prolog, [b'<', name @ ..]) if name.first() != Some(&b'!') => {
                    return self.opening(at);
                }
                _ => return Err(self.reader.wrong()),
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
                    return Err(self.reader.not_well_formed(
                        "a closing tag names another element than the one that is open: close the innermost first",
                        at,
                    ));
                }
                Event::End => {
                    return Err(self.reader.not_well_formed(NEVER_ENDS, self.position()));
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
                    return Err(self.reader.not_well_formed(NEVER_ENDS, self.position()));
                }
            }
        }
    }

    /// Reads an opening tag.
    fn opening(&mut self, at: usize) -> Result<Event<'a>, Failed> {
        self.reader.begin(TAG);
        self.reader.eat("<");
        let name = self.reader.qualified_name()?;
        if name.starts_with(':') {
            return Err(self.reader.not_well_formed("an element's name begins with a colon", at));
        }
        let is_empty = attributes(&mut self.reader)?;
        let content = self.position();
        if is_empty {
            self.closing = Some((name, content));
        }
        self.place = match self.place {
            Place::Inside(depth) => Place::Inside(depth + usize::from(!is_empty)),
            _ if is_empty => Place::Behind,
            _ => Place::Inside(1),
        };
        Ok(Event::Open(Open { name, at, content }))
    }

    /// Reads a closing tag, which ends the innermost of `depth` elements.
    fn close(&mut self, depth: usize, at: usize) -> Result<Event<'a>, Failed> {
        self.place = if depth > 1 { Place::Inside(depth - 1) } else { Place::Behind };
        self.reader.begin(TAG);
        self.reader.eat("</");
        let name = self.reader.qualified_name()?;
        self.reader.skip_space();
        self.reader.want_sign(">")?;
        Ok(Event::Close(name, at))
    }

    fn text(&mut self, at: usize) -> Result<Event<'a>, Failed> {
        self.reader.begin("text holds ]]>: write ]]&gt;");
        let end = self.reader.rest().bytes().position(|b| b == b'<');
        let text = self.reader.take(end)?;
        if text.bytes().any(|b| b == b'>') && find(text, "]]>").is_some() {
            return Err(self.reader.wrong());
        }
        check_references(&mut self.reader, text, at)?;
        Ok(Event::Text(at, text.bytes().all(|b| is_space(b.into()))))
    }

    fn cdata(&mut self, at: usize) -> Result<Event<'a>, Failed> {
        if !self.reader.eat("<![CDATA[") {
            return Err(self.reader.wrong());
        }
        self.reader.begin("a CDATA section is malformed: it ends with ]]>");
        self.reader.before("]]>")?;
        self.reader.want("]]>")?;
        Ok(Event::Text(at, false))
    }

    fn comment(&mut self) -> Result<(), Failed> {
        self.reader.begin("a comment is malformed: it ends with --> and holds no other --");
        self.reader.eat("<!--");
        let text = self.reader.before("-->")?;
        self.reader.want("-->")?;
        if find(text, "--").is_some() || text.ends_with('-') { Err(self.reader.wrong()) } else { Ok(()) }
    }

    /// Reads a processing instruction, or the declaration at the start of a document. An instruction's name is not `xml` in any
    /// case (production 17), but for a declaration with a tab or a line end behind its name.
    fn instruction(&mut self, place: Place, at: usize) -> Result<(), Failed> {
        const MISPLACED: &str = "an XML declaration stands at the very start of a document";
        let reader = &mut self.reader;
        if reader.rest().starts_with("<?xml ") {
            return if place == Place::Start { declaration(reader) } else { Err(reader.wrong()) };
        }
        reader.begin("a processing instruction is malformed: it has a name and ends with ?>");
        reader.eat("<?");
        let target = reader.name()?;
        let is_apart = reader.skip_space();
        let content = reader.before("?>")?;
        reader.want("?>")?;
        if !content.is_empty() && !is_apart {
            let what = "a processing instruction's name ends with white space or ?>";
            return Err(self.reader.not_well_formed(what, at));
        }
        let is_declaration = at == 0 && target == "xml" && find(content, "version").is_some();
        if target.eq_ignore_ascii_case("xml") && !is_declaration {
            return Err(self.reader.not_well_formed(MISPLACED, at));
        }
        Ok(())
    }
}

/// Reads an element's attributes up to the end of its opening tag. True where that closes the element as well.
fn attributes(reader: &mut Reader<'_>) -> Result<bool, Failed> {
    let mut seen = [""; ATTRIBUTES];
    for count in 0.. {
        if reader.rest().is_empty() {
            break;
        }
        reader.begin("an attribute is malformed: it is written name=\"value\"");
        let is_apart = reader.skip_space();
        if reader.eat(">") {
            return Ok(false);
        }
        if reader.eat("/") {
            reader.want_sign(">")?;
            return Ok(true);
        }
        if !is_apart {
            return Err(reader.wrong());
        }
        let at = reader.position();
        let (name, value) = attribute(reader)?;
        if seen.get(..count).is_some_and(|seen| seen.contains(&name)) {
            return Err(reader.not_well_formed("an attribute is given twice", at));
        }
        let Some(slot) = seen.get_mut(count) else {
            return Err(reader.not_well_formed("an element has more attributes than are read", at));
        };
        *slot = name;
        check_references(reader, value.raw(), value.range().start)?;
    }
    Err(reader.not_well_formed(NEVER_ENDS, reader.position()))
}

/// Reads an attribute: its name and its value.
fn attribute<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, Text<'a>), Failed> {
    let name = reader.qualified_name()?;
    let quote = reader.equals()?;
    let at = reader.position();
    let end = reader.rest().bytes().position(|b| b == b'<' || quote.as_bytes() == [b]);
    let value = Text::new(reader.take(end)?, at);
    reader.want_sign(quote)?;
    Ok((name, value))
}

/// Reads the XML declaration (production 23).
fn declaration(reader: &mut Reader<'_>) -> Result<(), Failed> {
    reader.begin("the XML declaration is malformed");
    reader.eat("<?xml");
    reader.skip_space();
    reader.want("version")?;
    let quote = reader.equals()?;
    reader.want("1.")?;
    let mut is_right = reader.skip(|b| b.is_ascii_digit()) > 0;
    reader.want_sign(quote)?;
    gap(reader)?;
    if reader.eat("encoding") {
        let quote = reader.equals()?;
        is_right &= reader.rest().starts_with(|c: char| c.is_ascii_alphabetic());
        reader.skip(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        reader.want_sign(quote)?;
        gap(reader)?;
    }
    if reader.eat("standalone") {
        let quote = reader.equals()?;
        let at = reader.position();
        if !matches!(reader.name()?, "yes" | "no") {
            return Err(reader.wrong_at(at));
        }
        reader.want_sign(quote)?;
    }
    reader.skip_space();
    reader.want("?>")?;
    if is_right { Ok(()) } else { Err(reader.wrong()) }
}

/// Takes the white space between two parts of the declaration; none is needed before its end.
fn gap(reader: &mut Reader<'_>) -> Result<(), Failed> {
    let is_end = reader.rest().is_empty() || reader.rest().starts_with("?>");
    if reader.skip_space() || is_end { Ok(()) } else { Err(reader.wrong_here()) }
}

/// Each `&` begins one of the five predefined entities or a character by number.
fn check_references(reader: &mut Reader<'_>, text: &str, at: usize) -> Result<(), Failed> {
    for (offset, _) in text.bytes().enumerate().filter(|&(_, b)| b == b'&') {
        if reference(text.get(offset..).unwrap_or_default()).is_none() {
            return Err(reader.not_well_formed(
                "an & that begins no known reference: write &amp; (known are &lt; &gt; &amp; &quot; &apos; and \
                 characters by number)",
                at + offset,
            ));
        }
    }
    Ok(())
}
