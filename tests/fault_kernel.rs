//! What the kernel's errors become: a fault with the operation and the errno's name, a counter, and a next call that
//! works. The kernel is a script (tests/scripted), so each error comes exactly where the test wants it.
mod scripted;
#[path = "common/xml.rs"]
#[allow(dead_code)]
mod xml;

use scripted::kernel::{self, DELETE, DUMP, Entry, GET, GET_STATS, GET_STATS_CPU, NEW};
use scripted::twist::Twist;
use scripted::{Bench, post, split};
use std::panic::{AssertUnwindSafe, catch_unwind};
use xml::{Value, members, strings};

/// Connections in the table: three datagrams and the end.
const FLOWS: u16 = 20;
/// The datagram that ends the dump.
const END: usize = 3;

/// A fault's code and sentence.
type Answer = Result<Value, (i64, String)>;

/// A daemon with a session.
struct Client {
    bench: Bench,
    session: String,
}

impl Client {
    fn new(arguments: &[&str]) -> Client {
        kernel::reset(FLOWS);
        let quiet = [arguments, &["--log-level", "error", "--session-timeout", "86400"]].concat();
        let mut client = Client { bench: Bench::new(&quiet), session: String::new() };
        client.session = client.call("login", &[]).expect("a session").str().to_owned();
        client
    }

    fn call(&mut self, method: &str, params: &[Value]) -> Answer {
        let (status, body) = split(&self.bench.exchange(&post(&xml::call(method, params))));
        assert_eq!(status, 200, "{body}");
        let answer = xml::response(&body).unwrap_or_else(|e| panic!("{method}: {e} in {body}"));
        answer.map_err(|f| (f.get("faultCode").int(), f.get("faultString").str().to_owned()))
    }

    /// A call with the session.
    fn ask(&mut self, method: &str, params: &[Value]) -> Answer {
        let session = Value::from(self.session.as_str());
        self.call(method, &[&[session], params].concat())
    }

    /// A page that a scan finds.
    fn page(&mut self) -> Answer {
        let order: [Value; 4] = ["mark".into(), "ASC".into(), 0.into(), 50.into()];
        self.ask("view", &[&[members([])], order.as_slice()].concat())
    }

    fn counter(&mut self, name: &str) -> i64 {
        self.ask("stats", &[]).expect("stats").get("daemon").get(name).int()
    }

    /// Nothing that went wrong before is left: every row comes, from a scan and from a listing, and again.
    #[track_caller]
    fn works(&mut self, rows: usize) {
        for _ in 0..2 {
            for answer in [self.page(), self.ask("view", &[])] {
                let view = answer.expect("the next call works");
                assert_eq!((view.get("table").array().len(), view.get("total").int()), (rows, rows as i64));
            }
        }
        assert!(self.bench.is_idle());
    }
}

/// Every delete that the kernel saw names what it deletes.
#[track_caller]
fn no_wrong_delete() {
    kernel::with(|kernel| {
        assert!(!kernel.flushed, "a delete without a tuple");
        for sent in kernel.sent.iter().filter(|sent| sent.kind == DELETE) {
            let tuple = sent.get(kernel::TUPLE_ORIG);
            assert!(tuple.is_some_and(|t| !t.is_empty()) && sent.get(kernel::ID).is_some(), "{sent:?}");
        }
    });
}

#[track_caller]
fn assert_fault(answer: &Answer, operation: &str, errno: &str) {
    let (code, text) = answer.as_ref().expect_err(errno);
    assert!(
        *code == 5 && text.contains(operation) && text.contains(errno),
        "{code} {text:?}, not {operation} {errno}"
    );
}

