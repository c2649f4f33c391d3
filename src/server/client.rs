//! One client's connection: an enum of states, and the bytes that go in and out.
//!
//! ```text
//!           +--------------------- next request -----------------------+
//!           v                                                          |
//! accept -> Head -> Body -> Calling -> (reply written and sent) -------+-> leaves
//!            |        |                                                    ^
//!            +--------+--> refused by HTTP -> Last -------------------------+
//! ```
//! Readiness is edge-triggered: `readable` and `writable` stay set until a call said `WouldBlock`. Who leaves gives its slot
//! up at once; what is left of the connection is the lingering's affair ([`super::linger`]).

use super::input::{Input, LargeBuffers};
use super::listen::Socket;
use super::output::{Output, Piece, Sent};
use super::pace::Pace;
use crate::auth::Peer;
#[cfg(feature = "metrics")]
use crate::http::Version;
use crate::http::{Body, Error, File, Head, HeadReader, Via};
use crate::limits::{HEAD_MS, IDLE_MS, WRITE_MS};
use crate::out::Out;
use std::net::SocketAddr;

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
    /// All is said: nothing more will be answered on this connection.
    Leave,
    /// Close the connection.
    Close,
}

/// One client's connection.
pub struct Client {
    /// `None` once it was closed.
    pub(super) socket: Option<Socket>,
    /// Who asks: whoever is at the other end, or who a proxy there says that it asks for.
    pub peer: Peer,
    /// Who is at the other end.
    pub(super) far: Peer,
    /// This machine's end of the TCP connection, and the client's.
    pub(super) ends: Option<(SocketAddr, SocketAddr)>,
    pub(super) via: Via,
    /// Where it is.
    pub state: State,
    /// What came in.
    pub input: Input,
    pub(super) output: Output,
    /// The socket may have something to read.
    pub readable: bool,
    /// The socket may take something.
    pub writable: bool,
    /// Both directions are closed: nobody is there to read a reply.
    pub gone: bool,
    /// When it is cut off, in milliseconds; `None` while it is the daemon's turn, since a scan may take longer than a client
    /// may.
    pub(super) deadline_ms: Option<u64>,
    /// When it last got further, in milliseconds.
    pub(super) moved_ms: u64,
    /// When its call began, in milliseconds.
    pub(super) called_ms: u64,
    /// How long it was waited for.
    pub(super) pace: Pace,
    /// Its body needs a large buffer, which it does not have.
    pub(super) wants_large: bool,
}

impl Client {
    /// A client that was just accepted.
    #[must_use]
    pub fn new(socket: Socket, peer: Peer, via: Via, now_ms: u64) -> Self {
        let mut client = Client {
            ends: None,
            socket: None,
            peer,
            far: peer,
            via,
            state: State::Last,
            input: Input::default(),
            output: Output::new(),
            readable: false,
            writable: false,
            gone: false,
            deadline_ms: None,
            moved_ms: now_ms,
            called_ms: now_ms,
            pace: Pace::default(),
            wants_large: false,
        };
        client.begin(socket, peer, via, now_ms);
        client
    }

    /// Puts another connection in this slot's place and keeps its buffers.
    pub fn reuse(&mut self, socket: Socket, peer: Peer, via: Via, now_ms: u64, large: &mut LargeBuffers) {
        self.input.clear(large);
        self.output.clear();
        self.begin(socket, peer, via, now_ms);
    }

    /// A connection begins, with empty buffers.
    fn begin(&mut self, socket: Socket, peer: Peer, via: Via, now_ms: u64) {
        self.ends = socket.ends();
        (self.socket, self.peer, self.far, self.via) = (Some(socket), peer, peer, via);
        self.state = State::Head(HeadReader::default());
        // Level-triggered at the start: data may be there already.
        (self.readable, self.writable, self.gone) = (true, true, false);
        (self.deadline_ms, self.moved_ms, self.called_ms) = (Some(now_ms + HEAD_MS), now_ms, now_ms);
        (self.pace, self.wants_large) = (Pace::default(), false);
    }

    /// Closes the connection and keeps the slot's buffers. The socket is still open: dropped it is closed.
    pub fn hang_up(&mut self, large: &mut LargeBuffers) -> Option<Socket> {
        self.input.clear(large);
        self.socket.take()
    }

