//! One client's connection: an enum of states, and the bytes that go in and out.
//!
//! ```text
//!           +--------------------- next request -----------------------+
//!           v                                                          |
//! accept -> Head -> Body -> Calling -> (reply written and sent) -------+-> close
//!            |        |                                                    ^
//!            +--------+--> refused by HTTP -> Last -> Draining ------------+
//! ```
//! Readiness is edge-triggered: `readable` and `writable` stay set until a call said `WouldBlock`.

use super::input::{Input, LargeBuffers};
use super::listen::Socket;
use crate::auth::Peer;
use crate::charset::{self, Charset};
use crate::http::{
    self, Body, BodyProgress, CHUNK_OVERHEAD, CONTINUE, Error, Head, HeadReader, LAST_CHUNK, Media, Policy,
    ReplyBody, Route, Status, Via,
};
use crate::limits::{BODY_MS, DRAIN_BYTES, DRAIN_MS, HEAD_MS, IDLE_MS, OUTPUT_BYTES, WRITE_MS};
use crate::out::Out;
use std::io::ErrorKind;

/// Room in front of a reply's data for its head, and for a chunk's size.
const HEAD_ROOM: usize = 256;
/// Room behind it for the end of a chunk, and for the last chunk.
const TAIL_ROOM: usize = LAST_CHUNK.len();
/// Bytes of a chunk's size line.
const SIZE_LINE: usize = CHUNK_OVERHEAD - 2;

/// Where a client is.
#[derive(Clone, Copy, Debug)]
pub enum State {
    /// A request's head is to come, or has come in part.
    Head(HeadReader),
    /// The head is known, the body is to come or has come in part.
    Body(Head, Body),
    /// The body is here; the engine works on the call, or the reply goes out. With `begun` its head is written.
    Calling {
        /// The request's head.
        head: Head,
        /// The reply's head is written.
        begun: bool,
        /// The reply is written to its end.
        ended: bool,
    },
    /// The last reply, which says why the connection ends, goes out.
    Last,
    /// So many bytes are still read and thrown away, so that the client gets to read that reply.
    Draining(usize),
}

/// What to do with a client next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on: it may get further at once.
    Go,
    /// Nothing can be done until the socket is ready, or something else has happened.
    Wait,
    /// A call is complete in the buffer: hand it to the engine.
    Call,
    /// It gets no further without a large buffer: see [`Client::enlarge`].
    Enlarge,
    /// Close the connection.
    Close,
}

/// One client's connection.
pub struct Client {
    /// `None` once it was closed.
    socket: Option<Socket>,
    /// Who it is.
    pub peer: Peer,
    via: Via,
    /// Where it is.
    pub state: State,
    /// What came in.
    pub input: Input,
    output: Box<[u8]>,
    /// What of the output is still to be sent.
    pending: core::ops::Range<usize>,
    /// The socket may have something to read.
    pub readable: bool,
    /// The socket may take something.
    pub writable: bool,
    /// When it is cut off, in milliseconds.
    pub deadline_ms: u64,
    /// When it last got further, in milliseconds.
    pub moved_ms: u64,
    /// When the request that comes in began, in milliseconds.
    began_ms: u64,
    /// When what is pending was written, in milliseconds.
    written_ms: u64,
    /// Milliseconds that it took to fetch what was written since it has a large buffer.
    fetching_ms: u64,
    /// Its body needs a large buffer, which it does not have.
    wants_large: bool,
}

impl Client {
    /// A client that was just accepted.
    #[must_use]
    pub fn new(socket: Socket, peer: Peer, via: Via, now_ms: u64) -> Self {
        Client {
            socket: Some(socket),
            peer,
            via,
            state: State::Head(HeadReader::default()),
            input: Input::default(),
            output: vec![0; OUTPUT_BYTES].into_boxed_slice(),
            pending: 0..0,
            // Level-triggered at the start: data may be there already.
            readable: true,
            writable: true,
            deadline_ms: now_ms + HEAD_MS,
            moved_ms: now_ms,
            began_ms: now_ms,
            written_ms: now_ms,
            fetching_ms: 0,
            wants_large: false,
        }
    }

