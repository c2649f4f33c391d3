//! Changes of all that match: those alone, each once, and what became of the others.
use super::kernel::attributes;
use super::rig::{Rig, array, between, fault, ids, int, members, text};
use crate::conntrack::flow::{Flow, Tuple};
use crate::conntrack::message::Message;
use crate::conntrack::plan::PlanPart;
use crate::conntrack::request::Change;
use crate::conntrack::uapi::{IPCTNL_MSG_CT_NEW, IPS_FIXED_TIMEOUT};
use crate::query::net::Net;
use crate::query::tests::flows::table;
use crate::rpc::World;

/// Ids from 1 on, marks 0 to 3 in turn.
fn numbered(n: usize) -> Vec<Flow> {
    let mut flows = table(91, n);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.id, flow.mark) = (Some(at as u32 + 1), Some(at as u32 % 4));
        (flow.status, flow.timeout) = (Some(0xe), Some(60));
    }
    flows
}

fn matching(rig: &mut Rig, field: &str, filters: String, value: String) -> super::rig::Reply {
    rig.call("change_matching", &[text(field), filters, value])
}

fn changed(reply: super::rig::Reply) -> i64 {
    between(&reply.expect("whole"), "<int>", "</int>").parse().expect("digits")
}

fn marked(mark: &str) -> String {
    members(&[("mark", text(mark))])
}

#[test]
fn all_that_match_and_no_other() {
    let mut rig = Rig::new(numbered(20));
    assert_eq!(changed(matching(&mut rig, "mark", marked("1"), int(3_000_000_000))), 5);
    assert_eq!(changed(matching(&mut rig, "mark", text("mark:2"), text("0x100/0xff00"))), 5);
    assert_eq!(changed(matching(&mut rig, "timeout", array(&[marked("3")]), int(-1))), 5);
    for (at, flow) in rig.kernel.table.iter().enumerate() {
        let (mark, timeout) = match at % 4 {
            1 => (3_000_000_000, (60, 0xe)),
            2 => (0x102, (60, 0xe)),
            3 => (3, (u32::MAX, 0xe | IPS_FIXED_TIMEOUT)),
            _ => (0, (60, 0xe)),
        };
        assert_eq!(
            (flow.mark, (flow.timeout, flow.status)),
            (Some(mark), (Some(timeout.0), Some(timeout.1)))
        );
    }
    assert_eq!(changed(matching(&mut rig, "mark", text("mark:777"), int(1))), 0, "none matches");
}

/// What has the value already is not changed, nor counted; so what a dump gives twice is counted once.
#[test]
fn what_is_as_wanted_is_left_alone() {
    for (field, value) in [("mark", text("0x8/0x8")), ("timeout", int(600))] {
        let mut rig = Rig::new(numbered(20));
        rig.kernel.repeats = true;
        assert_eq!(changed(matching(&mut rig, field, text("mark:0-7"), value.clone())), 20, "{field}");
        assert_eq!(rig.kernel.updated.len(), 20, "{field}");
        assert_eq!(changed(matching(&mut rig, field, text("id:1-"), value)), 0, "{field}");
        assert_eq!(rig.kernel.updated.len(), 20, "{field}");
    }
}

#[test]
fn an_empty_filter_and_values_that_are_none() {
    let mut rig = Rig::new(numbered(8));
    for filters in [members(&[]), array(&[]), text(""), text("  "), array(&[members(&[])])] {
        let (code, sentence) = fault(matching(&mut rig, "mark", filters, int(1)));
        assert_eq!(code, -32602);
        assert!(sentence.contains("empty, which would change every connection"), "{sentence}");
    }
    assert_eq!(fault(matching(&mut rig, "status", marked("1"), int(1))).0, 3);
    assert_eq!(fault(matching(&mut rig, "mark", members(&[("marc", int(1))]), int(1))).0, 3);
    assert_eq!(fault(matching(&mut rig, "mark", marked("1"), text("0x10/0xf"))).0, -32602);
    assert_eq!(fault(matching(&mut rig, "timeout", marked("1"), text("5/7"))).0, -32602);
    assert_eq!(fault(rig.call("change_matching", &[text("mark"), marked("1")])).0, -32602);
    assert_eq!(rig.kernel.updated, []);
    assert_eq!(rig.kernel.table, numbered(8));
}

