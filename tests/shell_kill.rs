//! `rctd kill` against the kernel: exactly what was meant goes, after somebody has agreed to it.
#![cfg(feature = "shell")]
mod common;

use common::daemon::program;
use common::dump::dump;
use common::fields::ids;
use common::flows::{Flow, flows};
use common::inserter::Inserter;
use common::model;
use common::namespace::{Namespace, in_namespace};
use common::pty::Terminal;
use common::row::Row;
use common::shell::{Ended, rctd, run};
use common::xml::Value;
use common::{skip, table_size, traffic};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

/// A table, as read without the program.
fn table(ns: &Namespace) -> Vec<Row> {
    Inserter::new(ns).insert(&flows(51, table_size()));
    dump()
}

fn living() -> Vec<u32> {
    let mut ids = ids(&dump());
    ids.sort_unstable();
    ids
}

/// What is there without these.
fn without(all: &[Row], gone: &[u32]) -> Vec<u32> {
    let mut left: Vec<u32> = ids(all).into_iter().filter(|id| !gone.contains(id)).collect();
    left.sort_unstable();
    left
}

#[test]
fn kills_what_matches_and_nothing_else() {
    in_namespace(|ns| {
        let before = table(ns);
        let filter =
            common::xml::members([("orig_l4proto", Value::from(6)), ("orig_port_dst", Value::from(443))]);
        let meant = ids(&model::filtered(&before, &filter));
        assert!(!meant.is_empty());
        let said = rctd(&["kill", "--yes", "tcp", "dport:443"]).fine();
        let count = meant.len();
        let expected =
            format!("TCP, to port 443: {count} connections. There is no way back.\n{count} killed.\n");
        assert_eq!(said, expected);
        assert_eq!(living(), without(&before, &meant));
        assert_eq!(rctd(&["kill", "--yes", "tcp", "dport:443"]).fine(), "TCP, to port 443: 0 connections.\n");
    });
}

/// Connections that the kernel does not count have no rate, neither a low one nor a high one.
#[test]
fn kills_nothing_by_a_rate_that_is_not_known() {
    in_namespace(|ns| {
        let before = table(ns);
        let said = rctd(&["kill", "--yes", "not", "rate>10k"]).fine();
        assert!(said.ends_with(": 0 connections.\n"), "{said}");
        assert_eq!(living(), without(&before, &[]));
    });
}

#[test]
fn kills_by_id() {
    in_namespace(|ns| {
        let before = table(ns);
        let meant: Vec<u32> = ids(&before).into_iter().step_by(997).collect();
        let words: Vec<String> = meant.iter().chain(&meant[..1]).map(u32::to_string).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = rctd(&[&["kill", "--yes", "--id"], &words[..]].concat()).fine();
        assert!(said.ends_with(&format!("{} killed.\n", meant.len())), "{said}");
        assert_eq!(living(), without(&before, &meant));
        let said = rctd(&["kill", "--id", "--yes", words[0]]).fine();
        assert_eq!(said, "0 connections with 1 given by id.\n", "it has gone");
    });
}

#[test]
fn nothing_goes_without_a_filter_or_an_answer() {
    in_namespace(|ns| {
        let before = ids(&table(ns)).len();
        for (arguments, says) in [
            (&["kill"][..], "takes a filter"),
            (&["kill", "--yes"], "takes a filter"),
            (&["kill", "--yes", ""], "takes a filter"),
            (&["kill", "--yes", "  ", " "], "takes a filter"),
            (&["kill", "--yes", "prot:tcp"], "did you mean proto?"),
            (&["kill", "--yes", "tcp", "-x"], "no option -x"),
            // Not all but port 6, or all but TCP on port 4.
            (&["kill", "--yes", "-6"], "no option -6"),
            (&["kill", "--yes", "tcp", "-4"], "no option -4"),
            (&["kill", "tcp"], "--yes says yes"),
            (&["kill", "--yes", "--id"], "--id takes ids"),
            (&["kill", "--yes", "--id", "tcp"], "--id takes ids"),
            (&["kill", "--yes", "--id", "4294967296"], "--id takes ids"),
        ] {
            let said = rctd(arguments).fails(2);
            assert!(said.contains(says), "{arguments:?}: {said}");
        }
        assert_eq!(living().len(), before);
    });
}

