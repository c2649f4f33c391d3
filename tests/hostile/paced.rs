//! Readers that take what they get steadily, just fast enough not to look slow at any moment: only the sum of what they cost
//! tells them from others. On a congestion control that fills the kernel's buffers no further than it must (`reno`).
#![allow(unsafe_code)] // std can't set the size of a socket's buffer.

use crate::common::daemon::Daemon;
use crate::common::flows::flows;
use crate::common::folder::Folder;
use crate::common::inserter::Inserter;
use crate::common::namespace::{Namespace, in_namespace};
use crate::common::raw::{Address, post};
use crate::common::xml::{self, Value};
use crate::host::{Honest, connect_with, network, nth, open_from, session};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long each attack lasts.
const ATTACK: Duration = Duration::from_secs(12);
/// How often the attackers read.
const TICK: Duration = Duration::from_millis(50);
/// What one of them reads then, if it reads 40 KB a second: all that comes is for who wants to keep the daemon busy.
const STEADILY: usize = 2000;
const ALL: usize = 1 << 20;

/// A daemon that listens to the network, to this machine and on a unix socket, with a table of `count` connections.
fn daemon(ns: &Namespace, count: usize, folder: &Folder) -> Option<Daemon> {
    ns.sysctl("net/ipv4/tcp_congestion_control", "reno").expect("reno is in every kernel");
    // As on a machine with little memory: else whole replies fit the kernel's buffers.
    ns.sysctl("net/ipv4/tcp_wmem", "4096 16384 32768").expect("a setting of this namespace");
    Inserter::new(ns).insert(&flows(91, count));
    let unix = format!("unix:{}", folder.path().join("socket").display());
    let listen = ["10.9.0.1:0", "127.0.0.1:0", &unix];
    // In packets as large as loopback's a reader's steady trickle would come as a gush now and then.
    let mtu = Command::new("ip").args(["link", "set", "lo", "mtu", "1500"]).status();
    (network() && mtu.is_ok_and(|status| status.success()))
        .then(|| Daemon::start_on(&listen, &["--insecure-no-auth", "--session-timeout", "600"]))
}

/// Attackers, each of whom keeps a number of connections from one address, pipelines the same request on each without end,
/// and reads a little of each at a time. Who is cut off comes again.
struct Paced {
    stop: Arc<AtomicBool>,
    bytes: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

/// How the attackers send and read.
#[derive(Clone, Copy)]
struct Manner {
    connections: usize,
    /// How often.
    tick: Duration,
    /// Bytes that are sent at once, and then each time; `None`: what goes.
    send: Option<(usize, usize)>,
    /// Bytes that are read each time.
    read: usize,
}

impl Paced {
    fn start(to: &Address, manner: Manner, requests: Vec<(Ipv4Addr, Vec<u8>)>) -> Paced {
        let (stop, bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let attacker = |(from, request): (Ipv4Addr, Vec<u8>)| {
            let (stop, bytes, to) = (stop.clone(), bytes.clone(), to.clone());
            std::thread::spawn(move || {
                let mut all: Vec<Option<Greedy>> = (0..manner.connections).map(|_| None).collect();
                let mut buffer = vec![0; manner.read];
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    for place in &mut all {
                        let greedy = place.get_or_insert_with(|| Greedy::connect(from, &to, manner));
                        match greedy.go_on(&request, &mut buffer) {
                            Some(count) => drop(bytes.fetch_add(count, Ordering::Relaxed)),
                            None => *place = None,
                        }
                    }
                    std::thread::sleep(manner.tick.saturating_sub(began.elapsed()));
                }
            })
        };
        let threads = requests.into_iter().map(attacker).collect();
        Paced { stop, bytes, threads }
    }

    #[track_caller]
    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("an attacker"));
        let bytes = self.bytes.load(Ordering::Relaxed);
        assert!(bytes > 10_000, "that was no attack: they read {bytes} bytes");
    }
}

