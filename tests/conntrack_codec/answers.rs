//! Answers through the two users of a link: short requests and dumps, over a link that plays captured datagrams.
use super::{datagrams, flows, order};
use rctd::conntrack::flow::{ALL, Flow};
use rctd::conntrack::kernel::{CPU_COUNTERS, Count, Kernel};
use rctd::conntrack::label::Labels;
use rctd::conntrack::plan::KernelPlan;
use rctd::conntrack::reader::{DumpProgress, DumpReader};
use rctd::conntrack::request::Change;
use rctd::conntrack::socket::{Control, Link, OpError};
use rctd::conntrack::target::Target;
use rctd::limits::{DUMP_BYTES, KERNEL_MS};
use rctd::out::Full;
use rctd::query::filter::Filter;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// What a link gives at one receive.
enum Play {
    /// A datagram; messages with [`order::SEQUENCE`] get the sequence number of the last request.
    Bytes(Vec<u8>),
    /// An error of the system call.
    Errno(i32),
}

#[derive(Default)]
struct State {
    plays: VecDeque<Play>,
    sequence: u32,
    sent: usize,
    resets: usize,
}

/// A link that plays what it is told to.
#[derive(Clone, Default)]
struct Script(Rc<RefCell<State>>);

impl Script {
    fn of(plays: Vec<Play>) -> Self {
        let script = Script::default();
        script.0.borrow_mut().plays = plays.into();
        script
    }

    fn capture(name: &str) -> Self {
        Script::of(datagrams(name).into_iter().map(Play::Bytes).collect())
    }

    fn control(&self) -> Control {
        Control::new(Box::new(self.clone()))
    }
}

impl Link for Script {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.sequence = word(datagram, 8);
        state.sent += 1;
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        let sequence = state.sequence;
        match state.plays.pop_front() {
            None => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            Some(Play::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Play::Bytes(mut bytes)) => {
                number(&mut bytes, sequence);
                let len = bytes.len().min(buf.len());
                buf[..len].copy_from_slice(&bytes[..len]);
                Ok(bytes.len())
            }
        }
    }

    fn reset(&mut self) -> io::Result<()> {
        self.0.borrow_mut().resets += 1;
        Ok(())
    }

    /// Another one after each reset, as of a socket.
    fn fd(&self) -> Option<RawFd> {
        Some(self.0.borrow().resets as RawFd + 1000)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn number(bytes: &mut [u8], sequence: u32) {
    let mut at = 0;
    while at + 16 <= bytes.len() {
        if word(bytes, at + 8) == order::SEQUENCE {
            bytes[at + 8..at + 12].copy_from_slice(&sequence.to_ne_bytes());
        }
        at += (word(bytes, at) as usize).next_multiple_of(4).max(16);
    }
}

/// A message of netlink's own.
fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]);
    out.extend(payload);
    out
}

fn error(errno: i32) -> Play {
    Play::Bytes(message(NLMSG_ERROR, 0, order::SEQUENCE, &(-errno).to_ne_bytes()))
}

fn first() -> (Flow, Target) {
    let flow = flows("full").0[0];
    (flow, Target::of(&flow).expect("tuple and id"))
}

#[test]
fn short_requests_and_what_the_kernel_said_to_them() {
    let (flow, target) = first();
    let count = Script::capture("count").control().count();
    // Read off the bytes: CTA_STATS_GLOBAL_ENTRIES 0x29 after one delete of 42, CTA_STATS_GLOBAL_MAX_ENTRIES 0x40000.
    assert_eq!(count, Ok(Count { entries: 0x29, most: Some(0x4_0000) }));
    assert_eq!(Script::capture("deleted").control().delete(&target), Ok(true));
    assert_eq!(Script::capture("gone").control().delete(&target), Ok(false), "ENOENT: somebody was faster");
    assert_eq!(Script::capture("gone").control().get(&target, &mut Labels::new()), Ok(None));
    assert_eq!(
        Script::capture("gone").control().update(&target, Change::Mark { value: 0, mask: 0 }),
        Ok(false)
    );
    let read = Script::capture("get").control().get(&target, &mut Labels::new());
    let read = read.expect("sound").expect("there");
    assert_eq!((read.orig, read.id, read.mark), (flow.orig, flow.id, flow.mark));
    // Two CPUs: 3 and 0 of attribute 4, 30 and 0 of attribute 8, nothing of the others that there are.
    let mut sums = [None; CPU_COUNTERS];
    for there in [2, 9, 10, 11, 12, 13, 14, 15] {
        sums[there] = Some(0);
    }
    (sums[4], sums[8]) = (Some(3), Some(30));
    assert_eq!(Script::capture("stats").control().cpu_stats(), Ok(sums));
}

