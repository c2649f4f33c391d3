//! Views: pages, streams, shared scans, and what goes wrong in them.
use super::kernel::attributes;
use super::rig::{Broken, Rig, array, fault, ids, int, members, number, text};
use crate::auth::Peer;
use crate::conntrack::flow::{ALL, Flow};
use crate::conntrack::label::Labels;
use crate::conntrack::message::Message;
use crate::limits::{CLIENTS, LABELS, OUTPUT_BYTES, WAIT_MS};
use crate::query::tests::flows::{TEXTS, table};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::{Asker, Step, World};
use crate::syntax::Syntax;

/// Sizes of outputs, awkward ones too. What is below a row's size can't hold it.
pub const SIZES: [usize; 8] = [3072, 3073, 3999, 4096, 5000, OUTPUT_BYTES, 20_001, 65_536];

pub fn sorted(flows: &[Flow]) -> Vec<u32> {
    let mut ids: Vec<u32> = flows.iter().filter_map(|f| f.id).collect();
    ids.sort_unstable();
    ids
}

pub fn page(order: &str, direction: &str, start: i64, length: i64) -> Vec<String> {
    vec![members(&[]), text(order), text(direction), int(start), int(length)]
}

#[test]
fn what_the_rig_encodes_is_what_is_read() {
    let mut labels = Labels::new();
    for text in TEXTS {
        labels.intern(text.as_bytes()).expect("room");
    }
    for flow in table(60, 100) {
        let attrs = attributes(&flow);
        assert_eq!(Flow::read(&Message { kind: 0, attrs: &attrs }, ALL, &mut labels), Ok(flow));
    }
}

#[test]
fn pages_in_every_output_are_the_same() {
    let flows = table(61, 70);
    let mut rig = Rig::new(flows.clone());
    let ascending = sorted(&flows);
    for (start, length) in [(0, -1), (0, 0), (3, 10), (40, 20), (69, 5), (70, 1), (1 << 40, 9)] {
        let body = rig.body("view", &page("id", "ASC", start, length));
        let whole = rig.run(0, &body, 1 << 20).expect("whole");
        let most = if length < 0 { usize::MAX } else { length as usize };
        // 2^40 is more than a machine of 32 bits can count.
        let skip = usize::try_from(start).unwrap_or(usize::MAX);
        let expected: Vec<u32> = ascending.iter().skip(skip).take(most).copied().collect();
        assert_eq!(ids(&whole), expected, "from {start}, {length}");
        assert_eq!(
            (number(&whole, "total"), number(&whole, "count"), number(&whole, "autorefresh")),
            (70, 70, 1)
        );
        for size in SIZES {
            assert_eq!(rig.run(0, &body, size).expect("whole"), whole, "{size} bytes");
        }
        assert!(rig.engine.shared.pool.is_idle());
    }
}

/// The kernel's own order: short pages share a scan, long ones stream from a dump of their own.
#[test]
fn listings_in_the_kernels_order() {
    let flows = table(62, 60);
    let all: Vec<u32> = flows.iter().filter_map(|f| f.id).collect();
    let mut rig = Rig::new(flows);
    for (start, length) in [(0, -1), (0, 1), (2, 4), (0, 5), (10, 30), (59, 9), (60, -1), (70, -1), (5, 0)] {
        let body = rig.body("view", &page("", "", start, length));
        let whole = rig.run(0, &body, 1 << 20).expect("whole");
        let most = if length < 0 { usize::MAX } else { length as usize };
        let expected: Vec<u32> = all.iter().skip(start as usize).take(most).copied().collect();
        assert_eq!(ids(&whole), expected, "from {start}, {length}");
        assert_eq!(number(&whole, "total"), 60);
        for size in SIZES {
            assert_eq!(rig.run(0, &body, size).expect("whole"), whole, "{size} bytes");
        }
    }
}

