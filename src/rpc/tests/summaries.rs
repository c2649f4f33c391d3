//! Summaries against a count of the full listing that takes no thought of speed.
use super::naive_groups::{LAN, Sums, naive, sorted};
use super::rig::{Rig, fault, int, members, number, text};
use crate::conntrack::flow::{Counters, Ends, Flow, Rates, Tuple, mapped};
use crate::conntrack::uapi::{AF_INET, IPPROTO_TCP};
use crate::limits::{GROUPS, OUTPUT_BYTES};
use crate::query::net::Net;
use crate::query::rates::Meter;
use crate::query::tests::flows::{context, table};
use crate::rpc::Step;
use crate::syntax::Syntax;
use std::collections::BTreeMap;

/// The members of an object of the rig's JSON without objects in it.
fn object(text: &str) -> BTreeMap<String, String> {
    let members = text.split(',').filter(|member| !member.is_empty());
    members
        .map(|member| {
            let (name, value) = member.split_once("\":").expect("a member");
            (name.trim_matches('"').to_owned(), value.trim_matches('"').to_owned())
        })
        .collect()
}

fn sums(row: &BTreeMap<String, String>) -> Sums {
    let number = |name: &str| row.get(name).map(|n| n.parse().expect("a number"));
    Sums {
        connections: number("connections").expect("connections"),
        bytes: number("bytes"),
        packets: number("packets"),
        rate: number("rate"),
    }
}

/// A row: the key as it is written, and the sums.
type Row = (Option<String>, Sums);

/// The rows of a reply, and its other members.
fn read(reply: &str, name: &str) -> (Vec<Row>, BTreeMap<String, String>) {
    let (head, rest) = reply.split_once("\"table\":[").expect("a table");
    let (rows, tail) = rest.split_once(']').expect("the end of the table");
    let rows = rows.split("},{").map(|row| row.trim_matches(['{', '}'])).filter(|row| !row.is_empty());
    let rows = rows.map(object).map(|row| (row.get(name).cloned(), sums(&row))).collect();
    let (tail, other) = tail.split_once("\"other\":{").unwrap_or((tail, ""));
    let mut rest = object(&format!("{}{}", head.trim_matches(['{']), tail.trim_matches(['{', '}', ','])));
    rest.extend(object(other.trim_matches('}')).into_iter().map(|(n, v)| (format!("other.{n}"), v)));
    (rows, rest)
}

fn rig(flows: Vec<Flow>) -> Rig {
    let mut rig = Rig::new(flows);
    rig.syntax = Syntax::Json;
    rig.engine.shared.context.rates = Meter::new(1000);
    rig.engine.shared.context.uid_mask = 0xff;
    rig.engine.shared.context.users = context().users;
    rig.engine.shared.context.lan = LAN.iter().map(|net| Net::parse(net).expect("a network")).collect();
    rig
}

fn call(rig: &mut Rig, group: &str, order: &str, direction: &str, page: (i64, i64)) -> String {
    let params = [text(group), members(&[]), text(order), text(direction), int(page.0), int(page.1)];
    rig.call("summary", &params).expect("whole")
}

const ALL_GROUPS: [&str; 17] = [
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
    "username",
    "orig_src/24",
    "repl_src/64",
    "orig_dst/0/0",
    "local/31/127",
    "remote/128",
    "orig_src/23/32",
];

