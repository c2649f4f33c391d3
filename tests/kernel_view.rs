//! `view` against a real kernel: rows against other readers of the same table, and every filter, order and page
//! against the same thing written plainly over a list (`common::model`).
mod common;
use common::client::Client;
use common::daemon::Daemon;
use common::dump::dump;
use common::fields::{as_sent, expect_fault, ids, none, page_ids, without_rates};
use common::flows::{self, Flow, L4, flows};
use common::inserter::Inserter;
use common::names::{COMBINED, OTHER, STILL};
use common::namespace::{Namespace, in_namespace};
use common::random::Random;
use common::row::{self, Row, Val, id};
use common::xml::{Value, members, strings};
use common::{model, skip, table_size, traffic, witness};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Slack for a timeout that is read twice, in seconds: a slow machine may take that long between the readings.
const SLACK: u64 = 30;

/// A namespace with a mixed table, and what the daemon says of all of it.
fn still_table(
    test: impl FnOnce(&Namespace, &Daemon, &mut Client, &[Row]) + Send,
) -> impl FnOnce(&Namespace) + Send {
    move |ns| {
        // Where the kernel can, with counters and start times, so that these are sorted and filtered too.
        let _ = ns.sysctl("net/netfilter/nf_conntrack_acct", "1");
        let _ = ns.sysctl("net/netfilter/nf_conntrack_timestamp", "1");
        Inserter::new(ns).insert(&flows(11, table_size()));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let all = client.all();
        assert_eq!(all.total as usize, table_size());
        assert_eq!(all.count as usize, table_size());
        assert_eq!(all.autorefresh, 1);
        assert_eq!(all.snapshot_age, None, "there is no snapshot to have an age");
        assert_eq!(all.table.len(), table_size());
        test(ns, &daemon, &mut client, &without_rates(&all));
    }
}

#[test]
fn every_field_is_what_other_readers_see() {
    in_namespace(still_table(|_, _, _, rows| {
        let kernel: BTreeMap<u32, Row> = dump().into_iter().map(|row| (id(&row), row)).collect();
        let (seen, reader) = witness::read();
        let seen = witness::by_tuple(seen);
        assert_eq!((kernel.len(), seen.len()), (rows.len(), rows.len()));
        for row in rows {
            let expected = kernel.get(&id(row)).unwrap_or_else(|| panic!("the kernel has no {row:?}"));
            assert_eq!(row::differences(row, expected, SLACK), [""; 0], "{row:?}");
            let mut row = row.clone();
            let witness =
                seen.get(&row::tuple(&row)).unwrap_or_else(|| panic!("{reader} does not show {row:?}"));
            let status = row::int(&row, "status").expect("a status") as u32;
            assert_eq!(status & flows::IPS_SEEN_REPLY != 0, witness.seen_reply, "{row:?}");
            assert_eq!(status & flows::IPS_ASSURED != 0, witness.assured, "{row:?}");
            // What a line of text does not tell.
            row.retain(|name, _| name != "status" && name != "start");
            if !witness.row.contains_key("id") {
                row.remove("id");
            }
            assert_eq!(row::differences(&row, &witness.row, SLACK), [""; 0], "{reader} differs: {row:?}");
        }
    }));
}

