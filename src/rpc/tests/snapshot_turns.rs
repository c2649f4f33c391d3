//! Who reads a snapshot, and who takes it anew, when several calls are under way.
use super::rig::{Broken, Rig, array, fault, ids, int, members, number, text};
use super::snapshots::{all, answer, numbered};
use crate::conntrack::flow::Flow;
use crate::limits::{OUTPUT_BYTES, SNAPSHOT_SLICE_FLOWS};
use crate::out::Out;
use crate::query::tests::flows::table;
use crate::rpc::Step;

fn wait(rig: &mut Rig, slot: usize, method: &str, params: &[String]) -> String {
    let body = rig.body(method, params);
    rig.begin(slot, &body);
    assert_eq!(rig.advance(slot, &body, OUTPUT_BYTES), Step::Wait, "{method}");
    body
}

/// Two clients ask for one at the same time: it is taken once, and has every entry once.
#[test]
fn two_who_take_it_at_once() {
    let mut rig = Rig::new(numbered(40));
    let bodies = [0, 1].map(|slot| wait(&mut rig, slot, "set_autorefresh", &[int(0)]));
    assert!(rig.scan());
    for slot in [0, 1] {
        assert_eq!(rig.advance(slot, &bodies[slot], OUTPUT_BYTES), Step::Done);
    }
    assert_eq!(ids(&rig.call("view", &all("")).expect("whole")), (1..=40).collect::<Vec<u32>>());
}

/// Another client switches autorefresh on before a refresh is through: it stays on.
#[test]
fn a_refresh_does_not_undo_what_came_after_it() {
    for riding in [false, true] {
        let mut rig = Rig::new(numbered(40));
        rig.call("set_autorefresh", &[int(0)]).expect("whole");
        let refresh = wait(&mut rig, 1, "refresh", &[]);
        if riding {
            rig.engine.begin_scan(0).expect("a scan");
        }
        rig.call("set_autorefresh", &[int(1)]).expect("whole");
        assert!(rig.engine.shared.autorefresh.has_no_snapshot(), "its memory is given back at once");
        assert!(!rig.engine.scan_is_wanted() && !rig.engine.wants_scan(), "nothing is left to do");
        rig.engine.end_scan(Ok(()));
        assert!(answer(&mut rig, 1, &refresh).contains("<boolean>1"));
        assert_eq!(number(&rig.call("view", &all("id")).expect("whole"), "autorefresh"), 1);
    }
}

/// As before, but who switches it off is not answered yet: that counts, whoever shares the scan.
#[test]
fn autorefresh_is_off_once_that_is_answered() {
    let mut rig = Rig::new(numbered(40));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let refresh = wait(&mut rig, 1, "refresh", &[]);
    let off = wait(&mut rig, 2, "set_autorefresh", &[int(0)]);
    let plan = rig.engine.begin_scan(0).expect("a scan");
    rig.call("set_autorefresh", &[int(1)]).expect("whole");
    rig.offer_all(&plan);
    rig.engine.end_scan(Ok(()));
    for (slot, body) in [(1, refresh), (2, off)] {
        assert!(answer(&mut rig, slot, &body).contains("<boolean>1"));
    }
    let reply = rig.call("view", &all("id")).expect("whole");
    assert_eq!((number(&reply, "autorefresh"), ids(&reply).len()), (0, 40));
}

/// The one who takes it anew goes away in the middle: half a table is not shown as a whole one.
#[test]
fn one_who_goes_while_it_is_taken() {
    let mut rig = Rig::new(numbered(40));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    wait(&mut rig, 1, "refresh", &[]);
    rig.engine.begin_scan(0).expect("a scan");
    rig.engine.forget(1);
    rig.engine.end_scan(Ok(()));
    assert_eq!(fault(rig.call("view", &all("id"))).0, 7);
    // Once the scan is over it is whole, whether the one who asked for it is told or not.
    wait(&mut rig, 1, "refresh", &[]);
    rig.kernel.table.truncate(30);
    assert!(rig.scan());
    rig.engine.forget(1);
    assert_eq!(ids(&rig.call("view", &all("id")).expect("whole")).len(), 30);
    // The first one that is taken: its memory is given back.
    let mut rig = Rig::new(numbered(40));
    wait(&mut rig, 1, "set_autorefresh", &[int(0)]);
    rig.engine.begin_scan(0).expect("a scan");
    assert!(!rig.engine.shared.autorefresh.has_no_snapshot());
    rig.engine.forget(1);
    assert!(rig.engine.shared.autorefresh.has_no_snapshot());
    // With another who takes it, too, it goes on.
    let mut rig = Rig::new(numbered(40));
    let body = wait(&mut rig, 1, "set_autorefresh", &[int(0)]);
    wait(&mut rig, 2, "set_autorefresh", &[int(0)]);
    let plan = rig.engine.begin_scan(0).expect("a scan");
    rig.engine.forget(2);
    rig.offer_all(&plan);
    rig.engine.end_scan(Ok(()));
    assert_eq!(rig.advance(1, &body, OUTPUT_BYTES), Step::Done);
    assert_eq!(ids(&rig.call("view", &all("id")).expect("whole")).len(), 40);
}

