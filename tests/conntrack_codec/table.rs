//! Whole tables: every field of every flow is what conntrack(8) printed.
use super::order::swapped;
use super::text::{Line, lines};
use super::{OTHER_ORDER, THIS_ORDER, datagrams, datagrams_in, entries, flows, messages, read, tree};
use rctd::conntrack::flow::{ALL, Ends, Flow};
use rctd::conntrack::label::Labels;
use rctd::conntrack::message::Message;
use rctd::conntrack::target::{TARGET, Target};
use rctd::conntrack::uapi::*;

const CAPTURES: [&str; 7] = ["full", "plain", "get", "deleted", "gone", "count", "stats"];

/// `enum ip_conntrack_status` of `nf_conntrack_common.h`.
const SEEN_REPLY: u32 = 1 << 1;
const ASSURED: u32 = 1 << 2;
const CONFIRMED: u32 = 1 << 3;
const HELPER: u32 = 1 << 13;

/// The status: what is printed of it, confirmed as all that is listed, and what the one or other was inserted with.
fn status(line: &Line) -> u32 {
    let printed = if line.answered { SEEN_REPLY } else { 0 } | if line.assured { ASSURED } else { 0 };
    let fixed = matches!(line.flow.orig.map(|t| t.ends), Some(Ends::Ports { src: 42_006, .. }));
    let inserted = if fixed { IPS_FIXED_TIMEOUT } else { 0 } | if line.helper.is_some() { HELPER } else { 0 };
    CONFIRMED | printed | inserted
}

fn compare(name: &str, text: &str) {
    let expected = lines(text);
    let (flows, labels) = flows(name);
    assert_eq!(flows.len(), expected.len(), "{name}");
    for flow in flows {
        let line = &expected[&flow.id.expect("every entry has an id")];
        let helper = flow.helper.map(|l| String::from_utf8_lossy(labels.text(l)).into_owned());
        assert_eq!(helper, line.helper);
        assert_eq!(flow.status, Some(status(line)), "{flow:?}");
        let to_seconds = flow.start_ns.map(|ns| ns / 1_000_000_000 * 1_000_000_000);
        let printed = Flow { start_ns: to_seconds, status: None, helper: None, ..flow };
        assert_eq!(printed, line.flow);
    }
}

#[test]
fn every_field_is_what_conntrack_printed() {
    compare("full", include_str!("../fixtures/conntrack/full.txt"));
    compare("plain", include_str!("../fixtures/conntrack/plain.txt"));
}

/// What the printed text leaves out, read off the bytes by hand.
#[test]
fn the_first_entry_is_what_its_bytes_say() {
    let (flows, _) = flows("full");
    let first = flows.first().expect("one");
    // CTA_TIMESTAMP_START at byte 0x11c - 12 of full.0: 18ea 36a9 e65c b6f3.
    assert_eq!(first.start_ns, Some(0x18ea_36a9_e65c_b6f3));
    assert_eq!(first.status, Some(0x0000_0008));
    assert_eq!(first.mark, Some(0xfedc_ba98));
    assert_eq!(first.id, Some(0x5ba7_dda7));
    assert_eq!((first.zone, first.tcp_state, first.timeout), (Some(9), Some(1), Some(0x77)));
}