/// Counters and start times of connections that are real, ICMP among them.
#[test]
fn real_connections_have_counters_and_a_start() {
    in_namespace(|ns| {
        if let Err(reason) = traffic::track(ns) {
            return skip(&reason);
        }
        let _open = traffic::talk(20).expect("traffic over loopback");
        traffic::ping(4711).expect("an echo from the kernel");
        let folder = common::folder::Folder::new();
        let socket = format!("unix:{}", folder.path().join("rctd.sock").display());
        // Over TCP the call itself would be a connection of the table that changes while it is read.
        let daemon = Daemon::start_on(&[&socket], &[]);
        let mut client = daemon.client();
        let rows = without_rates(&client.all());
        let kernel: BTreeMap<u32, Row> = dump().into_iter().map(|row| (id(&row), row)).collect();
        assert_eq!(rows.len(), 81);
        for row in &rows {
            assert!(row::int(row, "orig_counter_bytes") > Some(0) && row.contains_key("start"), "{row:?}");
            assert_eq!(row::differences(row, &kernel[&id(row)], SLACK), [""; 0], "{row:?}");
        }
        for field in ["bytes", "packets", "repl_counter_bytes", "start", "icmp_id"] {
            check_order(&mut client, &rows, field);
        }
        for (field, wanted) in [
            ("bytes", "1000-4000"),
            ("packets", "2"),
            ("bytes", "!1000-4000"),
            ("orig_counter_bytes", "0-2000"),
            ("icmp_id", "4711"),
        ] {
            check_filter(&mut client, &rows, &members([(field, wanted.into())]));
        }
    });
}

#[test]
fn every_order_is_sort_then_slice() {
    in_namespace(still_table(|_, _, client, rows| {
        for field in STILL.iter().chain(&COMBINED) {
            check_order(client, rows, field);
        }
        for field in OTHER {
            // These may differ from reading to reading: nothing lost, nothing twice is what can be said.
            for direction in ["ASC", "DESC"] {
                let (total, page) = page_ids(client, &none(), field, direction, (0, -1));
                let once: BTreeSet<u32> = page.iter().copied().collect();
                assert_eq!(
                    (total as usize, once.len(), page.len()),
                    (rows.len(), rows.len(), rows.len()),
                    "{field}"
                );
            }
        }
    }));
}

/// The whole order both ways, and a few pages of it from the front, the middle and the end.
#[track_caller]
fn check_order(client: &mut Client, rows: &[Row], field: &str) {
    let n = rows.len() as i64;
    for (direction, descending) in [("ASC", false), ("DESC", true)] {
        let sorted = ids(&model::sorted(rows.to_vec(), field, descending));
        for page in [(0, -1), (0, 50), (n / 2, 37), (n - 3, 10)] {
            let (total, found) = page_ids(client, &none(), field, direction, page);
            assert_eq!(total, n, "{field} {direction} {page:?}");
            let start = page.0 as usize;
            let end = if page.1 < 0 { sorted.len() } else { sorted.len().min(start + page.1 as usize) };
            assert_eq!(found, sorted[start..end], "{field} {direction} {page:?}");
        }
    }
}

#[test]
fn every_page_is_a_slice() {
    in_namespace(still_table(|_, _, client, rows| {
        let n = rows.len() as i64;
        let pages = [
            (0, 0),
            (0, 1),
            (1, 1),
            (0, 50),
            (17, 1),
            (n / 3, 100),
            (n / 2, n),
            (n - n / 10, 150),
            (n - 1, 5),
            (n - 1, 1),
            (n, 5),
            (n, 0),
            (n, -1),
            (n + 1, 1),
            (2_147_483_647, 5),
            (0, 2_147_483_647),
            (0, -1),
            (n / 3, -1),
            (5, -7),
        ];
        for (order, descending) in [("orig_src", false), ("mark", true), ("timeout", true)] {
            let sorted = model::sorted(rows.to_vec(), order, descending);
            for page in pages {
                let view = client.view(&none(), order, if descending { "DESC" } else { "ASC" }, page);
                let expected = model::page(&sorted, page);
                assert_eq!(view.total, n, "{order} {page:?}");
                assert_eq!(ids(&view.table), ids(expected), "{order} {page:?}");
                for (row, expected) in without_rates(&view).iter().zip(expected) {
                    assert_eq!(row::differences(row, expected, SLACK), [""; 0], "{order} {page:?}");
                }
            }
        }
    }));
}