/// One connection of an attacker's.
struct Greedy {
    stream: TcpStream,
    /// How much of the present request is sent.
    sent: usize,
    /// What may be sent the next time, and what each time after that.
    send: Option<(usize, usize)>,
}

impl Greedy {
    fn connect(from: Ipv4Addr, to: &Address, manner: Manner) -> Greedy {
        // What it has sent does not depend on when it is read; what it takes does.
        let prepare = |stream: &TcpStream| {
            stream.set_nodelay(true).expect("a socket that does not wait");
            set_buffer(stream, libc::SO_SNDBUF, 200_000);
            if manner.read == STEADILY {
                set_buffer(stream, libc::SO_RCVBUF, 4096);
            }
        };
        let stream = connect_with(from, to, &prepare).expect("a connection");
        stream.set_nonblocking(true).expect("a socket that does not block");
        Greedy { stream, sent: 0, send: manner.send }
    }

    /// Sends what is to be sent, as far as it goes, and reads as much as the buffer holds: how many bytes it got. `None` at
    /// the connection's end.
    fn go_on(&mut self, request: &[u8], buffer: &mut [u8]) -> Option<usize> {
        let mut left = self.send.map_or(usize::MAX, |(now, _)| now);
        while left > 0 {
            let end = request.len().min(self.sent.saturating_add(left));
            match self.stream.write(&request[self.sent..end]) {
                Ok(count) => (self.sent, left) = ((self.sent + count) % request.len(), left - count),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        self.send = self.send.map(|(_, each)| (left + each, each));
        match self.stream.read(buffer) {
            Ok(0) => None,
            Ok(count) => Some(count),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }
}

fn set_buffer(stream: &TcpStream, which: libc::c_int, bytes: libc::c_int) {
    let size = size_of_val(&bytes) as libc::socklen_t;
    // SAFETY: an int of the size that is given, for the length of the call.
    let set = unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, which, (&raw const bytes).cast(), size)
    };
    assert_eq!(set, 0, "a buffer of {bytes} bytes");
}

/// A multicall of so many bytes at most, whose answer is several times as long, and for which nobody needs to log in.
fn multicall(to: &Address, bytes: usize) -> Vec<u8> {
    let one = xml::members([
        ("methodName", "system.methodSignature".into()),
        ("params", Value::Array(vec!["view".into()])),
    ]);
    let call = |count| xml::call("system.multicall", &[Value::Array(vec![one.clone(); count])]);
    let (none, some) = (call(0).len(), call(100).len());
    let body = call((bytes - none) * 100 / (some - none));
    assert!(body.len() <= bytes && body.len() > bytes * 9 / 10, "{}", body.len());
    post(to, &body, "")
}

/// Honest clients of another host, of this machine and of the unix socket.
fn honest(daemon: &Daemon) -> Vec<Honest> {
    let [tcp, local, unix] = daemon.addresses() else { panic!("three addresses") };
    let hosts = [(nth(200), tcp), (Ipv4Addr::LOCALHOST, local), (Ipv4Addr::LOCALHOST, unix)];
    hosts.into_iter().map(|(from, to)| Honest::start(from, to, &[])).collect()
}

/// While the attack goes on, honest clients are served.
#[track_caller]
fn all_are_served_beside(daemon: &Daemon, attack: Paced) {
    std::thread::sleep(Duration::from_secs(1));
    let honest = honest(daemon);
    std::thread::sleep(ATTACK);
    attack.end();
    honest.into_iter().for_each(Honest::was_served);
}

/// Two hosts have 16 connections each, and pipeline calls that fit the small buffer: nobody counts as slow at any moment.
#[test]
fn all_slots() {
    in_namespace(|ns| {
        let folder = Folder::new();
        let Some(daemon) = daemon(ns, 3000, &folder) else { return };
        let to = daemon.address();
        let request = multicall(to, 8000);
        let hosts = [1, 2].map(|n| (nth(n), request.clone()));
        let connections = rctd::limits::CLIENTS_PER_ADDRESS;
        let manner = Manner { connections, tick: TICK, send: None, read: STEADILY };
        all_are_served_beside(&daemon, Paced::start(to, manner, hosts.into()));
    });
}

/// Two hosts pipeline calls that need a large buffer each, and always have sent so much of the next one that it needs one too.
/// They read all that comes, and each call is whole in less than a second.
#[test]
fn all_large_buffers() {
    in_namespace(|ns| {
        let folder = Folder::new();
        let Some(daemon) = daemon(ns, 500, &folder) else { return };
        let to = daemon.address().clone();
        let body = xml::call("system.listMethods", &[]);
        let request = post(&to, &(body.clone() + &" ".repeat(20_000 - body.len())), "");
        let send = Some((request.len() + 12_000, request.len()));
        // So that one write goes beyond the end of a request.
        let hosts = [1, 2].map(|n| (nth(n), request.repeat(100)));
        let manner = Manner { connections: 2, tick: Duration::from_millis(300), send, read: ALL };
        let attack = Paced::start(&to, manner, hosts.into());
        std::thread::sleep(Duration::from_secs(1));
        let [_, local, unix] = daemon.addresses() else { panic!("three addresses") };
        let login = |from, to: &Address| {
            let body = xml::call("login", &[]) + &" ".repeat(20_000);
            let began = Instant::now();
            let mut connection = open_from(from, to).expect("a connection");
            connection.send(&post(to, &body, "Connection: close\r\n")).expect("a request");
            let reply = connection.reply().expect("a reply");
            assert!(reply.status == 200 && !reply.text().contains("<fault>"), "{reply:?}");
            began.elapsed()
        };
        let mut longest = Duration::ZERO;
        for _ in 0..6 {
            for (from, to) in [(nth(200), &to), (Ipv4Addr::LOCALHOST, local), (nth(0), unix)] {
                longest = longest.max(login(from, to));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        attack.end();
        crate::host::assert_promised(longest, || login(nth(200), &to));
    });
}

/// Two hosts read two whole listings each, again and again.
#[test]
fn all_listings() {
    in_namespace(|ns| {
        let folder = Folder::new();
        let Some(daemon) = daemon(ns, 3000, &folder) else { return };
        let to = daemon.address();
        let listing = |n| {
            let view = xml::call("view", &[session(nth(n), to)]);
            (nth(n), post(to, &view, ""))
        };
        let manner = Manner { connections: 2, tick: TICK, send: None, read: STEADILY };
        all_are_served_beside(&daemon, Paced::start(to, manner, vec![listing(1), listing(2)]));
    });
}

/// One host floods all of its connections with calls: a scan of the table gets its part of the time.
#[test]
fn a_scan_beside_a_flood() {
    in_namespace(|ns| {
        let folder = Folder::new();
        let Some(daemon) = daemon(ns, 20_000, &folder) else { return };
        let to = daemon.address();
        let mine = session(nth(200), to);
        let page = [mine, xml::members([]), "bytes".into(), "DESC".into(), 0.into(), 10.into()];
        let request = post(to, &xml::call("view", &page), "Connection: close\r\n");
        let view = || {
            let began = Instant::now();
            let mut connection = open_from(nth(200), to).expect("a connection");
            connection.send(&request).expect("a request");
            let reply = connection.reply().expect("a reply").text();
            assert!(!reply.contains("<fault>"), "{reply}");
            began.elapsed()
        };
        // The median, so that what else the machine does counts less.
        let median = || {
            let mut times: Vec<Duration> = (0..5).map(|_| view()).collect();
            times.sort_unstable();
            times[2]
        };
        let connections = rctd::limits::CLIENTS_PER_ADDRESS;
        let manner = Manner { connections, tick: Duration::ZERO, send: None, read: ALL };
        let attack = Paced::start(to, manner, vec![(nth(1), multicall(to, 8000))]);
        std::thread::sleep(Duration::from_millis(500));
        let beside = median();
        attack.end();
        let alone = median();
        eprintln!("a page: {alone:?} alone, {beside:?} beside the flood");
        assert!(beside < alone * 10, "{alone:?} alone, {beside:?} beside it");
    });
}
