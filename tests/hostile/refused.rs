//! More clients than there are slots: who has to wait waits, and who is refused gets to read why.
use crate::common::daemon::Daemon;
use crate::common::flows::flows;
use crate::common::inserter::Inserter;
use crate::common::namespace::in_namespace;
use crate::common::raw::{Address, Connection, Reply, post};
use crate::common::xml::{self, Value};
use crate::host::{connect_from, network, nth, open_from, session};
use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Sends a request on a connection of its own.
fn ask(from: Ipv4Addr, to: &Address, method: &str, params: &[Value]) -> Result<Reply, String> {
    let mut connection = open_from(from, to).map_err(|e| format!("connecting: {e}"))?;
    connection.send(&post(to, &xml::call(method, params), "")).map_err(|e| format!("sending: {e}"))?;
    connection.reply().map_err(|e| format!("reading: {e}"))
}

/// Runs a test from another host and from this machine, each with a daemon's address there, over a table of 200.
fn from_both_sides(test: impl Fn(Ipv4Addr, &Address) + Sync) {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(90, 200));
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["10.9.0.1:0", "127.0.0.1:0"], &["--insecure-no-auth"]);
        let [lan, local] = daemon.addresses() else { panic!("two addresses") };
        test(nth(1), lan);
        test(Ipv4Addr::LOCALHOST, local);
    });
}

/// A short page, in an order of its own.
fn short_page(mine: Value) -> [Value; 6] {
    [mine, xml::members([]), "mark".into(), "ASC".into(), 0.into(), 5.into()]
}

fn is_answered(reply: &Reply) -> bool {
    reply.status == 200 && !reply.text().contains("<fault>")
}

/// Forty threads of one machine, each with five short views on connections of their own, which is what a proxy makes of its
/// clients: all are answered, from the network and from the machine itself.
#[test]
fn forty_threads_of_one_machine() {
    from_both_sides(|from, to| {
        let page = short_page(session(from, to));
        let thread = || {
            let (to, page) = (to.clone(), page.clone());
            std::thread::spawn(move || {
                let views = (0..5).map(|_| ask(from, &to, "view", &page));
                views.collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..40).map(|_| thread()).collect();
        let replies = threads.into_iter().flat_map(|thread| thread.join().expect("a thread"));
        let answered = replies.map(|reply| match reply {
            Ok(reply) if is_answered(&reply) => 1,
            other => {
                eprintln!("{from}: {other:?}");
                0
            }
        });
        assert_eq!(answered.sum::<usize>(), 200, "{from}");
    });
}

/// The same with connections that are kept: each thread has its turn.
#[test]
fn forty_threads_that_keep_their_connections() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(90, 200));
        let daemon = Daemon::start(&[]);
        let to = daemon.address();
        let mine = session(Ipv4Addr::LOCALHOST, to);
        let request = post(to, &xml::call("stats", &[mine]), "");
        let thread = || {
            let (to, request) = (to.clone(), request.clone());
            std::thread::spawn(move || {
                let (mut connection, mut answered, mut opened) = (None, 0, 0);
                while answered < 20 && opened < 40 {
                    let mut kept = connection.take().unwrap_or_else(|| {
                        opened += 1;
                        Connection::open(&to).expect("a connection")
                    });
                    // A connection that was kept may be closed at any time between two requests.
                    if let Ok(reply) = kept.send(&request).and_then(|()| kept.reply()) {
                        assert_eq!(reply.status, 200, "{}", reply.text());
                        answered += 1;
                        connection = (!reply.closes()).then_some(kept);
                    }
                }
                answered
            })
        };
        let threads: Vec<_> = (0..40).map(|_| thread()).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("a thread"), 20);
        }
    });
}

/// A page with a login of its own, sixty times, and nobody logs out: as a web front end does.
#[test]
fn sixty_pages_with_a_login_each() {
    from_both_sides(|from, to| {
        for n in 0..60 {
            let reply = ask(from, to, "view", &short_page(session(from, to))).expect("a reply");
            assert!(is_answered(&reply), "page {n}: {reply:?}");
        }
    });
}

/// Clients that send a megabyte, bit by bit, and only then read: each gets to read why it was refused.
#[test]
fn a_refusal_reaches_who_is_still_sending() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let daemon = Daemon::start_on(&["10.9.0.1:0"], &["--insecure-no-auth"]);
        let to = daemon.address();
        let request = post(to, &" ".repeat(1 << 20), "");
        let refused = |hosts: Vec<u8>, status: u16| {
            let thread = |host: u8| {
                let (to, request) = (to.clone(), request.clone());
                std::thread::spawn(move || {
                    let mut stream = connect_from(nth(host), &to).map_err(|e| format!("connecting: {e}"))?;
                    for piece in request.chunks(1 << 15) {
                        stream.write_all(piece).map_err(|e| format!("sending: {e}"))?;
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    let mut connection = Connection::over(Box::new(stream));
                    connection.reply().map_err(|e| format!("reading: {e}"))
                })
            };
            let threads: Vec<_> = hosts.into_iter().map(thread).collect();
            for thread in threads {
                let reply = thread.join().expect("a thread").expect("a reply");
                assert!(reply.status == status && reply.closes(), "{reply:?}");
                assert!(status != 503 || reply.header("retry-after").is_some(), "{reply:?}");
            }
        };
        refused((1..=20).collect(), 413);
        refused(vec![1; 10], 413);
        // The share of one host is taken in slots and waiting room alike, by connections that have just come.
        let all = rctd::limits::CLIENTS_PER_ADDRESS + rctd::limits::WAITING_PER_ADDRESS;
        let held: Vec<_> = (0..all).map(|_| connect_from(nth(1), to).expect("a connection")).collect();
        refused(vec![1; 20], 503);
        drop(held);
        daemon.still_serves();
    });
}

/// Who waits in the room has its turn when one of its own address ends, before those who came later.
#[test]
fn who_waits_has_its_turn() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let to = daemon.address();
        let request = post(to, &xml::call("system.listMethods", &[]), "Connection: close\r\n");
        // Heads that don't come to their end keep the share of this machine taken.
        let mut held: Vec<Connection> =
            (0..rctd::limits::CLIENTS_LOCAL).map(|_| Connection::open(to).expect("a connection")).collect();
        held.iter_mut().for_each(|connection| connection.send(&request[..20]).expect("a part of a request"));
        std::thread::sleep(Duration::from_millis(50));
        let mut waiting: Vec<Connection> =
            (0..10).map(|_| Connection::open(to).expect("a connection")).collect();
        waiting.iter_mut().for_each(|connection| connection.send(&request).expect("a request"));
        // One leaves: all who wait are served one after the other in its place.
        drop(held.pop());
        for connection in &mut waiting {
            assert_eq!(connection.reply().expect("a reply").status, 200);
        }
        // The others were not cut off for them.
        for connection in &mut held {
            connection.send(&request[20..]).expect("the rest");
            assert_eq!(connection.reply().expect("a reply").status, 200);
        }
    });
}