/// It could not be taken anew, and views go on before the one who asked was told: they must not see what there is of it.
#[test]
fn a_failure_shows_at_once() {
    let mut rig = Rig::new(numbered(40));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let body = wait(&mut rig, 1, "view", &all("id"));
    let refresh = wait(&mut rig, 2, "refresh", &[]);
    assert!(!rig.engine.replay(), "it is about to be taken anew");
    rig.scan_errors = vec![libc::ENOBUFS];
    assert!(rig.scan());
    assert!(rig.engine.replay());
    assert_eq!(fault(Ok(answer(&mut rig, 1, &body))).0, 7);
    assert_eq!(fault(Ok(answer(&mut rig, 2, &refresh))).0, 5);
}

/// A view is in the middle of it when it is to be taken anew: the view ends first, with the table as it was.
#[test]
fn a_view_that_reads_while_it_is_to_be_taken_anew() {
    let n = 2 * SNAPSHOT_SLICE_FLOWS + 100;
    let mut rig = Rig::new(vec![]);
    rig.engine.shared.settings.snapshot_flows = n;
    let some = table(96, 50);
    rig.kernel.table = (0..n).map(|at| Flow { id: Some(at as u32), ..some[at % 50] }).collect();
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let short = [members(&[]), text("id"), text("D"), int(0), int(3)];
    let body = wait(&mut rig, 1, "view", &short);
    assert!(rig.engine.replay(), "the first slice");
    rig.kernel.table.truncate(7);
    let refresh = wait(&mut rig, 2, "refresh", &[]);
    let late = wait(&mut rig, 3, "view", &short);
    let calls = [(1, body), (2, refresh), (3, late)];
    let replies = calls.map(|(slot, body)| {
        for _ in 0..20 {
            rig.scan();
            rig.engine.replay();
        }
        answer(&mut rig, slot, &body)
    });
    let last = n as u32 - 1;
    assert_eq!((number(&replies[0], "total"), ids(&replies[0])), (n as i64, vec![last, last - 1, last - 2]));
    assert_eq!(
        (number(&replies[2], "total"), ids(&replies[2])),
        (7, vec![6, 5, 4]),
        "it came after the refresh"
    );
}

/// Runs a view of the snapshot in slot 1, and `between` before each of its passes, which is told how many there were.
fn view_in_parts(
    rig: &mut Rig,
    params: &[String],
    mut between: impl FnMut(&mut Rig, usize),
) -> Result<Vec<u32>, Broken> {
    let body = rig.body("view", params);
    rig.begin(1, &body);
    let mut reply = String::new();
    for pass in 0..100 {
        let mut buf = vec![0; 1 << 20];
        let mut out = Out::new(&mut buf);
        let step = rig.go_on(1, &body, &mut out, false);
        reply.push_str(core::str::from_utf8(out.as_bytes()).expect("UTF-8"));
        match step {
            Step::Done => return Ok(ids(&reply)),
            Step::Abort => return Err(Broken(reply)),
            Step::Wait => between(rig, pass),
            other => panic!("{other:?}"),
        }
        while !rig.engine.is_ready(1, 0) {
            assert!(rig.engine.replay(), "nothing to do");
        }
    }
    panic!("no end");
}

