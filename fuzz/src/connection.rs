//! A whole connection: the client's bytes through HTTP, XML-RPC, the procedures and a scripted kernel that may fail, and
//! all that comes back.
//!
//! The input is what the client sends. Behind its last byte 0xff, if that is near the end, stands what goes wrong: pairs of
//! bytes, a kind of request and what becomes of its answer. A session's id in it is written as 32 times `S`.

use super::hash;
use super::scripted::kernel::{self, DELETE, DUMP, GET, GET_STATS, GET_STATS_CPU, NEW};
use super::scripted::twist::Twist;
use super::scripted::{Bench, post, split};
use std::cell::RefCell;

/// Connections that one daemon serves before it is replaced, so that what it remembers can't pile up.
const A_DAEMON: usize = 1000;
/// Entries of the table.
const FLOWS: u16 = 24;
/// What stands for a session.
const SESSION: &[u8] = &[b'S'; 32];
/// The pairs behind the mark.
const MOST_SCRIPT: usize = 16;

/// A daemon, a session of it, and how many connections it is still good for.
struct Running {
    bench: Bench,
    session: String,
    left: usize,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// Plays `data`.
pub fn run(data: &[u8]) {
    let (bytes, script) = match data.iter().rposition(|&b| b == 0xff) {
        Some(at) if data.len() - at <= MOST_SCRIPT + 1 => (&data[..at], &data[at + 1..]),
        _ => (data, &[][..]),
    };
    RUNNING.with(|running| {
        let mut running = running.borrow_mut();
        if running.as_ref().is_none_or(|r| r.left == 0) {
            *running = Some(Running::new());
        }
        // Taken out, so that one which a panic leaves half done is not used again.
        let mut now = running.take().expect("a daemon");
        now.play(bytes, script);
        now.left -= 1;
        *running = Some(now);
    });
}

impl Running {
    fn new() -> Running {
        rctd::log::open(rctd::log::Level::Error);
        kernel::reset(FLOWS);
        let mut bench =
            Bench::new(&["--session-timeout", "86400", "--snapshot-flows", "30", "--log-level", "error"]);
        let call = "<methodCall><methodName>login</methodName></methodCall>";
        let (status, body) = split(&bench.exchange(&post(call)));
        let session = body.split("<string>").nth(1).and_then(|rest| rest.get(..32));
        let session = session.unwrap_or_else(|| panic!("no session: {status} {body}")).to_owned();
        Running { bench, session, left: A_DAEMON }
    }

    fn play(&mut self, bytes: &[u8], script: &[u8]) {
        kernel::reset(FLOWS);
        kernel::with(|kernel| kernel.per_datagram = 1 + script.first().map_or(7, |b| usize::from(b % 32)));
        for pair in script.chunks_exact(2) {
            let kind =
                [DUMP, DELETE, GET, NEW, GET_STATS, GET_STATS_CPU, DUMP, DUMP][usize::from(pair[0] % 8)];
            kernel::twist(kind, twist(pair[1], bytes));
        }
        let sent = self.with_session(bytes);
        let mut stream = self.bench.connect();
        // In two pieces: one that the daemon sees alone, and the rest.
        let cut = hash(bytes) as usize % (sent.len() + 1);
        let mut reply = Vec::new();
        if cut & 1 == 0 {
            std::io::Write::write_all(&mut &stream, &sent[..cut.min(4000)]).expect("room in a socket");
            self.bench.rounds();
            reply = self.bench.finish(&mut stream, &sent[cut.min(4000)..]);
        } else {
            reply.extend(self.bench.finish(&mut stream, &sent));
        }
        drop(stream);
        self.settle();
        replies(&reply);
        kernel::with(|kernel| {
            assert!(!kernel.flushed, "a delete without a tuple was sent");
            for sent in kernel.sent.iter().filter(|sent| sent.kind == DELETE) {
                assert!(
                    sent.get(kernel::TUPLE_ORIG).is_some_and(|t| !t.is_empty())
                        && sent.get(kernel::ID).is_some()
                );
            }
        });
    }

    /// The connection is over: nothing of it may be left.
    fn settle(&mut self) {
        for _ in 0..100 {
            let busy = self.bench.round();
            if self.bench.is_idle() && !busy {
                return;
            }
            self.bench.now_ms += 500;
        }
        panic!("the daemon has not done with a connection that is closed");
    }

    fn with_session(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(32).position(|part| part == SESSION) {
            bytes[at + found..at + found + 32].copy_from_slice(self.session.as_bytes());
            at += found + 32;
        }
        bytes
    }
}

/// What goes wrong, by one byte of the script.
fn twist(byte: u8, bytes: &[u8]) -> Twist {
    let at = usize::from(byte >> 4) % 8;
    let errno = [libc::ENOBUFS, libc::EPERM, libc::EINVAL, libc::ENOENT, libc::EBUSY][at % 5];
    match byte & 15 {
        0 => Twist::SendFails(errno),
        1 => Twist::RecvFails { at, errno },
        2 => Twist::Interrupted { at, times: 3 },
        3 => Twist::Refuse(errno),
        4 => Twist::RefuseAt { at, errno },
        5 => Twist::DumpIntr { at },
        6 => Twist::Overrun { at },
        7 => Twist::TooLong { at },
        8 => Twist::Cut { at, bytes: usize::from(byte) * 3 },
        9 => Twist::WrongSequence { at },
        10 => Twist::Garbage { at, bytes: bytes.iter().rev().take(600).copied().collect() },
        11 => Twist::Insert { at, bytes: bytes.iter().rev().take(600).copied().collect() },
        12 => Twist::Silence { at },
        13 => Twist::Split,
        14 => Twist::TakeOver,
        _ => Twist::Insert { at, bytes: Vec::new() },
    }
}

/// Everything that came back is replies, one after the other; only the last may be cut short, where the kernel failed in
/// the middle of a listing.
fn replies(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned();
        assert!(text.starts_with("HTTP/1."), "no reply: {text:?}");
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            panic!("half a head: {text:?}")
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
        if head.contains(" 100 ") {
            continue;
        }
        if let Some(length) = field("content-length:") {
            let length: usize = length.parse().expect("a length");
            // The reply to HEAD has none of the body that it tells of; no body begins as a head does.
            if bytes.starts_with(b"HTTP/1.") {
                continue;
            }
            bytes = bytes.get(length..).unwrap_or_else(|| {
                assert!(bytes.is_empty(), "a short body behind {head:?}");
                &[]
            });
        } else if field("transfer-encoding:").is_some() {
            let Some(rest) = chunks(bytes) else { return };
            bytes = rest;
        } else {
            return;
        }
    }
}

/// What follows a chunked body; `None` where it is cut short.
fn chunks(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let end = bytes.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|t| usize::from_str_radix(t, 16).ok());
        let size = size.expect("a chunk's size");
        let rest = bytes.get(end + 2 + size..)?;
        bytes = rest.strip_prefix(b"\r\n").unwrap_or_else(|| {
            assert!(rest.len() < 2, "no line end behind a chunk");
            &[]
        });
        if size == 0 {
            return Some(bytes);
        }
    }
}
