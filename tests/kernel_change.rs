//! `change` against a real kernel: marks and timeouts, read back by others.
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::expect_fault;
use common::flows::{Flow, IPS_FIXED_TIMEOUT, flows};
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::row::{self, Row, id};
use common::xml::Value;
use common::{skip, traffic, witness};

/// The connection with this id as `conntrack` shows it, or else the tests' own reader.
fn read_back(wanted: u32) -> Row {
    let rows: Vec<Row> = if common::has_program("conntrack") {
        witness::conntrack(&[]).into_iter().map(|seen| seen.row).collect()
    } else {
        dump()
    };
    rows.into_iter().find(|row| id(row) == wanted).expect("the connection is still there")
}

#[track_caller]
fn mark(client: &mut Client, id: u32, value: impl Into<Value>) -> Option<u64> {
    assert_eq!(client.change("mark", id, value), Ok(Value::Bool(true)));
    row::int(&read_back(id), "mark")
}

#[test]
fn marks_are_set_whole_or_in_part() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(31, 300));
        let before = dump();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let one = id(&before[150]);
        assert_eq!(mark(client, one, 7), Some(7));
        assert_eq!(mark(client, one, "0xff00"), Some(0xff00));
        assert_eq!(mark(client, one, "0x1/0x3"), Some(0xff01), "the other bits stay");
        assert_eq!(mark(client, one, "0/0xf000"), Some(0x0f01));
        assert_eq!(mark(client, one, "2147483648/0x80000000"), Some(0x8000_0f01));
        assert_eq!(mark(client, one, "0/0"), Some(0x8000_0f01), "no bit at all");
        assert_eq!(mark(client, one, Value::I8(3_000_000_000)), Some(3_000_000_000));
        assert_eq!(mark(client, one, Value::Int(-1)), Some(4_294_967_295), "as PHP sends it");
        assert_eq!(mark(client, one, "0"), Some(0));
        assert_eq!(mark(client, one, "0x9/0xffffffff"), Some(9));
        // Nobody else's changed, nor anything else of it.
        for (row, old) in dump().iter().zip(&before) {
            let mut old = old.clone();
            if id(row) == one {
                old.insert("mark".into(), 9.into());
            }
            assert_eq!(row::differences(row, &old, 30), [""; 0]);
        }
    });
}

#[test]
fn a_timeout_is_set_and_fixed() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(32, 300));
        let rows = dump();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        for (row, value, low, high) in [
            (&rows[0], Value::Int(500), 470, 500),
            (&rows[1], "0x1000".into(), 4066, 4096),
            // The kernel keeps a timeout in ticks of a signed 32-bit count: at least 2^31 / 1000 seconds.
            (&rows[2], Value::I8(3_000_000_000), 2_000_000, 3_000_000_000),
            (&rows[3], Value::Int(-1), 2_000_000, 4_294_967_295),
        ] {
            assert_eq!(client.change("timeout", id(row), value.clone()), Ok(Value::Bool(true)), "{value:?}");
            let seconds = row::int(&read_back(id(row)), "timeout").expect("a timeout");
            assert!((low..=high).contains(&seconds), "{value:?} reads back as {seconds}");
        }
        let is_fixed = |row: &Row| row::int(row, "status").expect("a status") as u32 & IPS_FIXED_TIMEOUT != 0;
        let mut fixed: Vec<u32> = dump().iter().filter(|row| is_fixed(row)).map(id).collect();
        let mut expected: Vec<u32> = rows[..4].iter().map(id).collect();
        fixed.sort();
        expected.sort();
        assert_eq!(fixed, expected, "these have a fixed timeout and nobody else");
        // Everything but timeout and status is as it was.
        for (now, old) in dump().iter().zip(&rows) {
            let strip = |row: &Row| {
                let mut row = row.clone();
                row.retain(|name, _| name != "timeout" && name != "status");
                row
            };
            assert_eq!(row::differences(&strip(now), &strip(old), 0), [""; 0]);
        }
    });
}

/// What `fixed` is for: traffic does not put the timeout back.
#[test]
fn traffic_does_not_renew_a_fixed_timeout() {
    in_namespace(|ns| {
        if let Err(reason) = traffic::track(ns) {
            return skip(&reason);
        }
        let open = traffic::talk(1).expect("traffic over loopback");
        let folder = common::folder::Folder::new();
        let daemon = Daemon::start_on(&[&format!("unix:{}", folder.path().join("rctd.sock").display())], &[]);
        let mut client = daemon.client();
        let udp = dump()
            .into_iter()
            .find(|row| row::int(row, "orig_l4proto") == Some(17))
            .expect("a UDP connection");
        assert_eq!(client.change("timeout", id(&udp), 5000), Ok(Value::Bool(true)));
        let sent = open
            .udp
            .iter()
            .filter(|socket| socket.peer_addr().is_ok() && socket.send(b"again").is_ok())
            .count();
        assert_eq!(sent, 2);
        let now = row::int(&read_back(id(&udp)), "timeout");
        assert!(now > Some(4900), "traffic has set the timeout to {now:?}");
    });
}

/// A connection in a zone, and one of each kind: each is found by its whole key.
#[test]
fn any_kind_of_connection_can_be_changed() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(33, 400));
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let mut kinds = std::collections::BTreeMap::new();
        for row in dump() {
            kinds
                .entry((
                    row["orig_l4proto"].clone(),
                    row["orig_l3proto"].clone(),
                    row::int(&row, "zone") != Some(0),
                ))
                .or_insert(row);
        }
        assert!(kinds.len() > 20, "only {} kinds", kinds.len());
        for row in kinds.values() {
            assert_eq!(mark(client, id(row), 77), Some(77), "{row:?}");
        }
        let marked = dump().iter().filter(|row| row::int(row, "mark") == Some(77)).count();
        assert_eq!(marked, kinds.len());
    });
}

#[test]
fn what_is_no_value_changes_nothing() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        let flow = Flow::udp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 53);
        inserter.insert(std::slice::from_ref(&flow));
        let before = dump();
        let here = id(&before[0]);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let wrong: [Value; 13] = [
            "".into(),
            "one".into(),
            "-1".into(),
            "1.5".into(),
            "4294967296".into(),
            "0xg".into(),
            "1/".into(),
            "/1".into(),
            "1/2/3".into(),
            Value::Nil,
            Value::I8(4_294_967_296),
            Value::Array(vec![Value::Int(1)]),
            Value::Double(0.5),
        ];
        for value in wrong {
            expect_fault(client.change("mark", here, value.clone()), -32602, "field_value");
            expect_fault(client.change("timeout", here, value), -32602, "field_value");
        }
        expect_fault(client.change("mark", here, "5/4"), -32602, "field_value"); // bit 0 is outside the mask
        expect_fault(client.change("timeout", here, "4/4"), -32602, "field_value");
        expect_fault(client.change("marc", here, 1), 3, "marc");
        let unchangeable = client.change("status", here, 1).expect_err("a status can't be changed");
        assert!([3, -32602].contains(&unchangeable.code), "{unchangeable:?}");
        for id in ["", "abc", "-5", "4294967296"] {
            expect_fault(client.change("mark", id, 1), -32602, "connection_id");
        }
        expect_fault(client.change("mark", here ^ 1, 1), 4, &(here ^ 1).to_string());
        expect_fault(client.ask("change", &["mark".into(), here.to_string().into()]), -32602, "field_value");
        assert_eq!(row::differences(&dump()[0], &before[0], 30), [""; 0]);
        assert_eq!(inserter.delete(&[flow]), [0]);
        expect_fault(client.change("mark", here, 1), 4, &here.to_string());
    });
}