/// Rows go out between two passes, and meanwhile flows in front of the next part are killed, or do not match any more: of
/// what stays none is lost, and none comes twice.
#[test]
fn a_listing_loses_no_row_when_others_go() {
    let kill = |rig: &mut Rig, id: u32| drop(rig.call("kill", &[int(id.into())]).expect("whole"));
    let mark = |rig: &mut Rig, id: u32| {
        drop(rig.call("change", &[text("mark"), text(&id.to_string()), int(9)]).expect("whole"));
    };
    for start in [0, 3] {
        // The lease holds 16 rows: this is the first that does not fit.
        let cut = start as u32 + 17;
        for (seen, gone) in
            [(vec![1, 2, 9, 16], vec![]), (vec![16], vec![cut, cut + 1, 40]), (vec![], vec![20, 36, 52])]
        {
            for go in [kill as fn(&mut Rig, u32), mark] {
                let mut rig = Rig::new(numbered(60));
                rig.call("set_autorefresh", &[int(0)]).expect("whole");
                let params = [members(&[("mark", int(7))]), text(""), text(""), int(start), int(-1)];
                let found = view_in_parts(&mut rig, &params, |rig, pass| {
                    if pass == 1 {
                        seen.iter().chain(&gone).for_each(|&id| go(rig, id));
                    }
                });
                let first = start as u32 + 1;
                let found = found.expect("whole");
                assert_eq!(found, (first..=60).filter(|id| !gone.contains(id)).collect::<Vec<u32>>());
            }
        }
    }
}

/// It is taken anew between two parts of a listing: those do not fit together, and the reply is broken off.
#[test]
fn a_reply_has_rows_of_one_snapshot() {
    for order in ["", "id"] {
        for anew in ["refresh", "set_autorefresh"] {
            let mut rig = Rig::new(numbered(60));
            rig.call("set_autorefresh", &[int(0)]).expect("whole");
            let found = view_in_parts(&mut rig, &all(order), |rig, pass| match (pass, anew) {
                (2, "refresh") => drop(rig.call("refresh", &[]).expect("whole")),
                (2, _) => {
                    rig.call("set_autorefresh", &[int(1)]).expect("whole");
                    rig.call("set_autorefresh", &[int(0)]).expect("whole");
                }
                _ => {}
            });
            let Err(Broken(part)) = found else { panic!("rows of two snapshots in one reply") };
            assert_eq!(ids(&part), (1..=32).collect::<Vec<u32>>(), "two parts of it");
            rig.engine.forget(1);
            assert!(rig.engine.shared.pool.is_idle());
            assert_eq!(ids(&rig.call("view", &all(order)).expect("whole")).len(), 60);
        }
    }
}

/// While a view looks for the place where its page begins nothing of it was sent: it is waited for.
#[test]
fn a_refresh_waits_for_a_page_that_lies_deep() {
    let mut rig = Rig::new(numbered(60));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let params = [members(&[]), text("id"), text("A"), int(50), int(3)];
    let (mut refresh, mut passes) = (None, 0);
    let found = view_in_parts(&mut rig, &params, |rig, pass| {
        if pass == 1 {
            rig.kernel.table.clear();
            refresh = Some(wait(rig, 2, "refresh", &[]));
        }
        assert!(!rig.scan(), "not yet");
        passes = pass;
    });
    assert_eq!((found, passes > 1), (Ok(vec![51, 52, 53]), true));
    assert!(rig.scan());
    assert!(answer(&mut rig, 2, &refresh.expect("a second pass")).contains("<boolean>1"));
    assert_eq!(ids(&rig.call("view", &all("id")).expect("whole")).len(), 0);
}

/// So it is between the end of a pass and the next one, before the view has said that there is one.
#[test]
fn a_refresh_waits_for_a_page_whose_pass_has_just_ended() {
    let mut rig = Rig::new(numbered(60));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let page = wait(&mut rig, 1, "view", &[members(&[]), text("id"), text("ASC"), int(50), int(3)]);
    while rig.engine.replay() {}
    let refresh = wait(&mut rig, 2, "refresh", &[]);
    assert!(!rig.scan(), "the view is yet to go on");
    while rig.advance(1, &page, OUTPUT_BYTES) == Step::Wait {
        assert!(!rig.scan(), "not yet");
        while rig.engine.replay() {}
    }
    assert!(rig.scan());
    answer(&mut rig, 2, &refresh);
}

/// A client does not read what its view came to: nobody waits for that.
#[test]
fn a_refresh_does_not_wait_for_a_client_that_does_not_read() {
    let mut rig = Rig::new(numbered(60));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let body = wait(&mut rig, 1, "view", &all("id"));
    while rig.engine.replay() {}
    assert_eq!(rig.advance(1, &body, 4096), Step::Full);
    rig.call("refresh", &[]).expect("whole");
}

