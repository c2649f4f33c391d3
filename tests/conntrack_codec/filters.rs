//! What of a filter the kernel is asked: each part alone, in both directions, and what some kernels must not be asked.
//! Flags and attributes are written as numbers here, from `nf_internals.h` and `nfnetlink_conntrack.h`.
use super::order::SEQUENCE;
use super::tree::{self, Value};
use rctd::conntrack::flow::mapped;
use rctd::conntrack::request::{self, KernelFilter, TupleFilter};

const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const V4: Option<u8> = Some(2);
const V6: Option<u8> = Some(10);
const NOTHING: TupleFilter = TupleFilter {
    src: None,
    dst: None,
    l4proto: None,
    src_port: None,
    dst_port: None,
    icmp_type: None,
    icmp_code: None,
    icmp_id: None,
};

/// A dump's request: its family, what is in front of its tuples, the flags of both directions, and what is in the tuples
/// as paths and values.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    family: u8,
    plain: Vec<(u16, Vec<u8>)>,
    flags: Option<(u32, u32)>,
    orig: Vec<(Vec<u16>, Vec<u8>)>,
    repl: Vec<(Vec<u16>, Vec<u8>)>,
}

fn asked(filter: &KernelFilter) -> Asked {
    let mut request = request::dump(filter);
    let bytes = request.numbered(SEQUENCE);
    let mut asked = Asked { family: bytes[16], ..Asked::default() };
    let (mut orig, mut repl) = (None, None);
    for attr in tree::all(&tree::parse(&bytes[20..])) {
        let Value::Bytes(value) = &attr.value else { continue };
        let word = || value[..].try_into().map(u32::from_ne_bytes).expect("a word");
        match attr.path[..] {
            [25, 1] => orig = Some(word()),
            [25, 2] => repl = Some(word()),
            [1, ..] => asked.orig.push((attr.path[1..].to_vec(), value.clone())),
            [2, ..] => asked.repl.push((attr.path[1..].to_vec(), value.clone())),
            [kind] => asked.plain.push((kind, value.clone())),
            _ => panic!("{attr:?}"),
        }
    }
    assert_eq!(orig.is_some(), repl.is_some(), "the kernel refuses one without the other");
    asked.flags = orig.zip(repl);
    asked
}

fn of(l3proto: Option<u8>, orig: TupleFilter, repl: TupleFilter) -> KernelFilter {
    KernelFilter { l3proto, orig, repl, ..KernelFilter::default() }
}

/// A part of a tuple filter, with the protocol it needs.
type Part = (TupleFilter, Option<u8>);

/// Each part that the kernel takes of a tuple: the flag it has, and where its value stands.
fn parts() -> Vec<(Part, u32, Vec<u16>, Vec<u8>)> {
    let with = |l4proto, part: TupleFilter| TupleFilter { l4proto: Some(l4proto), ..part };
    let address = Some(mapped([192, 0, 2, 9]));
    let ports = |l4proto| {
        [
            ((with(l4proto, TupleFilter { src_port: Some(0x1234), ..NOTHING }), V4), 4, vec![2, 2]),
            ((with(l4proto, TupleFilter { dst_port: Some(0x1234), ..NOTHING }), V6), 5, vec![2, 3]),
        ]
    };
    let mut parts = vec![
        ((TupleFilter { src: address, ..NOTHING }, V4), 0, vec![1, 1], vec![192, 0, 2, 9]),
        ((TupleFilter { dst: address, ..NOTHING }, V4), 1, vec![1, 2], vec![192, 0, 2, 9]),
        ((with(ICMP, TupleFilter { icmp_type: Some(13), ..NOTHING }), V4), 6, vec![2, 5], vec![13]),
        ((with(ICMP, TupleFilter { icmp_code: Some(3), ..NOTHING }), V4), 7, vec![2, 6], vec![3]),
        ((with(ICMP, TupleFilter { icmp_id: Some(0x1234), ..NOTHING }), V4), 8, vec![2, 4], vec![0x12, 0x34]),
        ((with(ICMPV6, TupleFilter { icmp_type: Some(129), ..NOTHING }), V6), 9, vec![2, 8], vec![129]),
        ((with(ICMPV6, TupleFilter { icmp_code: Some(3), ..NOTHING }), V6), 10, vec![2, 9], vec![3]),
        (
            (with(ICMPV6, TupleFilter { icmp_id: Some(0x1234), ..NOTHING }), V6),
            11,
            vec![2, 7],
            vec![0x12, 0x34],
        ),
    ];
    for l4proto in [TCP, 17, 33, 132, 136] {
        parts.extend(ports(l4proto).map(|(part, flag, path)| (part, flag, path, vec![0x12, 0x34])));
    }
    parts.into_iter().map(|(part, bit, path, value)| (part, 1 << bit, path, value)).collect()
}

