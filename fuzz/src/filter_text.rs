//! A filter's text: whatever it says, it is read or has an error at a place in it; what is read matches the same flows when
//! it is said twice; and conditions made of the input are the same filter as a Struct and as a text.

use rctd::conntrack::flow::{Counters, Ends, Flow, Tuple, mapped};
use rctd::conntrack::uapi::{AF_INET, AF_INET6};
use rctd::limits::{CONDITIONS, FILTER_TEXT_BYTES};
use rctd::query::context::Context;
use rctd::query::field::{FIELDS, FieldId, FieldKind};
use rctd::query::filter::{Filter, Input};
use std::fmt::Write;

/// Reads `data` as a text, and as the making of conditions.
pub fn run(data: &[u8]) {
    let flows: Vec<Flow> = (0..8).map(|salt| flow(super::hash(data) ^ salt << 40)).collect();
    read(&String::from_utf8_lossy(data), &flows);
    compare(data, &flows);
}

fn read(text: &str, flows: &[Flow]) {
    let mut filter = Filter::new();
    if let Err(error) = filter.add_text(text) {
        let wrong = text.get(error.range());
        assert!(wrong.is_some(), "{:?} is no place in {text:?}", error.range());
        let sentence = error.sentence(text).to_string();
        assert!(!sentence.is_empty() && sentence.len() < 1000, "{sentence}");
        return;
    }
    assert!(text.len() <= FILTER_TEXT_BYTES);
    in_words(&filter);
    let doubled = format!("{text} {text}");
    let mut twice = Filter::new();
    if twice.add_text(&doubled).is_ok() {
        assert_eq!(judged(&twice, flows), judged(&filter, flows), "{doubled:?}");
        assert_eq!(twice.needs(), filter.needs());
    }
}

fn judged(filter: &Filter, flows: &[Flow]) -> Vec<bool> {
    let context = Context::default();
    flows.iter().map(|flow| filter.matches(flow, &context)).collect()
}

/// The filter in words; what is cut is the beginning of the whole.
fn in_words(filter: &Filter) -> String {
    let (mut whole, mut short) = (heapless::String::<8000>::new(), heapless::String::<60>::new());
    filter.explain(&mut whole);
    filter.explain(&mut short);
    assert!(!whole.is_empty() && !whole.ends_with('…'));
    let beginning = short.strip_suffix('…').unwrap_or(&whole);
    assert!(short == whole || whole.starts_with(beginning), "{short} {whole}");
    whole.as_str().to_owned()
}

/// Conditions with one element each, four bytes and more a condition.
fn compare(data: &[u8], flows: &[Flow]) {
    let (mut by_struct, mut text) = (Filter::new(), String::new());
    let mut bytes = data.iter().copied().chain([0; 8]);
    for _ in 0..usize::min(data.len() / 4, CONDITIONS).min(5) {
        let mut next = || bytes.next().unwrap_or(0);
        let field = &FIELDS[usize::from(next()) % FIELDS.len()];
        let how = next();
        let negated = how & 1 == 1;
        let count = if matches!(field.kind, FieldKind::Text | FieldKind::Part) { 1 } else { 1 + how / 2 % 3 };
        let list: Vec<String> = (0..count).map(|_| value(field.kind, [next(), next()])).collect();
        let list = list.join(",");
        by_struct.condition(FieldId::named(field.name).expect("a field")).expect("room");
        let element = format!("{}{list}", if negated { "!" } else { "" });
        by_struct.or(Input::Text(&element)).unwrap_or_else(|e| panic!("{}: {element}: {e:?}", field.name));
        let negation = ["!", "-", "not "][usize::from(how / 8 % 3)];
        let quote = if how & 128 == 0 { "" } else { "\"" };
        let list = list.replace(',', &format!("{quote},{quote}"));
        write!(text, "{}{}:{quote}{list}{quote} ", if negated { negation } else { "" }, field.name)
            .expect("a string");
    }
    if text.len() > FILTER_TEXT_BYTES {
        return;
    }
    let mut by_text = Filter::new();
    by_text.add_text(&text).unwrap_or_else(|e| panic!("{text}: {}", e.sentence(&text)));
    assert_eq!(in_words(&by_text), in_words(&by_struct), "{text}");
    assert_eq!(judged(&by_text, flows), judged(&by_struct, flows), "{text}");
    assert_eq!(by_text.kernel(), by_struct.kernel(), "{text}");
}

/// A value that a field of this kind takes.
fn value(kind: FieldKind, [a, b]: [u8; 2]) -> String {
    match kind {
        FieldKind::Ipv6 if a & 1 == 0 => format!("2001:db8::{b:x}/{}", a / 2),
        FieldKind::Ipv6 => format!("2001:db8::{b:x}-2001:db8::1{a:02x}"),
        FieldKind::Ipv4 | FieldKind::Ip => match a % 4 {
            0 => format!("10.0.{}.{}", a / 8 % 2, b % 8),
            1 => format!("10.0.0.{b}/{}", a / 4 % 33),
            2 => format!("10.0.0.{}-10.0.1.{a}", b % 8),
            _ => u32::from_be_bytes([10, 0, a / 4, b]).to_string(),
        },
        FieldKind::End => match a % 4 {
            0 => format!("10.0.{}.{}:{}", a / 8 % 2, b % 8, a / 4),
            1 => format!("10.0.0.{b}/{}", a / 4 % 33),
            2 => format!("10.0.0.{}-10.0.1.{a}", b % 8),
            _ => format!("[2001:db8::{b:x}]:{a}"),
        },
        FieldKind::Word => ["src", "dst", "both"][usize::from(a % 3)].to_owned(),
        FieldKind::Text | FieldKind::Part => ["ftp", "sip", "x-y", "\u{e4}"][usize::from(a % 4)].to_owned(),
        _ => match a % 4 {
            0 => format!("{}-{b}", b / 2),
            1 => format!("{b}-"),
            2 => format!("{b:#x}"),
            _ => b.to_string(),
        },
    }
}

/// A flow of a few different values, each missing in some.
fn flow(seed: u64) -> Flow {
    let mut seed = seed | 1;
    let mut below = |end: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % end
    };
    let v4 = below(3) > 0;
    let mut tuple = || {
        let mut address = || match (v4, below(6) as u8) {
            (true, last) => mapped([10, 0, last / 4, last]),
            (false, last) => [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last],
        };
        let (src, dst) = (address(), address());
        let ends = match below(3) {
            0 => Ends::Icmp { kind: 8, code: 0, id: below(5) as u16 },
            _ => Ends::Ports { src: below(500) as u16, dst: below(500) as u16 },
        };
        let l4proto = [1, 6, 17, 132][below(4) as usize];
        Tuple { src, dst, ends, l3proto: if v4 { AF_INET } else { AF_INET6 }, l4proto, zone: None }
    };
    let (orig, repl) = (tuple(), tuple());
    let mut word = || Some(below(300) as u32).filter(|n| n % 5 > 0);
    let counters = |n: Option<u32>| n.map(|n| Counters { packets: n.into(), bytes: u64::from(n) * 2 });
    Flow {
        orig: Some(orig),
        repl: Some(repl),
        id: word(),
        status: word(),
        timeout: word(),
        mark: word(),
        uses: word(),
        orig_counters: counters(word()),
        repl_counters: counters(word()),
        zone: word().map(|n| n as u16),
        tcp_state: word().map(|n| n as u8),
        ..Flow::default()
    }
}
