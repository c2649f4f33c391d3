//! What pages cost on the booted router, beside the floor of any reader of its table: `rctd-test-pages [NAME...]`.
//!
//! The floor is a drain, which receives the dump and looks at no more than the messages' headers. Pages are asked for over
//! loopback, so that one clock sees all of it: where QEMU counts instructions (`-icount shift=0`), it ticks a nanosecond for
//! each, and what is printed is how many the kernel, the daemon and this client took together. Medians of three. With names
//! only those pages and summaries are asked for.
#[path = "../netlink.rs"]
mod netlink;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Where the daemon listens.
const DAEMON: &str = "127.0.0.1:8000";

/// A name, what is asked for, and the call's filter, order, direction, start and length.
type Page = (&'static str, &'static str, &'static str, &'static str, &'static str, u32, u32);

const HOST: &str = "<member><name>orig_src</name><value>192.168.3.7</value></member>";

const PAGES: &[Page] = &[
    ("count", "the count alone", "", "", "ASC", 0, 0),
    ("source", "first page of 50 by source address", "", "orig_src", "ASC", 0, 50),
    ("bytes", "first page of 50 by bytes", "", "bytes", "DESC", 0, 50),
    ("host", "page of 50 of one host, by bytes", HOST, "bytes", "DESC", 0, 50),
    ("timeout", "page of 50 after the first 4,000 by timeout", "", "timeout", "ASC", 4000, 50),
    ("middle", "page of 50 after the first 4,000 by source address", "", "orig_src", "ASC", 4000, 50),
];

/// A name, what is asked for, what flows are put together by, and how many groups are wanted. Each flow of the table has a local
/// host of its own.
type Summary = (&'static str, &'static str, &'static str, u32);

const SUMMARIES: &[Summary] = &[
    ("networks", "summary by local network, 16 groups", "local/24", 16),
    ("hosts", "summary by local host, 16 groups", "local", 16),
    ("all", "summary by local host, all groups", "local", 4096),
];

fn main() -> io::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut socket = netlink::Socket::netfilter()?;
    let (drain, flows) = median(|| socket.drain())?;
    line(&format!("bare drain of {flows} flows"), drain, flows, drain);
    let mut daemon = Daemon::reach()?;
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    for &(_, what, filter, order, way, start, length) in PAGES.iter().filter(|page| is_wanted(page.0)) {
        let parameters = daemon.parameters(filter, order, way, start, length);
        let took = daemon.measure("view", &parameters, "<name>id</name>", length)?;
        line(what, took, flows, drain);
    }
    for &(_, what, by, length) in SUMMARIES.iter().filter(|summary| is_wanted(summary.0)) {
        let parameters = daemon.groups(by, length);
        let took = daemon.measure("summary", &parameters, "<name>local</name>", length)?;
        line(what, took, flows, drain);
    }
    if wanted.is_empty() {
        println!("the page: {} bytes with its heads", open_page()?);
    }
    Ok(())
}

/// Loads what a browser loads first, for the memory that it takes; how many bytes come.
fn open_page() -> io::Result<usize> {
    let mut bytes = 0;
    for path in ["/", "/page.js", "/page.css"] {
        let mut stream = TcpStream::connect(DAEMON)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        )?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        if !reply.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other(format!("no {path}: {}", String::from_utf8_lossy(&reply))));
        }
        bytes += reply.len();
    }
    Ok(bytes)
}

/// One measurement: in thousands of instructions, in instructions for each flow, beside the drain.
fn line(what: &str, took: Duration, flows: usize, drain: Duration) {
    let flows = flows.max(1) as u128;
    let ratio = took.as_secs_f64() / drain.as_secs_f64();
    println!("{what}: {} thousand, {} a flow, {ratio:.2}", took.as_micros(), took.as_nanos() / flows);
}

/// How long the middle one of three takes, and what the last one gave.
fn median<T>(mut each: impl FnMut() -> io::Result<T>) -> io::Result<(Duration, T)> {
    let mut took = [Duration::ZERO; 3];
    let mut given = None;
    for took in &mut took {
        let began = Instant::now();
        given = Some(each()?);
        *took = began.elapsed();
    }
    took.sort_unstable();
    Ok((took[1], given.expect("it was done")))
}

/// A connection to the daemon, with a session.
struct Daemon {
    stream: TcpStream,
    session: String,
}

impl Daemon {
    /// Connects, as soon as it listens, and logs in.
    fn reach() -> io::Result<Daemon> {
        let mut tries = 100;
        let stream = loop {
            match TcpStream::connect(DAEMON) {
                Err(_) if tries > 0 => std::thread::sleep(Duration::from_millis(100)),
                done => break done?,
            }
            tries -= 1;
        };
        let mut daemon = Daemon { stream, session: String::new() };
        let reply = daemon.call("login", "")?;
        let session = reply.split("<string>").nth(1).and_then(|rest| rest.split('<').next());
        daemon.session =
            session.ok_or_else(|| io::Error::other(format!("no session in {reply}")))?.to_owned();
        Ok(daemon)
    }

    /// What a call of `view` carries.
    fn parameters(&self, filter: &str, order: &str, way: &str, start: u32, length: u32) -> String {
        format!(
            "<param><value>{}</value></param><param><value><struct>{filter}</struct></value></param>\
             <param><value>{order}</value></param><param><value>{way}</value></param>\
             <param><value><int>{start}</int></value></param><param><value><int>{length}</int></value></param>",
            self.session
        )
    }

    /// What a call of `summary` carries.
    fn groups(&self, by: &str, length: u32) -> String {
        let texts = [&self.session, by, "", "connections", "DESC"];
        let texts = texts.map(|text| format!("<param><value>{text}</value></param>")).concat();
        let numbers = [0, length].map(|number| format!("<param><value><int>{number}</int></value></param>"));
        texts + &numbers.concat()
    }

    /// How long a call takes, whose reply has rows that each hold `mark`: no more than are wanted, and some if any are.
    fn measure(&mut self, name: &str, parameters: &str, mark: &str, length: u32) -> io::Result<Duration> {
        let (took, reply) = median(|| self.call(name, parameters))?;
        let rows = reply.matches(mark).count();
        if rows > length as usize || rows == 0 && length > 0 {
            return Err(io::Error::other(format!("{rows} rows in {reply}")));
        }
        Ok(took)
    }

    /// Calls a procedure and reads its reply, from the end of the one before up to its last tag.
    fn call(&mut self, name: &str, parameters: &str) -> io::Result<String> {
        let body =
            format!("<methodCall><methodName>{name}</methodName><params>{parameters}</params></methodCall>");
        // In one piece: the second one would wait for the other side's delayed acknowledgement of the first.
        let request = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let (mut reply, mut part) = (Vec::new(), [0; 16384]);
        // Behind the tag there is no more than the end of a chunk, and of the reply.
        while !reply[reply.len().saturating_sub(32)..].windows(17).any(|tag| tag == b"</methodResponse>") {
            match self.stream.read(&mut part)? {
                0 => {
                    let reply = String::from_utf8_lossy(&reply);
                    return Err(io::Error::other(format!("the daemon hung up after {reply}")));
                }
                read => reply.extend_from_slice(&part[..read]),
            }
        }
        String::from_utf8(reply).map_err(io::Error::other)
    }
}
