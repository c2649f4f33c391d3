//! One connection to a daemon: calls out, replies in, HTTP/1.1 as far as that takes it.

use super::Failure;
use super::text::{number, shown};
use crate::bytes::cut;
use crate::limits::{REPLY_HEAD_BYTES, REPLY_MS};
use crate::sys::file::{self, Shown};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A unix socket.
    Unix(PathBuf),
    /// An address and a port, and how they were written.
    Tcp(SocketAddr, String),
}

impl Place {
    /// Reads `unix:PATH` or `http://ADDRESS:PORT`, where `localhost` is 127.0.0.1 and the port may be left out. `None` for
    /// anything else: names of other machines are not looked up.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| Place::Unix(path.into()));
        }
        let place = text.strip_prefix("http://")?;
        let place = place.strip_suffix("/RPC2").or(place.strip_suffix('/')).unwrap_or(place);
        let place = match place.strip_prefix("localhost") {
            Some(port) => ["127.0.0.1", port].concat(),
            None => place.to_owned(),
        };
        let without_port = || {
            let address = place.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&place);
            let address: IpAddr = address.parse().ok()?;
            Some(SocketAddr::new(address, 80))
        };
        let address = place.parse().ok().or_else(without_port)?;
        Some(Place::Tcp(address, place))
    }
}

/// A connection, and what has come of a reply but was not read yet.
pub(super) struct Connection<'a> {
    place: &'a Place,
    fd: OwnedFd,
    /// The daemon takes no further call on it: the next one goes by another.
    is_over: bool,
    buf: Box<[u8]>,
    unread: core::ops::Range<usize>,
}

/// What is wrong with a reply that is not whole, or not HTTP as far as that is read.
const BROKEN_OFF: &str = "the reply was broken off: what has come of it is not whole";
const UNREADABLE: &str = "what answers there sends no HTTP that can be read: is it rctd?";
const NO_HTTP: &str = "what answers there speaks no HTTP: is it rctd?";

/// What a reply's head says of its body.
#[derive(Default)]
pub(super) struct Head {
    pub(super) status: u64,
    pub(super) is_json: bool,
    closes: bool,
    length: Option<u64>,
    is_chunked: bool,
}

