//! A listing's dump is its own and ends with it: what a call leaves behind must never reach the next one on the same
//! connection. The kernel is a script (tests/scripted), so each error comes exactly where the test wants it.
#[path = "common/raw.rs"]
#[allow(dead_code)]
mod raw;
mod scripted;
#[path = "common/xml.rs"]
#[allow(dead_code)]
mod xml;

use raw::Connection;
use rctd::limits::STREAMS;
use scripted::kernel::{self, DUMP, Entry, FILTER, GET_STATS};
use scripted::twist::Twist;
use scripted::{Bench, post, split};
use std::collections::BTreeSet;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use xml::{Value, members, strings};

/// Connections in the table: three datagrams and the end.
const FLOWS: u16 = 20;
/// Rounds that a test waits for a reply; far more than it needs.
const MOST_ROUNDS: usize = 20_000;

fn bench() -> Bench {
    kernel::reset(FLOWS);
    Bench::new(&["--log-level", "error", "--session-timeout", "86400"])
}

/// A connection that is kept from call to call.
struct Kept<'a> {
    bench: &'a mut Bench,
    stream: UnixStream,
    session: Value,
}

impl Kept<'_> {
    fn open(bench: &mut Bench) -> Kept<'_> {
        let (_, body) = split(&bench.exchange(&post(&xml::call("login", &[]))));
        let session = xml::response(&body).expect("a document").expect("a session");
        let stream = bench.connect();
        Kept { bench, stream, session }
    }

    /// One call, with the session in front of its parameters.
    #[track_caller]
    fn ask(&mut self, method: &str, params: &[Value]) -> Result<Value, Value> {
        let params = [std::slice::from_ref(&self.session), params].concat();
        self.send(&xml::call(method, &params))
    }

    #[track_caller]
    fn send(&mut self, body: &str) -> Result<Value, Value> {
        let head = "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes()).expect("room for a request");
        let (mut bytes, mut buffer) = (Vec::new(), [0; 16_384]);
        for _ in 0..MOST_ROUNDS {
            self.bench.round();
            // A scan begins a moment after the call that waits for it.
            self.bench.now_ms += 1;
            match self.stream.read(&mut buffer) {
                Ok(count) => bytes.extend(&buffer[..count]),
                Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock, "{e}"),
            }
            if let Ok(reply) = Connection::over(Box::new(Cursor::new(bytes.clone()))).reply() {
                assert_eq!((reply.status, reply.closes()), (200, false), "{}", reply.text());
                return xml::response(&reply.text()).unwrap_or_else(|e| panic!("{e} in {}", reply.text()));
            }
        }
        panic!("no whole reply: {}", String::from_utf8_lossy(&bytes));
    }
}

/// Whether this is the whole table, each connection once.
#[track_caller]
fn assert_whole(answer: &Value) {
    let ids: Vec<&str> = answer.get("table").array().iter().map(|row| row.get("id").str()).collect();
    let different: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    let table: BTreeSet<String> =
        kernel::with(|kernel| kernel.table.iter().map(|entry| entry.id.to_string()).collect());
    assert_eq!((ids.len(), answer.get("total").int()), (FLOWS.into(), FLOWS.into()), "rows and total");
    assert_eq!(different, table);
}

#[track_caller]
fn assert_fault(answer: &Result<Value, Value>, errno: &str) {
    let fault = answer.as_ref().expect_err(errno);
    assert_eq!(fault.get("faultCode").int(), 5, "{fault:?}");
    assert!(fault.get("faultString").str().contains(errno), "{fault:?}, not {errno}");
}

/// What makes the count of the head fail, and the errno that the client is told.
fn count_errors() -> Vec<(Twist, &'static str)> {
    vec![
        (Twist::SendFails(libc::ENOBUFS), "ENOBUFS"),
        (Twist::RecvFails { at: 0, errno: libc::ENOBUFS }, "ENOBUFS"),
        (Twist::Refuse(libc::EPERM), "EPERM"),
        (Twist::Garbage { at: 0, bytes: vec![7; 40] }, "EIO"),
    ]
}

