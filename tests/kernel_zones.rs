//! Zones that hold for one direction, states of SCTP and keys of GRE, against a real kernel.
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::dump::dump;
use common::flows::{Flow, GRE, L4, SCTP};
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::row::{self, Row, differences, id, int};
use common::xml::{Value, members, strings};
use common::{has_program, skip, traffic};
use std::net::{Ipv4Addr, UdpSocket};

/// A port for each way to have a zone: none, one for both directions, one for each direction alone.
const PLAIN: u16 = 7001;
const BOTH: u16 = 7002;
const ORIGINAL: u16 = 7003;
const REPLY: u16 = 7004;
/// The daemon's own connections are not tracked.
const RULES: &str = "table inet zones {
    chain first {
        type filter hook output priority -300;
        meta l4proto tcp notrack
        udp dport 7002 ct zone set 9
        udp dport 7003 ct original zone set 7
        udp dport 7004 ct reply zone set 8
    }
    chain then { type filter hook output priority 0; ct state new accept; }
}
";

/// Sends a datagram to each of the four ports, all from one; false if the kernel can't do that.
fn talk() -> bool {
    if !has_program("nft") {
        skip("zones need nft, which is not installed");
        return false;
    }
    if let Err(error) = traffic::nft(RULES) {
        skip(&format!("nft: {error}"));
        return false;
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the namespace");
    for port in [PLAIN, BOTH, ORIGINAL, REPLY] {
        socket.send_to(b".", (Ipv4Addr::LOCALHOST, port)).expect("sent");
    }
    true
}

/// The ports of the connections that a filter finds, whether the kernel filters or not.
#[track_caller]
fn found(clients: &mut [Client], filter: (&str, Value)) -> Vec<u64> {
    let filter = members([filter]);
    let mut ports = clients.iter_mut().map(|client| {
        let view = client.view(&filter, "orig_port_dst", "ASC", (0, -1));
        view.table.iter().map(|row| int(row, "orig_port_dst").expect("a port")).collect::<Vec<_>>()
    });
    let first = ports.next().expect("one client");
    assert!(ports.all(|other| other == first), "{filter:?}");
    first
}

fn the(port: u16) -> Row {
    let rows = dump();
    rows.into_iter().find(|row| int(row, "orig_port_dst") == Some(port.into())).expect("the connection")
}

#[test]
fn zones_of_one_direction_are_fields() {
    in_namespace(|_| {
        if !talk() {
            return;
        }
        let daemons = [Daemon::start(&[]), Daemon::start(&["--no-kernel-filter"])];
        let clients = &mut daemons.each_ref().map(Daemon::client);
        for client in &mut *clients {
            let view = client.view(&members([]), "orig_port_dst", "ASC", (0, -1));
            let zones: Vec<_> = view
                .table
                .iter()
                .map(|row| ["orig_port_dst", "zone", "orig_zone", "repl_zone"].map(|field| int(row, field)))
                .collect();
            let of = |port: u16, zone, orig, repl| [Some(port.into()), Some(zone), orig, repl];
            assert_eq!(
                zones,
                [
                    of(PLAIN, 0, None, None),
                    of(BOTH, 9, None, None),
                    of(ORIGINAL, 0, Some(7), None),
                    of(REPLY, 0, None, Some(8)),
                ]
            );
        }
        let ports = |ports: &[u16]| ports.iter().copied().map(u64::from).collect::<Vec<_>>();
        for (field, value, expected) in [
            ("zone", Value::Int(0), ports(&[PLAIN, ORIGINAL, REPLY])),
            ("zone", Value::Int(9), ports(&[BOTH])),
            ("zone", Value::Int(7), ports(&[])),
            ("zone", "!9".into(), ports(&[PLAIN, ORIGINAL, REPLY])),
            ("zone", strings(["0", "9"]), ports(&[PLAIN, BOTH, ORIGINAL, REPLY])),
            ("orig_zone", Value::Int(7), ports(&[ORIGINAL])),
            ("repl_zone", Value::Int(8), ports(&[REPLY])),
            ("orig_zone", Value::Int(8), ports(&[])),
        ] {
            assert_eq!(found(clients, (field, value.clone())), expected, "{field} {value:?}");
        }
    });
}

/// The zone is a part of the key: without it the kernel finds nobody, or somebody else.
#[test]
fn each_is_changed_and_killed_alone() {
    in_namespace(|_| {
        if !talk() {
            return;
        }
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let all = [PLAIN, BOTH, ORIGINAL, REPLY];
        for (mark, port) in (1..).zip(all) {
            let before = dump();
            let one = id(&the(port));
            assert_eq!(client.change("mark", one, Value::Int(mark)), Ok(Value::Bool(true)), "{port}");
            assert_eq!(int(&the(port), "mark"), Some(mark as u64), "{port}");
            assert_eq!(client.change("timeout", one, Value::Int(900)), Ok(Value::Bool(true)), "{port}");
            assert!(int(&the(port), "timeout").is_some_and(|seconds| seconds > 800), "{port}");
            // Nobody else's changed.
            for (row, old) in dump().iter().zip(&before).filter(|(row, _)| id(row) != one) {
                assert_eq!(differences(row, old, 30), [""; 0]);
            }
        }
        for (nth, port) in all.into_iter().enumerate() {
            let one = id(&the(port));
            assert_eq!(client.kill(strings([one])), Ok(1), "{port}");
            let left: Vec<u32> = dump().iter().map(id).collect();
            assert!(left.len() == all.len() - nth - 1 && !left.contains(&one), "{port}: {left:?}");
        }
    });
}

/// A snapshot keeps what a view of the table shows.
#[test]
fn a_snapshot_has_them_too() {
    in_namespace(|ns| {
        if !talk() {
            return;
        }
        Inserter::new(ns).insert(&made_up());
        let daemon = Daemon::start(&["--snapshot-flows", "100"]);
        let client = &mut daemon.client();
        let rows = |client: &mut Client| {
            let mut rows = client.view(&members([]), "id", "ASC", (0, -1)).table;
            rows.iter_mut().for_each(|row| row.retain(|name, _| name != "timeout" && name != "use"));
            rows
        };
        let live = rows(client);
        client.ask("set_autorefresh", &[0.into()]).expect("a snapshot");
        assert_eq!(rows(client), live);
        for field in ["orig_zone", "repl_zone", "sctp_state", "gre_key_src", "gre_key_dst"] {
            assert!(live.iter().any(|row| row.contains_key(field)), "{field}");
        }
    });
}

fn made_up() -> [Flow; 3] {
    let (near, far) = (Ipv4Addr::new(192, 168, 1, 2), Ipv4Addr::new(192, 0, 2, 80));
    let mut sctp = Flow::new(SCTP, near, far, L4::Ports(40_001, 36_412));
    sctp.sctp_state = Some(4);
    [
        sctp,
        Flow::new(SCTP, near, far, L4::Ports(40_002, 36_412)),
        Flow::new(GRE, near, far, L4::Ports(0x1234, 0xabcd)),
    ]
}

#[test]
fn states_of_sctp_and_keys_of_gre_are_fields() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&made_up());
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let mut one = |field, value: i64| {
            let view = client.view(&members([(field, Value::I8(value))]), "", "ASC", (0, -1));
            let [row] = &view.table[..] else { panic!("{field} {value}: {view:?}") };
            row.clone()
        };
        let established = one("sctp_state", 4);
        assert_eq!(int(&established, "orig_port_src"), Some(40_001));
        assert!(!established.contains_key("tcp_state"));
        let tunnel = one("gre_key_src", 0x1234);
        assert_eq!(one("gre_key_dst", 0xabcd), tunnel);
        assert_eq!((int(&tunnel, "gre_key_src"), int(&tunnel, "gre_key_dst")), (Some(0x1234), Some(0xabcd)));
        // Keys are no ports.
        assert_eq!((int(&tunnel, "orig_port_src"), row::int(&tunnel, "sctp_state")), (None, None));
    });
}
