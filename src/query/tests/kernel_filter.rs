//! What the kernel is asked to leave out is never wanted.
use super::flows::{context, table, with};
use super::random::Random;
use super::wishes::{Want, Wish, all_fields, filter, own};
use crate::conntrack::flow::{Ends, Flow, Tuple};
use crate::conntrack::plan::{KernelPlan, PlanPart};
use crate::conntrack::request::{KernelFilter, TupleFilter};
use crate::query::field::FieldId;
use crate::query::filter::{Filter, Input};

/// What the kernel does with all parts of a filter, by the words of their documentation: every part must be met.
fn lets_through(filter: &KernelFilter, flow: &Flow) -> bool {
    let (Some(orig), Some(repl)) = (flow.orig, flow.repl) else {
        panic!("every entry of the kernel's has both tuples");
    };
    let masked = |part: Option<(u32, u32)>, value: Option<u32>| {
        part.is_none_or(|(bits, mask)| value.unwrap_or(0) & mask == bits)
    };
    filter.l3proto.is_none_or(|p| p == orig.l3proto)
        && tuple(&filter.orig, &orig)
        && tuple(&filter.repl, &repl)
        && masked(filter.mark, flow.mark)
        && masked(filter.status, flow.status)
        // For zone 0 it is not asked.
        && filter.zone.is_none_or(|z| z == 0 || flow.zone.or(orig.zone).or(repl.zone) == Some(z))
}

fn tuple(filter: &TupleFilter, tuple: &Tuple) -> bool {
    fn is<T: PartialEq>(wanted: Option<T>, there: Option<T>) -> bool {
        wanted.is_none() || wanted == there
    }
    let (ports, icmp) = match tuple.ends {
        Ends::None => (None, None),
        Ends::Ports { src, dst } => (Some((src, dst)), None),
        Ends::Icmp { kind, code, id } => (None, Some((kind, code, id))),
    };
    is(filter.src, Some(tuple.src))
        && is(filter.dst, Some(tuple.dst))
        && is(filter.l4proto, Some(tuple.l4proto))
        && is(filter.src_port, ports.map(|p| p.0))
        && is(filter.dst_port, ports.map(|p| p.1))
        && is(filter.icmp_type, icmp.map(|i| i.0))
        && is(filter.icmp_code, icmp.map(|i| i.1))
        && is(filter.icmp_id, icmp.map(|i| i.2))
}

/// Conditions that some flow is likely to meet: its own values, or something near.
fn wishes(random: &mut Random, flows: &[Flow]) -> Vec<Wish> {
    let some = random.pick(flows);
    (0..1 + random.below(5))
        .map(|_| {
            let name = random.pick(&all_fields());
            match own(name, &some, random).filter(|_| !random.one_in(4)) {
                Some(own) => Wish::one(name, own),
                None => Wish::random(name, &some, random),
            }
        })
        .collect()
}

#[test]
fn no_flow_that_matches_is_left_out() {
    let (flows, mut random, context) = (table(31, 150), Random::new(31), context());
    let (mut wanted, mut saved) = (0, 0);
    for _ in 0..3000 {
        let wishes = wishes(&mut random, &flows);
        let filter = filter(&wishes, &mut random);
        let kernel = filter.kernel();
        let (first, second) = kernel.by_family();
        for flow in &flows {
            let matches = filter.matches(flow, &context);
            let through = lets_through(&kernel, flow);
            assert!(!matches || through, "{wishes:?} asks for {kernel:?}, which leaves out {flow:?}");
            // An old kernel is asked for less, so it gives more.
            assert!(!through || lets_through(&kernel.for_kernel((5, 15)), flow));
            // One family at a time gives the same flows, each once.
            let times = [Some(first), second].into_iter().flatten().filter(|f| lets_through(f, flow)).count();
            assert_eq!(times, usize::from(through), "{kernel:?} by family: {flow:?}");
            wanted += u32::from(matches);
            saved += u32::from(!through);
        }
    }
    assert!(wanted > 2500 && saved > 100_000, "{wanted} wanted, {saved} saved: a test of nothing");
}

