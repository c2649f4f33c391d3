//! Requests, byte for byte.
//!
//! Expected bytes are written as a little-endian machine has them, one attribute a line: length, type, value, padding; what
//! is inside another is indented. A big-endian machine's are those converted, and one is spelt out to hold the
//! conversion to it. The values were put together from `nfnetlink_conntrack.h`, not with the library.
use super::order::{SEQUENCE, swapped};
use super::tree::{self, Value};
use super::{bytes::*, flows, read};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::conntrack::{
    ConntrackAttribute, ConntrackMessage, IPTuple, ProtoTuple, Tuple as LibTuple,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner};
use rctd::conntrack::flow::{ALL, Ends, Flow, Tuple, mapped};
use rctd::conntrack::request::{self, Change, KernelFilter, Request, TupleFilter};
use rctd::conntrack::target::Target;
use rctd::conntrack::uapi::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn check(name: &str, mut request: Request, little: &str) {
    let little = bytes(little);
    let expected = if cfg!(target_endian = "big") { swapped(&little) } else { little };
    assert_eq!(request.numbered(SEQUENCE), expected, "{name}");
}

fn v4(l4proto: u8, ends: Ends) -> Tuple {
    let (src, dst) = (mapped([192, 0, 2, 1]), mapped([198, 51, 100, 2]));
    Tuple { src, dst, ends, l3proto: AF_INET, l4proto, zone: None }
}

fn v6(l4proto: u8, ends: Ends) -> Tuple {
    let address = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).octets();
    Tuple { src: address(1), dst: address(2), l3proto: AF_INET6, ..v4(l4proto, ends) }
}

fn target(orig: Tuple, zone: Option<u16>, id: u32) -> Target {
    let flow = Flow { orig: Some(orig), zone, id: Some(id), ..Flow::default() };
    Target::of(&flow).expect("tuple and id")
}

const WEB: Ends = Ends::Ports { src: 40_000, dst: 443 };

#[test]
fn requests_that_name_an_entry() {
    let tcp = target(v4(IPPROTO_TCP, WEB), Some(9), 0xfedc_ba98);
    let ping = target(v4(IPPROTO_ICMP, Ends::Icmp { kind: 8, code: 0, id: 0xbeef }), None, 7);
    let ping6 = target(v6(IPPROTO_ICMPV6, Ends::Icmp { kind: 128, code: 0, id: 0xbeef }), None, 7);
    let esp = target(Tuple { zone: Some(7), ..v4(50, Ends::None) }, None, 7);
    check("delete", request::delete(&tcp), DELETE_TCP);
    check("delete over IPv6", request::delete(&ping6), DELETE_ICMPV6);
    check("get", request::get(&ping), GET_ICMP);
    check("get without ports", request::get(&esp), GET_ESP);
    // Bits of the value outside the mask are not sent: the kernel would set them.
    let change = Change::Mark { value: 0x00ff_12ff, mask: 0xff00 };
    check("mark", request::update(&tcp, change), UPDATE_MARK);
    let change = Change::Timeout { seconds: u32::MAX, status: 0x00e };
    check("timeout", request::update(&tcp, change), UPDATE_TIMEOUT);
}

#[test]
fn requests_that_name_none() {
    check("count", request::count(), COUNT);
    check("stats", request::cpu_stats(), STATS);
    check("dump", request::dump(&KernelFilter::default()), DUMP_ALL);
}