/// A page whose rows are all held is measured before it is written; the rig compares that with what comes.
#[test]
fn the_length_of_a_page_is_known_before_its_first_byte() {
    for syntax in [Syntax::Xml, Syntax::Json] {
        let mut rig = Rig::new(table(61, 70));
        rig.syntax = syntax;
        for (length, is_known) in [(0, true), (3, true), (15, true), (-1, false)] {
            let body = rig.body("view", &page("id", "ASC", 0, length));
            rig.begin(0, &body);
            assert_eq!(rig.advance(0, &body, OUTPUT_BYTES), Step::Wait);
            assert!(rig.scan());
            assert_eq!(rig.engine.reply_length(0), None);
            rig.run_on(0, &body, OUTPUT_BYTES);
            assert_eq!(rig.engine.reply_length(0).is_some(), is_known, "{length} rows");
            rig.engine.forget(0);
            rig.run(0, &body, OUTPUT_BYTES).expect("whole");
        }
    }
}

#[test]
fn filters_count_and_hide_rows() {
    let mut flows = table(63, 60);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.mark, flow.tcp_state) = (Some(at as u32 % 3), Some(if at % 2 == 0 { 7 } else { 3 }));
    }
    let mut rig = Rig::new(flows);
    for order in ["", "id"] {
        let view = |rig: &mut Rig| {
            let reply = rig.call("view", &[members(&[("mark", int(1))]), text(order)]).expect("whole");
            (number(&reply, "total"), ids(&reply).len(), number(&reply, "count"))
        };
        rig.engine.shared.context.hide_time_wait = false;
        assert_eq!(view(&mut rig), (20, 20, 60));
        rig.engine.shared.context.hide_time_wait = true;
        assert_eq!(view(&mut rig), (10, 10, 60));
    }
}

#[test]
fn rows_have_the_members_asked_for_and_the_id() {
    let mut rig = Rig::new(table(64, 5));
    let options = members(&[("fields", array(&[text("orig_l4proto"), text("status")]))]);
    let mut params = page("id", "D", 0, -1);
    params.push(options);
    let reply = rig.call("view", &params).expect("whole");
    assert_eq!(ids(&reply).len(), 5);
    assert_eq!(reply.matches("<name>orig_l4proto</name>").count(), 5);
    assert!(!reply.contains("<name>mark</name>") && !reply.contains("<name>orig_l3proto</name>"));
}

/// Sixteen viewers cost one dump, not sixteen.
#[test]
fn calls_that_wait_share_one_scan() {
    let mut rig = Rig::new(table(65, 30));
    let bodies: Vec<String> =
        (0..CLIENTS).map(|slot| rig.body("view", &page("id", "ASC", slot as i64, 2))).collect();
    for (slot, body) in bodies.iter().enumerate() {
        rig.begin(slot, body);
        assert_eq!(rig.advance(slot, body, OUTPUT_BYTES), Step::Wait);
        assert!(!rig.engine.is_ready(slot, 0));
    }
    assert!(rig.scan(), "the one scan");
    assert!(!rig.scan(), "nobody waits any more");
    for (slot, body) in bodies.iter().enumerate() {
        assert!(rig.engine.is_ready(slot, 0));
        assert_eq!(rig.advance(slot, body, OUTPUT_BYTES), Step::Done);
    }
    assert!(rig.engine.shared.pool.is_idle());
    // Whoever comes while a scan runs waits for the next.
    rig.begin(0, &bodies[0]);
    assert_eq!(rig.advance(0, &bodies[0], OUTPUT_BYTES), Step::Wait);
    assert!(rig.engine.begin_scan(0).is_some());
    rig.begin(1, &bodies[1]);
    assert_eq!(rig.advance(1, &bodies[1], OUTPUT_BYTES), Step::Wait);
    assert!(rig.engine.begin_scan(0).is_none());
    rig.engine.end_scan(Ok(()));
    assert!(rig.engine.is_ready(0, 0) && !rig.engine.is_ready(1, 0));
    assert!(rig.scan());
}

#[test]
fn a_failed_scan_is_a_fault_for_all_that_took_part() {
    let mut rig = Rig::new(table(66, 10));
    rig.scan_errors = vec![libc::EINTR];
    let (code, sentence) = fault(rig.call("view", &page("id", "ASC", 0, 5)));
    assert_eq!(code, 5);
    assert!(sentence.contains("EINTR") && sentence.contains("try again"), "{sentence}");
    assert!(rig.engine.shared.pool.is_idle());
    assert_eq!(
        ids(&rig.call("view", &page("id", "ASC", 0, 5)).expect("whole")).len(),
        5,
        "and the next is fine"
    );
}