#[test]
fn an_update_is_done_or_refused() {
    let (_, target) = first();
    let update =
        |plays| Script::of(plays).control().update(&target, Change::Timeout { seconds: 1, status: 0 });
    assert_eq!(update(vec![error(0)]), Ok(true));
    assert_eq!(update(vec![error(libc::ENOENT)]), Ok(false));
    let refused = Err(OpError { operation: "update", errno: libc::EBUSY });
    assert_eq!(update(vec![error(libc::EBUSY)]), refused);
}

/// The tuple is there, but belongs to another connection by now.
#[test]
fn get_gives_nothing_for_another_id() {
    let (flow, _) = first();
    let other = Target::of(&Flow { id: Some(1), ..flow }).expect("tuple and id");
    assert_eq!(Script::capture("get").control().get(&other, &mut Labels::new()), Ok(None));
}

#[test]
fn counters_are_summed_over_the_cpus() {
    let one = Script::capture("stats").control().cpu_stats().expect("sound");
    let [first, end] = &datagrams("stats")[..] else { panic!("two datagrams") };
    let twice = [first, first, end].map(|d| Play::Bytes(d.clone()));
    let two = Script::of(twice.into()).control().cpu_stats().expect("sound");
    assert_eq!(two, one.map(|sum| sum.map(|s| s * 2)));
}

#[test]
fn refusals_and_failures_of_short_requests() {
    let (_, target) = first();
    let delete = |plays| Script::of(plays).control().delete(&target);
    let refused = |errno| Err(OpError { operation: "delete", errno });
    assert_eq!(delete(vec![error(libc::EPERM)]), refused(libc::EPERM));
    assert_eq!(delete(vec![error(libc::EBUSY)]), refused(libc::EBUSY));
    assert_eq!(delete(vec![Play::Errno(libc::ENOBUFS)]), refused(libc::ENOBUFS));
    assert_eq!(delete(vec![]), refused(libc::EAGAIN), "an answer that never comes");
    assert_eq!(delete(vec![Play::Errno(libc::EINTR), error(0)]), Ok(true), "interrupted, then answered");
    assert_eq!(delete(vec![Play::Bytes(vec![0; 9000])]), refused(libc::EMSGSIZE), "cut short");
    assert_eq!(delete(vec![Play::Bytes(vec![1, 2, 3])]), refused(libc::EIO), "nonsense");
    let left_over = || Play::Bytes(message(NLMSG_ERROR, 0, 99, &[0; 4]));
    assert_eq!(
        delete(vec![left_over(), error(libc::EPERM)]),
        refused(libc::EPERM),
        "a left-over is passed over"
    );
    assert_eq!(delete((0..64).map(|_| left_over()).collect()), refused(libc::EIO), "but not without end");
    let overrun = Play::Bytes(message(NLMSG_OVERRUN, 0, order::SEQUENCE, &[]));
    assert_eq!(delete(vec![overrun]), refused(libc::ENOBUFS));
    let noop = Play::Bytes(message(NLMSG_NOOP, 0, order::SEQUENCE, &[]));
    assert_eq!(delete(vec![noop, error(0)]), Ok(true));
    // An errno that has no positive counterpart must not overflow.
    let worst = Play::Bytes(message(NLMSG_ERROR, 0, order::SEQUENCE, &i32::MIN.to_ne_bytes()));
    assert_eq!(delete(vec![worst]), refused(i32::MAX));
    let cut = Play::Bytes(message(NLMSG_ERROR, 0, order::SEQUENCE, &[0; 3]));
    assert_eq!(delete(vec![cut]), refused(libc::EIO), "an error without its number");
}

/// A dump of everything that is under way.
fn begin(script: &Script) -> DumpReader {
    let mut reader = DumpReader::new(Box::new(script.clone()), DUMP_BYTES);
    reader.start(KernelPlan::default()).expect("sent");
    reader
}

/// Reads a dump to its end, and gives the flows and how it ended.
fn drain(script: &Script) -> (Vec<Flow>, Result<(), OpError>) {
    let (mut reader, mut flows, mut labels) = (begin(script), vec![], Labels::new());
    for _ in 0..1000 {
        let progress = reader.read(0, &mut |message| {
            flows.push(Flow::read(message, ALL, &mut labels).expect("sound"));
            Ok(())
        });
        match progress {
            Ok(DumpProgress::Done) => return (flows, Ok(())),
            Ok(_) => assert!(reader.is_running()),
            Err(error) => {
                assert!(!reader.is_running());
                return (flows, Err(error));
            }
        }
    }
    panic!("no end");
}

