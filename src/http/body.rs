//! Request bodies, joined in place (RFC 9112 sections 6 and 7.1).
//!
//! Decoded bytes gather at the front of the buffer, what is not yet decoded follows right behind them:
//! ```text
//!  before  | decoded | a chunk's size | its data | CRLF | the next one's si |
//!  after   | decoded . its data | the next one's si |        room           |
//! ```
//! Each byte received is looked at once, and moved at most twice: as data to its place, or as the beginning of a
//! size line to behind the data.

use super::error::Error;
use super::fields::Framing;
use crate::limits::{BODY_BYTES, CHUNK_EXTENSION_BYTES, CHUNK_FRAMING_BYTES, HEAD_BYTES};

/// Hex digits of a chunk's size: enough for 4 GiB, and far from overflow.
const SIZE_DIGITS: usize = 8;
/// Bytes of the longest size line, with its CRLF.
const LINE_BYTES: usize = SIZE_DIGITS + CHUNK_EXTENSION_BYTES + 2;

/// Room that chunks need behind the decoded bytes: one size line is kept until it is whole.
pub const SPARE_BYTES: usize = LINE_BYTES;
/// A buffer of so many bytes takes any body that is not refused: [`Body::advance`] never leaves it full.
pub const BUFFER_BYTES: usize = BODY_BYTES + SPARE_BYTES;

/// How far a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProgress {
    /// More is to come.
    More {
        /// Bytes of the buffer now in use; the next ones go behind them.
        filled: usize,
        /// The buffer's least size with which the body can get on. A smaller one must be changed for a larger one
        /// now: copy the `filled` bytes, nothing else is needed.
        wants: usize,
    },
    /// The body is whole.
    Done {
        /// Its length: it is at the front of the buffer.
        body_len: usize,
        /// Where the next request's bytes begin, if any came: they are untouched, up to the `filled` given.
        consumed: usize,
    },
}

/// One request's body on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    part: Part,
    /// Bytes decoded, at the front of the buffer.
    len: usize,
    /// Bytes spent on size lines and line ends.
    framing_bytes: usize,
}

/// What comes next of a body.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// A body of known length.
    Length(usize),
    /// In a size line, of which so many bytes hold no line feed.
    Size {
        scanned: usize,
    },
    /// So many bytes of data to come; not 0.
    Data(usize),
    /// Before the CR behind the data, then before the LF.
    DataCr,
    DataLf,
    /// Behind the last chunk; so many bytes of trailers so far.
    Trailer(Trailer, usize),
    /// Whole.
    Done {
        consumed: usize,
    },
}

/// Where in the trailers (RFC 9112 section 7.1.2). They are read only for their end.
#[derive(Clone, Copy, Debug)]
enum Trailer {
    /// At the start of a line.
    Line,
    Name,
    Value,
    /// Before the LF of a field, of the empty line that ends all.
    Lf,
    LastLf,
    Over,
}

impl Body {
    /// A body of which nothing has been seen yet.
    pub fn new(framing: Framing) -> Body {
        let part = match framing {
            Framing::Length(length) => Part::Length(length),
            Framing::Chunked => Part::Size { scanned: 0 },
        };
        Body { part, len: 0, framing_bytes: 0 }
    }

    /// Goes on with the bytes that have come in: `filled` of `buf` are in use, the first of them where the body
    /// began. Between calls the caller appends bytes and touches none of those before.
    ///
    /// # Errors
    /// A malformed or too large body: reply with [`super::error()`] and close. [`Error::Internal`] if `filled` is
    /// over the buffer's size or below what the last call left.
    pub fn advance(&mut self, buf: &mut [u8], filled: usize) -> Result<BodyProgress, Error> {
        if filled > buf.len() || filled < self.len {
            return Err(Error::Internal);
        }
        let mut at = self.len;
        loop {
            let rest = buf.get(at..filled).unwrap_or_default();
            match self.part {
                Part::Length(length) => return Ok(self.known_length(length, filled)),
                Part::Done { consumed } => return Ok(self.done(consumed)),
                Part::Size { scanned } => match self.size(rest, scanned)? {
                    Some(used) => at += used,
                    None => return Ok(self.more(buf, at, filled)),
                },
                Part::Data(left) => {
                    at += self.data(buf, at, filled, left);
                    if let Part::Data(_) = self.part {
                        return Ok(self.more(buf, at, filled));
                    }
                }
                Part::DataCr | Part::DataLf | Part::Trailer(..) => match rest.first() {
                    Some(&byte) => {
                        at += 1;
                        self.byte(byte, at)?;
                    }
                    None => return Ok(self.more(buf, at, filled)),
                },
            }
        }
    }

    fn known_length(&mut self, length: usize, filled: usize) -> BodyProgress {
        if filled < length {
            return BodyProgress::More { filled, wants: length };
        }
        self.len = length;
        self.part = Part::Done { consumed: length };
        self.done(length)
    }

    fn done(&self, consumed: usize) -> BodyProgress {
        BodyProgress::Done { body_len: self.len, consumed }
    }