    /// When it is cut off, in milliseconds.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    /// Since when the request or the part of a reply that is under way has waited for the client, or else the client for
    /// something to happen, in milliseconds.
    #[must_use]
    pub fn since_ms(&self) -> u64 {
        self.pace.since_ms().unwrap_or(self.moved_ms)
    }

    /// Whether it waits for a large buffer, and nothing else.
    #[must_use]
    pub fn waits_for_buffer(&self) -> bool {
        self.wants_large && matches!(self.state, State::Body(..)) && self.is_flushed()
    }

    /// Takes a large buffer, if `large` has one for it; then [`Next::Go`].
    pub fn enlarge(&mut self, large: &mut LargeBuffers, now_ms: u64) -> Next {
        if !self.take_large(large, now_ms) {
            return Next::Wait;
        }
        // The rest of the body is to come.
        self.wants_large = false;
        self.pace.wait(now_ms);
        Next::Go
    }

    /// Whoever gets a large buffer begins anew with it, by whatever way: what it was waited for before does not count.
    pub(super) fn take_large(&mut self, large: &mut LargeBuffers, now_ms: u64) -> bool {
        let taken = self.input.enlarge(large, self.peer);
        if taken {
            self.pace.mark_buffer(now_ms);
        }
        taken
    }

    /// Whether all that was written is sent.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.output.is_sent()
    }

    /// Whether nobody would miss it: no request has begun and no reply is going out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head(_)) && self.input.filled() == 0 && self.is_flushed()
    }

    /// Whether its call is being worked on and no part of the reply is written.
    #[must_use]
    pub fn has_no_reply(&self) -> bool {
        matches!(self.state, State::Calling { begun: false, .. })
    }

    /// Whether an HTTP error can still be told in place of an answer: a request has begun, and no part of its reply.
    #[must_use]
    pub fn can_be_refused(&self) -> bool {
        let unanswered = !matches!(self.state, State::Calling { begun: true, .. } | State::Last);
        unanswered && self.is_flushed() && !self.is_idle()
    }

    /// Sends what is pending. [`Next::Go`] when all is sent.
    pub fn flush(&mut self, now_ms: u64) -> Next {
        if self.output.is_sent() {
            return Next::Go;
        }
        if !self.writable {
            return Next::Wait;
        }
        let Some(socket) = &mut self.socket else {
            return Next::Close;
        };
        match self.output.send(socket) {
            Sent::All => {}
            Sent::Blocked => {
                self.writable = false;
                return Next::Wait;
            }
            Sent::Broken => return Next::Close,
        }
        self.moved_ms = now_ms;
        if matches!(self.state, State::Calling { .. }) {
            self.pace.stop(now_ms);
        }
        if matches!(self.state, State::Calling { ended: false, .. }) {
            self.deadline_ms = None;
        }
        Next::Go
    }

    /// The call's text. Empty if [`Client::decode_body`] was not called.
    #[must_use]
    pub fn body(&self) -> &str {
        core::str::from_utf8(self.input.bytes()).unwrap_or("")
    }

    /// Writes a reply that refuses the request; the connection ends with it. The output must be flushed.
    pub fn refuse(&mut self, error: Error, now_ms: u64) {
        let request = match self.state {
            State::Head(_) => self.input.bytes(),
            State::Body(head, _) | State::Calling { head, .. } if head.head_only => b"HEAD ",
            _ => &[],
        };
        self.output.refuse(error, request);
        self.state = State::Last;
        self.deadline_ms = Some(now_ms + WRITE_MS);
        self.pace.wait(now_ms);
    }

    /// Writes the next piece of a reply that is a file; with `last` the reply says that no other will follow on this connection.
    /// The output must be flushed.
    pub(super) fn send_file(&mut self, file: &File, last: bool, now_ms: u64) {
        let State::Calling { mut head, begun, .. } = self.state else {
            return;
        };
        head.keep_alive &= begun || !last;
        let ended = if begun { self.output.go_on_with_file() } else { self.output.begin_file(file, &head) };
        self.state = State::Calling { head, begun: true, ended };
        self.wait_for_taking(now_ms);
    }

    /// Writes the whole reply to a HEAD of what is made while it is sent. The output must be flushed.
    #[cfg(feature = "metrics")]
    pub(super) fn send_bare_head(&mut self, mut head: Head, last: bool, now_ms: u64) {
        head.keep_alive &= !last && head.version == Version::V11;
        self.output.put_bare_head(&head);
        self.state = State::Calling { head, begun: true, ended: true };
        self.wait_for_taking(now_ms);
    }

    /// Something was written: the client has its time to take it.
    fn wait_for_taking(&mut self, now_ms: u64) {
        (self.deadline_ms, self.moved_ms) = (Some(now_ms + WRITE_MS), now_ms);
        self.pace.wait(now_ms);
    }

    /// Writes a piece of the reply with `write`, which says what of the reply it is; with `last` the reply
    /// says that no other will follow on this connection. The output must be flushed.
    pub(super) fn reply(&mut self, last: bool, now_ms: u64, write: impl FnOnce(&str, &mut Out<'_>) -> Piece) {
        let State::Calling { mut head, begun, .. } = self.state else {
            return;
        };
        head.keep_alive &= begun || !last;
        let body = core::str::from_utf8(self.input.bytes()).unwrap_or("");
        if let Some(done) = self.output.piece(&mut head, begun, |out| write(body, out)) {
            self.state = State::Calling { head, begun: true, ended: done };
            self.wait_for_taking(now_ms);
        }
    }

    /// The reply is out: what comes next. With `last` that is nothing.
    pub fn finish_reply(&mut self, last: bool, large: &mut LargeBuffers, now_ms: u64) -> Next {
        let State::Calling { head, .. } = self.state else {
            return Next::Wait;
        };
        if last || !head.keep_alive {
            return Next::Leave;
        }
        self.input.next_request(large);
        // The next request may be for somebody else.
        self.peer = self.far;
        self.state = State::Head(HeadReader::default());
        // What has come of the next request waited for the reply to this one.
        if self.input.filled() == 0 {
            self.deadline_ms = Some(now_ms + IDLE_MS);
        } else {
            self.deadline_ms = Some(now_ms + HEAD_MS);
            self.pace.wait(now_ms);
        }
        Next::Go
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Policy;

    /// A file that is longer than the output leaves in pieces, whole and in order, and the connection goes on.
    #[test]
    fn a_file_is_sent_in_pieces() {
        static BYTES: [u8; 3 * crate::limits::OUTPUT_BYTES] = {
            let mut bytes = [0; _];
            let mut at = 0;
            while at < bytes.len() {
                bytes[at] = (at % 251) as u8;
                at += 1;
            }
            bytes
        };
        static FILES: &[File] = &[File::new("/", crate::http::Media::Page, true, &BYTES)];
        let (near, far) = mio::net::UnixStream::pair().unwrap();
        let mut far = std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(far));
        let mut client = Client::new(Socket::Unix(near), Peer::Unix, Via::Unix, 0);
        let mut policy = Policy::default();
        policy.site.files = FILES;
        let text = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nPOST";
        client.input.room()[..text.len()].copy_from_slice(text);
        client.input.set_filled(text.len());
        while client.receive(&policy, 0).unwrap() != Next::Call {}
        let (mut received, mut pieces) = (Vec::new(), 0);
        while !matches!(client.state, State::Calling { ended: true, .. }) {
            client.send_file(&FILES[0], false, 0);
            assert_eq!(client.flush(0), Next::Go);
            pieces += 1;
            let mut buffer = [0; crate::limits::OUTPUT_BYTES];
            let count = std::io::Read::read(&mut far, &mut buffer).unwrap();
            received.extend_from_slice(&buffer[..count]);
        }
        let head = received.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        assert!(received[head..] == BYTES, "{} bytes", received.len() - head);
        assert_eq!(pieces, 4, "the head takes room from the first piece");
        assert_eq!(client.finish_reply(false, &mut LargeBuffers::default(), 0), Next::Go);
        assert_eq!(client.input.bytes(), b"POST");
    }

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
        client.reply(false, 9000, |_, out| {
            let is_last = out.put(b"reply").is_ok();
            Piece { is_last, is_full: false, length: None }
        });
        assert_eq!(client.flush(9000), Next::Go);
        assert_eq!(client.finish_reply(false, &mut large, 9000), Next::Go);
        assert_eq!(client.input.bytes(), b"POST /");
        assert_eq!(client.since_ms(), 9000);
    }
}
