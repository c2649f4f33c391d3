//! `GET /metrics` over real sockets and a real kernel: who gets it, what it says, and whether Prometheus's own programs
//! understand it. What stands in `contrib/prometheus` is held against it.
#![cfg(feature = "metrics")]
mod common;
#[path = "hostile/host.rs"]
#[allow(dead_code)]
mod host;

use common::daemon::{Daemon, run};
use common::fields::expect_fault;
use common::flows::{ESTABLISHED, Flow, IPS_ASSURED, IPS_SEEN_REPLY, TCP, UDP, flows};
use common::folder::Folder;
use common::inserter::Inserter;
use common::json::{self, Json};
use common::namespace::in_namespace;
use common::raw::{Address, Reply, exchange};
use common::xml::Value;
use common::{has_program, skip, traffic};
use host::{network, nth, open_from};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HOST: &str = "127.0.0.1";

/// A request for the metrics.
fn get(host: &str, more: &str) -> Vec<u8> {
    format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n{more}\r\n").into_bytes()
}

/// The metrics.
#[track_caller]
fn scrape(daemon: &Daemon) -> String {
    let (reply, _) = exchange(daemon.address(), &get(HOST, ""));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.text()
}

/// The values of all series.
fn values(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').expect("a series"))
        .map(|(n, v)| (n, v.parse().expect(n)))
        .collect()
}

#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    *values(text).get(series).unwrap_or_else(|| panic!("no series {series} in\n{text}"))
}

/// Runs a program with this on its standard input: whether it ended well, and all that it said.
fn feed(command: &mut Command, input: &str) -> (bool, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that ends before it has read all of it says why.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A table with something of everything, and the daemon that tells all of it.
fn everything(test: impl FnOnce(&Daemon) + Send) {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(17, 500));
        test(&Daemon::start(&["--metrics=table", "--metrics-hosts", "10.0.0.0/8"]));
    });
}

#[test]
fn promtool_finds_nothing_wrong() {
    if !has_program("promtool") {
        return skip("promtool is not installed (Debian's package prometheus)");
    }
    let check = |text: &str| feed(Command::new("promtool").args(["check", "metrics"]), text);
    everything(|daemon| {
        let text = scrape(daemon);
        let (well, said) = check(&text);
        assert!(well && said.is_empty(), "{said}\n{text}");
    });
    in_namespace(|_| {
        let text = scrape(&Daemon::start(&["--metrics"]));
        let (well, said) = check(&text);
        assert!(well && said.is_empty(), "{said}\n{text}");
        // It does say so where something is wrong.
        let (well, said) = check(&text.replace("rctd_clients ", "rctdClients "));
        assert!(!well && !said.is_empty(), "promtool takes anything");
    });
}

/// The Python that has Prometheus's parser: that of `.ci/run`, or the system's.
fn python() -> Option<PathBuf> {
    let own = root().join("target/python/bin/python3");
    [own, "python3".into()].into_iter().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import prometheus_client.parser"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

#[test]
fn prometheus_s_own_parser_reads_the_same() {
    let Some(python) = python() else {
        return skip(
            "there is no Python with prometheus_client (python3 -m venv target/python; pip install it there)",
        );
    };
    everything(|daemon| {
        let text = scrape(daemon);
        let (well, said) = feed(Command::new(python).arg(root().join("tests/metrics/parse.py")), &text);
        assert!(well, "{said}\n{text}");
        let kinds: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        let mut own: Vec<String> = Vec::new();
        for (series, value) in values(&text) {
            let name = series.split('{').next().unwrap_or_default();
            own.push(format!("{} {series} {value:?}", kinds[name]));
        }
        let mut read: Vec<&str> = said.lines().collect();
        own.sort_unstable();
        read.sort_unstable();
        assert!(own.len() > 100);
        assert_eq!(own, read, "written (left) and read (right)");
    });
}

#[test]
fn without_the_option_there_is_none() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        for method in ["GET", "HEAD", "POST", "PUT"] {
            let request = format!("{method} /metrics HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n");
            let mut connection = common::raw::Connection::open(daemon.address()).expect("a connection");
            connection.send(request.as_bytes()).expect("a request");
            let said = String::from_utf8(connection.rest()).expect("text");
            assert!(said.starts_with("HTTP/1.1 404 "), "{method}: {said}");
        }
    });
}

