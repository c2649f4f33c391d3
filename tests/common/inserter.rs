//! Writes connections to the kernel through ctnetlink: an encoder of the tests' own.
//!
//! Attribute numbers are those of linux/netfilter/nfnetlink_conntrack.h. What is netlink's own (headers,
//! attribute headers) is in the machine's byte order, what is inside the attributes is big-endian.
use super::flows::{Flow, ICMP, ICMPV6, L4, TCP, Tuple};
use super::namespace::Namespace;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{FromRawFd, OwnedFd};

const NEW: u16 = 0;
const DELETE: u16 = 2;
const NLMSG_ERROR: u16 = 2;
const F_REQUEST: u16 = 1;
const F_ACK: u16 = 4;
const F_EXCL: u16 = 0x200;
const F_CREATE: u16 = 0x400;
const NESTED: u16 = 0x8000;
/// Messages in one send: their acknowledgements have to fit the socket's receive buffer.
const BATCH: usize = 100;

/// A ctnetlink socket that writes. It exists only for somebody who is in a namespace.
pub struct Inserter {
    socket: File,
    sequence: u32,
}

/// A bare NETLINK_NETFILTER socket; `read` and `write` are recv and send.
pub fn netfilter_socket() -> File {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers; the result is checked before it is owned.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_NETFILTER) };
    assert!(fd >= 0, "no netfilter netlink here: {}", io::Error::last_os_error());
    // SAFETY: fd is open and nobody else's.
    unsafe { OwnedFd::from_raw_fd(fd) }.into()
}

impl Inserter {
    pub fn new(_inside: &Namespace) -> Inserter {
        Inserter { socket: netfilter_socket(), sequence: 0 }
    }

    /// Inserts all; a connection the kernel does not take fails the test.
    pub fn insert(&mut self, flows: &[Flow]) {
        for (flow, errno) in flows.iter().zip(self.try_insert(flows)) {
            assert_eq!(errno, 0, "not inserted: {}: {flow:?}", io::Error::from_raw_os_error(errno));
        }
    }

    /// Inserts what the kernel takes; one errno (0: done) for each.
    pub fn try_insert(&mut self, flows: &[Flow]) -> Vec<i32> {
        self.send_all(flows, NEW, F_CREATE | F_EXCL, insert_body)
    }

    /// Deletes by tuple and zone; one errno for each.
    pub fn delete(&mut self, flows: &[Flow]) -> Vec<i32> {
        self.send_all(flows, DELETE, 0, |out, flow| {
            tuple(out, 1, &flow.orig);
            zone(out, flow.zone);
        })
    }

    /// Empties the namespace's table.
    pub fn flush(&mut self) {
        self.sequence += 1;
        let message = message(DELETE, 0, self.sequence, libc::AF_UNSPEC as u8, |_| ());
        self.socket.write_all(&message).expect("the flush to be sent");
        assert_eq!(self.acknowledgements(1), [0], "the flush to be done");
    }

    fn send_all(
        &mut self,
        flows: &[Flow],
        kind: u16,
        flags: u16,
        body: fn(&mut Attributes, &Flow),
    ) -> Vec<i32> {
        let mut errors = Vec::with_capacity(flows.len());
        for batch in flows.chunks(BATCH) {
            let mut bytes = Vec::new();
            for flow in batch {
                self.sequence += 1;
                let family = if flow.orig.src.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
                bytes.extend(message(kind, flags, self.sequence, family as u8, |out| body(out, flow)));
            }
            self.socket.write_all(&bytes).expect("the batch to be sent");
            errors.extend(self.acknowledgements(batch.len()));
        }
        errors
    }

    /// The errno of each of the last `count` messages, in order.
    fn acknowledgements(&mut self, count: usize) -> Vec<i32> {
        let mut errors = Vec::with_capacity(count);
        let mut buffer = vec![0; 65_536];
        while errors.len() < count {
            let length = self.socket.read(&mut buffer).expect("an acknowledgement");
            let mut rest = &buffer[..length];
            while rest.len() >= 20 {
                let kind = u16::from_ne_bytes([rest[4], rest[5]]);
                let sequence = u32::from_ne_bytes([rest[8], rest[9], rest[10], rest[11]]);
                let error = i32::from_ne_bytes([rest[16], rest[17], rest[18], rest[19]]);
                assert_eq!(kind, NLMSG_ERROR, "something else than an acknowledgement came");
                assert_eq!(
                    sequence as usize,
                    self.sequence as usize - count + errors.len() + 1,
                    "out of turn"
                );
                errors.push(-error);
                let size = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
                rest = &rest[size.next_multiple_of(4).min(rest.len())..];
            }
        }
        errors
    }
}

