//! A chunked body: the same however it is cut, and what a plain decoder makes of it.

use super::hash;
use rctd::http::{BUFFER_BYTES, Body, BodyProgress, Error, Framing};
use rctd::limits::BODY_BYTES;
use std::cell::RefCell;

/// The body and the bytes it took, `None` if it is not whole, or the error.
type Outcome = Result<Option<(Vec<u8>, usize)>, Error>;

thread_local! {
    /// What is in it from the last body makes no difference to the next.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Reads `data` as a chunked body, and as one of a length that depends on it.
pub fn run(data: &[u8]) {
    let length = (hash(data) % (data.len() as u64 + 2)) as usize;
    let pieces = 1 + (hash(data) >> 32) as usize % 37;
    for framing in [Framing::Chunked, Framing::Length(length.min(BODY_BYTES))] {
        let whole = feed(framing, data, data.len().max(1));
        assert_eq!(feed(framing, data, pieces), whole, "cutting a body changes it");
        match (framing, &whole) {
            (_, Ok(Some((body, used)))) if body.len() > BODY_BYTES || *used > data.len() => {
                panic!("beyond its bounds")
            }
            (Framing::Chunked, Ok(Some((body, used)))) => {
                assert_eq!(plain(&data[..*used]).as_ref(), Some(body), "two decoders differ");
            }
            (Framing::Length(length), _) => {
                let expected = data.get(..length).map(|body| (body.to_vec(), length));
                assert_eq!(whole, Ok(expected));
            }
            _ => {}
        }
    }
}

/// Gives the body `step` bytes at a time, as far as there is room.
fn feed(framing: Framing, data: &[u8], step: usize) -> Outcome {
    BUFFER.with(|buffer| feed_to(&mut buffer.borrow_mut(), framing, data, step))
}

fn feed_to(buffer: &mut [u8], framing: Framing, data: &[u8], step: usize) -> Outcome {
    let (mut body, mut filled, mut at, mut kept) = (Body::new(framing), 0, 0, 0);
    loop {
        let count = step.min(data.len() - at).min(buffer.len() - filled);
        buffer[filled..filled + count].copy_from_slice(&data[at..at + count]);
        (at, filled) = (at + count, filled + count);
        match body.advance(buffer, filled)? {
            BodyProgress::Done { body_len, consumed } => {
                // Bytes of the next request stay where they are.
                let behind = filled - consumed;
                assert_eq!(buffer[consumed..filled], data[at - behind..at]);
                return Ok(Some((buffer[..body_len].to_vec(), at - behind)));
            }
            BodyProgress::More { filled: now, wants } => {
                assert!(
                    now <= filled && wants <= BUFFER_BYTES && now < BUFFER_BYTES,
                    "no room is left to go on"
                );
                filled = now;
            }
        }
        kept = if count == 0 { kept + 1 } else { 0 };
        if at == data.len() && kept > 0 {
            return Ok(None);
        }
    }
}

/// A decoder that is written the plain way, for bodies that end where `raw` does.
fn plain(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let text = line(&mut raw)?;
        let size = usize::from_str_radix(text.split(';').next()?.trim_end(), 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend(raw.get(..size)?);
        raw = raw.get(size..)?.strip_prefix(b"\r\n")?;
    }
    while !line(&mut raw)?.is_empty() {}
    raw.is_empty().then_some(body)
}

fn line(raw: &mut &[u8]) -> Option<String> {
    let end = raw.windows(2).position(|pair| pair == b"\r\n")?;
    let text = String::from_utf8_lossy(&raw[..end]).into_owned();
    *raw = &raw[end + 2..];
    text.bytes().all(|b| b == b'\t' || !b.is_ascii_control()).then_some(text)
}