#[test]
fn a_terminal_is_asked() {
    in_namespace(|ns| {
        let before = table(ns);
        let meant =
            ids(&model::filtered(&before, &common::xml::members([("orig_l4proto", Value::from(17))])));
        let ask = |answer: &str| {
            let mut command = Command::new(program());
            command.args(["kill", "udp"]).env_remove("SSH_CONNECTION");
            let mut terminal = Terminal::start(command, (24, 80));
            terminal.shows("Kill them? [y/N]");
            terminal.shows(&format!("UDP: {} connections. There is no way back.", meant.len()));
            terminal.keys(answer);
            assert!(terminal.ends().success());
            terminal.lines().join("\n")
        };
        let mut command = Command::new(program());
        command.args(["kill", "udp"]).env_remove("SSH_CONNECTION");
        let mut hasty = Terminal::start(command, (24, 80));
        hasty.keys("y\n");
        hasty.shows("Kill them? [y/N]");
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_eq!(living().len(), before.len(), "what was typed before the question is no answer");
        hasty.keys("n\n");
        hasty.shows("Nothing was killed.");
        for answer in ["\n", "n\n", "yo\n", "\u{4}"] {
            assert!(ask(answer).contains("Nothing was killed."), "{answer:?}");
            assert_eq!(living().len(), before.len(), "{answer:?}");
        }
        assert!(ask("y\n").contains(&format!("{} killed.", meant.len())));
        assert_eq!(living(), without(&before, &meant));
    });
}

/// The connection of somebody who has logged in over ssh, as far as the kernel and the program can tell.
#[test]
fn the_connection_that_it_is_typed_over_is_spared() {
    in_namespace(|ns| {
        if let Err(why) = traffic::track(ns) {
            return skip(&why);
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = listener.local_addr().expect("its address");
        let own = TcpStream::connect(server).expect("a connection");
        let client = own.local_addr().expect("its address");
        let named = format!("{} {} {} {}", client.ip(), client.port(), server.ip(), server.port());
        let other = || TcpStream::connect(server).expect("a connection");
        let kill = |arguments: &[&str], wrap: &[&str]| -> Ended {
            let mut command = Command::new("env");
            command.args(wrap).arg(program()).arg("kill").arg("--yes").args(arguments);
            command.env("SSH_CONNECTION", &named);
            run(command, "")
        };
        let left = || {
            let ports = dump().into_iter().filter_map(|row| common::row::int(&row, "orig_port_src"));
            ports.collect::<Vec<_>>()
        };
        let _first = other();
        let said = kill(&["tcp"], &[]).fine();
        assert!(said.contains("TCP: 1 connection. There is no way back.\nThe ssh connection that"), "{said}");
        assert_eq!(left(), [u64::from(client.port())]);
        // sudo takes the variable away: a shell above still has it.
        let _second = other();
        let said = kill(&["tcp"], &["sh", "-c", "env -u SSH_CONNECTION \"$@\"; exit $?", "sh"]).fine();
        assert!(said.contains("is left out"), "{said}");
        assert_eq!(left(), [u64::from(client.port())]);
        // By its id it goes, since it was named.
        let id = ids(&dump())[0].to_string();
        assert!(kill(&["--id", &id], &[]).fine().ends_with("1 killed.\n"));
        assert!(left().is_empty());
        drop(own);
    });
}

/// Rates are of two readings: the one that is waited for, and the one that counts.
#[test]
fn what_is_fast_is_killed() {
    in_namespace(|ns| {
        if let Err(why) = traffic::track(ns) {
            return skip(&why);
        }
        let sent = traffic::talk(4).expect("connections");
        let before = dump().len();
        let sender = sent.udp[0].try_clone().expect("a socket");
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let said = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = sender.send(&[0; 1000]);
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            });
            let said = rctd(&["kill", "--yes", "rate>1k", "udp"]);
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            said.fine()
        });
        assert!(said.starts_with("rate 1001 or more, UDP: 1 connection."), "{said}");
        assert!(said.ends_with("\n1 killed.\n"), "{said}");
        // The next datagram makes a new one.
        assert!((before - 1..=before).contains(&dump().len()));
    });
}

#[test]
fn a_filter_in_words_is_safe_to_show() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&[Flow::tcp([192, 168, 1, 5], 40_000, [192, 0, 2, 1], 443)]);
        let said = rctd(&["kill", "--yes", "helper:\"\u{1b}[2J\u{202e}x\""]).fine();
        assert!(said.contains("0 connections") && !said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    });
}
