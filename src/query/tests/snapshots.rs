//! A recorded table gives the same pages as the one it was made of.
use super::flows::{name, table};
use super::model::order;
use super::pages::{by, drive};
use super::random::Random;
use crate::conntrack::flow::Flow;
use crate::conntrack::target::Target;
use crate::query::page::Page;
use crate::query::snapshot::{NoRoom, Snapshot};

fn recorded(flows: &[Flow]) -> Snapshot {
    let mut snapshot = Snapshot::reserve(flows.len()).expect("memory");
    flows.iter().for_each(|f| snapshot.push(f).expect("room"));
    snapshot
}

fn target(flow: &Flow) -> Target {
    Target::of(flow).expect("tuple and id")
}

fn replay(snapshot: &Snapshot) -> Vec<Flow> {
    let (mut at, mut flows) = (0, vec![]);
    while let Some((flow, next)) = snapshot.read(at) {
        flows.push(flow);
        at = next;
    }
    flows
}

#[test]
fn pages_of_a_snapshot_are_those_of_the_table() {
    let flows = table(51, 80);
    let snapshot = recorded(&flows);
    assert_eq!(replay(&snapshot), flows);
    for field in ["id", "bytes", "helper", "orig_src", "timeout"] {
        let mut sorted = flows.clone();
        sorted.sort_by(order(field, true));
        for (start, length) in [(0, Some(7)), (30, Some(7)), (0, None), (75, None)] {
            let page = Page::new(Some(by(field, true)), start, length);
            let found = drive(page, 2, |_| (replay(&snapshot), 0));
            let length = length.map_or(usize::MAX, |l| l as usize);
            let expected: Vec<Flow> = sorted.iter().skip(start as usize).take(length).copied().collect();
            assert_eq!(found.rows, expected, "{field} from {start}");
        }
    }
    // Longer than the lease, in the kernel's order: the only place where that takes more than one pass.
    let found = drive(Page::new(None, 5, None), 1, |_| (replay(&snapshot), 0));
    assert_eq!(found.rows, flows[5..]);
}

#[test]
fn a_full_snapshot_is_as_it_was() {
    let flows = table(52, 30);
    let mut snapshot = Snapshot::reserve(29).expect("memory");
    let room = flows.iter().take_while(|f| snapshot.push(f).is_ok()).count();
    assert_eq!((room, snapshot.flows()), (29, 29));
    assert_eq!(snapshot.push(&flows[29]), Err(NoRoom));
    assert_eq!(replay(&snapshot), flows[..29]);
    // What is killed makes no room: the next snapshot does.
    snapshot.kill(&target(&flows[0]));
    assert_eq!(snapshot.flows(), 28);
    snapshot.clear();
    assert_eq!((snapshot.flows(), replay(&snapshot)), (0, vec![]));
    assert_eq!(snapshot.push(&flows[29]), Ok(()));
}

#[test]
fn kills_take_one_entry_each_and_updates_change_it() {
    let mut random = Random::new(53);
    let mut flows = table(53, 60);
    for (at, flow) in flows.iter_mut().enumerate() {
        // Two entries of each id; all with what can be changed.
        (flow.id, flow.mark, flow.status, flow.timeout) = (Some(at as u32 / 2), Some(1), Some(8), Some(60));
    }
    let mut snapshot = recorded(&flows);
    let all = flows.clone();
    for _ in 0..200 {
        let named = all[random.below(60)];
        let at = flows.iter().position(|f| target(f) == target(&named));
        if random.one_in(2) {
            snapshot.kill(&target(&named));
            at.map(|at| flows.remove(at));
        } else {
            let new = random.next() as u32;
            let changed =
                Flow { mark: Some(new), timeout: Some(new / 2), status: Some(14), ..Flow::default() };
            snapshot.update(&target(&named), &changed);
            if let Some(flow) = at.map(|at| &mut flows[at]) {
                (flow.mark, flow.timeout, flow.status) = (changed.mark, changed.timeout, Some(14));
            }
        }
        assert_eq!(replay(&snapshot), flows);
        assert_eq!(snapshot.flows(), flows.len());
    }
    let strange = Flow { id: Some(77), ..all[0] };
    snapshot.update(&target(&strange), &all[1]);
    assert_eq!(
        replay(&snapshot).iter().map(name).collect::<Vec<_>>(),
        flows.iter().map(name).collect::<Vec<_>>()
    );
}
