//! Random conditions: what they mean, decided without a thought for speed, and the ways in which a client may write them.
use super::model::{Val, values};
use super::names::single;
use super::random::Random;
use crate::conntrack::flow::Flow;
use crate::query::field::{FieldId, FieldKind};
use crate::query::filter::{Filter, Input};
use core::net::{IpAddr, Ipv4Addr};

/// One wanted value.
#[derive(Clone, Debug)]
pub enum Want {
    Numbers(u64, u64),
    Masked(u64, u64),
    AnyBit(u64),
    Net(IpAddr, usize),
    Addresses(IpAddr, IpAddr),
    Text(String),
    End(IpAddr, u16),
    Part(String),
}

/// Wanted values of which any will do, or none of which must be there.
#[derive(Clone, Debug)]
pub struct Element {
    pub negated: bool,
    pub wants: Vec<Want>,
}

/// A condition: a field and elements, of which any will do.
#[derive(Clone, Debug)]
pub struct Wish {
    pub name: &'static str,
    pub elements: Vec<Element>,
}

/// Every field that there is.
pub fn all_fields() -> Vec<&'static str> {
    single().chain(["host", "port", "name"]).collect()
}

pub fn kind(name: &str) -> FieldKind {
    FieldId::named(name).expect("a field").field().kind
}

pub fn greatest(name: &str) -> u64 {
    match kind(name) {
        FieldKind::Int(max) => max,
        _ => u32::MAX.into(),
    }
}

