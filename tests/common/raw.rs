//! HTTP with nothing between the test and the bytes.
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long a test waits for bytes before it takes the daemon for hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Where the daemon listens.
#[derive(Clone, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A byte stream of either kind.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Address {
    pub fn connect(&self) -> io::Result<Box<dyn Stream>> {
        self.connect_for(PATIENCE)
    }

    /// The same, but reads and writes may take as long as this.
    pub fn connect_for(&self, patience: Duration) -> io::Result<Box<dyn Stream>> {
        match self {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                Ok(Box::new(stream))
            }
        }
    }

    /// What belongs into the `Host` field.
    pub fn host(&self) -> String {
        match self {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// One reply of HTTP.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// Chunks joined.
    pub body: Vec<u8>,
    /// Without a length or chunks: the body ended where the connection did.
    pub until_close: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the daemon says that it closes the connection after this.
    pub fn closes(&self) -> bool {
        self.until_close || self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A connection that reads replies one after the other and keeps what comes after each.
pub struct Connection {
    pub stream: Box<dyn Stream>,
    ahead: Vec<u8>,
}

impl Connection {
    pub fn open(address: &Address) -> io::Result<Connection> {
        Ok(Connection { stream: address.connect()?, ahead: Vec::new() })
    }

    /// Takes a stream that is connected already.
    pub fn over(stream: Box<dyn Stream>) -> Connection {
        Connection { stream, ahead: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next reply, of status 100 as well.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut line = self.line()?;
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if !line.starts_with("HTTP/1.") {
            return Err(bad(&format!("no status line: {line:?}")));
        }
        let status = line.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(|| bad(&line))?;
        let mut reply = Reply { status, headers: Vec::new(), body: Vec::new(), until_close: false };
        loop {
            line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad(&line))?;
            reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            reply.body = self.chunks()?;
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().map_err(|_| bad("Content-Length is no number"))?;
            reply.body = self.exactly(length)?;
        } else if !matches!(status, 100..=199 | 204 | 304) {
            reply.until_close = true;
            reply.body = std::mem::take(&mut self.ahead);
            self.stream.read_to_end(&mut reply.body)?;
        }
        Ok(reply)
    }

    /// Reads to the end of the connection; a reset is an end too.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.ahead);
        match self.stream.read_to_end(&mut rest) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("the daemon left the connection open")
            }
            _ => rest,
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16_384];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed in the middle of a reply")),
            length => {
                self.ahead.extend(&buffer[..length]);
                Ok(())
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut from = 0;
        loop {
            if let Some(at) = self.ahead[from..].windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..from + at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned());
            }
            from = self.ahead.len().saturating_sub(1);
            self.more()?;
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            self.more()?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size =
                usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16).map_err(|_| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("no chunk size: {line:?}"))
                })?;
            body.extend(self.exactly(size)?);
            let end = self.line()?; // the chunk's own end, or the empty trailer
            if !end.is_empty() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("after a chunk: {end:?}")));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// A POST of this body with a right head, plus further header lines (each ended by CRLF).
pub fn post(address: &Address, body: &str, more: &str) -> Vec<u8> {
    let (host, length) = (address.host(), body.len());
    format!("POST /RPC2 HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n{more}\r\n{body}")
        .into_bytes()
}

/// Sends these bytes on a new connection and reads one reply.
#[track_caller]
pub fn exchange(address: &Address, bytes: &[u8]) -> (Reply, Connection) {
    let mut connection = Connection::open(address).expect("a connection");
    connection.send(bytes).expect("the request to be sent");
    let reply = connection.reply().expect("a reply");
    (reply, connection)
}