/// Rows are out and the next pass fails: the reply must not look whole.
#[test]
fn a_failure_after_the_first_rows_breaks_the_reply_off() {
    let mut rig = Rig::new(table(67, 40));
    let body = rig.body("view", &page("id", "ASC", 0, -1));
    rig.begin(0, &body);
    assert_eq!(rig.advance(0, &body, 1 << 20), Step::Wait);
    assert!(rig.scan());
    assert_eq!(rig.advance(0, &body, 1 << 20), Step::Wait, "rows are out, there are more");
    rig.scan_errors = vec![libc::ENOBUFS];
    assert!(rig.scan());
    assert_eq!(rig.advance(0, &body, 1 << 20), Step::Abort);
    rig.engine.forget(0);
    assert!(rig.engine.shared.pool.is_idle());
}

/// One text more than there is room for is a fault, not a row without its helper; and it does not stay so.
#[test]
fn more_labels_than_there_is_room_for() {
    use crate::conntrack::label::Label;
    let mut flows = table(68, LABELS + 1);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.helper, flow.secctx) = (Some(Label::from_number(100 + at as u8)), None);
    }
    let mut rig = Rig::new(flows.clone());
    let (code, sentence) = fault(rig.call("view", &page("id", "ASC", 0, -1)));
    assert_eq!(code, -32603);
    assert!(sentence.contains(&format!("more than {LABELS} different")), "{sentence}");
    assert!(rig.engine.shared.pool.is_idle());
    // Texts that no wanted row has are not looked at.
    let some = members(&[("id", text(&flows[0].id.expect("an id").to_string()))]);
    rig.kernel.table.dedup_by_key(|f| f.id);
    assert!(!ids(&rig.call("view", &[some, text("id")]).expect("whole")).is_empty());
    // A listing that streams is a fault as well, while nothing of it was sent; after that it is broken off.
    assert_eq!(fault(rig.call("view", &page("", "", 0, -1))).0, -32603);
    let body = rig.body("view", &page("", "", 0, -1));
    let Err(Broken(part)) = rig.run(0, &body, SIZES[0]) else { panic!("a listing without a helper") };
    assert!(!part.contains("</methodResponse>"));
    rig.engine.forget(0);
    assert_eq!(number(&rig.call("stats", &[]).expect("whole"), "scan_errors"), 2);
    // With one less all is well: the table of texts is emptied between scans.
    rig.kernel.table.truncate(LABELS);
    assert_eq!(
        ids(&rig.call("view", &page("id", "ASC", 0, -1)).expect("whole")).len(),
        rig.kernel.table.len()
    );
}

/// They fail those who filter by them or sort by them, and nobody who shares the scan.
#[test]
fn more_labels_than_there_is_room_for_are_nothing_to_a_kill() {
    use crate::conntrack::label::Label;
    let mut flows = table(68, LABELS + 3);
    for (at, flow) in flows.iter_mut().enumerate() {
        let label = Some(Label::from_number(100 + at as u8));
        (flow.id, flow.helper, flow.secctx) = (Some(at as u32 + 1), label, None);
    }
    let mut rig = Rig::new(flows);
    let by_helper = members(&[("helper", text("ftp"))]);
    let calls = [
        ("view", vec![by_helper.clone(), text("id")]),
        ("kill", vec![array(&[int(1), int(6)])]),
        ("kill_matching", vec![by_helper]),
    ];
    let bodies = calls.map(|(method, params)| rig.body(method, &params));
    for (slot, body) in bodies.iter().enumerate() {
        rig.begin(slot, body);
        assert_eq!(rig.advance(slot, body, OUTPUT_BYTES), Step::Wait);
    }
    assert!(rig.scan());
    assert_eq!(rig.kernel.deleted.iter().map(|t| t.id()).collect::<Vec<_>>(), [1, 6]);
    let faults = |rig: &mut Rig| number(&rig.call("stats", &[]).expect("whole"), "faults");
    for (slot, body) in bodies.iter().enumerate() {
        assert_eq!(rig.advance(slot, body, OUTPUT_BYTES), Step::Done);
    }
    assert_eq!(faults(&mut rig), 2, "the view and the kill by filter");
}

