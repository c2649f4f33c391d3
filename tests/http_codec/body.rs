//! Bodies: the same however they are cut, bounded, and never over the next request's bytes.

use rctd::http::{BUFFER_BYTES, Body, BodyProgress, Error, Framing, SPARE_BYTES};
use rctd::limits::{BODY_BYTES, CHUNK_EXTENSION_BYTES, CHUNK_FRAMING_BYTES, HEAD_BYTES};

/// What came of a body: its bytes, and how many raw bytes it took.
pub type Outcome = Result<Option<(Vec<u8>, usize)>, Error>;

/// Feeds raw bytes in pieces of the lengths given (the last one repeats) into a buffer of `size` bytes, as a
/// server would. None: they ended before the body did.
pub fn feed(framing: Framing, raw: &[u8], pieces: &[usize], size: usize) -> Outcome {
    let mut buf = vec![0xee; size];
    let (mut reader, mut filled, mut sent) = (Body::new(framing), 0, 0);
    let mut lengths = pieces.iter().chain(pieces.last().into_iter().cycle());
    loop {
        match reader.advance(&mut buf, filled)? {
            BodyProgress::Done { body_len, consumed } => {
                // What follows the body is as it was sent.
                let follows = &buf[consumed..filled];
                let used = sent - follows.len();
                assert_eq!(follows, &raw[used..sent], "the next request's bytes");
                let again = reader.advance(&mut buf, filled);
                assert_eq!(again, Ok(BodyProgress::Done { body_len, consumed }));
                return Ok(Some((buf[..body_len].to_vec(), used)));
            }
            BodyProgress::More { filled: kept, wants } => {
                assert!(kept <= filled && kept < wants, "{kept} {filled} {wants}");
                assert!(wants <= size, "a buffer of {size} must do, {wants} wanted");
                filled = kept;
            }
        }
        if sent == raw.len() {
            return Ok(None);
        }
        let length = lengths.next().copied().unwrap_or(raw.len()).max(1);
        let length = length.min(raw.len() - sent).min(size - filled);
        assert!(length > 0, "a full buffer and no progress");
        buf[filled..filled + length].copy_from_slice(&raw[sent..sent + length]);
        filled += length;
        sent += length;
    }
}

/// All raw bytes in one piece.
fn at_once(raw: &[u8]) -> Outcome {
    feed(Framing::Chunked, raw, &[raw.len()], raw.len().max(BUFFER_BYTES))
}

/// A body in chunks, each with this extension, without the last one.
fn chunks(body: &[u8], size: usize, extension: &str) -> Vec<u8> {
    let mut raw = Vec::new();
    for part in body.chunks(size) {
        raw.extend(format!("{:x}{extension}\r\n", part.len()).bytes());
        raw.extend(part);
        raw.extend(b"\r\n");
    }
    raw
}

/// Bytes that differ from place to place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[test]
fn known_lengths() {
    for (length, raw, body) in [
        (0, "", Some("")),
        (0, "POST", Some("")),
        (5, "hello", Some("hello")),
        (5, "helloPOST", Some("hello")),
        (5, "hell", None),
    ] {
        for pieces in 1..=raw.len().max(1) {
            let got = feed(Framing::Length(length), raw.as_bytes(), &[pieces], 64);
            let wanted = body.map(|body| (body.as_bytes().to_vec(), length));
            assert_eq!(got, Ok(wanted), "{raw} of {length} by {pieces}");
        }
    }
    let wants = Body::new(Framing::Length(700)).advance(&mut [0; 8], 8);
    assert_eq!(wants, Ok(BodyProgress::More { filled: 8, wants: 700 }));
}

#[test]
fn chunked_at_every_two_cuts() {
    let raw = b"5\r\nhello\r\n0011 ; n=\"v\"\r\n, world of 0\r\n\r\nx\r\n1;x\r\n!\r\n0\r\nX-Sum: \t1\r\nY:\r\n\r\nPOST /RPC2 HTTP/1.1";
    let used = raw.len() - "POST /RPC2 HTTP/1.1".len();
    let body = b"hello, world of 0\r\n\r\nx!".to_vec();
    for first in 1..raw.len() {
        for second in 1..=raw.len() - first {
            let got = feed(Framing::Chunked, raw, &[first, second], 23 + SPARE_BYTES);
            assert_eq!(got, Ok(Some((body.clone(), used))), "{first} {second}");
        }
    }
    for end in 0..used {
        let got = feed(Framing::Chunked, &raw[..end], &[7], 23 + SPARE_BYTES);
        assert_eq!(got, Ok(None), "cut at {end}");
    }
    assert_eq!(at_once(b"0\r\n\r\n"), Ok(Some((vec![], 5))));
    assert_eq!(at_once(b"000\r\n\r\nx"), Ok(Some((vec![], 7))));
}