/// What can go wrong in a dump, and the errno that the client is told.
fn dump_errors() -> Vec<(Twist, &'static str)> {
    let mut errors = vec![
        (Twist::SendFails(libc::ENOBUFS), "ENOBUFS"),
        (Twist::SendFails(libc::EPERM), "EPERM"),
        (Twist::SendFails(libc::ECONNREFUSED), "ECONNREFUSED"),
        (Twist::Refuse(libc::EPERM), "EPERM"),
        (Twist::Refuse(libc::ENOMEM), "ENOMEM"),
        (Twist::WrongSequence { at: END }, "ETIMEDOUT"),
    ];
    for at in 0..=END {
        errors.extend([
            (Twist::RecvFails { at, errno: libc::ENOBUFS }, "ENOBUFS"),
            (Twist::RecvFails { at, errno: libc::ENOMEM }, "ENOMEM"),
            (Twist::RefuseAt { at, errno: libc::EPERM }, "EPERM"),
            (Twist::DumpIntr { at }, "EINTR"),
            (Twist::Overrun { at }, "ENOBUFS"),
            (Twist::TooLong { at }, "EMSGSIZE"),
            (Twist::Garbage { at, bytes: vec![0xff; 100] }, "EIO"),
            (Twist::Garbage { at, bytes: vec![0; 64] }, "EIO"),
            (Twist::Insert { at, bytes: b"garbage, not a message".to_vec() }, "EIO"),
            (Twist::Silence { at }, "ETIMEDOUT"),
        ]);
    }
    errors
}

#[test]
fn errors_in_a_scan() {
    let mut client = Client::new(&[]);
    for (twist, errno) in dump_errors() {
        let before = client.counter("scan_errors");
        kernel::twist(DUMP, twist.clone());
        let answer = catch_unwind(AssertUnwindSafe(|| client.page())).unwrap_or_else(|_| panic!("{twist:?}"));
        assert_fault(&answer, "dump", errno);
        assert_eq!(client.counter("scan_errors"), before + 1, "{twist:?}");
        client.works(FLOWS.into());
    }
}

/// A listing goes out as it is read. While nothing of it was sent an error is a fault; later the reply ends without its
/// end, so that nobody takes it for whole.
#[test]
fn errors_in_a_listing() {
    let mut client = Client::new(&[]);
    for (twist, errno) in dump_errors() {
        let before = client.counter("scan_errors");
        kernel::twist(DUMP, twist.clone());
        let call = xml::call("view", &[client.session.as_str().into()]);
        let reply = client.bench.exchange(&post(&call));
        let (status, body) = split(&reply);
        assert_eq!(status, 200, "{twist:?}");
        match xml::response(&body) {
            Ok(answer) => {
                let answer =
                    answer.map_err(|f| (f.get("faultCode").int(), f.get("faultString").str().to_owned()));
                assert_fault(&answer, "dump", errno);
            }
            Err(_) => {
                assert!(body.contains("<member>") && !body.contains("</methodResponse>"), "{twist:?}: {body}")
            }
        }
        assert_eq!(client.counter("scan_errors"), before + 1, "{twist:?}");
        client.works(FLOWS.into());
    }
    // The first datagram is the place where the lost right to read the table shows.
    kernel::twist(DUMP, Twist::Refuse(libc::EPERM));
    assert_fault(&client.ask("view", &[]), "dump", "EPERM");
}

/// What looks like trouble and is none.
#[test]
fn what_is_no_error_changes_nothing() {
    let mut client = Client::new(&[]);
    let left_over = kernel::message(1 << 8, 2, 77, &[2, 0, 0, 0]);
    let mut harmless = vec![Twist::Split];
    for at in 0..=END {
        harmless.extend([
            Twist::Interrupted { at, times: 5 },
            Twist::Insert { at, bytes: Vec::new() },
            Twist::Insert { at, bytes: left_over.clone() },
            Twist::Insert { at, bytes: kernel::verdict(libc::EPERM, 77) },
            // NLMSG_NOOP, and a message of another subsystem.
            Twist::Insert { at, bytes: kernel::message(1, 0, 1, &[]) },
        ]);
    }
    for twist in harmless {
        kernel::twist(DUMP, twist.clone());
        let view = client.page().unwrap_or_else(|fault| panic!("{twist:?}: {fault:?}"));
        assert_eq!(view.get("total").int(), FLOWS.into(), "{twist:?}");
        kernel::twist(DUMP, twist.clone());
        let view = client.ask("view", &[]).unwrap_or_else(|fault| panic!("{twist:?}: {fault:?}"));
        assert_eq!(view.get("table").array().len(), FLOWS.into(), "{twist:?}");
    }
    assert_eq!(client.counter("scan_errors"), 0);
}

/// A datagram that ends anywhere: never a row that is not in the table, and never a reply that looks whole and is not.
#[test]
fn a_datagram_cut_at_each_byte() {
    let mut client = Client::new(&[]);
    let whole = kernel::with(|kernel| kernel.per_datagram * 160);
    for bytes in 0..whole {
        kernel::twist(DUMP, Twist::Cut { at: 1, bytes });
        match client.page() {
            // It was cut between two messages, or not at all: netlink can't tell that from a datagram that is whole.
            Ok(view) => assert!((12..=FLOWS.into()).contains(&view.get("total").int()), "cut after {bytes}"),
            Err(fault) => assert_fault(&Err(fault), "dump", "EIO"),
        }
    }
    client.works(FLOWS.into());
}