#[test]
fn every_group_is_what_the_listing_counts() {
    let flows = table(90, 300);
    let mut rig = rig(flows.clone());
    for group in ALL_GROUPS {
        let groups = naive(group, &flows);
        assert!(groups.len() > 1 && groups.len() <= GROUPS, "{group}: {}", groups.len());
        let name = group.split('/').next().unwrap();
        for (order, direction, descending) in [
            ("", "", true),
            ("connections", "ASC", false),
            ("bytes", "d", true),
            ("bytes", "ASC", false),
            ("packets", "", true),
            ("key", "ASC", false),
            ("key", "", true),
        ] {
            let expected = sorted(&groups, order, descending);
            for page in [(0, -1), (0, 0), (0, 3), (2, 4), (groups.len() as i64 - 1, 9), (1 << 40, 2)] {
                let (rows, rest) = read(&call(&mut rig, group, order, direction, page), name);
                // A router's usize may have 32 bits.
                let [start, length] = [page.0, page.1].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
                let wanted: Vec<_> = expected.iter().skip(start).take(length).cloned().collect();
                assert_eq!(rows, wanted, "{group} by {order} {direction} {page:?}");
                let number = |name: &str| rest[name].parse::<usize>().expect("a number");
                assert_eq!((number("total"), number("matched")), (groups.len(), flows.len()), "{group}");
                assert_eq!((number("exact"), number("count")), (1, flows.len()));
                assert!(!rest.contains_key("error") && !rest.contains_key("other.connections"));
            }
        }
    }
    assert!(rig.engine.shared.pool.is_idle());
}

/// Filters, and what is hidden, count as in a view; and so does a snapshot, whatever became of the table.
#[test]
fn filters_and_snapshots_count_as_in_a_view() {
    // As many as the rig's snapshot holds.
    let flows = table(91, 100);
    let mut rig = rig(flows.clone());
    rig.engine.shared.context.hide_time_wait = true;
    let is_wanted = |flow: &&Flow| flow.orig.unwrap().l4proto == IPPROTO_TCP && flow.tcp_state != Some(7);
    let wanted: Vec<Flow> = flows.iter().filter(is_wanted).copied().collect();
    let expected = sorted(&naive("service", &wanted), "", true);
    for filter in [text("tcp"), members(&[("orig_l4proto", int(6))])] {
        for off in [false, true] {
            rig.kernel.table = flows.clone();
            if off {
                rig.call("set_autorefresh", &[int(0)]).expect("whole");
                rig.kernel.table.truncate(7);
            }
            let reply = rig.call("summary", &[text("service"), filter.clone()]).expect("whole");
            let (rows, rest) = read(&reply, "service");
            assert_eq!(rows, expected);
            assert_eq!(rest["matched"], wanted.len().to_string());
            assert_eq!(rest.contains_key("snapshot_age"), off);
            assert_eq!(rest["autorefresh"], if off { "0" } else { "1" });
            rig.call("set_autorefresh", &[int(1)]).expect("whole");
        }
    }
}

fn from(source: u32, at: u32) -> Flow {
    let tuple = Tuple {
        src: mapped(source.to_be_bytes()),
        dst: mapped([192, 0, 2, 1]),
        ends: Ends::Ports { src: at as u16, dst: 443 },
        l3proto: AF_INET,
        l4proto: IPPROTO_TCP,
        zone: None,
    };
    Flow { orig: Some(tuple), repl: Some(tuple), id: Some(at), ..Flow::default() }
}

/// Beyond its capacity a summary gives the heaviest, and the bound of the error.
#[test]
fn beyond_capacity_the_bound_holds() {
    let mut random = 7_u64;
    for skew in [1, 3, 9] {
        let mut true_counts: BTreeMap<String, u64> = BTreeMap::new();
        let flows: Vec<Flow> = (0..4000_u32)
            .map(|at| {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Small numbers are the more frequent the greater the skew is.
                let part = (random >> 40) as f64 / f64::from(1_u32 << 24);
                let source = (part.powi(skew) * (8 * GROUPS) as f64) as u32;
                *true_counts.entry(core::net::Ipv4Addr::from(source).to_string()).or_default() += 1;
                from(source, at)
            })
            .collect();
        let mut rig = rig(flows.clone());
        let (rows, rest) = read(&call(&mut rig, "orig_src", "", "", (0, -1)), "orig_src");
        let number = |name: &str| rest[name].parse::<u64>().expect("a number");
        assert_eq!((number("total"), number("matched"), number("exact")), (GROUPS as u64, 4000, 0));
        let error = number("error");
        assert!(error > 0 && error <= 4000 / GROUPS as u64, "{error}");
        for (key, sums) in &rows {
            let exact = true_counts[key.as_ref().expect("a key")];
            assert!(
                exact <= sums.connections && sums.connections <= exact + error,
                "{key:?} {exact} {sums:?}"
            );
        }
        // Whoever is not there has no more than the error.
        for (key, &count) in &true_counts {
            let is_there = rows.iter().any(|row| row.0.as_ref() == Some(key));
            assert!(is_there || count <= error, "{key}: {count} > {error}");
        }
        assert_eq!(rows.iter().map(|row| row.1.connections).sum::<u64>(), 4000);
        assert!(number("other.connections") > 0 && number("other.connections") < 4000);
    }
    // As many as fit are exact.
    let flows: Vec<Flow> = (0..3 * GROUPS as u32).map(|at| from(at % GROUPS as u32, at)).collect();
    let mut rig = rig(flows);
    let (rows, rest) = read(&call(&mut rig, "orig_src", "", "", (0, -1)), "orig_src");
    assert_eq!((rows.len(), rest["exact"].as_str()), (GROUPS, "1"));
    assert!(rows.iter().all(|row| row.1.connections == 3));
}

