//! Byte strings taken apart.

/// `text` before and behind the first `separator`; all of it and nothing if there is none.
pub(crate) fn cut(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&b| b == separator).unwrap_or(text.len());
    (text.split_at(at).0, text.get(at + 1..).unwrap_or_default())
}