/// A listing begins when it is asked for, not when the loop wakes for another reason: it does that eleven times a second, so
/// that two hundred would take eighteen seconds longer than as many sorted views, which wait for nothing either.
#[test]
fn listings_wait_for_no_tick() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(12, 50));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let began = Instant::now();
        for _ in 0..200 {
            assert_eq!(client.view(&none(), "id", "ASC", (0, -1)).table.len(), 50);
        }
        let (views, began) = (began.elapsed(), Instant::now());
        for _ in 0..200 {
            assert_eq!(client.all().table.len(), 50);
        }
        let listings = began.elapsed();
        assert!(listings < views + Duration::from_secs(9), "{listings:?}, and the views {views:?}");
    });
}

/// The kernel's own order is the same from page to page: together the pages are the whole, each row once.
#[test]
fn pages_in_the_kernels_order_are_the_whole() {
    in_namespace(still_table(|_, _, client, rows| {
        let step = rows.len() as i64 / 7 + 1;
        let mut joined = Vec::new();
        for page in 0..8 {
            let (total, found) = page_ids(client, &none(), "", "ASC", (page * step, step));
            assert_eq!(total as usize, rows.len());
            joined.extend(found);
        }
        assert_eq!(joined, ids(rows));
    }));
}

#[test]
fn directions_are_read_in_any_case_and_cut_to_a_letter() {
    in_namespace(still_table(|_, _, client, _| {
        let mut first = |direction: &str| page_ids(client, &none(), "timeout", direction, (0, 3)).1;
        let (up, down) = (first("ASC"), first("DESC"));
        assert_ne!(up, down);
        for direction in ["asc", "Asc", "a", "A"] {
            assert_eq!(first(direction), up, "{direction}");
        }
        for direction in ["desc", "Desc", "d", "D"] {
            assert_eq!(first(direction), down, "{direction}");
        }
    }));
}

#[test]
fn trailing_arguments_may_be_left_out() {
    in_namespace(still_table(|_, _, client, rows| {
        let tcp = members([("orig_l4proto", Value::Int(6))]);
        let all = model::filtered(rows, &tcp);
        let sorted = ids(&model::sorted(all.clone(), "mark", false));
        let mut params = vec![tcp];
        let mut seen = |params: &[Value]| {
            let table = client.ask("view", params).expect("a view").get("table").clone();
            table.array().iter().map(|row| id(&common::client::row(row))).collect::<Vec<_>>()
        };
        assert_eq!(seen(&params), ids(&all));
        params.push("mark".into());
        assert_eq!(seen(&params), sorted);
        params.push("ASC".into());
        assert_eq!(seen(&params), sorted);
        params.push(Value::Int(5));
        assert_eq!(seen(&params), sorted[5..]);
        params.push(Value::Int(5));
        assert_eq!(seen(&params), sorted[5..10]);
    }));
}

#[track_caller]
fn check_filter(client: &mut Client, rows: &[Row], filters: &Value) -> usize {
    let expected: BTreeSet<u32> = model::filtered(rows, filters).iter().map(id).collect();
    let (total, found) = page_ids(client, filters, "", "ASC", (0, -1));
    let once: BTreeSet<u32> = found.iter().copied().collect();
    assert_eq!(once.len(), found.len(), "a row twice: {filters:?}");
    let wrong = |a: &BTreeSet<u32>, b: &BTreeSet<u32>| {
        rows.iter().find(|r| a.contains(&id(r)) && !b.contains(&id(r))).cloned()
    };
    assert_eq!(wrong(&once, &expected), None, "should not match {filters:?}");
    assert_eq!(wrong(&expected, &once), None, "should match {filters:?}");
    assert_eq!(total as usize, expected.len(), "{filters:?}");
    expected.len()
}

