//! The daemon end to end, on a real kernel: a network namespace of its own, tables of four sizes, and for every figure
//! something to hold it against, measured in turn in the same run. Prints the tables of docs/PERFORMANCE.md.
//!
//! | variable | what it does |
//! |---|---|
//! | `RCTD_BENCH_FLOWS` | sizes of the table, separated by commas |
//! | `RCTD_BENCH_PAIRS` | how often each pair is measured: 5 |
//! | `RCTD_STATIC_BIN` | the static build, of which the memory is measured |
//!
//! Names of parts as arguments leave the other parts out: `cargo bench --bench end_to_end -- calls filtered`.
#![allow(unsafe_code)] // A prctl between fork and exec.

mod bench;
mod calls;
mod client;
#[path = "../../tests/common/mod.rs"]
mod common;
mod crowd;
mod listings;
mod memory;
mod pages;
mod report;
mod rivals;
mod room;
#[path = "../support/mod.rs"]
mod support;

use bench::Bench;
use common::daemon::program;
use common::flows::{Flow, flows};
use common::inserter::Inserter;
use common::namespace::{Namespace, in_namespace};
use report::{JUDGED_FLOWS, Report, Target, Unit};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use support::measure::{median, time};

/// Set in the environment of a benchmark that runs in a user namespace.
const INSIDE: &str = "RCTD_BENCH_INSIDE";

fn main() {
    become_root();
    let sizes = sizes();
    let most = *sizes.last().expect("a size");
    let raised = room::Raised::to(most + most / 8);
    in_namespace(|inside| run(inside, &sizes));
    drop(raised);
}

/// Somebody who is not root gets a user namespace in which he is.
fn become_root() {
    // SAFETY: takes nothing and can't fail.
    if unsafe { libc::geteuid() } == 0 || std::env::var_os(INSIDE).is_some() {
        return;
    }
    let this = std::env::current_exe().expect("the path of this program");
    let error = Command::new("unshare").arg("-rn").arg(this).env(INSIDE, "1").exec();
    eprintln!("unshare can't be run, so this has to be run as root: {error}");
    std::process::exit(1);
}

fn sizes() -> Vec<usize> {
    let text = std::env::var("RCTD_BENCH_FLOWS").unwrap_or("16384,65536,262144,1048576".to_owned());
    let mut sizes: Vec<usize> = text
        .split(',')
        .map(|size| size.trim().parse().expect("RCTD_BENCH_FLOWS is a list of numbers"))
        .collect();
    sizes.sort_unstable();
    sizes
}

fn run(inside: &Namespace, sizes: &[usize]) {
    // Counters make entries as large as they are on a router that shows traffic, and orders by `bytes` possible.
    inside.sysctl("net/netfilter/nf_conntrack_acct", "1").expect("accounting to be switched on");
    let mut report = Report::default();
    machine();
    if wanted("calls") {
        report.section("Small calls");
        calls::small(&Bench::start(&program(), &["127.0.0.1:0"]), &mut report);
    }
    let (mut inserter, mut seen) = (Inserter::new(inside), Vec::new());
    let all = flows(1, *sizes.last().expect("a size"));
    let mut filled = 0;
    for &size in sizes {
        eprintln!("filling the table up to {size} flows");
        let inserted = insert(&mut inserter, &all[filled..size]);
        filled += inserted;
        report.flows = size;
        if filled < size {
            report.missing("every row of this size", &format!("the kernel took {filled} flows only"));
            break;
        }
        seen.push(table(&mut report));
    }
    drop(all);
    growth(&mut report, sizes, &seen);
    report.end();
}

/// Inserts until the kernel takes no more; how many it took.
fn insert(inserter: &mut Inserter, flows: &[Flow]) -> usize {
    let mut inserted = 0;
    for batch in flows.chunks(10_000) {
        let errors = inserter.try_insert(batch);
        inserted += errors.iter().take_while(|&&errno| errno == 0).count();
        if errors.iter().any(|&errno| errno != 0) {
            return inserted;
        }
    }
    inserted
}

/// What of a table is compared between sizes.
struct Seen {
    drain_ms: f64,
    page_ms: f64,
    peak_kib: f64,
    busy_kib: f64,
}