#[test]
fn a_shared_dump_has_what_each_filter_wants() {
    let (flows, mut random) = (table(32, 100), Random::new(32));
    for _ in 0..1500 {
        let mut some = || filter(&wishes(&mut random, &flows), &mut random).kernel();
        let (a, b) = (some(), some());
        let b = if random.one_in(3) { a } else { b };
        let common = a.common(&b);
        assert_eq!(common, b.common(&a));
        assert_eq!(a.common(&a), a);
        for flow in &flows {
            let either = lets_through(&a, flow) || lets_through(&b, flow);
            assert!(!either || lets_through(&common, flow), "{a:?} and {b:?} in common: {common:?}");
        }
    }
}

/// The dumps of a plan in which the flow comes, and of these those in which it counts.
fn comes(plan: &KernelPlan, flow: &Flow) -> (usize, usize) {
    let (mut number, mut come, mut counted) = (0, 0, 0);
    while let Some((at, filter)) = plan.dump(number) {
        let through = lets_through(&filter, flow);
        come += usize::from(through);
        let part = PlanPart { number: at, is_rest: false };
        counted += usize::from(through && plan.counts(part, &with(flow, plan.needs())));
        number = at + 1;
    }
    (come, counted)
}

/// Wishes for an IPv4 host, among others.
fn host_wishes(random: &mut Random, flows: &[Flow]) -> Vec<Wish> {
    let host = ["10.0.0.0", "10.0.0.1", "10.0.1.4"][random.below(3)].parse().expect("an address");
    let mut wishes = wishes(random, flows);
    wishes.truncate(random.below(3));
    wishes.insert(random.below(wishes.len() + 1), Wish::one("host", Want::Addresses(host, host)));
    wishes
}

#[test]
fn a_plan_gives_what_matches_once() {
    let (flows, mut random, context) = (table(33, 200), Random::new(33), context());
    let (mut wanted, mut several, mut dumps) = (0, 0, [0; 5]);
    for _ in 0..2000 {
        let wishes =
            if random.one_in(4) { wishes(&mut random, &flows) } else { host_wishes(&mut random, &flows) };
        let filter = filter(&wishes, &mut random);
        let plan = filter.kernel_plan();
        let numbers = (0..5).filter(|&n| plan.dump(n).is_some_and(|(at, _)| at == n)).count();
        dumps[numbers] += 1;
        for flow in &flows {
            let (come, counted) = comes(&plan, flow);
            if filter.matches(flow, &context) {
                assert_eq!(counted, 1, "{wishes:?} {plan:?} {flow:?}");
                (wanted, several) = (wanted + 1, several + usize::from(come > 1));
            }
            assert!(counted <= 1, "{wishes:?} {plan:?} {flow:?}");
            assert_eq!(comes(&plan.in_one(), flow).1, usize::from(lets_through(&filter.kernel(), flow)));
            // Each kernel is asked for what it can do: the reply's sides from 5.16 on.
            assert_eq!(plan.for_kernel((5, 16)), plan);
            let old = plan.for_kernel((5, 15)).in_one();
            assert_eq!(old.dump(0), Some((0, filter.kernel().for_kernel((5, 15)))));
            let old = comes(&plan.for_kernel((5, 15)), flow);
            assert!(old.1 >= counted && old.0 == old.1, "an old kernel gives more, each once: {plan:?}");
        }
    }
    assert!(
        wanted > 5000 && several > 1000,
        "{wanted} wanted, {several} in several dumps: a test of nothing"
    );
    assert!(dumps[1] > 100 && dumps[3] > 10 && dumps[4] > 500, "{dumps:?}");
}

#[test]
fn a_shared_plan_has_what_each_filter_wants() {
    let (flows, mut random, context) = (table(34, 100), Random::new(34), context());
    let mut by_side = 0;
    for _ in 0..1500 {
        let mut some = || {
            let wishes = host_wishes(&mut random, &flows);
            filter(&wishes, &mut random)
        };
        let (a, b) = (some(), some());
        let common = a.kernel_plan().common(&b.kernel_plan());
        assert_eq!(common, b.kernel_plan().common(&a.kernel_plan()));
        by_side += usize::from(common.dump(2).is_some());
        for flow in flows.iter().filter(|f| a.matches(f, &context) || b.matches(f, &context)) {
            assert_eq!(comes(&common, flow).1, 1, "{a:?} {b:?} {common:?} {flow:?}");
        }
        let ordered = common.in_one().common(&a.kernel_plan());
        assert_eq!((ordered.dump(1), ordered.needs()), (None, 0), "in the kernel's order for both");
    }
    assert!(by_side > 100, "{by_side}: a test of nothing");
}