    /// Puts another connection in this slot's place and keeps its buffers.
    pub fn reuse(&mut self, socket: Socket, peer: Peer, via: Via, now_ms: u64, large: &mut LargeBuffers) {
        self.input.clear(large);
        (self.socket, self.peer, self.via) = (Some(socket), peer, via);
        (self.state, self.pending) = (State::Head(HeadReader::default()), 0..0);
        (self.readable, self.writable) = (true, true);
        (self.deadline_ms, self.moved_ms) = (now_ms + HEAD_MS, now_ms);
        (self.began_ms, self.written_ms) = (now_ms, now_ms);
        self.wants_large = false;
    }

    /// Closes the connection and keeps the slot's buffers.
    pub fn hang_up(&mut self, large: &mut LargeBuffers) {
        self.socket = None;
        self.input.clear(large);
    }

    /// When the request or the reply that is under way began to keep others waiting, in milliseconds: the start of a
    /// request that does not come on, or of a buffer that the client does not take, be it that it takes a byte at times.
    #[must_use]
    pub fn since_ms(&self) -> u64 {
        match self.state {
            State::Head(_) | State::Body(..) if self.input.filled() > 0 || !self.is_idle() => self.began_ms,
            _ if !self.is_flushed() => self.written_ms,
            _ => self.moved_ms,
        }
    }

    /// Whether it waits for a large buffer.
    #[must_use]
    pub fn waits_for_buffer(&self) -> bool {
        self.wants_large && matches!(self.state, State::Body(..))
    }

    /// How long it has kept a large buffer from others by being slow, in milliseconds: with its body, or with fetching the
    /// reply, in all. 0 while it has none, or waits for its answer.
    #[must_use]
    pub fn keeps_buffer_ms(&self, now_ms: u64) -> u64 {
        match self.state {
            _ if !self.input.is_large() => 0,
            State::Head(_) | State::Body(..) => now_ms.saturating_sub(self.began_ms),
            _ if self.is_flushed() => 0,
            _ => now_ms.saturating_sub(self.written_ms).saturating_add(self.fetching_ms),
        }
    }

    /// Takes a large buffer, if there is one for it; then [`Next::Go`].
    pub fn enlarge(&mut self, large: &mut LargeBuffers, now_ms: u64) -> Next {
        if !self.input.enlarge(large, self.peer) {
            return Next::Wait;
        }
        self.wants_large = false;
        // That it had to wait for the buffer does not make it slow.
        (self.began_ms, self.fetching_ms) = (now_ms, 0);
        Next::Go
    }

    fn read_socket(&mut self, drain: bool) -> std::io::Result<usize> {
        let Some(socket) = &mut self.socket else {
            return Ok(0);
        };
        socket.read(if drain { self.input.buffer() } else { self.input.room() })
    }

