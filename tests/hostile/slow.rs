//! Who is slow, or does not read at all, keeps nobody waiting: neither for a slot, nor for a buffer, nor for a dump.
use crate::common::daemon::Daemon;
use crate::common::flows::flows;
use crate::common::inserter::Inserter;
use crate::common::namespace::{Namespace, in_namespace};
use crate::common::raw::{Address, Connection, post};
use crate::common::xml::{self, Value};
use crate::host::{Honest, assert_promised, connect_from, network, nth, open_from, session};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// A daemon that listens to the network, with a table of 3000 connections.
fn daemon(ns: &Namespace) -> Option<Daemon> {
    Inserter::new(ns).insert(&flows(92, 3000));
    network().then(|| Daemon::start_on(&["10.9.0.1:0"], &["--insecure-no-auth", "--session-timeout", "600"]))
}

/// Connections from one host, as many as it gets, to which `write` then is sent.
fn hold(from: Ipv4Addr, to: &Address, count: usize, write: &[u8]) -> Vec<TcpStream> {
    let opened = (0..count).map(|_| connect_from(from, to).expect("a connection"));
    let mut streams: Vec<TcpStream> = opened.collect();
    // One that was turned away says so when it is written to; that is the attacker's own affair.
    streams.iter_mut().for_each(|stream| drop(stream.write_all(write)));
    streams
}

/// Sends a byte to each of `streams` four times a second for three seconds.
fn dribble(streams: &mut [TcpStream], byte: &[u8]) {
    for _ in 0..12 {
        streams.iter_mut().for_each(|stream| drop(stream.write(byte)));
        std::thread::sleep(Duration::from_millis(250));
    }
}

#[test]
fn slow_heads() {
    in_namespace(|ns| {
        let Some(daemon) = daemon(ns) else { return };
        let honest = Honest::start(nth(200), daemon.address(), &[]);
        let head = b"POST /RPC2 HTTP/1.1\r\nX: ";
        let mut all: Vec<TcpStream> =
            (1..=3).flat_map(|n| hold(nth(n), daemon.address(), 40, head)).collect();
        dribble(&mut all, b"x");
        drop(all);
        honest.was_served();
    });
}

/// The head of a request whose body needs one of the few large buffers, and `bytes` of that body.
fn large_body(address: &Address, bytes: usize) -> Vec<u8> {
    let mut request = post(address, &" ".repeat(60_000), "");
    request.truncate(request.len() - 60_000 + bytes);
    request
}

/// How long one of the hosts waits for a login that needs a large buffer.
fn large_login(address: &Address, from: Ipv4Addr) -> Duration {
    let body = xml::call("login", &[]) + &" ".repeat(20_000);
    let began = Instant::now();
    let mut connection = open_from(from, address).expect("a connection");
    connection.send(&post(address, &body, "")).expect("a request");
    let reply = connection.reply().expect("a reply");
    assert!(reply.status == 200 && !reply.text().contains("<fault>"), "{reply:?}");
    began.elapsed()
}

/// Bodies that need one of the few large buffers, and never come: neither from a few connections of one host, nor from
/// three that begin over and over.
#[test]
fn slow_bodies() {
    in_namespace(|ns| {
        let Some(daemon) = daemon(ns) else { return };
        let address = daemon.address().clone();
        let honest = Honest::start(nth(200), &address, &[]);
        let mut longest = Duration::ZERO;
        let mut all = hold(nth(1), &address, 14, &large_body(&address, 20_000));
        longest = longest.max(large_login(&address, nth(201)));
        for _ in 0..3 {
            all.extend((1..=3).flat_map(|n| hold(nth(n), &address, 8, &large_body(&address, 1))));
            longest = longest.max(large_login(&address, nth(201)));
            dribble(&mut all, b" ");
        }
        drop(all);
        honest.was_served();
        assert_promised(longest, || large_login(&address, nth(201)));
    });
}