#[test]
fn a_timeout_of_0_ends_them() {
    let mut rig = Rig::new(numbered(8));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    rig.kernel.ends = true;
    assert_eq!(changed(matching(&mut rig, "timeout", marked("2"), int(0))), 2);
    let left: Vec<u32> = (1..=8).filter(|id| ![3, 7].contains(id)).collect();
    assert_eq!(rig.kernel.table.iter().filter_map(|f| f.id).collect::<Vec<_>>(), left);
    assert_eq!(ids(&rig.call("view", &[]).expect("whole")), left, "in the snapshot, too");
    // One that ends where it should not is no connection that was changed.
    assert_eq!(changed(matching(&mut rig, "mark", marked("1"), int(9))), 0);
}

#[test]
fn the_snapshot_is_kept_in_step() {
    let mut rig = Rig::new(numbered(8));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    assert_eq!(changed(matching(&mut rig, "mark", marked("2"), text("0x10/0xf0"))), 2);
    assert_eq!(changed(matching(&mut rig, "timeout", marked("1"), int(77))), 2);
    assert_eq!(ids(&rig.call("view", &[marked("0x12")]).expect("whole")), [3, 7]);
    let fixed = text("timeout:77 is:fixed");
    assert_eq!(ids(&rig.call("view", &[fixed]).expect("whole")), [2, 6]);
}

/// A snapshot that is taken in the same scan, by a call before this one or behind it, has what was changed.
#[test]
fn a_snapshot_of_the_same_scan() {
    for (recorder, changer) in [(0, 1), (1, 0)] {
        let mut rig = Rig::new(numbered(8));
        let off = rig.body("set_autorefresh", &[int(0)]);
        let change = rig.body("change_matching", &[text("mark"), marked("2"), int(42)]);
        let end = rig.body("change_matching", &[text("timeout"), marked("1"), int(0)]);
        rig.begin(recorder, &off);
        rig.begin(changer, &change);
        rig.begin(2, &end);
        for (slot, body) in [(recorder, &off), (changer, &change), (2, &end)] {
            rig.advance(slot, body, 4096);
        }
        assert!(rig.scan());
        for (slot, body) in [(recorder, &off), (changer, &change), (2, &end)] {
            rig.advance(slot, body, 4096);
        }
        assert_eq!(ids(&rig.call("view", &[marked("42")]).expect("whole")), [3, 7], "{recorder} {changer}");
        assert_eq!(ids(&rig.call("view", &[marked("2")]).expect("whole")), [0_u32; 0]);
    }
}

#[test]
fn what_the_kernel_refuses_is_told() {
    let mut rig = Rig::new(numbered(8));
    rig.kernel.refuses = Some(libc::EPERM);
    let (code, sentence) = fault(matching(&mut rig, "timeout", marked("1"), int(5)));
    assert_eq!(code, 5);
    assert!(
        sentence.contains("fixed already") && sentence.contains("2 connections were not changed, 0 were"),
        "{sentence}"
    );
    let mut rig = Rig::new(numbered(8));
    rig.kernel.ignores = true;
    let (code, sentence) = fault(matching(&mut rig, "mark", marked("1"), int(5)));
    assert_eq!((code, sentence.contains("not what was asked for")), (5, true), "{sentence}");
    let mut rig = Rig::new(numbered(8));
    rig.scan_errors = vec![libc::ENOBUFS];
    let (code, sentence) = fault(matching(&mut rig, "mark", marked("1"), int(5)));
    assert_eq!(code, 5);
    assert!(sentence.contains("ENOBUFS") && sentence.contains("2 connections were changed"), "{sentence}");
}