#[test]
fn each_part_of_a_tuple_has_its_flag_and_its_place() {
    const PROTO_NUM: u32 = 1 << 3;
    for ((part, l3proto), flag, path, value) in parts() {
        let flags = flag | if part.l4proto.is_some() { PROTO_NUM } else { 0 };
        let mut tuple: Vec<_> = part.l4proto.map(|p| (vec![2, 1], vec![p])).into_iter().collect();
        tuple.push((path, value));
        for (orig, repl) in [(part, NOTHING), (NOTHING, part), (part, part)] {
            let asked = asked(&of(l3proto, orig, repl));
            let of = |filter: TupleFilter| if filter == part { flags } else { 0 };
            assert_eq!(asked.flags, Some((of(orig), of(repl))), "{part:?}");
            let mut tuples = [asked.orig, asked.repl];
            tuples.iter_mut().for_each(|tuple| tuple.sort());
            let of = |filter: TupleFilter| if filter == part { tuple.clone() } else { Vec::new() };
            assert_eq!(tuples, [of(orig), of(repl)], "{part:?}");
        }
        // Without a family the kernel takes none of it.
        let asked = asked(&of(None, part, part));
        assert_eq!(asked, Asked::default(), "{part:?}");
    }
}

/// `invmap` of nf_conntrack_proto_icmp.c and of nf_conntrack_proto_icmpv6.c: the kernel refuses a dump for any other type.
#[test]
fn only_types_with_an_answer_are_asked_for() {
    let types = |l3proto, l4proto, flag: u32| {
        let is_asked = |kind: &u8| {
            let tuple = TupleFilter { l4proto: Some(l4proto), icmp_type: Some(*kind), ..NOTHING };
            asked(&of(l3proto, tuple, NOTHING)).flags.expect("the protocol").0 & flag != 0
        };
        (0..=255).filter(is_asked).collect::<Vec<u8>>()
    };
    assert_eq!(types(V4, ICMP, 1 << 6), [0, 8, 13, 14, 15, 16, 17, 18]);
    assert_eq!(types(V6, ICMPV6, 1 << 9), [128, 129, 139, 140]);
}

/// Before 5.16 the parts of the reply tuple are read under the flags of the original one: a dump that asks for them leaves
/// out rows that are wanted.
#[test]
fn old_kernels_are_not_asked_for_the_reply_tuple() {
    for ((part, l3proto), ..) in parts() {
        let filter = KernelFilter { mark: Some((1, 1)), ..of(l3proto, part, part) };
        for release in [(4, 14), (5, 0), (5, 8), (5, 15)] {
            let asked = asked(&filter.for_kernel(release));
            assert!(asked.flags.is_none_or(|(_, repl)| repl == 0) && asked.repl.is_empty(), "{release:?}");
            assert_eq!(filter.for_kernel(release), KernelFilter { repl: NOTHING, ..filter });
        }
        for release in [(5, 16), (5, 19), (6, 0), (6, 18), (7, 0)] {
            assert_eq!(filter.for_kernel(release), filter, "{release:?}");
        }
    }
}