/// The default tells numbers and not what is in the table, and does not read it.
#[test]
fn the_default_tells_nothing_of_the_table() {
    in_namespace(|ns| {
        let table = flows(18, 300);
        Inserter::new(ns).insert(&table);
        let daemon = Daemon::start(&["--metrics"]);
        let mut text = String::new();
        for _ in 0..3 {
            text = scrape(&daemon);
        }
        assert_eq!(value(&text, "nf_conntrack_entries"), 300.0);
        assert_eq!(value(&text, "rctd_table_scans_total"), 0.0);
        assert_eq!(value(&text, "rctd_table_entries_read_total"), 0.0);
        assert!(!text.contains("nf_conntrack_flows") && !text.contains("rctd_host"), "{text}");
        for flow in &table {
            for address in [flow.orig.src, flow.orig.dst, flow.reply.src, flow.reply.dst] {
                assert!(!text.contains(&address.to_string()), "{address} is told:\n{text}");
            }
        }
    });
}

/// Foreign pages and pointed names are refused as they are for calls; what is no GET or HEAD is told so.
#[test]
fn host_origin_and_methods() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--metrics"]);
        for (line, fields, status) in [
            ("GET /metrics HTTP/1.1", "Host: example.org\r\n", 403),
            ("GET /metrics HTTP/1.1", "Host: 127.0.0.1\r\nOrigin: http://example.org\r\n", 403),
            ("GET /metrics HTTP/1.1", "Host: 127.0.0.1\r\nOrigin: null\r\n", 403),
            ("GET /metrics HTTP/1.1", "", 400),
            ("GET /metrics HTTP/1.1", "Host: 127.0.0.1\r\nContent-Length: 1\r\n", 400),
            ("GET /metrics/ HTTP/1.1", "Host: 127.0.0.1\r\n", 404),
            ("GET /metrics?x=1 HTTP/1.1", "Host: 127.0.0.1\r\n", 404),
            ("POST /metrics HTTP/1.1", "Host: 127.0.0.1\r\nContent-Length: 0\r\n", 405),
            ("DELETE /metrics HTTP/1.1", "Host: 127.0.0.1\r\n", 405),
        ] {
            let (reply, _) = exchange(daemon.address(), format!("{line}\r\n{fields}\r\n").as_bytes());
            assert_eq!(reply.status, status, "{line} {fields}: {}", reply.text());
            assert_eq!(reply.header("allow").is_some(), status == 405);
        }
        let text = scrape(&daemon);
        for (status, wanted) in [("400", 2.0), ("403", 3.0), ("404", 2.0), ("405", 2.0), ("503", 0.0)] {
            assert_eq!(
                value(&text, &format!("rctd_http_errors_total{{status=\"{status}\"}}")),
                wanted,
                "{status}"
            );
        }
    });
}

/// HEAD has the head alone, also where it is refused; the connection goes on after an answer, and HTTP/1.0 has one too.
#[test]
fn heads_and_versions() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--metrics"]);
        let mut connection = common::raw::Connection::open(daemon.address()).expect("a connection");
        let all = [
            format!("HEAD /metrics HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes(),
            get(HOST, ""),
            get(HOST, "Connection: close\r\n"),
        ];
        connection.send(&all.concat()).expect("three requests");
        let said = String::from_utf8(connection.rest()).expect("text");
        let replies: Vec<&str> = said.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
        assert_eq!(replies.len(), 3, "{said}");
        assert!(
            replies[0].ends_with("\r\n\r\n")
                && replies[0].contains("Content-Type: text/plain; version=0.0.4")
        );
        assert!(replies[1].contains("rctd_build_info") && replies[2].contains("rctd_build_info"));
        let (reply, _) = exchange(daemon.address(), b"GET /metrics HTTP/1.0\r\n\r\n");
        assert!(reply.closes() && reply.header("content-length").is_some(), "{:?}", reply.headers);
        daemon.still_serves();
    });
    // What is longer than the output has no length.
    everything(|daemon| {
        let (reply, _) = exchange(daemon.address(), b"GET /metrics HTTP/1.0\r\n\r\n");
        assert!(reply.until_close && reply.text().ends_with('\n'), "{:?}", reply.headers);
        assert!(reply.body.len() > rctd::limits::OUTPUT_BYTES);
    });
}

