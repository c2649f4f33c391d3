//! A kernel that answers ctnetlink as linux/net/netfilter/nf_conntrack_netlink.c does, until a [`Twist`] is put in.
//!
//! It is the thread's own, since the daemon opens links by a plain function. It notes every request, and what a delete
//! without a tuple would do to a real table it does to its own: it empties it, and says so in [`Kernel::flushed`].

use super::twist::Twist;
use rctd::conntrack::socket::Link;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

/// `IPCTNL_MSG_CT_*` of linux/netfilter/nfnetlink_conntrack.h.
pub const NEW: u8 = 0;
pub const GET: u8 = 1;
pub const DELETE: u8 = 2;
pub const GET_STATS_CPU: u8 = 4;
pub const GET_STATS: u8 = 5;
/// A dump is a GET with this flag; here it has a number of its own.
pub const DUMP: u8 = 0x80;
const F_DUMP: u16 = 0x300;
const F_MULTI: u16 = 2;
pub const F_DUMP_INTR: u16 = 0x10;
pub const NLMSG_ERROR: u16 = 2;
pub const NLMSG_DONE: u16 = 3;
pub const NLMSG_OVERRUN: u16 = 4;
/// `CTA_*`
pub const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const STATUS: u16 = 3;
const TIMEOUT: u16 = 7;
const MARK: u16 = 8;
pub const ID: u16 = 12;
const ZONE: u16 = 18;
const MARK_MASK: u16 = 21;
pub const FILTER: u16 = 25;

/// One connection in the scripted table: TCP over IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: u32,
    /// What tells it from others: the last byte of its source address, and its source port.
    pub host: u8,
    pub port: u16,
    pub zone: u16,
    pub mark: u32,
    pub timeout: u32,
    pub status: u32,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Sent {
    /// `IPCTNL_MSG_CT_*`, or [`DUMP`].
    pub kind: u8,
    pub sequence: u32,
    /// Of the addresses; 0 for all.
    pub family: u8,
    /// Types without their flags, and values.
    pub attributes: Vec<(u16, Vec<u8>)>,
}

impl Sent {
    /// The value of an attribute.
    pub fn get(&self, kind: u16) -> Option<&[u8]> {
        self.attributes.iter().find(|(k, _)| *k == kind).map(|(_, value)| value.as_slice())
    }

    fn word(&self, kind: u16) -> Option<u32> {
        self.get(kind).and_then(|value| value.try_into().ok()).map(u32::from_be_bytes)
    }
}

/// What a link receives: a datagram, or an errno.
pub type Received = Result<Vec<u8>, i32>;

/// The kernel's state.
pub struct Kernel {
    pub table: Vec<Entry>,
    /// Entries in one datagram of a dump.
    pub per_datagram: usize,
    pub sent: Vec<Sent>,
    /// A delete without a tuple came.
    pub flushed: bool,
    /// A mark is sent even if it is 0; kernels around 6.1 don't.
    pub zero_marks: bool,
    /// Links can't be opened any more.
    pub no_descriptors: bool,
    /// Times that a link was asked for a datagram.
    pub receives: usize,
    /// The next request of this kind is answered like this.
    twists: Vec<(u8, Twist)>,
    /// The rest of an answer, and where it will go.
    held: Option<(Rc<RefCell<Inbox>>, Vec<Received>)>,
}

thread_local! {
    static KERNEL: RefCell<Kernel> = const {
        RefCell::new(Kernel {
            table: Vec::new(),
            per_datagram: 8,
            sent: Vec::new(),
            flushed: false,
            zero_marks: true,
            no_descriptors: false,
            receives: 0,
            twists: Vec::new(),
            held: None,
        })
    };
}

/// Looks at this thread's kernel, or changes it.
pub fn with<R>(look: impl FnOnce(&mut Kernel) -> R) -> R {
    KERNEL.with(|kernel| look(&mut kernel.borrow_mut()))
}

