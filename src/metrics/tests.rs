//! The text whole and in pieces, and flows counted.

use super::flows::TableCounts;
use super::table::{GAUGES, METRICS};
use super::text::{Facts, Names, Place, Sources};
use crate::conntrack::flow::{Ends, Flow, Rates, Tuple, carried};
use crate::conntrack::uapi::{AF_INET, AF_INET6};
use crate::http::{Error, Status};
use crate::limits::{METRICS_HOSTS, METRICS_OLD_MS};
use crate::out::{Full, Out};
use crate::query::net::Net;
use crate::stats::{Counter, Stats, Tally};
use std::collections::BTreeSet;

const PROCEDURES: [&str; 2] = ["view", "kill"];
const CODES: [i32; 2] = [-32700, 6];

fn sources(stats: &Stats) -> Sources<'_> {
    let procedure = |at: usize| PROCEDURES.get(at).copied();
    Sources { stats, names: Names { procedure, code: |at| CODES.get(at).copied() } }
}

/// The text, written through an output of `size` bytes.
fn text(facts: &Facts, stats: &Stats, size: usize) -> String {
    let (mut place, mut text) = (Place::default(), String::new());
    loop {
        let mut buf = vec![0; size];
        let mut out = Out::new(&mut buf);
        let wrote = facts.write(&mut place, &sources(stats), &mut out);
        assert!(wrote.is_ok() || !out.is_empty(), "a line is longer than {size} bytes");
        text.push_str(core::str::from_utf8(out.as_bytes()).unwrap());
        if wrote != Err(Full) {
            return text;
        }
        assert!(text.ends_with('\n'), "a line is cut");
    }
}

fn full() -> Facts {
    Facts { kernel: [Some(7); 16], gauges: [Some(1_234_567); GAUGES], ..Facts::default() }
}

/// The value of a series.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let found: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).collect();
    assert_eq!(found.len(), 1, "{series} in\n{text}");
    found[0].parse().unwrap()
}

fn flow(src: &str, dst: &str, l4proto: u8) -> Flow {
    let tuple = |src: &str, dst: &str| {
        let ((src, v4), (dst, _)) = (carried(src.parse().unwrap()), carried(dst.parse().unwrap()));
        let l3proto = if v4 { AF_INET } else { AF_INET6 };
        Tuple { src, dst, ends: Ends::None, l3proto, l4proto, zone: None }
    };
    Flow { orig: Some(tuple(src, dst)), repl: Some(tuple(dst, src)), ..Flow::default() }
}

#[test]
fn the_text_is_the_same_through_any_output() {
    let mut counts = TableCounts::new(Net::parse("10.0.0.0/8"));
    counts.begin();
    counts.count(&Flow { rates: Some(Rates { orig: 5, repl: 6 }), ..flow("10.0.0.1", "192.0.2.1", 6) });
    counts.end(0);
    let facts = Facts { counts: Some(counts.last()), has_hosts: counts.has_hosts(), ..full() };
    let whole = text(&facts, &Stats::default(), 1 << 16);
    for size in [256, 300, 1000, 8000] {
        assert_eq!(text(&facts, &Stats::default(), size), whole, "{size}");
    }
    // Each metric is there, once, with what it is before its first series; no series comes twice.
    let mut series = BTreeSet::new();
    for metric in METRICS {
        let kind = if metric.name.ends_with("_total") { "counter" } else { "gauge" };
        let head = format!("# HELP {0} {1}\n# TYPE {0} {kind}\n{0}", metric.name, metric.help);
        assert_eq!(whole.matches(&head).count(), 1, "{head}");
    }
    for line in whole.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(series.insert(name) && value.parse::<f64>().is_ok(), "{line}");
    }
    assert_eq!(whole.lines().count(), series.len() + 2 * METRICS.len());
}

#[test]
fn what_is_not_known_is_not_told() {
    let text = text(&Facts::default(), &Stats::default(), 1 << 16);
    for name in ["nf_conntrack", "process_", "rctd_clients_limit", "rctd_host", "rctd_build_info"] {
        assert!(!text.contains(name), "{name}");
    }
    assert_eq!(value(&text, "rctd_clients_accepted_total"), 0.0);
}

