//! Views that show rates, or are filtered by them, beside listings.
use super::rig::{Rig, array, ids, members, number, text};
use super::views::{page, sorted};
use crate::conntrack::flow::{Counters, Flow};
use crate::limits::OUTPUT_BYTES;
use crate::query::rates::Meter;
use crate::query::tests::flows::table;
use crate::rpc::Step;

/// Each flow has carried so many bytes in each direction.
fn counted(flows: &mut [Flow], bytes: u64) {
    let counters = Some(Counters { packets: 1, bytes });
    flows.iter_mut().for_each(|flow| (flow.orig_counters, flow.repl_counters) = (counters, counters));
}

/// A kernel with so many flows, and room for the rates of `room`.
fn rig(count: usize, room: usize) -> Rig {
    let mut flows = table(63, count);
    counted(&mut flows, 1_000_000);
    let mut rig = Rig::new(flows);
    rig.engine.shared.context.rates = Meter::new(room);
    rig
}

/// The option that rows have this field.
fn only(field: &str) -> String {
    members(&[("fields", array(&[text(field)]))])
}

/// A listing whose client is slow gets counters that the kernel had ready long ago: they must not pass for those of now.
#[test]
fn a_slow_listing_spoils_no_rates() {
    let mut rig = rig(10, 1000);
    let listing = rig.body("view", &[page("", "", 0, -1), vec![only("orig_rate")]].concat());
    rig.begin(0, &listing);
    assert!(rig.give_dump(0));
    let mut buf = vec![0; 1 << 16];
    let mut out = crate::out::Out::new(&mut buf);
    assert_eq!(
        rig.go_on(0, &listing, &mut out, true),
        Step::Dump,
        "some rows, and its client takes its time"
    );
    // Eight seconds later others read the table twice, and the listing goes on in between.
    rig.now_ms += 8_000;
    counted(&mut rig.kernel.table, 1_008_000);
    let view = rig.body("view", &[page("rate", "DESC", 0, 10), vec![only("orig_rate")]].concat());
    rig.begin(1, &view);
    assert!(rig.scan());
    while rig.go_on(0, &listing, &mut out, true) != Step::Done {}
    assert_eq!(rig.run_on(1, &view, OUTPUT_BYTES), Step::Wait);
    rig.now_ms = rig.engine.wakes_at_ms(1, rig.now_ms).expect("a second reading");
    counted(&mut rig.kernel.table, 1_009_000);
    assert_eq!(rig.run_on(1, &view, OUTPUT_BYTES), Step::Wait);
    assert!(rig.scan());
    let reply = rig.finish(1, &view).expect("whole");
    assert_eq!(reply.matches("<int>1000</int>").count(), 10, "{reply}");
}

/// The readings before were young enough when the call was made, and are too old when its scan begins.
#[test]
fn readings_that_become_too_old_are_taken_anew() {
    let mut rig = rig(10, 1000);
    let view = rig.body("view", &[page("rate", "DESC", 0, 10), vec![only("orig_rate")]].concat());
    rig.begin(0, &view);
    assert!(rig.scan());
    assert_eq!(rig.run_on(0, &view, OUTPUT_BYTES), Step::Wait);
    rig.now_ms += 9_500;
    rig.begin(0, &view);
    rig.now_ms += 4_000;
    assert!(rig.scan());
    assert_eq!(rig.run_on(0, &view, OUTPUT_BYTES), Step::Wait);
    rig.now_ms = rig.engine.wakes_at_ms(0, rig.now_ms).expect("a second reading");
    counted(&mut rig.kernel.table, 1_005_000);
    assert_eq!(rig.run_on(0, &view, OUTPUT_BYTES), Step::Wait);
    assert!(rig.scan());
    let reply = rig.finish(0, &view).expect("whole");
    assert_eq!(reply.matches("<int>5000</int>").count(), 10, "{reply}");
}

/// One reading tells no rates, so a long view that is filtered by them is no listing from one dump.
#[test]
fn a_long_view_by_rates_has_all_rows() {
    let mut rig = rig(11, 1000);
    let body = rig.body("view", &[members(&[("rate", text("0-"))])]);
    rig.begin(0, &body);
    assert!(rig.scan());
    assert_eq!(rig.run_on(0, &body, OUTPUT_BYTES), Step::Wait);
    rig.now_ms = rig.engine.wakes_at_ms(0, rig.now_ms).expect("a second reading");
    let reply = rig.finish(0, &body).expect("whole");
    assert_eq!((ids(&reply), number(&reply, "total")), (sorted(&rig.kernel.table), 11));
}

/// A listing that shows rates says so where not all are known.
#[test]
fn a_listing_of_more_flows_than_rates_says_so() {
    for (flows, field, is_partial) in
        [(100, "orig_rate", true), (100, "orig_l4proto", false), (20, "orig_rate", false)]
    {
        let mut rig = rig(flows, 32);
        let reply = rig.call("view", &[page("", "", 0, -1), vec![only(field)]].concat()).expect("whole");
        assert_eq!(reply.contains("<string>partial</string>"), is_partial, "{field} of {flows}");
    }
}