    /// Whether all that was written is sent.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether nobody would miss it: no request has begun and no reply is going out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head(_)) && self.input.filled() == 0 && self.is_flushed()
    }

    /// Whether a request of it is being answered.
    #[must_use]
    pub fn is_served(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// Sends what is pending. [`Next::Go`] when all is sent.
    pub fn flush(&mut self, now_ms: u64) -> Next {
        while !self.pending.is_empty() {
            if !self.writable {
                return Next::Wait;
            }
            let bytes = self.output.get(self.pending.clone()).unwrap_or(&[]);
            let Some(socket) = &mut self.socket else {
                return Next::Close;
            };
            match socket.write(bytes) {
                Ok(0) => return Next::Close,
                Ok(sent) => {
                    self.pending.start += sent;
                    self.moved_ms = now_ms;
                    if self.pending.is_empty() {
                        self.fetching_ms += now_ms.saturating_sub(self.written_ms);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(_) => return Next::Close,
            }
        }
        if matches!(self.state, State::Calling { ended: false, .. }) {
            // It is our turn now: a scan may take longer than a client may.
            self.deadline_ms = u64::MAX;
        }
        Next::Go
    }

    /// Reads what has come in, as far as there is room. [`Next::Go`] if there was something.
    fn read(&mut self, now_ms: u64) -> Next {
        if !self.readable || self.input.room().is_empty() {
            return Next::Wait;
        }
        match self.read_socket(false) {
            Ok(0) => Next::Close,
            Ok(count) => {
                let filled = self.input.filled() + count;
                self.input.set_filled(filled);
                self.moved_ms = now_ms;
                Next::Go
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Next::Wait
            }
            Err(_) => Next::Close,
        }
    }

    /// Gets as far as it can with a request that comes in.
    ///
    /// # Errors
    /// What HTTP refuses the request for: see [`Client::refuse`].
    pub fn receive(&mut self, policy: &Policy, now_ms: u64) -> Result<Next, Error> {
        match self.state {
            State::Head(reader) => self.receive_head(reader, policy, now_ms),
            State::Body(head, body) => self.receive_body(head, body, now_ms),
            State::Calling { .. } => Ok(Next::Wait),
            State::Last => Ok(self.start_draining(now_ms)),
            State::Draining(left) => Ok(self.drain(left)),
        }
    }

    fn receive_head(&mut self, mut reader: HeadReader, policy: &Policy, now_ms: u64) -> Result<Next, Error> {
        let was_empty = self.input.filled() == 0;
        if let Some((head, len)) = reader.read(self.input.bytes(), policy, self.via)? {
            self.input.drop_front(len);
            self.state = State::Body(head, Body::new(head.framing));
            self.deadline_ms = now_ms + BODY_MS;
            if head.expect_continue && self.input.filled() == 0 {
                self.put(CONTINUE);
            }
            return Ok(Next::Go);
        }
        self.state = State::Head(reader);
        let next = self.read(now_ms);
        if was_empty && next == Next::Go {
            (self.deadline_ms, self.began_ms) = (now_ms + HEAD_MS, now_ms);
        }
        Ok(next)
    }

    fn receive_body(&mut self, head: Head, mut body: Body, now_ms: u64) -> Result<Next, Error> {
        let filled = self.input.filled();
        let progress = body.advance(self.input.buffer(), filled)?;
        self.state = State::Body(head, body);
        match progress {
            BodyProgress::Done { body_len, consumed } => {
                self.input.set_body(body_len, consumed);
                if head.route == Route::Index {
                    self.show_index(head, now_ms);
                    return Ok(Next::Go);
                }
                self.state = State::Calling { head, begun: false, ended: false };
                self.deadline_ms = u64::MAX;
                Ok(Next::Call)
            }
            BodyProgress::More { filled, wants } => {
                self.input.set_filled(filled);
                // Without a large buffer it waits, unread, until another client's is free.
                self.wants_large = wants > self.input.buffer().len() && !self.input.is_large();
                if self.wants_large {
                    return Ok(Next::Enlarge);
                }
                Ok(self.read(now_ms))
            }
        }
    }

    /// Makes the body UTF-8, in place.
    ///
    /// # Errors
    /// A sentence that says what of it is not text.
    pub fn decode_body(&mut self, charset: Charset, large: &mut LargeBuffers) -> Result<(), charset::Error> {
        let len = self.input.filled();
        let mut decoded = charset::to_utf8(self.input.body_room(), len, charset);
        if decoded == Err(charset::Error::TooLarge)
            && !self.input.is_large()
            && self.input.enlarge(large, self.peer)
        {
            decoded = charset::to_utf8(self.input.body_room(), len, charset);
        }
        self.input.set_filled(decoded?);
        Ok(())
    }

    /// The call's text. Empty if [`Client::decode_body`] was not called.
    #[must_use]
    pub fn body(&self) -> &str {
        core::str::from_utf8(self.input.bytes()).unwrap_or("")
    }

    /// Writes a reply that refuses the request; the connection ends with it.
    pub fn refuse(&mut self, error: Error, now_ms: u64) {
        let mut out = Out::new(&mut self.output);
        // A body is behind its head, and a POST's.
        let request = if matches!(self.state, State::Head(_)) { self.input.bytes() } else { &[] };
        // An error's reply is far smaller than the buffer.
        let _ = http::error(&mut out, error, request);
        self.pending = 0..out.len();
        self.state = State::Last;
        self.deadline_ms = now_ms + WRITE_MS;
        self.written_ms = now_ms;
    }

    /// Writes the whole reply to a request for the page.
    fn show_index(&mut self, head: Head, now_ms: u64) {
        let mut out = Out::new(&mut self.output);
        // The page is far smaller than the buffer.
        let _ = http::index(&mut out, &head);
        self.pending = 0..out.len();
        self.state = State::Calling { head, begun: true, ended: true };
        self.deadline_ms = now_ms + WRITE_MS;
        (self.moved_ms, self.written_ms) = (now_ms, now_ms);
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.output.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.pending = 0..bytes.len();
        }
    }

    /// Writes a piece of the reply with `write`, which says whether the reply is complete with it, and frames it. The
    /// output must be flushed.
    pub fn reply(&mut self, now_ms: u64, write: impl FnOnce(&str, &mut Out<'_>) -> bool) {
        let State::Calling { mut head, begun, .. } = self.state else {
            return;
        };
        let end = self.output.len() - TAIL_ROOM;
        let body = core::str::from_utf8(self.input.bytes()).unwrap_or("");
        let free = self.output.get_mut(HEAD_ROOM - SIZE_LINE..end).unwrap_or_default();
        let mut out = Out::new(http::chunk_data(free));
        let done = write(body, &mut out);
        let len = out.len();
        if len == 0 && !done {
            return;
        }
        let reply_body = match (begun, done) {
            (false, true) => ReplyBody::Length(len),
            _ => ReplyBody::streamed(head.version),
        };
        let chunked = reply_body == ReplyBody::Chunked;
        // The connection's end is the reply's, whatever the client asked for.
        head.keep_alive &= reply_body != ReplyBody::UntilClose;
        let (mut from, mut to) = (HEAD_ROOM, HEAD_ROOM + len);
        if chunked {
            let free = self.output.get_mut(HEAD_ROOM - SIZE_LINE..end).unwrap_or_default();
            from = HEAD_ROOM - SIZE_LINE;
            to = from + http::chunk_seal(free, len);
            if done {
                if let Some(room) = self.output.get_mut(to..to + LAST_CHUNK.len()) {
                    room.copy_from_slice(LAST_CHUNK);
                    to += LAST_CHUNK.len();
                }
            }
        }
        if !begun {
            from = self.put_head(head, reply_body, from);
        }
        self.pending = from..to;
        self.state = State::Calling { head, begun: true, ended: done };
        self.deadline_ms = now_ms + WRITE_MS;
        (self.moved_ms, self.written_ms) = (now_ms, now_ms);
    }

    /// Writes the reply's head so that it ends at `end`; where it begins.
    fn put_head(&mut self, head: Head, body: ReplyBody, end: usize) -> usize {
        let mut text = [0; HEAD_ROOM];
        let mut out = Out::new(&mut text);
        // The longest head is below the room; a test writes it.
        let _ = http::head(&mut out, Status::Ok, Media::Xml, head.version, head.keep_alive, body);
        let from = end.saturating_sub(out.len());
        if let Some(room) = self.output.get_mut(from..end) {
            room.copy_from_slice(out.as_bytes());
        }
        from
    }

    /// The reply is out: what comes next.
    pub fn finish_reply(&mut self, stopping: bool, large: &mut LargeBuffers, now_ms: u64) -> Next {
        let State::Calling { head, .. } = self.state else {
            return Next::Wait;
        };
        if stopping || !head.keep_alive {
            return self.start_draining(now_ms);
        }
        self.input.next_request(large);
        self.state = State::Head(HeadReader::default());
        self.deadline_ms = now_ms + if self.input.filled() == 0 { IDLE_MS } else { HEAD_MS };
        // What has come of the next request waited for the reply to this one.
        self.began_ms = now_ms;
        Next::Go
    }

    /// A close with unread bytes would be a reset, which can take the last reply from the client.
    fn start_draining(&mut self, now_ms: u64) -> Next {
        if let Some(socket) = &mut self.socket {
            socket.finish();
        }
        self.input.set_filled(0);
        self.state = State::Draining(DRAIN_BYTES);
        self.deadline_ms = now_ms + DRAIN_MS;
        Next::Go
    }

    fn drain(&mut self, left: usize) -> Next {
        if !self.readable {
            return Next::Wait;
        }
        match self.read_socket(true) {
            Ok(0) => Next::Close,
            Ok(count) if count >= left => Next::Close,
            Ok(count) => {
                self.state = State::Draining(left - count);
                Next::Go
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Next::Wait
            }
            Err(_) => Next::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_waited_for_a_reply_is_not_old() {
        let (near, _far) = mio::net::UnixStream::pair().unwrap();
        let mut large = LargeBuffers::default();
        let mut client = Client::new(Socket::Unix(near), Peer::Unix, Via::Unix, 0);
        let text = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\nbodyPOST /";
        client.input.room()[..text.len()].copy_from_slice(text);
        client.input.set_filled(text.len());
        let policy = Policy::default();
        while client.receive(&policy, 0).unwrap() != Next::Call {}
        client.reply(9000, |_, out| out.put(b"reply").is_ok());
        assert_eq!(client.flush(9000), Next::Go);
        assert_eq!(client.finish_reply(false, &mut large, 9000), Next::Go);
        assert_eq!(client.input.bytes(), b"POST /");
        assert_eq!(client.since_ms(), 9000);
    }
}
