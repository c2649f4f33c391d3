//! Autorefresh off: a table kept as it was.
use super::rig::{Rig, array, between, fault, ids, int, members, number, text};
use super::views::SIZES;
use crate::conntrack::flow::{Counters, Ends, Flow, Tuple};
use crate::conntrack::uapi::{AF_INET6, IPS_FIXED_TIMEOUT};
use crate::limits::OUTPUT_BYTES;
use crate::out::Out;
use crate::query::tests::flows::table;
use crate::rpc::Step;
use core::str::FromStr;

pub fn numbered(n: usize) -> Vec<Flow> {
    let mut flows = table(95, n);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.id, flow.mark, flow.status, flow.timeout) = (Some(at as u32 + 1), Some(7), Some(8), Some(60));
    }
    flows
}

pub fn all(order: &str) -> Vec<String> {
    vec![members(&[]), text(order), text("ASC"), int(0), int(-1)]
}

/// What the call of `slot`, which waits for nothing any more, is answered.
pub fn answer(rig: &mut Rig, slot: usize, body: &str) -> String {
    let mut buf = vec![0; OUTPUT_BYTES];
    let mut out = Out::new(&mut buf);
    assert_eq!(rig.go_on(slot, body, &mut out, true), Step::Done, "slot {slot}");
    String::from_utf8_lossy(out.as_bytes()).into_owned()
}

#[test]
fn views_answer_from_the_snapshot_until_it_is_taken_anew() {
    let mut rig = Rig::new(numbered(60));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    rig.kernel.table.truncate(10);
    rig.now_ms += 3_500;
    for order in ["", "id"] {
        let body = rig.body("view", &all(order));
        let whole = rig.run(0, &body, 1 << 20).expect("whole");
        assert_eq!(ids(&whole), (1..=60).collect::<Vec<u32>>());
        assert_eq!((number(&whole, "total"), number(&whole, "count")), (60, 10));
        assert_eq!((number(&whole, "autorefresh"), number(&whole, "snapshot_age")), (0, 3));
        for size in SIZES {
            assert_eq!(rig.run(0, &body, size).expect("whole"), whole, "{size} bytes");
        }
    }
    rig.call("refresh", &[]).expect("whole");
    let reply = rig.call("view", &all("id")).expect("whole");
    assert_eq!((ids(&reply).len(), number(&reply, "snapshot_age")), (10, 0));
    rig.call("set_autorefresh", &[int(1)]).expect("whole");
    let reply = rig.call("view", &all("id")).expect("whole");
    assert_eq!(number(&reply, "autorefresh"), 1);
    assert!(!reply.contains("snapshot_age"));
    assert!(rig.engine.shared.autorefresh.has_no_snapshot(), "its memory is given back");
}

#[test]
fn kills_and_changes_reach_it() {
    let mut rig = Rig::new(numbered(20));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    rig.call("kill", &[array(&[int(3), int(4)])]).expect("whole");
    rig.call("change", &[text("mark"), text("5"), int(99)]).expect("whole");
    rig.call("change", &[text("timeout"), text("6"), int(5000)]).expect("whole");
    let reply = rig.call("view", &all("id")).expect("whole");
    assert_eq!(ids(&reply), (1..=20).filter(|id| ![3, 4].contains(id)).collect::<Vec<u32>>());
    let viewed = |rig: &mut Rig, name: &str, value: i64| {
        ids(&rig.call("view", &[members(&[(name, int(value))])]).expect("whole"))
    };
    assert_eq!(viewed(&mut rig, "mark", 99), [5]);
    assert_eq!(viewed(&mut rig, "timeout", 5000), [6]);
    assert_eq!(viewed(&mut rig, "status", 8 | i64::from(IPS_FIXED_TIMEOUT)), [6]);
    // One that ends so is gone, and what was not asked for stays as it was.
    rig.kernel.table.iter_mut().for_each(|f| (f.status, f.timeout) = (Some(12), Some(50)));
    rig.call("change", &[text("mark"), text("7"), int(98)]).expect("whole");
    let mark_alone = members(&[("mark", int(98)), ("status", int(8)), ("timeout", int(60))]);
    assert_eq!(ids(&rig.call("view", &[mark_alone]).expect("whole")), [7]);
    rig.kernel.ends = true;
    rig.call("change", &[text("timeout"), text("8"), int(0)]).expect("whole");
    assert_eq!(viewed(&mut rig, "id", 8), [0; 0]);
}