/// The words of a field and what each means.
pub fn words(name: &str) -> Vec<(&'static str, Want)> {
    let numbers =
        |list: &[(&'static str, u64)]| list.iter().map(|w| (w.0, Want::Numbers(w.1, w.1))).collect();
    match name {
        "orig_l3proto" | "repl_l3proto" => numbers(&[("ipv4", 2), ("ipv6", 10)]),
        "orig_l4proto" | "repl_l4proto" => numbers(&[
            ("tcp", 6),
            ("udp", 17),
            ("icmp", 1),
            ("icmpv6", 58),
            ("icmp6", 58),
            ("gre", 47),
            ("sctp", 132),
            ("dccp", 33),
            ("udplite", 136),
            ("esp", 50),
        ]),
        "tcp_state" => {
            let states =
                "none syn_sent syn_recv established fin_wait close_wait last_ack time_wait close syn_sent2";
            states.split(' ').zip(0..).map(|(state, n)| (state, Want::Numbers(n, n))).collect()
        }
        "port" | "orig_port_src" | "orig_port_dst" | "repl_port_src" | "repl_port_dst" => {
            numbers(&[("ssh", 22), ("domain", 53), ("dns", 53), ("https", 443)])
        }
        "status" => vec![
            ("replied", Want::Masked(2, 2)),
            ("unreplied", Want::Masked(0, 2)),
            ("assured", Want::Masked(4, 4)),
            ("nat", Want::AnyBit(0x30)),
            ("snat", Want::Masked(0x10, 0x10)),
            ("dnat", Want::Masked(0x20, 0x20)),
            ("offloaded", Want::AnyBit(0xc000)),
            ("hardware", Want::Masked(0x8000, 0x8000)),
            ("fixed", Want::Masked(0x400, 0x400)),
            ("expected", Want::Masked(1, 1)),
        ],
        "nat" => numbers(&[("src", 1), ("dst", 2), ("both", 3)]),
        _ => Vec::new(),
    }
}

/// Whether the flow is what all wishes want.
pub fn wanted(wishes: &[Wish], flow: &Flow) -> bool {
    wishes.iter().all(|wish| {
        let values = values(wish.name, flow);
        wish.elements.iter().any(|element| {
            let found = element.wants.iter().any(|want| values.iter().any(|value| is(value, want)));
            found != element.negated
        })
    })
}

fn is(value: &Val, want: &Want) -> bool {
    let string = |ip: &IpAddr| match ip {
        IpAddr::V4(a) => format!("{:032b}", a.to_bits()),
        IpAddr::V6(a) => format!("{:0128b}", a.to_bits()),
    };
    match (value, want) {
        (Val::Text(text), Want::Text(wanted)) => text == wanted,
        (Val::Text(text), Want::Part(part)) => text.to_lowercase().contains(&part.to_lowercase()),
        (Val::Number(n), Want::Numbers(low, high)) => (low..=high).contains(&n),
        (Val::Number(n), Want::Masked(bits, mask)) => n & mask == *bits,
        (Val::Number(n), Want::AnyBit(mask)) => n & mask != 0,
        (Val::End(address, port), Want::End(wanted, number)) => address == wanted && *port == Some(*number),
        (Val::End(address, _), _) => is(&Val::Address(*address), want),
        (Val::Address(address), Want::Net(net, bits)) => {
            address.is_ipv4() == net.is_ipv4() && string(net)[..*bits] == string(address)[..*bits]
        }
        (Val::Address(address), Want::Addresses(low, high)) => {
            address.is_ipv4() == low.is_ipv4() && (string(low)..=string(high)).contains(&string(address))
        }
        _ => panic!("{want:?} is nothing to want of {value:?}"),
    }
}

impl Wish {
    /// One value.
    pub fn one(name: &'static str, want: Want) -> Wish {
        Wish { name, elements: vec![Element { negated: false, wants: vec![want] }] }
    }

    /// Some elements with some values: of `flow`'s, near them, or any.
    pub fn random(name: &'static str, flow: &Flow, random: &mut Random) -> Wish {
        let mut element = || {
            // A text is one value: it may hold commas.
            let count = if kind(name).is_text() { 1 } else { 1 + random.below(3) };
            let wants = (0..count).map(|_| want(name, flow, random)).collect();
            Element { negated: random.one_in(3), wants }
        };
        let mut elements = vec![element()];
        while elements.len() < 3 && elements[0].wants.len() == 1 {
            elements.push(element());
        }
        elements.truncate(1 + random.below(3));
        Wish { name, elements }
    }
}

/// A value that `flow` has, if it has the field.
pub fn own(name: &str, flow: &Flow, random: &mut Random) -> Option<Want> {
    let values = values(name, flow);
    let value = values.get(random.below(values.len().max(1)))?;
    Some(match value {
        Val::Number(n) => Want::Numbers(*n, *n),
        Val::Address(a) => Want::Addresses(*a, *a),
        Val::Text(t) if name == "name" => Want::Part(t.clone()),
        Val::Text(t) => Want::Text(t.clone()),
        Val::End(a, Some(port)) => Want::End(*a, *port),
        Val::End(a, None) => Want::Addresses(*a, *a),
    })
}

fn want(name: &str, flow: &Flow, random: &mut Random) -> Want {
    let words = words(name);
    if !words.is_empty() && (kind(name) == FieldKind::Word || random.one_in(3)) {
        return words[random.below(words.len())].1.clone();
    }
    let own = own(name, flow, random);
    match kind(name) {
        FieldKind::Text => {
            let any = super::flows::TEXTS[random.below(4)].to_owned();
            own.filter(|_| random.one_in(2)).unwrap_or(Want::Text(any))
        }
        FieldKind::Part => {
            let any = random.pick(&["print", "e", "LAP", "er.lan", "sixteen+c", "nobody", "+"]).to_owned();
            own.filter(|_| random.one_in(3)).unwrap_or(Want::Part(any))
        }
        FieldKind::Ipv4 => address(own, true, random),
        FieldKind::Ipv6 => address(own, false, random),
        FieldKind::End if random.one_in(2) => {
            own.unwrap_or(Want::End(random.pick(&["10.0.0.1", "2001:db8::1"]).parse().expect("one"), 443))
        }
        FieldKind::Ip | FieldKind::End => {
            let v4 = random.one_in(2);
            address(own, v4, random)
        }
        _ => number(own, greatest(name), kind(name) == FieldKind::Bits, random),
    }
}

fn address(own: Option<Want>, v4: bool, random: &mut Random) -> Want {
    let any =
        if v4 { ["10.0.0.1", "10.0.1.3", "192.0.2.1"] } else { ["2001:db8::1", "2001:db8:0:1::3", "::1"] };
    let address = match own {
        Some(Want::Addresses(a, _)) if a.is_ipv4() == v4 => a,
        _ => random.pick(&any).parse().expect("an address"),
    };
    let near = |by: usize| match address {
        IpAddr::V4(a) => IpAddr::V4(Ipv4Addr::from_bits(a.to_bits().wrapping_add(by as u32))),
        IpAddr::V6(a) => IpAddr::V6((a.to_bits().wrapping_add(by as u128)).into()),
    };
    match random.below(4) {
        0 => Want::Net(address, random.below(if v4 { 33 } else { 129 })),
        1 => Want::Addresses(address, near(random.below(5))),
        _ => Want::Addresses(address, address),
    }
}

fn number(own: Option<Want>, max: u64, bits: bool, random: &mut Random) -> Want {
    let any = random.pick(&[0, 1, 2, 6, 17, 0x8e, 443, 1024, 65_535, 1 << 31, 1 << 40, u64::MAX]);
    let value = match own {
        Some(Want::Numbers(n, _)) => n,
        _ => any.min(max),
    };
    match random.below(5) {
        0 => Want::Numbers(
            value.saturating_sub(random.below(3) as u64),
            value.saturating_add(random.below(500) as u64).min(max),
        ),
        1 => Want::Numbers(value, max),
        2 => Want::Numbers(0, value),
        3 if bits => {
            let mask = random.pick(&[0, 1, 0xff, 0xff00, 0xf000_0000, u64::from(u32::MAX)]);
            Want::Masked(value & mask, mask)
        }
        _ => Want::Numbers(value, value),
    }
}

/// One of the ways to write the value.
pub fn written(name: &str, want: &Want, random: &mut Random) -> String {
    let same = |other: &Want| format!("{other:?}") == format!("{want:?}");
    let mut ways: Vec<String> =
        words(name).iter().filter(|word| same(&word.1)).map(|word| mixed_case(word.0, random)).collect();
    match *want {
        Want::Numbers(..) if kind(name) == FieldKind::Word => {}
        Want::Numbers(low, high) => {
            if low == high {
                ways.extend([quantity(low, random), format!("{low:#x}")]);
            }
            if high == greatest(name) {
                ways.push(format!("{}-", quantity(low, random)));
            }
            ways.push(format!("{}-{}", quantity(low, random), quantity(high, random)));
        }
        Want::Masked(bits, mask) => {
            ways.extend([format!("{bits}/{mask}"), format!("{bits:#x}/{mask:#X}").replace('X', "x")])
        }
        Want::AnyBit(_) => {}
        Want::Net(net, bits) => ways.push(format!("{net}/{bits}")),
        Want::Addresses(low, high) => {
            if low == high {
                ways.push(low.to_string());
                if let IpAddr::V4(low) = low {
                    ways.push(low.to_bits().to_string());
                }
            }
            ways.push(format!("{low}-{high}"));
        }
        Want::Text(ref text) => ways.push(text.clone()),
        Want::End(address, port) => ways.push(std::net::SocketAddr::new(address, port).to_string()),
        Want::Part(ref part) => ways.push(mixed_case(part, random)),
    }
    ways.swap_remove(random.below(ways.len()))
}

fn mixed_case(word: &str, random: &mut Random) -> String {
    if random.one_in(2) { word.to_uppercase() } else { word.to_owned() }
}

/// A number, with a unit where one fits.
pub fn quantity(number: u64, random: &mut Random) -> String {
    let units = [
        ("k", 1000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
    ];
    let fitting: Vec<_> = units.into_iter().filter(|unit| number.is_multiple_of(unit.1)).collect();
    match fitting.get(random.below(fitting.len() + 1)) {
        Some((unit, times)) => format!("{}{unit}", number / times),
        None => number.to_string(),
    }
}

/// The wishes as a client puts them into a Struct.
pub fn filter(wishes: &[Wish], random: &mut Random) -> Filter {
    let mut filter = Filter::new();
    for Wish { name, elements } in wishes {
        filter.condition(FieldId::named(name).expect("a field")).expect("room");
        for element in elements {
            let list: Vec<String> = element.wants.iter().map(|want| written(name, want, random)).collect();
            let text = format!("{}{}", if element.negated { "!" } else { "" }, list.join(","));
            // What is a plain number may come as an integer too.
            let input = match text.parse() {
                Ok(number) if !kind(name).is_text() && random.one_in(2) => Input::Int(number),
                _ => Input::Text(&text),
            };
            filter.or(input).unwrap_or_else(|e| panic!("{name} {text}: {e:?}"));
        }
        filter.close().expect("at least one");
    }
    filter
}