/// The count that stands in a listing's head fails: that call is a fault, and the next listing is a dump of its own, from
/// its first entry to its last, of the table as it is then.
#[test]
fn a_listing_after_one_whose_count_failed() {
    for (twist, errno) in count_errors() {
        let mut bench = bench();
        let mut client = Kept::open(&mut bench);
        kernel::with(|kernel| kernel.table.clear());
        kernel::twist(GET_STATS, twist);
        assert_fault(&client.ask("view", &[]), errno);
        kernel::with(|kernel| kernel.table.extend((0..FLOWS).map(Entry::nth)));
        for _ in 0..3 {
            assert_whole(&client.ask("view", &[]).expect("a table"));
        }
        drop(client);
        bench.rounds();
        assert!(bench.is_idle());
    }
}

/// What was killed in between is not listed again.
#[test]
fn a_listing_after_a_failed_one_and_a_kill() {
    let mut bench = bench();
    let mut client = Kept::open(&mut bench);
    kernel::twist(GET_STATS, Twist::SendFails(libc::ENOBUFS));
    assert_fault(&client.ask("view", &[]), "ENOBUFS");
    let all = strings((0..FLOWS).map(|n| Entry::nth(n).id));
    assert_eq!(client.ask("kill", &[all]), Ok(Value::Int(FLOWS.into())));
    let view = client.ask("view", &[]).expect("an empty table");
    assert_eq!((view.get("table").array().len(), view.get("total").int()), (0, 0), "rows and total");
}

/// The same where the kernel was asked to leave something out of the dump that nobody read.
#[test]
fn a_listing_after_one_that_wanted_something_else() {
    let mut bench = bench();
    let mut client = Kept::open(&mut bench);
    let few = members([("orig_src", "10.0.0.3".into())]);
    let from = kernel::with(|kernel| kernel.sent.len());
    kernel::twist(GET_STATS, Twist::SendFails(libc::ENOBUFS));
    assert_fault(&client.ask("view", std::slice::from_ref(&few)), "ENOBUFS");
    assert_whole(&client.ask("view", &[]).expect("a table"));
    kernel::twist(GET_STATS, Twist::SendFails(libc::ENOBUFS));
    assert_fault(&client.ask("view", &[]), "ENOBUFS");
    assert_eq!(client.ask("view", &[few]).expect("a row").get("total").int(), 1);
    let filtered = kernel::with(|kernel| {
        let dumps = kernel.sent[from..].iter().filter(|sent| sent.kind == DUMP);
        dumps.map(|sent| sent.get(FILTER).is_some()).collect::<Vec<_>>()
    });
    assert_eq!(filtered.last(), Some(&true), "the last listing asked the kernel itself: {filtered:?}");
}

/// Inside a multicall the fault is one answer of several. What is killed behind it is not in the next listing.
#[test]
fn a_listing_after_a_failed_one_of_the_same_multicall() {
    let mut bench = bench();
    let mut client = Kept::open(&mut bench);
    let one = |method: &str, params: &[Value]| {
        let params = [std::slice::from_ref(&client.session), params].concat();
        members([("methodName", method.into()), ("params", Value::Array(params))])
    };
    let first = Value::Array(vec![Entry::nth(0).id.to_string().into()]);
    let calls = Value::Array(vec![one("view", &[]), one("kill", &[first]), one("view", &[])]);
    kernel::twist(GET_STATS, Twist::SendFails(libc::ENOBUFS));
    let answers = client.send(&xml::call("system.multicall", &[calls])).expect("answers");
    let answers = answers.array();
    assert_fault(&Err(answers[0].clone()), "ENOBUFS");
    assert_eq!(answers[1], Value::Array(vec![Value::Int(1)]));
    let rows = answers[2].array()[0].get("table").array().len();
    assert_eq!(rows, usize::from(FLOWS) - 1, "the rows of a table of which one was killed");
}

/// However many listings fail at their count, there is a dump for the next one.
#[test]
fn failed_listings_use_no_dumps_up() {
    let mut bench = bench();
    let mut client = Kept::open(&mut bench);
    for _ in 0..2 * STREAMS {
        kernel::twist(GET_STATS, Twist::SendFails(libc::ENOBUFS));
        assert_fault(&client.ask("view", &[]), "ENOBUFS");
    }
    assert_whole(&client.ask("view", &[]).expect("a table"));
}
