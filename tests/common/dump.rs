//! Reads the table through ctnetlink with a decoder of the tests' own: all that the text witnesses leave out
//! (the whole status, ids beside /proc), and the only reader of ids on a machine without `conntrack`.
use super::inserter::netfilter_socket;
use super::row::{Row, Val};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

const GET: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const F_REQUEST: u16 = 1;
const F_DUMP: u16 = 0x300;

/// Every connection of the calling thread's namespace, both families, in the kernel's order.
pub fn dump() -> Vec<Row> {
    let mut socket = netfilter_socket();
    let mut request = [0; 20];
    request[0..4].copy_from_slice(&20u32.to_ne_bytes());
    request[4..6].copy_from_slice(&(1 << 8 | GET).to_ne_bytes());
    request[6..8].copy_from_slice(&(F_REQUEST | F_DUMP).to_ne_bytes());
    socket.write_all(&request).expect("the request for a dump to be sent");
    let (mut rows, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        let length = socket.read(&mut buffer).expect("a part of the dump");
        let mut rest = &buffer[..length];
        while rest.len() >= 16 {
            let size = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            match u16::from_ne_bytes([rest[4], rest[5]]) {
                NLMSG_DONE => return rows,
                NLMSG_ERROR => panic!("the kernel refused to dump"),
                _ => rows.push(row(rest[16], &rest[20..size])),
            }
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// The attributes of a list as type and payload.
fn attributes(mut rest: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while rest.len() >= 4 {
        let size = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let kind = u16::from_ne_bytes([rest[2], rest[3]]) & 0x3fff; // without NLA_F_NESTED, NLA_F_NET_BYTEORDER
        found.push((kind, &rest[4..size]));
        rest = &rest[size.next_multiple_of(4).min(rest.len())..];
    }
    found
}

fn number(payload: &[u8]) -> u64 {
    payload.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn string(payload: &[u8]) -> Val {
    Val::Str(String::from_utf8_lossy(payload).trim_end_matches('\0').to_owned())
}

/// Numbers from enum ctattr_type of linux/netfilter/nfnetlink_conntrack.h.
fn row(family: u8, message: &[u8]) -> Row {
    // The contract shows these two always: what the kernel leaves out is 0.
    let mut row = Row::from([("mark".into(), Val::Int(0)), ("zone".into(), Val::Int(0))]);
    for (kind, payload) in attributes(message) {
        match kind {
            1 => tuple(&mut row, "orig", family, payload),
            2 => tuple(&mut row, "repl", family, payload),
            3 => set(&mut row, "status", payload),
            4 => protoinfo(&mut row, payload),
            5 => name(&mut row, "helper", payload),
            7 => set(&mut row, "timeout", payload),
            8 => set(&mut row, "mark", payload),
            9 => counters(&mut row, "orig", payload),
            10 => counters(&mut row, "repl", payload),
            11 => set(&mut row, "use", payload),
            12 => drop(row.insert("id".into(), Val::Str(number(payload).to_string()))),
            18 => set(&mut row, "zone", payload),
            19 => name(&mut row, "secctx", payload),
            20 => start(&mut row, payload),
            _ => (),
        }
    }
    super::row::translate(&mut row);
    row
}

fn set(row: &mut Row, field: &str, payload: &[u8]) {
    row.insert(field.into(), Val::Int(number(payload)));
}

/// CTA_HELP_NAME, CTA_SECCTX_NAME: both are type 1.
fn name(row: &mut Row, field: &str, payload: &[u8]) {
    for (kind, payload) in attributes(payload) {
        if kind == 1 {
            row.insert(field.into(), string(payload));
        }
    }
}

/// CTA_PROTOINFO_TCP (1) and CTA_PROTOINFO_SCTP (3); the state is type 1 in both.
fn protoinfo(row: &mut Row, payload: &[u8]) {
    for (protocol, inner) in attributes(payload) {
        let field = match protocol {
            1 => "tcp_state",
            3 => "sctp_state",
            _ => continue,
        };
        attributes(inner).iter().filter(|(kind, _)| *kind == 1).for_each(|(_, state)| set(row, field, state));
    }
}

fn counters(row: &mut Row, direction: &str, payload: &[u8]) {
    for (kind, payload) in attributes(payload) {
        match kind {
            1 => set(row, &format!("{direction}_counter_packets"), payload),
            2 => set(row, &format!("{direction}_counter_bytes"), payload),
            _ => (),
        }
    }
}

/// CTA_TIMESTAMP_START is in nanoseconds since 1970, the field in seconds.
fn start(row: &mut Row, payload: &[u8]) {
    for (kind, payload) in attributes(payload) {
        if kind == 1 {
            row.insert("start".into(), Val::Int(number(payload) / 1_000_000_000));
        }
    }
}

fn tuple(row: &mut Row, direction: &str, family: u8, payload: &[u8]) {
    row.insert(format!("{direction}_l3proto"), Val::Int(u64::from(family)));
    for (kind, payload) in attributes(payload) {
        match kind {
            1 => attributes(payload).iter().for_each(|(kind, bytes)| address(row, direction, *kind, bytes)),
            2 => proto(row, direction, &attributes(payload)),
            3 => set(row, &format!("{direction}_zone"), payload),
            _ => (),
        }
    }
}

fn address(row: &mut Row, direction: &str, kind: u16, bytes: &[u8]) {
    let (family, end) =
        [("ipv4", "src"), ("ipv4", "dst"), ("ipv6", "src"), ("ipv6", "dst")][usize::from(kind) - 1];
    let written = match bytes.len() {
        4 => Ipv4Addr::from(number(bytes) as u32).to_string(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes of IPv6")).to_string(),
    };
    row.insert(format!("{direction}_{family}_{end}"), Val::Str(written));
}

/// The contract shows ports only where they are ports: a GRE key travels in the same attribute.
fn proto(row: &mut Row, direction: &str, parts: &[(u16, &[u8])]) {
    let with_ports =
        parts.iter().any(|(kind, bytes)| *kind == 1 && matches!(bytes, [6 | 17 | 33 | 132 | 136]));
    let gre = parts.iter().any(|(kind, bytes)| *kind == 1 && *bytes == [47]);
    for (kind, bytes) in parts {
        match kind {
            1 => set(row, &format!("{direction}_l4proto"), bytes),
            2 if with_ports => set(row, &format!("{direction}_port_src"), bytes),
            3 if with_ports => set(row, &format!("{direction}_port_dst"), bytes),
            2 if gre && direction == "orig" => set(row, "gre_key_src", bytes),
            3 if gre && direction == "orig" => set(row, "gre_key_dst", bytes),
            4 | 7 if direction == "orig" => set(row, "icmp_id", bytes),
            5 | 8 if direction == "orig" => set(row, "icmp_type", bytes),
            6 | 9 if direction == "orig" => set(row, "icmp_code", bytes),
            _ => (),
        }
    }
}
