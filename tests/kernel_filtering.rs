//! What the kernel filters and what the daemon filters alone: the same rows either way.
mod common;

use common::client::Client;
use common::daemon::Daemon;
use common::fields::page_ids;
use common::flows::flows;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::table_size;
use common::xml::{Value, members, strings};

/// Filters of which the kernel can judge all, a part or nothing.
fn filters() -> Vec<Value> {
    let one = |name: &'static str, wanted: &str| members([(name, wanted.into())]);
    let mut filters: Vec<Value> = [
        ("orig_ipv4_src", "192.168.1.10"),
        ("orig_ipv4_dst", "192.0.2.1"),
        ("repl_ipv4_src", "192.0.2.1"),
        ("repl_ipv4_dst", "198.51.100.1"),
        ("orig_ipv6_src", "fd00::1"),
        ("orig_ipv6_dst", "2001:db8::1"),
        ("repl_ipv6_src", "2001:db8::1"),
        ("orig_src", "192.168.0.0/16"),
        ("orig_src", "fd00::/8"),
        ("host", "192.0.2.1"),
        ("host", "2001:db8::1"),
        ("orig_l3proto", "2"),
        ("orig_l3proto", "10"),
        ("repl_l3proto", "2"),
        ("orig_l4proto", "6"),
        ("orig_l4proto", "17"),
        ("orig_l4proto", "1"),
        ("orig_l4proto", "58"),
        ("orig_l4proto", "132"),
        ("repl_l4proto", "17"),
        ("orig_l4proto", "!6"),
        ("orig_port_dst", "443"),
        ("port", "53"),
        ("icmp_type", "8"),
        ("mark", "0"),
        ("mark", "5"),
        ("mark", "0x100/0xf00"),
        ("mark", "!5"),
        ("status", "2/2"),
        ("status", "0/4"),
        ("status", "0/0"),
        ("mark", "0/0"),
        ("zone", "7"),
        ("zone", "1-9"),
        ("orig_l3proto", "3"),
        ("orig_l4proto", "255"),
        ("orig_l4proto", "!tcp,udp"),
        ("status", "unreplied"),
        ("status", "!nat"),
        ("orig_port_dst", "https,53"),
        ("zone", "0"),
        ("zone", "!7"),
        ("orig_src", "192.168.1.5-192.168.1.20"),
        ("host", "!192.0.2.1,192.0.2.2"),
    ]
    .into_iter()
    .map(|(name, wanted)| one(name, wanted))
    .collect();
    let ports = [("orig_l4proto", 6, "orig_port_dst", 443), ("orig_l4proto", 17, "orig_port_dst", 53)];
    for (protocol, number, port, wanted) in ports {
        filters.push(members([(protocol, Value::Int(number)), (port, Value::Int(wanted))]));
        filters.push(members([
            ("orig_l3proto", Value::Int(2)),
            (protocol, Value::Int(number)),
            (port, Value::Int(wanted)),
        ]));
    }
    for (protocol, kind) in [(1, 8), (58, 128), (1, 3), (1, 128), (58, 8), (58, 1), (6, 8)] {
        filters.push(members([
            ("orig_l4proto", Value::Int(protocol)),
            ("icmp_type", Value::Int(kind)),
            ("icmp_code", Value::Int(0)),
        ]));
    }
    filters.push(members([("repl_l4proto", Value::Int(6)), ("repl_port_src", Value::Int(443))]));
    filters.push(members([("orig_ipv4_src", "192.168.1.10".into()), ("orig_ipv6_src", "fd00::1".into())]));
    filters.push(members([("orig_ipv4_dst", strings(["192.0.2.1", "192.0.2.2"])), ("mark", "0".into())]));
    filters.push(members([("mark", "4/4".into()), ("status", "4/4".into()), ("orig_l4proto", "6".into())]));
    filters
}

/// Entries that the daemon has read from the kernel so far.
fn entries(client: &mut Client) -> i64 {
    client.ask("stats", &[]).expect("stats").get("daemon").get("entries").int()
}

#[test]
fn the_kernel_and_the_daemon_find_the_same_rows() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(71, table_size()));
        let (filtered, plain) = (Daemon::start(&[]), Daemon::start(&["--no-kernel-filter"]));
        let (mut with, mut without) = (filtered.client(), plain.client());
        let mut some = 0;
        for filter in filters() {
            // Sorted in one pass, deep, the kernel's order in one pass, and streamed.
            for (order, page) in [("id", (0, 50)), ("id", (30, 2000)), ("", (0, 40)), ("", (0, -1))] {
                let found = page_ids(&mut with, &filter, order, "ASC", page);
                let expected = page_ids(&mut without, &filter, order, "ASC", page);
                assert_eq!(found, expected, "{filter:?} by {order:?} {page:?}");
                some += usize::from(found.0 > 0);
            }
        }
        assert!(some > 100, "the filters must find something: {some}");
    });
}

#[test]
fn the_kernel_does_filter() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(72, table_size()));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let all = client.all().total;
        for filter in filters() {
            page_ids(&mut client, &filter, "id", "ASC", (0, 10));
        }
        assert!(!daemon.log().contains("refuse"), "{}", daemon.log());
        for filter in [
            members([("orig_ipv4_dst", "192.0.2.1".into())]),
            members([("orig_l4proto", Value::Int(17)), ("orig_port_dst", Value::Int(53))]),
            members([("orig_l4proto", Value::Int(1))]),
            members([("mark", "5".into())]),
            members([("orig_l3proto", Value::Int(10))]),
        ] {
            let before = entries(&mut client);
            let (total, _) = page_ids(&mut client, &filter, "id", "ASC", (0, 10));
            let read = entries(&mut client) - before;
            assert!(total > 0 && read < all, "{filter:?}: {read} entries of {all} were read for {total}");
        }
    });
}
