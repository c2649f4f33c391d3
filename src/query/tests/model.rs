//! Fields and orders a second time, by the words of docs/API.md and without a thought for speed. Texts and users are
//! those of [`super::flows::context`].
use super::flows::{HOSTS, TEXTS};
use crate::conntrack::flow::{Ends, Flow, Tuple};
use core::cmp::Ordering;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Val {
    Number(u64),
    Address(IpAddr),
    Text(String),
    End(IpAddr, Option<u16>),
}

/// The field's values in the flow.
pub fn values(name: &str, flow: &Flow) -> Vec<Val> {
    match name {
        "host" => {
            ["orig_src", "orig_dst", "repl_src", "repl_dst"].iter().flat_map(|n| values(n, flow)).collect()
        }
        "port" => ["orig_port_src", "orig_port_dst", "repl_port_src", "repl_port_dst"]
            .iter()
            .flat_map(|n| values(n, flow))
            .collect(),
        "name" => {
            ["orig_src_name", "orig_dst_name", "repl_src_name"].iter().flat_map(|n| values(n, flow)).collect()
        }
        _ => value(name, flow).into_iter().collect(),
    }
}

/// The field's value in the flow.
pub fn value(name: &str, flow: &Flow) -> Option<Val> {
    if let Some(rest) = name.strip_prefix("orig_counter_").or(name.strip_prefix("repl_counter_")) {
        let counters = if name.starts_with("orig") { flow.orig_counters } else { flow.repl_counters }?;
        return Some(Val::Number(if rest == "bytes" { counters.bytes } else { counters.packets }));
    }
    if let Some(side) = name.strip_suffix("_name") {
        let Some(Val::Address(address)) = value(side, flow) else { return None };
        let named = HOSTS.iter().find(|host| host.0 == address.to_string())?;
        return Some(Val::Text(named.1.into()));
    }
    match name {
        "orig_rate" => return flow.rates.map(|rates| Val::Number(rates.orig.into())),
        "repl_rate" => return flow.rates.map(|rates| Val::Number(rates.repl.into())),
        "rate" => return flow.rates.map(|rates| Val::Number(u64::from(rates.orig) + u64::from(rates.repl))),
        _ => {}
    }
    if let Some(rest) = name.strip_prefix("orig_") {
        return part(rest, &flow.orig?);
    }
    if let Some(rest) = name.strip_prefix("repl_") {
        return part(rest, &flow.repl?);
    }
    let number = |n: Option<u32>| n.map(|n| Val::Number(n.into()));
    // A mark and a zone that the kernel leaves out are 0.
    let mark = Some(flow.mark.unwrap_or(0));
    let user = mark.map(|m| m & 0xff);
    match name {
        "id" => number(flow.id),
        "icmp_type" | "icmp_code" | "icmp_id" => icmp(name, &flow.orig?),
        "tcp_state" => number(flow.tcp_state.map(u32::from)),
        "sctp_state" => number(flow.sctp_state.map(u32::from)),
        "gre_key_src" | "gre_key_dst" => gre_key(name, &flow.orig?),
        "mark" => number(mark),
        "status" => number(flow.status),
        "use" => number(flow.uses),
        "timeout" => number(flow.timeout),
        "zone" => number(Some(flow.zone.unwrap_or(0).into())),
        "start" => flow.start_ns.map(|ns| Val::Number(ns / 1_000_000_000)),
        "helper" => flow.helper.map(|l| Val::Text(TEXTS[usize::from(l.number())].into())),
        "secctx" => flow.secctx.map(|l| Val::Text(TEXTS[usize::from(l.number())].into())),
        "user_id" => number(user),
        "username" => match user? {
            0 => Some(Val::Text("root".into())),
            1 => Some(Val::Text("ann".into())),
            3 => Some(Val::Text("bob".into())),
            _ => None,
        },
        "bytes" | "packets" => sum(name, flow),
        "nat" | "nat_src" | "nat_dst" => nat(name, flow),
        _ => panic!("no field is called {name}"),
    }
}

fn sum(name: &str, flow: &Flow) -> Option<Val> {
    let both = [flow.orig_counters, flow.repl_counters];
    let parts: Vec<u64> =
        both.into_iter().flatten().map(|c| if name == "bytes" { c.bytes } else { c.packets }).collect();
    let sum: u128 = parts.iter().map(|&p| u128::from(p)).sum();
    (!parts.is_empty()).then(|| Val::Number(u64::try_from(sum).unwrap_or(u64::MAX)))
}

