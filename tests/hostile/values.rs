//! Calls that are made to cost: deep, large, many, or made of entities.
use crate::common::daemon::Daemon;
use crate::common::flows::flows;
use crate::common::inserter::Inserter;
use crate::common::namespace::in_namespace;
use crate::common::raw::{exchange, post};
use crate::common::xml::{Value, members, response};
use rctd::limits::{BODY_BYTES, KILL_IDS, NESTING};
use std::time::{Duration, Instant};

/// What takes as long as this hangs: the slowest machine needs less for a call.
const HANGS: Duration = Duration::from_secs(10);

/// The fault's code, and how long it took.
#[track_caller]
fn fault(daemon: &Daemon, document: &str) -> (i64, Duration) {
    let began = Instant::now();
    let (reply, _) = exchange(daemon.address(), &post(daemon.address(), document, ""));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let fault = response(&reply.text()).expect("a document").expect_err("a fault");
    (fault.get("faultCode").int(), began.elapsed())
}

#[test]
fn documents_that_blow_up() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let call = |value: &str| {
            format!(
                "<methodCall><methodName>login</methodName><params><param>{value}</param></params></methodCall>"
            )
        };
        let deep = |depth: usize| {
            let (open, close) =
                ("<value><array><data>".repeat(depth), "</data></array></value>".repeat(depth));
            call(&format!("{open}<value>x</value>{close}"))
        };
        let laughs = "<!DOCTYPE a [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
        let external = "<!DOCTYPE a SYSTEM \"file:///etc/shadow\">";
        let most = BODY_BYTES / 50;
        for (document, code) in [
            (format!("{laughs}{}", call("<value>&b;</value>")), -32700),
            (format!("{external}{}", call("<value>x</value>")), -32700),
            (call("<value>&b;</value>"), -32700),
            (deep(NESTING + 1), -32600),
            (deep(1300), -32600),
            ("<value>".repeat(BODY_BYTES / 7), -32700),
            ("<a ".repeat(BODY_BYTES / 3), -32700),
            ("<!--".to_owned() + &"-".repeat(60_000), -32700),
            ("<?x ".to_owned() + &"?".repeat(60_000), -32700),
            ("<![CDATA[".repeat(7000), -32700),
            ("&#".repeat(30_000), -32700),
            (format!("<methodCall><methodName>{}</methodName></methodCall>", "x".repeat(60_000)), -32600),
            (format!("<methodCall {}>", "a='b' ".repeat(10_000)), -32700),
            (call(&format!("<value><int>{}</int></value>", "9".repeat(60_000))), -32602),
            (call(&format!("<value><double>{}</double></value>", "1".repeat(60_000) + "e999999999")), -32602),
            (
                format!(
                    "<methodCall><methodName>m</methodName><params>{}</params></methodCall>",
                    "<param><value/></param>".repeat(most)
                ),
                -32600,
            ),
        ] {
            let shown: String = document.chars().take(80).collect();
            let (got, took) = fault(&daemon, &document);
            // Whether text that is no XML at all is also no call is a matter of taste.
            let also = if code == -32700 { -32600 } else { -32602 };
            let exact = document.starts_with("<!D") || document.contains("&b;");
            assert!(got == code || (!exact && got == also), "{shown}: {got}");
            assert!(took < HANGS, "{shown}: {took:?}");
        }
        daemon.still_serves();
    });
}

#[test]
fn counts_that_are_huge() {
    in_namespace(|ns| {
        Inserter::new(ns).insert(&flows(91, 300));
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let big = i64::MAX;
        for (start, length) in [(0, big), (big, big), (big, 0), (big, -1), (0, i64::MIN), (1 << 40, 1 << 40)]
        {
            for order in ["", "bytes"] {
                let began = Instant::now();
                let view = client.view(&members([]), order, "D", (start, length));
                assert_eq!(view.total, 300);
                assert_eq!(
                    view.table.len(),
                    if start == 0 && length != 0 { 300 } else { 0 },
                    "{start} {length}"
                );
                assert!(began.elapsed() < HANGS, "{start} {length} {:?}", began.elapsed());
            }
        }
        let wrong = client.try_view(&members([]), "", "A", (-1, 5)).expect_err("a negative start");
        assert_eq!(wrong.code, -32602);
        // As many ids as may be, none of which is there; and one more.
        let most: Vec<Value> = (0..KILL_IDS as i64).map(Value::from).collect();
        assert_eq!(client.kill(most.into()), Ok(0));
        let many: Vec<Value> = (0..=KILL_IDS as i64).map(Value::from).collect();
        assert_eq!(client.kill(many.into()).expect_err("too many").code, -32602);
        assert_eq!(client.all().total, 300, "nothing was killed");
        // A whole multicall of calls that each scan.
        let session = client.session.clone();
        let one = members([
            ("methodName", "view".into()),
            (
                "params",
                Value::Array(vec![
                    session.as_str().into(),
                    members([]),
                    "mark".into(),
                    "A".into(),
                    0.into(),
                    1.into(),
                ]),
            ),
        ]);
        let began = Instant::now();
        let answers = client.call("system.multicall", &[Value::Array(vec![one; 40])]).expect("answers");
        assert_eq!(answers.array().len(), 40);
        assert!(began.elapsed() < Duration::from_secs(20));
        daemon.still_serves();
    });
}
