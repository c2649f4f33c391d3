//! What the kernel is asked to leave out is never wanted.
use super::filters::{Wish, all_fields, filter, value_of, wish};
use super::flows::{context, table};
use super::random::Random;
use crate::conntrack::flow::{Ends, Flow, Tuple};
use crate::conntrack::request::{KernelFilter, TupleFilter};

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
            let own = value_of(name, &some, random).filter(|_| !random.one_in(4));
            (name, vec![own.unwrap_or_else(|| wish(name, &some, random))])
        })
        .collect()
}

#[test]
fn no_flow_that_matches_is_left_out() {
    let (flows, mut random, context) = (table(31, 150), Random::new(31), context());
    let (mut wanted, mut saved) = (0, 0);
    for _ in 0..3000 {
        let wishes = wishes(&mut random, &flows);
        let filter = filter(&wishes);
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
        let a = filter(&wishes(&mut random, &flows)).kernel();
        let b = if random.one_in(3) { a } else { filter(&wishes(&mut random, &flows)).kernel() };
        let common = a.common(&b);
        assert_eq!(common, b.common(&a));
        assert_eq!(a.common(&a), a);
        for flow in &flows {
            let either = lets_through(&a, flow) || lets_through(&b, flow);
            assert!(!either || lets_through(&common, flow), "{a:?} and {b:?} in common: {common:?}");
        }
    }
}

fn kernel(wishes: &[(&'static str, &str)]) -> KernelFilter {
    let wishes: Vec<Wish> = wishes.iter().map(|&(name, text)| (name, vec![text.to_owned()])).collect();
    filter(&wishes).kernel()
}

/// What saves work is asked for; the table names each part.
#[test]
fn what_the_kernel_can_judge_it_is_asked() {
    let none = KernelFilter::default();
    let tuple = TupleFilter::default();
    let orig = |orig| KernelFilter { orig, ..none };
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
        (
            vec![("orig_src", "10.0.0.1")],
            KernelFilter { l3proto: Some(2), ..orig(TupleFilter { src: Some(a), ..tuple }) },
        ),
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
    let wishes = [("mark", vec!["1".to_owned(), "2".to_owned()])];
    assert_eq!(filter(&wishes).kernel(), KernelFilter::default());
}
