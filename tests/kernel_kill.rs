//! `kill` and `kill_matching` against a real kernel: exactly what was meant goes, everything else stays.
mod common;
use common::churn::Churn;
use common::client::Client;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::{expect_fault, ids, none};
use common::flows::{Flow, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::namespace::{Namespace, in_namespace};
use common::raw::{self, Connection};
use common::row::{self, Row, id};
use common::xml::{self, Value, members, strings};
use common::{model, table_size, witness};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A daemon before a mixed table, and the table as read without the daemon.
fn before_a_table(
    test: impl FnOnce(&Namespace, &mut Client, &[Row]) + Send,
) -> impl FnOnce(&Namespace) + Send {
    move |ns| {
        Inserter::new(ns).insert(&flows(21, table_size()));
        let daemon = Daemon::start(&[]);
        test(ns, &mut daemon.client(), &dump());
    }
}

/// The ids in the table but for those of the churn: from `conntrack` where there is one.
fn living() -> BTreeSet<u32> {
    let rows: Vec<Row> = if common::has_program("conntrack") {
        witness::conntrack(&[]).into_iter().map(|seen| seen.row).collect()
    } else {
        dump()
    };
    let ours =
        |row: &&Row| !row::text(row, "orig_ipv4_src").is_some_and(|address| address.starts_with("10.99."));
    rows.iter().filter(ours).map(id).collect()
}

fn every<T: Copy>(all: &[T], nth: usize) -> Vec<T> {
    all.iter().copied().step_by(nth).collect()
}

/// After a kill of `killed`, the table is what it was before without them.
#[track_caller]
fn assert_only_these_went(before: &BTreeSet<u32>, killed: &[u32]) {
    let killed: BTreeSet<u32> = killed.iter().copied().collect();
    let now = living();
    let survivors: Vec<_> = now.intersection(&killed).collect();
    assert!(survivors.is_empty(), "not killed: {survivors:?}");
    let expected: BTreeSet<u32> = before.difference(&killed).copied().collect();
    let lost: Vec<_> = expected.difference(&now).collect();
    assert!(lost.is_empty(), "killed by mistake: {lost:?}");
    assert_eq!(now, expected);
}

#[test]
fn kills_exactly_the_ids() {
    in_namespace(before_a_table(|_, client, rows| {
        let before = living();
        let victims = every(&ids(rows), 13);
        let killed = client.kill(strings(&victims)).expect("a kill");
        assert_eq!(killed as usize, victims.len());
        assert_only_these_went(&before, &victims);
        assert_eq!(client.kill(strings(&victims)), Ok(0), "ids that are gone are no error");
        let (gone, here) = (victims[0], rows[1]["id"].clone());
        let row::Val::Str(here) = here else { panic!("{here:?}") };
        assert_eq!(client.kill(strings([gone.to_string(), here])), Ok(1), "the one that is there");
    }));
}

/// Kills while another process inserts and deletes as fast as it can.
#[test]
fn kills_exactly_the_ids_beside_a_busy_writer() {
    in_namespace(before_a_table(|ns, client, rows| {
        let before = living();
        let churn = Churn::start(ns);
        let victims = every(&ids(rows), 7);
        for part in victims.chunks(40) {
            churn.wait_for(1);
            assert_eq!(client.kill(strings(part)), Ok(part.len() as i64));
        }
        drop(churn);
        assert_only_these_went(&before, &victims);
    }));
}

/// What is not a list of ids is refused, whole, and costs nobody a connection.
#[test]
fn nothing_goes_by_mistake() {
    in_namespace(before_a_table(|_, client, rows| {
        let before = living();
        let good = Value::from(id(&rows[0]).to_string());
        assert_eq!(client.kill(Value::Array(vec![])), Ok(0), "an empty list");
        let wrong = [
            "".into(),
            " ".into(),
            "*".into(),
            "all".into(),
            "-1".into(),
            "0x".into(),
            "1.5".into(),
            "4294967296".into(),
            Value::Bool(true),
            Value::Double(1.5),
            Value::Nil,
            Value::I8(4_294_967_296),
            none(),
            members([("id", good.clone())]),
            Value::Array(vec![good.clone(), "".into()]),
            Value::Array(vec![good.clone(), "abc".into()]),
            Value::Array(vec![good.clone(), Value::Nil]),
            Value::Array(vec![good.clone(), Value::Array(vec![good.clone()])]),
        ];
        for value in wrong {
            expect_fault(client.kill(value.clone()), -32602, "connection_ids");
            assert_eq!(living(), before, "after kill({value:?})");
        }
        expect_fault(client.ask("kill", &[]), -32602, "connection_ids");
        expect_fault(client.ask("kill", &[good.clone(), good]), -32602, "parameters");
        assert_eq!(living(), before);
    }));
}

#[test]
fn an_id_is_taken_in_every_form() {
    in_namespace(before_a_table(|_, client, rows| {
        let mut before = living();
        // Two's complement is only of interest where the number does not fit.
        let mut big = rows.iter().map(id).filter(|id| *id > i32::MAX as u32);
        let mut any = || big.next().expect("ids are spread over 32 bits");
        let forms: [(u32, Value); 9] =
            [any(), any(), any(), any(), any(), any(), any(), any(), any()].map(|id| (id, Value::Nil));
        for (nth, (id, _)) in forms.into_iter().enumerate() {
            let value = match nth {
                0 => id.to_string().into(),
                1 => format!("{id:#x}").into(),
                2 => Value::Int((id as i32).into()),
                3 => Value::I8(id.into()),
                4 => Value::Array(vec![Value::Int((id as i32).into())]),
                5 => Value::Array(vec![Value::I8(id.into())]),
                6 => Value::Array(vec![format!("{id:#X}").replace("0X", "0x").into()]),
                7 => strings([id, id, id]),
                _ => strings([id]),
            };
            assert_eq!(client.kill(value.clone()), Ok(1), "{value:?}");
            assert_only_these_went(&before, &[id]);
            before.remove(&id);
        }
    }));
}

/// One tuple in three zones: three connections, three ids.
#[test]
fn an_id_in_another_zone_is_another_connection() {
    in_namespace(|ns| {
        let zoned = |zone: u16| Flow { zone, ..Flow::tcp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 80) };
        Inserter::new(ns).insert(&[zoned(0), zoned(5), zoned(65_535)]);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let zones = || dump().iter().map(|row| row::int(row, "zone").unwrap_or(0)).collect::<BTreeSet<u64>>();
        let id_of = |zone: u64| {
            dump().iter().find(|row| row::int(row, "zone").unwrap_or(0) == zone).map(id).expect("its id")
        };
        assert_eq!(client.kill(strings([id_of(5)])), Ok(1));
        assert_eq!(zones(), BTreeSet::from([0, 65_535]));
        assert_eq!(client.kill(strings([id_of(0)])), Ok(1));
        assert_eq!(zones(), BTreeSet::from([65_535]));
        assert_eq!(client.kill(strings([id_of(65_535)])), Ok(1));
        assert_eq!(zones(), BTreeSet::new());
    });
}

