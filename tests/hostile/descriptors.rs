//! No descriptors left: it stops accepting, goes on serving, and recovers.
#![allow(unsafe_code)] // Limits are set between fork and exec.

use crate::common::daemon::{Daemon, program};
use crate::common::flows::flows;
use crate::common::inserter::Inserter;
use crate::common::namespace::in_namespace;
use crate::common::raw::{Connection, post};
use crate::common::xml;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// The daemon under `ulimit -n`.
fn limited(descriptors: u32) -> Daemon {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$@\""), "sh"]).arg(program());
    Daemon::spawn(command, &["127.0.0.1:0"], &[])
}

fn open_descriptors(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("its descriptors").count()
}

#[test]
fn twenty_descriptors() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(97, 800));
        let daemon = limited(20);
        daemon.says("limit on open files", 1);
        let mut client = daemon.client();
        // A flood of connections, none of which says a word. The client is one of the few who have a slot.
        let idle: Vec<Connection> =
            (0..60).map(|_| Connection::open(daemon.address()).expect("room in the queue")).collect();
        for _ in 0..10 {
            let began = Instant::now();
            assert_eq!(client.all().table.len(), 800, "a listing takes a descriptor more");
            assert_eq!(client.view(&xml::members([]), "mark", "A", (0, 3)).table.len(), 3);
            assert!(began.elapsed() < Duration::from_secs(10));
            assert!(open_descriptors(&daemon) < 20);
        }
        // Calls that are broken off in the middle want links to start over: still there is a descriptor for each.
        for _ in 0..20 {
            let mut hasty = Connection::open(daemon.address()).expect("room in the queue");
            let call = xml::call("view", &[client.session.as_str().into()]);
            hasty.send(&post(daemon.address(), &call, "")).expect("a request");
            drop(hasty);
        }
        assert_eq!(client.all().table.len(), 800);
        drop(idle);
        for _ in 0..20 {
            daemon.still_serves();
        }
        let began = Instant::now();
        while open_descriptors(&daemon) > 13 {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{} are still open",
                open_descriptors(&daemon)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    });
}

/// So few that there is none for a client: it says so and does not start.
#[test]
fn too_few_descriptors() {
    in_namespace(|_| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 9; exec \"$@\"", "sh"])
            .arg(program())
            .args(["--listen", "127.0.0.1:0"]);
        let output = command.output().expect("sh to run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("open files") && said.contains("ulimit -n"), "{said}");
    });
}

/// Descriptors that it was started with and does not know of: the real refusal of accept(2).
#[test]
fn none_at_all() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(98, 50));
        let mut command = Command::new(program());
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(leak) };
        let daemon = Daemon::spawn(command, &["127.0.0.1:0"], &[]);
        let mut client = daemon.client();
        let idle: Vec<Connection> =
            (0..20).map(|_| Connection::open(daemon.address()).expect("room in the queue")).collect();
        for _ in 0..10 {
            assert_eq!(
                client.view(&xml::members([]), "mark", "A", (0, 3)).table.len(),
                3,
                "it goes on serving"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut refused =
            || client.ask("stats", &[]).expect("stats").get("daemon").get("no_descriptor").int();
        let began = Instant::now();
        while refused() == 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "accept(2) never failed");
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(idle);
        daemon.still_serves();
    });
}

/// Leaves only a few free of 30 descriptors, the highest in use.
fn leak() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: 30, rlim_max: 30 };
    // SAFETY: the limit is live; the rest are plain numbers.
    unsafe {
        for fd in 12..30 {
            if libc::dup2(0, fd) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