/// Each part of a filter, and what of it must be left out.
#[test]
fn dumps_that_the_kernel_filters() {
    let none = KernelFilter::default();
    let of = |l3proto, orig, repl| KernelFilter { l3proto, orig, repl, ..KernelFilter::default() };
    let nothing = TupleFilter::default();
    let source = TupleFilter { src: Some(mapped([192, 0, 2, 1])), ..nothing };
    let answer = TupleFilter { dst: Some(mapped([203, 0, 113, 9])), ..nothing };
    let ports = TupleFilter { l4proto: Some(6), src_port: Some(40_000), dst_port: Some(443), ..nothing };
    let from = TupleFilter { l4proto: Some(6), src_port: Some(443), ..nothing };
    let ping = TupleFilter {
        icmp_type: Some(8),
        icmp_code: Some(0),
        icmp_id: Some(0xbeef),
        l4proto: Some(1),
        ..nothing
    };
    let ping6 = TupleFilter { icmp_type: Some(128), l4proto: Some(58), ..ping };
    let source6 = TupleFilter { src: Some([0x20; 16]), dst: Some([0x20; 16]), ..nothing };
    let v4 = Some(AF_INET);
    let v6 = Some(AF_INET6);
    for (name, filter, expected) in [
        ("IPv6", of(v6, nothing, nothing), DUMP_V6),
        ("mark", KernelFilter { mark: Some((0x1200, 0xff00)), ..none }, DUMP_MARK),
        ("status", KernelFilter { status: Some((6, 14)), ..none }, DUMP_STATUS),
        ("zone", KernelFilter { zone: Some(0xfffe), ..none }, DUMP_ZONE),
        ("addresses", of(v4, source, answer), DUMP_ADDRESSES),
        ("ports", of(v4, ports, from), DUMP_PORTS),
        ("ICMP", of(v4, ping, nothing), DUMP_ICMP),
        ("ICMPv6", of(v6, ping6, nothing), DUMP_ICMPV6),
        (
            "ports of a protocol without such",
            of(v4, TupleFilter { l4proto: Some(47), ..ports }, nothing),
            DUMP_GRE,
        ),
        ("tuples without a family", of(None, ports, source), DUMP_ALL),
        ("ports without a protocol", of(v6, TupleFilter { l4proto: None, ..ports }, nothing), DUMP_V6),
        ("ICMP without a protocol", of(v6, TupleFilter { l4proto: None, ..ping }, nothing), DUMP_V6),
        ("IPv6 addresses, which kernels compare wrongly", of(v6, source6, source6), DUMP_V6),
    ] {
        check(name, request::dump(&filter), expected);
    }
}

#[test]
fn the_conversion_to_big_endian_is_right() {
    assert_eq!(swapped(&bytes(DUMP_ADDRESSES)), bytes(DUMP_ADDRESSES_BIG_ENDIAN));
}

/// Flows of every shape: those captured, and made-up ones with every number at its ends.
fn targets() -> Vec<(Flow, Target)> {
    let (mut all, _) = flows("full");
    for l4proto in 0..=255 {
        for ends in [Ends::None, WEB, Ends::Icmp { kind: 255, code: 254, id: 65_535 }] {
            for tuple in [v4(l4proto, ends), v6(l4proto, ends)] {
                for zone in [None, Some(0), Some(65_535)] {
                    let orig = Some(Tuple { zone, ..tuple });
                    all.push(Flow { orig, zone, id: Some(u32::MAX), ..Flow::default() });
                }
            }
        }
    }
    all.into_iter().map(|flow| (flow, Target::of(&flow).expect("tuple and id"))).collect()
}

/// A request to delete without a tuple empties the table: there is none, and the id is always with it.
#[test]
fn a_delete_always_has_tuple_and_id() {
    for (flow, target) in targets() {
        let mut request = request::delete(&target);
        let bytes = request.numbered(1);
        assert_eq!(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize, bytes.len());
        let attrs = tree::parse(&bytes[20..]);
        let Some(Value::Nested(tuple)) = attrs.iter().find(|a| a.kind == 1).map(|a| &a.value) else {
            panic!("a delete without a tuple: {flow:?}");
        };
        for part in [1, 2] {
            let inner = tuple.iter().find(|a| a.kind == part).map(|a| &a.value);
            assert!(matches!(inner, Some(Value::Nested(inner)) if !inner.is_empty()), "{flow:?}");
        }
        let id = attrs.iter().find(|a| a.kind == 12).map(|a| a.value.clone());
        let expected = flow.id.expect("an id").to_be_bytes();
        assert!(matches!(id, Some(Value::Bytes(id)) if id == expected), "a delete without the id: {flow:?}");
        // What is asked for is what was read: every part of the tuple.
        let read_back = read(&bytes[20..], ALL).expect("sound");
        assert_eq!((read_back.orig, read_back.zone, read_back.id), (flow.orig, flow.zone, flow.id));
        let zone = attrs.iter().find(|a| a.kind == 18);
        assert_eq!(zone.is_some(), flow.zone.is_some(), "{flow:?}");
    }
}