/// Every field by the values it has, negated, several at a time, and integers in ranges.
#[test]
fn every_field_filters_by_equality() {
    in_namespace(still_table(|_, _, client, rows| {
        let mut random = Random::new(5);
        for field in STILL.iter().filter(|field| **field != "timeout") {
            let having: Vec<&Row> = rows.iter().filter(|row| row.contains_key(*field)).collect();
            if having.is_empty() {
                continue; // no helper was inserted
            }
            let mut any = || &random.pick(&having)[*field];
            let (one, two, three) = (any(), any(), any());
            assert!(check_filter(client, rows, &members([(field, as_sent(one))])) > 0, "{field}");
            for value in forms(one, two, three) {
                check_filter(client, rows, &members([(field, value)]));
            }
        }
    }));
}

fn forms(one: &Val, two: &Val, three: &Val) -> Vec<Value> {
    let bare = |value: &Val| match value {
        Val::Int(number) => number.to_string(),
        Val::Str(text) => text.clone(),
    };
    let negated = format!("!{}", bare(one));
    let mut forms = vec![
        negated.as_str().into(),
        Value::Array(vec![as_sent(one), as_sent(two), as_sent(three)]),
        Value::Array(vec![negated.into(), format!("!{}", bare(two)).into()]),
        bare(one).into(),
    ];
    if let (Val::Int(a), Val::Int(b)) = (one, two) {
        let (low, high) = (a.min(b), a.max(b));
        forms.push(format!("{low}-{high}").into());
        forms.push(format!("!{low}-{high}").into());
        forms.push(format!("{low:#x}").into());
        forms.push(strings([format!("{low}-{low}"), format!("{high}")]));
    }
    forms
}

/// The forms that only some fields take, and the fields that are only for filters.
#[test]
fn filters_beyond_equality() {
    in_namespace(still_table(|_, _, client, rows| {
        let any = |field: &str| rows.iter().find_map(|row| row::text(row, field)).expect("a row with it");
        let networks: Vec<String> = [
            "192.168.0.0/16",
            "192.168.0.0/24",
            "192.168.0.1",
            "0.0.0.0/0",
            "198.51.100.128/25",
            "203.0.113.254/32",
            "192.0.2.77/24",
            "2001:db8::/32",
            "2001:db8:1::/48",
            "::/0",
            "fd00::/15",
            "2001:db8::1/128",
            "10.0.0.0/8",
        ]
        .map(str::to_owned)
        .to_vec();
        for field in ["orig_src", "orig_dst", "repl_src", "repl_dst", "host"] {
            for network in &networks {
                check_filter(client, rows, &members([(field, network.as_str().into())]));
                check_filter(client, rows, &members([(field, format!("!{network}").into())]));
            }
            check_filter(client, rows, &members([(field, strings(&networks[4..8]))]));
            check_filter(client, rows, &members([(field, Value::Int(-1_062_731_775))])); // 192.168.0.1
        }
        for (field, network) in [
            ("orig_ipv4_src", "192.168.0.0/30".to_owned()),
            ("repl_ipv4_dst", "203.0.113.0/24".to_owned()),
            ("orig_ipv6_dst", "2001:db8:0:0::/64".to_owned()),
            ("repl_ipv6_src", "!2001:0db8:0001::/48".to_owned()),
            ("orig_ipv6_dst", any("orig_ipv6_dst").to_uppercase()),
            ("orig_ipv4_src", format!("!{}/31", any("orig_ipv4_src"))),
        ] {
            check_filter(client, rows, &members([(field, network.into())]));
        }
        for field in ["port", "orig_port_dst", "repl_port_dst"] {
            for wanted in ["443", "1-1023", "!443", "0x35", "0-65535", "53-53", "!1024-65535", "65535"] {
                check_filter(client, rows, &members([(field, wanted.into())]));
            }
            check_filter(client, rows, &members([(field, strings(["22", "80", "5000-6000"]))]));
        }
        for wanted in
            ["0/0xff", "0x100/0xf00", "4/4", "!0/0xffffffff", "256/256", "0xb2d05e00/0xffffff00", "0/0"]
        {
            check_filter(client, rows, &members([("mark", wanted.into())]));
        }
        for wanted in ["4/4", "0/2", "0x6/0x6", "!2/2", "8/8", "0/0xffffffff"] {
            check_filter(client, rows, &members([("status", wanted.into())]));
        }
        let [low, middle, high] = [100_000, 500_000, 2_000_000].map(|near| quiet_after(rows, near));
        for wanted in [
            format!("{low}-{middle}"),
            format!("!{middle}-{high}"),
            format!("0-{low}"),
            format!("{high}-4294967295"),
        ] {
            check_filter(client, rows, &members([("timeout", wanted.as_str().into())]));
        }
    }));
}

