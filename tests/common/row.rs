//! One connection as a bag of named values, whoever read it.
use std::collections::BTreeMap;
use std::fmt;

/// A field's value. Every integer of the contract is unsigned and fits 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Val {
    Int(u64),
    Str(String),
}

/// Field name to value; a field the connection does not have is not there.
pub type Row = BTreeMap<String, Val>;

impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::Int(number) => write!(f, "{number}"),
            Val::Str(text) => write!(f, "{text:?}"),
        }
    }
}

impl From<u64> for Val {
    fn from(number: u64) -> Val {
        Val::Int(number)
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Val {
        Val::Str(text.to_owned())
    }
}

/// The integer in this field, if it is there and is one.
pub fn int(row: &Row, field: &str) -> Option<u64> {
    match row.get(field) {
        Some(Val::Int(number)) => Some(*number),
        _ => None,
    }
}

/// The string in this field, if it is there and is one.
pub fn text<'a>(row: &'a Row, field: &str) -> Option<&'a str> {
    match row.get(field) {
        Some(Val::Str(text)) => Some(text),
        _ => None,
    }
}

/// The connection's id as a number.
pub fn id(row: &Row) -> u32 {
    let written = text(row, "id").unwrap_or_else(|| panic!("a row without an id: {row:?}"));
    written.parse().unwrap_or_else(|_| panic!("an id that is no unsigned 32-bit number: {written:?}"))
}

/// Adds what was translated, where the reply direction is not the original one turned round.
pub fn translate(row: &mut Row) {
    let end = |row: &Row, direction: &str, side: &str| {
        let part = |name: &str| row.get(&format!("{direction}_{name}_{side}")).cloned();
        (part("ipv4").or(part("ipv6")), part("port"))
    };
    let written = |(address, port): (Option<Val>, Option<Val>)| match (address, port) {
        (Some(Val::Str(address)), Some(Val::Int(port))) if address.contains(':') => {
            format!("[{address}]:{port}")
        }
        (Some(Val::Str(address)), Some(Val::Int(port))) => format!("{address}:{port}"),
        (Some(Val::Str(address)), _) => address,
        (address, _) => panic!("a row without an address: {address:?} in {row:?}"),
    };
    let found = [("src", "dst"), ("dst", "src")].map(|(side, other)| {
        let (began, answered) = (end(row, "orig", side), end(row, "repl", other));
        (began != answered).then(|| written(answered))
    });
    let kind = match &found {
        [Some(_), Some(_)] => "both",
        [Some(_), None] => "src",
        [None, Some(_)] => "dst",
        [None, None] => return,
    };
    row.insert("nat".into(), kind.into());
    for (name, end) in ["nat_src", "nat_dst"].into_iter().zip(found) {
        row.extend(end.map(|end| (name.to_owned(), Val::Str(end))));
    }
}

/// What identifies a connection without its id: the original tuple and the zone, for /proc does not show ids.
pub fn tuple(row: &Row) -> String {
    let named = |name: &&String| {
        name.starts_with("orig_") && !name.contains("counter") && !name.contains("rate")
            || name.starts_with("icmp_")
            || *name == "zone"
    };
    let parts: Vec<String> =
        row.iter().filter(|(name, _)| named(name)).map(|(n, v)| format!("{n}={v}")).collect();
    parts.join(" ")
}

/// The sentences that say how `seen` differs from `expected` beyond what time changes.
///
/// `timeout` counts down between two readings, so it may be up to `slack` seconds off either way; `use` is a
/// count of references that differs from reader to reader, so it only has to be there.
pub fn differences(seen: &Row, expected: &Row, slack: u64) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = seen.keys().chain(expected.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let same = match (seen.get(name), expected.get(name)) {
            (Some(Val::Int(a)), Some(Val::Int(b))) if name == "timeout" => a.abs_diff(*b) <= slack,
            (Some(Val::Int(a)), Some(Val::Int(_))) if name == "use" => *a >= 1,
            (a, b) => a == b,
        };
        if !same {
            let show = |v: Option<&Val>| v.map_or("nothing".to_owned(), Val::to_string);
            found.push(format!("{name} is {}, should be {}", show(seen.get(name)), show(expected.get(name))));
        }
    }
    found
}
