//! `rctd list` against the kernel: what it lists is what independent readers see, its JSON is what Python's json reads, and its
//! columns stand below one another.
#![cfg(feature = "shell")]
mod common;

use common::daemon::{Daemon, program};
use common::dump::dump;
use common::fields::ids;
use common::flows::{Flow, ICMP, L4, TCP, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::model;
use common::namespace::in_namespace;
use common::pty::Terminal;
use common::row::{Row, Val, differences, id};
use common::shell::{rctd as shell, run};
use common::{has_program, skip, table_size, traffic};
use rctd::query::field::FieldId;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::Ipv6Addr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Lists with these arguments and gives the ids, in the order in which they come.
#[track_caller]
fn listed(arguments: &[&str]) -> Vec<u32> {
    let text = shell(&[&["list", "-o", "id", "--no-header"], arguments].concat()).fine();
    text.lines().map(|line| line.trim().parse().expect("an id")).collect()
}

/// Reads lines of JSON with Python: a member a line, and an empty line behind each object.
const READ: &str = "
import json, sys
for line in sys.stdin:
    for name, value in json.loads(line).items():
        assert type(value) in (int, str), value
        print(name, 'i' if type(value) is int else 's', value, sep='\\t')
    print()
";

fn read_by_python(text: &str) -> Vec<Row> {
    let mut python = Command::new("python3");
    python.args(["-c", READ]);
    let out = run(python, text).fine();
    let member = |line: &str| {
        let parts: Vec<&str> = line.splitn(3, '\t').collect();
        let value =
            if parts[1] == "i" { Val::Int(parts[2].parse().expect("a number")) } else { parts[2].into() };
        (parts[0].to_owned(), value)
    };
    out.split_terminator("\n\n").map(|object| object.lines().map(member).collect()).collect()
}

#[test]
fn json_is_what_the_kernel_says() {
    if !has_program("python3") {
        return skip("python3 is not installed");
    }
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(41, table_size()));
        let text = shell(&["list", "--json"]).fine();
        let seen: BTreeMap<u32, Row> = read_by_python(&text).into_iter().map(|row| (id(&row), row)).collect();
        let expected: BTreeMap<u32, Row> = dump().into_iter().map(|row| (id(&row), row)).collect();
        assert_eq!(seen.len(), expected.len());
        for (id, row) in &expected {
            let wrong = differences(&seen[id], row, 60);
            assert!(wrong.is_empty(), "{id}: {wrong:?}");
        }
        let some = shell(&["list", "--json", "-o", "id,src,dport,bytes", "tcp"]).fine();
        for row in read_by_python(&some) {
            let names: Vec<&str> = row.keys().map(String::as_str).collect();
            assert_eq!(names, ["id", "orig_port_dst", "orig_src"], "no counters here, and nothing else");
        }
    });
}

#[test]
fn orders_and_pages_are_those_of_the_contract() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(42, table_size()));
        let rows = dump();
        for (typed, field, descending) in [
            ("sport", "orig_port_src", false),
            ("orig_src", "orig_src", false),
            ("mark", "mark", false),
            ("ends", "timeout", false),
        ] {
            let sorted = model::sorted(rows.clone(), field, descending);
            assert_eq!(listed(&["-s", typed, "-n", "40"]), ids(&sorted)[..40], "{typed}");
            let deep = ["--sort", typed, "--start", "1900", "--limit=30"];
            assert_eq!(listed(&deep), ids(&sorted)[1900..1930], "{typed}");
            let back = model::sorted(rows.clone(), field, !descending);
            assert_eq!(listed(&["-r", "-s", typed, "-n", "40"]), ids(&back)[..40], "{typed} backwards");
        }
        // All of it takes several passes, and is all of it.
        let all = listed(&["-s", "dport"]);
        assert_eq!(all, ids(&model::sorted(rows, "orig_port_dst", false)));
        assert_eq!(listed(&["--start", "10", "-n", "5"]), listed(&[])[10..15]);
        assert!(listed(&["-n", "0"]).is_empty());
    });
}

