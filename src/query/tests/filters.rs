//! Filters of every kind against a predicate that reads the same text.
use super::flows::{TEXTS, context, table, with};
use super::model::{Val, values, wants};
use super::names::single;
use super::random::Random;
use crate::conntrack::flow::Flow;
use crate::query::field::{FieldId, FieldKind};
use crate::query::filter::{Filter, Input};

/// A condition as text: the field and its wanted values.
pub type Wish = (&'static str, Vec<String>);

pub fn filter(wishes: &[Wish]) -> Filter {
    let mut filter = Filter::new();
    for (name, wanted) in wishes {
        filter.condition(FieldId::named(name).expect("a field")).expect("room");
        for text in wanted {
            // What is a plain number may come as an integer too.
            let number = text.parse().ok().filter(|n| n % 2 == 0);
            let field = FieldId::named(name).expect("a field").field();
            let input = match number {
                Some(number) if field.kind != FieldKind::Text => Input::Int(number),
                _ => Input::Text(text),
            };
            filter.or(input).unwrap_or_else(|e| panic!("{name} {text}: {e:?}"));
        }
        filter.close().expect("at least one");
    }
    filter
}

fn model(wishes: &[Wish], flow: &Flow) -> bool {
    wishes.iter().all(|(name, wanted)| wanted.iter().any(|text| wants(name, text, flow)))
}

/// Every field that there is.
pub fn all_fields() -> Vec<&'static str> {
    single().chain(["host", "port"]).collect()
}

/// A value that `flow` has, if it has the field, as text.
pub fn value_of(name: &str, flow: &Flow, random: &mut Random) -> Option<String> {
    let values = values(name, flow);
    let value = values.get(random.below(values.len().max(1)))?;
    Some(match value {
        Val::Number(n) => n.to_string(),
        Val::Address(a) => a.to_string(),
        Val::Text(t) => t.clone(),
    })
}

/// Some wanted value: of `flow`'s, near it, or any.
pub fn wish(name: &'static str, flow: &Flow, random: &mut Random) -> String {
    let kind = FieldId::named(name).expect("a field").field().kind;
    let own = value_of(name, flow, random);
    let text = match kind {
        FieldKind::Text => own.filter(|_| random.one_in(2)).unwrap_or_else(|| random.pick(&TEXTS).to_owned()),
        FieldKind::Ipv4 => address(own, true, random),
        FieldKind::Ipv6 => address(own, false, random),
        FieldKind::Ip => {
            let v4 = random.one_in(2);
            address(own.filter(|o| o.contains('.') == v4), v4, random)
        }
        FieldKind::Int(max) => number(own, max, kind, random),
        FieldKind::Bits | FieldKind::Id => number(own, u32::MAX.into(), kind, random),
    };
    if random.one_in(4) { format!("!{text}") } else { text }
}

fn address(own: Option<String>, v4: bool, random: &mut Random) -> String {
    let any =
        if v4 { ["10.0.0.1", "10.0.1.3", "192.0.2.1"] } else { ["2001:db8::1", "2001:db8:0:1::3", "::1"] };
    let address = own.unwrap_or_else(|| random.pick(&any).to_owned());
    match random.below(4) {
        0 => format!("{address}/{}", random.below(if v4 { 33 } else { 129 })),
        1 if v4 => {
            let octets: std::net::Ipv4Addr = address.parse().expect("an address");
            octets.to_bits().to_string()
        }
        _ => address,
    }
}

fn number(own: Option<String>, max: u64, kind: FieldKind, random: &mut Random) -> String {
    let any = random.pick(&[0, 1, 2, 6, 17, 0x8e, 443, 1024, 65_535, 1 << 31, 1 << 40, u64::MAX]);
    let value = own.and_then(|o| o.parse().ok()).unwrap_or(any).min(max);
    match random.below(5) {
        0 => format!(
            "{}-{}",
            value.saturating_sub(random.below(3) as u64),
            value.saturating_add(random.below(500) as u64).min(max)
        ),
        1 => format!("{value:#x}"),
        2 if kind == FieldKind::Bits => {
            let mask = random.pick(&[0, 1, 0xff, 0xff00, 0xf000_0000, u64::from(u32::MAX)]);
            format!("{:#x}/{mask:#x}", value & mask)
        }
        _ => value.to_string(),
    }
}

#[test]
fn every_field_and_every_way_to_want_it() {
    let (flows, mut random, context) = (table(5, 150), Random::new(5), context());
    let (mut hits, mut misses) = (0, 0);
    for name in all_fields() {
        for _ in 0..30 {
            let some = random.pick(&flows);
            let wished = (0..1 + random.below(3)).map(|_| wish(name, &some, &mut random)).collect();
            let wishes = [(name, wished)];
            let filter = filter(&wishes);
            for flow in &flows {
                // Judged by what the filter says it needs, and no more.
                let matches = filter.matches(&with(flow, filter.needs()), &context);
                assert_eq!(matches, model(&wishes, flow), "{wishes:?} {flow:?}");
                if matches { hits += 1 } else { misses += 1 }
            }
        }
    }
    assert!(hits > 10_000 && misses > 10_000, "{hits} and {misses}: a test of nothing");
}

#[test]
fn all_conditions_must_be_met() {
    let (flows, mut random, context) = (table(6, 100), Random::new(6), context());
    let mut hits = 0;
    for _ in 0..1000 {
        let some = random.pick(&flows);
        let wishes: Vec<Wish> = (0..1 + random.below(4))
            .map(|_| {
                let name = random.pick(&all_fields());
                (name, vec![wish(name, &some, &mut random), wish(name, &some, &mut random)])
            })
            .collect();
        let filter = filter(&wishes);
        for flow in &flows {
            let matches = filter.matches(&with(flow, filter.needs()), &context);
            assert_eq!(matches, model(&wishes, flow), "{wishes:?} {flow:?}");
            hits += u32::from(matches);
        }
    }
    assert!(hits > 2500, "{hits}: a test of nothing");
}

#[test]
fn the_empty_filter_matches_every_flow() {
    let filter = Filter::new();
    assert!(filter.is_empty());
    assert_eq!(filter.needs(), 0);
    assert!(table(1, 20).iter().all(|f| filter.matches(f, &context())));
}

/// "!" says that the flow has the field and none of its values is so.
#[test]
fn a_flow_without_the_field_never_matches() {
    let context = context();
    for name in all_fields() {
        let mut random = Random::new(2);
        for flow in table(9, 60).iter().filter(|f| values(name, f).is_empty()) {
            for _ in 0..8 {
                let wishes = [(name, vec![wish(name, flow, &mut random)])];
                assert!(!filter(&wishes).matches(flow, &context), "{wishes:?}");
            }
        }
    }
}
