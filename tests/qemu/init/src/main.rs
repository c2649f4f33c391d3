//! Process 1 of the router that the tests boot in QEMU.
//!
//! It mounts what a program expects to find, brings the network up, does what `/etc/rctd-test` says line by line, tells
//! on the console how each command ended, and switches the machine off. Lines are
//!
//! - `run NAME SECONDS COMMAND ARGUMENT...`: runs it to its end, kills it after so many seconds;
//! - `start NAME COMMAND ARGUMENT...`: starts it and goes on;
//! - `await SECONDS`: waits for a line on the console, which the tests outside send when they are done;
//! - `memory NAME`: prints the memory lines of a started command's `/proc/PID/status`;
//! - `stop NAME SECONDS`: sends SIGTERM to a started command and waits for its end.
//!
//! Everything printed by this program begins with `rctd-test:`, so that the harness can tell it from what commands print.
mod net;
mod sys;

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Where the harness puts the list of commands.
const SCRIPT: &str = "/etc/rctd-test";

/// Settings that a router makes at boot. The table of a 64 MB machine would end at 1,024 entries, and without accounting
/// there would be no counters to read.
const SETTINGS: &[(&str, &str)] = &[
    ("/proc/sys/net/netfilter/nf_conntrack_buckets", "16384"),
    ("/proc/sys/net/netfilter/nf_conntrack_max", "65536"),
    ("/proc/sys/net/netfilter/nf_conntrack_acct", "1"),
];

fn main() {
    if std::process::id() != 1 {
        eprintln!(
            "rctd-test-init is process 1 of a test machine, and mounts and switches off: it won't run elsewhere"
        );
        std::process::exit(2);
    }
    if let Err(error) = prepare() {
        println!("rctd-test: failed prepare: {error}");
    } else if let Err(error) = follow() {
        println!("rctd-test: failed script: {error}");
    }
    println!("rctd-test: end");
    sys::power_off();
}

/// Mounts, settings, network.
fn prepare() -> io::Result<()> {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        fs::create_dir_all(at)?;
        sys::mount(kind, at)?;
    }
    // The root is in memory already, and may hold programs below /tmp.
    for folder in ["/tmp", "/run", "/root"] {
        fs::create_dir_all(folder)?;
    }
    for (path, value) in SETTINGS {
        fs::write(path, value).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    }
    net::up("lo", None)?;
    // What QEMU's user mode network calls its guest.
    net::up("eth0", Some(([10, 0, 2, 15].into(), [255, 255, 255, 0].into())))?;
    println!("rctd-test: ready after {} ms", uptime_ms());
    Ok(())
}

/// Does each line of the script, up to its end or to the first line that makes no sense.
fn follow() -> io::Result<()> {
    let script = fs::read_to_string(SCRIPT)?;
    let console = console_lines();
    let mut started: HashMap<String, Child> = HashMap::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["run", name, seconds, command @ ..] => report(name, run(command, time(seconds)?)),
            ["start", name, command @ ..] => match child(command) {
                Ok(child) => {
                    println!("rctd-test: started {name}");
                    started.insert((*name).to_owned(), child);
                }
                Err(error) => println!("rctd-test: failed {name}: {error}"),
            },
            ["await", seconds] => match console.recv_timeout(time(seconds)?) {
                Ok(line) => println!("rctd-test: told {line}"),
                Err(_) => println!("rctd-test: failed await: nothing came within {seconds} s"),
            },
            ["memory", name] => match started.get(*name) {
                Some(child) => memory(name, child.id()),
                None => println!("rctd-test: failed memory: {name} was not started"),
            },
            ["stop", name, seconds] => match started.remove(*name) {
                Some(child) => report(name, stop(child, time(seconds)?)),
                None => println!("rctd-test: failed stop: {name} was not started"),
            },
            _ => return Err(io::Error::other(format!("can't read the line '{line}'"))),
        }
    }
    Ok(())
}

/// Lines that come in over the console, read by a thread of their own, since a read there can't be given up.
fn console_lines() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

/// A whole number of seconds.
fn time(text: &str) -> io::Result<Duration> {
    text.parse()
        .map(Duration::from_secs)
        .map_err(|_| io::Error::other(format!("'{text}' is no number of seconds")))
}

/// Starts a command in a process group of its own, so that whatever it starts can be killed with it.
fn child(command: &[&str]) -> io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("no command"))?;
    Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .env("PATH", "/bin:/usr/sbin")
        .env("RCTD_BIN", "/usr/sbin/rctd")
        // A table that a small machine gets through in a second or two.
        .env("RCTD_TEST_FLOWS", "100")
        .env("RUST_TEST_THREADS", "1")
        .env("RUST_BACKTRACE", "0")
        .process_group(0)
        .spawn()
}

/// Runs a command to its end; `None` when its time was over first.
fn run(command: &[&str], limit: Duration) -> io::Result<Option<ExitStatus>> {
    wait(child(command)?, limit)
}

/// Asks a command to end and waits for it.
fn stop(child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    sys::kill(child.id(), libc::SIGTERM);
    wait(child, limit)
}

/// Waits for the end of a command, kills its whole group when `limit` is over.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            sys::kill_group(child.id());
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One line on how a command ended.
fn report(name: &str, result: io::Result<Option<ExitStatus>>) {
    match result {
        Ok(Some(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => println!("rctd-test: exit {name} {code}"),
            (None, signal) => println!("rctd-test: signal {name} {}", signal.unwrap_or(0)),
        },
        Ok(None) => println!("rctd-test: timeout {name}"),
        Err(error) => println!("rctd-test: failed {name}: {error}"),
    }
}

/// Prints `memory NAME VmHWM 512 kB` and the like.
fn memory(name: &str, pid: u32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let wanted = ["VmPeak", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem", "VmStk"];
    for line in status.lines() {
        if let Some((key, value)) = line.split_once(':').filter(|(key, _)| wanted.contains(key)) {
            println!("rctd-test: memory {name} {key} {}", value.trim());
        }
    }
}

/// Milliseconds since the kernel started.
fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0);
    (seconds * 1000.0) as u64
}
