//! Made-up tables: few different values, so that ties are many, and every field missing in some flow.
use super::random::Random;
use crate::conntrack::flow::{Counters, Ends, Flow, Rates, Tuple, mapped};
use crate::conntrack::label::{Label, Labels};
use crate::conntrack::uapi::*;
use crate::query::context::Context;
use crate::query::field::RATES;
use crate::query::names::HostNames;
use crate::query::users::UserNames;

/// The texts in [`context`]; three begin with the same 16 bytes, beyond which a key does not tell them apart.
pub const TEXTS: [&str; 4] = ["ftp", "the-same-sixteen", "the-same-sixteen+a", "the-same-sixteen+b"];

/// The names of hosts in [`context`].
pub const HOSTS: [(&str, &str); 4] = [
    ("10.0.0.1", "Printer.lan"),
    ("10.0.1.3", "laptop"),
    ("2001:db8::1", "the-same-sixteen+c"),
    ("2001:db8:0:1::4", "PRINT-server"),
];

/// Labels for [`TEXTS`], users 0, 1 and 3 in the low byte of the mark, [`HOSTS`].
pub fn context() -> Context {
    let mut labels = Labels::new();
    for text in TEXTS {
        labels.intern(text.as_bytes()).expect("room");
    }
    let mut users = UserNames::default();
    for (uid, name) in [(0, "root"), (1, "ann"), (3, "bob")] {
        users.add(uid, name).expect("room");
    }
    let mut names = HostNames::default();
    for (address, name) in HOSTS {
        names.add(address.parse().expect("an address"), name.as_bytes()).expect("room");
    }
    Context { labels, users, names, uid_mask: 0xff, ..Context::default() }
}

/// A value in four of five cases.
fn maybe<T>(random: &mut Random, value: impl FnOnce(&mut Random) -> T) -> Option<T> {
    let value = value(random);
    (!random.one_in(5)).then_some(value)
}

fn tuple(random: &mut Random, v6: bool, l4proto: u8) -> Tuple {
    let mut address = || match (v6, random.below(6) as u8) {
        (false, last) => mapped([10, 0, last / 3, last]),
        (true, last) => [0x20, 1, 0xd, 0xb8, 0, 0, 0, last / 3, 0, 0, 0, 0, 0, 0, 0, last],
    };
    let (src, dst) = (address(), address());
    let ends = match l4proto {
        IPPROTO_ICMP | IPPROTO_ICMPV6 => Ends::Icmp {
            kind: random.pick(&[0, 8, 128, 129]),
            code: random.below(2) as u8,
            id: random.pick(&[1, 2, 65_535]),
        },
        50 => Ends::None,
        _ => Ends::Ports { src: random.pick(&[1, 1024, 65_535]), dst: random.pick(&[22, 53, 443, 1024]) },
    };
    let zone = random.one_in(12).then(|| random.pick(&[1, 2]));
    Tuple { src, dst, ends, l3proto: if v6 { AF_INET6 } else { AF_INET }, l4proto, zone }
}

/// A number for counters and the like: mostly small, sometimes at the ends of what there is.
fn number(random: &mut Random) -> u64 {
    random.pick(&[0, 1, 1, 2, 3, 5, u64::from(u32::MAX), 1 << 40, u64::MAX - 1, u64::MAX])
}

fn counters(random: &mut Random) -> Counters {
    Counters { packets: number(random), bytes: number(random) }
}

