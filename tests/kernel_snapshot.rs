//! `set_autorefresh` and `refresh` against a real kernel.
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::{expect_fault, ids, none, page_ids, without_rates};
use common::flows::{Flow, flows};
use common::inserter::Inserter;
use common::names::{COMBINED, STILL};
use common::namespace::in_namespace;
use common::row::{self, id};
use common::xml::{Value, members, strings};
use common::{model, table_size};
use std::collections::BTreeSet;

fn set(client: &mut Client, on: i64) -> Result<Value, common::client::Fault> {
    client.ask("set_autorefresh", &[Value::Int(on)])
}

const TRUE: Value = Value::Bool(true);

#[test]
fn a_snapshot_holds_while_the_table_changes() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        let (old, new) = (flows(41, 500), Flow::udp([10, 1, 1, 1], 9, [192, 0, 2, 1], 53));
        inserter.insert(&old);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let live = client.all();
        assert_eq!(set(&mut client, 0), Ok(TRUE));
        inserter.insert(std::slice::from_ref(&new));
        assert!(inserter.delete(&old[..200]).iter().all(|errno| *errno == 0));
        let held = client.all();
        assert_eq!((held.total, held.autorefresh), (500, 0));
        assert!(held.snapshot_age.is_some_and(|age| (0..30).contains(&age)), "{:?}", held.snapshot_age);
        let set_of = |rows| ids(rows).into_iter().collect::<BTreeSet<u32>>();
        assert_eq!(set_of(&held.table), set_of(&live.table));
        // The setting is the daemon's: another session sees it.
        assert_eq!(daemon.client().all().total, 500);
        assert_eq!(client.ask("refresh", &[]), Ok(TRUE));
        let refreshed = client.all();
        assert_eq!((refreshed.total, refreshed.autorefresh), (301, 0));
        inserter.delete(std::slice::from_ref(&new));
        assert_eq!(client.all().total, 301);
        assert_eq!(set(&mut client, 1), Ok(TRUE));
        let live = client.all();
        assert_eq!((live.total, live.autorefresh, live.snapshot_age), (300, 1, None));
    });
}

/// Every field survives the compact form, and every order and page of it is right.
#[test]
fn a_snapshot_is_viewed_like_the_table() {
    in_namespace(|ns| {
        let _ = ns.sysctl("net/netfilter/nf_conntrack_acct", "1");
        let _ = ns.sysctl("net/netfilter/nf_conntrack_timestamp", "1");
        let mut inserter = Inserter::new(ns);
        inserter.insert(&flows(42, table_size()));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let kernel = dump();
        assert_eq!(set(&mut client, 0), Ok(TRUE));
        inserter.flush();
        let rows = without_rates(&client.all());
        assert_eq!(rows.len(), kernel.len());
        let by_id: std::collections::BTreeMap<_, _> = kernel.iter().map(|row| (id(row), row)).collect();
        for row in &rows {
            assert_eq!(row::differences(row, by_id[&id(row)], 30), [""; 0], "{row:?}");
        }
        let n = rows.len() as i64;
        for field in STILL.iter().chain(&COMBINED) {
            for (direction, descending) in [("ASC", false), ("DESC", true)] {
                let sorted = model::sorted(rows.clone(), field, descending);
                for page in [(0, 20), (n / 2, 20), (n - 5, 20)] {
                    let (total, found) = page_ids(&mut client, &none(), field, direction, page);
                    assert_eq!(
                        (total, found),
                        (n, ids(model::page(&sorted, page))),
                        "{field} {direction} {page:?}"
                    );
                }
            }
        }
        let filters = members([("orig_l4proto", Value::Int(6)), ("host", "192.168.0.0/24".into())]);
        let (total, found) = page_ids(&mut client, &filters, "", "ASC", (0, -1));
        let expected = ids(&model::filtered(&rows, &filters));
        assert_eq!((total as usize, found), (expected.len(), expected));
    });
}