#[test]
fn a_dump_gives_every_entry_once() {
    let (all, _) = flows("full");
    assert_eq!(drain(&Script::capture("full")), (all.clone(), Ok(())));
    // Left-overs of an earlier dump, between and among the messages.
    let mut plays = vec![];
    for datagram in datagrams("full") {
        let mut old = datagram.clone();
        number(&mut old, 77);
        plays.push(Play::Bytes(old.clone()));
        plays.push(Play::Bytes([old, datagram].concat()));
    }
    assert_eq!(drain(&Script::of(plays)), (all.clone(), Ok(())));
    // All in one datagram.
    assert_eq!(drain(&Script::of(vec![Play::Bytes(datagrams("full").concat())])), (all, Ok(())));
}

#[test]
fn a_dump_that_can_not_be_trusted_says_so_and_stops() {
    let fails = |bytes: Vec<u8>, errno| {
        let script = Script::of(vec![Play::Bytes(bytes), error(0)]);
        let (_, end) = drain(&script);
        assert_eq!(end, Err(OpError { operation: "dump", errno }));
        script.0.borrow().resets
    };
    let entries = || datagrams("full")[0].clone();
    let with =
        |kind, flags, payload: &[u8]| [entries(), message(kind, flags, order::SEQUENCE, payload)].concat();
    assert_eq!(
        fails(with(NLMSG_DONE, NLM_F_DUMP_INTR, &[0; 4]), libc::EINTR),
        1,
        "the kernel still dumps: reset"
    );
    assert_eq!(fails(with(NLMSG_OVERRUN, 0, &[]), libc::ENOBUFS), 1);
    assert_eq!(
        fails(with(NLMSG_DONE, 0, &(-libc::ENOMEM).to_ne_bytes()), libc::ENOMEM),
        0,
        "it is over anyway"
    );
    assert_eq!(fails([entries(), vec![1, 0, 0]].concat(), libc::EIO), 1);
    assert_eq!(fails(vec![0; DUMP_BYTES + 1], libc::EMSGSIZE), 1, "larger than the buffer");
}

/// Old kernels end a dump without a code.
#[test]
fn a_bare_end_is_an_end() {
    let script = Script::of(vec![Play::Bytes(message(NLMSG_DONE, 0, order::SEQUENCE, &[]))]);
    assert_eq!(drain(&script), (vec![], Ok(())));
}

#[test]
fn a_datagram_may_be_as_long_as_the_buffer() {
    let bytes = datagrams("full")[0].clone();
    let read = |buffer_bytes| {
        let script = Script::of(vec![Play::Bytes(bytes.clone())]);
        let mut reader = DumpReader::new(Box::new(script), buffer_bytes);
        reader.start(KernelPlan::default()).expect("sent");
        reader.read(0, &mut |_| Ok(()))
    };
    assert_eq!(read(bytes.len()), Ok(DumpProgress::More));
    let too_long = OpError { operation: "dump", errno: libc::EMSGSIZE };
    assert_eq!(read(bytes.len() - 1), Err(too_long));
}

#[test]
fn a_new_descriptor_is_told_once() {
    let script = Script::of(vec![]);
    let mut reader = DumpReader::new(Box::new(script.clone()), DUMP_BYTES);
    assert_eq!((reader.take_new_fd(), reader.take_new_fd()), (Some(1000), None));
    reader.cancel();
    assert_eq!(reader.take_new_fd(), None, "nothing ran");
    let mut reader = begin(&script);
    assert_eq!((reader.take_new_fd(), reader.take_new_fd()), (Some(1000), None));
    reader.cancel();
    assert_eq!((reader.take_new_fd(), reader.take_new_fd()), (Some(1001), None));
}

/// No room for any entry until it was offered three times: each comes once all the same, and in order.
#[test]
fn an_entry_without_room_comes_again() {
    let script = Script::capture("full");
    let (mut reader, mut ids, mut labels, mut offers) = (begin(&script), vec![], Labels::new(), 0);
    let progress = loop {
        let progress = reader.read(0, &mut |message| {
            offers += 1;
            if offers % 3 != 0 {
                return Err(Full);
            }
            ids.push(Flow::read(message, ALL, &mut labels).expect("sound").id);
            Ok(())
        });
        match progress.expect("sound") {
            DumpProgress::Full => assert_ne!(offers % 3, 0),
            DumpProgress::More => {}
            end => break end,
        }
    };
    let all: Vec<_> = flows("full").0.iter().map(|flow| flow.id).collect();
    assert_eq!((progress, ids, offers), (DumpProgress::Done, all.clone(), all.len() * 3));
}

