//! A client's output buffer: a piece of a reply at a time, framed in place, and how much of it is sent.

use super::listen::Socket;
use crate::http::{self, CHUNK_OVERHEAD, Error, File, Head, LAST_CHUNK, Media, ReplyBody, Route, Status};
use crate::limits::OUTPUT_BYTES;
use crate::out::Out;
use std::io::ErrorKind;

/// Room in front of a reply's data for its head, and for a chunk's size.
const HEAD_ROOM: usize = 256;
/// Room behind it for the end of a chunk, and for the last chunk.
const TAIL_ROOM: usize = LAST_CHUNK.len();
/// Bytes of a chunk's size line.
const SIZE_LINE: usize = CHUNK_OVERHEAD - 2;

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All is sent.
    All,
    /// The socket takes no more for now.
    Blocked,
    /// The connection is broken.
    Broken,
}

/// What a piece of a reply is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// The reply is complete with it.
    pub(crate) is_last: bool,
    /// There was no room for more.
    pub(crate) is_full: bool,
    /// Bytes of the whole reply, if that is known; the same for all pieces of it.
    pub(crate) length: Option<usize>,
}

/// The buffer.
pub(crate) struct Output {
    buffer: Box<[u8]>,
    /// What of it is still to be sent.
    pending: core::ops::Range<usize>,
    /// Bytes of a reply that has not begun to be sent.
    gathered: usize,
    /// What of a file is still to be written.
    file: &'static [u8],
}

impl Output {
    pub(crate) fn new() -> Self {
        Output { buffer: vec![0; OUTPUT_BYTES].into_boxed_slice(), pending: 0..0, gathered: 0, file: &[] }
    }

    /// Whether all that was written is sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.pending.is_empty()
    }

    /// Forgets what is not sent.
    pub(crate) fn clear(&mut self) {
        (self.pending, self.gathered, self.file) = (0..0, 0, &[]);
    }

    /// Writes bytes as they are. The output must be sent.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.buffer.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.pending = 0..bytes.len();
        }
    }

    /// Writes a reply that refuses a request. The output must be sent.
    pub(crate) fn refuse(&mut self, error: Error, request: &[u8]) {
        let mut out = Out::new(&mut self.buffer);
        // An error's reply is far smaller than the buffer.
        let _ = http::error(&mut out, error, request);
        self.pending = 0..out.len();
    }

    /// Writes the beginning of the reply to a request for a file. The output must be sent. Whether the reply is complete.
    pub(crate) fn begin_file(&mut self, file: &File, head: &Head) -> bool {
        let mut out = Out::new(&mut self.buffer);
        // A head is far smaller than the buffer.
        self.file = http::file_head(&mut out, file, head).unwrap_or_default();
        let len = out.len();
        self.put_file(len)
    }

    /// Writes the next piece of a file. The output must be sent. Whether the reply is complete.
    pub(crate) fn go_on_with_file(&mut self) -> bool {
        self.put_file(0)
    }

    /// Writes as much of a file as fits behind the first `len` bytes.
    fn put_file(&mut self, len: usize) -> bool {
        let room = self.buffer.get_mut(len..).unwrap_or_default();
        let (piece, rest) = self.file.split_at_checked(room.len()).unwrap_or((self.file, &[]));
        for (to, from) in room.iter_mut().zip(piece) {
            *to = *from;
        }
        self.file = rest;
        self.pending = 0..len + piece.len();
        rest.is_empty()
    }

    /// Writes the head of a reply of no known length, which has no body, since a HEAD asks for it. The output must be sent.
    #[cfg(feature = "metrics")]
    pub(crate) fn put_bare_head(&mut self, head: &Head) {
        self.pending = HEAD_ROOM..HEAD_ROOM;
        self.put_head(*head, ReplyBody::streamed(head.version));
    }

    /// Writes a piece of a reply with `write` and frames it; the reply's head goes before the first. `head` learns whether the
    /// connection can be kept. The output must be sent. Whether the reply is complete; `None` if nothing is to be sent yet:
    /// while the reply has not begun it gathers here, since one that is complete before the buffer is full has a length.
    pub(crate) fn piece(
        &mut self,
        head: &mut Head,
        begun: bool,
        write: impl FnOnce(&mut Out<'_>) -> Piece,
    ) -> Option<bool> {
        let end = self.buffer.len() - TAIL_ROOM;
        let free = self.buffer.get_mut(HEAD_ROOM - SIZE_LINE..end).unwrap_or_default();
        let mut out = Out::at(http::chunk_data(free), self.gathered);
        let piece = write(&mut out);
        let len = out.len();
        self.gathered = if begun || piece.is_last || piece.is_full { 0 } else { len };
        if self.gathered > 0 || (len == 0 && !piece.is_last) {
            return None;
        }
        let body = match (begun, piece) {
            (_, Piece { length: Some(length), .. }) => ReplyBody::Length(length),
            (false, Piece { is_last: true, .. }) => ReplyBody::Length(len),
            _ => ReplyBody::streamed(head.version),
        };
        // The connection's end is the reply's, whatever the client asked for.
        head.keep_alive &= body != ReplyBody::UntilClose;
        self.pending = HEAD_ROOM..HEAD_ROOM + len;
        if body == ReplyBody::Chunked {
            self.seal(len, piece.is_last);
        }
        if !begun {
            self.put_head(*head, body);
        }
        Some(piece.is_last)
    }

    /// Makes a chunk of the `len` bytes that were written, and ends the reply with it if it is `done`.
    fn seal(&mut self, len: usize, done: bool) {
        let end = self.buffer.len() - TAIL_ROOM;
        let from = HEAD_ROOM - SIZE_LINE;
        let free = self.buffer.get_mut(from..end).unwrap_or_default();
        let mut to = from + http::chunk_seal(free, len);
        if done {
            if let Some(room) = self.buffer.get_mut(to..to + LAST_CHUNK.len()) {
                room.copy_from_slice(LAST_CHUNK);
                to += LAST_CHUNK.len();
            }
        }
        self.pending = from..to;
    }

    /// Writes the reply's head in front of what is pending.
    fn put_head(&mut self, head: Head, body: ReplyBody) {
        let mut text = [0; HEAD_ROOM];
        let mut out = Out::new(&mut text);
        // The longest head is below the room; a test writes it.
        let media = match head.route {
            Route::Metrics => Media::Metrics,
            _ if head.json => Media::Json,
            _ => Media::Xml,
        };
        let _ = http::head(&mut out, Status::Ok, media, head.version, head.keep_alive, body);
        let from = self.pending.start.saturating_sub(out.len());
        if let Some(room) = self.buffer.get_mut(from..self.pending.start) {
            room.copy_from_slice(out.as_bytes());
        }
        self.pending.start = from;
    }

    /// Sends what is pending, as far as the socket takes it.
    pub(crate) fn send(&mut self, socket: &mut Socket) -> Sent {
        while !self.pending.is_empty() {
            let bytes = self.buffer.get(self.pending.clone()).unwrap_or(&[]);
            match socket.write(bytes) {
                Ok(0) => return Sent::Broken,
                Ok(count) => self.pending.start += count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Sent::Blocked,
                Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }
}
