//! A client that costs as little as a client can: it keeps its connection and throws long replies away as they come.
use crate::common::raw::{Address, Stream, post};
use crate::common::xml::{self, Value};
use std::time::Duration;

/// Bytes of a reply that are kept from its front, and from its end.
const FRONT_BYTES: usize = 64 * 1024;
const TAIL_BYTES: usize = 512;

/// A deep page of a million flows, with every slot busy and so few rows for each, takes that many dumps.
const PATIENCE: Duration = Duration::from_secs(300);

/// One connection.
pub struct Caller {
    stream: Box<dyn Stream>,
    address: Address,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Default)]
pub struct Reply {
    /// Bytes before the body.
    pub head_bytes: usize,
    /// Bytes of the body.
    pub bytes: u64,
    front: Vec<u8>,
    tail: Vec<u8>,
}

/// Where in a chunked body the reader is.
enum Chunk {
    Size(u64),
    Data(u64),
    /// The end of a line; whether it is the last.
    End(u64, bool),
}

impl Caller {
    pub fn connect(address: &Address) -> Caller {
        let stream = address.connect_for(PATIENCE).expect("a connection to the server");
        Caller { stream, address: address.clone(), buffer: vec![0; 256 * 1024] }
    }

    /// The bytes of a call, to be sent as often as it takes.
    pub fn request(&self, method: &str, params: &[Value]) -> Vec<u8> {
        post(&self.address, &xml::call(method, params), "")
    }

    /// Sends a request and reads the reply to its end. Anything but a reply of status 200 without a fault ends the
    /// benchmark.
    pub fn send(&mut self, request: &[u8]) -> Reply {
        let reply = self.send_and_read(request, u64::MAX);
        assert!(!contains(&reply.front, b"<fault>"), "a fault: {}", String::from_utf8_lossy(&reply.front));
        reply
    }

    pub fn call(&mut self, method: &str, params: &[Value]) -> Reply {
        let request = self.request(method, params);
        self.send(&request)
    }

    /// Logs in; the session's id.
    pub fn login(&mut self) -> String {
        let request = self.request("login", &[]);
        self.session_of(&request)
    }

    /// Sends a request to log in; the session's id.
    pub fn session_of(&mut self, request: &[u8]) -> String {
        let reply = self.send(request);
        let text = String::from_utf8_lossy(&reply.front).into_owned();
        let (_, after) = text.split_once("<string>").expect("a session's id");
        after.split('<').next().expect("the end of it").to_owned()
    }

    /// The same, and stops in the middle when more than `most` bytes of the body have come: the connection is of no use
    /// after that.
    pub fn send_and_read(&mut self, request: &[u8], most: u64) -> Reply {
        self.stream.write_all(request).expect("the request to be sent");
        let (length, head_bytes, filled) = self.head();
        let mut reply = Reply { head_bytes, ..Reply::default() };
        let mut state = length.map_or(Chunk::Size(0), |length| Chunk::Data(length as u64));
        let chunked = length.is_none();
        let mut rest = head_bytes..filled;
        loop {
            if read_body(&self.buffer[rest], &mut state, chunked, &mut reply) || reply.bytes > most {
                return reply;
            }
            let count = self.stream.read(&mut self.buffer).expect("more of the reply");
            assert!(count > 0, "the connection was closed in the middle of a reply");
            rest = 0..count;
        }
    }

    /// Reads the head: the body's length (`None`: chunked), where it begins in the buffer, and how much is there.
    fn head(&mut self) -> (Option<usize>, usize, usize) {
        let mut filled = 0;
        let end = loop {
            if let Some(at) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let count = self.stream.read(&mut self.buffer[filled..]).expect("the reply's head");
            assert!(count > 0, "the connection was closed before the reply");
            filled += count;
        };
        let text = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        assert!(text.split(' ').nth(1) == Some("200"), "not a reply of status 200: {text}");
        let length = text.split("content-length:").nth(1).and_then(|after| after.lines().next());
        let length = length.map(|digits| digits.trim().parse().expect("a number of bytes"));
        assert!(length.is_some() || text.contains("chunked"), "neither a length nor chunks: {text}");
        (length, end, filled)
    }
}

/// Takes in a piece of the body. Whether it was the last.
fn read_body(mut piece: &[u8], state: &mut Chunk, chunked: bool, reply: &mut Reply) -> bool {
    loop {
        *state = match *state {
            Chunk::Data(left) => {
                let take = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                reply.take(&piece[..take]);
                piece = &piece[take..];
                match left - take as u64 {
                    0 if chunked => Chunk::End(2, false),
                    0 => return true,
                    left => Chunk::Data(left),
                }
            }
            Chunk::End(0, last) if last => return true,
            Chunk::End(0, _) => Chunk::Size(0),
            _ if piece.is_empty() => return false,
            Chunk::End(left, last) => {
                piece = &piece[1..];
                Chunk::End(left - 1, last)
            }
            Chunk::Size(size) => {
                let byte = piece[0];
                piece = &piece[1..];
                match (char::from(byte).to_digit(16), byte, size) {
                    (Some(digit), _, _) => Chunk::Size(size * 16 + u64::from(digit)),
                    (None, b'\n', 0) => Chunk::End(2, true),
                    (None, b'\n', size) => Chunk::Data(size),
                    _ => Chunk::Size(size),
                }
            }
        };
        if piece.is_empty() && !matches!(*state, Chunk::End(0, true)) {
            return false;
        }
    }
}

impl Reply {
    fn take(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        let room = FRONT_BYTES.saturating_sub(self.front.len()).min(piece.len());
        self.front.extend_from_slice(&piece[..room]);
        if piece.len() >= TAIL_BYTES {
            self.tail.clear();
        }
        self.tail.extend_from_slice(&piece[piece.len().saturating_sub(TAIL_BYTES)..]);
        let more = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..more);
    }

    /// The last number under this name in the reply's end, or else in its front.
    pub fn number(&self, name: &str) -> u64 {
        let tag = format!("<name>{name}</name><value><int>");
        let find = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.rsplit_once(&tag).and_then(|(_, after)| after.split('<').next()?.parse().ok())
        };
        find(&self.tail).or_else(|| find(&self.front)).unwrap_or_else(|| panic!("no {name} in the reply"))
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
