//! The encodings that a call may come in, by their names, and how its bytes become UTF-8 in the buffer they came in.
//!
//! RFC 7303, section 3: a byte order mark says most, then the charset of the HTTP field, then the XML declaration; a
//! document with none of them is UTF-8.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// The encoding of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// US-ASCII: each byte below 128.
    UsAscii,
    /// ISO-8859-1: each byte is the character of that number.
    Latin1,
    /// Nothing was said; the XML declaration decides.
    Unspecified,
}

impl Charset {
    /// The encoding by its registered name, or one of the aliases in use, in any case. None where it is none of ours.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Charset); 7] = [
            (b"utf-8", Charset::Utf8),
            (b"utf8", Charset::Utf8),
            (b"us-ascii", Charset::UsAscii),
            (b"ascii", Charset::UsAscii),
            (b"iso-8859-1", Charset::Latin1),
            (b"iso8859-1", Charset::Latin1),
            (b"latin1", Charset::Latin1),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|&(_, charset)| charset)
    }
}

/// Why a body can't be made UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// As UTF-8 the body would not fit the buffer.
    TooLarge,
    /// UTF-16 or UTF-32, by its byte order mark or its zero bytes.
    Utf16,
    /// The XML declaration names an encoding that is not known here.
    Unknown,
    /// A byte beyond US-ASCII, at this offset.
    NotAscii(usize),
    /// Not UTF-8 from this offset on.
    NotUtf8(usize),
}

impl Error {
    /// What is wrong and what would be right.
    pub const fn what(self) -> &'static str {
        match self {
            Error::TooLarge => "the body is too large once it is UTF-8: send less, or send UTF-8",
            Error::Utf16 => "the body is UTF-16 or UTF-32: send UTF-8",
            Error::Unknown => {
                "the XML declaration names another encoding than UTF-8, US-ASCII and ISO-8859-1"
            }
            Error::NotAscii(_) => {
                "a byte beyond US-ASCII in a body that says it is US-ASCII: say UTF-8 or ISO-8859-1"
            }
            Error::NotUtf8(_) => "the body is not UTF-8: send UTF-8, or say ISO-8859-1",
        }
    }

    /// Where it is wrong: a byte offset into the body.
    pub const fn at(self) -> usize {
        match self {
            Error::NotAscii(at) | Error::NotUtf8(at) => at,
            Error::TooLarge | Error::Utf16 | Error::Unknown => 0,
        }
    }
}

/// Turns the first `len` bytes of `buf` into UTF-8 without a byte order mark, in place, and returns how many they are
/// now. `declared` is what HTTP said. A `len` beyond the buffer means all of it.
///
/// Only ISO-8859-1 can grow, by one byte for each beyond 127, and `buf.len()` bounds it. Looks at each byte at most
/// three times.
///
/// # Errors
/// An [`Error`] where the body is not what it says or is in none of these encodings; `buf` then holds no call.
pub fn to_utf8(buf: &mut [u8], len: usize, declared: Charset) -> Result<usize, Error> {
    let mut len = len.min(buf.len());
    let body = buf.get_mut(..len).unwrap_or_default();
    let marked = body.starts_with(b"\xef\xbb\xbf");
    if marked {
        body.copy_within(3.., 0);
        len -= 3;
    }
    let body = buf.get(..len).unwrap_or_default();
    let wide = body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff");
    if wide || body.iter().take(4).any(|&b| b == 0) {
        return Err(Error::Utf16);
    }
    let charset = match (marked, declared) {
        (true, _) => Charset::Utf8,
        (false, Charset::Unspecified) => declaration(body)?,
        (false, declared) => declared,
    };
    match charset {
        Charset::Latin1 => widen(buf, len),
        Charset::UsAscii => match body.iter().position(|b| !b.is_ascii()) {
            Some(at) => Err(Error::NotAscii(at)),
            None => Ok(len),
        },
        Charset::Utf8 | Charset::Unspecified => match core::str::from_utf8(body) {
            Ok(_) => Ok(len),
            Err(error) => Err(Error::NotUtf8(error.valid_up_to())),
        },
    }
}

/// ISO-8859-1 to UTF-8 from behind, so that no byte is overwritten before it is read.
fn widen(buf: &mut [u8], len: usize) -> Result<usize, Error> {
    let body = buf.get(..len).unwrap_or_default();
    let wide = len + body.iter().filter(|b| !b.is_ascii()).count();
    let buf = buf.get_mut(..wide).ok_or(Error::TooLarge)?;
    let mut to = wide;
    for from in (0..len).rev() {
        let byte = buf.get(from).copied().unwrap_or_default();
        let mut bytes = [0; 2];
        let c = char::from(byte).encode_utf8(&mut bytes).as_bytes();
        // `to - from` is one for each wide byte still ahead, so the space is always there.
        to -= c.len();
        if let Some(space) = buf.get_mut(to..to + c.len()) {
            space.copy_from_slice(c);
        }
    }
    Ok(wide)
}

/// What the XML declaration at the start of `body` says: `<?xml version="1.0" encoding="NAME"?>` (production 23). No
/// declaration, or one without an encoding, says nothing. The parser checks the declaration's own grammar later.
fn declaration(body: &[u8]) -> Result<Charset, Error> {
    let rest = body.strip_prefix(b"<?xml").unwrap_or_default();
    if !rest.first().is_some_and(u8::is_ascii_whitespace) {
        return Ok(Charset::Unspecified);
    }
    let end = rest.iter().position(|&b| b == b'>').unwrap_or(rest.len());
    let words = rest.get(..end).unwrap_or_default();
    let word = b"encoding".as_slice();
    let Some(at) = words.windows(word.len()).position(|w| w == word) else {
        return Ok(Charset::Unspecified);
    };
    let value = words.get(at + word.len()..).unwrap_or_default().trim_ascii_start();
    let Some(value) = value.strip_prefix(b"=") else {
        return Ok(Charset::Unspecified);
    };
    // Before the first quote stands white space, between the quotes the name.
    let name = value.split(|b| matches!(b, b'"' | b'\'')).nth(1).unwrap_or_default();
    Charset::from_name(name).ok_or(Error::Unknown)
}

/// Characters that XML 1.0 can carry, production 2; a `char` is never a surrogate.
pub(crate) const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
