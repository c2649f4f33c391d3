//! The values of header fields taken apart: lists (RFC 9110 section 5.6.1) and what stands before and behind a separator.

/// The elements of a comma-separated list, without the empty ones (RFC 9110 section 5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// `text` before and behind the first `separator`; all of it and nothing if there is none.
pub(super) fn cut(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&b| b == separator).unwrap_or(text.len());
    (text.split_at(at).0, text.get(at + 1..).unwrap_or_default())
}
