//! Kills delete exactly what was meant.
use super::rig::{Rig, array, between, fault, int, members, number, text};
use crate::conntrack::flow::{Counters, Flow, Tuple};
use crate::limits::{KILL_IDS, OUTPUT_BYTES};
use crate::query::net::Net;
use crate::query::rates::Meter;
use crate::query::tests::flows::table;
use crate::rpc::Step;

fn numbered(n: usize) -> Vec<Flow> {
    let mut flows = table(80, n);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.id, flow.mark) = (Some(at as u32 + 1), Some(at as u32 % 4));
    }
    flows
}

fn killed(reply: super::rig::Reply) -> i64 {
    between(&reply.expect("whole"), "<int>", "</int>").parse().expect("digits")
}

fn left(rig: &Rig) -> Vec<u32> {
    rig.kernel.table.iter().filter_map(|f| f.id).collect()
}

#[test]
fn exactly_the_ids_that_were_named() {
    let mut rig = Rig::new(numbered(20));
    let ids = [text("3"), int(5), text("0x7"), text("3"), text("999")];
    assert_eq!(
        killed(rig.call("kill", &[array(&ids)])),
        3,
        "an id that is gone, or named twice, is no error"
    );
    assert_eq!(left(&rig), (1..=20).filter(|id| ![3, 5, 7].contains(id)).collect::<Vec<_>>());
    assert_eq!(rig.kernel.deleted.iter().map(|t| t.id()).collect::<Vec<_>>(), [3, 5, 7]);
    assert_eq!(killed(rig.call("kill", &[text("1")])), 1, "a single id");
    assert_eq!(killed(rig.call("kill", &[int(2)])), 1);
    assert_eq!(killed(rig.call("kill", &[array(&[])])), 0);
    assert_eq!(left(&rig).len(), 15);
}

#[test]
fn two_entries_with_one_id_are_both_deleted() {
    let mut flows = numbered(20);
    (flows[4].id, flows[15].id) = (Some(4_000_000_000), Some(4_000_000_000));
    let mut rig = Rig::new(flows);
    assert_eq!(killed(rig.call("kill", &[int(-294_967_296)])), 2, "as PHP sends it");
    assert_eq!(left(&rig).len(), 18);
}

#[test]
fn as_many_ids_as_there_is_room_for_and_one_more() {
    let mut rig = Rig::new(numbered(5));
    let ids = |n: usize| array(&(0..n).map(|i| int(i as i64 + 3)).collect::<Vec<_>>());
    let (code, sentence) = fault(rig.call("kill", &[ids(KILL_IDS + 1)]));
    assert_eq!(code, -32602);
    assert!(sentence.contains(&KILL_IDS.to_string()), "{sentence}");
    assert_eq!(left(&rig).len(), 5, "nothing was killed");
    assert_eq!(killed(rig.call("kill", &[ids(KILL_IDS)])), 3);
}

#[test]
fn what_the_kernel_refuses_is_told() {
    let mut rig = Rig::new(numbered(6));
    rig.kernel.refuses = Some(libc::EPERM);
    let (code, sentence) = fault(rig.call("kill", &[array(&[int(1), int(2)])]));
    assert_eq!(code, 5);
    assert!(
        sentence.contains("EPERM") && sentence.contains("2 connections were not killed, 0 were"),
        "{sentence}"
    );
    rig.kernel.refuses = None;
    assert_eq!(killed(rig.call("kill", &[array(&[int(1), int(2)])])), 2, "the refusal is forgotten");
}

#[test]
fn kill_matching_takes_what_matches_and_is_not_hidden() {
    let mut rig = Rig::new(numbered(40));
    let marked = members(&[("mark", int(1))]);
    let hidden = rig.kernel.table[1].orig.expect("a tuple");
    let v4 = hidden.l3proto == 2;
    let address = std::net::Ipv6Addr::from(hidden.src).to_canonical();
    assert_eq!(v4, address.is_ipv4());
    rig.engine.shared.context.ignored.push(Net::host(address)).expect("room");
    let expected: Vec<u32> = rig
        .kernel
        .table
        .iter()
        .filter(|f| f.mark == Some(1) && !rig.engine.shared.context.hides(f))
        .filter_map(|f| f.id)
        .collect();
    assert_eq!(killed(rig.call("kill_matching", core::slice::from_ref(&marked))), expected.len() as i64);
    assert_eq!(rig.kernel.deleted.iter().map(|t| t.id()).collect::<Vec<_>>(), expected);
    assert!(left(&rig).contains(&2), "what nobody sees nobody kills");
    assert_eq!(killed(rig.call("kill_matching", &[marked])), 0);
}