    /// Moves what is not decoded yet to behind what is.
    fn more(&self, buf: &mut [u8], at: usize, filled: usize) -> BodyProgress {
        buf.copy_within(at.min(filled)..filled, self.len);
        let data = match self.part {
            Part::Data(left) => left,
            _ => 0,
        };
        BodyProgress::More { filled: self.len + (filled - at), wants: self.len + data + SPARE_BYTES }
    }

    /// A size line, once it is whole; its length in bytes.
    fn size(&mut self, rest: &[u8], scanned: usize) -> Result<Option<usize>, Error> {
        let window = rest.get(..rest.len().min(LINE_BYTES)).unwrap_or_default();
        let fresh = window.get(scanned..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|&b| b == b'\n') else {
            if window.len() == LINE_BYTES {
                return Err(Error::ChunkSyntax);
            }
            self.part = Part::Size { scanned: window.len() };
            return Ok(None);
        };
        let line = window.get(..=scanned + at).unwrap_or_default();
        let size = chunk_size(line)?;
        if size > BODY_BYTES - self.len {
            return Err(Error::BodyTooLarge);
        }
        self.part = match size {
            0 => Part::Trailer(Trailer::Line, 0),
            _ => Part::Data(size),
        };
        let used = line.len();
        self.spend(used)?;
        Ok(Some(used))
    }

    /// Counts bytes that are no data.
    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        self.framing_bytes += bytes;
        match self.framing_bytes > CHUNK_FRAMING_BYTES {
            true => Err(Error::ChunkOverhead),
            false => Ok(()),
        }
    }

    /// Moves data to its place; the bytes moved.
    fn data(&mut self, buf: &mut [u8], at: usize, filled: usize, left: usize) -> usize {
        let moved = left.min(filled - at);
        // Data that goes on from the last call is in its place.
        if at != self.len {
            buf.copy_within(at..at + moved, self.len);
        }
        self.len += moved;
        self.part = match left - moved {
            0 => Part::DataCr,
            left => Part::Data(left),
        };
        moved
    }

    /// One byte of a line end or a trailer; `at` is where the next one is.
    fn byte(&mut self, byte: u8, at: usize) -> Result<(), Error> {
        self.part = match (self.part, byte) {
            (Part::DataCr, b'\r') => Part::DataLf,
            (Part::DataLf, b'\n') => Part::Size { scanned: 0 },
            (Part::Trailer(trailer, bytes), _) => match trailer.next(byte)? {
                Trailer::Over => Part::Done { consumed: at },
                _ if bytes >= HEAD_BYTES => return Err(Error::TrailerTooLong),
                next => Part::Trailer(next, bytes + 1),
            },
            _ => return Err(Error::ChunkSyntax),
        };
        self.spend(1)
    }
}

impl Trailer {
    /// One byte on. Line ends are CRLF only, names are tokens, values hold no control characters.
    fn next(self, byte: u8) -> Result<Trailer, Error> {
        match (self, byte) {
            (Trailer::Line, b'\r') => Ok(Trailer::LastLf),
            (Trailer::Name, b':') => Ok(Trailer::Value),
            (Trailer::Line | Trailer::Name, _) if is_token(byte) => Ok(Trailer::Name),
            (Trailer::Value, b'\r') => Ok(Trailer::Lf),
            (Trailer::Value, b'\t') => Ok(Trailer::Value),
            (Trailer::Value, _) if !byte.is_ascii_control() => Ok(Trailer::Value),
            (Trailer::Lf, b'\n') => Ok(Trailer::Line),
            (Trailer::LastLf, b'\n') => Ok(Trailer::Over),
            _ => Err(Error::TrailerSyntax),
        }
    }
}

/// RFC 9110 section 5.6.2
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The size in a line that ends in LF. httparse reads the number; it would also take an empty one, any byte in an
/// extension (a bare LF or CR there ends the line for others) and 16 digits, hence the rules before it.
fn chunk_size(line: &[u8]) -> Result<usize, Error> {
    let text = line.strip_suffix(b"\r\n").ok_or(Error::ChunkSyntax)?;
    let digits = text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let extension = text.get(digits..).unwrap_or_default();
    let is_extension = extension.is_empty() || extension.trim_ascii_start().starts_with(b";");
    let printable = extension.iter().all(|&b| b == b'\t' || !b.is_ascii_control());
    let in_limits = (1..=SIZE_DIGITS).contains(&digits) && extension.len() <= CHUNK_EXTENSION_BYTES;
    if !is_extension || !printable || !in_limits {
        return Err(Error::ChunkSyntax);
    }
    // Of a line that keeps these rules httparse takes all; should it ever stop before the end, the two readings differ.
    match httparse::parse_chunk_size(line) {
        Ok(httparse::Status::Complete((end, size))) if end == line.len() => {
            // Eight hexadecimal digits fit a `usize` of 32 bits.
            Ok(usize::try_from(size).unwrap_or(usize::MAX))
        }
        _ => Err(Error::ChunkSyntax),
    }
}