/// A packet that comes between the look at the status and the change costs each entry one more try.
#[test]
fn a_packet_that_comes_meanwhile() {
    let mut rig = Rig::new(numbered(8));
    rig.kernel.packets = 1;
    assert_eq!(changed(matching(&mut rig, "timeout", marked("2"), int(99))), 2);
    let status = |change: &Change| match change {
        Change::Timeout { status, .. } => *status,
        Change::Mark { .. } => 0,
    };
    assert_eq!(rig.kernel.updated.iter().map(|u| status(&u.1)).collect::<Vec<_>>(), [0x100e, 0xe]);
}

/// The table has moved on since the dump: one no longer matches, one has ended, and one has given its tuple to another.
#[test]
fn entries_are_looked_at_again_before_they_are_changed() {
    let mut rig = Rig::new(numbered(8));
    let body = rig.body("change_matching", &[text("mark"), marked("0-3"), int(9)]);
    rig.begin(0, &body);
    rig.advance(0, &body, 4096);
    let dump: Vec<Vec<u8>> = rig.kernel.table.iter().map(attributes).collect();
    rig.kernel.table[2].mark = Some(4);
    rig.kernel.table[3].id = Some(333);
    rig.kernel.table.remove(5);
    let before = rig.kernel.table.clone();
    rig.engine.begin_scan(rig.now_ms).expect("a scan is wanted");
    for attrs in &dump {
        let message = Message { kind: IPCTNL_MSG_CT_NEW, attrs };
        let part = PlanPart { number: 0, is_rest: false };
        let mut world = World { kernel: &mut rig.kernel, dump: None, is_unsent: true, now_ms: rig.now_ms };
        rig.engine.offer(&message, part, &mut world);
    }
    rig.engine.end_scan(Ok(()));
    assert_eq!(changed(rig.finish(0, &body)), 5);
    for (now, old) in rig.kernel.table.iter().zip(before) {
        let meant = ![Some(3), Some(333)].contains(&old.id);
        assert_eq!(now.mark, if meant { Some(9) } else { old.mark }, "{:?}", old.id);
    }
}

/// A change of timeouts spares the connection that the call came by, one of marks does not.
#[test]
fn the_connection_of_the_call() {
    let own = |rig: &mut Rig| {
        let repl = rig.kernel.table[2].repl.expect("a tuple");
        assert_eq!(repl.zone, None);
        let (server, client) = ends(&repl);
        rig.ends = Some((server, client));
    };
    let mut flows = numbered(4);
    let host = |text: &str| Net::parse(text).and_then(|net| net.single()).expect("an address");
    let (src, dst) = (host("192.0.2.1"), host("192.0.2.2"));
    let repl = Tuple {
        src,
        dst,
        ends: crate::conntrack::flow::Ends::Ports { src: 8000, dst: 4711 },
        l3proto: 2,
        l4proto: 6,
        zone: None,
    };
    flows[2].repl = Some(repl);
    let mut rig = Rig::new(flows);
    own(&mut rig);
    assert_eq!(changed(matching(&mut rig, "mark", text("id:1-"), int(9))), 4);
    assert_eq!(changed(matching(&mut rig, "timeout", text("id:1-"), int(9))), 3);
    assert_eq!(rig.kernel.table[2].timeout, Some(60));
    assert_eq!(rig.kernel.table[3].timeout, Some(9));
}

/// This machine's end and the client's, as the reply direction has them.
fn ends(repl: &Tuple) -> (std::net::SocketAddr, std::net::SocketAddr) {
    let crate::conntrack::flow::Ends::Ports { src, dst } = repl.ends else { panic!("ports") };
    let ip = |address: [u8; 16]| std::net::Ipv6Addr::from(address).to_canonical();
    ((ip(repl.src), src).into(), (ip(repl.dst), dst).into())
}
