//! What a call holds is free when it is over, wherever it was cut off.
use super::rig::{Rig, array, ids, int, members, text};
use crate::limits::{CLIENTS, OUTPUT_BYTES};
use crate::query::tests::flows::table;
use crate::rpc::Step;
use crate::rpc::task::Stage;
use crate::rpc::work::Source;

fn view(rig: &Rig, order: &str, start: i64) -> String {
    rig.body("view", &[members(&[]), text(order), text("A"), int(start), int(-1)])
}

/// Brings a call to some stage.
type Way = fn(&mut Rig) -> Stage;

const WAYS: &[Way] = &[
    |rig| {
        // Its answer is known, and not yet written.
        let body = rig.body("stats", &[]);
        rig.begin(0, &body);
        Stage::Over(None)
    },
    |rig| {
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        Stage::Waiting(Source::Kernel)
    },
    |rig| {
        let body = view(rig, "", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        Stage::WaitingForDump
    },
    |rig| {
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        rig.engine.begin_scan(0).expect("a scan");
        Stage::Riding(Source::Kernel)
    },
    |rig| {
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.scan());
        Stage::Over(None)
    },
    |rig| {
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.scan());
        assert_eq!(rig.advance(0, &body, 0), Step::Full);
        Stage::Writing
    },
    |rig| {
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.scan());
        assert_eq!(rig.advance(0, &body, 4096), Step::Full);
        Stage::Writing
    },
    |rig| {
        // Between two passes, rows already out.
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.scan());
        assert_eq!(rig.advance(0, &body, 1 << 20), Step::Wait);
        Stage::Waiting(Source::Kernel)
    },
    |rig| {
        // Between the passes that look for a deep page.
        let body = view(rig, "id", 35);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.scan());
        assert_eq!(rig.advance(0, &body, OUTPUT_BYTES), Step::Wait);
        assert!(rig.engine.begin_scan(0).is_some());
        Stage::Riding(Source::Kernel)
    },
    |rig| {
        let body = view(rig, "", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.give_dump(0), "a dump of its own");
        assert_eq!(rig.advance(0, &body, 1 << 20), Step::Dump);
        Stage::Writing
    },
    |rig| {
        let body = view(rig, "", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        assert!(rig.give_dump(0), "a dump of its own");
        // All of it fits but the very end.
        let whole = rig.run(0, &body, 1 << 20).expect("whole").len();
        rig.begin(0, &body);
        assert!(rig.give_dump(0), "a dump of its own");
        assert_eq!(rig.run_on(0, &body, whole - 1), Step::Full);
        Stage::Closing
    },
    |rig| {
        let body = rig.body("set_autorefresh", &[int(0)]);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        rig.engine.begin_scan(0).expect("a scan");
        Stage::Riding(Source::Kernel)
    },
    |rig| {
        rig.call("set_autorefresh", &[int(0)]).expect("whole");
        let body = view(rig, "id", 0);
        rig.begin(0, &body);
        rig.advance(0, &body, OUTPUT_BYTES);
        Stage::Waiting(Source::Snapshot)
    },
];

/// A client that goes away in the middle leaves nothing behind, and the next call in its slot is served as any.
#[test]
fn a_call_forgotten_at_any_stage_frees_its_rows() {
    for (nth, way) in WAYS.iter().enumerate() {
        let mut rig = Rig::new(table(99, 40));
        let stage = way(&mut rig);
        assert_eq!(rig.engine.tasks[0].stage, stage, "way {nth}");
        rig.engine.forget(0);
        assert!(rig.engine.shared.pool.is_idle(), "way {nth}");
        assert!(!rig.engine.scan_is_wanted(), "way {nth}");
        assert!(!rig.engine.is_ready(0, u64::MAX));
        // The scan that was under way ends in vain, or goes on without it.
        rig.engine.end_scan(Ok(()));
        rig.call("set_autorefresh", &[int(1)]).expect("whole");
        let reply = rig.call("view", &[members(&[]), text("id")]).expect("whole");
        assert_eq!(ids(&reply).len(), 40, "way {nth}");
        assert!(rig.engine.shared.pool.is_idle());
    }
}

/// The same when a new call begins in the slot before the old one was forgotten.
#[test]
fn a_call_that_begins_takes_the_old_ones_place() {
    for (nth, way) in WAYS.iter().enumerate() {
        let mut rig = Rig::new(table(99, 40));
        way(&mut rig);
        let body = rig.body("stats", &[]);
        rig.begin(0, &body);
        assert!(rig.engine.shared.pool.is_idle(), "way {nth}");
        assert_eq!(rig.engine.tasks[0].stage, Stage::Over(None));
    }
}

/// One that rides along goes; the others are served.
#[test]
fn forgetting_one_leaves_the_others_in_the_scan() {
    let mut rig = Rig::new(table(99, 40));
    // Short ones: there is memory for the rows of all at once.
    let body = rig.body("view", &[members(&[]), text("id"), text("A"), int(0), int(2)]);
    for slot in 0..CLIENTS {
        rig.begin(slot, &body);
        assert_eq!(rig.advance(slot, &body, OUTPUT_BYTES), Step::Wait);
    }
    rig.engine.begin_scan(0).expect("a scan");
    for slot in 0..CLIENTS {
        assert!(rig.engine.scan_is_wanted());
        rig.engine.forget(slot);
    }
    assert!(!rig.engine.scan_is_wanted());
    assert!(rig.engine.shared.pool.is_idle());
}

/// A kill whose client is gone kills no more.
#[test]
fn a_forgotten_kill_stops() {
    let mut rig = Rig::new(table(99, 40));
    let all: Vec<String> = rig.kernel.table.iter().map(|f| int(f.id.expect("an id").into())).collect();
    let body = rig.body("kill", &[array(&all)]);
    rig.begin(0, &body);
    assert_eq!(rig.advance(0, &body, OUTPUT_BYTES), Step::Wait);
    rig.engine.forget(0);
    assert!(!rig.scan(), "nobody waits");
    assert_eq!(rig.kernel.table.len(), 40);
}

/// What a call of one kind left in the task is not what the next one works with.
#[test]
fn calls_of_different_kinds_after_one_another() {
    let mut rig = Rig::new(table(99, 40));
    let id = rig.kernel.table[0].id.expect("an id");
    for _ in 0..3 {
        rig.call("view", &[members(&[("mark", int(77))]), text("id"), text("D"), int(30), int(3)])
            .expect("whole");
        rig.call("kill", &[text("4294967295")]).expect("whole");
        assert_eq!(ids(&rig.call("view", &[]).expect("whole")).len(), 40);
        rig.call("set_autorefresh", &[int(0)]).expect("whole");
        assert_eq!(ids(&rig.call("view", &[]).expect("whole")).len(), 40);
        rig.call("set_autorefresh", &[int(1)]).expect("whole");
        let reply = rig.call("change", &[text("mark"), text(&id.to_string()), int(5)]).expect("whole");
        assert!(reply.contains("<boolean>1") || reply.contains("share this id"), "{reply}");
        rig.call("kill_matching", &[members(&[("timeout", text("4000000000-4000000001"))])]).expect("whole");
    }
}
