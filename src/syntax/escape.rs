//! Text that may hold anything, made safe for a syntax.

use super::Syntax;
use crate::charset::is_xml_char;
use crate::out::{Full, Out, hex_digit};

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Appends `bytes`, which may come from the kernel and be anything, as the inside of a string. Bytes that are not UTF-8
/// become U+FFFD, one for each sequence, as the Unicode standard recommends in section 3.9.
///
/// - XML: `&`, `<` and `>` become references, and so does CR, which a parser would turn into LF. What XML 1.0 can't carry
///   becomes U+FFFD: control characters but TAB and LF, U+FFFE, U+FFFF.
/// - JSON: `"`, `\` and control characters are escaped (RFC 8259, section 7), so every character is kept.
///
/// On [`Full`] a part of the text may be written: the caller takes it back.
#[inline(never)]
pub(crate) fn put_text(out: &mut Out<'_>, syntax: Syntax, bytes: &[u8]) -> Result<(), Full> {
    for chunk in bytes.utf8_chunks() {
        put_str(out, syntax, chunk.valid())?;
        if !chunk.invalid().is_empty() {
            out.put(REPLACEMENT)?;
        }
    }
    Ok(())
}

fn put_str(out: &mut Out<'_>, syntax: Syntax, text: &str) -> Result<(), Full> {
    let mut done = 0;
    for (at, c) in text.char_indices() {
        let control;
        let instead: &[u8] = match (syntax, c) {
            (Syntax::Xml, '&') => b"&amp;",
            (Syntax::Xml, '<') => b"&lt;",
            (Syntax::Xml, '>') => b"&gt;",
            (Syntax::Xml, '\r') => b"&#13;",
            (Syntax::Xml, c) if !is_xml_char(c) => REPLACEMENT,
            (Syntax::Json, '"') => b"\\\"",
            (Syntax::Json, '\\') => b"\\\\",
            (Syntax::Json, '\0'..' ') => {
                control = control_escape(c as u8);
                &control
            }
            _ => continue,
        };
        out.put(text.as_bytes().get(done..at).unwrap_or_default())?;
        out.put(instead)?;
        done = at + c.len_utf8();
    }
    out.put(text.as_bytes().get(done..).unwrap_or_default())
}

/// The escape of a control character, of which JSON knows 32: `\u000a`. The short ones, as `\n`, mean the same.
fn control_escape(byte: u8) -> [u8; 6] {
    [b'\\', b'u', b'0', b'0', hex_digit(byte >> 4), hex_digit(byte)]
}
