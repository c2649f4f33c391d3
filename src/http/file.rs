//! Files that are a part of the program and are read with GET: a page, and what it needs.

use super::list::elements;
use super::media::Media;
use crate::out::{Full, Out, hex_digit};

/// Hex digits of a file's tag.
const TAG_DIGITS: usize = 16;

/// A file. Its bytes stay where the program has them: they are sent from there in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, such as `/` or `/page.js`.
    pub path: &'static str,
    /// Its type, and what else its reply's head says.
    pub media: Media,
    /// Whether its bytes are a gzip stream, which is sent as such: every browser reads one.
    pub gzip: bool,
    /// What is sent.
    pub bytes: &'static [u8],
    /// Tells these bytes from those of another version of the program.
    tag: [u8; TAG_DIGITS],
}

/// What there is for who comes by without a page built in: a browser, or the health check of a load balancer.
pub static NO_PAGE: &[File] = &[File::new("/", Media::Html, false, INDEX)];

/// A page that says what this is. It holds no script and no style, needs nothing else, and says nothing of the machine that
/// it comes from.
pub const INDEX: &[u8] = concat!(
    "<!DOCTYPE html>\n\
     <html lang=\"en\">\n\
     <meta charset=\"utf-8\">\n\
     <title>rctd</title>\n\
     <h1>rctd ",
    env!("CARGO_PKG_VERSION"),
    "</h1>\n\
     <p>This is rctd, which serves the connection-tracking table of this machine's kernel over XML-RPC.\n\
     <p>Programs send their calls here, by POST to <code>/RPC2</code>. This one lists the procedures:\n\
     <pre>curl -H 'Content-Type: text/xml' http://127.0.0.1:8000/RPC2 \\\n  \
     -d '&lt;methodCall&gt;&lt;methodName&gt;system.listMethods&lt;/methodName&gt;&lt;/methodCall&gt;'</pre>\n\
     </html>\n"
)
.as_bytes();

impl File {
    /// A file at `path`. Made when the program is compiled, its tag costs nothing at run time.
    #[must_use]
    pub const fn new(path: &'static str, media: Media, gzip: bool, bytes: &'static [u8]) -> File {
        File { path, media, gzip, bytes, tag: tag(bytes) }
    }

    /// Writes the field with its tag.
    pub(super) fn put_tag(&self, out: &mut Out<'_>) -> Result<(), Full> {
        out.put(b"ETag: \"")?;
        out.put(&self.tag)?;
        out.put(b"\"\r\n")
    }

    /// Whether the value of an `If-None-Match` names these bytes, so that the client has them already (RFC 9110 section
    /// 13.1.2).
    pub(super) fn is_named(&self, value: &[u8]) -> bool {
        let is_tag = |quoted: &[u8]| {
            quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) == Some(self.tag.as_slice())
        };
        elements(value)
            .any(|element| element == b"*" || is_tag(element.strip_prefix(b"W/").unwrap_or(element)))
    }
}

/// The FNV-1a hash of `bytes`, 64 bits, as hex digits.
#[allow(clippy::indexing_slicing)] // Runs in the compiler alone.
const fn tag(bytes: &[u8]) -> [u8; TAG_DIGITS] {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    let (mut digits, mut at) = ([0; TAG_DIGITS], 0);
    while at < TAG_DIGITS {
        digits[at] = hex_digit((hash >> (60 - 4 * at)) as u8);
        at += 1;
    }
    digits
}
