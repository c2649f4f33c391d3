//! The metrics among calls: who shares a scan, who needs none, and what comes of a kernel that fails.
use super::rig::Rig;
use crate::auth::Peer;
use crate::limits::METRICS_OLD_MS;
use crate::metrics::flows::TableCounts;
use crate::out::Out;
use crate::query::tests::flows::table;
use crate::rpc::{Asker, Clients, Step, World};
use crate::stats::Counter;
use crate::syntax::Syntax;

/// A rig whose metrics count flows, of which there are so many.
fn rig(flows: usize) -> Rig {
    let mut rig = Rig::new(table(3, flows));
    rig.engine.shared.table_counts = Some(Box::new(TableCounts::new(None)));
    rig
}

fn begin(rig: &mut Rig, slot: usize) {
    let asker = Asker { peer: Peer::Unix, ends: None, syntax: Syntax::Xml };
    let world = World { kernel: &mut rig.kernel, dump: None, is_unsent: true, now_ms: rig.now_ms };
    rig.engine.begin_metrics(slot, asker, Clients { now: 1, most: 4 }, &world);
}

/// Writes the text of the request in `slot` as far as it goes.
fn go_on(rig: &mut Rig, slot: usize) -> (Step, String) {
    let (mut buf, mut text) = (vec![0; 700], String::new());
    loop {
        let mut out = Out::new(&mut buf);
        let step = rig.go_on(slot, "", &mut out, text.is_empty());
        text.push_str(core::str::from_utf8(out.as_bytes()).unwrap());
        if step != Step::Full {
            return (step, text);
        }
    }
}

fn scans(rig: &Rig) -> u64 {
    rig.engine.shared.stats.get(Counter::Scans)
}

/// All flows of a protocol that a text tells of.
fn flows(text: &str) -> u64 {
    let lines = text.lines().filter(|line| line.starts_with("nf_conntrack_flows{"));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

#[test]
fn without_a_table_there_is_no_scan() {
    let mut rig = Rig::new(table(3, 3));
    begin(&mut rig, 0);
    let (step, text) = go_on(&mut rig, 0);
    assert_eq!((step, scans(&rig)), (Step::Done, 0));
    assert!(
        text.ends_with('\n') && text.contains("\nnf_conntrack_entries 3\n") && !text.contains("<"),
        "{text}"
    );
    assert!(text.contains("\nrctd_sessions 1\n") && text.contains("\nrctd_clients_limit 4\n"), "{text}");
    assert!(text.contains("\nprocess_start_time_seconds 999999995\n"), "{text}");
    assert!(text.contains("\nprocess_cpu_seconds_total 1.500000\n"), "{text}");
    // The kernel of the tests tells of one switch alone.
    assert!(text.contains("\nnf_conntrack_accounting_enabled 1\n"), "{text}");
    assert!(!text.contains("nf_conntrack_timestamps_enabled"), "{text}");
    assert_eq!(flows(&text), 0);
}

/// All who scrape at a time share one scan, also who comes while it is under way, and those who come soon after it.
#[test]
fn scrapes_share_one_scan() {
    let mut rig = rig(3);
    begin(&mut rig, 0);
    begin(&mut rig, 1);
    assert_eq!(go_on(&mut rig, 0).0, Step::Wait);
    let plan = rig.engine.begin_scan(rig.now_ms).expect("they wait for it");
    begin(&mut rig, 2);
    assert_eq!(go_on(&mut rig, 2).0, Step::Wait);
    rig.offer_all(&plan);
    rig.engine.end_scan(Ok(()));
    for slot in 0..3 {
        let (step, text) = go_on(&mut rig, slot);
        assert_eq!((step, flows(&text)), (Step::Done, 3), "{slot}");
    }
    rig.now_ms += METRICS_OLD_MS - 1;
    rig.kernel.table = table(3, 5);
    begin(&mut rig, 0);
    assert_eq!(flows(&go_on(&mut rig, 0).1), 3);
    assert_eq!(scans(&rig), 1);
    rig.now_ms += 1;
    begin(&mut rig, 0);
    assert_eq!(go_on(&mut rig, 0).0, Step::Wait);
    assert!(rig.scan());
    assert_eq!((flows(&go_on(&mut rig, 0).1), scans(&rig)), (5, 2));
}

/// A scan that nobody counts to its end counts for nothing.
#[test]
fn who_leaves_takes_nothing_along() {
    let mut rig = rig(3);
    let body = rig.body("view", &[]);
    rig.begin(1, &body);
    begin(&mut rig, 0);
    let plan = rig.engine.begin_scan(rig.now_ms).expect("both wait for it");
    rig.offer_all(&plan);
    rig.engine.forget(0);
    rig.engine.end_scan(Ok(()));
    begin(&mut rig, 0);
    assert_eq!(go_on(&mut rig, 0).0, Step::Wait, "nothing was counted");
    assert!(rig.scan());
    assert_eq!(flows(&go_on(&mut rig, 0).1), 3);
}

/// What the kernel refuses is no text, not even a part of one; the next request is answered.
#[test]
fn a_kernel_that_fails_is_told_by_http() {
    let mut rig = rig(3);
    rig.scan_errors = vec![libc::ENOBUFS];
    begin(&mut rig, 0);
    assert!(rig.scan());
    assert_eq!(go_on(&mut rig, 0), (Step::Refuse, String::new()));
    assert_eq!(rig.engine.shared.stats.get(Counter::NetlinkOverruns), 1);
    begin(&mut rig, 0);
    assert!(rig.scan());
    let (step, text) = go_on(&mut rig, 0);
    assert_eq!((step, flows(&text)), (Step::Done, 3));
    assert!(text.contains("\nrctd_netlink_overruns_total 1\n"), "{text}");
}

/// A call in the slot after the metrics is answered as ever.
#[test]
fn a_call_follows_the_metrics() {
    let mut rig = rig(1);
    begin(&mut rig, 0);
    assert!(rig.scan());
    assert_eq!(go_on(&mut rig, 0).0, Step::Done);
    let reply = rig.call("stats", &[]).expect("whole");
    assert!(reply.starts_with("<?xml") && reply.contains("netlink_overruns"), "{reply}");
}