/// A filter on a protocol is two dumps, one for each family. Where the kernel refuses either, or both, no row is lost and none
/// comes twice.
#[test]
fn one_of_two_dumps_is_refused() {
    for refused in [[true, false], [false, true], [true, true]] {
        let mut client = Client::new(&[]);
        for refuses in refused {
            // Each message in a datagram of its own: nothing wrong.
            kernel::twist(DUMP, if refuses { Twist::Refuse(libc::EINVAL) } else { Twist::Split });
            if refuses {
                kernel::twist(DUMP, Twist::Split);
            }
        }
        let params = [members([("orig_l4proto", 6.into())]), "mark".into(), "ASC".into(), 0.into(), 5.into()];
        let view = client.ask("view", &params).expect("rows all the same");
        assert_eq!(view.get("total").int(), FLOWS.into(), "{refused:?}");
    }
}

/// A kernel that can't filter, or not like this, is asked for everything; the next filter is another.
#[test]
fn a_refused_filter_is_done_without() {
    for (errno, long) in
        [libc::EINVAL, libc::EOPNOTSUPP].into_iter().flat_map(|errno| [(errno, false), (errno, true)])
    {
        let mut client = Client::new(&[]);
        let filter = members([("orig_src", "10.0.0.3".into()), ("orig_l4proto", 6.into())]);
        let params: Vec<Value> = match long {
            true => vec![filter],
            false => vec![filter, "mark".into(), "ASC".into(), 0.into(), 5.into()],
        };
        kernel::twist(DUMP, Twist::Refuse(errno));
        let before = kernel::with(|kernel| kernel.sent.len());
        let view = client.ask("view", &params).expect("rows all the same");
        assert_eq!(view.get("total").int(), 1);
        let asked = |from: usize| {
            kernel::with(|kernel| {
                let dumps = kernel.sent[from..].iter().filter(|sent| sent.kind == DUMP);
                dumps.map(|sent| !sent.attributes.is_empty()).collect::<Vec<_>>()
            })
        };
        assert_eq!(asked(before), [true, false], "asked to filter, then not");
        client.works(FLOWS.into());
        let before = kernel::with(|kernel| kernel.sent.len());
        client.ask("view", &params).expect("rows");
        assert_eq!(asked(before), [true], "the next one is tried again");
    }
}

/// Kernels around 6.1 send no mark that is 0: it is 0 all the same, in rows, filters and orders, live and in a snapshot.
#[test]
fn a_mark_that_is_left_out_is_0() {
    let mut client = Client::new(&["--snapshot-flows", "100", "--uid-mask", "0xff"]);
    kernel::with(|kernel| {
        kernel.zero_marks = false;
        kernel.table[3].mark = 7;
    });
    for snapshot in [false, true] {
        if snapshot {
            assert_eq!(client.ask("set_autorefresh", &[0.into()]), Ok(Value::Bool(true)));
        }
        let mut marks = |filter: Value| {
            let params = [members([("mark", filter)]), "mark".into(), "DESC".into(), 0.into(), 50.into()];
            let view = client.ask("view", &params).expect("rows");
            let rows = view.get("table").array().iter();
            rows.map(|row| (row.get("mark").int(), row.get("user_id").int())).collect::<Vec<_>>()
        };
        assert_eq!(marks(0.into()), [(0, 0); 19], "snapshot: {snapshot}");
        assert_eq!(marks("!7".into()), [(0, 0); 19], "snapshot: {snapshot}");
        assert_eq!(marks("0/0xf0".into()).first(), Some(&(7, 7)), "0 stands behind 7");
        assert_eq!(marks("!0".into()), [(7, 7)], "snapshot: {snapshot}");
    }
    let change = ["mark".into(), Entry::nth(4).id.to_string().into(), 9.into()];
    assert_eq!(client.ask("change", &change), Ok(Value::Bool(true)));
}

/// The first three connections' ids.
fn ids() -> Value {
    strings((0..3).map(|n| Entry::nth(n).id))
}

