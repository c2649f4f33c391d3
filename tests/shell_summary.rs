//! `rctd summary` against the daemon's own procedure, and as a table.
#![cfg(feature = "shell")]
mod common;

use common::daemon::Daemon;
use common::flows::{Flow, flows};
use common::inserter::Inserter;
use common::json::{self, Json};
use common::namespace::in_namespace;
use common::shell::{connect, rctd};
use common::table_size;

fn array(json: &Json) -> &[Json] {
    let Json::Array(items) = json else { panic!("no array: {json:?}") };
    items
}

#[test]
fn groups_are_those_of_the_daemon() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(71, table_size()));
        let daemon = Daemon::start(&[]);
        let place = connect(daemon.address());
        for (by, filter, sort, n) in [
            ("local", "", "connections", "20"),
            ("orig_src/24", "tcp", "key", "7"),
            ("orig_dst", "dport:443 not tcp", "connections", "5"),
            ("service", "", "bytes", "30"),
            ("tcp_state", "", "connections", "100"),
            ("zone", "mark>0", "key", "3"),
        ] {
            let direction = if sort == "key" { "ASC" } else { "DESC" };
            let call = ["call", "--connect", &place, "--", "summary", by, filter, sort, direction, "0", n];
            let expected = json::parse(&rctd(&call).fine()).expect("JSON");
            let ours = rctd(&["summary", "--by", by, "-s", sort, "-n", n, "--json", "--", filter]).fine();
            let ours: Vec<Json> = ours.lines().map(|line| json::parse(line).expect("JSON")).collect();
            assert!(!ours.is_empty(), "{by}");
            assert_eq!(ours, array(expected.get("table")), "{by} {filter}");
        }
    });
}

#[test]
fn the_table_is_for_people() {
    in_namespace(|ns| {
        let mut all: Vec<Flow> =
            (1..=3).map(|port| Flow::udp([192, 168, 1, 7], port, [192, 0, 2, 53], 53)).collect();
        all.push(Flow::tcp([192, 168, 1, 8], 1, [203, 0, 113, 1], 443));
        Inserter::new(ns).insert(&all);
        let cells = |arguments: &[&str]| -> Vec<Vec<String>> {
            let text = rctd(&[&["summary"], arguments].concat()).fine();
            text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
        };
        assert_eq!(cells(&["--by", "local"])[0], ["LOCAL", "CONNECTIONS", "BYTES", "PACKETS"]);
        assert_eq!(cells(&["--by", "local"])[1], ["192.168.1.7", "3", "-", "-"]);
        let firsts = |arguments: &[&str]| -> Vec<String> {
            cells(&[arguments, &["--no-header"]].concat()).into_iter().map(|row| row[0].clone()).collect()
        };
        assert_eq!(firsts(&["--by", "src/24"]), ["192.168.1.0/24"]);
        assert_eq!(firsts(&["--by", "service"]), ["udp/53", "tcp/443"]);
        assert_eq!(firsts(&["--by", "service", "-r"]), ["tcp/443", "udp/53"]);
        assert_eq!(firsts(&["--by", "proto", "tcp"]), ["tcp"]);
        assert_eq!(firsts(&["--by", "local", "--lan", "192.0.2.0/24"]), ["192.0.2.53", "-"]);
        assert!(cells(&["--by", "proto", "-s", "rate"])[0].contains(&"RATE".to_owned()));
    });
}

#[test]
fn command_lines_that_are_wrong() {
    for (arguments, says) in [
        (&["summary"][..], "takes --by GROUP"),
        (&["summary", "--by", "lokal"], "--by: there is no group lokal: did you mean local?"),
        (&["summary", "--by", "service/24"], "takes no prefix"),
        (&["summary", "--by", "orig_src/200"], "no prefix that an address can have"),
        (&["summary", "--by", "local", "-s", "bites"], "no order by bites"),
        (&["summary", "--by", "local", "--lan", "x"], "--lan takes an address"),
        (&["summary", "--by", "local", "prot:tcp"], "did you mean proto?"),
    ] {
        let said = rctd(arguments).fails(2);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}
