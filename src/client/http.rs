//! One connection to a daemon: calls out, replies in, HTTP/1.1 as far as that takes it.

use super::Failure;
use super::text::shown;
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
pub(super) struct Connection {
    place: Place,
    fd: OwnedFd,
    /// The daemon takes no further call on it: the next one goes by another.
    is_over: bool,
    buf: Box<[u8]>,
    unread: core::ops::Range<usize>,
}

/// What a reply's head says of its body.
#[derive(Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) is_json: bool,
    closes: bool,
    length: Option<u64>,
    is_chunked: bool,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Who does not answer.
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let fd = connect(place)?;
        let buf = vec![0; REPLY_HEAD_BYTES].into();
        Ok(Connection { place: place.clone(), fd, is_over: false, buf, unread: 0..0 })
    }

    /// Sends a call whose reply shall be JSON.
    ///
    /// # Errors
    /// A connection that is gone.
    pub(super) fn send(&mut self, body: &[u8]) -> Result<(), Failure> {
        if self.is_over {
            (self.fd, self.unread, self.is_over) = (connect(&self.place)?, 0..0, false);
        }
        let host = match &self.place {
            Place::Unix(_) => "localhost",
            Place::Tcp(_, written) => written,
        };
        let head = [
            "POST /RPC2 HTTP/1.1\r\nHost: ",
            host,
            "\r\nContent-Type: text/xml\r\nAccept: application/json\r\nContent-Length: ",
            &body.len().to_string(),
            "\r\n\r\n",
        ];
        let request = [head.concat().as_bytes(), body].concat();
        file::write_all(self.fd.as_fd(), &request).map_err(|error| lost(&error))
    }

    /// Reads a reply's head.
    ///
    /// # Errors
    /// What answers speaks no HTTP, or nothing more comes.
    pub(super) fn head(&mut self) -> Result<Head, Failure> {
        let end = loop {
            let unread = self.buf.get(self.unread.clone()).unwrap_or_default();
            if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.receive()? {
                return Err(broken_off());
            }
        };
        let text = self.take(end);
        let head = read_head(core::str::from_utf8(text).unwrap_or_default());
        let head = head.ok_or_else(|| Failure::new("what answers there speaks no HTTP: is it rctd?"))?;
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
            let line = self.line()?;
            let size = line.split(|&b| b == b';').next().unwrap_or_default();
            let size =
                core::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
            match size.ok_or_else(broken_off)? {
                0 => break,
                size => self.part(Some(size), each)?,
            }
            self.line()?;
        }
        // Trailers, as many as a head may have fields, and the empty line behind them.
        let mut left = REPLY_HEAD_BYTES;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            left = left.checked_sub(line.len()).ok_or_else(broken_off)?;
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
                return if length.is_none() { Ok(()) } else { Err(broken_off()) };
            }
            let there = self.unread.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            each(self.take(there))?;
            left -= there as u64;
        }
        Ok(())
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        loop {
            if self.unread.is_empty() && !self.receive()? {
                return Err(broken_off());
            }
            let byte = self.take(1).first().copied().unwrap_or_default();
            if byte == b'\n' {
                return Ok(line.strip_suffix(b"\r").map(<[u8]>::to_vec).unwrap_or(line));
            }
            if line.len() == REPLY_HEAD_BYTES {
                return Err(broken_off());
            }
            line.push(byte);
        }
    }

    /// The next `count` bytes of what is there.
    fn take(&mut self, count: usize) -> &[u8] {
        let start = self.unread.start;
        self.unread.start = (start + count).min(self.unread.end);
        self.buf.get(start..self.unread.start).unwrap_or_default()
    }

    /// Receives what has come; false at the end of the connection.
    fn receive(&mut self) -> Result<bool, Failure> {
        self.buf.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let free = self.buf.get_mut(self.unread.end..).unwrap_or_default();
        if free.is_empty() {
            return Err(Failure::new("what answers there sends no HTTP that can be read: is it rctd?"));
        }
        let got = file::read(self.fd.as_fd(), free).map_err(|error| lost(&error))?;
        self.unread.end += got;
        Ok(got > 0)
    }
}

fn connect(place: &Place) -> Result<OwnedFd, Failure> {
    let (result, whom) = match place {
        Place::Unix(path) => (open_unix(path), format!("unix:{}", Shown(path))),
        Place::Tcp(address, written) => (open_tcp(address), written.clone()),
    };
    result.map_err(|error| {
        Failure::new(&format!("no daemon answers at {whom}: {error}; --connect says where it listens"))
    })
}

fn open_unix(path: &std::path::Path) -> io::Result<OwnedFd> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream.into())
}

fn open_tcp(address: &SocketAddr) -> io::Result<OwnedFd> {
    let stream = TcpStream::connect_timeout(address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream.into())
}

const TIMEOUT: Duration = Duration::from_millis(REPLY_MS);

fn broken_off() -> Failure {
    Failure::new("the reply was broken off: what has come of it is not whole")
}

fn lost(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => Failure::new(&format!("no reply for {} seconds", REPLY_MS / 1000)),
        _ => Failure::new(&format!("the connection to the daemon is lost: {error}")),
    }
}

/// What a reply's head says; `None` for what is none.
fn read_head(text: &str) -> Option<Head> {
    let (first, fields) = text.split_once("\r\n")?;
    let status = first.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let mut head = Head { status, closes: first.starts_with("HTTP/1.0"), ..Head::default() };
    for line in fields.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if is("content-length") {
            head.length = Some(value.parse().ok()?);
        } else if is("transfer-encoding") {
            head.is_chunked = value.eq_ignore_ascii_case("chunked");
        } else if is("connection") {
            head.closes |= value.eq_ignore_ascii_case("close");
        } else if is("content-type") {
            head.is_json = value.starts_with("application/json");
        }
    }
    head.closes |= head.length.is_none() && !head.is_chunked;
    Some(head)
}

/// Why the daemon did not take the call, of the beginning of what it says about it.
pub(super) fn refusal(status: u16, said: &[u8]) -> Failure {
    let line = said.split(|&b| b == b'\n').next().unwrap_or_default();
    Failure::new(&format!(
        "the daemon refuses the call with HTTP status {status}: {}",
        shown(line.trim_ascii())
    ))
}