/// Starts anew with `count` connections.
pub fn reset(count: u16) {
    with(|kernel| {
        kernel.table.clear();
        kernel.table.extend((0..count).map(Entry::nth));
        kernel.sent.clear();
        kernel.twists.clear();
        (kernel.held, kernel.receives) = (None, 0);
        (kernel.flushed, kernel.no_descriptors, kernel.per_datagram) = (false, false, 8);
        kernel.zero_marks = true;
    });
}

/// The next request of `kind` is answered with this twist; later twists of the same kind wait for later requests.
pub fn twist(kind: u8, twist: Twist) {
    with(|kernel| kernel.twists.push((kind, twist)));
}

/// A link to this thread's kernel: for `Server::open_with`.
pub fn open() -> io::Result<Box<dyn Link>> {
    if with(|kernel| kernel.no_descriptors) {
        return Err(io::Error::from_raw_os_error(libc::ENFILE));
    }
    Ok(Box::new(ScriptedLink(Rc::new(RefCell::new(Inbox::open()?)))))
}

/// What [`Twist::Hold`] held back comes now.
pub fn go_on() {
    go_on_for(usize::MAX);
}

/// So many datagrams of it come now, and the rest at the next time.
pub fn go_on_for(count: usize) {
    let (inbox, mut held) = with(|kernel| kernel.held.take()).expect("something that was held back");
    let rest = held.split_off(count.min(held.len()));
    inbox.borrow_mut().put(held);
    if !rest.is_empty() {
        with(|kernel| kernel.held = Some((inbox, rest)));
    }
}

/// What a link has received, with a descriptor that is readable while there is something.
struct Inbox {
    received: VecDeque<Received>,
    readable: PipeReader,
    writer: PipeWriter,
}

impl Inbox {
    fn open() -> io::Result<Inbox> {
        let (readable, writer) = io::pipe()?;
        Ok(Inbox { received: VecDeque::new(), readable, writer })
    }

    fn put(&mut self, received: Vec<Received>) {
        if self.received.is_empty() && !received.is_empty() {
            self.writer.write_all(b"!").expect("room in the pipe");
        }
        self.received.extend(received);
    }

    fn take(&mut self) -> Option<Received> {
        let received = self.received.pop_front()?;
        if self.received.is_empty() {
            self.readable.read_exact(&mut [0]).expect("what was put there");
        }
        Some(received)
    }
}

/// A link holds its inbox; the kernel remembers it while it holds a part of an answer back.
struct ScriptedLink(Rc<RefCell<Inbox>>);

impl Link for ScriptedLink {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let answer = with(|kernel| {
            let (answer, held) = kernel.answer(datagram)?;
            if !held.is_empty() {
                kernel.held = Some((self.0.clone(), held));
            }
            Ok(answer)
        });
        self.0.borrow_mut().put(answer.map_err(io::Error::from_raw_os_error)?);
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        with(|kernel| kernel.receives += 1);
        match self.0.borrow_mut().take() {
            None => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            Some(Err(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Ok(bytes)) => {
                let fits = bytes.len().min(buf.len());
                buf[..fits].copy_from_slice(&bytes[..fits]);
                Ok(bytes.len())
            }
        }
    }

    /// The descriptor is another one afterwards, as with a socket.
    fn reset(&mut self) -> io::Result<()> {
        self.0.borrow_mut().received.clear();
        if with(|kernel| kernel.no_descriptors) {
            return Err(io::Error::from_raw_os_error(libc::ENFILE));
        }
        let inbox = Inbox::open()?;
        self.0 = Rc::new(RefCell::new(inbox));
        Ok(())
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.0.borrow().readable.as_raw_fd())
    }
}

impl Entry {
    /// The nth of a table in which all differ.
    pub fn nth(n: u16) -> Entry {
        let id = 0x9000_0000 + u32::from(n) * 7;
        Entry { id, host: n as u8, port: 1000 + n, zone: n % 3, mark: 0, timeout: 600, status: 0x0e }
    }