#[test]
fn errors_of_a_delete() {
    for (errno, name) in [(libc::EPERM, "EPERM"), (libc::EBUSY, "EBUSY"), (libc::ENOBUFS, "ENOBUFS")] {
        let mut client = Client::new(&[]);
        kernel::twist(DELETE, Twist::Refuse(errno));
        let answer = client.ask("kill", &[ids()]);
        assert_fault(&answer, "delete", name);
        let (_, text) = answer.expect_err("a fault");
        assert!(text.contains("1 connections were not killed, 2 were"), "{text}");
        assert_eq!(client.counter("killed"), 2);
        client.works(usize::from(FLOWS) - 2);
        assert_eq!(
            client.ask("kill", &[ids()]),
            Ok(Value::Int(1)),
            "the next kill takes the one that was left"
        );
        no_wrong_delete();
    }
    // The link fails, or what comes back is no answer.
    for twist in [
        Twist::SendFails(libc::ENOBUFS),
        Twist::RecvFails { at: 0, errno: libc::ENOBUFS },
        Twist::TooLong { at: 0 },
        Twist::Garbage { at: 0, bytes: vec![1; 40] },
        Twist::Silence { at: 0 },
        Twist::WrongSequence { at: 0 },
        Twist::Overrun { at: 0 },
        Twist::DumpIntr { at: 0 },
        Twist::Cut { at: 0, bytes: 17 },
    ] {
        let mut client = Client::new(&[]);
        kernel::twist(DELETE, twist.clone());
        let (code, text) = client.ask("kill", &[ids()]).expect_err("a fault");
        assert!(code == 5 && text.contains("delete: E"), "{twist:?}: {text}");
        // Whether that delete was done nobody knows; the others were, and the rest of the table is untouched.
        let left = kernel::with(|kernel| kernel.table.len());
        assert!((usize::from(FLOWS) - 3..=usize::from(FLOWS) - 2).contains(&left), "{twist:?}: {left}");
        client.works(left);
        no_wrong_delete();
    }
}

/// A connection that ended between the scan and the delete, or whose tuple another took over, is not killed and no error.
#[test]
fn who_took_a_tuple_over_lives() {
    let mut client = Client::new(&[]);
    kernel::twist(DELETE, Twist::TakeOver);
    assert_eq!(client.ask("kill", &[ids()]), Ok(Value::Int(2)));
    let successor = Entry::nth(0).id ^ 1;
    assert!(
        kernel::with(|kernel| kernel.table.iter().any(|entry| entry.id == successor)),
        "the successor was killed"
    );
    kernel::twist(DELETE, Twist::Refuse(libc::ENOENT));
    assert_eq!(client.ask("kill", &[Entry::nth(5).id.to_string().into()]), Ok(Value::Int(0)));
    client.works(usize::from(FLOWS) - 2);
    no_wrong_delete();
}

/// A scan that fails while it kills says how many are gone.
#[test]
fn a_kill_that_is_broken_off() {
    let mut client = Client::new(&[]);
    for twist in [Twist::DumpIntr { at: 1 }, Twist::RecvFails { at: 1, errno: libc::ENOBUFS }] {
        let before = client.counter("killed");
        let all: Vec<u32> = kernel::with(|kernel| kernel.table.iter().map(|e| e.id).collect());
        kernel::twist(DUMP, twist);
        let answer = client.ask("kill", &[strings(&all)]);
        assert_fault(&answer, "dump", "E");
        let gone = all.len() - kernel::with(|kernel| kernel.table.len());
        assert_eq!(gone, 8, "the first datagram's");
        assert!(answer.expect_err("a fault").1.contains("8 "), "it says how many were killed");
        assert_eq!(client.counter("killed") - before, 8);
        client.works(all.len() - gone);
        no_wrong_delete();
    }
}

#[test]
fn errors_of_a_change() {
    for (kind, operation) in [(GET, "get"), (NEW, "update")] {
        for (twist, errno) in [
            (Twist::Refuse(libc::EPERM), "EPERM"),
            (Twist::Refuse(libc::EBUSY), "EBUSY"),
            (Twist::SendFails(libc::ENOBUFS), "ENOBUFS"),
            (Twist::RecvFails { at: 0, errno: libc::ENOBUFS }, "ENOBUFS"),
            (Twist::TooLong { at: 0 }, "EMSGSIZE"),
            (Twist::Garbage { at: 0, bytes: vec![7; 40] }, "EIO"),
            (Twist::Silence { at: 0 }, "EAGAIN"),
        ] {
            let mut client = Client::new(&[]);
            let change = ["mark".into(), Entry::nth(4).id.to_string().into(), 9.into()];
            kernel::twist(kind, twist);
            assert_fault(&client.ask("change", &change), operation, errno);
            assert_eq!(client.ask("change", &change), Ok(Value::Bool(true)), "the next one works");
            assert_eq!(kernel::with(|kernel| kernel.table[4].mark), 9);
            client.works(FLOWS.into());
        }
    }
}

