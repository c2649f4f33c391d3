//! `rctd top` in a terminal of the tests' own, driven by keys and read back as a screen.
#![cfg(feature = "shell")]
mod common;

use common::daemon::program;
use common::dump::dump;
use common::fields::ids;
use common::flows::{Flow, flows};
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::pty::Terminal;
use common::shell::{rctd, run};
use common::{skip, traffic};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// Connections that end in the order in which they are here, long from now.
fn few(first: u8, count: u8) -> Vec<Flow> {
    let flow = |n: u8| Flow {
        timeout: 10_000 + 100 * u32::from(n),
        ..Flow::tcp([192, 168, 1, n], 40_000, [192, 0, 2, n], if n.is_multiple_of(2) { 443 } else { 80 })
    };
    (first..first + count).map(flow).collect()
}

/// The program with these arguments in a terminal that can be drawn on.
fn top(arguments: &[&str], size: (u16, u16)) -> Terminal {
    let mut command = Command::new(program());
    command.arg("top").args(arguments).env("TERM", "xterm").env_remove("SSH_CONNECTION");
    Terminal::start(command, size)
}

/// The rows that begin with a protocol, without the sign before them.
fn rows(lines: &[String]) -> Vec<String> {
    let row = |line: &String| line.get(1..).filter(|rest| rest.starts_with("tcp ")).map(str::to_owned);
    lines.iter().filter_map(row).collect()
}

/// Sorts by the time that is left.
fn by_ends(terminal: &mut Terminal) {
    terminal.shows("  by rate");
    terminal.keys("sssss");
    terminal.shows("  by ends");
}

#[test]
fn draws_and_goes() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few(1, 5));
        let mut terminal = top(&[], (24, 80));
        let lines = terminal.shows(" PROTO ");
        assert!(terminal.is_alternate() && terminal.hides_cursor());
        assert!(
            lines[0].starts_with("5 of ") && lines[0].contains(" connections") && lines[0].contains("down 0"),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("every connection: 5 connections  by rate"), "{lines:?}");
        assert_eq!(rows(&lines).len(), 5);
        assert!(lines[23].starts_with("/ filter"), "{lines:?}");
        terminal.keys("?");
        terminal.shows("Any key goes on.");
        terminal.keys("x");
        terminal.shows(" PROTO ");
        terminal.keys("q");
        assert!(terminal.ends().success());
        assert!(!terminal.is_alternate() && !terminal.hides_cursor());
    });
}

/// Whatever ends it, the terminal is as it was.
#[test]
fn the_terminal_is_restored() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few(1, 3));
        type End = fn(&mut Terminal);
        let ends: [(&str, End, Option<i32>); 8] = [
            ("q", |t| t.keys("q"), None),
            ("Ctrl-C", |t| t.keys("\u{3}"), None),
            ("SIGTERM", |t| t.signal(libc::SIGTERM), None),
            ("SIGINT", |t| t.signal(libc::SIGINT), None),
            ("SIGHUP", |t| t.signal(libc::SIGHUP), None),
            ("SIGQUIT", |t| t.signal(libc::SIGQUIT), None),
            ("an abort", |t| t.signal(libc::SIGABRT), Some(libc::SIGABRT)),
            ("a trap", |t| t.signal(libc::SIGTRAP), Some(libc::SIGTRAP)),
        ];
        for (name, end, signal) in ends {
            let mut terminal = top(&[], (24, 80));
            terminal.shows(" PROTO ");
            let during = terminal.settings();
            end(&mut terminal);
            let status = terminal.ends();
            assert_eq!((status.signal(), status.success()), (signal, signal.is_none()), "{name}");
            let after = terminal.settings();
            assert_ne!(during, after, "{name}");
            assert!(after.echoes(), "{name}: {after:?}");
            assert!(!terminal.is_alternate() && !terminal.hides_cursor(), "{name}");
            // The emulator wraps lines in any case, so that only the sequences themselves tell.
            let written = terminal.raw();
            let last = |wanted: &[u8]| written.windows(5).rposition(|bytes| bytes == wanted);
            let (off, on) = (last(b"\x1b[?7l"), last(b"\x1b[?7h"));
            assert!(off.is_some() && off < on, "{name}: lines wrap again: {off:?} {on:?}");
        }
        let mut terminal = top(&[], (24, 80));
        terminal.shows(" PROTO ");
        terminal.close();
        assert_eq!(terminal.ends().signal(), None, "it goes by itself when the window is closed");
    });
}

#[test]
fn filters_are_typed() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few(1, 9));
        let mut terminal = top(&["dport:80"], (24, 80));
        terminal.shows("to port 80: 5 connections");
        terminal.keys("/");
        terminal.shows("filter: dport:80_");
        terminal.keys("\u{7f}\u{7f}443 prot:x\r");
        terminal.shows("did you mean proto?");
        terminal.keys("\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\r");
        let lines = terminal.shows("to port 443: 4 connections");
        assert_eq!(rows(&lines).len(), 4);
        terminal.keys("/\u{15}udp\u{1b}");
        terminal.shows("to port 443: 4 connections");
        terminal.keys("/\u{15}\r");
        terminal.shows("every connection: 9 connections");
        terminal.keys("q");
        assert!(terminal.ends().success());
    });
}

