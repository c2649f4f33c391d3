//! Nonsense made of real requests: nothing panics, everything ends, and how bytes are cut never matters.
//!
//! The random numbers are our own and start the same each time: a failure names its round and comes back.

use rctd::http::{BUFFER_BYTES, Error, Framing, Head, HeadReader, Via};

use crate::body::{Outcome, feed};
use crate::clients::CLIENTS;
use crate::policy;
use crate::random::Random;

/// Pieces of heads and chunks that parsers trip over.
const PIECES: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0\r\n\r\n",
    b"ffffffff\r\n",
    b"5\r\nhello\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: evil.example\r\n",
    b"Origin: null\r\n",
    b"Content-Type: text/xml; charset=\"",
    b"Expect: 100-continue\r\n",
    b"http://[::1]:80/",
    b"HTTP/1.0",
    b"\xff\xfe",
    b"\"",
];

/// Changes a few places: a byte, a piece put in, a stretch taken out or doubled.
fn mutate(random: &mut Random, request: &[u8]) -> Vec<u8> {
    let mut bytes = request.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + random.below(24)).min(bytes.len());
        match random.below(5) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ if end - at < bytes.len() => {
                bytes.drain(at..end);
            }
            _ => {}
        }
    }
    bytes
}

/// Reads a head that comes in pieces of random length.
fn read_in_pieces(random: &mut Random, bytes: &[u8], via: Via) -> Result<Option<(Head, usize)>, Error> {
    let (mut reader, mut have, policy) = (HeadReader::default(), 0, policy());
    loop {
        have = (have + 1 + random.below(60)).min(bytes.len());
        match reader.read(&bytes[..have], &policy, via) {
            Ok(None) if have < bytes.len() => {}
            outcome => return outcome,
        }
    }
}

/// A second, plain decoder of chunks, to hold against: all at once, and with a `Vec`. None: not accepted.
fn plain_chunks(mut raw: &[u8]) -> Option<Vec<u8>> {
    fn line(raw: &mut &[u8]) -> Option<String> {
        let end = raw.windows(2).position(|pair| pair == b"\r\n")?;
        let text = String::from_utf8_lossy(&raw[..end]).into_owned();
        *raw = &raw[end + 2..];
        text.bytes().all(|b| b == b'\t' || !b.is_ascii_control()).then_some(text)
    }
    let mut body = Vec::new();
    loop {
        let size = line(&mut raw)?;
        let size = size.split(';').next()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend(raw.get(..size)?);
        raw = raw.get(size..)?.strip_prefix(b"\r\n")?;
    }
    while !line(&mut raw)?.is_empty() {}
    Some(body)
}

/// One mutated request through head and body, in one piece and in many.
fn play(random: &mut Random, bytes: &[u8]) -> (bool, Option<Outcome>) {
    let via = [Via::Tcp, Via::Unix][random.below(2)];
    let whole = HeadReader::default().read(bytes, &policy(), via);
    assert_eq!(read_in_pieces(random, bytes, via), whole);
    let Ok(Some((head, len))) = whole else {
        return (false, None);
    };
    let raw = &bytes[len..];
    (true, Some(play_body(random, head.framing, raw)))
}

fn play_body(random: &mut Random, framing: Framing, raw: &[u8]) -> Outcome {
    let once = feed(framing, raw, &[raw.len()], BUFFER_BYTES);
    let pieces: Vec<usize> = (0..8).map(|_| 1 + random.below(50)).collect();
    assert_eq!(feed(framing, raw, &pieces, BUFFER_BYTES), once);
    if let (Framing::Chunked, Ok(Some((body, used)))) = (framing, &once) {
        assert_eq!(plain_chunks(&raw[..*used]).as_ref(), Some(body));
    }
    once
}

#[test]
fn mutated_requests() {
    let mut random = Random::new(1);
    let (mut heads, mut bodies) = (0, 0);
    for round in 0..200_000 {
        let (_, request) = CLIENTS[random.below(CLIENTS.len())];
        let bytes = mutate(&mut random, request);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&mut random, &bytes)));
        let Ok((head, body)) = played else { panic!("round {round}: {:?}", String::from_utf8_lossy(&bytes)) };
        heads += usize::from(head);
        bodies += usize::from(matches!(body, Some(Ok(Some(_)))));
    }
    // If nearly all were refused at once, this would test little.
    assert!(heads > 20_000 && bodies > 10_000, "{heads} heads, {bodies} bodies");
}

#[test]
fn mutated_chunks() {
    let mut random = Random::new(2);
    let seed = b"5\r\nhello\r\n1a;n=v\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX: y\r\n\r\nPOST";
    let (mut done, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let bytes = mutate(&mut random, seed);
        match play_body(&mut random, Framing::Chunked, &bytes) {
            Ok(Some(_)) => done += 1,
            Ok(None) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(done > 10_000 && refused > 10_000, "{done} done, {refused} refused");
}