/// Without a login, so not for everybody: the machine itself, or the networks that were given and nobody else.
#[test]
fn other_networks_get_403() {
    in_namespace(|_| {
        if !network() {
            return;
        }
        let ask = |daemon: &Daemon, from: u8, request: &str| -> Reply {
            let mut connection = open_from(nth(from), &daemon.addresses()[1]).expect("a connection");
            connection.send(request.as_bytes()).expect("a request");
            connection.reply().expect("a reply")
        };
        let request = "GET /metrics HTTP/1.1\r\nHost: 10.9.0.1\r\n\r\n";
        let listen = ["127.0.0.1:0", "10.9.0.1:0"];
        let daemon = Daemon::start_on(&listen, &["--insecure-no-auth", "--metrics"]);
        let reply = ask(&daemon, 1, request);
        assert_eq!((reply.status, reply.closes()), (403, true), "{}", reply.text());
        assert!(
            reply.text().contains("--metrics-allow") && !reply.text().contains("nf_conntrack"),
            "{}",
            reply.text()
        );
        assert_eq!(value(&scrape(&daemon), "rctd_http_errors_total{status=\"403\"}"), 1.0);
        // The reply to a HEAD has no body, whatever it is.
        let mut connection = open_from(nth(1), &daemon.addresses()[1]).expect("a connection");
        connection.send(request.replace("GET", "HEAD").as_bytes()).expect("a request");
        let said = String::from_utf8(connection.rest()).expect("text");
        assert!(said.starts_with("HTTP/1.1 403 ") && said.ends_with("\r\n\r\n"), "{said}");
        drop(daemon);

        let allow =
            ["--insecure-no-auth", "--metrics", "--metrics-allow", "10.9.1.2/31", "--metrics-allow", "::1"];
        let daemon = Daemon::start_on(&listen, &allow);
        for (from, status) in [(1, 403), (2, 200), (3, 200), (4, 403)] {
            assert_eq!(ask(&daemon, from, request).status, status, "10.9.1.{from}");
        }
        // What is given is all: the machine itself is not among it.
        assert_eq!(exchange(daemon.address(), &get(HOST, "")).0.status, 403);
    });
}

/// Through a unix socket without --forwarded the machine itself asks; with it, whoever the proxy names.
#[test]
fn a_proxy_s_clients() {
    in_namespace(|_| {
        let folder = Folder::new();
        let path = folder.path().join("socket");
        let listen = format!("unix:{}", path.display());
        let status = |daemon: &Daemon, field: &str| exchange(daemon.address(), &get("x", field)).0.status;
        let daemon = Daemon::start_on(&[&listen], &["--metrics"]);
        assert_eq!(status(&daemon, "X-Forwarded-For: 192.0.2.1\r\n"), 200);
        drop(daemon);
        let daemon = Daemon::start_on(&[&listen], &["--metrics", "--forwarded", "X-Forwarded-For"]);
        assert_eq!(status(&daemon, ""), 200);
        assert_eq!(status(&daemon, "X-Forwarded-For: 127.0.0.1, 192.0.2.1\r\n"), 403);
        assert_eq!(status(&daemon, "X-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n"), 200);
    });
}