#[test]
fn numbers_and_labels() {
    let mut stats = Stats::default();
    stats.add_all(Counter::Killed, 3);
    for place in [Some(0), Some(1), Some(1), None, Some(usize::MAX)] {
        stats.add_to(Tally::Calls, place);
    }
    stats.add_to(Tally::Faults, Some(1));
    let status = |code| Status::ERRORS.iter().position(|status| status.code() == code);
    stats.add_to(Tally::HttpErrors, status(403));
    let text = text(&full(), &stats, 1 << 16);
    for (series, wanted) in [
        ("rctd_connections_killed_total", 3.0),
        ("rctd_calls_total{method=\"view\"}", 1.0),
        ("rctd_calls_total{method=\"kill\"}", 2.0),
        ("rctd_calls_total{method=\"other\"}", 2.0),
        ("rctd_faults_total{code=\"-32700\"}", 0.0),
        ("rctd_faults_total{code=\"6\"}", 1.0),
        ("rctd_http_errors_total{status=\"403\"}", 1.0),
        ("rctd_http_errors_total{status=\"505\"}", 0.0),
        ("process_cpu_seconds_total", 1.234_567),
        ("nf_conntrack_entries", 1_234_567.0),
        ("nf_conntrack_stat_early_drop_total", 7.0),
    ] {
        assert_eq!(value(&text, series), wanted, "{series}");
    }
    let build = format!("rctd_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build));
    assert_eq!(text.matches("rctd_calls_total{").count(), PROCEDURES.len() + 1);
}

#[test]
fn microseconds_are_seconds_with_six_places() {
    let with =
        |us: u64| text(&Facts { gauges: [Some(us); GAUGES], ..Facts::default() }, &Stats::default(), 1 << 16);
    for (us, wanted) in [(0, "0.000000"), (1, "0.000001"), (1_000_000, "1.000000"), (61_020_304, "61.020304")]
    {
        assert!(with(us).contains(&format!("\nprocess_cpu_seconds_total {wanted}\n")), "{us}");
    }
}

/// Every error of HTTP is counted by a status of its own.
#[test]
fn every_status_of_an_error_is_told() {
    for error in Error::ALL {
        assert!(Status::ERRORS.contains(&error.status()), "{error:?}");
    }
    assert!(Status::ERRORS.len() < crate::stats::TALLY_KINDS);
}

#[test]
fn flows_by_protocol_state_and_flag() {
    let mut counts = TableCounts::new(None);
    counts.begin();
    let with = |status: u32, state, flow| Flow { status: Some(status), tcp_state: state, ..flow };
    for flow in [
        with(0, Some(1), flow("10.0.0.1", "192.0.2.1", 6)),
        with(0x2 | 0x4, Some(3), flow("10.0.0.1", "192.0.2.1", 6)),
        with(0x2 | 0x4 | 0x10, Some(3), flow("2001:db8::1", "2001:db8::2", 6)),
        with(0x2 | 0x20 | 0x4000, None, flow("10.0.0.1", "192.0.2.1", 6)),
        with(0x2 | 0x8000, None, flow("10.0.0.1", "192.0.2.1", 17)),
        with(0x2, None, flow("2001:db8::1", "2001:db8::2", 58)),
        with(0x2, None, flow("10.0.0.1", "192.0.2.1", 50)),
        // A state that no name is known for counts as none, and an entry without a tuple as nothing.
        with(0x2, Some(200), flow("10.0.0.1", "192.0.2.1", 6)),
        Flow::default(),
    ] {
        counts.count(&flow);
    }
    counts.end(0);
    let facts = Facts { counts: Some(counts.last()), ..Facts::default() };
    let text = text(&facts, &Stats::default(), 1 << 16);
    for (series, wanted) in [
        ("nf_conntrack_flows{protocol=\"tcp\",family=\"ipv4\"}", 4),
        ("nf_conntrack_flows{protocol=\"tcp\",family=\"ipv6\"}", 1),
        ("nf_conntrack_flows{protocol=\"udp\",family=\"ipv4\"}", 1),
        ("nf_conntrack_flows{protocol=\"icmpv6\",family=\"ipv6\"}", 1),
        ("nf_conntrack_flows{protocol=\"other\",family=\"ipv4\"}", 1),
        ("nf_conntrack_flows{protocol=\"gre\",family=\"ipv6\"}", 0),
        ("nf_conntrack_tcp_flows{state=\"syn_sent\"}", 1),
        ("nf_conntrack_tcp_flows{state=\"established\"}", 2),
        ("nf_conntrack_tcp_flows{state=\"time_wait\"}", 0),
        ("nf_conntrack_flows_flagged{flag=\"unreplied\"}", 1),
        ("nf_conntrack_flows_flagged{flag=\"assured\"}", 2),
        ("nf_conntrack_flows_flagged{flag=\"snat\"}", 1),
        ("nf_conntrack_flows_flagged{flag=\"dnat\"}", 1),
        ("nf_conntrack_flows_flagged{flag=\"offloaded\"}", 2),
    ] {
        assert_eq!(value(&text, series), f64::from(wanted), "{series}");
    }
    assert!(!text.contains("rctd_host"), "no network was given");
}

#[test]
fn hosts_keep_their_places_and_the_rest_is_one() {
    let mut counts = TableCounts::new(Net::parse("10.0.0.0/8"));
    let scan = |counts: &mut TableCounts, flows: &[Flow]| {
        counts.begin();
        flows.iter().for_each(|flow| counts.count(flow));
        counts.end(0);
        let facts = Facts { counts: Some(counts.last()), has_hosts: true, ..Facts::default() };
        text(&facts, &Stats::default(), 1 << 16)
    };
    let series = |what: &str, host: &str| format!("rctd_host_{what}{{host=\"{host}\"}}");
    let rated = |orig, repl, flow: Flow| Flow { rates: Some(Rates { orig, repl }), ..flow };
    let first = [
        rated(100, 7, flow("10.0.0.1", "192.0.2.1", 6)),
        // Asked from outside: what the host sends is the reply.
        rated(30, 5, flow("192.0.2.1", "10.0.0.1", 6)),
        flow("10.0.0.1", "192.0.2.1", 17),
        // Between two hosts it is the first one's.
        flow("10.0.0.2", "10.0.0.1", 17),
        // Of no host of the network, and of another family.
        flow("192.0.2.1", "192.0.2.2", 6),
        flow("2001:db8::1", "2001:db8::2", 6),
    ];
    let told = scan(&mut counts, &first);
    assert_eq!(value(&told, &series("flows", "10.0.0.1")), 3.0);
    assert_eq!(value(&told, &series("transmit_bytes_per_second", "10.0.0.1")), 105.0);
    assert_eq!(value(&told, &series("receive_bytes_per_second", "10.0.0.1")), 37.0);
    assert_eq!(value(&told, &series("flows", "10.0.0.2")), 1.0);
    assert_eq!(value(&told, &series("flows", "other")), 0.0);
    assert!(!told.contains(&series("receive_bytes_per_second", "10.0.0.2")), "a rate is not known: {told}");
    // A port forward: the host that answers is not the one that was asked.
    let forwarded =
        Flow { repl: flow("10.0.0.9", "192.0.2.1", 6).orig, ..flow("192.0.2.1", "198.51.100.1", 6) };
    let told = scan(&mut counts, &[forwarded, first[0]]);
    assert_eq!(value(&told, &series("flows", "10.0.0.9")), 1.0);
    // More hosts than places, those who come first now among the last: who has flows keeps its place.
    let more: Vec<Flow> = (1..=100).rev().map(|n| flow(&format!("10.0.0.{n}"), "192.0.2.1", 17)).collect();
    let told = scan(&mut counts, &more);
    for host in ["10.0.0.1", "10.0.0.9"] {
        assert_eq!(value(&told, &series("flows", host)), 1.0);
    }
    assert_eq!(told.matches("rctd_host_flows{").count(), METRICS_HOSTS + 1);
    assert_eq!(value(&told, &series("flows", "other")), 100.0 - METRICS_HOSTS as f64);
    // Who had none in a scan gives its place to others in the next.
    scan(&mut counts, &[]);
    let told = scan(&mut counts, &more[..1]);
    assert_eq!(value(&told, &series("flows", "10.0.0.100")), 1.0);
    assert_eq!(told.matches("rctd_host_flows{").count(), 2);
}

#[test]
fn counts_are_told_again_for_a_while() {
    let mut counts = TableCounts::new(None);
    assert!(!counts.is_fresh(0), "nothing is counted yet");
    counts.begin();
    counts.end(1000);
    assert!(counts.is_fresh(1000) && counts.is_fresh(1000 + METRICS_OLD_MS - 1));
    assert!(!counts.is_fresh(1000 + METRICS_OLD_MS));
}