#[test]
fn filters_are_those_of_the_daemon() {
    in_namespace(|ns| {
        let mut all = flows(43, table_size());
        all.push(Flow::tcp([192, 168, 1, 5], 40_000, [192, 0, 2, 1], 443));
        all.push(Flow::tcp([192, 168, 1, 15], 40_000, [192, 0, 2, 1], 80));
        Inserter::new(ns).insert(&all);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        for words in [
            &["192.168.1.5"][..],
            &["192.168.1.5", "!port:53,123"],
            &["src:192.168.1.0/24", "!src:192.168.1.15", "dport:443"],
            &["192.0.2.1:443"],
            &["[2001:db8::1]:443"],
            &["tcp", "state:syn_sent", "is:unreplied"],
            &["mark>=0x100", "not", "is:assured"],
            &["dport:80,443,8000-8100"],
            &["dport=443"],
            &["port!=443", "udp"],
            &["--", "-port:53", "family:6"],
            &["mark:0x100/0x3f00"],
            &["zone>0"],
            &["timeout:100000-200000"],
            &["ESTABLISHED"],
            &["icmp6"],
            &["1024-2048"],
            &["not 443 tcp"],
        ] {
            let text: Vec<&str> = words.iter().copied().filter(|word| *word != "--").collect();
            let mut expected = ids(&client.view(&text.join(" ").as_str().into(), "", "ASC", (0, -1)).table);
            let mut seen = listed(words);
            seen.sort_unstable();
            expected.sort_unstable();
            assert_eq!(seen, expected, "{words:?}");
        }
    });
}

/// The table of these connections, as rows of cells; each column's cells stand below its heading.
#[track_caller]
fn table(arguments: &[&str]) -> Vec<Vec<String>> {
    let text = shell(&[&["list"], arguments].concat()).fine();
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = text.lines().map(cells).collect();
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "no cell is empty: {text}");
    // Where a column has a space in every line it is a gap: as many gaps as columns but one.
    let width = text.lines().map(str::len).max().unwrap_or(0);
    let is_blank = |at: usize| text.lines().all(|line| line.as_bytes().get(at).is_none_or(|b| *b == b' '));
    let gaps = (1..width).filter(|at| is_blank(*at) && !is_blank(at - 1)).count();
    assert_eq!(gaps + 1, rows[0].len(), "aligned:\n{text}");
    assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
    rows
}

fn few() -> Vec<Flow> {
    let v6 = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
    vec![
        Flow::tcp([192, 168, 1, 5], 40_000, [192, 0, 2, 1], 443),
        Flow { timeout: 3700, mark: 0x100, ..Flow::new(TCP, v6(1), v6(2), L4::Ports(5, 65_000)) },
        Flow { status: 1 << 3, timeout: 90, ..Flow::udp([192, 168, 1, 6], 1, [192, 0, 2, 1], 53) },
        Flow {
            timeout: 31,
            ..Flow::new(ICMP, [10, 0, 0, 1], [10, 0, 0, 2], L4::Icmp { kind: 8, code: 0, id: 1 })
        },
    ]
}

#[test]
fn the_table_is_for_people() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few());
        let rows = table(&["-s", "sport"]);
        assert_eq!(rows[0][..4], ["PROTO", "STATE", "SOURCE", "DESTINATION"]);
        assert_eq!(rows[0].last().map(String::as_str), Some("MARK"), "one has a mark");
        let of = |row: &[String], heading: &str| {
            let at =
                rows[0].iter().position(|h| h == heading).unwrap_or_else(|| panic!("no {heading}: {rows:?}"));
            row[at].clone()
        };
        let seen: Vec<_> = rows[1..]
            .iter()
            .map(|row| {
                ["PROTO", "STATE", "SOURCE", "DESTINATION", "BYTES", "MARK"].map(|heading| of(row, heading))
            })
            .collect();
        assert_eq!(
            seen,
            [
                ["udp", "unreplied", "192.168.1.6:1", "192.0.2.1:53", "-", "0x0"],
                ["tcp", "established", "[2001:db8::1]:5", "[2001:db8::2]:65000", "-", "0x100"],
                ["tcp", "established", "192.168.1.5:40000", "192.0.2.1:443", "-", "0x0"],
                ["icmp", "assured", "10.0.0.1", "10.0.0.2", "-", "0x0"],
            ]
        );
        let ends: Vec<String> = rows[1..].iter().map(|row| of(row, "ENDS")).collect();
        let day = ["23h59m", "1d0h"].contains(&ends[2].as_str());
        assert!(ends[0].starts_with("1m") && ends[1].starts_with("1h1m") && day, "{ends:?}");
        assert!(!table(&["udp"])[0].contains(&"MARK".to_owned()), "none of these has one");
        assert_eq!(table(&["--no-header", "-o", "proto,dport", "dport:53"]), [["udp", "53"]]);
        let exact = table(&["--bytes", "-o", "timeout,proto", "icmp"]);
        assert!(exact[1][0].parse::<u32>().is_ok_and(|left| left > 25), "{exact:?}");
        assert_eq!(table(&["-s", "mark", "-r", "-n", "1", "-o", "state,mark"])[1], ["established", "0x100"]);
        assert_eq!(table(&["dport:1"]).len(), 1, "headings alone");
    });
}