/// The daemon's own numbers are those of `stats`, and the kernel's too.
#[test]
fn numbers_are_those_of_stats() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(19, 100));
        let daemon = Daemon::start(&["--metrics", "--session-timeout", "600"]);
        let mut client = daemon.client();
        client.all();
        client.all();
        expect_fault(client.ask("kill", &["nothing".into()]), -32602, "");
        expect_fault(client.call("nothing", &[]), -32601, "nothing");
        let id = common::row::id(&client.all().table[0]);
        assert_eq!(client.kill(Value::from(id.to_string().as_str())).expect("a kill"), 1);
        let text = scrape(&daemon);
        let stats = client.ask("stats", &[]).expect("stats");
        for (method, calls) in [
            ("login", 1.0),
            ("view", 3.0),
            ("kill", 2.0),
            ("other", 1.0),
            ("stats", 0.0),
            ("system.multicall", 0.0),
        ] {
            assert_eq!(value(&text, &format!("rctd_calls_total{{method=\"{method}\"}}")), calls, "{method}");
        }
        for (code, faults) in [(-32602, 1.0), (-32601, 1.0), (1, 0.0), (7, 0.0)] {
            assert_eq!(value(&text, &format!("rctd_faults_total{{code=\"{code}\"}}")), faults, "{code}");
        }
        let own = stats.get("daemon");
        for (metric, name) in [
            ("rctd_clients_accepted_total", "accepted"),
            ("rctd_clients_refused_total", "no_slot"),
            ("rctd_deadlines_exceeded_total", "deadlines"),
            ("rctd_logins_refused_total", "logins_refused"),
            ("rctd_descriptors_exhausted_total", "no_descriptor"),
            ("rctd_table_scans_total", "scans"),
            ("rctd_table_scan_errors_total", "scan_errors"),
            ("rctd_table_entries_read_total", "entries"),
            ("rctd_netlink_overruns_total", "netlink_overruns"),
            ("rctd_connections_killed_total", "killed"),
            ("rctd_accounting_resets_total", "accounting_resets"),
        ] {
            assert_eq!(value(&text, metric), own.get(name).int() as f64, "{metric}");
        }
        assert_eq!(value(&text, "rctd_connections_killed_total"), 1.0);
        assert_eq!(value(&text, "nf_conntrack_entries"), 99.0);
        assert_eq!(value(&text, "nf_conntrack_entries_limit"), stats.get("max").int() as f64);
        for name in ["found", "invalid", "insert_failed", "early_drop", "clash_resolve"] {
            let metric = format!("nf_conntrack_stat_{name}_total");
            assert_eq!(value(&text, &metric), stats.get("kernel").get(name).int() as f64, "{metric}");
        }
        assert_eq!((value(&text, "rctd_sessions"), value(&text, "rctd_clients")), (1.0, 2.0));
        assert!(value(&text, "rctd_table_scan_seconds_total") > 0.0);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
        let age = now.as_secs_f64() - value(&text, "process_start_time_seconds");
        assert!((-2.0..120.0).contains(&age), "it was started {age} s ago");
    });
}

