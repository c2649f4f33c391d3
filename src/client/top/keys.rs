//! Bytes that a terminal sends, as keys.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A byte of text.
    Byte(u8),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Escape,
    Enter,
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// What terminals send for keys, behind ESC. Of a key that is none of these all is dropped.
const SEQUENCES: &[(&[u8], Key)] = &[
    (b"[A", Key::Up),
    (b"OA", Key::Up),
    (b"[B", Key::Down),
    (b"OB", Key::Down),
    (b"[5~", Key::PageUp),
    (b"[6~", Key::PageDown),
    (b"[H", Key::Home),
    (b"OH", Key::Home),
    (b"[1~", Key::Home),
    (b"[7~", Key::Home),
    (b"[F", Key::End),
    (b"OF", Key::End),
    (b"[4~", Key::End),
    (b"[8~", Key::End),
];

/// The keys of what was read at once. A terminal sends the bytes of one key together, so that ESC with nothing behind it is
/// the key of this name.
pub(super) fn parse(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = rest;
        keys.push(match first {
            3 => Key::Interrupt,
            b'\r' | b'\n' => Key::Enter,
            8 | 127 => Key::Backspace,
            27 => match sequence(rest) {
                Some((key, length)) => {
                    bytes = rest.get(length..).unwrap_or_default();
                    match key {
                        Some(key) => key,
                        None => continue,
                    }
                }
                None => Key::Escape,
            },
            byte => Key::Byte(byte),
        });
    }
    keys
}

/// The key of a sequence, if it is known, and the bytes of the sequence; `None` for what is none.
fn sequence(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let introduced = matches!(bytes.first(), Some(b'[' | b'O'));
    let parameters = bytes.get(1..)?.iter().take_while(|byte| !(0x40..=0x7e).contains(*byte)).count();
    let length = parameters + 2;
    let whole = bytes.get(..length).filter(|_| introduced)?;
    Some((SEQUENCES.iter().find(|(sequence, _)| *sequence == whole).map(|(_, key)| *key), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        use Key::*;
        for (bytes, keys) in [
            (&b"q/"[..], vec![Byte(b'q'), Byte(b'/')]),
            (b"\x1b[A\x1bOB\x1b[5~\x1b[6~x", vec![Up, Down, PageUp, PageDown, Byte(b'x')]),
            (b"\x1b[H\x1b[4~", vec![Home, End]),
            (b"\x1b", vec![Escape]),
            (b"\x1bx", vec![Escape, Byte(b'x')]),
            (b"\x1b\x1b[B", vec![Escape, Down]),
            (b"\x1b[1;5A\x1b[24~a", vec![Byte(b'a')]),
            (b"\x1b[", vec![Escape, Byte(b'[')]),
            (b"a\r\x7f\x08\x03", vec![Byte(b'a'), Enter, Backspace, Backspace, Interrupt]),
        ] {
            assert_eq!(parse(bytes), keys, "{bytes:?}");
        }
    }
}