/// The capture is worth something only as long as it has one of everything.
#[test]
fn the_capture_has_one_of_everything() {
    let (flows, _) = flows("full");
    let has =
        |what: &str, test: &dyn Fn(&Flow) -> bool| assert!(flows.iter().any(test), "no flow with {what}");
    for l4proto in [1, 6, 17, 33, 47, 50, 132, 136] {
        has("this protocol over IPv4", &|f| {
            f.orig.is_some_and(|t| t.l3proto == AF_INET && t.l4proto == l4proto)
        });
    }
    for l4proto in [6, 17, 33, 50, 58, 132, 136] {
        has("this protocol over IPv6", &|f| {
            f.orig.is_some_and(|t| t.l3proto == AF_INET6 && t.l4proto == l4proto)
        });
    }
    for state in 1..=8 {
        has("this state of TCP", &|f| f.tcp_state == Some(state));
    }
    has("a mark beyond 31 bits", &|f| f.mark.is_some_and(|m| m > i32::MAX as u32));
    has("a zone", &|f| f.zone == Some(0xfffe));
    has("a zone of one direction", &|f| f.orig.is_some_and(|t| t.zone == Some(7)) && f.zone.is_none());
    has("counters", &|f| f.orig_counters.is_some_and(|c| c.bytes > 0));
    has("a helper", &|f| f.helper.is_some());
    has("a fixed timeout", &|f| f.status.is_some_and(|s| s & IPS_FIXED_TIMEOUT != 0));
    has("keys of GRE", &|f| f.orig.is_some_and(|t| t.ends == Ends::Ports { src: 0x1234, dst: 0xabcd }));
    has("source NAT", &|f| f.orig.zip(f.repl).is_some_and(|(o, r)| r.dst != o.src));
    has("destination NAT", &|f| f.orig.zip(f.repl).is_some_and(|(o, r)| r.src != o.dst));
    let unknown = |e: &Vec<u8>| super::tree::parse(e).iter().any(|a| a.kind < 32 && bit(a.kind) & ALL == 0);
    assert!(entries("full").iter().any(unknown), "no entry with an attribute that rctd does not read");
    assert!(datagrams("full").len() > 2, "one datagram only");
}

#[test]
fn attributes_that_are_not_needed_are_left_out() {
    for entry in entries("full") {
        let all = read(&entry, ALL).expect("sound");
        assert_eq!(read(&entry, 0), Ok(Flow::default()));
        let id = read(&entry, bit(CTA_ID)).expect("sound");
        assert_eq!(id, Flow { id: all.id, ..Flow::default() });
        let some = read(&entry, bit(CTA_TUPLE_REPLY) | bit(CTA_COUNTERS_ORIG)).expect("sound");
        assert_eq!(some, Flow { repl: all.repl, orig_counters: all.orig_counters, ..Flow::default() });
    }
}

/// Who is deleted is told by a part of the attributes as well as by all.
#[test]
fn a_target_needs_no_more_than_it_says() {
    for entry in entries("full") {
        let target = |needs| Target::of(&read(&entry, needs).expect("sound"));
        assert!(target(ALL).is_some());
        assert_eq!(target(TARGET), target(ALL));
        for left_out in [CTA_TUPLE_ORIG, CTA_ID] {
            assert_eq!(target(TARGET & !bit(left_out)), None);
        }
    }
}

/// No capture has it: the kernel that was captured labels nothing.
#[test]
fn a_security_context_is_read() {
    let text = b"system_u:object_r:web_t:s0";
    let name = tree::emit(&[tree::leaf(CTA_SECCTX_NAME, &[text, &b"\0"[..]].concat())]);
    let entry = tree::emit(&[tree::leaf(CTA_SECCTX, &name)]);
    let mut labels = Labels::new();
    let flow = Flow::read(&Message { kind: 0, attrs: &entry }, ALL, &mut labels).expect("sound");
    assert_eq!(flow.secctx.map(|label| labels.text(label)), Some(&text[..]));
    assert_eq!(flow.helper, None);
}

#[test]
fn the_files_of_both_orders_are_each_others_conversion() {
    for name in CAPTURES {
        let (this, other) = (datagrams_in(THIS_ORDER, name), datagrams_in(OTHER_ORDER, name));
        assert_eq!(this.len(), other.len(), "{name}");
        for (this, other) in this.iter().zip(&other) {
            assert_eq!(swapped(this), *other, "{name}");
            assert_eq!(swapped(other), *this, "{name}");
        }
    }
}

/// What the other order's files would be here is nonsense, and is told or passed over as such.
#[test]
fn the_other_order_gives_no_flow() {
    for name in CAPTURES {
        for datagram in datagrams_in(OTHER_ORDER, name) {
            messages(&datagram, |m| panic!("{name}: a message {m:?}"));
        }
    }
}
