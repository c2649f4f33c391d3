//! When a reply says how long it is: whenever that can be known before its first byte leaves. XML-RPC's specification asks
//! for Content-Length, and clients exist that read nothing else. Only what streams out of the kernel goes without.
mod common;
mod scripted;

use common::churn::Churn;
use common::client::Client;
use common::daemon::Daemon;
use common::flows::flows;
use common::inserter::Inserter;
use common::namespace::in_namespace;
use common::raw::{Connection, Reply, exchange};
use common::xml::{self, Value, members, response, strings};
use rctd::limits::OUTPUT_BYTES;
use scripted::kernel;

/// Connections in the table. Pages of fewer rows than a query holds at a time are held; all of them stream.
const ROWS: usize = 2000;

/// How a reply's end is told.
#[derive(Debug, PartialEq)]
enum End {
    Length,
    Chunks,
    Close,
}

/// The answer, and how the reply that brought it ended. `version` is that of the request's HTTP.
#[track_caller]
fn ask(client: &Client, daemon: &Daemon, version: &str, method: &str, params: &[Value]) -> (Reply, End) {
    let session = Value::from(client.session.as_str());
    let params = if method.starts_with("system.") { params.to_vec() } else { [&[session], params].concat() };
    send(daemon, version, &xml::call(method, &params))
}

#[track_caller]
fn send(daemon: &Daemon, version: &str, body: &str) -> (Reply, End) {
    let (host, length) = (daemon.address().host(), body.len());
    let head = format!("POST /RPC2 HTTP/{version}\r\nHost: {host}\r\nContent-Type: text/xml");
    let request = format!("{head}\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n\r\n{body}");
    let (reply, mut connection) = exchange(daemon.address(), request.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = response(&reply.text());
    assert!(answer.is_ok(), "{answer:?}: {}", reply.text());
    let chunked = reply.header("transfer-encoding").is_some();
    assert!(!(chunked && reply.header("content-length").is_some()), "both of them: {:?}", reply.headers);
    let end = match (chunked, reply.until_close) {
        (true, _) => End::Chunks,
        (_, true) => End::Close,
        _ => End::Length,
    };
    // What has a length, or chunks, leaves the connection open: a next call is answered, and nothing stands between.
    if end != End::Close && !reply.closes() {
        let next = common::raw::post(daemon.address(), &xml::call("system.listMethods", &[]), "");
        connection.send(&next).expect("a next request");
        assert_eq!(connection.reply().expect("a next reply").status, 200);
    }
    (reply, end)
}

fn one(method: &str, params: Vec<Value>) -> Value {
    members([("methodName", method.into()), ("params", Value::Array(params))])
}

/// A page of the sorted table, of `length` rows from `start` on.
fn page(start: i64, length: i64) -> Vec<Value> {
    vec![members([]), "id".into(), "ASC".into(), start.into(), length.into()]
}

fn with_a_table(test: impl FnOnce(&Daemon, &mut Client) + Send) {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(83, ROWS));
        let daemon = Daemon::start(&["--session-timeout", "600", "--snapshot-flows", "4000"]);
        let mut client = daemon.client();
        test(&daemon, &mut client);
        daemon.still_serves();
    });
}

/// Everything that fits the output buffer, whatever it is: values, faults, multicalls, pages.
#[test]
fn short_replies_have_a_length() {
    with_a_table(|daemon, client| {
        let session = || Value::from(client.session.as_str());
        let calls = |calls: Vec<Value>| vec![Value::Array(calls)];
        let cases: Vec<(&str, Vec<Value>)> = vec![
            ("system.listMethods", vec![]),
            ("system.methodHelp", vec!["view".into()]),
            ("system.methodSignature", vec!["view".into()]),
            ("system.methodHelp", vec!["nothing".into()]),
            ("stats", vec![]),
            ("refresh", vec![]),
            ("kill", vec![strings([1])]),
            ("kill_matching", vec![members([("orig_src", "240.0.0.1".into())])]),
            ("summary", vec!["orig_l4proto".into()]),
            ("summary", vec!["mark".into(), members([]), "key".into(), "A".into(), 3.into(), 7.into()]),
            ("view", page(0, 0)),
            ("view", page(0, 1)),
            ("view", page(0, 3)),
            ("view", page(ROWS as i64, 50)),
            ("view", vec![members([("marc", 1.into())])]),
            ("view", vec![members([]), "marc".into()]),
            ("system.multicall", calls(vec![])),
            ("system.multicall", calls(vec![one("refresh", vec![session()])])),
            (
                "system.multicall",
                calls(vec![
                    one("refresh", vec![session()]),
                    one("nothing", vec![]),
                    one("view", [&[session()], page(0, 2).as_slice()].concat()),
                    one("system.listMethods", vec![]),
                ]),
            ),
        ];
        for version in ["1.1", "1.0"] {
            for (method, params) in &cases {
                let (reply, end) = ask(client, daemon, version, method, params);
                assert!(reply.body.len() <= OUTPUT_BYTES, "{method} is no short reply: {}", reply.body.len());
                assert_eq!(end, End::Length, "{method} {params:?} over HTTP/{version}");
            }
            let (_, end) = send(daemon, version, "<methodCall>");
            assert_eq!(end, End::Length, "what is not well-formed");
        }
    });
}

/// A listing in the kernel's order that turns out to fit the output buffer is a short reply like any other.
#[test]
fn short_listings_have_a_length() {
    in_namespace(|ns| {
        let daemon = Daemon::start(&["--session-timeout", "600"]);
        let client = daemon.client();
        for rows in [0, 1, 3] {
            let mut inserter = Inserter::new(ns);
            inserter.flush();
            inserter.insert(&flows(85, rows));
            for version in ["1.1", "1.0"] {
                let (reply, end) = ask(&client, &daemon, version, "view", &[]);
                let view = response(&reply.text()).expect("a document").expect("a view");
                assert_eq!(view.get("table").array().len(), rows);
                assert_eq!(end, End::Length, "{rows} rows over HTTP/{version}: {:?}", reply.headers);
            }
        }
    });
}

