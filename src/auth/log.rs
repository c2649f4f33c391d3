//! Names from the network made safe for a log.

use heapless::String;

use crate::limits::LOG_NAME_BYTES;
use crate::out::hex_digit;

/// What tells that the rest of a name was cut.
const CUT: &str = "...";

/// `name` as printable ASCII in one line: any other byte, and quotes and backslashes, as `\xNN`, so that nobody can
/// forge a line of the log, end a quoted name or send a terminal an escape sequence. A name that would take more than
/// [`LOG_NAME_BYTES`] is cut and ends in `...`.
pub fn printable(name: &[u8]) -> String<LOG_NAME_BYTES> {
    let mut text = String::new();
    let mut rest = name.iter();
    for &byte in rest.by_ref() {
        let plain = (byte.is_ascii_graphic() || byte == b' ') && !matches!(byte, b'\\' | b'"' | b'\'');
        let escaped = [b'\\', b'x', hex_digit(byte >> 4), hex_digit(byte)];
        let shown: &[u8] = if plain { &[byte] } else { &escaped };
        if text.len() + shown.len() + CUT.len() > LOG_NAME_BYTES {
            let _ = text.push_str(CUT);
            break;
        }
        // It is ASCII, and there is room: that was just checked.
        let _ = text.push_str(core::str::from_utf8(shown).unwrap_or_default());
    }
    text
}
