//! What a filter takes, what it refuses and why, and its capacities, hit exactly and by one.
use crate::conntrack::flow::Flow;
use crate::limits::{ALTERNATIVES, ALTERNATIVES_A_FIELD, CONDITIONS, FILTER_TEXT_BYTES};
use crate::query::context::Context;
use crate::query::field::{FIELDS, FieldId, FieldKind};
use crate::query::filter::{Filter, FilterError, Input, takes};

fn named(name: &str) -> FieldId {
    FieldId::named(name).expect("a field")
}

fn try_one(name: &str, input: Input<'_>) -> Result<Filter, FilterError> {
    let mut filter = Filter::new();
    filter.condition(named(name))?;
    filter.or(input)?;
    filter.close()?;
    Ok(filter)
}

#[test]
fn values_that_are_refused_and_why() {
    let text = Input::Text;
    for (name, input) in [
        ("orig_port_src", text("65536")),
        ("orig_port_src", text("-1")),
        ("orig_port_src", text("+1")),
        ("orig_port_src", text("1 ")),
        ("orig_port_src", text("")),
        ("orig_port_src", text("!")),
        ("orig_port_src", text("!!1")),
        ("orig_port_src", text("2-1")),
        ("orig_port_src", text("1-2-3")),
        ("orig_port_src", text("1-65536")),
        ("orig_port_src", text("1/2")),
        ("orig_port_src", text("0x")),
        ("orig_port_src", text("0x1g")),
        ("orig_port_src", Input::Int(65_536)),
        ("orig_port_src", Input::Int(-1)),
        ("orig_l4proto", Input::Int(256)),
        ("mark", Input::Int(1 << 32)),
        ("mark", Input::Int(i64::from(i32::MIN) - 1)),
        ("mark", text("1/0x1ffffffff")),
        ("mark", text("1/")),
        ("mark", text("/1")),
        ("mark", text("1/1/1")),
        ("id", text("1/1")),
        ("bytes", Input::Int(-1)),
        ("bytes", text("18446744073709551616")),
        ("orig_ipv4_src", text("::1")),
        ("orig_ipv6_src", text("10.0.0.1")),
        ("orig_ipv6_src", Input::Int(1)),
        ("orig_ipv6_src", text("1")),
        ("orig_src", text("10.0.0.1/33")),
        ("orig_src", text("10.0.0")),
        ("orig_src", text("4294967296")),
        ("host", text("router.lan")),
        ("helper", Input::Int(7)),
        ("orig_port_src", text("80,")),
        ("orig_port_src", text(",80")),
        ("orig_port_src", text("80,,81")),
        ("orig_port_src", text("80,!81")),
        ("orig_port_src", text("80, 81")),
        ("orig_port_src", text("-")),
        ("orig_port_src", text("-80")),
        ("orig_port_src", text("65536-")),
        ("orig_port_src", text("tcp")),
        ("orig_port_src", text("66k")),
        ("orig_l4proto", text("https")),
        ("orig_l4proto", text("tcp-udp")),
        ("orig_l3proto", text("ip")),
        ("tcp_state", text("assured")),
        ("mark", text("replied")),
        ("bytes", text("1K")),
        ("bytes", text("1ki")),
        ("bytes", text("1m")),
        ("bytes", text("k")),
        ("bytes", text("i")),
        ("bytes", text("1i")),
        ("bytes", text("1kM")),
        ("bytes", text("20000000000G")),
        ("bytes", text("1.5M")),
        ("orig_src", text("10.0.0.9-10.0.0.5")),
        ("orig_src", text("10.0.0.5-")),
        ("orig_src", text("10.0.0.5-::1")),
        ("orig_ipv6_src", text("10.0.0.5-10.0.0.9")),
        ("orig_ipv4_src", text("::1-::2")),
    ] {
        assert_eq!(try_one(name, input).err(), Some(FilterError::BadValue), "{name} {input:?}");
    }
    assert_eq!(try_one("mark", text("0x101/0xff")).err(), Some(FilterError::OutsideMask));
    assert_eq!(try_one("status", text("!3/2")).err(), Some(FilterError::OutsideMask));
}

/// 32-bit numbers as PHP's encoder sends them, addresses as numbers, the ends of every range.
#[test]
fn values_that_are_taken() {
    let context = Context::default();
    let marked = |mark| Flow { mark: Some(mark), ..Flow::default() };
    for (input, mark) in [
        (Input::Int(-1_294_967_296), 3_000_000_000),
        (Input::Int(-1), u32::MAX),
        (Input::Int(i64::from(u32::MAX)), u32::MAX),
        (Input::Text("0xffffffff"), u32::MAX),
        (Input::Text("0XfF"), 255),
        (Input::Text("4294967295-4294967295"), u32::MAX),
        (Input::Text("0-0"), 0),
        (Input::Text("0/0"), 12_345),
        (Input::Text("007"), 7),
    ] {
        let filter = try_one("mark", input).expect("taken");
        assert!(filter.matches(&marked(mark), &context), "{input:?}");
    }
    assert!(try_one("orig_src", Input::Int(-1)).is_ok(), "255.255.255.255 as PHP sends it");
    assert!(try_one("bytes", Input::Text("0-18446744073709551615")).is_ok());
    assert!(try_one("helper", Input::Text("")).is_ok());
}