/// A length that is told is kept, and every output gives the same.
#[test]
fn summaries_in_every_output_are_the_same() {
    for syntax in [Syntax::Xml, Syntax::Json] {
        let mut rig = rig(table(92, 120));
        rig.syntax = syntax;
        let body = rig.body("summary", &[text("orig_src")]);
        let whole = rig.run(0, &body, OUTPUT_BYTES).expect("whole");
        assert!(whole.len() > 700);
        for size in [600, 601, 1025, 3000] {
            assert_eq!(rig.run(0, &body, size).expect("whole"), whole, "{size}");
        }
    }
}

/// One summary at a time has the memory for all groups; the next ones have their turn, and so have views.
#[test]
fn summaries_take_turns() {
    let mut rig = rig(table(93, 100));
    let bodies = [rig.body("summary", &[text("mark")]), rig.body("summary", &[text("orig_src")])];
    let whole: Vec<String> =
        bodies.iter().map(|body| rig.run(2, body, OUTPUT_BYTES).expect("whole")).collect();
    for _ in 0..3 {
        for (slot, body) in bodies.iter().enumerate() {
            rig.begin(slot, body);
        }
        let mut left = vec![0, 1];
        while !left.is_empty() {
            assert!(rig.scan(), "a call that waits gets its scan");
            left.retain(|&slot| {
                let mut buf = vec![0; 1 << 16];
                let mut out = crate::out::Out::new(&mut buf);
                loop {
                    match rig.go_on(slot, &bodies[slot], &mut out, true) {
                        Step::Wait => return true,
                        Step::Done => break,
                        _ => {}
                    }
                }
                assert_eq!(std::str::from_utf8(out.as_bytes()), Ok(whole[slot].as_str()));
                false
            });
        }
    }
    assert!(rig.engine.shared.pool.is_idle());
}

#[test]
fn what_no_summary_takes_is_named() {
    let mut rig = rig(table(94, 5));
    rig.syntax = Syntax::Xml;
    for (group, says) in [
        ("orig_srk", "there is no group \"orig_srk\": did you mean orig_src?"),
        ("", "there is no group \"\"; the groups are orig_src orig_dst repl_src local remote service"),
        ("bytes", "the groups are"),
        ("orig_src/33/64", "orig_src/24/56"),
        ("orig_src/129", "\"orig_src/129\" has no prefix"),
        ("orig_src/", "no prefix that an address can have"),
        ("orig_src/+8", "no prefix that an address can have"),
        ("orig_src/24/64/1", "no prefix that an address can have"),
        ("service/24", "service is no address and takes no prefix"),
    ] {
        let (code, sentence) = fault(rig.call("summary", &[text(group)]));
        assert!(code == -32602 && sentence.contains(says), "{group}: {code} {sentence}");
    }
    for (params, says) in [
        (vec![], "parameter group_by is missing"),
        (vec![text("local"), members(&[]), text("mark")], "connections, bytes, packets, rate or key"),
        (vec![text("local"), members(&[]), text(""), text("up")], "order_dir"),
        (vec![text("local"), members(&[]), text(""), text(""), int(-1)], "start"),
        (vec![text("local"), text("nat:source")], "one of src, dst, both"),
    ] {
        let (_, sentence) = fault(rig.call("summary", &params));
        assert!(sentence.contains(says), "{params:?}: {sentence}");
    }
    let reply = rig.call("summary", &[text("zone")]).expect("whole");
    assert_eq!((number(&reply, "matched"), number(&reply, "exact")), (5, 1));
}