/// A timeout from `near` on that no flow comes down to in the next ten minutes.
fn quiet_after(rows: &[Row], near: i64) -> i64 {
    let crosses = |at: i64| {
        let counts_down_to = |row: &Row| match row.get("timeout") {
            Some(Val::Int(left)) => (at - 1..at + 600).contains(&(*left as i64)),
            _ => false,
        };
        rows.iter().any(counts_down_to)
    };
    (near..).find(|&at| !crosses(at)).expect("a gap between timeouts")
}

/// Unsigned numbers in each way a client may send them.
#[test]
fn wide_numbers_are_taken_in_every_form() {
    in_namespace(|ns| {
        let mut flow = Flow::tcp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 80);
        flow.mark = 3_000_000_000;
        Inserter::new(ns).insert(&[flow, Flow::tcp([192, 168, 0, 1], 1001, [192, 0, 2, 1], 80)]);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        for value in [
            Value::I8(3_000_000_000),
            Value::Raw("<ex:i8>3000000000</ex:i8>"),
            Value::Raw("<i4>-1294967296</i4>"),
            Value::Int(-1_294_967_296),
            "3000000000".into(),
            "0xB2D05E00".into(),
            "0xb2d05e00".into(),
            Value::Raw("3000000000"),
        ] {
            let view = client.view(&members([("mark", value.clone())]), "", "ASC", (0, -1));
            assert_eq!(view.total, 1, "{value:?}");
            assert_eq!(row::int(&view.table[0], "mark"), Some(3_000_000_000));
        }
    });
}

/// Many filters at a time, in any order, from any place.
#[test]
fn combinations_are_filter_sort_slice() {
    in_namespace(still_table(|_, _, client, rows| {
        let mut random = Random::new(99);
        let orders: Vec<&str> = STILL.iter().chain(&COMBINED).copied().collect();
        for _ in 0..150 {
            let mut filters = BTreeMap::new();
            for _ in 0..random.below(3) {
                let row = &rows[random.below(rows.len())];
                let fields: Vec<&str> =
                    row.keys().map(String::as_str).filter(|f| *f != "timeout" && *f != "use").collect();
                let field = random.pick(&fields);
                filters.insert(field.to_owned(), as_sent(&row[field]));
            }
            if random.one_in(2) {
                filters.insert("orig_l4proto".into(), strings(["6", "17", "58"]));
            }
            let filters = Value::Struct(filters);
            let (order, descending) = (random.pick(&orders), random.one_in(2));
            let page = (
                random.below(rows.len() / 2) as i64 / (1 + random.below(40) as i64),
                random.below(60) as i64,
            );
            let expected = model::sorted(model::filtered(rows, &filters), order, descending);
            let (total, found) =
                page_ids(client, &filters, order, if descending { "DESC" } else { "ASC" }, page);
            let question = format!("{filters:?} by {order}, descending: {descending}, {page:?}");
            assert_eq!(total as usize, expected.len(), "{question}");
            assert_eq!(found, ids(model::page(&expected, page)), "{question}");
        }
    }));
}

