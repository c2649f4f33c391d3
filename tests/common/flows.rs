//! Connections to put into a table, and a generator of tables such as routers have.
use super::random::Random;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// linux/netfilter/nf_conntrack_common.h
pub const IPS_SEEN_REPLY: u32 = 1 << 1;
pub const IPS_ASSURED: u32 = 1 << 2;
pub const IPS_CONFIRMED: u32 = 1 << 3;
pub const IPS_SRC_NAT: u32 = 1 << 4;
pub const IPS_FIXED_TIMEOUT: u32 = 1 << 10;

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const DCCP: u8 = 33;
pub const GRE: u8 = 47;
pub const ESP: u8 = 50;
pub const ICMPV6: u8 = 58;
pub const SCTP: u8 = 132;
pub const UDPLITE: u8 = 136;

/// TCP_CONNTRACK_ESTABLISHED of linux/netfilter/nf_conntrack_tcp.h
pub const ESTABLISHED: u8 = 3;

/// What tells apart connections of one protocol between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum L4 {
    Ports(u16, u16),
    Icmp { kind: u8, code: u8, id: u16 },
    Nothing,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub proto: u8,
    pub l4: L4,
}

impl Tuple {
    /// The direction in which answers come when nothing is translated.
    pub fn inverse(&self) -> Tuple {
        let l4 = match self.l4 {
            L4::Ports(src, dst) => L4::Ports(dst, src),
            L4::Icmp { kind, code, id } => L4::Icmp { kind: echo_reply(kind), code, id },
            L4::Nothing => L4::Nothing,
        };
        Tuple { src: self.dst, dst: self.src, proto: self.proto, l4 }
    }
}

/// The answer to an echo or timestamp request of ICMP, or to an echo request of ICMPv6.
fn echo_reply(kind: u8) -> u8 {
    match kind {
        8 => 0,
        13 => 14,
        128 => 129,
        other => other,
    }
}

/// A connection to insert.
#[derive(Clone, Debug)]
pub struct Flow {
    pub orig: Tuple,
    pub reply: Tuple,
    /// In seconds.
    pub timeout: u32,
    pub status: u32,
    pub mark: u32,
    pub zone: u16,
    pub tcp_state: Option<u8>,
    pub sctp_state: Option<u8>,
    pub helper: Option<&'static str>,
}

impl Flow {
    /// An assured connection that nothing translates, with a timeout of a day.
    pub fn new(proto: u8, src: impl Into<IpAddr>, dst: impl Into<IpAddr>, l4: L4) -> Flow {
        let orig = Tuple { src: src.into(), dst: dst.into(), proto, l4 };
        Flow {
            orig,
            reply: orig.inverse(),
            timeout: 86_400,
            status: IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED,
            mark: 0,
            zone: 0,
            tcp_state: (proto == TCP).then_some(ESTABLISHED),
            sctp_state: None,
            helper: None,
        }
    }

    /// A TCP connection between two IPv4 hosts.
    pub fn tcp(src: [u8; 4], src_port: u16, dst: [u8; 4], dst_port: u16) -> Flow {
        Flow::new(TCP, src, dst, L4::Ports(src_port, dst_port))
    }

    /// The same as UDP.
    pub fn udp(src: [u8; 4], src_port: u16, dst: [u8; 4], dst_port: u16) -> Flow {
        Flow::new(UDP, src, dst, L4::Ports(src_port, dst_port))
    }
}

/// `n` different connections: a few hosts have most of them, many are translated, some have marks or zones.
/// Addresses are 192.168/16 and fd00:: inside, documentation ranges outside; the same seed gives the same flows.
pub fn flows(seed: u64, n: usize) -> Vec<Flow> {
    let mut random = Random::new(seed);
    let mut seen = HashSet::new();
    let mut made = Vec::with_capacity(n);
    while made.len() < n {
        let flow = one(&mut random, made.len());
        // Both directions of every connection are keys of the kernel's hash: each may be there once a zone.
        if seen.insert((hashed(flow.orig), flow.zone)) && seen.insert((hashed(flow.reply), flow.zone)) {
            made.push(flow);
        }
    }
    made
}