/// What the reply direction has that the original one, turned round, has not.
fn nat(name: &str, flow: &Flow) -> Option<Val> {
    let (orig, repl) = (flow.orig?, flow.repl?);
    let both_have_ports = matches!((orig.ends, repl.ends), (Ends::Ports { .. }, Ends::Ports { .. }));
    let numbers = |tuple: &Tuple| match tuple.ends {
        Ends::Ports { src, dst } if both_have_ports => (src, dst),
        _ => (0, 0),
    };
    let id = |tuple: &Tuple| match tuple.ends {
        Ends::Icmp { id, .. } => id,
        _ => 0,
    };
    let src = orig.src != repl.dst || numbers(&orig).0 != numbers(&repl).1 || id(&orig) != id(&repl);
    let dst = orig.dst != repl.src || numbers(&orig).1 != numbers(&repl).0;
    let end = |side: &str| {
        let Some(Val::Address(address)) = part(side, &repl) else { panic!("no address") };
        let port = match part(&format!("port_{side}"), &repl) {
            Some(Val::Number(port)) => Some(port as u16),
            _ => None,
        };
        Some(Val::End(address, port))
    };
    match name {
        "nat" => Some(Val::Number(u64::from(src) + 2 * u64::from(dst))).filter(|_| src || dst),
        "nat_src" => end("dst").filter(|_| src),
        _ => end("src").filter(|_| dst),
    }
}

fn gre_key(name: &str, tuple: &Tuple) -> Option<Val> {
    let Ends::Ports { src, dst } = tuple.ends else { return None };
    (tuple.l4proto == 47).then(|| Val::Number(if name == "gre_key_src" { src } else { dst }.into()))
}

fn icmp(name: &str, tuple: &Tuple) -> Option<Val> {
    let Ends::Icmp { kind, code, id } = tuple.ends else { return None };
    Some(Val::Number(match name {
        "icmp_type" => kind.into(),
        "icmp_code" => code.into(),
        _ => id.into(),
    }))
}

fn part(name: &str, tuple: &Tuple) -> Option<Val> {
    let v4 = tuple.l3proto == 2;
    let address = |bytes: [u8; 16]| {
        let v6 = Ipv6Addr::from(bytes);
        let ip = if v4 { Ipv4Addr::from(u128::from(v6) as u32).into() } else { IpAddr::V6(v6) };
        Some(Val::Address(ip))
    };
    let with_ports = [6, 17, 33, 132, 136].contains(&tuple.l4proto);
    match (name, tuple.ends) {
        ("l3proto", _) => Some(Val::Number(tuple.l3proto.into())),
        ("l4proto", _) => Some(Val::Number(tuple.l4proto.into())),
        ("ipv4_src", _) if !v4 => None,
        ("ipv4_dst", _) if !v4 => None,
        ("ipv6_src", _) if v4 => None,
        ("ipv6_dst", _) if v4 => None,
        ("src" | "ipv4_src" | "ipv6_src", _) => address(tuple.src),
        ("dst" | "ipv4_dst" | "ipv6_dst", _) => address(tuple.dst),
        ("port_src", Ends::Ports { src, .. }) if with_ports => Some(Val::Number(src.into())),
        ("port_dst", Ends::Ports { dst, .. }) if with_ports => Some(Val::Number(dst.into())),
        ("port_src" | "port_dst", _) => None,
        ("zone", _) => tuple.zone.map(|zone| Val::Number(zone.into())),
        _ => panic!("no field is called orig_{name}"),
    }
}

/// Flows without the field last in both directions; equal ones by id, then by tuple and zone, ascending.
pub fn order(name: &str, descending: bool) -> impl Fn(&Flow, &Flow) -> Ordering {
    move |a, b| {
        let by_value = match (value(name, a), value(name, b)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if descending => rank(&b).cmp(&rank(&a)),
            (Some(a), Some(b)) => rank(&a).cmp(&rank(&b)),
        };
        by_value.then(a.id.cmp(&b.id)).then(a.orig.cmp(&b.orig)).then(a.zone.cmp(&b.zone))
    }
}

/// What values of one field compare by: IPv4 stands among IPv6 as `::ffff:a.b.c.d`.
fn rank(value: &Val) -> (u128, String, Option<u16>) {
    match value {
        Val::Number(n) => (u128::from(*n), String::new(), None),
        Val::Address(IpAddr::V4(a)) => (a.to_ipv6_mapped().to_bits(), String::new(), None),
        Val::Address(IpAddr::V6(a)) => (a.to_bits(), String::new(), None),
        Val::Text(text) => (0, text.clone(), None),
        Val::End(address, port) => (rank(&Val::Address(*address)).0, String::new(), *port),
    }
}