#[test]
fn kill_and_change_show_in_the_snapshot() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        inserter.insert(&flows(43, 100));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        assert_eq!(set(&mut client, 0), Ok(TRUE));
        let rows = client.all().table;
        let (killed, changed) = (id(&rows[10]), id(&rows[20]));
        assert_eq!(client.kill(strings([killed])), Ok(1));
        assert_eq!(client.change("mark", changed, 4_242), Ok(TRUE));
        assert_eq!(client.change("timeout", changed, 777), Ok(TRUE));
        let view = client.all();
        assert_eq!((view.total, view.autorefresh), (99, 0));
        assert!(!ids(&view.table).contains(&killed), "a killed connection is still shown");
        let row = view.table.iter().find(|row| id(row) == changed).expect("the changed one");
        assert_eq!(row::int(row, "mark"), Some(4_242));
        assert!(row::int(row, "timeout").is_some_and(|t| (700..=777).contains(&t)), "{row:?}");
        let filter = members([("mark", Value::Int(4_242))]);
        assert_eq!(client.view(&filter, "mark", "ASC", (0, -1)).total, 1);
        let matching = client.ask("kill_matching", std::slice::from_ref(&filter));
        assert_eq!(matching, Ok(Value::Int(1)));
        assert_eq!(client.all().total, 98);
        assert_eq!(dump().len(), 98);
        // Gone behind the daemon's back: no error, and nobody else is hit.
        let next = id(&client.all().table[0]);
        inserter.flush();
        assert_eq!(client.kill(strings([next])), Ok(0));
    });
}

#[test]
fn a_table_that_does_not_fit_leaves_the_setting() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        let all = flows(44, 900);
        inserter.insert(&all[..100]);
        let daemon = Daemon::start(&["--snapshot-flows", "100"]);
        let mut client = daemon.client();
        assert_eq!(set(&mut client, 0), Ok(TRUE), "one that fits exactly");
        assert_eq!(set(&mut client, 1), Ok(TRUE));
        inserter.insert(&all[100..]);
        let refused = set(&mut client, 0);
        expect_fault(refused.clone(), 7, "100");
        expect_fault(refused, 7, "900");
        let view = client.all();
        assert_eq!((view.total, view.autorefresh), (900, 1), "as if it had not been asked");
        // The same while a snapshot is there: refresh is refused, the setting stays.
        inserter.delete(&all[100..]);
        assert_eq!(set(&mut client, 0), Ok(TRUE));
        inserter.insert(&all[100..]);
        expect_fault(client.ask("refresh", &[]), 7, "900");
        // The memory is the old snapshot's: if that had to go, a view says so rather than show a part.
        match client.try_view(&none(), "", "ASC", (0, -1)) {
            Ok(view) => assert_eq!((view.total, view.autorefresh), (100, 0)),
            Err(fault) => assert_eq!(fault.code, 7, "{fault:?}"),
        }
        assert_eq!(set(&mut client, 1), Ok(TRUE));
        assert_eq!(client.all().total, 900);
    });
}

#[test]
fn refresh_with_autorefresh_on_has_nothing_to_do() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(45, 10));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        assert_eq!(client.ask("refresh", &[]), Ok(TRUE));
        assert_eq!(set(&mut client, 1), Ok(TRUE));
        assert_eq!(client.all().autorefresh, 1);
        assert_eq!(client.ask("set_autorefresh", &[Value::Bool(false)]), Ok(TRUE));
        assert_eq!(client.all().autorefresh, 0);
        assert_eq!(client.ask("set_autorefresh", &[Value::Bool(true)]), Ok(TRUE));
        for wrong in ["maybe".into(), "".into(), Value::Int(2), Value::Int(-1), Value::Nil, none()] {
            expect_fault(client.ask("set_autorefresh", &[wrong]), -32602, "refresh");
        }
        expect_fault(client.ask("set_autorefresh", &[]), -32602, "refresh");
        assert_eq!(client.all().autorefresh, 1);
    });
}
