//! Filters of every kind against a predicate that was written independently.
use super::flows::{context, rated, table, with};
use super::model::{Val, value, values};
use super::random::Random;
use super::wishes::{Wish, all_fields, filter, wanted};
use crate::query::field::FieldId;
use crate::query::filter::{Filter, Input};

#[test]
fn every_field_and_every_way_to_want_it() {
    let (flows, mut random, context) = (rated(table(5, 150)), Random::new(5), context());
    let (mut hits, mut misses) = (0, 0);
    for name in all_fields() {
        for _ in 0..60 {
            let some = random.pick(&flows);
            let wishes = [Wish::random(name, &some, &mut random)];
            let filter = filter(&wishes, &mut random);
            for flow in &flows {
                // Judged by what the filter says it needs, and no more.
                let matches = filter.matches(&with(flow, filter.needs()), &context);
                assert_eq!(matches, wanted(&wishes, flow), "{wishes:?} {filter:?} {flow:?}");
                if matches { hits += 1 } else { misses += 1 }
            }
        }
    }
    assert!(hits > 50_000 && misses > 50_000, "{hits} and {misses}: a test of nothing");
}

#[test]
fn all_conditions_must_be_met() {
    let (flows, mut random, context) = (rated(table(6, 100)), Random::new(6), context());
    let mut hits = 0;
    for _ in 0..2000 {
        let some = random.pick(&flows);
        // Some name a field twice.
        let wishes: Vec<Wish> = (0..1 + random.below(4))
            .map(|_| Wish::random(random.pick(&all_fields()), &some, &mut random))
            .collect();
        let filter = filter(&wishes, &mut random);
        for flow in &flows {
            let matches = filter.matches(&with(flow, filter.needs()), &context);
            assert_eq!(matches, wanted(&wishes, flow), "{wishes:?} {flow:?}");
            hits += u32::from(matches);
        }
    }
    assert!(hits > 20_000, "{hits}: a test of nothing");
}

#[test]
fn the_empty_filter_matches_every_flow() {
    let filter = Filter::new();
    assert!(filter.is_empty());
    assert_eq!(filter.needs(), 0);
    assert!(table(1, 20).iter().all(|f| filter.matches(f, &context())));
}

fn one(name: &str, elements: &[&str]) -> Filter {
    let mut filter = Filter::new();
    filter.condition(FieldId::named(name).expect("a field")).expect("room");
    elements.iter().for_each(|text| filter.or(Input::Text(text)).expect("a value"));
    filter
}

/// "!" is the complement of what follows: each flow matches one of the two, with the field or without.
#[test]
fn a_negation_matches_all_that_the_rest_does_not() {
    let context = context();
    let mut without = 0;
    for (name, text) in [
        ("port", "53"),
        ("port", "53,443"),
        ("orig_src", "10.0.0.1,10.0.0.2"),
        ("orig_ipv4_src", "10.0.0.0/24"),
        ("helper", "ftp"),
        ("bytes", "0-"),
        ("tcp_state", "established,syn_sent"),
        ("status", "nat"),
        ("zone", "1"),
        ("mark", "0/0"),
    ] {
        let (plain, negated) = (one(name, &[text]), one(name, &[&format!("!{text}")]));
        for flow in table(9, 100) {
            let matches = plain.matches(&flow, &context);
            assert_ne!(matches, negated.matches(&flow, &context), "{name} {text} {flow:?}");
            if values(name, &flow).is_empty() {
                assert!(!matches, "{name} {text} without the field");
                without += 1;
            }
        }
    }
    assert!(without > 100, "{without}");
}

/// An Array of negations wants any of them, a list behind one negation none of its values.
#[test]
fn none_of_several_is_one_negation() {
    let (none, any) = (one("orig_port_dst", &["!53,443"]), one("orig_port_dst", &["!53", "!443"]));
    let (mut with, mut without) = (0, 0);
    for flow in table(3, 60) {
        let is = [53, 443].iter().any(|&n| value("orig_port_dst", &flow) == Some(Val::Number(n)));
        assert_eq!(none.matches(&flow, &context()), !is, "{flow:?}");
        assert!(any.matches(&flow, &context()), "no port is both");
        if is { with += 1 } else { without += 1 }
    }
    assert!(with > 5 && without > 5, "{with} and {without}");
}