/// A tuple as a kernel may see it: since 6.17 DCCP is tracked like any protocol without ports.
fn hashed(tuple: Tuple) -> Tuple {
    if tuple.proto == DCCP { Tuple { l4: L4::Nothing, ..tuple } } else { tuple }
}

fn one(random: &mut Random, nth: usize) -> Flow {
    let v6 = random.one_in(3);
    let proto = match random.below(40) {
        0..=19 => TCP,
        20..=31 => UDP,
        32..=34 if v6 => ICMPV6,
        32..=34 => ICMP,
        35 => UDPLITE,
        36 => SCTP,
        37 => DCCP,
        38 => GRE,
        _ => ESP,
    };
    let (src, dst) = (inside(random, v6), outside(random, v6));
    let mut flow = Flow::new(proto, src, dst, l4(random, proto));
    // Different (7919 is prime), far apart and far away: an order by timeout, or a range of which the ends are 1
    // more than a multiple of 50, is the same when the clock ticks during a test.
    flow.timeout = 100_000 + 50 * (nth as u64 * 7919 % 50_000) as u32;
    if random.one_in(4) {
        flow.status &= !(IPS_SEEN_REPLY | IPS_ASSURED);
    } else if random.one_in(4) {
        flow.status &= !IPS_ASSURED;
    }
    if proto == TCP {
        flow.tcp_state = Some(random.pick(&[1, 2, 3, 3, 3, 3, 4, 5, 6, 7, 8]));
    }
    match random.below(8) {
        0 => flow.mark = random.below(6) as u32,
        1 => flow.mark = 0x0100 << random.below(4),
        2 => flow.mark = 3_000_000_000 + random.below(1000) as u32,
        _ => (),
    }
    if random.one_in(10) {
        flow.zone = random.pick(&[1, 2, 7, 65_535]);
    }
    if !v6 && random.one_in(2) {
        masquerade(&mut flow, nth);
    }
    flow
}

fn l4(random: &mut Random, proto: u8) -> L4 {
    match proto {
        TCP | UDP | UDPLITE | SCTP | DCCP | GRE => {
            let dst = match random.below(3) {
                0 => 443,
                1 => random.pick(&[22, 53, 80, 123, 853, 5060, 8080]),
                _ => 1 + random.below(65_535) as u16,
            };
            L4::Ports(1024 + random.below(64_000) as u16, dst)
        }
        ICMP => L4::Icmp { kind: random.pick(&[8, 8, 8, 13]), code: 0, id: random.below(65_536) as u16 },
        ICMPV6 => L4::Icmp { kind: 128, code: 0, id: random.below(65_536) as u16 },
        _ => L4::Nothing,
    }
}

/// One of a /16 of hosts, of which five have every other connection.
fn inside(random: &mut Random, v6: bool) -> IpAddr {
    let host = if random.one_in(2) { random.below(5) as u16 + 1 } else { random.below(60_000) as u16 + 256 };
    let [high, low] = host.to_be_bytes();
    if v6 {
        Ipv6Addr::new(0xfd00, 0, 0, u16::from(high & 3), 0, 0, 0, host).into()
    } else {
        Ipv4Addr::new(192, 168, high, low).into()
    }
}

fn outside(random: &mut Random, v6: bool) -> IpAddr {
    let host = random.below(250) as u8 + 1;
    if v6 {
        // Some with runs of zeros in different places: RFC 5952 has rules for which to shorten.
        let middle = random.pick(&[0, 0, 1, 0xffff]);
        Ipv6Addr::new(0x2001, 0xdb8, middle, 0, 0, random.pick(&[0, 1]), 0, u16::from(host)).into()
    } else {
        let net = random.pick(&[[192, 0, 2], [198, 51, 100], [203, 0, 113]]);
        Ipv4Addr::new(net[0], net[1], net[2], host).into()
    }
}

/// Answers go to the router's own address, to a port no other connection has.
fn masquerade(flow: &mut Flow, nth: usize) {
    let own = Ipv4Addr::new(203, 0, 113, 254 - (nth / 60_000) as u8);
    if let L4::Ports(from, _) = flow.reply.l4 {
        flow.reply.dst = own.into();
        flow.reply.l4 = L4::Ports(from, 1024 + (nth % 60_000) as u16);
    }
}