    /// What is in `CTA_TUPLE_ORIG`, or in `CTA_TUPLE_REPLY`.
    fn tuple(&self, reply: bool) -> Vec<u8> {
        let (near, far) = ([10, 0, 0, self.host], [192, 0, 2, 1]);
        let (src, dst) = if reply { (far, near) } else { (near, far) };
        let (from, to) = if reply { (80, self.port) } else { (self.port, 80) };
        let (mut ip, mut proto, mut tuple) = (Vec::new(), Vec::new(), Vec::new());
        put(&mut ip, 1, &src);
        put(&mut ip, 2, &dst);
        put(&mut proto, 1, &[6]);
        put(&mut proto, 2, &from.to_be_bytes());
        put(&mut proto, 3, &to.to_be_bytes());
        put(&mut tuple, 1 | 0x8000, &ip);
        put(&mut tuple, 2 | 0x8000, &proto);
        tuple
    }

    /// The message that tells of it, with its mark even if that is 0.
    fn message(&self, sequence: u32, flags: u16, zero_marks: bool) -> Vec<u8> {
        let mut attributes = Vec::new();
        put(&mut attributes, TUPLE_ORIG | 0x8000, &self.tuple(false));
        put(&mut attributes, TUPLE_REPLY | 0x8000, &self.tuple(true));
        put(&mut attributes, STATUS, &self.status.to_be_bytes());
        put(&mut attributes, TIMEOUT, &self.timeout.to_be_bytes());
        if self.mark != 0 || zero_marks {
            put(&mut attributes, MARK, &self.mark.to_be_bytes());
        }
        put(&mut attributes, 11, &1u32.to_be_bytes()); // CTA_USE
        put(&mut attributes, ID, &self.id.to_be_bytes());
        if self.zone != 0 {
            put(&mut attributes, ZONE, &self.zone.to_be_bytes());
        }
        message(1 << 8 | u16::from(NEW), flags, sequence, &[&[2, 0, 0, 0], attributes.as_slice()].concat())
    }
}