#[test]
fn nobody_kills_all_by_accident() {
    let mut rig = Rig::new(numbered(10));
    for params in [vec![members(&[])], vec![array(&[])], vec![], vec![text("")]] {
        assert_eq!(fault(rig.call("kill_matching", &params)).0, -32602, "{params:?}");
    }
    assert_eq!(fault(rig.call("kill_matching", &[members(&[("nonsense", int(1))])])).0, 3);
    assert_eq!(left(&rig).len(), 10);
}

/// The client hangs up in the middle: what was deleted for it until then counts.
#[test]
fn kills_count_when_they_are_made() {
    let mut rig = Rig::new(numbered(20));
    let body = rig.body("kill", &[array(&[int(3), int(5)])]);
    rig.begin(1, &body);
    assert_eq!(rig.advance(1, &body, OUTPUT_BYTES), Step::Wait);
    let plan = rig.engine.begin_scan(0).expect("a scan");
    rig.offer_all(&plan);
    rig.engine.forget(1);
    assert_eq!(number(&rig.call("stats", &[]).expect("whole"), "killed"), 2);
    assert_eq!(killed(rig.call("kill", &[int(7)])), 1);
    assert_eq!(number(&rig.call("stats", &[]).expect("whole"), "killed"), 3);
}

/// A filter of one family and one of none: each entry is offered once, whatever the kernel is asked.
#[test]
fn every_entry_is_counted_once() {
    let mut rig = Rig::new(numbered(40));
    let tcp = rig.kernel.table.iter().filter(|f| f.orig.is_some_and(|t| t.l4proto == 6)).count();
    assert_eq!(killed(rig.call("kill_matching", &[members(&[("orig_l4proto", int(6))])])), tcp as i64);
    let v6 = rig.kernel.table.iter().filter(|f| f.orig.is_some_and(|t| t.l3proto == 10)).count();
    assert_eq!(killed(rig.call("kill_matching", &[members(&[("orig_l3proto", int(10))])])), v6 as i64);
}

/// Who kills by filter keeps the connection that the call came by, seen from this machine's side, whatever NAT made of the
/// other; named by id it goes as any.
#[test]
fn a_kill_by_filter_spares_its_own_connection() {
    let mut flows = numbered(8);
    let end = |text: &str| text.parse().expect("an address with a port");
    let (local, remote) = (end("192.0.2.1:8000"), end("198.51.100.7:40000"));
    flows[2].repl = Some(Tuple::tcp(local, remote));
    flows[2].mark = Some(1);
    flows[5].repl = Some(Tuple::tcp(local, end("198.51.100.7:40001")));
    let mut rig = Rig::new(flows);
    rig.ends = Some((local, remote));
    let mine = members(&[("id", array(&[int(3), int(6)]))]);
    assert_eq!(killed(rig.call("kill_matching", &[mine])), 1);
    assert!(left(&rig).contains(&3) && !left(&rig).contains(&6));
    assert_eq!(killed(rig.call("kill", &[int(3)])), 1);
}

/// The negation of a rate matches flows of unknown rate in a view. Whoever kills slow flows must not kill fast ones by that.
#[test]
fn a_flow_of_unknown_rate_is_not_killed_for_its_rate() {
    let counters = |bytes| Some(Counters { packets: 1, bytes });
    let mut flows = numbered(9);
    for (at, flow) in flows.iter_mut().enumerate() {
        // Of a third the bytes are not counted.
        (flow.orig_counters, flow.repl_counters) =
            if at % 3 == 2 { (None, None) } else { (counters(9), counters(0)) };
    }
    let mut rig = Rig::new(flows);
    rig.engine.shared.context.rates = Meter::new(1000);
    let body = rig.body("kill_matching", &[members(&[("rate", text("!1000-"))])]);
    rig.begin(0, &body);
    assert!(rig.scan());
    assert_eq!(rig.run_on(0, &body, OUTPUT_BYTES), Step::Wait);
    rig.now_ms = rig.engine.wakes_at_ms(0, rig.now_ms).expect("a second reading");
    for flow in rig.kernel.table.iter_mut().step_by(3) {
        flow.orig_counters = counters(5_009);
    }
    assert_eq!(rig.run_on(0, &body, OUTPUT_BYTES), Step::Wait);
    assert!(rig.scan());
    assert_eq!(killed(rig.finish(0, &body)), 3, "the slow ones");
    assert_eq!(left(&rig), [1, 3, 4, 6, 7, 9]);
}
