//! Peak resident memory, each time of a daemon that was just started: VmHWM of proc(5).
use crate::bench::{Bench, Conditions, PAGE};
use crate::client::Caller;
use crate::common::raw::Address;
use crate::common::xml::Value;
use crate::report::{Report, Target, Unit};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

/// Bytes of a whole listing that are read before the client goes away.
const ENOUGH_BYTES: u64 = 32 << 20;
/// An address of the benchmark's own namespace.
const ELSEWHERE: &str = "10.9.0.1";
/// Ids in a kill, as many as a call takes: about 40 KB of request.
const KILLED: i64 = 1000;

/// One client, which asks for everything; and its peak in KiB.
pub fn one_client(program: &Path, report: &mut Report) -> f64 {
    let mut bench = Bench::start(program, &["127.0.0.1:0"]);
    let nothing_yet = bench.peak_kib();
    let n = report.flows as i64;
    let rare: &Conditions = &[("orig_dst", "192.0.2.77")];
    for (conditions, order, start) in
        [(rare, "orig_src", 0), (&[], "orig_src", 0), (&[], "bytes", n / 2), (&[], "mark", n - PAGE)]
    {
        let request = bench.page(conditions, order, start, PAGE);
        drop(bench.send(&request));
    }
    // Sorted and longer than the rows that are kept: it goes out in parts.
    let long = bench.page(&[], "timeout", 0, 5000);
    let kill = kill(&bench);
    let all = bench.caller.request("view", &[Value::from(bench.session.as_str())]);
    [long, kill, all].iter().for_each(|request| drop(bench.send(request)));
    let peak = bench.peak_kib();
    let beside = format!("{nothing_yet:.0} KiB before the first page");
    report.figure("peak memory, one client", Unit::KiB, peak, &beside, Target::AtMost(1024.0));
    peak
}

/// All slots taken by clients that ask for much at once, three times over; and the peak in KiB. The machine itself may have
/// 24 of the 32, so every third client comes from an address that is not loopback's.
pub fn all_slots(program: &Path, report: &mut Report) -> f64 {
    let added =
        Command::new("ip").args(["address", "replace", &format!("{ELSEWHERE}/32"), "dev", "lo"]).status();
    assert!(
        added.is_ok_and(|status| status.success()),
        "`ip address replace` (iproute2) is missing or may not"
    );
    let mut bench = Bench::start(program, &["127.0.0.1:0", &format!("{ELSEWHERE}:0")]);
    let n = report.flows as i64;
    let local = busy(&bench, n);
    let elsewhere = bench.daemon.addresses()[1].clone();
    // A session is good at the address that opened it.
    bench.session = Caller::connect(&elsewhere).login();
    let remote = busy(&bench, n);
    let clients: Vec<_> = (0..31)
        .map(|nth| {
            let (address, [all, kill, deep @ ..]) =
                if nth % 3 == 0 { (&elsewhere, &remote) } else { (bench.daemon.address(), &local) };
            let request = match nth {
                0..=3 => all,
                4..=7 => kill,
                _ => &deep[nth % deep.len()],
            };
            (address.clone(), request)
        })
        .collect();
    (0..3).for_each(|_| at_once(&clients));
    let peak = bench.peak_kib();
    report.figure("peak memory, all 32 slots busy", Unit::KiB, peak, "", Target::AtMost(2048.0));
    peak
}

/// What busy clients ask for: a whole listing, a large request, and pages from the middle in three orders.
fn busy(bench: &Bench, flows: i64) -> [Vec<u8>; 5] {
    let all = bench.caller.request("view", &[Value::from(bench.session.as_str())]);
    let [a, b, c] = ["orig_src", "bytes", "mark"].map(|order| bench.page(&[], order, flows / 2, PAGE));
    [all, kill(bench), a, b, c]
}

/// Lets each client connect, and send its request when all are there.
fn at_once(clients: &[(Address, &Vec<u8>)]) {
    let barrier = Barrier::new(clients.len());
    std::thread::scope(|scope| {
        for (address, request) in clients {
            scope.spawn(|| {
                let mut caller = Caller::connect(address);
                barrier.wait();
                drop(caller.send_and_read(request, ENOUGH_BYTES));
            });
        }
    });
}

/// What a snapshot adds.
pub fn snapshot(program: &Path, report: &mut Report) {
    let mut bench = Bench::start(program, &["127.0.0.1:0"]);
    let page = bench.page(&[], "orig_src", 0, PAGE);
    drop(bench.send(&page));
    let before = bench.peak_kib();
    let own = Value::from(bench.session.as_str());
    drop(bench.caller.call("set_autorefresh", &[own, 0.into()]));
    drop(bench.send(&page));
    let beside = format!("{before:.0} KiB before it");
    report.figure(
        "peak memory with a snapshot of 16,384 flows",
        Unit::KiB,
        bench.peak_kib(),
        &beside,
        Target::None,
    );
}

/// A kill of ids that (as good as) no connection has: they make a large request and a scan, and change nothing.
fn kill(bench: &Bench) -> Vec<u8> {
    let ids = (0..KILLED).map(|id| Value::Int(id + 1)).collect();
    bench.caller.request("kill", &[Value::from(bench.session.as_str()), Value::Array(ids)])
}