/// What is asked for one side at a time.
#[test]
fn plans_by_side() {
    for (text, numbers) in [
        ("10.0.0.1", vec![0, 1, 2, 3]),
        ("tcp 10.0.0.1 mark:5", vec![0, 1, 2, 3]),
        ("10.0.0.1/32 src:10.0.0.2", vec![1, 2, 3]),
        ("10.0.0.1 src:10.0.0.2 rsrc:10.0.0.3", vec![1, 3]),
        ("10.0.0.1 dst:10.0.0.1", vec![0]),
        ("10.0.0.1 ::1", vec![0]),
        ("::1", vec![0]),
        ("10.0.0.0/24", vec![0]),
        ("host:10.0.0.1,10.0.0.2", vec![0]),
        ("!10.0.0.1", vec![0]),
        ("!10.0.0.1:80", vec![0]),
        ("10.0.0.1:80", vec![0, 1, 2, 3]),
        ("10.0.0.1 10.0.0.2", vec![0, 1, 2, 3]),
        ("tcp", vec![0, 1]),
        ("", vec![0]),
    ] {
        let mut filter = Filter::new();
        filter.add_text(text).expect("a filter");
        let plan = filter.kernel_plan();
        let found: Vec<usize> = (0..5).filter(|&n| plan.dump(n).is_some_and(|(at, _)| at == n)).collect();
        assert_eq!(found, numbers, "{text}");
    }
}

