//! Floods: of connections, of requests, of logins.
use crate::common::daemon::{Daemon, program};
use crate::common::flows::flows;
use crate::common::folder::Folder;
use crate::common::inserter::Inserter;
use crate::common::namespace::in_namespace;
use crate::common::raw::{Address, post};
use crate::common::xml::{self, response};
use crate::host::{Honest, connect_from, network, nth, open_from};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long each flood lasts.
const FLOOD: Duration = Duration::from_secs(4);

/// Threads that do `attack` over and over, each from a host of its own.
struct Flood {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn start(hosts: u8, to: &Address, attack: impl Fn(u8, &Address) + Send + Sync + 'static) -> Flood {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let attack = Arc::new(attack);
        let thread = |host: u8| {
            let (stop, rounds, attack, to) = (stop.clone(), rounds.clone(), attack.clone(), to.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    attack(host, &to);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let threads = (1..=hosts).map(thread).collect();
        Flood { stop, rounds, threads }
    }

    #[track_caller]
    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("an attacker"));
        assert!(self.rounds.load(Ordering::Relaxed) > 10, "that was no flood");
    }
}

/// Connections that are opened and left open, more than all slots, again and again.
#[test]
fn connections() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(94, 1000));
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--insecure-no-auth"]);
        let honest = Honest::start(nth(200), daemon.address(), &[]);
        let flood = Flood::start(6, daemon.address(), |host, to| {
            let held: Vec<_> = (0..40).filter_map(|_| connect_from(nth(host), to).ok()).collect();
            std::thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        std::thread::sleep(FLOOD);
        flood.end();
        honest.was_served();
        let after = Honest::start(nth(201), daemon.address(), &[]);
        std::thread::sleep(Duration::from_millis(500));
        after.was_served();
    });
}

/// Good requests without an end, pipelined, on as many connections as there are.
#[test]
fn requests() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(95, 1000));
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--insecure-no-auth"]);
        let honest = Honest::start(nth(200), daemon.address(), &[]);
        let flood = Flood::start(4, daemon.address(), |host, to| {
            let bytes = post(to, &xml::call("system.listMethods", &[]), "").repeat(40);
            let held = (0..12).filter_map(|_| connect_from(nth(host), to).ok());
            let mut held: Vec<_> = held.collect();
            let mut buffer = vec![0; 65_536];
            for stream in &mut held {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
                let _ = stream.write_all(&bytes);
            }
            for stream in &mut held {
                let _ = stream.read(&mut buffer);
            }
        });
        std::thread::sleep(FLOOD);
        flood.end();
        honest.was_served();
    });
}

/// Wrong passwords from several hosts, pipelined: who has the right one gets in, and is served.
#[test]
fn logins() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(96, 1000));
        if !network() {
            return;
        }
        let folder = Folder::new();
        let file = folder.path().join("passwd");
        set_password(&file, "admin", "right");
        let auth = format!("file:{}", file.display());
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--auth", &auth]);
        let honest = Honest::start(nth(200), daemon.address(), &["admin", "right"]);
        let flood = Flood::start(8, daemon.address(), |host, to| {
            let login = xml::call("login", &["admin".into(), "wrong".into()]);
            let bytes = post(to, &login, "").repeat(8);
            let mut held: Vec<_> = (0..16).filter_map(|_| connect_from(nth(host), to).ok()).collect();
            for stream in &mut held {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(30)));
                let _ = stream.write_all(&bytes);
                let _ = stream.read(&mut [0; 4096]);
            }
        });
        std::thread::sleep(FLOOD);
        flood.end();
        honest.was_served();
        let said = daemon.log();
        let lines = said.lines().filter(|line| line.contains("wrong login")).count();
        assert!((1..=12).contains(&lines), "a flood is logged once per burst and address: {lines} lines");
        assert!(!said.contains("right"), "{said}");
    });
}

/// A session is its opener's alone.
#[test]
fn sessions_are_bound_to_their_address() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--insecure-no-auth"]);
        let ask = |host: u8, method: &str, params: &[xml::Value]| {
            let mut connection = open_from(nth(host), daemon.address()).expect("a connection");
            connection.send(&post(daemon.address(), &xml::call(method, params), "")).expect("a request");
            response(&connection.reply().expect("a reply").text()).expect("a document")
        };
        let session = ask(1, "login", &[]).expect("a session");
        for method in ["view", "stats", "logout", "refresh"] {
            let fault = ask(2, method, std::slice::from_ref(&session)).expect_err("another's session");
            assert_eq!(fault.get("faultCode").int(), 2, "{method}");
        }
        assert!(ask(1, "view", std::slice::from_ref(&session)).is_ok(), "another port of the same address");
        assert!(ask(1, "logout", &[session]).is_ok());
    });
}

/// Logins without an end from eight addresses, with nobody who logs out: everybody who logs in gets in, and a session that is
/// in use lives on.
#[test]
fn sessions_without_an_end() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--insecure-no-auth", "--session-timeout", "600"]);
        let ask = |host: u8, method: &str, params: &[xml::Value]| {
            let mut connection = open_from(nth(host), daemon.address()).expect("a connection");
            connection.send(&post(daemon.address(), &xml::call(method, params), "")).expect("a request");
            response(&connection.reply().expect("a reply").text()).expect("a document")
        };
        let admin = ask(200, "login", &[]).expect("a session");
        for n in 0..3 * rctd::limits::SESSIONS as u8 {
            let host = 1 + n % 8;
            let session = ask(host, "login", &[]).expect("a session, whoever has how many");
            assert!(ask(host, "stats", &[session]).is_ok(), "login {n}");
            assert!(ask(200, "stats", std::slice::from_ref(&admin)).is_ok(), "the only one of its address");
        }
    });
}

/// Runs `rctd passwd`.
pub fn set_password(file: &std::path::Path, user: &str, password: &str) {
    let mut command = Command::new(program());
    command.arg("passwd").arg(file).arg(user).arg("--stdin").stdin(Stdio::piped());
    let mut child = command.spawn().expect("rctd to run");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("it to read");
    assert!(child.wait().expect("its end").success());
}
