//! Changes change one entry, the one that was meant, or say why not.
use super::rig::{Rig, fault, ids, int, members, text};
use crate::conntrack::flow::Flow;
use crate::conntrack::request::Change;
use crate::conntrack::uapi::IPS_FIXED_TIMEOUT;
use crate::query::tests::flows::table;

fn numbered(n: usize) -> Vec<Flow> {
    let mut flows = table(90, n);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.id, flow.mark) = (Some(at as u32 + 1), Some(0x1234));
        (flow.status, flow.timeout) = (Some(0xe), Some(60));
    }
    flows
}

fn change(rig: &mut Rig, field: &str, id: i64, value: String) -> super::rig::Reply {
    rig.call("change", &[text(field), text(&id.to_string()), value])
}

#[track_caller]
fn works(reply: super::rig::Reply) {
    assert!(reply.expect("whole").contains("<boolean>1</boolean>"));
}

#[test]
fn marks_and_timeouts() {
    let mut rig = Rig::new(numbered(10));
    works(change(&mut rig, "mark", 3, int(3_000_000_000)));
    works(change(&mut rig, "mark", 4, text("0x0100/0x0f00")));
    works(change(&mut rig, "timeout", 5, int(-1)));
    let table = &rig.kernel.table;
    assert_eq!((table[2].mark, table[3].mark), (Some(3_000_000_000), Some(0x1134)));
    assert_eq!((table[4].timeout, table[4].status), (Some(u32::MAX), Some(0xe | IPS_FIXED_TIMEOUT)));
    let others = [0, 1, 5, 6, 7, 8, 9].map(|at: usize| table[at]);
    assert!(
        others.iter().all(|f| f.mark == Some(0x1234) && f.timeout == Some(60)),
        "nothing else was changed"
    );
    let masks: Vec<Change> = rig.kernel.updated.iter().map(|u| u.1).collect();
    assert_eq!(masks[1], Change::Mark { value: 0x100, mask: 0xf00 });
    assert_eq!(masks[2], Change::Timeout { seconds: u32::MAX, status: 0xe });
}

#[test]
fn two_entries_with_one_id_are_left_alone() {
    let mut flows = numbered(10);
    flows[7].id = Some(3);
    let mut rig = Rig::new(flows.clone());
    let (code, sentence) = fault(change(&mut rig, "mark", 3, int(1)));
    assert_eq!(code, 4);
    assert!(
        sentence.contains("2 connections share this id") && sentence.contains("nothing was changed"),
        "{sentence}"
    );
    assert_eq!(rig.kernel.table, flows);
    assert_eq!(rig.kernel.updated, []);
}

/// A dump that goes on where an entry has gone meanwhile begins with its bucket anew.
#[test]
fn an_entry_that_comes_twice_is_one() {
    let mut rig = Rig::new(numbered(10));
    rig.kernel.repeats = true;
    works(change(&mut rig, "mark", 3, int(1)));
    assert_eq!(rig.kernel.table[2].mark, Some(1));
    rig.kernel.table[7].id = Some(3);
    assert_eq!(fault(change(&mut rig, "mark", 3, int(2))).0, 4);
}

#[test]
fn refusals() {
    let mut rig = Rig::new(numbered(10));
    assert_eq!(fault(change(&mut rig, "mark", 99, int(1))).0, 4, "no such connection");
    assert_eq!(fault(change(&mut rig, "status", 1, int(1))).0, 3, "no such field");
    assert_eq!(fault(change(&mut rig, "mark", 1, text("1/"))).0, -32602);
    assert_eq!(fault(change(&mut rig, "mark", 1, text("0x101/0xff"))).0, -32602, "a bit outside the mask");
    assert_eq!(fault(change(&mut rig, "timeout", 1, text("5/7"))).0, -32602);
    assert_eq!(fault(change(&mut rig, "mark", 1, int(1 << 32))).0, -32602);
    assert_eq!(rig.kernel.updated, []);
    rig.kernel.refuses = Some(libc::EPERM);
    let (code, sentence) = fault(change(&mut rig, "timeout", 1, int(5)));
    assert_eq!(code, 5);
    assert!(sentence.contains("EPERM") && sentence.contains("fixed already"), "{sentence}");
    let (code, sentence) = fault(change(&mut rig, "mark", 1, int(5)));
    assert_eq!(code, 5);
    assert!(sentence.contains("EPERM") && !sentence.contains("fixed already"), "{sentence}");
}

/// Acknowledged but not done, as some kernels do: the entry is looked at afterwards.
#[test]
fn a_change_that_did_not_happen_is_a_fault() {
    let mut rig = Rig::new(numbered(3));
    rig.kernel.ignores = true;
    let (code, sentence) = fault(change(&mut rig, "mark", 2, int(5)));
    assert_eq!(code, 5);
    assert!(sentence.contains("0x1234"), "{sentence}");
}

/// Kernels around 6.1 leave a mark of 0 out of what they send.
#[test]
fn a_mark_that_is_not_sent_is_0() {
    let mut rig = Rig::new(numbered(3));
    rig.kernel.omits = true;
    rig.call("set_autorefresh", &[int(0)]).expect("whole");
    works(change(&mut rig, "mark", 2, int(0)));
    let unmarked = members(&[("mark", int(0))]);
    assert_eq!(ids(&rig.call("view", &[unmarked]).expect("whole")), [2], "in the snapshot, too");
    works(change(&mut rig, "mark", 3, text("0/0xffff")));
    rig.kernel.ignores = true;
    assert_eq!(fault(change(&mut rig, "mark", 2, int(7))).0, 5);
}

/// The answer comes between the look at the status and the change, which takes the status whole: it is tried once more.
#[test]
fn a_packet_that_comes_meanwhile() {
    let mut rig = Rig::new(numbered(3));
    rig.kernel.packets = 1;
    works(change(&mut rig, "timeout", 2, int(99)));
    let last = Change::Timeout { seconds: 99, status: 0x100e };
    assert_eq!(rig.kernel.updated.iter().map(|u| u.1).collect::<Vec<_>>(), [last]);
    rig.kernel.packets = 2;
    let (code, sentence) = fault(change(&mut rig, "timeout", 3, int(99)));
    assert_eq!((code, sentence.contains("EBUSY")), (5, true), "{sentence}");
}

#[test]
fn a_connection_that_ends_meanwhile() {
    let mut rig = Rig::new(numbered(3));
    rig.kernel.ends = true;
    assert_eq!(fault(change(&mut rig, "mark", 2, int(5))).0, 4);
    assert_eq!(fault(change(&mut rig, "timeout", 1, int(9))).0, 4);
    works(change(&mut rig, "timeout", 3, int(0)));
    assert_eq!(rig.kernel.table, []);
}
