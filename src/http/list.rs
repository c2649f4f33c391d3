//! Lists in the values of header fields (RFC 9110 section 5.6.1).

/// The elements of a comma-separated list, without the empty ones (RFC 9110 section 5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}