impl<'a> Connection<'a> {
    /// Connects.
    ///
    /// # Errors
    /// Who does not answer.
    pub(super) fn open(place: &'a Place) -> Result<&'a mut Self, Failure> {
        let fd = connect(place)?;
        let buf = vec![0; REPLY_HEAD_BYTES].into();
        Ok(Box::leak(Box::new(Connection { place, fd, is_over: false, buf, unread: 0..0 })))
    }

    /// Sends a call whose reply shall be JSON.
    ///
    /// # Errors
    /// A connection that is gone.
    pub(super) fn send(&mut self, body: &[u8]) -> Result<(), Failure> {
        if self.is_over {
            (self.fd, self.unread, self.is_over) = (connect(self.place)?, 0..0, false);
        }
        let host = match self.place {
            Place::Unix(_) => "localhost",
            Place::Tcp(_, written) => written,
        };
        let head = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\nAccept: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        file::write_all(self.fd.as_fd(), &request).map_err(|error| lost(&error))
    }

    /// Reads a reply's head.
    ///
    /// # Errors
    /// What answers speaks no HTTP, or nothing more comes.
    pub(super) fn head(&mut self) -> Result<Head, Failure> {
        let first = self.line(UNREADABLE)?;
        let status = first.strip_prefix(b"HTTP/1.").and_then(|rest| number(rest.get(2..5)?, 10));
        let status = status.ok_or_else(|| wrong(NO_HTTP))?;
        let mut head = Head { status, closes: first.starts_with(b"HTTP/1.0"), ..Head::default() };
        self.lines(UNREADABLE, &mut |line| head.field(line).ok_or_else(|| wrong(NO_HTTP)))?;
        head.closes |= head.length.is_none() && !head.is_chunked;
        self.is_over = head.closes;
        Ok(head)
    }

    /// Hands the body to `each`, a piece at a time.
    ///
    /// # Errors
    /// A body that is broken off, and those of `each`.
    pub(super) fn body(
        &mut self,
        head: &Head,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !head.is_chunked {
            return self.part(head.length, each);
        }
        loop {
            let line = self.line(BROKEN_OFF)?;
            match number(cut(&line, b';').0, 16).ok_or_else(|| wrong(BROKEN_OFF))? {
                // Trailers may follow.
                0 => return self.lines(BROKEN_OFF, &mut |_| Ok(())),
                size => self.part(Some(size), each)?,
            }
            self.line(BROKEN_OFF)?;
        }
    }

    /// Hands so many bytes to `each`, or with `None` all that come.
    fn part(
        &mut self,
        length: Option<u64>,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut left = length.unwrap_or(u64::MAX);
        while left > 0 {
            if self.unread.is_empty() && !self.receive()? {
                return if length.is_none() { Ok(()) } else { Err(wrong(BROKEN_OFF)) };
            }
            let there = self.unread.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            each(self.take(there))?;
            left -= there as u64;
        }
        Ok(())
    }

    /// Hands the lines up to an empty one to `each`, as many as a head may have; of more it says what is wrong.
    fn lines(
        &mut self,
        too_long: &str,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut left = REPLY_HEAD_BYTES;
        loop {
            let line = self.line(too_long)?;
            if line.is_empty() {
                return Ok(());
            }
            left = left.checked_sub(line.len()).ok_or_else(|| wrong(too_long))?;
            each(&line)?;
        }
    }

    /// The next line, without its end; of one that is longer than a head may be it says what is wrong.
    fn line(&mut self, too_long: &str) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        loop {
            if self.unread.is_empty() && !self.receive()? {
                return Err(wrong(BROKEN_OFF));
            }
            match self.take(1) {
                b"\n" => break,
                byte => line.extend_from_slice(byte),
            }
            if line.len() > REPLY_HEAD_BYTES {
                return Err(wrong(too_long));
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }

    /// The next `count` bytes of what is there.
    fn take(&mut self, count: usize) -> &[u8] {
        let start = self.unread.start;
        self.unread.start = (start + count).min(self.unread.end);
        self.buf.get(start..self.unread.start).unwrap_or_default()
    }

    /// Receives what has come, when all before it was read; false at the end of the connection.
    fn receive(&mut self) -> Result<bool, Failure> {
        let got = file::read(self.fd.as_fd(), &mut self.buf).map_err(|error| lost(&error))?;
        self.unread = 0..got;
        Ok(got > 0)
    }
}

fn connect(place: &Place) -> Result<OwnedFd, Failure> {
    open(place).map_err(|error| {
        let whom = match place {
            Place::Unix(path) => format!("unix:{}", Shown(path)),
            Place::Tcp(_, written) => written.clone(),
        };
        Failure::new(format_args!("no daemon answers at {whom}: {error}; --connect says where it listens"))
    })
}

fn open(place: &Place) -> io::Result<OwnedFd> {
    const TIMEOUT: Duration = Duration::from_millis(REPLY_MS);
    let stream = match place {
        // The options of a socket are those of any family.
        Place::Unix(path) => TcpStream::from(OwnedFd::from(UnixStream::connect(path)?)),
        Place::Tcp(address, _) => TcpStream::connect_timeout(address, TIMEOUT)?,
    };
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream.into())
}

fn wrong(what: &str) -> Failure {
    Failure::new(format_args!("{what}"))
}

fn lost(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => Failure::new(format_args!("no reply for {} seconds", REPLY_MS / 1000)),
        _ => Failure::new(format_args!("the connection to the daemon is lost: {error}")),
    }
}

impl Head {
    /// Takes a field; `None` for a length that is none.
    fn field(&mut self, line: &[u8]) -> Option<()> {
        let (name, value) = cut(line, b':');
        let value = value.trim_ascii();
        let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        if is(b"content-length") {
            self.length = Some(number(value, 10)?);
        } else if is(b"transfer-encoding") {
            self.is_chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if is(b"connection") {
            self.closes |= value.eq_ignore_ascii_case(b"close");
        } else if is(b"content-type") {
            self.is_json = value.starts_with(b"application/json");
        }
        Some(())
    }
}

/// Why the daemon did not take the call, of the beginning of what it says about it.
pub(super) fn refusal(status: u64, said: &[u8]) -> Failure {
    let line = shown(cut(said, b'\n').0.trim_ascii());
    Failure::new(format_args!("the daemon refuses the call with HTTP status {status}: {line}"))
}