#[test]
fn malformed_chunks() {
    for (raw, error) in [
        ("\r\n", Error::ChunkSyntax),
        ("\n", Error::ChunkSyntax),
        (";x\r\n", Error::ChunkSyntax),
        (" 5\r\nhello\r\n", Error::ChunkSyntax),
        ("5 \r\nhello\r\n", Error::ChunkSyntax),
        ("5 5\r\nhello\r\n", Error::ChunkSyntax),
        ("5\nhello\r\n", Error::ChunkSyntax),
        ("5\rhello\r\n", Error::ChunkSyntax),
        ("5\r\r\nhello\r\n", Error::ChunkSyntax),
        ("5;a\nb\r\nhello\r\n", Error::ChunkSyntax),
        ("5;a\rb\r\nhello\r\n", Error::ChunkSyntax),
        ("5;a\0b\r\nhello\r\n", Error::ChunkSyntax),
        ("+5\r\nhello\r\n", Error::ChunkSyntax),
        ("-5\r\nhello\r\n", Error::ChunkSyntax),
        ("0x5\r\nhello\r\n", Error::ChunkSyntax),
        ("5_0\r\nhello\r\n", Error::ChunkSyntax),
        ("g\r\n", Error::ChunkSyntax),
        ("5\r\nhelloX\r\n", Error::ChunkSyntax),
        ("5\r\nhello\n", Error::ChunkSyntax),
        ("5\r\nhello\rX", Error::ChunkSyntax),
        ("5\r\nhello0\r\n\r\n", Error::ChunkSyntax),
        ("000000005\r\nhello\r\n", Error::ChunkSyntax),
        ("ffffffffffffffff1\r\n", Error::ChunkSyntax),
        ("10000000000000005\r\n", Error::ChunkSyntax),
        ("ffffffff\r\n", Error::BodyTooLarge),
        ("80000000\r\n", Error::BodyTooLarge),
        ("0\r\n X: folded\r\n\r\n", Error::TrailerSyntax),
        ("0\r\nX : y\r\n\r\n", Error::TrailerSyntax),
        ("0\r\n: y\r\n\r\n", Error::TrailerSyntax),
        ("0\r\nX\r\n\r\n", Error::TrailerSyntax),
        ("0\r\nX: a\nY: b\r\n\r\n", Error::TrailerSyntax),
        ("0\r\nX: a\rb\r\n\r\n", Error::TrailerSyntax),
        ("0\r\nX: a\0b\r\n\r\n", Error::TrailerSyntax),
        ("0\r\nX: y\r\n folded\r\n\r\n", Error::TrailerSyntax),
        ("0\r\n\n", Error::TrailerSyntax),
        ("0\r\n\rX", Error::TrailerSyntax),
    ] {
        for piece in [1, 2, raw.len()] {
            let got = feed(Framing::Chunked, raw.as_bytes(), &[piece], BUFFER_BYTES);
            assert_eq!(got, Err(error), "{raw:?} by {piece}");
        }
    }
}

#[test]
fn body_bytes_exactly_and_by_one() {
    assert_eq!(BUFFER_BYTES, BODY_BYTES + SPARE_BYTES, "no more is needed");
    let body = pattern(BODY_BYTES);
    for size in [1, 2, 15, 16, 4096, BODY_BYTES] {
        let mut raw = chunks(&body, size, "");
        let open = raw.len();
        raw.extend(b"0\r\n\r\n");
        let used = raw.len();
        raw.extend(b"next");
        // The buffer that is promised to do, filled to its brim each time.
        let got = feed(Framing::Chunked, &raw, &[BUFFER_BYTES], BUFFER_BYTES);
        assert!(got == Ok(Some((body.clone(), used))), "chunks of {size}");
        raw.truncate(open);
        raw.extend(b"1\r\nx\r\n0\r\n\r\n");
        let got = feed(Framing::Chunked, &raw, &[1000], BUFFER_BYTES);
        assert!(got == Err(Error::BodyTooLarge), "one more in chunks of {size}");
    }
    // Refused when it is announced, not when it has come.
    let announced = format!("{:x}\r\n", BODY_BYTES + 1);
    assert_eq!(at_once(announced.as_bytes()), Err(Error::BodyTooLarge));
}

