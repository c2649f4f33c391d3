//! Pages: sorted, filtered, from deep places, for many at once; and a login while a page is sought.
use crate::bench::{Bench, Conditions, PAGE, kernel_filter};
use crate::client::Caller;
use crate::common::random::Random;
use crate::report::{JUDGED_FLOWS, Report, Target, Unit};
use crate::support::measure::{Pairs, median, quantile, time};
use rctd::conntrack::request::KernelFilter;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

/// Addresses, ports, numbers, bits, counters, a text that no flow has: each kind of key once at least.
const ORDERS: &[&str] = &[
    "orig_src",
    "repl_ipv4_dst",
    "orig_ipv6_src",
    "orig_port_dst",
    "orig_l4proto",
    "tcp_state",
    "timeout",
    "mark",
    "status",
    "bytes",
    "helper",
    "id",
];

/// What people look for: by address, port, protocol, mark; often there and seldom there.
const FILTERS: &[&Conditions] = &[
    &[("orig_src", "192.168.0.1")],
    &[("orig_dst", "192.0.2.77")],
    &[("orig_ipv6_dst", "2001:db8:1::4d")],
    &[("orig_l4proto", "6"), ("orig_port_dst", "443")],
    &[("orig_l4proto", "17"), ("orig_port_dst", "5060")],
    &[("orig_l4proto", "132"), ("orig_port_dst", "22")],
    &[("orig_l4proto", "132")],
    &[("mark", "0x100")],
    &[("mark", "3000000005")],
    &[("mark", "0x200/0xf00")],
    &[("host", "192.0.2.77")],
    &[("port", "5060")],
];

/// Logins that are timed.
const LOGINS: usize = 200;

/// The first page in several orders, against the bare drain. With `all`, here and below, everything that there is to
/// measure; without, what shows how it grows.
pub fn sorted(bench: &mut Bench, report: &mut Report, all: bool) {
    for order in ORDERS.iter().take(if all { ORDERS.len() } else { 1 }) {
        let pairs = against_drain(bench, &bench.page(&[], order, 0, PAGE), &KernelFilter::default());
        let what = format!("first page by `{order}` / bare drain");
        report.pairs(&what, Unit::Ms, &pairs, Target::AtMost(1.15));
    }
}

/// The first page by rate, once two readings are at hand.
pub fn rated(bench: &mut Bench, report: &mut Report, _all: bool) {
    let request = bench.page(&[], "rate", 0, PAGE);
    drop(bench.send(&request));
    let pairs = against_drain(bench, &request, &KernelFilter::default());
    report.pairs("first page by `rate` / bare drain", Unit::Ms, &pairs, Target::AtMost(1.25));
}

/// Connections, bytes, packets and rates of every source address, the first page of them.
pub fn summed(bench: &mut Bench, report: &mut Report, _all: bool) {
    let request = bench.summary("orig_src", PAGE);
    drop(bench.send(&request));
    let pairs = against_drain(bench, &request, &KernelFilter::default());
    report.pairs("summary by `orig_src` / bare drain", Unit::Ms, &pairs, Target::AtMost(1.3));
}

fn against_drain(bench: &mut Bench, request: &[u8], filter: &KernelFilter) -> Pairs {
    // Both halves need the same `bench`; they never run at once.
    let bench = std::cell::RefCell::new(bench);
    Pairs::run(
        || time(|| drop(bench.borrow_mut().send(request))),
        || time(|| bench.borrow_mut().drain(filter)),
    )
}

/// The first page of what a filter leaves, against a drain with the same kernel filter and one without.
pub fn filtered(bench: &mut Bench, report: &mut Report, all: bool) {
    for conditions in FILTERS.iter().take(if all { FILTERS.len() } else { 2 }) {
        let request = bench.page(conditions, "orig_src", 0, PAGE);
        let total = bench.send(&request).number("total");
        let share = 100.0 * total as f64 / report.flows as f64;
        let text: Vec<String> = conditions.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
        let what = format!("first page of {} ({share:.2} % match)", text.join(" "));
        let pairs = against_drain(bench, &request, &kernel_filter(conditions));
        report.pairs(
            &format!("{what} / drain with that kernel filter"),
            Unit::Ms,
            &pairs,
            Target::AtMost(1.2),
        );
        if share < 1.0 {
            let pairs = against_drain(bench, &request, &KernelFilter::default());
            report.pairs(&format!("{what} / bare drain"), Unit::Ms, &pairs, Target::AtMost(0.3));
        }
    }
}

/// Pages from deep places.
pub fn deep(bench: &mut Bench, report: &mut Report, all: bool) {
    let n = report.flows as i64;
    let orders: &[&str] = if all { &["orig_src", "timeout", "mark", "bytes"] } else { &["orig_src"] };
    for order in orders {
        for (name, start) in [("half", n / 2), ("the end", n - PAGE)] {
            let request = bench.page(&[], order, start, PAGE);
            let before = bench.scans();
            drop(bench.send(&request));
            let dumps = bench.scans() - before;
            let pairs = against_drain(bench, &request, &KernelFilter::default());
            let what = format!("page at {name} by `{order}`, {dumps} dumps / bare drain");
            report.pairs(&what, Unit::Ms, &pairs, Target::AtMost(4.0));
        }
    }
    if !all {
        return anywhere(bench, report);
    }
    let request = bench.page(&[], "", n / 2, PAGE);
    let pairs = against_drain(bench, &request, &KernelFilter::default());
    report.pairs("page at half in the kernel's order / bare drain", Unit::Ms, &pairs, Target::AtMost(4.0));
    anywhere(bench, report);
}

