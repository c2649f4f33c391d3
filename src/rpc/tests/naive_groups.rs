//! Groups of flows counted without a thought of speed, by the words of docs/API.md.
use crate::conntrack::flow::Flow;
use crate::query::tests::model::{Val, value};
use core::net::IpAddr;
use std::collections::BTreeMap;

/// What a row adds up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) connections: u64,
    pub(super) bytes: Option<u64>,
    pub(super) packets: Option<u64>,
    pub(super) rate: Option<u64>,
}

/// A key that compares as the interface says: numbers and addresses by value, the group without one last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Number(u64),
    Address(u128),
    Service(u64, u64),
    Text(String),
    None,
}

pub(super) type Naive = BTreeMap<Key, (Option<String>, Sums)>;

pub(super) const LAN: [&str; 2] = ["10.0.0.0/24", "2001:db8::/64"];

fn inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.octets()[..3] == [10, 0, 0],
        IpAddr::V6(a) => a.segments()[..4] == [0x2001, 0xdb8, 0, 0],
    }
}

fn cut(address: IpAddr, v4_bits: u32, v6_bits: u32) -> (Key, Option<String>) {
    let (cut, full, bits): (IpAddr, _, _) = match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32 - v4_bits).unwrap_or(0);
            (core::net::Ipv4Addr::from(a.to_bits() & mask).into(), v4_bits == 32, v4_bits)
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128 - v6_bits).unwrap_or(0);
            (core::net::Ipv6Addr::from(a.to_bits() & mask).into(), v6_bits == 128, v6_bits)
        }
    };
    let order = match cut {
        // IPv4 stands in front of IPv6.
        IpAddr::V4(a) => a.to_ipv6_mapped().to_bits(),
        IpAddr::V6(a) => a.to_bits(),
    };
    (Key::Address(order), Some(if full { cut.to_string() } else { format!("{cut}/{bits}") }))
}

/// The key of a flow, and how it is written.
fn key(group: &str, flow: &Flow) -> (Key, Option<String>) {
    let mut parts = group.split('/');
    let name = parts.next().unwrap();
    let lengths: Vec<u32> = parts.map(|bits| bits.parse().unwrap()).collect();
    let (v4, v6) = match lengths[..] {
        [] => (32, 128),
        [bits] if bits > 32 => (32, bits),
        [bits] => (bits, 128),
        [v4, v6] => (v4, v6),
        _ => panic!("{group}"),
    };
    let address = |name: &str| match value(name, flow) {
        Some(Val::Address(address)) => address,
        other => panic!("{other:?}"),
    };
    let none = (Key::None, None);
    match name {
        "local" | "remote" => {
            let ends = [address("orig_src"), address("repl_src")];
            let found = match (name, ends.map(inside)) {
                (_, [false, false]) | ("remote", [true, true]) => return none,
                ("local", [true, _]) | ("remote", [false, _]) => ends[0],
                _ => ends[1],
            };
            cut(found, v4, v6)
        }
        "orig_src" | "orig_dst" | "repl_src" => cut(address(name), v4, v6),
        "service" => {
            let Some(Val::Number(protocol)) = value("orig_l4proto", flow) else { panic!("no protocol") };
            let names = [(1, "icmp"), (6, "tcp"), (17, "udp"), (33, "dccp"), (47, "gre"), (50, "esp")];
            let more = [(58, "icmpv6"), (132, "sctp"), (136, "udplite")];
            let word = names.iter().chain(&more).find(|n| n.0 == protocol).expect("a name").1;
            match value("orig_port_dst", flow) {
                Some(Val::Number(port)) => (Key::Service(protocol, 1 + port), Some(format!("{word}/{port}"))),
                _ => (Key::Service(protocol, 0), Some(word.to_owned())),
            }
        }
        _ => match value(name, flow) {
            Some(Val::Number(number)) => (Key::Number(number), Some(number.to_string())),
            Some(Val::Text(text)) => (Key::Text(text.clone()), Some(text)),
            None => none,
            other => panic!("{other:?}"),
        },
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

pub(super) fn naive(group: &str, flows: &[Flow]) -> Naive {
    let mut groups = Naive::new();
    for flow in flows {
        let (key, written) = key(group, flow);
        let (_, sums) = groups.entry(key).or_insert((written, Sums::default()));
        let number = |name: &str| match value(name, flow) {
            Some(Val::Number(number)) => Some(number),
            _ => None,
        };
        sums.connections += 1;
        add(&mut sums.bytes, number("bytes"));
        add(&mut sums.packets, number("packets"));
    }
    groups
}

/// The rows of a naive count in order.
pub(super) fn sorted(groups: &Naive, order: &str, descending: bool) -> Vec<(Option<String>, Sums)> {
    let mut rows: Vec<_> = groups.iter().collect();
    rows.sort_by(|(a_key, (_, a)), (b_key, (_, b))| {
        let number = |sums: &Sums| match order {
            "bytes" => sums.bytes,
            "packets" => sums.packets,
            "rate" => sums.rate,
            _ => Some(sums.connections),
        };
        let keys = a_key.cmp(b_key);
        if order == "key" {
            return match (a_key, b_key) {
                (Key::None, _) | (_, Key::None) => keys,
                _ if descending => keys.reverse(),
                _ => keys,
            };
        }
        match (number(a), number(b)) {
            (Some(a), Some(b)) => if descending { b.cmp(&a) } else { a.cmp(&b) }.then(keys),
            (a, b) => a.is_none().cmp(&b.is_none()).then(keys),
        }
    });
    rows.into_iter().map(|(_, row)| row.clone()).collect()
}