/// A flow with both tuples and `id`, as any that the kernel sends; all else may be missing.
pub fn flow(random: &mut Random, id: u32) -> Flow {
    let v6 = random.one_in(3);
    let l4proto = random.pick(&[6, 6, 6, 17, 17, 33, 47, 50, 132, 136, if v6 { 58 } else { 1 }]);
    let orig = tuple(random, v6, l4proto);
    let word = |random: &mut Random| number(random) as u32;
    let (helper, secctx) = (random.below(TEXTS.len()) as u8, random.below(TEXTS.len()) as u8);
    Flow {
        orig: Some(orig),
        repl: Some(tuple(random, v6, l4proto)),
        orig_counters: maybe(random, counters),
        repl_counters: maybe(random, counters),
        // The field is 32-bit seconds, which end in 2106.
        start_ns: maybe(random, |r| number(r) % (1_000_000_000 << 32)),
        id: Some(id),
        status: maybe(random, |r| r.pick(&[0x8, 0xe, 0x18e, 0x40e, 0x1ae, 0x1be, 0xc00e, 0x9])),
        timeout: maybe(random, |r| r.pick(&[0, 1, 30, 30, 600, u32::MAX])),
        mark: maybe(random, word),
        uses: maybe(random, word),
        zone: random.one_in(3).then(|| random.pick(&[1, 2, 65_535])),
        tcp_state: (l4proto == IPPROTO_TCP).then(|| random.below(10) as u8),
        sctp_state: (l4proto == IPPROTO_SCTP).then(|| random.below(9) as u8),
        helper: random.one_in(2).then(|| Label::from_number(helper)),
        secctx: random.one_in(2).then(|| Label::from_number(secctx)),
        // The kernel sends none: see `rated`.
        rates: None,
    }
}

/// `n` flows in no order, no two of one tuple and zone; a few share an id.
pub fn table(seed: u64, n: usize) -> Vec<Flow> {
    let mut random = Random::new(seed);
    let mut all: Vec<Flow> = Vec::with_capacity(n);
    while all.len() < n {
        let spread = (n as u32 * 3).max(8);
        let id = random.below(spread as usize) as u32 * (u32::MAX / spread);
        let flow = flow(&mut random, id);
        if all.iter().all(|f| name(f) != name(&flow)) {
            all.push(flow);
        }
    }
    all
}

/// The flows as though they were read twice.
pub fn rated(mut table: Vec<Flow>) -> Vec<Flow> {
    let mut random = Random::new(table.len() as u64);
    for flow in &mut table {
        let rates = |r: &mut Random| Rates { orig: number(r) as u32, repl: number(r) as u32 };
        flow.rates = maybe(&mut random, rates);
    }
    table
}

/// What no two entries of a table share.
pub fn name(flow: &Flow) -> (Option<Tuple>, Option<u16>) {
    (flow.orig, flow.zone)
}

/// The flow as it is when it was read with `needs`.
pub fn with(flow: &Flow, needs: u32) -> Flow {
    fn keep<T>(value: Option<T>, needs: u32, attribute: u16) -> Option<T> {
        value.filter(|_| needs & bit(attribute) != 0)
    }
    Flow {
        orig: keep(flow.orig, needs, CTA_TUPLE_ORIG),
        repl: keep(flow.repl, needs, CTA_TUPLE_REPLY),
        orig_counters: keep(flow.orig_counters, needs, CTA_COUNTERS_ORIG),
        repl_counters: keep(flow.repl_counters, needs, CTA_COUNTERS_REPLY),
        start_ns: keep(flow.start_ns, needs, CTA_TIMESTAMP),
        id: keep(flow.id, needs, CTA_ID),
        status: keep(flow.status, needs, CTA_STATUS),
        timeout: keep(flow.timeout, needs, CTA_TIMEOUT),
        mark: keep(flow.mark, needs, CTA_MARK),
        uses: keep(flow.uses, needs, CTA_USE),
        zone: keep(flow.zone, needs, CTA_ZONE),
        tcp_state: keep(flow.tcp_state, needs, CTA_PROTOINFO),
        sctp_state: keep(flow.sctp_state, needs, CTA_PROTOINFO),
        helper: keep(flow.helper, needs, CTA_HELP),
        secctx: keep(flow.secctx, needs, CTA_SECCTX),
        rates: flow.rates.filter(|_| needs & RATES != 0),
    }
}
