//! Filters, orders and pages over a list, from docs/API.md, with no thought of speed.
use super::row::{Row, Val, id};
use super::xml::Value;
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ADDRESSES: [&str; 4] = ["orig_src", "orig_dst", "repl_src", "repl_dst"];
const PORTS: [&str; 4] = ["orig_port_src", "orig_port_dst", "repl_port_src", "repl_port_dst"];

/// Rows of which every filter is true. A filter the model can't read fails the test.
pub fn filtered(rows: &[Row], filters: &Value) -> Vec<Row> {
    let Value::Struct(filters) = filters else { panic!("filters are a struct: {filters:?}") };
    let wanted = |row: &&Row| filters.iter().all(|(field, value)| matches(row, field, value));
    rows.iter().filter(wanted).cloned().collect()
}

/// Whether one filter is true of a row. A row without the field matches negations alone.
fn matches(row: &Row, field: &str, wanted: &Value) -> bool {
    if let Value::Array(any) = wanted {
        return any.iter().any(|one| matches(row, field, one));
    }
    if let Value::Str(text) = wanted {
        if let Some(rest) = text.strip_prefix('!') {
            return !matches(row, field, &rest.into());
        }
        if text.contains(',')
            && !["helper", "secctx", "username", "name"].contains(&field)
            && !field.ends_with("_name")
        {
            return text.split(',').any(|one| matches(row, field, &one.into()));
        }
    }
    values(row, field).iter().any(|value| equals(field, value, wanted))
}

/// The values a filter of this name looks at: mostly one or none, four for `host` and `port`.
fn values(row: &Row, field: &str) -> Vec<Val> {
    match field {
        "host" => ADDRESSES.iter().flat_map(|name| values(row, name)).collect(),
        "port" => PORTS.iter().filter_map(|name| row.get(*name).cloned()).collect(),
        _ => value(row, field).into_iter().collect(),
    }
}

/// A field, or one of those that are only for filters and orders.
fn value(row: &Row, field: &str) -> Option<Val> {
    if ADDRESSES.contains(&field) {
        let (direction, end) = field.split_once('_')?;
        let names = [format!("{direction}_ipv4_{end}"), format!("{direction}_ipv6_{end}")];
        return names.iter().find_map(|name| row.get(name).cloned());
    }
    if let "bytes" | "packets" = field {
        let half = |direction: &str| super::row::int(row, &format!("{direction}_counter_{field}"));
        return match (half("orig"), half("repl")) {
            (None, None) => None,
            (orig, repl) => Some(Val::Int(orig.unwrap_or(0) + repl.unwrap_or(0))),
        };
    }
    row.get(field).cloned()
}

fn is_address(field: &str) -> bool {
    field == "host" || ADDRESSES.contains(&field) || field.contains("_ipv4_") || field.contains("_ipv6_")
}

/// Whether the field is an address with, mostly, a port.
fn is_end(field: &str) -> bool {
    field == "nat_src" || field == "nat_dst"
}

/// The address and the port.
fn end(text: &str) -> (IpAddr, Option<u16>) {
    match text.parse::<std::net::SocketAddr>() {
        Ok(end) => (end.ip(), Some(end.port())),
        Err(_) => (text.parse().expect("an address"), None),
    }
}

fn equals(field: &str, value: &Val, wanted: &Value) -> bool {
    match value {
        Val::Str(text) if is_address(field) => address_equals(text.parse().expect("an address"), wanted),
        // An address alone matches whatever port there is.
        Val::Str(text) if is_end(field) => match wanted {
            Value::Str(wanted) if wanted.parse::<IpAddr>().is_err() => wanted == text,
            _ => address_equals(end(text).0, wanted),
        },
        Val::Str(text) if field == "id" => number_equals(text.parse().expect("an id"), wanted),
        Val::Str(text) => matches!(wanted, Value::Str(wanted) if wanted == text),
        Val::Int(number) => number_equals(*number, wanted),
    }
}

/// An address, a network, or an integer that is an IPv4 address in host order.
fn address_equals(address: IpAddr, wanted: &Value) -> bool {
    let Value::Str(text) = wanted else { return address == IpAddr::V4(Ipv4Addr::from(unsigned32(wanted))) };
    let (net, bits) = match text.split_once('/') {
        Some((net, bits)) => (net, Some(bits.parse::<u32>().expect("a prefix length"))),
        None => (text.as_str(), None),
    };
    match (address, net.parse().expect("an address to look for")) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            top(u32::from(a).into(), 32, bits) == top(u32::from(b).into(), 32, bits)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => top(a.into(), 128, bits) == top(b.into(), 128, bits),
        _ => false,
    }
}

/// The highest `bits` of a number that is `width` bits wide.
fn top(number: u128, width: u32, bits: Option<u32>) -> u128 {
    number.checked_shr(width - bits.unwrap_or(width)).unwrap_or(0)
}

/// A number, `low-high`, or `value/mask`.
fn number_equals(number: u64, wanted: &Value) -> bool {
    let Value::Str(text) = wanted else { return number == u64::from(unsigned32(wanted)) };
    if let Some((value, mask)) = text.split_once('/') {
        let mask = parse(mask);
        return number & mask == parse(value) & mask;
    }
    match text.split_once('-') {
        Some((low, high)) => (parse(low)..=parse(high)).contains(&number),
        None => number == parse(text),
    }
}

fn parse(text: &str) -> u64 {
    let read = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    read.unwrap_or_else(|_| panic!("the model can't read the number {text:?}"))
}

/// An integer as clients send one: a negative `int` is the two's complement of what was meant.
fn unsigned32(value: &Value) -> u32 {
    match value {
        Value::Int(number) => *number as i32 as u32,
        Value::I8(number) => u32::try_from(*number).expect("an unsigned 32-bit number"),
        Value::Double(number) => *number as u32,
        other => panic!("the model can't read {other:?}"),
    }
}

/// What a row is sorted by; an address as 16 bytes, IPv4 as it is mapped into IPv6 (RFC 4291, 2.5.5.2).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Address(u128, Option<u16>),
    Text(Vec<u8>),
}

fn key(row: &Row, field: &str) -> Option<Key> {
    Some(match value(row, field)? {
        Val::Int(number) => Key::Number(number),
        Val::Str(text) if field == "id" => Key::Number(text.parse().expect("an id")),
        Val::Str(text) if field == "nat" => {
            let place = ["src", "dst", "both"].iter().position(|word| *word == text);
            Key::Number(place.expect("a word") as u64)
        }
        Val::Str(text) if is_address(field) || is_end(field) => {
            let (address, port) = end(&text);
            let bits = match address {
                IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
                IpAddr::V6(v6) => <u128 as From<Ipv6Addr>>::from(v6),
            };
            Key::Address(bits, port)
        }
        Val::Str(text) => Key::Text(text.into_bytes()),
    })
}

/// Sorted by a field: those without it last in both directions, equal ones by id, upwards in both.
pub fn sorted(mut rows: Vec<Row>, field: &str, descending: bool) -> Vec<Row> {
    rows.sort_by(|a, b| {
        let by_key = match (key(a, field), key(b, field)) {
            (Some(a), Some(b)) if descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_key.then(id(a).cmp(&id(b)))
    });
    rows
}

/// `length` rows from `start` on: 0 for none, a negative length for all.
pub fn page(rows: &[Row], (start, length): (i64, i64)) -> &[Row] {
    let start = usize::try_from(start).expect("a start").min(rows.len());
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(rows.len() - start);
    &rows[start..start + length]
}