/// Types on the wire: `<int>` where it fits, else what `--wide-ints` says; ids always strings.
#[test]
fn wide_integers_go_out_as_configured() {
    in_namespace(|ns| {
        let mut big = Flow::tcp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 80);
        big.mark = 4_294_967_295;
        let mut fits = Flow::udp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 80);
        fits.mark = 2_147_483_647;
        Inserter::new(ns).insert(&[big, fits]);
        for (option, wide) in [
            ("double", Value::Double(4_294_967_295.0)),
            ("i8", Value::I8(4_294_967_295)),
            ("string", "4294967295".into()),
        ] {
            let daemon = Daemon::start(&["--wide-ints", option]);
            let mut client = daemon.client();
            let answer = client.ask("view", &[none(), "mark".into()]).expect("a view");
            let rows = answer.get("table").array();
            assert_eq!(rows[0].get("mark"), &Value::Int(2_147_483_647), "{option}");
            assert_eq!(rows[1].get("mark"), &wide, "{option}");
            assert!(matches!(rows[1].get("id"), Value::Str(_)), "{option}");
        }
    });
}

#[test]
fn only_the_fields_asked_for() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&[Flow::tcp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 80)]);
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let mut names = |fields: &[&str]| {
            let options = members([("fields", strings(fields))]);
            let params = [none(), "".into(), "ASC".into(), Value::Int(0), Value::Int(-1), options];
            let view = client.ask("view", &params)?;
            let row = common::client::row(&view.get("table").array()[0]);
            Ok::<_, common::client::Fault>(row.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(names(&["mark", "orig_ipv4_src"]).expect("two fields"), ["id", "mark", "orig_ipv4_src"]);
        assert_eq!(names(&["orig_ipv6_src"]).expect("a field it lacks"), ["id"]);
        assert_eq!(names(&["id", "id"]).expect("the id"), ["id"]);
        expect_fault(names(&["mark", "marc"]), 3, "marc");
    });
}

/// A helper the kernel knows is a field; so is a zone, which `conntrack` shows only where there is one.
#[test]
fn helper_and_zone_are_shown_where_there_is_one() {
    in_namespace(|ns| {
        let mut ftp = Flow::tcp([192, 168, 0, 1], 1000, [192, 0, 2, 1], 21);
        ftp.helper = Some("ftp");
        let mut zoned = Flow::new(flows::UDP, [192, 168, 0, 1], [192, 0, 2, 1], L4::Ports(5, 6));
        zoned.zone = 42;
        let mut inserter = Inserter::new(ns);
        inserter.insert(&[zoned]);
        let helped = inserter.try_insert(&[ftp])[0] == 0;
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let view = client.view(&members([("zone", Value::Int(42))]), "", "ASC", (0, -1));
        assert_eq!(view.total, 1);
        assert_eq!(row::int(&view.table[0], "zone"), Some(42));
        if !helped {
            return skip("this kernel has no FTP helper");
        }
        let view = client.view(&members([("helper", "ftp".into())]), "helper", "ASC", (0, -1));
        assert_eq!(view.total, 1);
        assert_eq!(row::text(&view.table[0], "helper"), Some("ftp"));
        let others = client.view(&members([("helper", "!ftp".into())]), "", "ASC", (0, -1));
        assert_eq!(others.total, 1, "a flow without a helper is none of ftp's");
        assert_eq!(row::int(&others.table[0], "zone"), Some(42));
    });
}

/// PHP's encoder has no empty Struct: for it an empty Array is no filters. A call with a wrong one is a fault.
#[test]
fn an_empty_array_is_no_filters() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(12, 30));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        assert_eq!(client.view(&Value::Array(vec![]), "", "ASC", (0, -1)).total, 30);
        expect_fault(client.try_view(&strings(["mark"]), "", "ASC", (0, -1)), -32602, "filters");
    });
}

#[test]
fn an_empty_table_is_an_empty_array() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let view = daemon.client().view(&none(), "bytes", "DESC", (0, -1));
        assert_eq!((view.total, view.count, view.table.len()), (0, 0, 0));
    });
}