/// On a terminal lines are as wide as it is at most, what is cut ends in a sign, and the last line tells how many there are.
#[test]
fn the_width_of_a_terminal_is_respected() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(45, 40));
        for (columns, is_cut) in [(200, false), (70, true), (20, true)] {
            let mut command = Command::new(program());
            command.args(["list", "-s", "dport", "-n", "12"]);
            let mut terminal = Terminal::start(command, (40, columns));
            assert!(terminal.ends().success());
            let shown = String::from_utf8(terminal.raw()).expect("text");
            assert!(!shown.contains('\u{1b}'), "nothing but text: {shown:?}");
            let lines: Vec<&str> = shown.lines().collect();
            assert_eq!(lines.len(), 14, "{shown}");
            assert!(
                lines[..13].iter().all(|line| line.chars().count() <= usize::from(columns)),
                "{columns}: {shown}"
            );
            assert_eq!(lines[..13].iter().any(|line| line.contains('~')), is_cut, "{columns}: {shown}");
            assert!(lines[13].starts_with("12 of 40 (40 in the table, "), "{shown}");
        }
        let all = shell(&["list"]).fine();
        assert!(!all.contains('~') && all.lines().count() == 41, "nothing is cut in a pipe: {all}");
        Inserter::new(ns).flush();
        let mut command = Command::new(program());
        command.arg("list");
        let mut terminal = Terminal::start(command, (40, 200));
        assert!(terminal.ends().success());
        terminal.shows("the table is empty: the kernel tracks connections only where");
    });
}

#[test]
fn units_and_rates_of_real_traffic() {
    in_namespace(|ns| {
        if let Err(why) = traffic::track(ns) {
            return skip(&why);
        }
        let sent = traffic::talk(12).expect("connections");
        let exact = table(&["-s", "bytes", "--bytes", "-o", "bytes,packets", "-n", "8"]);
        let bytes: Vec<u64> = exact[1..].iter().map(|row| row[0].parse().expect("a number")).collect();
        assert!(bytes.is_sorted_by(|a, b| a >= b) && bytes[0] > 1800, "the largest first: {bytes:?}");
        let people = table(&["-s", "bytes", "-o", "bytes", "-n", "1"]);
        assert_eq!(people[1][0], format!("{}.{}kB", bytes[0] / 1000, bytes[0] % 1000 / 100));
        // A rate is known after two readings, a second apart, of connections that move.
        let sender = sent.udp[0].try_clone().expect("a socket");
        let more = std::thread::spawn(move || {
            for _ in 0..150 {
                let _ = sender.send(&[0; 1000]);
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let rates = table(&["-s", "rate", "--bytes", "-n", "3"]);
        more.join().expect("its end");
        let at = rates[0].iter().position(|heading| heading == "RATE").expect("a rate");
        let rate: u64 = rates[1][at].parse().expect("a number");
        assert!((20_000..200_000).contains(&rate), "some 100 packets of 1028 bytes a second: {rates:?}");
        assert_eq!(rates[2][at], "0", "the others stand still: {rates:?}");
    });
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(44, table_size()));
        for more in [&[][..], &["-s", "dport"], &["--json"]] {
            let mut command = Command::new(program());
            command.arg("list").args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("the program to run");
            let mut line = String::new();
            BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
            // Here the reader is gone.
            let output = child.wait_with_output().expect("its end");
            assert!(output.status.success() && output.stderr.is_empty(), "{more:?}: {output:?}");
            assert!(!line.is_empty());
        }
    });
}