/// Random starts: how many dumps each takes, and how long the slowest.
fn anywhere(bench: &mut Bench, report: &mut Report) {
    let (mut random, mut dumps, mut ratios) = (Random::new(7), Vec::new(), Vec::new());
    for _ in 0..20 {
        let start = random.below(report.flows - PAGE as usize) as i64;
        let request = bench.page(&[], "orig_src", start, PAGE);
        let before = bench.scans();
        let ours = time(|| drop(bench.send(&request)));
        dumps.push((bench.scans() - before) as f64);
        ratios.push(ours / time(|| bench.drain(&KernelFilter::default())));
    }
    let judged = if report.flows == JUDGED_FLOWS { Target::AtMost(4.0) } else { Target::None };
    let most = quantile(&dumps, 1.0);
    let what = format!("pages at 20 random places by `orig_src`, median of {} dumps", median(&dumps));
    report.row(&what, "", "", median(&ratios), judged);
    let what = format!("the slowest of these; at most {most} dumps");
    report.row(&what, "", "", quantile(&ratios, 1.0), judged);
}

/// Sixteen clients that ask at the same moment, against one alone.
pub fn viewers(bench: &mut Bench, report: &mut Report, _all: bool) {
    let one = bench.page(&[], "orig_src", 0, PAGE);
    let same: Vec<Vec<u8>> = (0..16).map(|_| one.clone()).collect();
    let each = (0..16).map(|nth| bench.page(&[], ORDERS[nth % ORDERS.len()], 0, PAGE)).collect();
    let mut callers: Vec<Caller> = (0..16).map(|_| Caller::connect(bench.daemon.address())).collect();
    for (what, requests) in [("the same page", same), ("pages in different orders", each)] {
        let pairs = Pairs::run(|| all_at_once(&mut callers, &requests), || time(|| drop(bench.send(&one))));
        let what = format!("16 viewers at once, {what} / one viewer");
        report.pairs(&what, Unit::Ms, &pairs, Target::AtMost(2.0));
    }
}

/// How long until the last of them has its reply, in milliseconds.
fn all_at_once(callers: &mut [Caller], requests: &[Vec<u8>]) -> f64 {
    let barrier = Barrier::new(callers.len() + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = callers
            .iter_mut()
            .zip(requests)
            .map(|(caller, request)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    drop(caller.send(request));
                })
            })
            .collect();
        barrier.wait();
        time(|| workers.into_iter().for_each(|worker| worker.join().expect("a viewer")))
    })
}

/// Logins while another client's page is sought, again and again.
pub fn login_in_the_middle(bench: &mut Bench, report: &mut Report, _all: bool) {
    let quiet = logins(bench);
    report.figure("login, nothing else to do, median", Unit::Ms, median(&quiet), "", Target::None);
    report.figure("the same, the slowest of 200", Unit::Ms, quantile(&quiet, 1.0), "", Target::None);
    let rare: &Conditions = &[("orig_dst", "192.0.2.77")];
    for (what, conditions) in [("a scan", &[] as &Conditions), ("a scan that the kernel filters", rare)] {
        let request = bench.page(conditions, "orig_src", 0, PAGE);
        let mut viewer = Caller::connect(bench.daemon.address());
        let stop = AtomicBool::new(false);
        let took = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    drop(viewer.send(&request));
                }
            });
            let took = logins(bench);
            stop.store(true, Ordering::Relaxed);
            took
        });
        let judged = report.flows == JUDGED_FLOWS;
        // "A few milliseconds" of the median and of 99 in 100; the slowest is the scheduler's as much as ours.
        let target = if judged { Target::AtMost(5.0) } else { Target::None };
        report.figure(&format!("login in the middle of {what}, median"), Unit::Ms, median(&took), "", target);
        let high = quantile(&took, 0.99);
        report.figure("the same, 99 in 100 are faster", Unit::Ms, high, "", target);
        report.figure("the same, the slowest of 200", Unit::Ms, quantile(&took, 1.0), "", Target::None);
    }
}

/// The time that each of [`LOGINS`] took, at odd moments.
fn logins(bench: &mut Bench) -> Vec<f64> {
    let mut random = Random::new(11);
    let mut times = Vec::new();
    let request = bench.caller.request("login", &[]);
    for _ in 0..LOGINS {
        std::thread::sleep(std::time::Duration::from_micros(500 + random.below(15_000) as u64));
        let mut session = String::new();
        times.push(time(|| session = bench.caller.session_of(&request)));
        drop(bench.caller.call("logout", &[session.as_str().into()]));
    }
    times
}
