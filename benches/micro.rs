//! How many flows a second each step of a page takes, over a dump of the kernel's that is held in memory: what the
//! daemon adds to the kernel's own work, without the kernel.
#![allow(unsafe_code)]

#[path = "../tests/common/mod.rs"]
mod common;
mod support;

use common::flows::flows;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use rctd::conntrack::flow::{ALL, Flow};
use rctd::conntrack::message::{Datagram, Item, Message};
use rctd::conntrack::request::KernelFilter;
use rctd::out::{Full, Out};
use rctd::query::context::Context;
use rctd::query::entry::Entry;
use rctd::query::field::{FieldId, FieldSet};
use rctd::query::filter::{Filter, Input};
use rctd::query::order::Order;
use rctd::query::page::Page;
use rctd::query::rows::{Lease, RowPool};
use rctd::rpc::row;
use rctd::syntax::Document;
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::drain::Drain;
use support::measure::{median, pairs};

/// Flows in the dump: larger than a second-level cache, as real tables are.
const FLOWS: usize = 16_384;
/// How long a step is repeated for one measurement.
const ROUND: Duration = Duration::from_millis(200);
/// The daemon's own output buffer.
const OUTPUT_BYTES: usize = rctd::limits::OUTPUT_BYTES;

fn main() {
    let mut dump = Dump { datagrams: Vec::new(), flows: 0, bytes: 0 };
    in_namespace(|inside| {
        inside.sysctl("net/netfilter/nf_conntrack_acct", "1").expect("accounting to be switched on");
        Inserter::new(inside).insert(&flows(1, FLOWS));
        dump = Dump::capture();
    });
    if dump.flows == 0 {
        return eprintln!("no dump could be captured: nothing is measured");
    }
    println!("| step | flows/s | ns a flow | MB/s of netlink |\n|---|--:|--:|--:|");
    reading(&dump);
    choosing(&dump);
    writing(&dump);
}

/// A dump as the kernel sent it.
struct Dump {
    datagrams: Vec<Vec<u8>>,
    flows: u64,
    bytes: usize,
}

impl Dump {
    fn capture() -> Dump {
        let mut datagrams = Vec::new();
        let flows = Drain::new().each(&KernelFilter::default(), |bytes| datagrams.push(bytes.to_vec()));
        let bytes = datagrams.iter().map(Vec::len).sum();
        Dump { datagrams, flows, bytes }
    }

    /// Hands every entry to `each`.
    fn each(&self, mut each: impl FnMut(&Message<'_>)) {
        for bytes in &self.datagrams {
            let mut datagram = Datagram::new(bytes, 1);
            while let Some(item) = datagram.pull().expect("what the kernel sent") {
                if let Item::Message(message) = item {
                    each(&message);
                }
            }
        }
    }

    /// Repeats `pass`, which goes through the whole dump once, and prints how fast that is.
    fn measure(&self, step: &str, mut pass: impl FnMut()) {
        pass();
        let rates: Vec<f64> = (0..pairs()).map(|_| self.round(&mut pass)).collect();
        let ns = 1e9 / median(&rates);
        let megabytes = median(&rates) * self.bytes as f64 / self.flows as f64 / 1e6;
        println!("| {step} | {:.0} | {ns:.0} | {megabytes:.0} |", median(&rates));
    }

    fn round(&self, pass: &mut impl FnMut()) -> f64 {
        let (begun, mut passes) = (Instant::now(), 0);
        while begun.elapsed() < ROUND {
            pass();
            passes += 1;
        }
        passes as f64 * self.flows as f64 / begun.elapsed().as_secs_f64()
    }
}

fn reading(dump: &Dump) {
    dump.measure("headers alone", || {
        dump.each(|message| {
            black_box(message.attrs.len());
        });
    });
    let mut context = Context::default();
    for (step, needs) in [
        ("decoded: id", field("id").field().needs),
        ("decoded: original tuple and id", field("orig_src").field().needs | field("id").field().needs),
        ("decoded: in full", ALL),
    ] {
        dump.measure(step, || {
            dump.each(|message| {
                let _ = black_box(Flow::read(message, needs, &mut context.labels));
            });
        });
    }
}

fn field(name: &str) -> FieldId {
    FieldId::named(name).expect("a field")
}

fn choosing(dump: &Dump) {
    let mut context = Context::default();
    for (name, value) in
        [("orig_src", "192.168.0.1"), ("orig_dst", "192.0.2.0/24"), ("mark", "0x100/0xf00"), ("port", "5060")]
    {
        let mut filter = Filter::new();
        filter.condition(field(name)).expect("room");
        filter.or(Input::Text(value)).expect("a value");
        let needs = filter.needs();
        dump.measure(&format!("decoded and filtered by `{name}`"), || {
            dump.each(|message| {
                let flow = Flow::read(message, needs, &mut context.labels).expect("what the kernel sent");
                black_box(filter.matches(&flow, &context));
            });
        });
    }
    for (step, start) in [("selected: first page", 0), ("sampled and counted: a deep page", FLOWS as u64 / 2)]
    {
        for name in ["orig_src", "bytes", "mark"] {
            let order = Order::by(field(name), false).expect("an order");
            dump.measure(&format!("decoded and {step} by `{name}`"), || {
                black_box(passes(dump, order, start, &mut context));
            });
        }
    }
}

/// The first pass of a first page, or the first two of a deep one: how many flows match.
fn passes(dump: &Dump, order: Order, start: u64, context: &mut Context) -> u64 {
    let (mut pool, mut lease) = (RowPool::new(), Lease::new());
    let mut page = Page::new(Some(order), start, Some(50));
    pool.grow(&mut lease, page.wants());
    let needs = page.needs();
    for _ in 0..if start == 0 { 1 } else { 2 } {
        page.begin(&lease, 0);
        dump.each(|message| {
            let mut entry = Entry::new(message);
            entry.read(needs, &mut context.labels).expect("what the kernel sent");
            page.offer(&mut entry, &mut pool, &lease, context).expect("the same in full");
        });
        page.end(&mut pool, &lease, context);
    }
    page.total()
}

fn writing(dump: &Dump) {
    let mut context = Context::default();
    let mut flows = Vec::new();
    dump.each(|m| flows.push(Flow::read(m, ALL, &mut context.labels).expect("what the kernel sent")));
    let mut buffer = vec![0; OUTPUT_BYTES];
    let mut written = 0;
    let mut pass = |flows: &[Flow]| {
        let (mut out, mut document) = (Out::new(&mut buffer), Document::default());
        for flow in flows {
            while document.piece(&mut out, |w| row::write(w, flow, &context, FieldSet::ALL)) == Err(Full) {
                written += out.len();
                black_box(out.as_bytes());
                out.truncate(0);
            }
        }
    };
    pass(&flows);
    dump.measure("encoded: rows with all fields", || pass(&flows));
    let rows = flows.len();
    let mut out = Out::new(&mut buffer);
    let _ = Document::default().piece(&mut out, |w| row::write(w, &flows[0], &context, FieldSet::ALL));
    println!(
        "\n{rows} flows of {} bytes of netlink on average; the first row is {} bytes of XML.",
        dump.bytes / rows,
        out.len()
    );
    black_box(written);
}