fn kernel(wishes: &[(&'static str, &str)]) -> KernelFilter {
    let mut filter = Filter::new();
    for (name, text) in wishes {
        filter.condition(FieldId::named(name).expect("a field")).expect("room");
        filter.or(Input::Text(text)).expect("a value");
    }
    filter.kernel()
}

/// What saves work is asked for; the table names each part.
#[test]
fn what_the_kernel_can_judge_it_is_asked() {
    let none = KernelFilter::default();
    let tuple = TupleFilter::default();
    let orig = |orig| KernelFilter { orig, ..none };
    let repl = |repl| KernelFilter { repl, ..none };
    let v4 = |filter| KernelFilter { l3proto: Some(2), ..filter };
    let a = crate::conntrack::flow::mapped([10, 0, 0, 1]);
    for (wishes, expected) in [
        (vec![("mark", "7")], KernelFilter { mark: Some((7, u32::MAX)), ..none }),
        (vec![("mark", "0x100/0xff00")], KernelFilter { mark: Some((0x100, 0xff00)), ..none }),
        (vec![("status", "6/14")], KernelFilter { status: Some((6, 14)), ..none }),
        (vec![("zone", "9")], KernelFilter { zone: Some(9), ..none }),
        (vec![("orig_l3proto", "10")], KernelFilter { l3proto: Some(10), ..none }),
        (vec![("orig_l4proto", "6")], orig(TupleFilter { l4proto: Some(6), ..tuple })),
        (vec![("orig_port_src", "5")], orig(TupleFilter { src_port: Some(5), ..tuple })),
        (vec![("orig_port_dst", "0x16")], orig(TupleFilter { dst_port: Some(22), ..tuple })),
        (vec![("icmp_type", "8")], orig(TupleFilter { icmp_type: Some(8), ..tuple })),
        (vec![("icmp_code", "1")], orig(TupleFilter { icmp_code: Some(1), ..tuple })),
        (vec![("icmp_id", "77")], orig(TupleFilter { icmp_id: Some(77), ..tuple })),
        (vec![("orig_src", "10.0.0.1")], v4(orig(TupleFilter { src: Some(a), ..tuple }))),
        (vec![("orig_ipv4_src", "10.0.0.1")], v4(orig(TupleFilter { src: Some(a), ..tuple }))),
        (vec![("orig_dst", "10.0.0.1")], v4(orig(TupleFilter { dst: Some(a), ..tuple }))),
        (vec![("orig_ipv4_dst", "10.0.0.1")], v4(orig(TupleFilter { dst: Some(a), ..tuple }))),
        (vec![("repl_src", "10.0.0.1")], v4(repl(TupleFilter { src: Some(a), ..tuple }))),
        (vec![("repl_ipv4_src", "10.0.0.1")], v4(repl(TupleFilter { src: Some(a), ..tuple }))),
        (vec![("repl_dst", "10.0.0.1")], v4(repl(TupleFilter { dst: Some(a), ..tuple }))),
        (vec![("repl_l4proto", "17")], repl(TupleFilter { l4proto: Some(17), ..tuple })),
        (vec![("repl_port_dst", "9")], repl(TupleFilter { dst_port: Some(9), ..tuple })),
        (vec![("repl_l3proto", "2")], KernelFilter { l3proto: Some(2), ..none }),
        (vec![("status", "8")], KernelFilter { status: Some((8, u32::MAX)), ..none }),
        (
            vec![("repl_ipv4_dst", "10.0.0.1/32"), ("repl_port_src", "443")],
            KernelFilter {
                l3proto: Some(2),
                repl: TupleFilter { dst: Some(a), src_port: Some(443), ..tuple },
                ..none
            },
        ),
        (vec![("orig_src", "10.0.0.0/8")], KernelFilter { l3proto: Some(2), ..none }),
        (vec![("host", "::1")], KernelFilter { l3proto: Some(10), ..none }),
        // What it can't judge.
        (vec![("port", "5"), ("use", "1"), ("id", "7"), ("tcp_state", "3"), ("user_id", "3")], none),
        (vec![("mark", "!7")], none),
        (vec![("mark", "7,7")], none),
        (vec![("mark", "7-")], none),
        (vec![("orig_src", "10.0.0.1-10.0.0.2")], v4(none)),
        (vec![("orig_src", "10.0.0.1-10.0.0.1")], v4(orig(TupleFilter { src: Some(a), ..tuple }))),
        (vec![("orig_src", "!10.0.0.1")], none),
        (vec![("orig_l4proto", "tcp")], orig(TupleFilter { l4proto: Some(6), ..tuple })),
        (vec![("status", "assured")], KernelFilter { status: Some((4, 4)), ..none }),
        (vec![("status", "unreplied")], KernelFilter { status: Some((0, 2)), ..none }),
        (vec![("status", "nat")], none),
        (vec![("zone", "0")], none),
        (vec![("mark", "7-8")], none),
        (vec![("orig_l3proto", "1")], none),
        // Contradictions, found out by us.
        (vec![("mark", "7"), ("mark", "8")], none),
        (vec![("orig_src", "10.0.0.1"), ("orig_dst", "::1")], none),
        (vec![("orig_l3proto", "2"), ("repl_l3proto", "10")], none),
        (vec![("zone", "1"), ("zone", "2"), ("mark", "7")], none),
    ] {
        assert_eq!(kernel(&wishes), expected, "{wishes:?}");
    }
}

#[test]
fn several_wanted_values_are_not_asked_for() {
    assert_eq!(kernel(&[("mark", "1,2")]), KernelFilter::default());
    let mut filter = Filter::new();
    filter.condition(FieldId::named("mark").expect("a field")).expect("room");
    filter.or(Input::Int(1)).expect("a value");
    filter.or(Input::Int(2)).expect("a value");
    assert_eq!(filter.kernel(), KernelFilter::default());
}

/// "Not this address and this port" says nothing of the address alone.
#[test]
fn what_must_not_both_be_is_not_asked_for() {
    let mut filter = Filter::new();
    filter.add_text("!10.0.0.1:443 tcp").expect("a filter");
    let orig = TupleFilter { l4proto: Some(6), ..TupleFilter::default() };
    assert_eq!(filter.kernel(), KernelFilter { orig, ..KernelFilter::default() });
}
