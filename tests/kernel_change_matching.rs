//! `change_matching` against a real kernel: exactly those that match, read back by the tests' own reader.
mod common;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::expect_fault;
use common::flows::{Flow, IPS_FIXED_TIMEOUT, flows};
use common::inserter::Inserter;
use common::model::filtered;
use common::namespace::in_namespace;
use common::row::{self, Row, id};
use common::xml::{Value, members};
use common::{skip, traffic};
use std::collections::BTreeSet;

fn set(rows: &[Row]) -> BTreeSet<u32> {
    rows.iter().map(id).collect()
}

#[test]
fn marks_of_all_that_match_and_of_no_other() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(91, 1500));
        let before = dump();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        for (nth, filters) in [
            members([("orig_l4proto", Value::Int(17))]),
            members([("orig_l4proto", Value::Int(6)), ("tcp_state", Value::Int(3))]),
            members([("orig_src", "192.168.0.0/16".into())]),
            members([("orig_l3proto", Value::Int(10)), ("zone", "!0".into())]),
        ]
        .into_iter()
        .enumerate()
        {
            let bit = 0x1000_u32 << nth;
            let meant = filtered(&before, &filters);
            assert!(meant.len() > 5, "{filters:?}: {}", meant.len());
            let without = meant.iter().filter(|row| !has(row, bit)).count() as i64;
            let value = format!("{bit:#x}/{bit:#x}");
            let changed = client.ask("change_matching", &["mark".into(), filters.clone(), value.into()]);
            assert_eq!(changed, Ok(Value::Int(without)), "{filters:?}");
            let now = dump();
            let meant = set(&meant);
            for row in &now {
                let old = before.iter().find(|old| id(old) == id(row)).expect("the same table");
                assert_eq!(has(row, bit), has(old, bit) || meant.contains(&id(row)), "{row:?}");
            }
        }
        // All else is as it was.
        for (row, old) in dump().iter().zip(&before) {
            let mark = row::int(row, "mark").expect("a mark") & !0xf000
                | row::int(old, "mark").expect("one") & 0xf000;
            let mut row = row.clone();
            row.insert("mark".into(), mark.into());
            assert_eq!(row::differences(&row, old, 60), [""; 0]);
        }
        daemon.says("changed", 4);
        daemon.says("connections that match: UDP: mark 0x1000/0x1000", 1);
    });
}

fn has(row: &Row, bit: u32) -> bool {
    row::int(row, "mark").expect("a mark") as u32 & bit != 0
}

#[test]
fn timeouts_are_set_and_fixed_and_0_ends() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(92, 600));
        let before = dump();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let udp = members([("orig_l4proto", Value::Int(17))]);
        let meant = set(&filtered(&before, &udp));
        let answer = client.ask("change_matching", &["timeout".into(), udp.clone(), Value::Int(5000)]);
        assert_eq!(answer, Ok(Value::Int(meant.len() as i64)));
        let fixed = |row: &&Row| row::int(row, "status").expect("a status") as u32 & IPS_FIXED_TIMEOUT != 0;
        let now = dump();
        let seen: Vec<Row> = now.iter().filter(fixed).cloned().collect();
        assert_eq!(set(&seen), meant);
        let near = |row: &Row| (4900..=5000).contains(&row::int(row, "timeout").expect("a timeout"));
        assert!(seen.iter().all(near));
        // As it was, but another time is refused: the kernel keeps what is fixed.
        let again = client.ask("change_matching", &["timeout".into(), udp.clone(), Value::Int(5000)]);
        assert_eq!(again, Ok(Value::Int(0)));
        let other = client.ask("change_matching", &["timeout".into(), udp, Value::Int(9)]);
        expect_fault(other, 5, &format!("{} connections were not changed, 0 were", meant.len()));
        // 0 ends them, in the snapshot too.
        client.ask("set_autorefresh", &[Value::Int(0)]).expect("a snapshot");
        let tcp = members([("orig_l4proto", Value::Int(6))]);
        let meant = set(&filtered(&before, &tcp));
        let ended = client.ask("change_matching", &["timeout".into(), tcp, Value::Int(0)]);
        assert_eq!(ended, Ok(Value::Int(meant.len() as i64)));
        let left: BTreeSet<u32> = set(&before).difference(&meant).copied().collect();
        assert_eq!(set(&dump()), left);
        assert_eq!(set(&client.all().table), left);
    });
}

#[test]
fn a_snapshot_is_kept_in_step() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(93, 500));
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        client.ask("set_autorefresh", &[Value::Int(0)]).expect("a snapshot");
        let all = members([("orig_l4proto", "0-255".into())]);
        let changed = client.ask("change_matching", &["mark".into(), all.clone(), 0x7777.into()]);
        assert_eq!(changed, Ok(Value::Int(500)));
        let marked = client.view(&members([("mark", Value::Int(0x7777))]), "", "ASC", (0, 0));
        assert_eq!((marked.total, marked.autorefresh), (500, 0));
    });
}

/// The connection that the call comes by: marked as all others, and its timeout is left alone.
#[test]
fn the_connection_of_the_call_outlives_it() {
    in_namespace(|ns| {
        if let Err(reason) = traffic::track(ns) {
            return skip(&reason);
        }
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let _open = traffic::talk(2).expect("traffic over loopback");
        let all = members([("orig_l4proto", "0-255".into())]);
        let count = client.all().total;
        assert!(count > 3, "{count}");
        let marked = client.ask("change_matching", &["mark".into(), all.clone(), Value::Int(5)]);
        assert_eq!(marked, Ok(Value::Int(count)));
        assert!(dump().iter().all(|row| row::int(row, "mark") == Some(5)));
        let ended = client.ask("change_matching", &["timeout".into(), all, Value::Int(0)]);
        assert_eq!(ended, Ok(Value::Int(count - 1)));
        let left = dump();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(client.all().total, 1, "over the same connection");
    });
}

#[test]
fn what_is_no_value_or_no_filter_changes_nothing() {
    in_namespace(|ns| {
        let flow = Flow::udp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 53);
        Inserter::new(ns).insert(std::slice::from_ref(&flow));
        let before = dump();
        let daemon = Daemon::start(&[]);
        let client = &mut daemon.client();
        let all = members([("orig_l4proto", "0-255".into())]);
        let mut ask = |field: &str, filters: &Value, value: Value| {
            client.ask("change_matching", &[field.into(), filters.clone(), value])
        };
        for empty in [members([]), Value::Array(vec![]), "".into(), Value::Nil] {
            expect_fault(ask("mark", &empty, 1.into()), -32602, "filters");
        }
        for value in ["", "one", "-1", "4294967296", "1/2/3", "5/4"] {
            expect_fault(ask("mark", &all, value.into()), -32602, "field_value");
            expect_fault(ask("timeout", &all, value.into()), -32602, "field_value");
        }
        expect_fault(ask("status", &all, 1.into()), 3, "status");
        expect_fault(ask("mark", &members([("marc", 1.into())]), 1.into()), 3, "marc");
        expect_fault(ask("mark", &"prot:tcp".into(), 1.into()), 3, "prot");
        assert_eq!(row::differences(&dump()[0], &before[0], 30), [""; 0]);
    });
}