#[test]
fn sorts_pages_and_pauses() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        inserter.insert(&few(1, 30));
        let mut terminal = top(&[], (14, 100));
        by_ends(&mut terminal);
        let source = |row: &String| row.split_whitespace().nth(2).unwrap_or_default().to_owned();
        let sources = |lines: &[String]| rows(lines).iter().map(source).collect::<Vec<_>>();
        let expected = |numbers: std::ops::Range<u8>| {
            numbers.map(|n| format!("192.168.1.{n}:40000")).collect::<Vec<_>>()
        };
        terminal.until("the first ten", |lines| sources(lines) == expected(1..11));
        terminal.keys("\u{1b}[6~");
        terminal.until("the next ten", |lines| sources(lines) == expected(11..21));
        assert!(terminal.lines()[1].contains(", after 10"), "{:?}", terminal.lines());
        terminal.keys("\u{1b}[6~\u{1b}[6~");
        terminal.until("the end", |lines| sources(lines).is_empty());
        terminal.keys("\u{1b}[5~");
        terminal.until("the last ten", |lines| sources(lines) == expected(21..31));
        terminal.keys("\u{1b}[H");
        terminal.until("the first ten", |lines| sources(lines) == expected(1..11));
        terminal.keys("S");
        let backwards: Vec<String> = expected(21..31).into_iter().rev().collect();
        terminal.until("the last ten, backwards", |lines| sources(lines) == backwards);
        terminal.keys("S ");
        terminal.shows("PAUSED");
        terminal.until("the first ten", |lines| sources(lines) == expected(1..11));
        inserter
            .insert(&[Flow { timeout: 5000, ..Flow::tcp([192, 168, 1, 99], 40_000, [192, 0, 2, 1], 80) }]);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(sources(&terminal.lines()), expected(1..11), "nothing moves");
        terminal.keys(" ");
        terminal.until("the new one", |lines| sources(lines)[0] == "192.168.1.99:40000");
    });
}

#[test]
fn rows_stay_while_one_is_selected_and_is_killed() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        inserter.insert(&few(1, 6));
        let mut terminal = top(&[], (24, 100));
        by_ends(&mut terminal);
        terminal.until("six rows", |lines| rows(lines).len() == 6);
        terminal.keys("k");
        terminal.shows("select something first");
        terminal.keys("\u{1b}[B\u{1b}[B");
        terminal.shows("rows stay");
        let second = "192.168.1.2:40000";
        assert!(
            terminal.inverted().iter().any(|line| line.starts_with('>') && line.contains(second)),
            "{:?}",
            terminal.inverted()
        );
        // One that would come first, and one that goes: the rows stay, and the one that is gone is marked.
        inserter
            .insert(&[Flow { timeout: 5000, ..Flow::tcp([192, 168, 1, 99], 40_000, [192, 0, 2, 1], 80) }]);
        inserter.delete(&few(4, 1));
        let lines = terminal.until("the mark", |lines| lines.iter().any(|line| line.starts_with("xtcp")));
        assert_eq!(rows(&lines).len(), 6, "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with('x') && line.contains("192.168.1.4:")), "{lines:?}");
        assert!(lines[4].contains(second), "{lines:?}");
        // No, and then yes.
        terminal.keys("k");
        terminal.shows("kill tcp 192.168.1.2:40000 to 192.0.2.2:443? [y/N]");
        terminal.keys("n");
        terminal.shows("nothing was killed");
        assert_eq!(dump().len(), 6);
        terminal.keys("k");
        terminal.shows("[y/N]");
        terminal.keys("y");
        terminal.shows("1 killed.");
        let left = ids(&dump());
        assert_eq!(left.len(), 5, "one of six");
        assert_eq!(rctd(&["list", "-o", "id", "--no-header", "src:192.168.1.2"]).fine(), "");
        terminal.keys("\u{1b}");
        terminal.until("a new order", |lines| {
            let rows = rows(lines);
            rows.len() == 5 && rows[0].contains("192.168.1.99:")
        });
        terminal.keys("q");
        assert!(terminal.ends().success());
    });
}

#[test]
fn groups_are_shown_and_killed() {
    in_namespace(|ns| {
        let mut all = few(1, 4);
        all.extend((1..=3).map(|port| Flow::udp([192, 168, 1, 7], port, [192, 0, 2, 53], 53)));
        Inserter::new(ns).insert(&all);
        let mut terminal = top(&[], (24, 100));
        terminal.shows("  by rate");
        terminal.keys("gs");
        let lines = terminal.shows("5 local hosts of 7 connections  by connections");
        assert!(lines[3].trim_start().starts_with("192.168.1.7 "), "{lines:?}");
        terminal.keys("g");
        terminal.shows("5 remote hosts of 7 connections");
        terminal.keys("g");
        let lines = terminal.shows("3 services of 7 connections");
        assert!(lines[3].trim_start().starts_with("udp/53 "), "{lines:?}");
        terminal.keys("\u{1b}[Bk");
        terminal.shows("kill all connections: UDP, to port 53? [y/N]");
        terminal.keys("y");
        terminal.shows("3 killed.");
        assert_eq!(dump().len(), 4);
        terminal.keys("g");
        terminal.shows("every connection: 4 connections");
    });
}