/// An order by rates takes two readings a second apart; any other shows the rates that are known, and waits for nothing.
#[test]
fn an_order_by_rates_waits_for_a_second_reading() {
    let flows: Vec<Flow> = (1..=30)
        .map(|at| {
            let counters = Some(Counters { packets: 1, bytes: u64::from(at) });
            Flow { orig_counters: counters, repl_counters: counters, timeout: Some(60), ..from(at % 3, at) }
        })
        .collect();
    let mut rig = rig(flows);
    let (rows, _) = read(&call(&mut rig, "orig_src", "bytes", "", (0, -1)), "orig_src");
    assert!(rows.iter().all(|row| row.1.rate.is_none()), "{rows:?}");
    rig.now_ms += 60_000;
    let body = rig.body("summary", &[text("orig_src"), members(&[]), text("rate")]);
    rig.begin(0, &body);
    assert!(rig.scan());
    assert_eq!(rig.run_on(0, &body, OUTPUT_BYTES), Step::Wait);
    assert!(!rig.scan(), "the second reading comes a second later");
    rig.now_ms = rig.engine.wakes_at_ms(0, rig.now_ms).expect("a time");
    for flow in &mut rig.kernel.table {
        flow.orig_counters.as_mut().unwrap().bytes += 100 * u64::from(flow.id.unwrap());
    }
    assert_eq!(rig.run_on(0, &body, OUTPUT_BYTES), Step::Wait);
    assert!(rig.scan());
    let mut buf = vec![0; OUTPUT_BYTES];
    let mut out = crate::out::Out::new(&mut buf);
    while rig.go_on(0, &body, &mut out, true) != Step::Done {}
    let (rows, _) = read(std::str::from_utf8(out.as_bytes()).expect("UTF-8"), "orig_src");
    let rates: Vec<_> = rows.iter().map(|(key, sums)| (key.as_deref(), sums.rate)).collect();
    assert_eq!(
        rates,
        [(Some("0.0.0.0"), Some(16_500)), (Some("0.0.0.2"), Some(15_500)), (Some("0.0.0.1"), Some(14_500))]
    );
}

/// Rates are summed where they are known, and absent where none is.
#[test]
fn rates_are_summed_where_known() {
    let context = context();
    let mut pool = crate::query::rows::RowPool::new();
    let group_by = crate::query::group::GroupBy::parse("orig_l4proto").expect("a group");
    let order = (crate::query::summary::By::Sum(2), true);
    let filter = crate::query::filter::Filter::new();
    let mut summary = crate::query::summary::Summary::new(filter, group_by, order, 0, None);
    assert!(summary.needs() & crate::query::field::RATES != 0);
    summary.begin(&mut pool, [3; 16]);
    let rates = |orig, repl| Some(Rates { orig, repl });
    for (protocol, rates) in [
        (6, rates(5, 7)),
        (6, None),
        (6, rates(u32::MAX, 1)),
        (17, None),
        (1, rates(0, 0)),
        (47, rates(9, 9)),
    ] {
        let mut flow = from(1, 1);
        (flow.orig.as_mut().unwrap().l4proto, flow.rates) = (protocol, rates);
        summary.offer(&flow, &mut pool, &context);
    }
    summary.end(&mut pool, &context);
    let found: Vec<_> =
        (0..5).filter_map(|nth| summary.group(nth, &pool)).map(|g| (g.connections, g.sum(2))).collect();
    assert_eq!(found, [(3, Some(13 + u64::from(u32::MAX))), (1, Some(18)), (1, Some(0)), (1, None)]);
    summary.release(&mut pool);
    assert!(pool.is_idle());
}
