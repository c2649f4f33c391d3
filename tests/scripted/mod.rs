//! A daemon without sockets of the network and without a kernel: connections are socket pairs, the clock is the
//! caller's, and the kernel is a script ([`kernel`]). Everything happens on the calling thread, so a run is the same
//! each time. The tests of the kernel's errors use it, and so does the fuzz target `connection`.
#![allow(dead_code)] // Each program that includes this uses its part of it.

pub mod kernel;
pub mod twist;

use mio::Events;
use rctd::auth::Peer;
use rctd::cli::{self, Command};
use rctd::http::Via;
use rctd::server::Server;
use rctd::server::listen::Socket;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;

/// Rounds in which a daemon must get any connection to its end; far more than it needs.
const MOST_ROUNDS: usize = 20_000;
/// Rounds without a word after which the clock goes on although the daemon is busy: more than the longest scan takes.
const MOST_QUIET: usize = 200;

/// The daemon, and the clock it lives by.
pub struct Bench {
    server: Box<Server>,
    events: Events,
    /// Milliseconds.
    pub now_ms: u64,
}

impl Bench {
    /// A daemon with these arguments that asks the scripted kernel of this thread.
    pub fn new(arguments: &[&str]) -> Bench {
        let arguments = arguments.iter().map(Into::into).collect();
        let Ok(Command::Run(mut config)) = cli::parse(arguments) else { panic!("arguments of a daemon") };
        config.listen.clear();
        rctd::log::open(config.log_level);
        let server = Server::open_with(*config, kernel::open).expect("a daemon");
        Bench { server, events: Events::with_capacity(64), now_ms: 0 }
    }

    /// A connection to it, as from a host of the network; reading and writing don't block.
    pub fn connect(&mut self) -> UnixStream {
        self.connect_from(Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))), Via::Unix)
    }

    /// The same from this peer, with its requests judged as those of a unix socket or of TCP.
    pub fn connect_from(&mut self, peer: Peer, via: Via) -> UnixStream {
        let (near, far) = UnixStream::pair().expect("a socket pair");
        for end in [&near, &far] {
            end.set_nonblocking(true).expect("a socket that does not block");
        }
        let socket = Socket::Unix(mio::net::UnixStream::from_std(far));
        assert!(self.server.adopt(socket, peer, via, self.now_ms), "no slot is free");
        near
    }

    /// One round; whether there is more to do at once.
    pub fn round(&mut self) -> bool {
        self.server.round(&mut self.events, self.now_ms).expect("the loop goes on")
    }

    /// Rounds until there is nothing to do at once.
    pub fn rounds(&mut self) {
        for _ in 0..MOST_QUIET {
            if !self.round() {
                return;
            }
        }
    }

    /// Whether no client is connected.
    pub fn is_idle(&self) -> bool {
        self.server.is_idle()
    }

    /// Sends `bytes` on a connection of their own, and returns all that comes back until the daemon closes it. When
    /// nothing happens the clock is put forward a second.
    ///
    /// # Panics
    /// If the daemon does not come to an end.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        self.finish(&mut stream, bytes)
    }

    /// Sends the rest on a connection that is there already, and reads to its end.
    pub fn finish(&mut self, stream: &mut UnixStream, mut bytes: &[u8]) -> Vec<u8> {
        let (mut reply, mut quiet) = (Vec::new(), 0);
        for _ in 0..MOST_ROUNDS {
            match stream.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                // The daemon has closed: it has had enough.
                Err(_) => bytes = &[],
            }
            if bytes.is_empty() {
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
            let busy = self.round();
            let before = reply.len();
            if read_all(stream, &mut reply) {
                self.rounds();
                return reply;
            }
            // A scan takes rounds without a word; whoever has nothing to do waits for the clock.
            quiet = if reply.len() == before { quiet + 1 } else { 0 };
            if quiet > if busy { MOST_QUIET } else { 0 } {
                self.now_ms += 1000;
            }
        }
        panic!("the daemon does not end a connection; so far it said {}", String::from_utf8_lossy(&reply));
    }
}

/// Reads what there is. Whether that was the end.
pub fn read_all(stream: &mut UnixStream, to: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16_384];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(count) => to.extend(&buffer[..count]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}

/// A POST of `body` that asks for a reply which ends with the connection.
pub fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The status and the body of a reply to [`post`].
///
/// # Panics
/// If it is no reply.
pub fn split(reply: &[u8]) -> (u16, String) {
    let text = String::from_utf8_lossy(reply);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let status = head.get(9..12).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {head:?}")), body.to_owned())
}
