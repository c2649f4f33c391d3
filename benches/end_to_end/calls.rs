//! Small calls on connections that are kept: `refresh`, which takes a string and answers true, of all three servers.
use crate::bench::{Bench, cpu_ms, peak_kib};
use crate::common::raw::Address;
use crate::crowd::calls_per_second;
use crate::report::{Report, Target, Unit};
use crate::rivals::{Rival, echo};
use crate::support::measure::Pairs;
use std::time::Instant;

/// Connections with a call under way each: as many as keep a server busy. One alone measures how fast an idle processor wakes.
const AT_ONCE: usize = 16;

/// Calls per second against each of the other servers, and against the floor: a thread that reads and answers without
/// looking.
pub fn small(bench: &Bench, report: &mut Report) {
    let floor = echo();
    for connections in [1, AT_ONCE] {
        let ours = || calls_per_second(bench.daemon.address(), &bench.session, connections);
        let pairs = Pairs::run(ours, || calls_per_second(&floor, &bench.session, connections));
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
        for (connections, target) in [(1, Target::None), (AT_ONCE, Target::AtLeast(times))] {
            let ours = || calls_per_second(bench.daemon.address(), &bench.session, connections);
            let pairs = Pairs::run(ours, || calls_per_second(&rival.address, &bench.session, connections));
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

/// Microseconds of processor time that a busy server takes for a call.
fn cpu_a_call(server: u32, address: &Address, session: &str) -> f64 {
    let (before, begun) = (cpu_ms(server), Instant::now());
    let per_second = calls_per_second(address, session, AT_ONCE);
    1e3 * (cpu_ms(server) - before) / (per_second * begun.elapsed().as_secs_f64())
}