/// Flows are counted as one would count them without hurry; all who scrape within 15 seconds share one scan.
#[test]
fn flows_are_counted_from_one_scan() {
    in_namespace(|ns| {
        let table = flows(20, 400);
        Inserter::new(ns).insert(&table);
        let daemon = Daemon::start(&["--metrics=table"]);
        let began = Instant::now();
        let text = std::thread::scope(|scope| {
            let scrapes: Vec<_> = (0..8).map(|_| scope.spawn(|| scrape(&daemon))).collect();
            scrapes.into_iter().map(|scrape| scrape.join().expect("a scrape")).last().expect("eight")
        });
        let count = |is: &dyn Fn(&Flow) -> bool| table.iter().filter(|flow| is(flow)).count() as f64;
        for (family, v4) in [("ipv4", true), ("ipv6", false)] {
            for (name, number) in [("tcp", TCP), ("udp", UDP)] {
                let series = format!("nf_conntrack_flows{{protocol=\"{name}\",family=\"{family}\"}}");
                let wanted = count(&|flow| flow.orig.proto == number && flow.orig.src.is_ipv4() == v4);
                assert_eq!(value(&text, &series), wanted, "{series}");
            }
        }
        let all: f64 =
            values(&text).iter().filter(|(n, _)| n.starts_with("nf_conntrack_flows{")).map(|(_, v)| v).sum();
        assert_eq!(all, table.len() as f64);
        assert_eq!(
            value(&text, "nf_conntrack_tcp_flows{state=\"established\"}"),
            count(&|flow| flow.orig.proto == TCP && flow.tcp_state == Some(ESTABLISHED))
        );
        for (flag, wanted) in [
            ("unreplied", count(&|flow| flow.status & IPS_SEEN_REPLY == 0)),
            ("assured", count(&|flow| flow.status & IPS_ASSURED != 0)),
            ("dnat", 0.0),
        ] {
            assert_eq!(
                value(&text, &format!("nf_conntrack_flows_flagged{{flag=\"{flag}\"}}")),
                wanted,
                "{flag}"
            );
        }
        let text = scrape(&daemon);
        if began.elapsed() < Duration::from_secs(14) {
            assert_eq!(value(&text, "rctd_table_scans_total"), 1.0);
        } else {
            skip("this machine took more than 14 seconds for nine scrapes");
        }
    });
}

/// Hosts by flows and rates, from real traffic; hidden flows count for nothing.
#[test]
fn hosts_and_their_rates() {
    in_namespace(|ns| {
        if let Err(missing) = traffic::track(ns) {
            return skip(&missing);
        }
        let arguments = ["--metrics=table", "--metrics-hosts", "127.0.0.0/8", "--ignore", "127.0.0.9"];
        let daemon = Daemon::start(&arguments);
        let (near, far) =
            (std::net::UdpSocket::bind("127.0.0.2:0"), std::net::UdpSocket::bind("127.0.0.3:0"));
        let (near, far) = (near.expect("a socket"), far.expect("a socket"));
        let hidden = std::net::UdpSocket::bind("127.0.0.9:0").expect("a socket");
        hidden.send_to(b".", far.local_addr().expect("its address")).expect("a datagram");
        near.connect(far.local_addr().expect("its address")).expect("an address");
        let stop = std::sync::atomic::AtomicBool::new(false);
        let text = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = near.send(&[b'.'; 972]);
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
            std::thread::sleep(Duration::from_millis(200));
            let (reply, _) = exchange(daemon.address(), &get(HOST, ""));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            reply.text()
        });
        assert_eq!(value(&text, "rctd_host_flows{host=\"127.0.0.2\"}"), 1.0);
        // 100 datagrams a second of 1000 bytes with their headers, or fewer on a busy machine.
        let sent = value(&text, "rctd_host_transmit_bytes_per_second{host=\"127.0.0.2\"}");
        assert!((1_000.0..120_000.0).contains(&sent), "{sent} bytes a second");
        assert_eq!(value(&text, "rctd_host_receive_bytes_per_second{host=\"127.0.0.2\"}"), 0.0);
        assert!(!text.contains("127.0.0.9"), "{text}");
    });
}

#[test]
fn options_that_do_not_go_together() {
    for (arguments, mentions) in [
        (&["--metrics=all"][..], "=table"),
        (&["--metrics="], "takes a value"),
        (&["--metrics", "--metrics=table"], "=table"),
        (&["--metrics", "table"], "belongs to no option"),
        (&["--metrics-allow", "10.0.0.0/8"], "--metrics-allow goes with --metrics"),
        (&["--metrics", "--metrics-hosts", "10.0.0.0/8"], "--metrics=table"),
        (&["--metrics", "--metrics-allow", "10.0.0.0/33"], "10.0.0.0/33"),
        (&["--metrics=table", "--metrics-hosts", "lan"], "\"lan\""),
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(mentions) && said.trim().lines().count() == 1, "{arguments:?}: {said}");
    }
    let many: Vec<&str> = ["--metrics"].into_iter().chain(["--metrics-allow", "::1"].repeat(9)).collect();
    let (code, said) = run(&many);
    assert!(code == Some(2) && said.contains("at most 8 times"), "{said}");
}