/// Pages far beyond the output buffer whose rows are held: of one block of rows and of many, at the table's start and at its
/// end; from a snapshot as well.
#[test]
fn pages_whose_rows_are_held_have_a_length() {
    with_a_table(|daemon, client| {
        let held = (rctd::limits::QUERY_BLOCKS * rctd::limits::BLOCK_ROWS) as i64;
        assert!(held + 100 < ROWS as i64, "a table of more rows than are held");
        for off in [false, true] {
            client.ask("set_autorefresh", &[i64::from(!off).into()]).expect("it is set");
            for version in ["1.1", "1.0"] {
                for (start, length) in [(0, 50), (100, 64), (100, 65), (0, held / 2), (ROWS as i64 - 70, 500)]
                {
                    let (reply, end) = ask(client, daemon, version, "view", &page(start, length));
                    assert!(reply.body.len() > OUTPUT_BYTES, "{start} {length} is no long reply");
                    assert_eq!(
                        end,
                        End::Length,
                        "{length} rows from {start} over HTTP/{version}, snapshot {off}"
                    );
                    let view = response(&reply.text()).expect("a document").expect("a view");
                    let rows = length.min(ROWS as i64 - start);
                    assert_eq!(view.get("table").array().len() as i64, rows, "{start} {length}");
                    assert_eq!(view.get("total").int(), ROWS as i64);
                }
            }
        }
        // Fewer members make shorter rows: the length is that of what is written.
        let options = members([("fields", strings(["id", "mark", "orig_ipv4_src"]))]);
        let some = [page(0, 300), vec![options]].concat();
        let (reply, end) = ask(client, daemon, "1.1", "view", &some);
        assert_eq!(end, End::Length, "a page of some members: {} bytes", reply.body.len());
        // A filter that leaves few rows, in an order.
        let few =
            vec![members([("orig_port_dst", "443".into())]), "bytes".into(), "D".into(), 0.into(), 80.into()];
        let (_, end) = ask(client, daemon, "1.1", "view", &few);
        assert_eq!(end, End::Length, "a page of a filter");
    });
}

/// What streams has chunks, and to HTTP/1.0 the connection's end: a whole listing in the kernel's order, also inside a
/// multicall, and a sorted one of more rows than are held.
#[test]
fn what_streams_has_none() {
    with_a_table(|daemon, client| {
        let session = Value::from(client.session.as_str());
        let listing = one("view", vec![session]);
        let long: Vec<(&str, Vec<Value>)> = vec![
            ("view", vec![]),
            ("view", page(0, -1)),
            ("system.multicall", vec![Value::Array(vec![listing])]),
        ];
        for (version, expected) in [("1.1", End::Chunks), ("1.0", End::Close)] {
            for (method, params) in &long {
                let (reply, end) = ask(client, daemon, version, method, params);
                assert!(reply.body.len() > 100 * OUTPUT_BYTES, "{} bytes of a listing", reply.body.len());
                assert_eq!(end, expected, "{method} over HTTP/{version}");
            }
        }
    });
}

/// A length is not promised before it is sure: whoever is told one gets as many bytes, of a table that changes meanwhile as
/// well.
#[test]
fn the_length_is_that_of_the_reply() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(84, ROWS));
        let daemon = Daemon::start(&["--session-timeout", "600"]);
        let client = daemon.client();
        let churn = Churn::start(ns);
        for start in 0..30 {
            churn.wait_for(1);
            // Page by page to the end of the table, where the rows come and go.
            let (reply, end) = ask(&client, &daemon, "1.1", "view", &page(start * 75, 100));
            let told = reply.header("content-length").and_then(|length| length.parse().ok());
            assert_eq!((end, told), (End::Length, Some(reply.body.len())), "{:?}", reply.headers);
        }
        drop(churn);
        daemon.still_serves();
    });
}

/// Replies that end just below, at and beyond the output buffer's size, byte by byte: each is whole and has its length,
/// for it fits the buffer, or is a page whose rows are held.
#[test]
fn lengths_around_the_buffer() {
    kernel::reset(40);
    let mut bench = scripted::Bench::new(&["--log-level", "error", "--session-timeout", "86400"]);
    let (_, body) = scripted::split(&bench.exchange(&scripted::post(&xml::call("login", &[]))));
    let session = xml::response(&body).expect("a document").expect("a session");
    let mut sizes = std::collections::BTreeSet::new();
    for length in 1..40 {
        let params = [std::slice::from_ref(&session), &page(0, length)].concat();
        let body = xml::call("view", &params);
        let head = "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nConnection: close";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let bytes = bench.exchange(request.as_bytes());
        let mut connection = Connection::over(Box::new(std::io::Cursor::new(bytes)));
        let reply = connection.reply().expect("a whole reply");
        assert!(reply.header("content-length").is_some(), "{length} rows: {:?}", reply.headers);
        let view = xml::response(&reply.text()).expect("a document").expect("a view");
        assert_eq!(view.get("table").array().len() as i64, length);
        assert_eq!(connection.rest(), b"", "behind a reply of {length} rows");
        sizes.insert(reply.body.len());
    }
    let (short, long) = (sizes.first().copied().unwrap_or(0), sizes.last().copied().unwrap_or(0));
    assert!(short < OUTPUT_BYTES / 2 && long > 2 * OUTPUT_BYTES, "sizes from {short} to {long}");
}