#[test]
fn no_target_without_tuple_and_id() {
    let whole = Flow { orig: Some(v4(6, WEB)), id: Some(1), ..Flow::default() };
    assert!(Target::of(&whole).is_some());
    assert!(Target::of(&Flow { orig: None, repl: whole.orig, ..whole }).is_none());
    assert!(Target::of(&Flow { id: None, ..whole }).is_none());
    assert!(Target::of(&Flow::default()).is_none());
    // A tuple in which no address came.
    for l3proto in (0..=255).filter(|&p| p != AF_INET && p != AF_INET6) {
        let orig = Some(Tuple { l3proto, ..v4(6, WEB) });
        assert!(Target::of(&Flow { orig, ..whole }).is_none(), "protocol {l3proto}");
    }
}

/// An independent reader finds in our requests what was put in.
#[test]
fn netlink_packet_netfilter_reads_our_requests() {
    for (flow, target) in targets() {
        let read = |mut request: Request| {
            let message =
                NetlinkMessage::<NetfilterMessage>::deserialize(request.numbered(5)).expect("sound");
            assert_eq!((message.header.sequence_number, message.header.flags & 1), (5, 1));
            let NetlinkPayload::InnerMessage(inner) = message.payload else { panic!("no request") };
            assert_eq!(u8::from(inner.header.family), target.l3proto());
            let NetfilterMessageInner::Conntrack(inner) = inner.inner else { panic!("another subsystem") };
            inner
        };
        let ConntrackMessage::Delete(attrs) = read(request::delete(&target)) else { panic!("no delete") };
        check_tuple(&attrs, &flow);
        let ConntrackMessage::Get(attrs) = read(request::get(&target)) else { panic!("no get") };
        check_tuple(&attrs, &flow);
        let change = Change::Mark { value: 0xabcd, mask: 0xff };
        let ConntrackMessage::New(attrs) = read(request::update(&target, change)) else {
            panic!("no update")
        };
        check_tuple(&attrs, &flow);
        assert!(attrs.contains(&ConntrackAttribute::CtaMark(0xcd)), "{attrs:?}");
        let change = Change::Timeout { seconds: 77, status: 0xe };
        let ConntrackMessage::New(attrs) = read(request::update(&target, change)) else {
            panic!("no update")
        };
        assert!(attrs.contains(&ConntrackAttribute::CtaTimeout(77)), "{attrs:?}");
    }
    // A timeout that is fixed already stays so.
    let target = target(v4(IPPROTO_TCP, WEB), None, 7);
    let of = |status| {
        let mut request = request::update(&target, Change::Timeout { seconds: 77, status });
        request.numbered(5).to_vec()
    };
    assert_eq!(of(0x40e), of(0x00e));
}

fn check_tuple(attrs: &[ConntrackAttribute], flow: &Flow) {
    let orig = flow.orig.expect("a tuple");
    let tuple = attrs.iter().find_map(|a| match a {
        ConntrackAttribute::CtaTupleOrig(parts) => Some(parts),
        _ => None,
    });
    let address = |bytes: [u8; 16]| match bytes {
        [.., a, b, c, d] if orig.l3proto == AF_INET => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => IpAddr::V6(bytes.into()),
    };
    let ips = [IPTuple::SourceAddress(address(orig.src)), IPTuple::DestinationAddress(address(orig.dst))];
    let tuple = tuple.expect("a tuple");
    assert!(tuple.contains(&LibTuple::Ip(ips.to_vec())), "{tuple:?}");
    let proto = tuple.iter().find_map(|t| if let LibTuple::Proto(parts) = t { Some(parts) } else { None });
    let proto = proto.expect("a protocol");
    assert!(
        matches!(proto.first(), Some(ProtoTuple::Protocol(p)) if u8::from(*p) == orig.l4proto),
        "{proto:?}"
    );
    if let Ends::Ports { src, dst } = orig.ends {
        assert_eq!(proto[1..], [ProtoTuple::SourcePort(src), ProtoTuple::DestinationPort(dst)]);
    }
}