/// Calls that fill a large buffer, and whose replies are taken a little at a time, though never so that one piece takes long.
#[test]
fn large_calls_that_are_read_slowly() {
    in_namespace(|ns| {
        // The kernel would take in whole replies otherwise.
        std::fs::write("/proc/sys/net/ipv4/tcp_wmem", "4096 8192 8192").expect("a setting of this namespace");
        let Some(daemon) = daemon(ns) else { return };
        let address = daemon.address().clone();
        let one = xml::members([
            ("methodName", "system.methodSignature".into()),
            ("params", Value::Array(vec!["view".into()])),
        ]);
        let body = xml::call("system.multicall", &[Value::Array(vec![one; 250])]);
        assert!((50_000..rctd::limits::BODY_BYTES).contains(&body.len()), "{}", body.len());
        let request = post(&address, &body, "");
        let mut all: Vec<TcpStream> = (1..=2).flat_map(|n| hold(nth(n), &address, 2, &request)).collect();
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 6000];
            for _ in 0..20 {
                all.iter_mut().for_each(|stream| {
                    stream.set_nonblocking(true).expect("a socket");
                    let _ = stream.read(&mut buffer);
                });
                std::thread::sleep(Duration::from_millis(250));
            }
        });
        let mut longest = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(500));
        for _ in 0..4 {
            longest = longest.max(large_login(&address, nth(201)));
            std::thread::sleep(Duration::from_millis(500));
        }
        reading.join().expect("a thread");
        assert_promised(longest, || large_login(&address, nth(201)));
    });
}

/// Whole listings that are never read, and such that are read a little at a time: whoever wants one as well gets it.
#[test]
fn listings_that_nobody_reads() {
    in_namespace(|ns| {
        let Some(daemon) = daemon(ns) else { return };
        let address = daemon.address().clone();
        let mut greedy = Vec::new();
        for host in 1..=3 {
            let mine = session(nth(host), &address).str().to_owned();
            let view = post(&address, &xml::call("view", &[mine.as_str().into()]), "");
            greedy.extend(hold(nth(host), &address, 12, &view));
        }
        let honest = Honest::start(nth(200), &address, &[]);
        let mut buffer = [0; 64];
        for _ in 0..12 {
            for stream in &mut greedy {
                stream.set_nonblocking(true).expect("a socket");
                let _ = stream.read(&mut buffer);
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        drop(greedy);
        honest.was_served();
    });
}

/// What the daemon has used so far: its processor time, and how often it slept.
fn effort(daemon: &Daemon) -> (Duration, u64) {
    let read = |name| std::fs::read_to_string(format!("/proc/{}/{name}", daemon.id())).expect("a process");
    let (stat, status) = (read("stat"), read("status"));
    // The numbers behind the name, of which these are 14 and 15 of proc_pid_stat(5); a tick is a hundredth of a second.
    let numbers = stat.rsplit(')').next().expect("numbers").split_whitespace();
    let ticks: u64 = numbers.skip(11).take(2).map(|number| number.parse::<u64>().expect("a number")).sum();
    let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    (Duration::from_millis(10 * ticks), sleeps.expect("a line").trim().parse().expect("a number"))
}

/// Calls that must wait, for a dump or since they are wrong logins, while a part of their reply is unread: nobody is in
/// their way but themselves, and the daemon need not look at them over and over.
#[test]
fn calls_that_wait_behind_an_unread_reply() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(94, 3000));
        for name in ["tcp_wmem", "tcp_rmem"] {
            std::fs::write(format!("/proc/sys/net/ipv4/{name}"), "4096 8192 8192").expect("a setting");
        }
        if !network() {
            return;
        }
        let folder = crate::common::folder::Folder::new();
        let file = folder.path().join("passwd");
        crate::floods::set_password(&file, "admin", "right");
        let auth = format!("file:{}", file.display());
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--auth", &auth]);
        let address = daemon.address().clone();
        let one = |method: &str, params: Vec<Value>| {
            xml::members([("methodName", method.into()), ("params", Value::Array(params))])
        };
        // Where the kernel's buffers end is not known: one of so many ends its reply's first part just behind them.
        let behind = |fillers: usize, last: &Value| {
            let mut calls = vec![one("system.methodSignature", vec!["view".into()]); fillers];
            calls.push(last.clone());
            hold(
                nth(1),
                &address,
                1,
                &post(&address, &xml::call("system.multicall", &[Value::Array(calls)]), ""),
            )
        };
        let mut connection = open_from(nth(1), &address).expect("a connection");
        let login = |password: &str| xml::call("login", &["admin".into(), password.into()]);
        connection.send(&post(&address, &login("right"), "Connection: close\r\n")).expect("a request");
        let reply = connection.reply().expect("a reply").text();
        let mine = xml::response(&reply).expect("a document").expect("a session").str().to_owned();
        let view = one("view", vec![mine.into()]);
        for fillers in 1..32 {
            let held = behind(fillers, &view);
            std::thread::sleep(Duration::from_millis(100));
            // A slow machine may still be at work on the call: what goes on for longer counts.
            let spins = |ms| {
                let (began, _) = effort(&daemon);
                std::thread::sleep(Duration::from_millis(ms));
                effort(&daemon).0 - began >= Duration::from_millis(ms * 3 / 10)
            };
            assert!(!spins(200) || !spins(2000), "a listing behind {fillers} replies keeps it busy");
            drop(held);
        }
        let wrong = one("login", vec!["admin".into(), "wrong".into()]);
        let held: Vec<_> = (0..15).map(|n| behind(2 * n + 1, &wrong)).collect();
        std::thread::sleep(Duration::from_millis(1500));
        let (began, slept) = effort(&daemon);
        std::thread::sleep(Duration::from_secs(2));
        let (ended, sleeps) = effort(&daemon);
        let (used, sleeps) = (ended - began, sleeps - slept);
        assert!(used < Duration::from_millis(600), "logins: {used:?} of two seconds");
        assert!(sleeps < 300, "logins: it slept {sleeps} times in two seconds");
        drop(held);
    });
}

