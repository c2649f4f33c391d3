//! The table of fields, sets of them, what is hidden, and keys.
use super::flows::{context, rated, table, with};
use super::model::{self, Val, value};
use super::names::single;
use super::wishes::all_fields;
use crate::conntrack::flow::{Address, Flow, Tuple, mapped};
use crate::conntrack::uapi::{AF_INET, AF_INET6};
use crate::query::context::Context;
use crate::query::field::{FIELDS, FieldId, FieldSet, FieldValue, ID, Scope, TIMEOUT};
use crate::query::net::Net;
use crate::query::order::Order;
use crate::query::rows::{Ranking, Row};
use core::net::{IpAddr, Ipv6Addr};

fn ip(address: Address, v4: bool) -> IpAddr {
    let address = Ipv6Addr::from(address);
    if v4 { address.to_ipv4_mapped().expect("a mapped one").into() } else { address.into() }
}

#[test]
fn every_field_has_the_value_that_the_documentation_says() {
    let context = context();
    for flow in rated(table(41, 300)) {
        for name in single() {
            let field = FieldId::named(name).expect("a field").field();
            // Read as the field says that it needs, and no more.
            let found = field.value(&with(&flow, field.needs), &context).map(|value| match value {
                FieldValue::Int(n) => Val::Number(n),
                FieldValue::End(address, v4, port) => Val::End(ip(address, v4), port),
                FieldValue::Text(t) => Val::Text(String::from_utf8_lossy(t).into_owned()),
                FieldValue::Ip(address, v4) => Val::Address(ip(address, v4)),
            });
            assert_eq!(found, value(name, &flow), "{name} of {flow:?}");
        }
    }
}

#[test]
fn the_table_and_the_documentation_name_the_same_fields() {
    let mut names: Vec<&str> = FIELDS.iter().map(|f| f.name).collect();
    let mut documented = all_fields();
    names.sort_unstable();
    documented.sort_unstable();
    assert_eq!(names, documented);
    for (at, field) in FIELDS.iter().enumerate() {
        assert_eq!(FieldId::named(field.name).map(FieldId::index), Some(at), "{} is there once", field.name);
        let rows = ![
            "orig_src", "orig_dst", "repl_src", "repl_dst", "bytes", "packets", "rate", "host", "port",
            "name",
        ]
        .contains(&field.name);
        assert_eq!(field.scope == Scope::Row, rows, "{}", field.name);
    }
    assert_eq!((ID.field().name, TIMEOUT.field().name), ("id", "timeout"));
    assert_eq!(FieldId::named("ID"), None);
    assert_eq!(FieldId::named(""), None);
    for name in ["host", "port", "name"] {
        let field = FieldId::named(name).expect("a field");
        assert_eq!(Order::by(field, false), None, "{name} has no place in an order");
        let flow = table(1, 1)[0];
        assert_eq!(field.field().value(&flow, &context()), None);
    }
}

#[test]
fn a_set_has_what_was_put_in() {
    for (at, one) in FIELDS.iter().enumerate() {
        let field = FieldId::named(one.name).expect("a field");
        let mut set = FieldSet::default();
        set.insert(field);
        for other in 0..FIELDS.len() {
            assert_eq!(set.contains(other), other == at);
        }
        assert!(FieldSet::ALL.contains(at));
        assert_eq!(FieldSet::ID_ONLY.contains(at), at == 0);
    }
}

/// Where the keys of two flows differ they decide as the values do; where they are the same the tie is broken so.
#[test]
fn keys_stand_in_the_order_of_values() {
    let (flows, context) = (rated(table(42, 80)), context());
    for name in single() {
        for descending in [false, true] {
            let order = Order::by(FieldId::named(name).expect("a field"), descending).expect("an order");
            let expected = model::order(name, descending);
            let row = |flow: &Flow| Row {
                key: order.key(&with(flow, order.needs()), &context, 0),
                rank: 0,
                flow: *flow,
            };
            let ranking = Ranking { order, context: &context, back: false };
            for a in &flows {
                for b in &flows {
                    assert_eq!(ranking.compare(&row(a), &row(b)), expected(a, b), "{name} {a:?} {b:?}");
                }
            }
        }
    }
}

fn between(src: [u8; 4], dst: [u8; 4]) -> Tuple {
    Tuple { src: mapped(src), dst: mapped(dst), l3proto: AF_INET, l4proto: 6, ..Tuple::default() }
}

#[test]
fn hidden_are_flows_from_or_to_ignored_networks_in_either_direction() {
    let mut context = Context::default();
    for net in ["192.0.2.0/24", "2001:db8::/32"] {
        context.ignored.push(Net::parse(net).expect("a network")).expect("room");
    }
    let (inside, outside) = ([192, 0, 2, 7], [10, 0, 0, 1]);
    let flow = |orig, repl| Flow { orig: Some(orig), repl: Some(repl), ..Flow::default() };
    for (orig, repl, hidden) in [
        (between(outside, outside), between(outside, outside), false),
        (between(inside, outside), between(outside, outside), true),
        (between(outside, inside), between(outside, outside), true),
        (between(outside, outside), between(inside, outside), true),
        (between(outside, outside), between(outside, inside), true),
    ] {
        assert_eq!(context.hides(&with(&flow(orig, repl), context.needs())), hidden, "{orig:?} {repl:?}");
    }
    let mut v6 = Tuple { l3proto: AF_INET6, src: [0x20; 16], dst: [0x20; 16], ..Tuple::default() };
    assert!(!context.hides(&flow(v6, v6)));
    v6.dst[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    assert!(context.hides(&flow(v6, v6)));
    assert!(!context.hides(&Flow::default()), "a flow without tuples can't be from there");
}

#[test]
fn hidden_are_flows_in_time_wait_if_so_configured() {
    let closing = Flow { tcp_state: Some(7), ..Flow::default() };
    let mut context = Context::default();
    assert_eq!(context.needs(), 0);
    assert!(!context.hides(&closing));
    context.hide_time_wait = true;
    assert!(context.hides(&with(&closing, context.needs())));
    for state in (0..=255).filter(|&s| s != 7) {
        assert!(!context.hides(&Flow { tcp_state: Some(state), ..closing }));
    }
    assert!(!context.hides(&Flow::default()));
}

/// A mask anywhere in the mark: the number is what is under it, shifted down.
#[test]
fn a_user_is_what_is_under_the_mask() {
    for (mask, mark, user) in [
        (0xff, 0x1203, Some(3)),
        (0xff00, 0x1203, Some(0x12)),
        (0x8000_0000, 0x8000_0000, Some(1)),
        (u32::MAX, u32::MAX, Some(u32::MAX)),
        (0, 5, None),
    ] {
        let context = Context { uid_mask: mask, ..Context::default() };
        assert_eq!(context.user_id(&Flow { mark: Some(mark), ..Flow::default() }), user, "{mask:#x}");
    }
    assert_eq!(context().user_id(&Flow::default()), Some(0), "a mark that the kernel leaves out is 0");
}