#[test]
fn patience_ends_for_a_call_without_a_dump_of_its_own() {
    let mut rig = Rig::new(table(69, 30));
    let body = rig.body("view", &page("", "", 0, -1));
    rig.now_ms = 1000;
    rig.begin(0, &body);
    assert_eq!(rig.advance(0, &body, OUTPUT_BYTES), Step::Wait);
    assert_eq!(rig.engine.wakes_at_ms(0, 1000), Some(1000 + WAIT_MS));
    assert!(!rig.engine.is_ready(0, 999 + WAIT_MS));
    assert!(rig.engine.is_ready(0, 1000 + WAIT_MS));
    rig.now_ms = 1000 + WAIT_MS;
    assert_eq!(rig.advance(0, &body, OUTPUT_BYTES), Step::Done);
    assert!(!rig.give_dump(0), "it does not wait any more");
    // The next call waits anew.
    rig.begin(0, &body);
    assert_eq!(rig.advance(0, &body, OUTPUT_BYTES), Step::Wait);
    assert!(!rig.engine.is_ready(0, 2000 + WAIT_MS), "the clock of the call before is not this one's");
}

#[test]
fn a_call_that_could_not_be_read_is_answered_with_the_fault() {
    let mut rig = Rig::new(vec![]);
    let fault = Fault::new(Code::NotWellFormed, format_args!("no"));
    let mut world = World { kernel: &mut rig.kernel, dump: None, is_unsent: true, now_ms: 0 };
    let asker = Asker { peer: Peer::Unix, ends: None, syntax: rig.syntax };
    rig.engine.begin(0, asker, Err(fault), &mut world);
    assert_eq!(rig.advance(0, "", OUTPUT_BYTES), Step::Done);
    assert_eq!(rig.advance(CLIENTS, "", OUTPUT_BYTES), Step::Abort, "a slot that there is not");
}

#[test]
fn without_a_session_nothing_is_done() {
    let mut rig = Rig::new(table(70, 5));
    rig.session = "0".repeat(32);
    for (method, params) in [
        ("view", vec![]),
        ("kill", vec![text("1")]),
        ("kill_matching", vec![members(&[("mark", int(1))])]),
        ("change", vec![text("mark"), text("1"), int(1)]),
        ("refresh", vec![]),
        ("set_autorefresh", vec![int(0)]),
        ("stats", vec![]),
        ("logout", vec![]),
    ] {
        assert_eq!(fault(rig.call(method, &params)).0, 2, "{method}");
    }
    assert_eq!(rig.kernel.table.len(), 5);
}

/// Pages that need more memory than there is for all at once wait for it, and come in turn.
#[test]
fn deep_pages_wait_for_memory() {
    let mut rig = Rig::new(table(71, 60));
    let body = rig.body("view", &page("id", "ASC", 20, 20));
    let short = rig.body("view", &page("id", "ASC", 0, 2));
    for slot in 0..CLIENTS {
        let body = if slot == 1 { &short } else { &body };
        rig.begin(slot, body);
        assert_eq!(rig.advance(slot, body, OUTPUT_BYTES), Step::Wait);
    }
    let (mut done, mut at_once) = (Vec::new(), 0);
    for _ in 0..30 {
        rig.scan();
        at_once = at_once.max((0..CLIENTS).filter(|&slot| rig.engine.is_ready(slot, 5_000)).count());
        for slot in 0..CLIENTS {
            let body = if slot == 1 { &short } else { &body };
            if rig.engine.is_ready(slot, 5_000) && rig.run_on(slot, body, 1 << 20) == Step::Done {
                done.push(slot);
            }
        }
    }
    done.sort_unstable();
    assert_eq!(done, (0..CLIENTS).collect::<Vec<_>>(), "all are served");
    assert!((2..CLIENTS).contains(&at_once), "{at_once} at once: the short one waits for nobody");
    assert!(rig.engine.shared.pool.is_idle());
}

/// What the kernel keeps of connections is told where it says so, and left out where it has no such switch.
#[test]
fn stats_tell_what_the_kernel_keeps() {
    let mut rig = Rig::new(vec![]);
    let reply = rig.call("stats", &[]).expect("whole");
    assert_eq!(number(&reply, "accounting"), 1);
    assert!(!reply.contains("timestamps"), "{reply}");
}