/// A connection that took the tuple over has another id: the old one kills nothing.
#[test]
fn the_id_of_a_predecessor_kills_nobody() {
    in_namespace(|ns| {
        let flow = Flow::tcp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 80);
        let mut inserter = Inserter::new(ns);
        inserter.insert(std::slice::from_ref(&flow));
        let old = id(&dump()[0]);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        assert_eq!(
            client.call("set_autorefresh", &[client.session.clone().into(), Value::Int(0)]),
            Ok(Value::Bool(true))
        );
        assert_eq!(inserter.delete(std::slice::from_ref(&flow)), [0]);
        // The id is a hash of the entry's address too, and the memory just freed is what the next entry gets: others
        // must take it first.
        let fillers: Vec<Flow> =
            (1..2000).map(|port| Flow::tcp([10, 0, 0, 1], port, [192, 0, 2, 1], 80)).collect();
        inserter.insert(&fillers);
        inserter.insert(std::slice::from_ref(&flow));
        inserter.delete(&fillers);
        let new = id(&dump()[0]);
        assert_ne!(new, old, "the kernel gave the new connection the old one's memory after all");
        // The snapshot still shows the old one: the daemon asks by its tuple, the kernel checks the id.
        assert_eq!(client.kill(strings([old])), Ok(0));
        assert_eq!(ids(&dump()), [new]);
    });
}