fn contrib(file: &str) -> PathBuf {
    root().join("contrib/prometheus").join(file)
}

#[test]
fn promtool_takes_the_alerts_and_they_fire() {
    if !has_program("promtool") {
        return skip("promtool is not installed (Debian's package prometheus)");
    }
    for (command, file) in [("check", "rctd.rules.yml"), ("test", "rctd.rules.test.yml")] {
        let (well, said) = feed(Command::new("promtool").args([command, "rules"]).arg(contrib(file)), "");
        assert!(well && said.contains("SUCCESS") && !said.contains("FAILED"), "{said}");
    }
}

/// Names of metrics in the expressions of a file.
fn asked(file: &str) -> Vec<String> {
    let content = std::fs::read_to_string(contrib(file)).expect("a file of ours");
    content.lines().filter(|line| line.contains("expr")).flat_map(names).collect()
}

/// Names of metrics in a text, such as an expression.
fn names(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = ["nf_conntrack_", "rctd_", "process_"];
    words.filter(|word| ours.iter().any(|prefix| word.starts_with(prefix))).map(str::to_owned).collect()
}

/// Dashboard, alerts and documentation ask for metrics that there are.
#[test]
fn what_is_asked_for_is_there() {
    everything(|daemon| {
        let text = scrape(daemon);
        let known: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        // Rates need a kernel that counts bytes; the names of their metrics are those of the daemon's own table.
        let rates = ["rctd_host_receive_bytes_per_second", "rctd_host_transmit_bytes_per_second"];
        let is_known = |name: &str| known.contains(&name) || rates.contains(&name);
        for file in ["rctd.rules.yml", "rctd-dashboard.json"] {
            let asked = asked(file);
            assert!(asked.len() >= 4, "{file}: {asked:?}");
            asked.iter().for_each(|name| assert!(is_known(name), "{file}: there is no metric {name}"));
        }
        let page = std::fs::read_to_string(root().join("docs/API.md")).expect("the page");
        let section = page.split("\n## Metrics\n").nth(1).expect("a section on metrics");
        let section = section.split("\n## ").next().unwrap_or_default();
        let told: Vec<String> =
            section.lines().filter(|line| line.starts_with("| `")).flat_map(names).collect();
        told.iter().for_each(|name| assert!(is_known(name), "docs/API.md: there is no metric {name}"));
        for name in known.iter().chain(&rates) {
            assert!(told.iter().any(|told| told == name), "docs/API.md does not tell of {name}");
        }
    });
}

/// The dashboard is JSON in which each panel has its own number, a title and something to ask.
#[test]
fn the_dashboard_is_whole() {
    let text = std::fs::read_to_string(contrib("rctd-dashboard.json")).expect("a file of ours");
    let dashboard = json::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let all =
        |value: &Json| if let Json::Array(all) = value { all.clone() } else { panic!("no array: {value:?}") };
    let word = |value: &Json| match value {
        Json::Text(text) | Json::Number(text) => text.clone(),
        _ => panic!("no text or number: {value:?}"),
    };
    let panels = all(dashboard.get("panels"));
    assert!(panels.len() >= 6, "{} panels", panels.len());
    let mut numbers = std::collections::BTreeSet::new();
    for panel in &panels {
        let title = word(panel.get("title"));
        assert!(!title.is_empty() && numbers.insert(word(panel.get("id"))), "{title}");
        let targets = all(panel.get("targets"));
        assert!(!targets.is_empty() && targets.iter().all(|t| word(t.get("expr")).len() > 10), "{title}");
    }
}

/// The address that the tests take for the daemon's own is one.
#[test]
fn the_host_of_the_tests_is_the_daemon_s() {
    in_namespace(|_| {
        let daemon = Daemon::start(&["--metrics"]);
        let Address::Tcp(address) = daemon.address() else { panic!("TCP") };
        assert_eq!(address.ip().to_string(), HOST);
    });
}