/// What a kernel that refuses a filter is asked is the family alone.
#[test]
fn what_no_kernel_refuses() {
    let address = TupleFilter { src: Some(mapped([192, 0, 2, 9])), ..NOTHING };
    let all =
        KernelFilter { mark: Some((1, 3)), status: Some((2, 6)), zone: Some(7), ..of(V4, address, address) };
    let whole = asked(&all);
    let word = |n: u32| n.to_be_bytes().to_vec();
    let plain = [(8, word(1)), (21, word(3)), (3, word(2)), (26, word(6)), (18, vec![0, 7])];
    assert_eq!((whole.plain, whole.flags), (plain.to_vec(), Some((1, 1))));
    assert_eq!(asked(&all.family()), Asked { family: 2, ..Asked::default() });
    assert_eq!(all.family(), of(V4, NOTHING, NOTHING));
}

/// One dump for each family, where that lets the kernel judge the tuples; else one dump.
#[test]
fn tuples_are_asked_for_by_family() {
    for ((part, _), ..) in parts() {
        for filter in [of(None, part, NOTHING), of(None, NOTHING, part), of(None, part, part)] {
            assert_eq!(
                filter.by_family(),
                (KernelFilter { l3proto: V4, ..filter }, Some(KernelFilter { l3proto: V6, ..filter })),
                "{part:?}"
            );
            let filter = KernelFilter { l3proto: V6, ..filter };
            assert_eq!(filter.by_family(), (filter, None));
        }
    }
    // Nothing in the tuples that the kernel could judge, not even with a family.
    let port = TupleFilter { src_port: Some(1), ..NOTHING };
    for filter in [
        KernelFilter::default(),
        KernelFilter { mark: Some((1, 1)), ..of(None, NOTHING, NOTHING) },
        of(None, port, port),
    ] {
        assert_eq!(filter.by_family(), (filter, None));
    }
}

/// One dump serves two filters when it leaves out only what both leave out.
#[test]
fn what_two_filters_have_in_common() {
    let tuple = TupleFilter {
        src: Some(mapped([192, 0, 2, 9])),
        dst: Some(mapped([192, 0, 2, 10])),
        l4proto: Some(6),
        src_port: Some(1),
        dst_port: Some(2),
        icmp_type: Some(3),
        icmp_code: Some(4),
        icmp_id: Some(5),
    };
    let all = KernelFilter {
        l3proto: V4,
        orig: tuple,
        repl: tuple,
        mark: Some((1, 3)),
        status: Some((2, 6)),
        zone: Some(7),
    };
    let none = KernelFilter::default();
    assert_eq!((all.common(&all), all.common(&none), none.common(&all)), (all, none, none));
    let tuples = [
        TupleFilter { src: None, ..tuple },
        TupleFilter { dst: None, ..tuple },
        TupleFilter { l4proto: None, ..tuple },
        TupleFilter { src_port: None, ..tuple },
        TupleFilter { dst_port: None, ..tuple },
        TupleFilter { icmp_type: None, ..tuple },
        TupleFilter { icmp_code: None, ..tuple },
        TupleFilter { icmp_id: None, ..tuple },
    ];
    for lacks in [
        KernelFilter { l3proto: None, ..all },
        KernelFilter { mark: None, ..all },
        KernelFilter { status: None, ..all },
        KernelFilter { zone: None, ..all },
    ]
    .into_iter()
    .chain(tuples.map(|orig| KernelFilter { orig, ..all }))
    .chain(tuples.map(|repl| KernelFilter { repl, ..all }))
    {
        assert_eq!((all.common(&lacks), lacks.common(&all)), (lacks, lacks));
    }
    // The same part with another value is nothing in common.
    let other = KernelFilter { mark: Some((1, 1)), zone: Some(8), ..all };
    assert_eq!(all.common(&other), KernelFilter { mark: None, zone: None, ..all });
}