/// Appends an attribute.
fn put(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend((value.len() as u16 + 4).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

/// A message with its header.
pub fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((payload.len() as u32 + 16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// What acknowledges a request (errno 0) or refuses it.
pub fn verdict(errno: i32, sequence: u32) -> Vec<u8> {
    message(NLMSG_ERROR, 0, sequence, &(-errno).to_ne_bytes())
}

fn parse(datagram: &[u8]) -> Sent {
    let word = |at: usize| u32::from_ne_bytes(datagram[at..at + 4].try_into().expect("four bytes"));
    let half = |at: usize| u16::from_ne_bytes(datagram[at..at + 2].try_into().expect("two bytes"));
    assert_eq!(word(0) as usize, datagram.len(), "a request is one message");
    assert_eq!(half(4) >> 8, 1, "a request goes to ctnetlink");
    let dump = half(4) & 0xff == u16::from(GET) && half(6) & F_DUMP == F_DUMP;
    let (mut attributes, mut at) = (Vec::new(), 20);
    while at < datagram.len() {
        let length = usize::from(half(at));
        attributes.push((half(at + 2) & 0x3fff, datagram[at + 4..at + length].to_vec()));
        at += length.next_multiple_of(4);
    }
    let kind = if dump { DUMP } else { half(4) as u8 };
    Sent { kind, sequence: word(8), family: datagram[16], attributes }
}

impl Kernel {
    /// What a link receives after it sent this, and what it receives when the kernel goes on; or the errno of the send
    /// itself.
    fn answer(&mut self, datagram: &[u8]) -> Result<(Vec<Received>, Vec<Received>), i32> {
        let sent = parse(datagram);
        self.sent.push(sent.clone());
        let twist = self.twists.iter().position(|(kind, _)| *kind == sent.kind);
        let twist = twist.map(|at| self.twists.remove(at).1);
        if let Some(Twist::TakeOver) = twist {
            if let Some(at) = self.find(&sent) {
                self.table[at].id ^= 1;
            }
        }
        match twist {
            Some(Twist::SendFails(errno)) => return Err(errno),
            Some(Twist::Refuse(errno)) => return Ok((vec![Ok(verdict(errno, sent.sequence))], Vec::new())),
            _ => {}
        }
        let answer = match sent.kind {
            DUMP => self.dump(&sent),
            GET => self.get(&sent),
            NEW => vec![verdict(self.update(&sent), sent.sequence)],
            DELETE => vec![verdict(self.delete(&sent), sent.sequence)],
            GET_STATS => {
                let mut counts = Vec::new();
                put(&mut counts, 1, &(self.table.len() as u32).to_be_bytes());
                put(&mut counts, 2, &65_536u32.to_be_bytes());
                let payload = [&[0; 4], counts.as_slice()].concat();
                vec![message(1 << 8 | u16::from(GET_STATS), 0, sent.sequence, &payload)]
            }
            GET_STATS_CPU => {
                let mut counts = Vec::new();
                put(&mut counts, 2, &3u32.to_be_bytes());
                let payload = [&[0; 4], counts.as_slice()].concat();
                let cpu = message(1 << 8 | u16::from(GET_STATS_CPU), F_MULTI, sent.sequence, &payload);
                vec![cpu, message(NLMSG_DONE, F_MULTI, sent.sequence, &[0; 4])]
            }
            other => panic!("no request of the daemon is of kind {other}"),
        };
        let mut answer: Vec<Received> = answer.into_iter().map(Ok).collect();
        let mut held = Vec::new();
        if let Some(&Twist::Hold { at }) = twist.as_ref() {
            held = answer.split_off(at.min(answer.len()));
        }
        Ok(match twist {
            Some(twist) => (twist.apply(answer, sent.sequence), held),
            None => (answer, held),
        })
    }

    /// All entries are IPv4: who asks for another family gets none. What else is asked for is ignored, as old kernels do.
    fn dump(&self, sent: &Sent) -> Vec<Vec<u8>> {
        let of = |entry: &Entry| entry.message(sent.sequence, F_MULTI, self.zero_marks);
        let datagram = |entries: &[Entry]| entries.iter().flat_map(of).collect();
        let entries =
            if [0, libc::AF_INET as u8].contains(&sent.family) { self.table.as_slice() } else { &[] };
        let mut datagrams: Vec<Vec<u8>> = entries.chunks(self.per_datagram).map(datagram).collect();
        datagrams.push(message(NLMSG_DONE, F_MULTI, sent.sequence, &[0; 4]));
        datagrams
    }

    /// By tuple and zone.
    fn find(&self, sent: &Sent) -> Option<usize> {
        let tuple = sent.get(TUPLE_ORIG)?;
        let zone = sent.get(ZONE).map_or(0, |zone| u16::from_be_bytes([zone[0], zone[1]]));
        self.table.iter().position(|e| e.zone == zone && e.tuple(false) == tuple)
    }

    fn get(&self, sent: &Sent) -> Vec<Vec<u8>> {
        match self.find(sent).and_then(|at| self.table.get(at)) {
            Some(entry) => vec![entry.message(sent.sequence, 0, self.zero_marks)],
            None => vec![verdict(libc::ENOENT, sent.sequence)],
        }
    }

    fn delete(&mut self, sent: &Sent) -> i32 {
        if sent.get(TUPLE_ORIG).is_none() {
            self.table.clear();
            self.flushed = true;
            return 0;
        }
        match self.find(sent) {
            Some(at) if sent.word(ID).is_none_or(|id| id == self.table[at].id) => {
                self.table.remove(at);
                0
            }
            _ => libc::ENOENT,
        }
    }

    fn update(&mut self, sent: &Sent) -> i32 {
        let Some(at) = self.find(sent) else { return libc::ENOENT };
        let entry = &mut self.table[at];
        if let (Some(mark), Some(mask)) = (sent.word(MARK), sent.word(MARK_MASK)) {
            entry.mark = entry.mark & !mask | mark;
        }
        if let (Some(timeout), Some(status)) = (sent.word(TIMEOUT), sent.word(STATUS)) {
            (entry.timeout, entry.status) = (timeout, status);
        }
        0
    }
}
