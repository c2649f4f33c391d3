//! The floor: a bare `recv` loop over a dump, which looks at netlink headers and at nothing else.
use crate::common::inserter::netfilter_socket;
use rctd::conntrack::request::{KernelFilter, dump};
use std::fs::File;
use std::io::{Read, Write};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// What the kernel fills at most in one call.
const BUFFER_BYTES: usize = 32 * 1024;

/// A reader that does as little as a reader can.
pub struct Drain {
    socket: File,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Drain {
    /// Its socket belongs to the calling thread's namespace.
    pub fn new() -> Drain {
        Drain { socket: netfilter_socket(), buffer: vec![0; BUFFER_BYTES], sequence: 0 }
    }

    /// Reads the whole dump and counts its entries. `filter` goes into the request exactly as the daemon sends it.
    pub fn run(&mut self, filter: &KernelFilter) -> u64 {
        self.each(filter, |_| ())
    }

    /// The same, with every datagram handed to `keep`.
    pub fn each(&mut self, filter: &KernelFilter, mut keep: impl FnMut(&[u8])) -> u64 {
        let (first, then) = filter.by_family();
        self.part(&first, &mut keep) + then.map_or(0, |then| self.part(&then, &mut keep))
    }

    fn part(&mut self, filter: &KernelFilter, keep: &mut impl FnMut(&[u8])) -> u64 {
        self.sequence += 1;
        self.socket
            .write_all(dump(filter).numbered(self.sequence))
            .expect("the request for a dump to be sent");
        let mut entries = 0;
        loop {
            let length = self.socket.read(&mut self.buffer).expect("a part of the dump");
            keep(&self.buffer[..length]);
            let (read, done) = count(&self.buffer[..length]);
            entries += read;
            if done {
                return entries;
            }
        }
    }
}

/// The entries in a datagram, and whether it ends the dump.
fn count(mut rest: &[u8]) -> (u64, bool) {
    let mut entries = 0;
    while rest.len() >= 16 {
        let size = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        match u16::from_ne_bytes([rest[4], rest[5]]) {
            NLMSG_DONE => return (entries, true),
            NLMSG_ERROR => panic!("the kernel refused to dump: {:?}", &rest[..size.min(rest.len())]),
            _ => entries += 1,
        }
        rest = &rest[size.next_multiple_of(4).min(rest.len())..];
    }
    (entries, false)
}