/// Between the look at the entry and the change, or after it, another connection takes the tuple over.
#[test]
fn a_change_of_one_who_is_gone() {
    for (kind, twist) in [
        (GET, Twist::TakeOver),
        (GET, Twist::Refuse(libc::ENOENT)),
        (NEW, Twist::TakeOver),
        (NEW, Twist::Refuse(libc::ENOENT)),
    ] {
        let mut client = Client::new(&[]);
        let change = ["mark".into(), Entry::nth(4).id.to_string().into(), 9.into()];
        kernel::twist(kind, twist.clone());
        let (code, text) = client.ask("change", &change).expect_err("a fault");
        assert_eq!(code, 4, "{twist:?}: {text}");
        client.works(FLOWS.into());
    }
}

#[test]
fn errors_of_stats_and_of_the_count() {
    let mut client = Client::new(&[]);
    for (kind, operation) in [(GET_STATS, "count"), (GET_STATS_CPU, "stats")] {
        for (twist, errno) in [
            (Twist::Refuse(libc::EPERM), "EPERM"),
            (Twist::RecvFails { at: 0, errno: libc::ENOBUFS }, "ENOBUFS"),
            (Twist::Garbage { at: 0, bytes: vec![7; 40] }, "EIO"),
            (Twist::Silence { at: 0 }, "EAGAIN"),
        ] {
            kernel::twist(kind, twist);
            assert_fault(&client.ask("stats", &[]), operation, errno);
            assert!(client.ask("stats", &[]).is_ok());
        }
    }
    client.works(FLOWS.into());
}

/// What a call found is forgotten by the next one on the same connection.
#[test]
fn a_snapshot_after_a_change() {
    let mut client = Client::new(&["--snapshot-flows", "100"]);
    let change = ["mark".into(), Entry::nth(4).id.to_string().into(), 9.into()];
    assert_eq!(client.ask("change", &change), Ok(Value::Bool(true)));
    assert_eq!(client.ask("set_autorefresh", &[0.into()]), Ok(Value::Bool(true)));
    client.works(FLOWS.into());
}

/// A snapshot that could not be taken anew is not mistaken for a table.
#[test]
fn errors_while_a_snapshot_is_taken() {
    let mut client = Client::new(&["--snapshot-flows", "100"]);
    kernel::twist(DUMP, Twist::DumpIntr { at: 1 });
    assert_fault(&client.ask("set_autorefresh", &[0.into()]), "dump", "EINTR");
    client.works(FLOWS.into());
    assert_eq!(client.ask("set_autorefresh", &[0.into()]), Ok(Value::Bool(true)));
    client.works(FLOWS.into());
    kernel::twist(DUMP, Twist::RecvFails { at: 2, errno: libc::ENOBUFS });
    assert_fault(&client.ask("refresh", &[]), "dump", "ENOBUFS");
    assert_eq!(client.page().expect_err("half a snapshot").0, 7);
    assert_eq!(client.ask("refresh", &[]), Ok(Value::Bool(true)));
    client.works(FLOWS.into());
}

/// Without a descriptor for a new link a listing is a fault, and scans go on with the link there is.
#[test]
fn no_descriptor_for_a_link() {
    let mut client = Client::new(&[]);
    kernel::with(|kernel| kernel.no_descriptors = true);
    assert_fault(&client.ask("view", &[]), "dump", "ENFILE");
    assert_eq!(client.page().expect("a page").get("total").int(), FLOWS.into());
    // After an error the link has to start over, and can't; it tries again each time.
    kernel::twist(DUMP, Twist::DumpIntr { at: 1 });
    assert_fault(&client.page(), "dump", "EINTR");
    assert_fault(&client.page(), "dump", "ENFILE");
    kernel::with(|kernel| kernel.no_descriptors = false);
    client.works(FLOWS.into());
}