/// The slow one's own address, behind which an honest client may be too, has slots left as long as its share is not used up,
/// and gets those back that are idle.
#[test]
fn the_same_address_is_served_too() {
    in_namespace(|ns| {
        let Some(daemon) = daemon(ns) else { return };
        let address = daemon.address().clone();
        let idle = hold(nth(1), &address, rctd::limits::CLIENTS_PER_ADDRESS - 4, b"");
        let honest = Honest::start(nth(1), &address, &[]);
        std::thread::sleep(Duration::from_secs(2));
        honest.was_served();
        // All of the share is idle: who comes then takes the place of one.
        let more = hold(nth(1), &address, rctd::limits::CLIENTS_PER_ADDRESS, b"");
        std::thread::sleep(Duration::from_millis(1500));
        let honest = Honest::start(nth(1), &address, &[]);
        std::thread::sleep(Duration::from_secs(2));
        honest.was_served();
        drop((idle, more));
    });
}

/// Slots are full of clients being served, each within its address's share: none of them loses its place to a newcomer.
#[test]
fn who_is_served_keeps_its_place() {
    in_namespace(|ns| {
        let Some(daemon) = daemon(ns) else { return };
        let address = daemon.address().clone();
        // An eighth is kept for the machine itself.
        let served = rctd::limits::CLIENTS as u8 * 7 / 8;
        let served: Vec<(u8, String)> =
            (1..=served).map(|n| (n, session(nth(n), &address).str().to_owned())).collect();
        // Each asks for dozens of scans in one call that fits its own buffer, and reads what comes.
        let reads = served.into_iter().map(|(host, mine)| {
            let one = xml::members([
                ("methodName", "view".into()),
                (
                    "params",
                    Value::Array(vec![
                        mine.into(),
                        xml::members([]),
                        "mark".into(),
                        "A".into(),
                        2900.into(),
                        90.into(),
                    ]),
                ),
            ]);
            let call = xml::call("system.multicall", &[Value::Array(vec![one; 15])]);
            let address = address.clone();
            std::thread::spawn(move || {
                let mut connection = open_from(nth(host), &address).expect("a connection");
                connection.send(&post(&address, &call, "")).expect("a request");
                let reply = connection.reply().map_err(|e| format!("host {host}: {e}"))?;
                Ok::<_, String>((reply.status, reply.text().matches("<name>total</name>").count()))
            })
        });
        let reads: Vec<_> = reads.collect();
        std::thread::sleep(Duration::from_millis(200));
        let newcomers: Vec<_> =
            (0..60).map(|n| hold(nth(100 + n % 50), &address, 1, b"POST / HTTP/1.1\r\n")).collect();
        for read in reads {
            assert_eq!(read.join().expect("a thread"), Ok((200, 15)));
        }
        drop(newcomers);
        daemon.still_serves();
    });
}

/// A unix socket has slots of its own, whatever the network does.
#[test]
fn a_proxy_is_served_whatever_the_network_does() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(93, 500));
        if !network() {
            return;
        }
        let folder = crate::common::folder::Folder::new();
        let unix = format!("unix:{}", folder.path().join("socket").display());
        let daemon = Daemon::start_on(&["10.9.0.1:0", &unix], &["--insecure-no-auth"]);
        let [tcp, unix] = daemon.addresses() else { panic!("two addresses") };
        let held: Vec<TcpStream> = (1..=6).flat_map(|n| hold(nth(n), tcp, 30, b"POST")).collect();
        let visit = || {
            let began = Instant::now();
            let mut connection = Connection::open(unix).expect("a connection");
            connection
                .send(&post(unix, &xml::call("login", &[]), "Connection: close\r\n"))
                .expect("a request");
            assert_eq!(connection.reply().expect("a reply").status, 200);
            began.elapsed()
        };
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            longest = longest.max(visit());
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(held);
        assert_promised(longest, visit);
    });
}