#[test]
fn extensions_exactly_and_by_one() {
    let with = |extension: usize, digits: usize| {
        let extension = "x".repeat(extension - 1);
        format!("{:0>digits$};{extension}\r\nab\r\n0\r\n\r\n", 2)
    };
    let longest = with(CHUNK_EXTENSION_BYTES, 8);
    assert_eq!(longest.find('\n'), Some(SPARE_BYTES - 1), "the longest line there can be");
    for piece in [1, 100, 1000] {
        let fed = |raw: &str| feed(Framing::Chunked, raw.as_bytes(), &[piece], 2 + SPARE_BYTES);
        assert_eq!(fed(&longest), Ok(Some((b"ab".to_vec(), longest.len()))));
        for digits in [1, 7, 8] {
            let over = with(CHUNK_EXTENSION_BYTES + 1, digits);
            assert_eq!(fed(&over), Err(Error::ChunkSyntax), "{digits} digits");
        }
        // One that never ends.
        assert_eq!(fed(&format!("2;{}", "x".repeat(5000))), Err(Error::ChunkSyntax));
    }
}

#[test]
fn trailers_exactly_and_by_one() {
    let with = |bytes: usize| format!("0\r\nX: {}\r\n\r\n", "y".repeat(bytes - 7));
    let exact = with(HEAD_BYTES);
    // The empty line's LF is the end itself, and not counted.
    let exact_and_end = with(HEAD_BYTES + 1);
    for piece in [1, 999] {
        let fed = |raw: &str| feed(Framing::Chunked, raw.as_bytes(), &[piece], BUFFER_BYTES);
        assert_eq!(fed(&exact), Ok(Some((vec![], exact.len()))));
        assert_eq!(fed(&exact_and_end), Ok(Some((vec![], exact_and_end.len()))));
        assert_eq!(fed(&with(HEAD_BYTES + 2)), Err(Error::TrailerTooLong));
        assert_eq!(fed(&with(HEAD_BYTES * 4)), Err(Error::TrailerTooLong));
    }
}

#[test]
fn chunks_that_are_mostly_framing() {
    // One byte each and the longest extension: refused long before the body is full.
    let extension = format!(";{}", "x".repeat(CHUNK_EXTENSION_BYTES - 1));
    let each = 1 + CHUNK_EXTENSION_BYTES + 2 + 2;
    let enough = CHUNK_FRAMING_BYTES / each;
    let mut raw = chunks(&pattern(enough), 1, &extension);
    let open = raw.len();
    let pad = CHUNK_FRAMING_BYTES - enough * each;
    // What is left of the limit exactly: a last chunk's line, then the empty line.
    let line = format!("0;{}\r\n\r\n", "x".repeat(pad - 6));
    raw.extend(line.bytes());
    let got = feed(Framing::Chunked, &raw, &[4096], BUFFER_BYTES);
    assert!(got == Ok(Some((pattern(enough), raw.len()))), "exactly");
    raw.truncate(open);
    raw.extend(line.replace(';', ";x").bytes());
    let got = feed(Framing::Chunked, &raw, &[4096], BUFFER_BYTES);
    assert!(got == Err(Error::ChunkOverhead), "by one");
}

#[test]
fn a_dribbled_size_line_costs_each_byte_once() {
    // As with heads: bytes looked at are not looked at again, so a line end put among them goes unseen.
    let mut buf = *b"5;xxxxxxxxxxxxxxxxxxxx\r\nhello";
    let mut body = Body::new(Framing::Chunked);
    let wants = SPARE_BYTES;
    assert_eq!(body.advance(&mut buf, 7), Ok(BodyProgress::More { filled: 7, wants }));
    buf[1..3].copy_from_slice(b"\r\n");
    assert_eq!(body.advance(&mut buf, 8), Ok(BodyProgress::More { filled: 8, wants }));
}

#[test]
fn a_buffer_is_asked_for_once_a_chunk() {
    // All of a chunk, and the size line behind it, at once: not a line's worth each time.
    let mut buf = *b"1000\r\nabc............................";
    let mut body = Body::new(Framing::Chunked);
    let wants = 0x1000 + SPARE_BYTES;
    assert_eq!(body.advance(&mut buf, 9), Ok(BodyProgress::More { filled: 3, wants }));
    assert_eq!(body.advance(&mut buf, 20), Ok(BodyProgress::More { filled: 20, wants }));
}

#[test]
fn a_caller_s_mistake_is_an_error() {
    let mut buf = *b"5\r\nhello\r\n";
    let mut body = Body::new(Framing::Chunked);
    assert_eq!(body.advance(&mut buf, 11), Err(Error::Internal));
    assert_eq!(body.advance(&mut [], 1), Err(Error::Internal));
    assert!(matches!(body.advance(&mut buf, 8), Ok(BodyProgress::More { filled: 5, .. })));
    assert_eq!(body.advance(&mut buf, 4), Err(Error::Internal));
}