#[test]
fn a_condition_without_a_wanted_value_is_refused() {
    let mut filter = Filter::new();
    assert_eq!(filter.or(Input::Int(1)), Err(FilterError::Empty), "there is no condition yet");
    assert_eq!(filter.close(), Ok(()));
    filter.condition(named("mark")).expect("room");
    assert_eq!(filter.close(), Err(FilterError::Empty));
    filter.or(Input::Int(1)).expect("room");
    assert_eq!(filter.close(), Ok(()));
}

#[test]
fn capacities_hit_exactly_and_by_one() {
    let mut filter = Filter::new();
    for _ in 0..CONDITIONS {
        filter.condition(named("mark")).expect("room");
        filter.or(Input::Int(1)).expect("room");
    }
    assert!(filter.matches(&Flow { mark: Some(1), ..Flow::default() }, &Context::default()));
    assert_eq!(filter.condition(named("use")), Err(FilterError::TooLarge));

    let mut filter = Filter::new();
    filter.condition(named("mark")).expect("room");
    for value in 1..=ALTERNATIVES_A_FIELD {
        filter.or(Input::Int(value as i64)).expect("room");
    }
    assert!(filter.matches(&Flow { mark: Some(16), ..Flow::default() }, &Context::default()));
    assert_eq!(filter.or(Input::Int(99)), Err(FilterError::TooManyForField));

    let mut filter = Filter::new();
    for at in 0..ALTERNATIVES {
        if at % ALTERNATIVES_A_FIELD == 0 {
            filter.condition(named("mark")).expect("room");
        }
        filter.or(Input::Int(at as i64)).expect("room");
    }
    filter.condition(named("mark")).expect("room for a condition");
    assert_eq!(filter.or(Input::Int(1)), Err(FilterError::TooLarge));

    let mut filter = Filter::new();
    filter.condition(named("helper")).expect("room");
    let text = "x".repeat(FILTER_TEXT_BYTES / 4);
    for _ in 0..4 {
        filter.or(Input::Text(&text)).expect("room");
    }
    assert_eq!(filter.or(Input::Text("")), Ok(()), "an empty one needs no room");
    assert_eq!(filter.or(Input::Text("y")), Err(FilterError::TooLarge));
}

/// Each field takes a wanted value that a flow may have, and then needs the attributes that its value is in.
#[test]
fn every_field_may_be_filtered_by() {
    for field in FIELDS {
        let value = match field.kind {
            FieldKind::Ipv6 => Input::Text("2001:db8::1"),
            FieldKind::Ipv4 | FieldKind::Ip => Input::Text("192.0.2.1"),
            FieldKind::End => Input::Text("192.0.2.1:80"),
            FieldKind::Word => Input::Text("both"),
            FieldKind::Text | FieldKind::Part => Input::Text("ftp"),
            _ => Input::Int(7),
        };
        let filter = try_one(field.name, value).unwrap_or_else(|e| panic!("{}: {e:?}", field.name));
        assert_eq!(filter.needs(), field.needs, "{}", field.name);
    }
}

/// Faults have room for what a field takes, and name every word.
#[test]
fn what_fields_take_fits_a_fault() {
    for field in FIELDS {
        let takes = takes(named(field.name)).to_string();
        assert!(takes.len() <= 230, "{} takes {takes}: {}", field.name, takes.len());
    }
    for (name, words) in [
        ("orig_l3proto", "IPv4, IPv6"),
        ("repl_l4proto", "TCP, UDP, ICMP, ICMPv6, icmp6, GRE"),
        ("tcp_state", "NONE, SYN_SENT, SYN_RECV, ESTABLISHED"),
        ("status", "replied, unreplied, assured, nat, snat, dnat, offloaded, hardware, fixed, expected"),
        ("port", "ftp, ssh, telnet, smtp, domain, dns, http"),
    ] {
        let takes = takes(named(name)).to_string();
        assert!(takes.contains(&format!(", or one of {words}")), "{name} takes {takes}");
    }
}

/// A name that no field has is told with the nearest one.
#[test]
fn the_field_that_is_meant() {
    for (typed, meant) in [
        ("orig_scr", Some("orig_src")),
        ("ORIG_SRC", Some("orig_src")),
        ("makr", None),
        ("marks", Some("mark")),
        ("repl_counter_byte", Some("repl_counter_bytes")),
        ("", None),
        ("colour", None),
    ] {
        assert_eq!(FieldId::nearest(typed), meant, "{typed}");
    }
}

/// The memory of a filter is in every client's slot.
#[test]
fn a_filter_is_small() {
    assert!(size_of::<Filter>() <= 3800, "{}", size_of::<Filter>());
}