#[test]
fn kill_matching_kills_what_view_shows() {
    in_namespace(before_a_table(|_, client, rows| {
        let mut before = living();
        let filters = [
            members([("orig_l4proto", Value::Int(17)), ("port", "53".into())]),
            members([("host", "198.51.100.0/24".into()), ("mark", "!0".into())]),
            members([("zone", strings(["7", "65535"]))]),
            members([("orig_ipv6_src", "fd00::1".into())]),
        ];
        let mut left = rows.to_vec();
        for filter in filters {
            let victims = ids(&model::filtered(&left, &filter));
            let killed = client.ask("kill_matching", std::slice::from_ref(&filter)).expect("a kill").int();
            assert_eq!(killed as usize, victims.len(), "{filter:?}");
            assert_only_these_went(&before, &victims);
            left.retain(|row| !victims.contains(&id(row)));
            before.retain(|id| !victims.contains(id));
        }
    }));
}

#[test]
fn kill_matching_needs_to_be_told_what() {
    in_namespace(before_a_table(|_, client, _| {
        let before = living();
        let mut kill = |params: &[Value]| client.ask("kill_matching", params);
        expect_fault(kill(&[none()]), -32602, "filters");
        expect_fault(kill(&[]), -32602, "filters");
        expect_fault(kill(&["".into()]), -32602, "filters");
        expect_fault(kill(&[Value::Array(vec![])]), -32602, "filters");
        expect_fault(kill(&[members([("marc", "1".into())])]), 3, "marc");
        expect_fault(kill(&[members([("mark", "one".into())])]), -32602, "mark");
        expect_fault(kill(&[members([("host", "192.0.2.0/33".into())])]), -32602, "host");
        assert_eq!(living(), before);
    }));
}

/// Who leaves while a kill is under way has killed nevertheless, and the log says so: it tells of as many as are gone.
#[test]
fn a_client_that_leaves_is_in_the_log() {
    in_namespace(|ns| {
        let mut inserter = Inserter::new(ns);
        let folder = Folder::new();
        // Who leaves a Unix socket is gone at once; TCP may still be read by who has only stopped to write.
        let daemon = Daemon::start_on(&[&format!("unix:{}", folder.path().join("socket").display())], &[]);
        let session = Value::from(daemon.client().session.as_str());
        let body = xml::call("kill_matching", &[session, members([("orig_l3proto", Value::Int(2))])]);
        let request = raw::post(daemon.address(), &body, "");
        let mut gone = 0;
        for delay_us in (0..40).map(|n| n * 250) {
            inserter.insert(&flows(22, 2000));
            let before = dump().len();
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            connection.send(&request).expect("sent");
            std::thread::sleep(Duration::from_micros(delay_us));
            drop(connection);
            // The daemon is done with it when another scan has gone through.
            let mut client = daemon.client();
            client.all();
            gone += before - dump().len();
            inserter.flush();
        }
        assert!(gone > 0, "nothing was killed");
        let begun = Instant::now();
        let told = || -> usize {
            let log = daemon.log();
            let lines = log.lines().filter_map(|line| line.split_once(" killed "));
            lines.filter_map(|(_, rest)| rest.split(' ').next()?.parse::<usize>().ok()).sum()
        };
        while told() != gone {
            assert!(begun.elapsed() < Duration::from_secs(10), "{gone} are gone: {}", daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}
