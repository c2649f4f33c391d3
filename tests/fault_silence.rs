//! A kernel that says nothing in the middle of a dump: the daemon waits for its descriptor. It neither spins meanwhile nor
//! waits for a tick of the clock, goes on as soon as there is something, and gives the kernel up in the end.
mod scripted;
#[path = "common/xml.rs"]
#[allow(dead_code)]
mod xml;

use rctd::limits::KERNEL_MS;
use scripted::kernel::{self, DUMP};
use scripted::twist::Twist;
use scripted::{Bench, post, read_all, split};
use std::io::Write;
use std::os::unix::net::UnixStream;
use xml::{Value, members};

/// Connections in the table: three datagrams and the end.
const FLOWS: u16 = 20;
/// Rounds in which a call is answered, or waits for the kernel: far more than it takes.
const MOST_ROUNDS: usize = 50;

/// A daemon with a session, and the two kinds of call that read the table.
struct Daemon {
    bench: Bench,
    session: Value,
}

/// A call that goes on by itself: one of a listing's own dump, or one of the dump that all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Listing,
    Page,
}

const KINDS: [Kind; 2] = [Kind::Listing, Kind::Page];

impl Daemon {
    fn new(flows: u16) -> Daemon {
        kernel::reset(flows);
        let mut bench = Bench::new(&["--log-level", "error", "--session-timeout", "86400"]);
        let (_, body) = split(&bench.exchange(&post(&xml::call("login", &[]))));
        let session = xml::response(&body).expect("a call's answer").expect("a session");
        Daemon { bench, session }
    }

    /// Sends a call that asks for the whole table.
    fn begin(&mut self, kind: Kind) -> UnixStream {
        let mut params = vec![self.session.clone()];
        if kind == Kind::Page {
            params.extend([members([]), "mark".into(), "ASC".into(), 0.into(), 50.into()]);
        }
        let mut stream = self.bench.connect();
        stream.write_all(&post(&xml::call("view", &params))).expect("room for a call");
        stream
    }

    /// Rounds until there is nothing to do at once: how many.
    #[track_caller]
    fn settle(&mut self) -> usize {
        (1..=MOST_ROUNDS).find(|_| !self.bench.round()).expect("it comes to rest")
    }

    /// All that the daemon says until it closes the connection, at a time that stands still.
    #[track_caller]
    fn end(&mut self, stream: &mut UnixStream, mut reply: Vec<u8>) -> String {
        for _ in 0..MOST_ROUNDS * 20 {
            if read_all(stream, &mut reply) {
                return split(&reply).1;
            }
            self.bench.round();
        }
        panic!("no end: {}", String::from_utf8_lossy(&reply));
    }

    /// The rows of a call that was begun.
    #[track_caller]
    fn rows(&mut self, stream: &mut UnixStream) -> usize {
        let body = self.end(stream, Vec::new());
        let view = xml::response(&body).unwrap_or_else(|e| panic!("{e} in {body}")).expect("no fault");
        let rows = view.get("table").array();
        let mut ids: Vec<String> = rows.iter().map(|row| format!("{:?}", row.get("id"))).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "a row came twice");
        rows.len()
    }
}

/// Times that a link was asked for a datagram while `run` ran.
fn receives(run: impl FnOnce()) -> usize {
    let before = kernel::with(|kernel| kernel.receives);
    run();
    kernel::with(|kernel| kernel.receives) - before
}

/// Nothing is left to do for the next turn, so that the loop does not sleep with a reply half written.
#[test]
fn a_call_is_answered_without_a_pause() {
    for kind in KINDS {
        let mut daemon = Daemon::new(FLOWS);
        let mut stream = daemon.begin(kind);
        daemon.settle();
        let mut reply = Vec::new();
        read_all(&mut stream, &mut reply);
        assert!(reply.ends_with(b"</methodResponse>\n") || reply.ends_with(b"</methodResponse>"), "{kind:?}");
    }
}