/// All figures of a table of one size.
fn table(report: &mut Report) -> Seen {
    let judged = report.flows == JUDGED_FLOWS;
    report.section(&format!("{} flows", report.flows));
    let mut bench = Bench::start(&program(), &["127.0.0.1:0"]);
    let (page, drain) = plain(&mut bench);
    type Part = fn(&mut Bench, &mut Report, bool);
    let parts: [(&str, Part); 9] = [
        ("sorted", pages::sorted),
        ("rated", pages::rated),
        ("summed", pages::summed),
        ("filtered", pages::filtered),
        ("deep", pages::deep),
        ("viewers", pages::viewers),
        ("login", pages::login_in_the_middle),
        ("listings", listings::against_conntrack),
        ("shell", listings::at_the_shell),
    ];
    for (_, part) in parts.iter().filter(|(name, _)| wanted(name)) {
        part(&mut bench, report, judged);
    }
    drop(bench);
    let mut seen = Seen { drain_ms: drain, page_ms: page, peak_kib: f64::NAN, busy_kib: f64::NAN };
    if wanted("memory") {
        let program = measured_program();
        seen.peak_kib = memory::one_client(&program, report);
        if report.flows <= JUDGED_FLOWS {
            seen.busy_kib = memory::all_slots(&program, report);
        } else {
            let why = "deep pages for 31 clients, with so few rows for each, take minutes there";
            report.missing("peak memory, all 32 slots busy", why);
        }
        if report.flows <= 16_384 {
            memory::snapshot(&program, report);
        }
    }
    seen
}

/// Whether a part was named, or none was.
fn wanted(part: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|name| name == part)
}

/// Medians of the first page and of the bare drain, for the growth from size to size.
fn plain(bench: &mut Bench) -> (f64, f64) {
    let request = bench.page(&[], "orig_src", 0, bench::PAGE);
    let (mut pages, mut drains) = (Vec::new(), Vec::new());
    for _ in 0..support::measure::pairs() + 1 {
        pages.push(time(|| drop(bench.send(&request))));
        drains.push(time(|| bench.drain(&Default::default())));
    }
    (median(&pages), median(&drains))
}

/// The binary of which the memory is measured, and its name for the table.
fn measured_program() -> PathBuf {
    std::env::var_os("RCTD_STATIC_BIN").map_or_else(program, PathBuf::from)
}

fn growth(report: &mut Report, sizes: &[usize], seen: &[Seen]) {
    report.flows = 0;
    report.section("Growth");
    let at = |size: usize| sizes.iter().position(|&s| s == size).and_then(|at| seen.get(at));
    let (Some(small), Some(large)) = (at(JUDGED_FLOWS), at(4 * JUDGED_FLOWS)) else {
        return report.missing("growth from 262,144 to 1,048,576 flows", "one of the two was not measured");
    };
    let (ours, theirs) = (large.page_ms / small.page_ms, large.drain_ms / small.drain_ms);
    let (from, to) = (Unit::Ms.show(small.page_ms), Unit::Ms.show(large.page_ms));
    report.row("first page, 1,048,576 flows / 262,144", &to, &from, ours, Target::AtMost(4.4));
    let (from, to) = (Unit::Ms.show(small.drain_ms), Unit::Ms.show(large.drain_ms));
    report.row("bare drain, 1,048,576 flows / 262,144", &to, &from, theirs, Target::None);
    // Flat: what a page of memory more or less makes of it.
    if small.peak_kib.is_nan() {
        return;
    }
    for (what, from, to) in
        [("one client", small.peak_kib, large.peak_kib), ("all slots busy", small.busy_kib, large.busy_kib)]
    {
        if to.is_nan() {
            continue;
        }
        let what = format!("peak memory, {what}, 1,048,576 flows / 262,144");
        report.row(&what, &Unit::KiB.show(to), &Unit::KiB.show(from), to / from, Target::AtMost(1.02));
    }
}

/// Prints where and with what this is measured.
fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let cpu = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    println!("- kernel {}, {}, {cores} cores", kernel.trim(), cpu.trim_start_matches([':', '\t', ' ']));
    println!("- pairs: {}; load before: {}", support::measure::pairs(), read("/proc/loadavg").trim());
    match std::env::var_os("RCTD_STATIC_BIN") {
        Some(_) => println!("- memory is that of the static build"),
        None => println!("- memory is that of the ordinary build: RCTD_STATIC_BIN names no static one"),
    }
}
