//! Whole tables, and the programs that people use for it: `conntrack -L`, with and without `sort`.
use crate::bench::{Bench, PAGE, cpu_ms};
use crate::common::daemon::program;
use crate::common::has_program;
use crate::common::xml::Value;
use crate::measured_program;
use crate::report::{Report, Target, Unit};
use crate::support::measure::{Pairs, median, time};
use rctd::conntrack::request::KernelFilter;
use std::io::Read;
use std::process::{Command, Stdio};

/// Pages or listings whose processor time is added up: it is counted in ticks of 10 ms.
const TIMES: usize = 5;

/// The pages and the whole listing against the tool's.
pub fn against_conntrack(bench: &mut Bench, report: &mut Report, all: bool) {
    if !has_program("conntrack") {
        return report.missing("rows beside `conntrack`", "there is no program conntrack");
    }
    let page = bench.page(&[], "orig_src", 0, PAGE);
    for tool in ["conntrack -L", "conntrack -L | sort | head"] {
        let pairs = Pairs::run(|| time(|| drop(bench.send(&page))), || shell(tool, false));
        let what = format!("first page by `orig_src` / `{}`", tool.replace('|', "\\|"));
        report.pairs(&what, Unit::Ms, &pairs, Target::None);
    }
    whole(bench, report, all);
}

/// The program at the shell beside the tool: what people type, and what scripts read. Both write to a reader.
pub fn at_the_shell(_: &mut Bench, report: &mut Report, all: bool) {
    if !has_program("conntrack") {
        return report.missing("`rctd list` beside `conntrack`", "there is no program conntrack");
    }
    let program = program().display().to_string();
    let pairs: [(&str, &str); 4] = [
        ("list", "conntrack -L"),
        ("list --json", "conntrack -L -o xml"),
        ("list -s dport -n 20", "conntrack -L | sort | head -n 20"),
        ("list dport:443", "conntrack -L -p tcp --dport 443"),
    ];
    for (ours, theirs) in pairs.into_iter().take(if all { 4 } else { 2 }) {
        let command = format!("{program} {ours}");
        let pairs = Pairs::run(|| shell(&command, true), || shell(theirs, true));
        // With a filter the tool leaves out in the kernel what it can as well.
        let target = if ours.contains(':') { Target::None } else { Target::AtMost(1.0) };
        report.pairs(&format!("`rctd {ours}` / `{}`", theirs.replace('|', "\\|")), Unit::Ms, &pairs, target);
    }
    let measured = measured_program().display().to_string();
    for (ours, theirs) in [("list", "conntrack -L"), ("list --json", "conntrack -L -o xml")] {
        let words: Vec<&str> = [measured.as_str()].into_iter().chain(ours.split(' ')).collect();
        let (mine, other) = (peak_kib(&words), peak_kib(&theirs.split(' ').collect::<Vec<_>>()));
        let what = format!("peak memory: `rctd {ours}` / `{theirs}`");
        report.row(&what, &Unit::KiB.show(mine), &Unit::KiB.show(other), mine / other, Target::None);
    }
}

/// The most memory that a program had in use, in KiB: VmHWM of proc(5), looked at until it ends. (What wait4 tells of it is at
/// the least what this program had when it started that one.)
fn peak_kib(words: &[&str]) -> f64 {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program to run");
    let (path, mut peak) = (format!("/proc/{}/status", child.id()), 0.0);
    loop {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        peak = kib.unwrap_or(0.0).max(peak);
        if let Some(status) = child.try_wait().expect("its state") {
            assert!(status.success() && peak > 0.0, "{words:?} ended with {status}");
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// All rows with all fields. The tool writes to a reader as the daemon does, and, harder to beat, to nobody.
fn whole(bench: &mut Bench, report: &mut Report, all: bool) {
    let everything = bench.caller.request("view", &[Value::from(bench.session.as_str())]);
    let mut bytes = 0;
    let ways = [("into a pipe that is read", true), ("into /dev/null", false)];
    for (to, read) in ways.into_iter().take(if all { 2 } else { 1 }) {
        let ours = || {
            time(|| {
                let reply = bench.send(&everything);
                bytes = reply.bytes;
                assert!(
                    reply.number("total") * 10 > report.flows as u64 * 9,
                    "most of the table to be listed"
                );
            })
        };
        let pairs = Pairs::run(ours, || shell("conntrack -L -o xml", read));
        let what = format!("whole listing, all fields / `conntrack -L -o xml` {to}");
        report.pairs(&what, Unit::Ms, &pairs, Target::AtMost(1.0));
        if read {
            let rate = bytes as f64 / 1e3 / median(&pairs.ours);
            eprintln!("the listing is {bytes} bytes, {rate:.0} MB/s");
        }
    }
    if !all {
        return;
    }
    processor(bench, report, &everything);
    let pairs = {
        let bench = std::cell::RefCell::new(bench);
        Pairs::run(
            || time(|| drop(bench.borrow_mut().send(&everything))),
            || time(|| bench.borrow_mut().drain(&KernelFilter::default())),
        )
    };
    report.pairs("whole listing, all fields / bare drain", Unit::Ms, &pairs, Target::None);
}

/// Processor time instead of time on the clock.
fn processor(bench: &mut Bench, report: &mut Report, everything: &[u8]) {
    let page = bench.page(&[], "orig_src", 0, PAGE);
    let own = std::process::id();
    let repeat = |work: &mut dyn FnMut()| (0..TIMES).for_each(|_| work());
    let ours = bench.cpu_of(|bench| repeat(&mut || drop(bench.send(&page))));
    let before = cpu_ms(own);
    repeat(&mut || bench.drain(&KernelFilter::default()));
    let theirs = cpu_ms(own) - before;
    let mut row = |what: &str, ours: f64, theirs: f64| {
        let (ours, theirs) = (ours / TIMES as f64, theirs / TIMES as f64);
        report.row(what, &Unit::Ms.show(ours), &Unit::Ms.show(theirs), ours / theirs, Target::None);
    };
    row("processor time: first page by `orig_src` / bare drain", ours, theirs);
    let ours = bench.cpu_of(|bench| repeat(&mut || drop(bench.send(everything))));
    let before = children_ms();
    repeat(&mut || {
        shell("conntrack -L -o xml", true);
    });
    row("processor time: whole listing / `conntrack -L -o xml`", ours, children_ms() - before);
}

/// Processor time of all children that have ended, in milliseconds.
fn children_ms() -> f64 {
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is one and outlives the call.
    let done = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) };
    assert_eq!(done, 0, "RUSAGE_CHILDREN is known everywhere");
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    ms(usage.ru_utime) + ms(usage.ru_stime)
}

/// How long a command of the shell takes, in milliseconds.
fn shell(command: &str, read: bool) -> f64 {
    let output = if read { Stdio::piped() } else { Stdio::null() };
    time(|| {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        if let Some(mut pipe) = child.stdout.take() {
            let mut buffer = vec![0; 256 * 1024];
            while pipe.read(&mut buffer).expect("its output") > 0 {}
        }
        let status = child.wait().expect("its end");
        assert!(status.success(), "{command} ended with {status}");
    })
}
