//! Text that others have chosen (labels, names, replies), made safe for a terminal.

use crate::query::names::turns_text;

/// Appends `bytes` so that a terminal shows them and obeys nothing: what is no printable character, such as the beginning of
/// an escape sequence, stands as its number, `\x1b` or `\u202e`. Bytes that are not UTF-8 stand as theirs.
pub(super) fn push_shown(to: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_shown(c) {
                to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            } else if u32::from(c) < 0x100 {
                push_hex(to, b'x', 2, c.into());
            } else {
                push_hex(to, b'u', 4, c.into());
            }
        }
        chunk.invalid().iter().for_each(|&byte| push_hex(to, b'x', 2, byte.into()));
    }
}

/// Whether a terminal shows the character: neither a control character nor one that changes the direction of text, or that
/// has no width.
pub(super) fn is_shown(c: char) -> bool {
    !c.is_control()
        && !turns_text(c)
        && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn push_hex(to: &mut Vec<u8>, letter: u8, digits: u32, number: u32) {
    to.extend_from_slice(&[b'\\', letter]);
    to.extend((0..digits).rev().map(|digit| crate::out::hex_digit((number >> (4 * digit)) as u8)));
}

/// A text that comes in parts, as a terminal may have it: a character may begin in one part and end in the next.
#[derive(Default)]
pub(super) struct Parts {
    /// The beginning of a character, which is 3 bytes at most.
    begun: Vec<u8>,
}

impl Parts {
    /// What can be shown with this part; with an empty one, which is the end, all that is left.
    pub(super) fn shown(&mut self, part: &[u8]) -> Vec<u8> {
        self.begun.extend_from_slice(part);
        let last = self.begun.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
        let is_begun = core::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
        let begun = if is_begun && !part.is_empty() { last.len() } else { 0 };
        let (mut to, whole) = (Vec::new(), self.begun.len() - begun);
        push_shown(&mut to, self.begun.get(..whole).unwrap_or_default());
        self.begun.drain(..whole);
        to
    }
}

/// The text as a terminal may have it.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    push_shown(&mut text, bytes);
    String::from_utf8(text).unwrap_or_default()
}

/// A number of this base, with spaces around it or not.
pub(super) fn number(text: &[u8], base: u32) -> Option<u64> {
    u64::from_str_radix(core::str::from_utf8(text.trim_ascii()).ok()?, base).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_characters() {
        assert_eq!(shown(b"\x1b[2J\x07a\x00\x7f"), "\\x1b[2J\\x07a\\x00\\x7f");
        assert_eq!(shown("na\u{ef}ve \u{9b}31m \u{202e}txt".as_bytes()), "na\u{ef}ve \\x9b31m \\u202etxt");
        assert_eq!(shown(b"a\xffb\xe2\x82"), "a\\xffb\\xe2\\x82");
        assert_eq!(shown("\u{1f600}".as_bytes()), "\u{1f600}");
    }

    #[test]
    fn parts_end_anywhere() {
        let text = b"a\x1b[2J\xc2\x9b31m\xf0\x9f\x98\x80\xff\xe2\x80\xaeb\xe2\x82";
        for size in 1..=text.len() {
            let mut parts = Parts::default();
            let mut all: Vec<u8> = text.chunks(size).flat_map(|part| parts.shown(part)).collect();
            all.extend(parts.shown(b""));
            assert_eq!(String::from_utf8(all).unwrap(), shown(text), "{size}");
        }
    }
}