#[test]
fn resizes() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(61, 200));
        let terminal = top(&[], (24, 120));
        terminal.shows(" PROTO ");
        for size in [(10, 60), (40, 200), (3, 20), (1, 1), (24, 80)] {
            terminal.resize(size);
            let fits = |lines: &[String]| {
                let full = size.0 < 2 || lines.last().is_some_and(|line| line.starts_with("/ filter"));
                full && lines.iter().all(|line| line.chars().count() <= usize::from(size.1))
            };
            terminal.until(&format!("a screen of {size:?}"), fits);
        }
        let lines = terminal.until("twenty rows", |lines| {
            lines.iter().filter(|line| line.contains(" 192.168.") || line.contains("[fd00")).count() > 10
        });
        assert!(lines[1].starts_with("every connection: 200"), "{lines:?}");
    });
}

/// Keys that were typed ahead, as while a large table is read, or pasted: none answers a question that nobody has seen, and
/// a row is one of the rows that were asked for before it was selected.
#[test]
fn keys_that_come_together() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few(1, 5));
        let mut terminal = top(&[], (24, 120));
        by_ends(&mut terminal);
        terminal.keys("\u{1b}[Bky");
        terminal.shows("? [y/N]");
        assert_eq!(dump().len(), 5);
        terminal.keys("n");
        terminal.shows("nothing was killed");
        assert_eq!(dump().len(), 5);
        // From the groups by service on to those by local host, with a row of these.
        terminal.keys("\u{1b}");
        terminal.keys("ggg");
        terminal.shows(" SERVICE ");
        terminal.keys("gg\u{1b}[B");
        let lines = terminal.shows(" LOCAL");
        assert!(lines.iter().any(|line| line.starts_with(">192.168.1.")), "{lines:?}");
        terminal.keys("q");
        assert!(terminal.ends().success());
    });
}

#[test]
fn rates_of_real_traffic() {
    in_namespace(|ns| {
        if let Err(why) = traffic::track(ns) {
            return skip(&why);
        }
        let sent = traffic::talk(3).expect("connections");
        let sender = sent.udp[0].try_clone().expect("a socket");
        let more = std::thread::spawn(move || {
            for _ in 0..400 {
                let _ = sender.send(&[0; 1000]);
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let mut terminal = top(&[], (24, 120));
        // The busiest is the first row once two readings tell it.
        terminal
            .until("a rate", |lines| lines[3].trim_start().starts_with("udp") && lines[3].contains("kbit/s"));
        assert!(terminal.lines()[0].contains("kbit/s"), "{:?}", terminal.lines());
        terminal.keys("q");
        assert!(terminal.ends().success());
        more.join().expect("its end");
    });
}

#[test]
fn tables_in_place_of_a_screen() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few(1, 9));
        let text = rctd(&["top", "--batch", "-n", "2", "--limit", "4", "dport:80"]).fine();
        let tables: Vec<&str> = text.split("\n\n").collect();
        assert_eq!(tables.len(), 2, "{text}");
        for table in tables {
            let lines: Vec<&str> = table.trim_end().lines().collect();
            assert!(lines[0].starts_with("9 of ") && lines[1].starts_with("PROTO STATE"), "{text}");
            assert_eq!(lines.len(), 6, "{text}");
        }
        let mut command = Command::new(program());
        command.args(["top", "--batch"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program to run");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let output = child.wait_with_output().expect("its end");
        assert!(output.status.success() && output.stderr.is_empty(), "its reader has left: {output:?}");
    });
}

#[test]
fn what_can_not_be_drawn_on() {
    in_namespace(|_| {
        let mut dumb = Command::new(program());
        dumb.arg("top").env("TERM", "dumb");
        let mut terminal = Terminal::start(dumb, (24, 80));
        assert_eq!(terminal.ends().code(), Some(2));
        assert!(terminal.lines().concat().contains("--batch prints tables"), "{:?}", terminal.lines());
        assert!(!terminal.raw().contains(&0x1b));
        let mut piped = Command::new(program());
        piped.arg("top").env("TERM", "xterm");
        assert!(run(piped, "").fails(2).contains("--batch prints tables"));
        for (arguments, says) in [
            (&["top", "-d", "0"][..], "--delay takes seconds"),
            (&["top", "-n", "1"], "--times goes with --batch"),
            (&["top", "prot:tcp"], "did you mean proto?"),
        ] {
            assert!(rctd(arguments).fails(2).contains(says), "{arguments:?}");
        }
    });
}