#[test]
fn a_table_that_does_not_fit_is_a_fault_with_both_numbers() {
    let mut rig = Rig::new(numbered(101));
    let (code, sentence) = fault(rig.call("set_autorefresh", &[int(0)]));
    assert_eq!(code, 7);
    assert!(sentence.contains("101") && sentence.contains("100"), "{sentence}");
    let reply = rig.call("view", &all("id")).expect("whole");
    assert_eq!((number(&reply, "autorefresh"), ids(&reply).len()), (1, 101), "the setting is as it was");
    rig.kernel.table.truncate(100);
    assert!(rig.call("set_autorefresh", &[int(0)]).expect("whole").contains("<boolean>1"));
}

/// The snapshot that views answer from is lost: they are told, until one is taken or autorefresh is on.
#[test]
fn a_refresh_that_fails() {
    let mut rig = Rig::new(numbered(20));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    rig.scan_errors = vec![libc::ENOBUFS];
    assert_eq!(fault(rig.call("refresh", &[])).0, 5);
    let (code, sentence) = fault(rig.call("view", &all("id")));
    assert_eq!(code, 7);
    assert!(sentence.contains("refresh"), "{sentence}");
    rig.call("refresh", &[]).expect("whole");
    assert_eq!(ids(&rig.call("view", &all("id")).expect("whole")).len(), 20);
    // One that never was: nothing is lost, and autorefresh stays on.
    rig.call("set_autorefresh", &[int(1)]).expect("whole");
    rig.scan_errors = vec![libc::ENOBUFS];
    assert_eq!(fault(rig.call("set_autorefresh", &[int(0)])).0, 5);
    assert_eq!(number(&rig.call("view", &all("id")).expect("whole"), "autorefresh"), 1);
    assert!(rig.engine.shared.autorefresh.has_no_snapshot());
}

/// More came between the count and the dump than there is room for.
#[test]
fn a_table_that_grew_while_it_was_recorded() {
    let mut rig = Rig::new(numbered(100));
    let body = rig.body("set_autorefresh", &[int(0)]);
    rig.begin(0, &body);
    assert_eq!(rig.advance(0, &body, 8192), Step::Wait);
    rig.kernel.table = numbered(130);
    assert!(rig.scan());
    // Another client that goes now does not take along what the answer is about.
    rig.engine.forget(1);
    let (code, sentence) = fault(Ok(answer(&mut rig, 0, &body)));
    assert_eq!(code, 7);
    let fitted = usize::from_str(between(&sentence, "has room for ", " of them")).expect("digits");
    assert!(fitted >= 100 && sentence.contains("the table has 130 connections"), "{sentence}");
    assert!(rig.engine.shared.autorefresh.has_no_snapshot() && !rig.engine.shared.autorefresh.is_off());
}

/// As many as are asked for, but with long records: the fault tells how many fitted.
#[test]
fn a_table_whose_records_do_not_fit_is_a_fault_with_both_numbers() {
    let ports = Ends::Ports { src: 40_000, dst: 443 };
    let orig = Tuple { src: [0x20; 16], dst: [0x21; 16], ends: ports, l3proto: AF_INET6, ..Tuple::default() };
    let counters = Some(Counters { packets: 1 << 30, bytes: 1 << 40 });
    let long = Flow {
        orig: Some(orig),
        repl: Some(Tuple { dst: [0x22; 16], ..orig }),
        orig_counters: counters,
        repl_counters: counters,
        ..Flow::default()
    };
    let mut rig = Rig::new((1..=100).map(|id| Flow { id: Some(id), ..long }).collect());
    let (code, sentence) = fault(rig.call("set_autorefresh", &[int(0)]));
    assert_eq!(code, 7);
    assert!(sentence.contains("the table has 100 connections"), "{sentence}");
    let fitted = usize::from_str(between(&sentence, "has room for ", " of them")).expect("digits");
    assert!((60..95).contains(&fitted), "{sentence}");
}