/// One message: nlmsghdr, nfgenmsg, attributes.
fn message(kind: u16, flags: u16, sequence: u32, family: u8, body: impl FnOnce(&mut Attributes)) -> Vec<u8> {
    let mut out = Attributes(vec![0; 16]);
    out.0.extend([family, 0, 0, 0]); // nfgenmsg: NFNETLINK_V0 and no resource id
    body(&mut out);
    let mut bytes = out.0;
    let length = bytes.len() as u32;
    bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&(1 << 8 | kind).to_ne_bytes()); // NFNL_SUBSYS_CTNETLINK
    bytes[6..8].copy_from_slice(&(F_REQUEST | F_ACK | flags).to_ne_bytes());
    bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    bytes
}

fn insert_body(out: &mut Attributes, flow: &Flow) {
    tuple(out, 1, &flow.orig);
    tuple(out, 2, &flow.reply);
    out.put(3, &flow.status.to_be_bytes());
    if let (TCP, Some(state)) = (flow.orig.proto, flow.tcp_state) {
        // CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE
        out.nest(4, |out| out.nest(1, |out| out.put(1, &[state])));
    }
    if let Some(state) = flow.sctp_state {
        // CTA_PROTOINFO, CTA_PROTOINFO_SCTP: the state, and the verification tags of both directions.
        out.nest(4, |out| {
            out.nest(3, |out| {
                out.put(1, &[state]);
                out.put(2, &1u32.to_be_bytes());
                out.put(3, &2u32.to_be_bytes());
            });
        });
    }
    if let Some(name) = flow.helper {
        out.nest(5, |out| out.put(1, &[name.as_bytes(), b"\0"].concat()));
    }
    out.put(7, &flow.timeout.to_be_bytes());
    if flow.mark != 0 {
        out.put(8, &flow.mark.to_be_bytes());
    }
    zone(out, flow.zone);
}

fn zone(out: &mut Attributes, zone: u16) {
    if zone != 0 {
        out.put(18, &zone.to_be_bytes());
    }
}

/// CTA_TUPLE_ORIG (1) or CTA_TUPLE_REPLY (2)
fn tuple(out: &mut Attributes, kind: u16, tuple: &Tuple) {
    out.nest(kind, |out| {
        out.nest(1, |out| match (tuple.src, tuple.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                out.put(1, &src.octets());
                out.put(2, &dst.octets());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                out.put(3, &src.octets());
                out.put(4, &dst.octets());
            }
            _ => panic!("a connection between two families: {tuple:?}"),
        });
        out.nest(2, |out| proto(out, tuple));
    });
}

/// CTA_TUPLE_PROTO. ICMPv6 has numbers of its own (7, 8, 9) for what ICMP calls 4, 5, 6.
fn proto(out: &mut Attributes, tuple: &Tuple) {
    out.put(1, &[tuple.proto]);
    match (tuple.l4, tuple.proto) {
        (L4::Ports(src, dst), _) => {
            out.put(2, &src.to_be_bytes());
            out.put(3, &dst.to_be_bytes());
        }
        (L4::Icmp { kind, code, id }, ICMP | ICMPV6) => {
            let first = if tuple.proto == ICMP { 4 } else { 7 };
            out.put(first, &id.to_be_bytes());
            out.put(first + 1, &[kind]);
            out.put(first + 2, &[code]);
        }
        (L4::Icmp { .. }, other) => panic!("protocol {other} has no ICMP type"),
        (L4::Nothing, _) => (),
    }
}

/// Attributes as they are sent: length and type in the machine's order, padded to four bytes.
struct Attributes(Vec<u8>);

impl Attributes {
    fn put(&mut self, kind: u16, payload: &[u8]) {
        self.0.extend((payload.len() as u16 + 4).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(payload);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes)) {
        let start = self.0.len();
        self.put(kind | NESTED, &[]);
        fill(self);
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }
}
