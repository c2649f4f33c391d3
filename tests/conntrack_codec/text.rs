//! What conntrack(8) prints, read back: `-o extended,id,ktimestamp`.
use crate::names::{sctp_state, tcp_state};
use rctd::conntrack::flow::{Address, Counters, Ends, Flow, Tuple, mapped};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One line: the flow (its start to the second, without its status), its helper, and the flags that tell its status.
pub struct Line {
    pub flow: Flow,
    pub helper: Option<String>,
    pub assured: bool,
    pub answered: bool,
}

/// The lines by id.
pub fn lines(text: &str) -> BTreeMap<u32, Line> {
    text.lines().map(line).map(|l| (l.flow.id.expect("-o id"), l)).collect()
}

fn line(text: &str) -> Line {
    let (before, start, after) = match text.split_once("[start=") {
        Some((before, rest)) => {
            let (start, after) = rest.split_once(']').expect("a bracket");
            (before, Some(start), after)
        }
        None => (text, None, ""),
    };
    let words: Vec<&str> = before.split_whitespace().chain(after.split_whitespace()).collect();
    let l4proto = number(words[3]) as u8;
    let zone_of = |key: &str| value(&words, key, 0).map(|v| number(v) as u16);
    let tuple = |nth: usize, zone: &str| {
        let l3proto = number(words[1]) as u8;
        let address = |key| address(value(&words, key, nth).expect("an address"));
        let ends = ends(&words, nth, l4proto);
        Tuple { src: address("src"), dst: address("dst"), ends, l3proto, l4proto, zone: zone_of(zone) }
    };
    let counters = |nth| {
        let part = |key| value(&words, key, nth).map(number);
        Some(Counters { packets: part("packets")?, bytes: part("bytes")? })
    };
    let word =
        |key| value(&words, key, if key == "id" { ids(&words) - 1 } else { 0 }).map(|v| number(v) as u32);
    let flow = Flow {
        orig: Some(tuple(0, "zone-orig")),
        repl: Some(tuple(1, "zone-reply")),
        orig_counters: counters(0),
        repl_counters: counters(1),
        start_ns: start.map(|s| seconds(s) * 1_000_000_000),
        id: word("id"),
        timeout: Some(number(words[4]) as u32),
        mark: word("mark"),
        uses: word("use"),
        zone: zone_of("zone"),
        tcp_state: (l4proto == 6).then(|| tcp_state(words[5]).expect("a state")),
        sctp_state: (l4proto == 132).then(|| sctp_state(words[5]).expect("a state")),
        ..Flow::default()
    };
    let has = |flag: &str| words.contains(&flag);
    let helper = value(&words, "helper", 0).map(str::to_owned);
    Line { flow, helper, assured: has("[ASSURED]"), answered: !has("[UNREPLIED]") }
}

/// The `nth` value of `key`: what both directions have comes twice.
fn value<'a>(words: &[&'a str], key: &str, nth: usize) -> Option<&'a str> {
    words.iter().filter_map(|w| w.split_once('=')).filter(|(k, _)| *k == key).map(|(_, v)| v).nth(nth)
}

/// How many words are called `id`: the identifiers of ICMP are too, the entry's own is the last.
fn ids(words: &[&str]) -> usize {
    words.iter().filter(|w| w.starts_with("id=")).count()
}

fn ends(words: &[&str], nth: usize, l4proto: u8) -> Ends {
    let part = |key| value(words, key, nth).map(number);
    match l4proto {
        1 | 58 => {
            let part = |key| part(key).expect("a part of ICMP");
            Ends::Icmp { kind: part("type") as u8, code: part("code") as u8, id: part("id") as u16 }
        }
        // Since 6.17 the kernel tracks DCCP as a protocol without ports; conntrack(8) prints 0 for what is not there.
        33 => Ends::None,
        _ => {
            let pair = part("sport").zip(part("dport")).or(part("srckey").zip(part("dstkey")));
            pair.map_or(Ends::None, |(src, dst)| Ends::Ports { src: src as u16, dst: dst as u16 })
        }
    }
}

fn address(text: &str) -> Address {
    match text.parse().expect("an address") {
        IpAddr::V4(a) => mapped(a.octets()),
        IpAddr::V6(a) => a.octets(),
    }
}

fn number(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).expect("hex digits"),
        None => text.parse().expect("digits"),
    }
}

/// Seconds since the epoch of `Sun Nov 22 00:31:44 2026`, in UTC.
fn seconds(text: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = months.iter().position(|m| *m == words[1]).expect("a month");
    let (day, year) = (number(words[2]), number(words[4]));
    let leap = |y: u64| u64::from(y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400)));
    let years: u64 = (1970..year).map(|y| 365 + leap(y)).sum();
    let of_year: u64 = lengths[..month].iter().sum::<u64>() + if month > 1 { leap(year) } else { 0 };
    let clock = words[3].split(':').fold(0, |sum, part| sum * 60 + number(part));
    (years + of_year + day - 1) * 86_400 + clock
}
