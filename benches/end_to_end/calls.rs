//! Small calls on connections that are kept: `refresh`, which takes a string and answers true, of all three servers.
use crate::bench::{Bench, cpu_ms, peak_kib};
use crate::client::Caller;
use crate::common::raw::Address;
use crate::common::xml::Value;
use crate::report::{Report, Target, Unit};
use crate::rivals::{Rival, echo};
use crate::support::measure::Pairs;
use std::time::{Duration, Instant};

/// How long calls are made before they are counted.
const SECOND: Duration = Duration::from_secs(1);

/// Calls per second against each of the other servers, and against the floor: a thread that reads and answers without
/// looking.
pub fn small(bench: &Bench, report: &mut Report) {
    let floor = echo();
    for connections in [1, 8] {
        let ours = || per_second(bench.daemon.address(), &bench.session, connections);
        let pairs = Pairs::run(ours, || per_second(&floor, &bench.session, connections));
        let what = format!("small calls, {connections} at a time / a bare echo of the reply");
        report.pairs_always(&what, Unit::PerSecond, &pairs, Target::None);
    }
    for (rival, times) in [(Rival::abyss(), 5.0), (Rival::python(), 20.0)] {
        let rival = match rival {
            Ok(rival) => rival,
            Err(why) => {
                report.missing("small calls", &why);
                continue;
            }
        };
        for (connections, target) in [(1, Target::AtLeast(times)), (8, Target::None)] {
            let ours = || per_second(bench.daemon.address(), &bench.session, connections);
            let pairs = Pairs::run(ours, || per_second(&rival.address, &bench.session, connections));
            let what = format!("small calls, {connections} at a time / {}", rival.name);
            report.pairs_always(&what, Unit::PerSecond, &pairs, target);
        }
        let pairs = Pairs::run(
            || cpu_a_call(bench.daemon.id(), bench.daemon.address(), &bench.session),
            || cpu_a_call(rival.id(), &rival.address, &bench.session),
        );
        let what = format!("processor time a small call / {}", rival.name);
        report.pairs_always(&what, Unit::Us, &pairs, Target::None);
        let what = format!("peak memory after that, and of {}", rival.name);
        let theirs = format!("{:.0} KiB", peak_kib(rival.id()));
        report.figure(&what, Unit::KiB, bench.peak_kib(), &theirs, Target::None);
    }
}

/// Microseconds of processor time that a server takes for a call.
fn cpu_a_call(server: u32, address: &Address, session: &str) -> f64 {
    let before = cpu_ms(server);
    let calls = calls_in_a_second(address, session);
    1e3 * (cpu_ms(server) - before) / calls as f64
}

/// Calls that come back in a second, on so many connections at once.
fn per_second(address: &Address, session: &str, connections: usize) -> f64 {
    let begun = Instant::now();
    let calls: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| calls_in_a_second(address, session))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a client")).sum()
    });
    calls as f64 / begun.elapsed().as_secs_f64()
}

fn calls_in_a_second(address: &Address, session: &str) -> u64 {
    let mut caller = Caller::connect(address);
    let request = caller.request("refresh", &[Value::from(session)]);
    let (begun, mut calls) = (Instant::now(), 0);
    while begun.elapsed() < SECOND {
        drop(caller.send(&request));
        calls += 1;
    }
    calls
}
