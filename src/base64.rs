//! RFC 4648's base64, for values of XML-RPC and for password files.

/// The six bits of a digit (RFC 4648, table 1).
#[must_use]
pub fn sextet(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Joins sextets to bytes, in the front of `to`, and returns how many there are; `None` where `to` has not the room. Bits
/// beyond the last byte are dropped.
#[must_use]
pub fn join(sextets: impl Iterator<Item = u8>, to: &mut [u8]) -> Option<usize> {
    let (mut len, mut bits, mut have) = (0, 0_u32, 0_u32);
    for sextet in sextets {
        bits = bits << 6 & 0xffff | u32::from(sextet);
        have += 6;
        if have >= 8 {
            have -= 8;
            // The mask is the byte itself.
            *to.get_mut(len)? = (bits >> have & 0xff) as u8;
            len += 1;
        }
    }
    Some(len)
}
