//! Fills the booted router's table: `rctd-test-fill COUNT [FROM]`.
//!
//! The connections up to number COUNT, from number FROM on, are written through ctnetlink, of every kind and each different in every field, so that bytes
//! in the wrong order can't go unseen; and a few real ones over loopback, whose counters are known. `client.py` makes
//! the same list and compares. Nothing is shared with the daemon: what both believe must be the kernel's truth.
#[path = "../netlink.rs"]
mod netlink;

use netlink::{Message, Socket};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

// linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h
const CT_NEW: u16 = 1 << 8;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_TIMEOUT: u16 = 7;
const CTA_MARK: u16 = 8;
/// IPS_SEEN_REPLY, IPS_ASSURED, and IPS_CONFIRMED, which the kernel wants to see although nothing else is possible.
const STATUS: u32 = 0xe;

/// Bytes of the datagrams of each real connection: `n` of them for connection `n`, counted from 1.
const PAYLOAD: usize = 100;
/// How many real connections there are, and the first port they come from.
const REAL: u16 = 16;
const REAL_PORT: u16 = 30000;

/// One end of a connection's tuple, ready to be written.
struct Tuple {
    addresses: Vec<u8>,
    protocol: u8,
    ports: Ports,
}

/// What a protocol has in place of ports.
enum Ports {
    Pair(u16, u16),
    Icmp { id: u16, kind: u8 },
}

fn main() -> io::Result<()> {
    let argument = |nth| std::env::args().nth(nth).and_then(|text| text.parse().ok());
    let (count, from) = (argument(1).unwrap_or(5000), argument(2).unwrap_or(0));
    let mut socket = Socket::netfilter()?;
    for start in (from..count).step_by(100) {
        let messages: Vec<Message> = (start..count.min(start + 100)).map(connection).collect();
        socket.send(&messages)?;
    }
    println!("{} connections written", count - from);
    if from == 0 {
        track(&mut socket)?;
        real_traffic()?;
        println!("{REAL} made");
    }
    Ok(())
}

/// The message that makes connection `i`.
fn connection(i: u32) -> Message {
    let v6 = i % 10 == 9;
    let mut message = Message::new(CT_NEW, netlink::CREATE, if v6 { libc::AF_INET6 } else { libc::AF_INET });
    let (orig, reply) = tuples(i, v6);
    emit(&mut message, CTA_TUPLE_ORIG, &orig);
    emit(&mut message, CTA_TUPLE_REPLY, &reply);
    message.u32(CTA_STATUS, STATUS);
    message.u32(CTA_TIMEOUT, 3600 + i);
    // Each bit of a mark occurs, the highest too.
    message.u32(CTA_MARK, if i.is_multiple_of(5) { 0x8000_0000 | i } else { i.wrapping_mul(0x1_0001) });
    if orig.protocol == libc::IPPROTO_TCP as u8 {
        // CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED
        message.nested(CTA_PROTOINFO, |info| info.nested(1, |tcp| tcp.bytes(1, &[3])));
    }
    message
}

/// Both tuples of connection `i`.
fn tuples(i: u32, v6: bool) -> (Tuple, Tuple) {
    let (subnet, host) = (i / 250, i % 250 + 1);
    let (source, destination): (Vec<u8>, Vec<u8>) = if v6 {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 0, subnet as u16, 0, 0, 0, host as u16);
        (source.octets().into(), Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1).octets().into())
    } else {
        (vec![192, 168, subnet as u8, host as u8], vec![198, 51, 100, (i % 200 + 1) as u8])
    };
    let port = 1024 + i as u16;
    let (protocol, there, mut back) = if i % 50 == 8 {
        let echo = |kind| Ports::Icmp { id: i as u16, kind };
        (libc::IPPROTO_ICMP, echo(8), echo(0))
    } else {
        let service = [53, 80, 443, 8443][(i % 4) as usize];
        let protocol = if i.is_multiple_of(3) { libc::IPPROTO_UDP } else { libc::IPPROTO_TCP };
        (protocol, Ports::Pair(port, service), Ports::Pair(service, port))
    };
    let mut answered = source.clone();
    // As behind a masquerading router: the answer goes to another address and port than the question came from.
    if let (Ports::Pair(_, to), true) = (&mut back, i.is_multiple_of(7) && !v6) {
        answered = Ipv4Addr::new(203, 0, 113, 1).octets().into();
        *to = 20000 + i as u16;
    }
    let protocol = protocol as u8;
    let orig = Tuple { addresses: [source, destination.clone()].concat(), protocol, ports: there };
    (orig, Tuple { addresses: [destination, answered].concat(), protocol, ports: back })
}

/// Writes a tuple as a nested attribute.
fn emit(message: &mut Message, kind: u16, tuple: &Tuple) {
    let (source, destination) = tuple.addresses.split_at(tuple.addresses.len() / 2);
    // CTA_IP_V4_SRC and _DST are 1 and 2, CTA_IP_V6_SRC and _DST 3 and 4.
    let first = if source.len() == 4 { 1 } else { 3 };
    message.nested(kind, |message| {
        message.nested(1, |ip| {
            ip.bytes(first, source);
            ip.bytes(first + 1, destination);
        });
        message.nested(2, |proto| {
            proto.bytes(1, &[tuple.protocol]);
            match tuple.ports {
                Ports::Pair(from, to) => {
                    proto.bytes(2, &from.to_be_bytes());
                    proto.bytes(3, &to.to_be_bytes());
                }
                Ports::Icmp { id, kind } => {
                    proto.bytes(4, &id.to_be_bytes());
                    proto.bytes(5, &[kind]);
                    proto.bytes(6, &[0]);
                }
            }
        });
    });
}

/// Has the kernel track connections, which it does only where a rule asks for it: one nftables rule that reads the
/// state of whatever comes in, and does nothing with it.
fn track(socket: &mut Socket) -> io::Result<()> {
    // linux/netfilter/nf_tables.h: the subsystem is 10, and its messages go in a batch.
    const NFT: u16 = 10;
    let message = |kind: u16| Message::new(NFT << 8 | kind, netlink::CREATE, libc::AF_INET);
    let mut table = message(0);
    table.bytes(1, b"track\0");
    let mut chain = message(3);
    chain.bytes(1, b"track\0");
    chain.bytes(3, b"in\0");
    chain.nested(4, |hook| {
        hook.u32(1, 1); // NF_INET_LOCAL_IN
        hook.u32(2, 0); // NF_IP_PRI_FILTER
    });
    chain.bytes(7, b"filter\0");
    let mut rule = message(6);
    rule.bytes(1, b"track\0");
    rule.bytes(2, b"in\0");
    rule.nested(4, |expressions| {
        expressions.nested(1, |ct| {
            ct.bytes(1, b"ct\0");
            ct.nested(2, |data| {
                data.u32(1, 1); // into NFT_REG_1
                data.u32(2, 0); // NFT_CT_STATE
            });
        });
    });
    socket.send_batch(NFT, &[table, chain, rule])
}

/// Connection `n` sends `n` datagrams of 100 bytes to a port nobody answers from.
fn real_traffic() -> io::Result<()> {
    let server = UdpSocket::bind("127.0.0.1:20053")?;
    for n in 1..=REAL {
        let client = UdpSocket::bind(("127.0.0.1", REAL_PORT + n))?;
        for _ in 0..n {
            client.send_to(&[0; PAYLOAD], server.local_addr()?)?;
        }
    }
    Ok(())
}
