//! Summaries of a real kernel's table, against a count of what another reader of it sees.
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::{expect_fault, none};
use common::flows::flows;
use common::inserter::Inserter;
use common::model::filtered;
use common::namespace::in_namespace;
use common::row::{Row, Val};
use common::xml::{Value, members};
use std::collections::BTreeMap;

/// The address of this end, of either family.
fn address(row: &Row, end: &str) -> Option<String> {
    let (direction, side) = end.split_once('_').expect("a direction and a side");
    let found = ["ipv4", "ipv6"].iter().find_map(|family| row.get(&format!("{direction}_{family}_{side}")));
    found.map(|value| value.to_string().trim_matches('"').to_owned())
}

fn is_inside(address: &str) -> bool {
    address.starts_with("192.168.") || address.starts_with("2001:db8:1:")
}

/// The key of a row's group, as text.
fn key(group: &str, row: &Row) -> Option<String> {
    let ends = || ["orig_src", "repl_src"].map(|end| address(row, end).expect("an address"));
    match group {
        "orig_src" | "orig_dst" | "repl_src" => address(row, group),
        "local" | "remote" => {
            let ends = ends();
            let inside = ends.each_ref().map(|end| is_inside(end));
            let [begins, answers] = ends;
            match (group, inside) {
                (_, [false, false]) | ("remote", [true, true]) => None,
                ("local", [true, _]) | ("remote", [false, true]) => Some(begins),
                _ => Some(answers),
            }
        }
        "service" => {
            let protocol = match row.get("orig_l4proto") {
                Some(Val::Int(1)) => "icmp".to_owned(),
                Some(Val::Int(6)) => "tcp".to_owned(),
                Some(Val::Int(17)) => "udp".to_owned(),
                Some(Val::Int(33)) => "dccp".to_owned(),
                Some(Val::Int(47)) => "gre".to_owned(),
                Some(Val::Int(50)) => "esp".to_owned(),
                Some(Val::Int(58)) => "icmpv6".to_owned(),
                Some(Val::Int(132)) => "sctp".to_owned(),
                Some(Val::Int(136)) => "udplite".to_owned(),
                other => other.expect("a protocol").to_string(),
            };
            Some(match row.get("orig_port_dst") {
                Some(port) => format!("{protocol}/{port}"),
                None => protocol,
            })
        }
        _ => row.get(group).map(Val::to_string),
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Str(text) => text.clone(),
        Value::Double(number) => number.to_string(),
        other => panic!("no key: {other:?}"),
    }
}

/// Keys and connections of a summary's rows.
fn counts(summary: &Value, group: &str) -> BTreeMap<Option<String>, i64> {
    let rows = summary.get("table").array();
    let count = |row: &Value| {
        let Value::Struct(members) = row else { panic!("a row: {row:?}") };
        (members.get(group).map(written), row.get("connections").int())
    };
    let counts: BTreeMap<_, _> = rows.iter().map(count).collect();
    assert_eq!(counts.len(), rows.len(), "each key is there once");
    counts
}

fn ask(client: &mut Client, params: &[Value]) -> Value {
    client.ask("summary", params).unwrap_or_else(|fault| panic!("{params:?}: {fault:?}"))
}

#[test]
fn groups_are_those_of_the_listing() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(61, 3000));
        let lan = ["--lan", "192.168.0.0/16", "--lan", "2001:db8:1::/48"];
        let daemons = [Daemon::start(&lan), Daemon::start(&[&lan[..], &["--no-kernel-filter"]].concat())];
        let table = dump();
        for daemon in &daemons {
            let mut client = daemon.client();
            for filters in
                [none(), members([("orig_l4proto", 17.into())]), members([("host", "192.168.0.0/16".into())])]
            {
                let rows = filtered(&table, &filters);
                assert!(rows.len() > 100);
                for group in [
                    "orig_src",
                    "orig_dst",
                    "repl_src",
                    "local",
                    "remote",
                    "service",
                    "orig_l4proto",
                    "tcp_state",
                    "zone",
                    "mark",
                ] {
                    let mut expected = BTreeMap::new();
                    rows.iter().for_each(|row| *expected.entry(key(group, row)).or_insert(0) += 1);
                    let summary = ask(&mut client, &[group.into(), filters.clone()]);
                    assert_eq!(counts(&summary, group), expected, "{group} of {filters:?}");
                    let number = |name: &str| summary.get(name).int();
                    assert_eq!(number("total") as usize, expected.len());
                    assert_eq!(number("matched") as usize, rows.len());
                    assert_eq!((number("exact"), number("count")), (1, 3000));
                }
            }
        }
    });
}

/// Pages put together are the whole, in every order.
#[test]
fn pages_are_parts_of_the_whole() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(62, 2000));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        for order in ["connections", "bytes", "packets", "key"] {
            for direction in ["ASC", "DESC"] {
                let mut page = |start: i64, length: i64| {
                    let params: [Value; 6] = [
                        "orig_src/28".into(),
                        none(),
                        order.into(),
                        direction.into(),
                        start.into(),
                        length.into(),
                    ];
                    ask(&mut client, &params).get("table").array().to_vec()
                };
                let whole = page(0, -1);
                assert!(whole.len() > 10);
                let step = whole.len() / 6;
                let pages: Vec<Value> = (0..whole.len())
                    .step_by(step)
                    .flat_map(|start| page(start as i64, step as i64))
                    .collect();
                assert_eq!(pages, whole, "{order} {direction}");
            }
        }
        expect_fault(client.ask("summary", &["orig_scr".into()]), -32602, "did you mean orig_src?");
        expect_fault(client.ask("summary", &["local/129".into()]), -32602, "no prefix");
    });
}