#[test]
fn errors_show_the_place() {
    for (arguments, says) in [
        (
            &["list", "src:192.168.1.77", "prot:tcp"][..],
            "did you mean proto?\n  src:192.168.1.77 prot:tcp\n                   ^^^^\n",
        ),
        (&["list", "dport:80,x"], "\n  dport:80,x\n           ^\n"),
        (&["list", "\u{fc}ber:\u{1b}x"], "\n  \u{fc}ber:?x\n  ^"),
        (&["list", "-s", "port"], "--sort: port has several values"),
        (&["list", "-s", "byte"], "did you mean bytes?"),
        (&["list", "-o", "id,sorce"], "did you mean source?"),
        (&["list", "--json", "-o", "destination"], "destination is no field, and JSON has fields alone"),
        (&["list", "-n", "-1"], "--limit takes a number, not \"-1\""),
        (&["list", "-n"], "-n takes a value"),
        (&["list", "-port:53"], "two dashes before it make it a word"),
        (&["list", "-n", "1", "-n", "2"], "-n is given twice"),
        (&["list", &"tcp ".repeat(200)], "longer than 512 bytes"),
    ] {
        let said = shell(arguments).fails(2);
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    assert!(shell(&["list", "--help"]).fine().starts_with("rctd list lists"));
    assert!(shell(&["list", "tcp", "-h"]).fine().starts_with("rctd list lists"));
}

#[test]
fn who_may_not_read_is_told_what_to_do() {
    in_namespace(|_| {
        for command in [&["list"][..], &["kill", "--yes", "tcp"]] {
            let mut without = Command::new(program());
            without.args(command);
            // SAFETY: one system call between fork and exec: the program is never given CAP_NET_ADMIN (12).
            #[allow(unsafe_code)]
            unsafe {
                without.pre_exec(|| match libc::prctl(libc::PR_CAPBSET_DROP, 12, 0, 0, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                })
            };
            let said = run(without, "").fails(1);
            assert!(said.contains("CAP_NET_ADMIN") && said.contains("as root"), "{said}");
        }
    });
}

/// What a host calls itself in its request for a lease is anything.
#[test]
fn names_of_hosts_are_text() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&few());
        let folder = Folder::new();
        let (leases, hosts) = (folder.path().join("leases"), folder.path().join("hosts"));
        std::fs::write(
            &leases,
            "4000000000 02:00:00:00:00:01 192.168.1.5 evil\u{1b}[2J\u{1b}]0;x\u{7}\u{202e} *\n",
        )
        .expect("a file");
        std::fs::write(&hosts, "192.0.2.1 web.example\n192.168.1.6 k\u{fc}che\n").expect("a file");
        let files = ["--leases", &leases.display().to_string(), "--hosts", &hosts.display().to_string()]
            .map(str::to_owned);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let named = |more: &[&str]| shell(&[&["list"], &files[..], more].concat());
        let text = named(&["-o", "source,destination,orig_src_name", "dport:443"]).out;
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        let row: Vec<&str> = text.lines().last().expect("a row").split_whitespace().collect();
        assert!(row.len() == 3 && row[1] == "web.example:443", "{text}");
        assert!(row[0].ends_with(":40000"), "{text}");
        let kitchen = named(&["--no-header", "-o", "source", "name:web", "udp"]).fine();
        assert_eq!(kitchen, "k\u{fc}che:1\n");
    });
}

#[test]
fn empty_tables() {
    in_namespace(|_| {
        let nat = if FieldId::named("nat").is_some() { "NAT " } else { "" };
        assert_eq!(shell(&["list"]).fine(), format!("PROTO STATE SOURCE DESTINATION {nat}BYTES ENDS\n"));
        assert_eq!(shell(&["list", "--json", "-s", "rate"]).fine(), "");
        assert_eq!(shell(&["list", "--no-header", "udp"]).fine(), "");
    });
}
