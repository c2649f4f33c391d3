//! Reads the table with eyes that are not ours: `conntrack -L`, or `/proc/net/nf_conntrack`.
use super::names::{sctp_state, tcp_state};
use super::row::{Row, Val, tuple};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::Command;

/// What a line of text tells about one connection.
#[derive(Clone, Debug)]
pub struct Seen {
    /// With `id` from `conntrack`, without from /proc. The text has no `status`.
    pub row: Row,
    pub seen_reply: bool,
    pub assured: bool,
}

/// Every connection, read by `conntrack` if it is installed and else from /proc; and the reader's name.
pub fn read() -> (Vec<Seen>, &'static str) {
    if super::has_program("conntrack") { (conntrack(&[]), "conntrack") } else { (proc_file(), "/proc") }
}

/// `conntrack -L` of both families, with further arguments (`-u FIXED_TIMEOUT`, `--src-nat`, …).
pub fn conntrack(more: &[&str]) -> Vec<Seen> {
    ["ipv4", "ipv6"].iter().flat_map(|family| list(family, more)).collect()
}

fn list(family: &str, more: &[&str]) -> Vec<Seen> {
    let mut command = Command::new("conntrack");
    command.args(["-L", "-f", family, "-o", "id,extended"]).args(more);
    let output = command.output().expect("conntrack to run");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {complaint}");
    parse(&String::from_utf8(output.stdout).expect("text from conntrack"))
}

/// `/proc/net/nf_conntrack`, of the calling thread: `/proc/net` would be the main thread's.
pub fn proc_file() -> Vec<Seen> {
    parse(&std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").expect("/proc/net/nf_conntrack"))
}

/// By id, for the reader that shows ids.
pub fn by_id(seen: Vec<Seen>) -> BTreeMap<u32, Seen> {
    let count = seen.len();
    let map: BTreeMap<_, _> = seen.into_iter().map(|seen| (super::row::id(&seen.row), seen)).collect();
    assert_eq!(map.len(), count, "two connections with one id");
    map
}

/// By original tuple and zone, for the reader that does not.
pub fn by_tuple(seen: Vec<Seen>) -> BTreeMap<String, Seen> {
    let count = seen.len();
    let map: BTreeMap<_, _> = seen.into_iter().map(|seen| (tuple(&seen.row), seen)).collect();
    assert_eq!(map.len(), count, "two connections with one tuple");
    map
}

/// Lines of either reader: `ipv4 2 tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… … mark=0 use=1`.
pub fn parse(text: &str) -> Vec<Seen> {
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| parse_line(line).expect(line)).collect()
}

fn parse_line(line: &str) -> Option<Seen> {
    let mut words = line.split_whitespace();
    let (_, l3, _, l4) = (words.next()?, words.next()?, words.next()?, words.next()?);
    // conntrack writes no zone 0, and the contract always has one.
    let row = Row::from([("zone".into(), Val::Int(0))]);
    let mut seen = Seen { row, seen_reply: true, assured: false };
    for direction in ["orig", "repl"] {
        seen.row.insert(format!("{direction}_l3proto"), Val::Int(l3.parse().ok()?));
        seen.row.insert(format!("{direction}_l4proto"), Val::Int(l4.parse().ok()?));
    }
    let mut direction = "";
    for word in words {
        match word.split_once('=') {
            Some((name, value)) => {
                // Each tuple begins with its source.
                direction = match (name, direction) {
                    ("src", "") => "orig",
                    ("src", _) => "repl",
                    (_, same) => same,
                };
                pair(&mut seen.row, direction, name, value)?;
            }
            None => bare(&mut seen, l4, word),
        }
    }
    super::row::translate(&mut seen.row);
    Some(seen)
}

/// A word without a value: the timeout, the state, a flag in brackets.
fn bare(seen: &mut Seen, l4: &str, word: &str) {
    match word {
        "[UNREPLIED]" => seen.seen_reply = false,
        "[ASSURED]" => seen.assured = true,
        _ => {
            if let Ok(seconds) = word.parse() {
                seen.row.insert("timeout".into(), Val::Int(seconds));
            } else if let (Some(state), "6") = (tcp_state(word), l4) {
                seen.row.insert("tcp_state".into(), Val::Int(state.into()));
            } else if let (Some(state), "132") = (sctp_state(word), l4) {
                seen.row.insert("sctp_state".into(), Val::Int(state.into()));
            }
        }
    }
}

/// Keys are written in hexadecimal.
fn gre_key(row: &mut Row, field: &str, value: &str) -> Option<()> {
    let key = u64::from_str_radix(value.strip_prefix("0x")?, 16).ok()?;
    row.insert(field.to_owned(), Val::Int(key));
    Some(())
}

fn pair(row: &mut Row, direction: &str, name: &str, value: &str) -> Option<()> {
    let original = direction == "orig";
    let field = match name {
        "src" | "dst" => {
            let address: IpAddr = value.parse().ok()?;
            let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
            row.insert(format!("{direction}_{family}_{name}"), Val::Str(address.to_string()));
            return Some(());
        }
        "sport" => format!("{direction}_port_src"),
        "dport" => format!("{direction}_port_dst"),
        "packets" | "bytes" => format!("{direction}_counter_{name}"),
        "type" | "code" | "id" if original => format!("icmp_{name}"),
        "id" if row.contains_key("use") => name.to_owned(), // the entry's, which comes last
        "mark" | "use" | "zone" => name.to_owned(),
        "zone-orig" => "orig_zone".to_owned(),
        "zone-reply" => "repl_zone".to_owned(),
        "srckey" if original => return gre_key(row, "gre_key_src", value),
        "dstkey" if original => return gre_key(row, "gre_key_dst", value),
        "helper" | "secctx" => {
            row.insert(name.to_owned(), Val::Str(value.to_owned()));
            return Some(());
        }
        _ => return Some(()), // the reply's ICMP id and GRE keys, time since the start
    };
    let number: u64 = value.parse().ok()?;
    match (field.as_str(), number) {
        ("id", number) => drop(row.insert(field, Val::Str(number.to_string()))),
        // conntrack makes up ports for DCCP where the kernel (6.17 and later) tracks it without.
        (port, 0) if port.contains("_port_") && row.get("orig_l4proto") == Some(&Val::Int(33)) => (),
        _ => drop(row.insert(field, Val::Int(number))),
    }
    Some(())
}