#[test]
fn a_dump_that_waits_is_not_over() {
    let script = Script::of(datagrams("full").into_iter().take(1).map(Play::Bytes).collect());
    let mut reader = begin(&script);
    let read = |reader: &mut DumpReader, now_ms| reader.read(now_ms, &mut |_| Ok(()));
    assert_eq!(read(&mut reader, 0), Ok(DumpProgress::More));
    assert_eq!(reader.deadline_ms(), None, "it is not known to be silent");
    assert_eq!(read(&mut reader, 5), Ok(DumpProgress::Blocked));
    assert_eq!(reader.deadline_ms(), Some(5 + KERNEL_MS));
    assert_eq!(read(&mut reader, 4 + KERNEL_MS), Ok(DumpProgress::Blocked), "since the first time");
    // Another one while it runs: the old one is forgotten first. Cancelled twice: reset once.
    reader.start(KernelPlan::default()).expect("sent");
    assert_eq!((script.0.borrow().resets, reader.deadline_ms()), (1, None));
    reader.cancel();
    reader.cancel();
    assert_eq!((script.0.borrow().resets, script.0.borrow().sent), (2, 2));
    assert!(!reader.is_running());
}

#[test]
fn a_silent_kernel_is_given_up() {
    let script = Script::of(vec![]);
    let mut reader = begin(&script);
    let mut read = |now_ms| reader.read(now_ms, &mut |_| Ok(()));
    assert_eq!(read(7), Ok(DumpProgress::Blocked));
    assert_eq!(read(6 + KERNEL_MS), Ok(DumpProgress::Blocked));
    let silent = OpError { operation: "dump", errno: libc::ETIMEDOUT };
    assert_eq!(read(7 + KERNEL_MS), Err(silent));
    assert_eq!((reader.is_running(), reader.deadline_ms(), script.0.borrow().resets), (false, None, 1));
    assert_eq!(silent.cause(), "the kernel gave no answer to");
}

/// A filter is two dumps of one read, and a refusal of either costs only its filter.
#[test]
fn a_refused_filter_is_asked_for_without() {
    // The first is one dump; the other is two, one for each family.
    let (one, two) = ("mark:1", "tcp");
    let end = || Play::Bytes(message(NLMSG_DONE, 0, order::SEQUENCE, &[0; 4]));
    let entries = || Play::Bytes(datagrams("full")[0].clone());
    let read_all = |plays, text: &str| {
        let mut filter = Filter::new();
        filter.add_text(text).expect("a filter");
        let script = Script::of(plays);
        let mut reader = DumpReader::new(Box::new(script.clone()), DUMP_BYTES);
        reader.start(filter.kernel_plan()).expect("sent");
        let result = loop {
            match reader.read(0, &mut |_| Ok(())) {
                Ok(DumpProgress::More) => {}
                other => break other,
            }
        };
        let (sent, resets) = (script.0.borrow().sent, script.0.borrow().resets);
        (result, sent, resets)
    };
    let done = Ok(DumpProgress::Done);
    assert_eq!(read_all(vec![end()], one), (done, 1, 0));
    assert_eq!(read_all(vec![error(libc::EINVAL), end()], one), (done, 2, 0));
    assert_eq!(read_all(vec![error(libc::EOPNOTSUPP), end(), end()], two), (done, 3, 0));
    assert_eq!(read_all(vec![end(), error(libc::EAFNOSUPPORT), entries(), end()], two), (done, 3, 0));
    let failed = |errno| Err(OpError { operation: "dump", errno });
    // Refused once more, refused after an entry of this dump, or another errno: no filter is to blame.
    let twice = vec![error(libc::EINVAL), error(libc::EINVAL)];
    assert_eq!(read_all(twice, two), (failed(libc::EINVAL), 2, 0));
    let late = vec![entries(), error(libc::EINVAL)];
    assert_eq!(read_all(late, two), (failed(libc::EINVAL), 1, 0));
    let late = vec![entries(), end(), error(libc::EINVAL), end()];
    assert_eq!(read_all(late, two), (done, 3, 0), "the first dump's entries are not the second's");
    assert_eq!(read_all(vec![error(libc::EPERM)], two), (failed(libc::EPERM), 1, 0));
}
