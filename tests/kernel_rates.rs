//! Rates against real traffic of known speed, over a veth pair.
#![allow(unsafe_code)] // A namespace for a thread: see tests/common/namespace.rs.
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::namespace::{Namespace, in_namespace};
use common::row;
use common::xml::{self, Value};
use common::{skip, traffic};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Datagrams, and pieces of TCP, that a talker sends in a second, and their bytes there and back.
const A_SECOND: u32 = 100;
const THERE: usize = 1000;
const BACK: usize = 300;

/// IPv4's and UDP's heads, which the kernel counts.
const UDP_HEADS: usize = 28;

/// A host at the other end of a veth pair, in a network namespace of its own, that answers on the port 7000 of UDP and of TCP.
struct Host {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// 192.0.2.1 is this namespace's end of the pair, 192.0.2.2 the host's.
fn host() -> Host {
    let stop = Arc::new(AtomicBool::new(false));
    let until = stop.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel();
    let thread = spawn(move || {
        // SAFETY: no pointers; the network namespace of this thread alone changes.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0, "a namespace for the host");
        // SAFETY: takes nothing.
        tell.send(unsafe { libc::gettid() }).expect("a test that waits");
        gone.recv().expect("the pair");
        ip("addr add 192.0.2.2/24 dev there");
        ip("link set there up");
        let udp = UdpSocket::bind("192.0.2.2:7000").expect("a UDP socket");
        let tcp = TcpListener::bind("192.0.2.2:7000").expect("a TCP socket");
        tell.send(0).expect("a test that waits");
        answer(&udp, &tcp, &until);
    });
    let id = told.recv().expect("a thread");
    ip(&format!("link add here type veth peer name there netns {id}"));
    ip("addr add 192.0.2.1/24 dev here");
    ip("link set here up");
    go.send(()).expect("a thread");
    told.recv().expect("a host that listens");
    Host { stop, thread: Some(thread) }
}

/// Answers each datagram, and each piece of a TCP connection, with `BACK` bytes.
fn answer(udp: &UdpSocket, tcp: &TcpListener, until: &Arc<AtomicBool>) {
    udp.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket");
    tcp.set_nonblocking(true).expect("a socket");
    let mut piece = [0; THERE];
    let mut talks: Vec<JoinHandle<()>> = Vec::new();
    while !until.load(Relaxed) {
        if let Ok((_, from)) = udp.recv_from(&mut piece) {
            let _ = udp.send_to(&[0; BACK], from);
        }
        if let Ok((mut stream, _)) = tcp.accept() {
            stream.set_nonblocking(false).expect("a socket");
            talks.push(spawn(move || {
                let mut piece = [0; THERE];
                while stream.read_exact(&mut piece).is_ok() && stream.write_all(&[0; BACK]).is_ok() {}
            }));
        }
    }
    for talk in talks {
        let _ = talk.join();
    }
}

/// Sends in even steps until it is told to stop, and pauses while it is told to.
struct Talker {
    stop: Arc<AtomicBool>,
    pause: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Talker {
    fn start(mut send: impl FnMut() + Send + 'static) -> Talker {
        let (stop, pause) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (until, unless) = (stop.clone(), pause.clone());
        let thread = spawn(move || {
            let (began, mut sent) = (Instant::now(), 0);
            while !until.load(Relaxed) {
                let due = Duration::from_secs(1) * sent / A_SECOND;
                sleep(due.saturating_sub(began.elapsed()));
                if !unless.load(Relaxed) {
                    send();
                }
                sent += 1;
            }
        });
        Talker { stop, pause, thread: Some(thread) }
    }

    fn udp() -> Talker {
        let socket = UdpSocket::bind("192.0.2.1:0").expect("a socket");
        socket.connect("192.0.2.2:7000").expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        Talker::start(move || {
            let _ = socket.send(&[0; THERE]);
            while socket.recv(&mut [0; BACK]).is_ok() {}
        })
    }

    fn tcp() -> Talker {
        let mut stream = TcpStream::connect("192.0.2.2:7000").expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Talker::start(move || {
            stream.write_all(&[0; THERE]).expect("a host that reads");
            stream.read_exact(&mut [0; BACK]).expect("a host that answers");
        })
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A namespace with accounting, a veth pair and a host; `None` where that can't be had.
fn network(inside: &Namespace) -> Option<Host> {
    if !common::has_program("ip") {
        skip("a veth pair needs ip, which is not installed");
        return None;
    }
    if let Err(missing) = traffic::track(inside) {
        skip(&missing);
        return None;
    }
    Some(host())
}

/// The rates, original and reply, of the connection that `filter` is for: of what it shows when sorted by rate.
fn rates(client: &mut Client, filter: &str) -> Option<(u64, u64)> {
    let view = client.view(&filter.into(), "rate", "DESC", (0, 5));
    let row = view.table.first().unwrap_or_else(|| panic!("no connection is {filter}"));
    Some((row::int(row, "orig_rate")?, row::int(row, "repl_rate")?))
}

#[track_caller]
fn close(what: &str, rate: f64, expected: usize) {
    let expected = expected as f64 * f64::from(A_SECOND);
    assert!((rate / expected - 1.0).abs() < 0.1, "{what}: {rate} in place of {expected} bytes a second");
}

/// The mean of five readings, a second apart.
fn mean(client: &mut Client, filter: &str) -> (f64, f64) {
    let mut sum = (0, 0);
    for _ in 0..5 {
        let (orig, repl) = rates(client, filter).expect("a connection that was read twice");
        sum = (sum.0 + orig, sum.1 + repl);
        sleep(Duration::from_secs(1));
    }
    (sum.0 as f64 / 5.0, sum.1 as f64 / 5.0)
}

#[test]
fn udp_and_tcp_in_both_directions() {
    in_namespace(|ns| {
        let Some(_host) = network(ns) else { return };
        let (udp, _tcp) = (Talker::udp(), Talker::tcp());
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        // The daemon was just started: the first call takes both readings by itself.
        let began = Instant::now();
        assert!(rates(client, "udp dport:7000").is_some());
        assert!(began.elapsed() >= Duration::from_millis(900), "a second lies between them");
        let (orig, repl) = mean(client, "udp dport:7000");
        close("UDP there", orig, THERE + UDP_HEADS);
        close("UDP back", repl, BACK + UDP_HEADS);
        // One packet with a head of 52 bytes for each piece, and here and there one that only acknowledges.
        let (orig, repl) = mean(client, "tcp dport:7000");
        close("TCP there", orig, THERE + 52);
        close("TCP back", repl, BACK + 52);
        // The faster one is first, whatever it has carried so far.
        let both = client.view(&"dport:7000".into(), "rate", "DESC", (0, 5));
        assert_eq!(both.table.len(), 2);
        udp.pause.store(true, Relaxed);
        sleep(Duration::from_millis(1_500));
        rates(client, "dport:7000");
        sleep(Duration::from_millis(1_500));
        let view = client.view(&"dport:7000".into(), "rate", "DESC", (0, 5));
        let protocols: Vec<_> = view.table.iter().map(|row| row::int(row, "orig_l4proto")).collect();
        assert_eq!(protocols, [Some(6), Some(17)]);
        assert_eq!(rates(client, "udp dport:7000"), Some((0, 0)), "who pauses falls to 0");
        assert_eq!(client.view(&"udp rate>0".into(), "", "", (0, 5)).total, 0);
        assert_eq!(client.view(&"dport:7000 up>50k rate<1M".into(), "", "", (0, 5)).total, 1);
    });
}

#[test]
fn what_was_read_once_has_no_rate_and_waits_for_none() {
    in_namespace(|ns| {
        let Some(_host) = network(ns) else { return };
        let _udp = Talker::udp();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        sleep(Duration::from_millis(200));
        let shown = |client: &mut Client| {
            let view = client.view(&"udp dport:7000".into(), "", "", (0, 5));
            assert!(view.table[0].contains_key("orig_counter_bytes"));
            row::int(&view.table[0], "orig_rate")
        };
        let began = Instant::now();
        let first = shown(client);
        assert!(first.is_none() || began.elapsed() > Duration::from_secs(1), "{first:?}");
        sleep(Duration::from_millis(1_100));
        assert!(shown(client).is_some(), "a view that shows rates reads them as well");
    });
}

#[test]
fn counters_that_others_zero_give_no_rate() {
    in_namespace(|ns| {
        let Some(_host) = network(ns) else { return };
        if !common::has_program("conntrack") {
            return skip("nobody zeroes counters: conntrack is not installed");
        }
        let _udp = Talker::udp();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let resets = |client: &mut Client| {
            client.ask("stats", &[]).expect("stats").get("daemon").get("accounting_resets").int()
        };
        sleep(Duration::from_millis(2_000));
        assert!(rates(client, "udp dport:7000").is_some());
        assert_eq!(resets(client), 0);
        let zeroed = Command::new("conntrack").args(["-L", "-z"]).output().expect("conntrack");
        assert!(zeroed.status.success());
        assert_eq!(rates(client, "udp dport:7000"), None, "counted from an unknown time on");
        assert_eq!(resets(client), 1);
        sleep(Duration::from_millis(1_100));
        let (orig, _) = rates(client, "udp dport:7000").expect("a new base");
        assert!(orig < 3 * (A_SECOND * 1_028) as u64, "{orig}");
        assert_eq!(resets(client), 1);
    });
}

#[test]
fn a_flow_that_ends_and_one_that_begins() {
    in_namespace(|ns| {
        let Some(_host) = network(ns) else { return };
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let talker = Talker::udp();
        rates(client, "udp dport:7000");
        let killed = client.ask("kill_matching", &["udp dport:7000 rate>=0".into()]).expect("a number");
        assert_eq!(killed, Value::Int(1));
        drop(talker);
        assert_eq!(client.view(&"udp dport:7000 rate>0".into(), "", "", (0, 5)).total, 0);
        // A reading of the whole table, and then one that has begun since.
        client.view(&xml::members([]), "rate", "DESC", (0, 1));
        let _talker = Talker::udp();
        sleep(Duration::from_millis(1_500));
        let view = client.view(&xml::members([]), "rate", "DESC", (0, 1));
        let (port, rate) = (row::int(&view.table[0], "orig_port_dst"), row::int(&view.table[0], "orig_rate"));
        assert_eq!(port, Some(7000));
        let rate = rate.expect("younger than the reading before it");
        let most = u64::from(A_SECOND) * (THERE + UDP_HEADS) as u64;
        assert!((most / 4..most * 11 / 10).contains(&rate), "{rate} of {most}");
    });
}

#[test]
fn without_accounting_there_are_none() {
    in_namespace(|ns| {
        let Some(_host) = network(ns) else { return };
        ns.sysctl("net/netfilter/nf_conntrack_acct", "0").expect("a switch");
        let _udp = Talker::udp();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        sleep(Duration::from_millis(300));
        assert_eq!(rates(client, "udp dport:7000"), None);
        assert_eq!(client.ask("stats", &[]).expect("stats").get("accounting").int(), 0);
    });
}

/// A table of more flows than rates are kept for says so, and where everybody fits it does not.
#[test]
fn a_larger_table_says_that_rates_are_partial() {
    in_namespace(|ns| {
        common::inserter::Inserter::new(ns).insert(&common::flows::flows(71, 400));
        if let Err(missing) = traffic::track(ns) {
            return skip(&missing);
        }
        for (most, partial) in [("32", true), ("1000", false)] {
            let daemon = Daemon::start(&["--rate-flows", most]);
            let client = &mut daemon.client();
            // Only those that accounting counts are metered.
            let _traffic = traffic::talk(60).expect("connections over lo");
            let options = xml::members([("fields", xml::strings(["orig_rate"]))]);
            let all = [xml::members([]), "rate".into(), "DESC".into(), 0.into(), 5.into(), options];
            // A page, and a listing from a dump of its own.
            for parameters in [&all[..], &[]] {
                let view = client.ask("view", parameters).expect("a view");
                let said = matches!(&view, Value::Struct(members) if members.contains_key("rates"));
                assert_eq!(said, partial, "{most}");
            }
        }
    });
}