/// With the clock at a standstill.
#[test]
fn a_silent_kernel_is_waited_for_without_spinning() {
    for kind in KINDS {
        for at in 0..4 {
            let mut daemon = Daemon::new(FLOWS);
            kernel::twist(DUMP, Twist::Hold { at });
            let mut stream = daemon.begin(kind);
            daemon.settle();
            let asked = receives(|| {
                for _ in 0..MOST_ROUNDS {
                    assert!(!daemon.bench.round(), "{kind:?}: there is nothing to do");
                }
            });
            assert_eq!(asked, 0, "{kind:?}: the kernel was asked although it had said nothing");
            kernel::go_on();
            assert_eq!(daemon.rows(&mut stream), FLOWS.into(), "{kind:?}");
        }
    }
}

/// The kernel falls silent more than once in one dump, each time for nearly as long as it may.
#[test]
fn each_silence_ends() {
    for kind in KINDS {
        let mut daemon = Daemon::new(FLOWS);
        kernel::twist(DUMP, Twist::Hold { at: 1 });
        let mut stream = daemon.begin(kind);
        daemon.settle();
        daemon.bench.now_ms += KERNEL_MS - 1;
        kernel::go_on_for(1);
        daemon.settle();
        daemon.bench.now_ms += KERNEL_MS - 1;
        assert_eq!(receives(|| assert_eq!(daemon.settle(), 1)), 0, "{kind:?}");
        kernel::go_on();
        assert_eq!(daemon.rows(&mut stream), FLOWS.into(), "{kind:?}");
    }
}

#[test]
fn a_kernel_that_stays_silent_is_given_up() {
    for kind in KINDS {
        let mut daemon = Daemon::new(FLOWS);
        kernel::twist(DUMP, Twist::Silence { at: 1 });
        let mut stream = daemon.begin(kind);
        daemon.settle();
        let mut reply = Vec::new();
        daemon.bench.now_ms += KERNEL_MS - 1;
        daemon.settle();
        assert!(!read_all(&mut stream, &mut reply), "{kind:?}: it is not given up yet");
        daemon.bench.now_ms += 1;
        let body = daemon.end(&mut stream, reply);
        match kind {
            Kind::Page => assert!(body.contains("dump: ETIMEDOUT"), "{body}"),
            // Rows have gone out by then: the reply is left without its end.
            Kind::Listing => assert!(!body.contains("</methodResponse>"), "{body}"),
        }
        let mut stream = daemon.begin(kind);
        assert_eq!(daemon.rows(&mut stream), FLOWS.into(), "{kind:?}: the next one works");
    }
}

/// A dump that is cancelled takes its socket along; the next one's is watched as well.
#[test]
fn a_new_descriptor_is_watched() {
    for kind in KINDS {
        let mut daemon = Daemon::new(FLOWS);
        for _ in 0..3 {
            kernel::twist(DUMP, Twist::Hold { at: 1 });
            let gone = daemon.begin(kind);
            daemon.settle();
            drop(gone);
            daemon.settle();
            assert!(daemon.bench.is_idle());
            kernel::twist(DUMP, Twist::Hold { at: 2 });
            let mut stream = daemon.begin(kind);
            daemon.settle();
            kernel::go_on();
            assert_eq!(daemon.rows(&mut stream), FLOWS.into(), "{kind:?}");
        }
    }
}

/// A listing of many output buffers goes on where it stood, be it that the client or that the kernel keeps it waiting.
#[test]
fn a_listing_goes_on_where_it_stood() {
    const MANY: u16 = 2_000;
    let mut daemon = Daemon::new(MANY);
    // Datagrams of several output buffers each.
    kernel::with(|kernel| kernel.per_datagram = 70);
    for at in [0, 1, 7] {
        kernel::twist(DUMP, Twist::Hold { at });
        let mut stream = daemon.begin(Kind::Listing);
        // The client does not read, until neither side gets further.
        for _ in 0..MOST_ROUNDS {
            daemon.bench.round();
        }
        kernel::go_on();
        assert_eq!(daemon.rows(&mut stream), MANY.into(), "held back at {at}");
    }
}
