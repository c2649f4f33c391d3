//! A request that comes in: read as far as there is room, its head and its body recognised, the body made text.

use super::client::{Client, Next, State};
use super::input::LargeBuffers;
use crate::auth::Peer;
use crate::charset::{self, Charset};
use crate::http::{Body, BodyProgress, CONTINUE, Error, Head, HeadReader, Policy};
use crate::limits::{BODY_MS, HEAD_MS};
use std::io::ErrorKind;

impl Client {
    /// Reads what has come in, as far as there is room. [`Next::Go`] if there was something.
    fn read(&mut self, now_ms: u64) -> Next {
        if !self.readable || self.input.room().is_empty() {
            return Next::Wait;
        }
        let Some(socket) = &mut self.socket else {
            return Next::Close;
        };
        match socket.read(self.input.room()) {
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
            State::Last => Ok(Next::Leave),
        }
    }

    fn receive_head(&mut self, mut reader: HeadReader, policy: &Policy, now_ms: u64) -> Result<Next, Error> {
        let was_empty = self.input.filled() == 0;
        if let Some((head, len)) = reader.read(self.input.bytes(), policy, self.via)? {
            self.input.drop_front(len);
            // Only a proxy on this machine is believed.
            let forwarded = head.forwarded.filter(|_| self.far.is_local());
            self.peer = forwarded.map_or(self.far, Peer::new);
            self.state = State::Body(head, Body::new(head.framing));
            self.deadline_ms = Some(now_ms + BODY_MS);
            if head.expect_continue && self.input.filled() == 0 {
                self.output.put(CONTINUE);
            }
            return Ok(Next::Go);
        }
        self.state = State::Head(reader);
        let next = self.read(now_ms);
        if was_empty && next == Next::Go {
            self.deadline_ms = Some(now_ms + HEAD_MS);
            self.pace.wait(now_ms);
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
                self.state = State::Calling { head, begun: false, ended: false };
                (self.deadline_ms, self.called_ms) = (None, now_ms);
                self.pace.stop(now_ms);
                self.pace.mark_call(now_ms);
                Ok(Next::Call)
            }
            BodyProgress::More { filled, wants } => {
                self.input.set_filled(filled);
                // Without a large buffer it waits, unread, until another client's is free.
                self.wants_large = wants > self.input.buffer().len() && !self.input.is_large();
                if self.wants_large {
                    self.pace.stop(now_ms);
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
    pub fn decode_body(
        &mut self,
        charset: Charset,
        large: &mut LargeBuffers,
        now_ms: u64,
    ) -> Result<(), charset::Error> {
        let len = self.input.filled();
        let mut decoded = charset::to_utf8(self.input.body_room(), len, charset);
        let too_large = decoded == Err(charset::Error::TooLarge) && !self.input.is_large();
        if too_large && self.take_large(large, now_ms) {
            decoded = charset::to_utf8(self.input.body_room(), len, charset);
        }
        self.input.set_filled(decoded?);
        Ok(())
    }
}
