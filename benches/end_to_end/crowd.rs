//! Many connections in one thread, each with a call under way: what a server makes in a second, and not what it costs to wake
//! as many threads of clients.
use crate::client::Caller;
use crate::common::raw::Address;
use crate::common::xml::Value;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How long calls are made before they are counted.
const SECOND: Duration = Duration::from_secs(1);

struct Line {
    stream: TcpStream,
    /// Bytes of the reply that have come.
    got: usize,
}

/// Calls of `refresh` that come back in a second with one always under way on each of so many connections.
pub fn calls_per_second(address: &Address, session: &str, connections: usize) -> f64 {
    let mut caller = Caller::connect(address);
    let request = caller.request("refresh", &[Value::from(session)]);
    let reply = caller.send(&request);
    // It comes with its length, not in chunks.
    let whole = reply.head_bytes + reply.bytes as usize;
    let Address::Tcp(address) = address else { panic!("small calls are made over TCP") };
    let mut poll = Poll::new().expect("epoll");
    let mut events = Events::with_capacity(connections);
    let mut lines: Vec<Line> = (0..connections)
        .map(|nth| {
            let stream = std::net::TcpStream::connect(address).expect("a connection to the server");
            stream.set_nodelay(true).expect("an option of TCP");
            stream.set_nonblocking(true).expect("a socket that does not block");
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(nth), Interest::READABLE).expect("a place in epoll");
            Line { stream, got: 0 }
        })
        .collect();
    for line in &mut lines {
        line.stream.write_all(&request).expect("the request to be sent");
    }
    let (begun, mut calls) = (Instant::now(), 0_u64);
    while begun.elapsed() < SECOND {
        poll.poll(&mut events, Some(SECOND)).expect("events");
        assert!(!events.is_empty(), "no reply in a second");
        for event in &events {
            calls += u64::from(lines[event.token().0].take(whole, &request));
        }
    }
    calls as f64 / begun.elapsed().as_secs_f64()
}

impl Line {
    /// Reads what has come; if that is the whole reply, the next request goes out. Whether it was.
    fn take(&mut self, whole: usize, request: &[u8]) -> bool {
        let mut buffer = [0; 4096];
        while self.got < whole {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the server closed a connection"),
                Ok(count) => {
                    let begins = self.got == 0;
                    assert!(!begins || buffer.starts_with(b"HTTP/1.1 200"), "not a reply of status 200");
                    self.got += count;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
                Err(e) => panic!("a connection broke: {e}"),
            }
        }
        assert_eq!(self.got, whole, "a reply of another length");
        self.got = 0;
        self.stream.write_all(request).expect("the request to be sent");
        true
    }
}