/// Of two entries that share an id the kernel deletes one; the snapshot loses that one, too, and not the other.
#[test]
fn a_kill_takes_the_row_of_the_one_that_was_killed() {
    let mut flows = numbered(6);
    (flows[1].id, flows[1].mark) = (Some(5), Some(1));
    (flows[4].id, flows[4].mark) = (Some(5), Some(2));
    let mut rig = Rig::new(flows);
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    rig.call("kill_matching", &[members(&[("mark", int(2))])]).expect("whole");
    let left = |mark: i64| members(&[("mark", int(mark)), ("id", int(5))]);
    assert_eq!(ids(&rig.call("view", &[left(1)]).expect("whole")), [5]);
    assert_eq!(ids(&rig.call("view", &[left(2)]).expect("whole")), [0; 0]);
}

/// A deep page is to be read first, and has no memory for rows before two listings give theirs back; these go on only once the
/// snapshot is taken anew. So it is, and nobody waits for another in a circle.
#[test]
fn a_page_without_memory_for_rows_keeps_no_refresh_waiting() {
    let mut rig = Rig::new(numbered(60));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let refresh = wait(&mut rig, 0, "refresh", &[]);
    let listings = [1, 2].map(|slot| wait(&mut rig, slot, "view", &all("id")));
    let page = wait(&mut rig, 3, "view", &[members(&[]), text("id"), text("ASC"), int(30), int(10)]);
    assert!(rig.scan());
    answer(&mut rig, 0, &refresh);
    while rig.engine.replay() {}
    for slot in [1, 2] {
        assert_eq!(rig.advance(slot, &listings[slot - 1], 1 << 20), Step::Wait, "the first part is out");
    }
    let refresh = wait(&mut rig, 0, "refresh", &[]);
    assert!(rig.scan(), "somebody could read the snapshot, or it could be taken anew");
    answer(&mut rig, 0, &refresh);
    while rig.engine.replay() {}
    for slot in [1, 2] {
        assert_eq!(rig.advance(slot, &listings[slot - 1], OUTPUT_BYTES), Step::Abort, "it is told");
        rig.engine.forget(slot);
    }
    while rig.advance(3, &page, OUTPUT_BYTES) == Step::Wait {
        assert!(rig.engine.replay(), "the page has its turn");
    }
}

/// Two clients that take it anew in turn, so that one of them always waits: views have their turn, too.
#[test]
fn clients_that_refresh_in_turn_starve_no_view() {
    let mut rig = Rig::new(numbered(40));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let mut refresh = wait(&mut rig, 1, "refresh", &[]);
    rig.engine.begin_scan(0).expect("a scan");
    let view = wait(&mut rig, 3, "view", &[members(&[]), text("id"), text("A"), int(0), int(3)]);
    let mut answered = false;
    for turn in 0..6 {
        let (here, other) = if turn % 2 == 0 { (1, 2) } else { (2, 1) };
        let next = wait(&mut rig, other, "refresh", &[]);
        rig.engine.end_scan(Ok(()));
        answer(&mut rig, here, &refresh);
        refresh = next;
        while rig.engine.replay() {}
        while rig.engine.is_ready(3, 0) {
            answered |= rig.advance(3, &view, 1 << 20) == Step::Done;
        }
        rig.engine.begin_scan(0).expect("the other's turn comes");
    }
    assert!(answered);
}

/// The same while parts of a listing are out: it can't go on, and the client need not wait to learn it.
#[test]
fn clients_that_refresh_in_turn_keep_no_broken_listing() {
    let mut rig = Rig::new(numbered(40));
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    let view = wait(&mut rig, 3, "view", &all("id"));
    while rig.engine.replay() {}
    assert_eq!(rig.advance(3, &view, 1 << 20), Step::Wait, "the first part is out");
    wait(&mut rig, 1, "refresh", &[]);
    rig.engine.begin_scan(0).expect("a scan");
    wait(&mut rig, 2, "refresh", &[]);
    rig.engine.end_scan(Ok(()));
    assert!(rig.engine.replay());
    assert_eq!(rig.advance(3, &view, 1 << 20), Step::Abort);
}

/// What is killed in the very scan that records the table is not in it, whoever comes first.
#[test]
fn a_kill_that_shares_its_scan() {
    for (killer, taker) in [(0, 1), (1, 0)] {
        let mut rig = Rig::new(numbered(20));
        wait(&mut rig, killer, "kill", &[array(&[int(3), int(4)])]);
        let body = wait(&mut rig, taker, "set_autorefresh", &[int(0)]);
        assert!(rig.scan());
        assert_eq!(rig.advance(taker, &body, OUTPUT_BYTES), Step::Done);
        let reply = rig.call("view", &all("id")).expect("whole");
        assert_eq!(ids(&reply), (1..=20).filter(|id| ![3, 4].contains(id)).collect::<Vec<u32>>());
    }
}
