//! An engine, a kernel that is a list of flows, and what drives the one with the other.
use crate::auth::{Backend, Peer, Sessions, Store};
use crate::conntrack::attr::Builder;
use crate::conntrack::flow::{Ends, Flow, Tuple};
use crate::conntrack::kernel::{CPU_COUNTERS, Count, Kernel};
use crate::conntrack::label::Labels;
use crate::conntrack::message::Message;
use crate::conntrack::plan::{KernelPlan, PlanPart};
use crate::conntrack::reader::DumpReader;
use crate::conntrack::request::{Change, KernelFilter};
use crate::conntrack::socket::{Link, OpError};
use crate::conntrack::target::Target;
use crate::conntrack::uapi::*;
use crate::out::Out;
use crate::query::tests::flows::TEXTS;
use crate::rpc::{Asker, Engine, Settings, Step, System, World};
use crate::syntax::{Syntax, WideInts};
use netlink_packet_core::NLMSG_DONE;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

/// A kernel whose table is a list.
#[derive(Default)]
pub struct Fake {
    pub table: Vec<Flow>,
    /// What was deleted, in order.
    pub deleted: Vec<Target>,
    /// What was changed, in order.
    pub updated: Vec<(Target, Change)>,
    /// The errno that deletes, changes and counts get.
    pub refuses: Option<i32>,
    /// Changes are acknowledged but not made.
    pub ignores: bool,
    /// So many times a packet comes just before a change, and sets a bit of the status that a request may not clear.
    pub packets: u32,
    /// Entries end by themselves when they are changed.
    pub ends: bool,
    /// A mark of 0 is not sent.
    pub omits: bool,
    /// Dumps give every entry twice, the second time after the next three.
    pub repeats: bool,
}

impl Fake {
    fn refusal(&self, operation: &'static str) -> Result<(), OpError> {
        self.refuses.map_or(Ok(()), |errno| Err(OpError { operation, errno }))
    }

    /// The entry that has the target's tuple and zone.
    fn find(&self, target: &Target) -> Option<usize> {
        let same = |f: &Flow| Target::of(&Flow { id: Some(target.id()), ..*f }) == Some(*target);
        self.table.iter().position(same)
    }
}

impl Kernel for Fake {
    fn count(&mut self) -> Result<Count, OpError> {
        self.refusal("count")?;
        Ok(Count { entries: self.table.len() as u32, most: Some(262_144) })
    }

    fn cpu_stats(&mut self) -> Result<[Option<u64>; CPU_COUNTERS], OpError> {
        Ok([Some(u64::MAX); CPU_COUNTERS])
    }

    fn delete(&mut self, target: &Target) -> Result<bool, OpError> {
        self.refusal("delete")?;
        let Some(at) = self.find(target).filter(|&at| self.table[at].id == Some(target.id())) else {
            return Ok(false);
        };
        self.table.remove(at);
        self.deleted.push(*target);
        Ok(true)
    }

    fn get(&mut self, target: &Target, _: &mut Labels) -> Result<Option<Flow>, OpError> {
        let found = self.find(target).map(|at| self.table[at]).filter(|f| f.id == Some(target.id()));
        Ok(found.map(|f| Flow { mark: f.mark.filter(|&m| m != 0 || !self.omits), ..f }))
    }

    fn update(&mut self, target: &Target, change: Change) -> Result<bool, OpError> {
        self.refusal("update")?;
        let Some(at) = self.find(target) else {
            return Ok(false);
        };
        if let (Change::Timeout { status, .. }, 1..) = (change, self.packets) {
            self.packets -= 1;
            self.table[at].status = Some(status + 0x1000);
            return Err(OpError { operation: "update", errno: libc::EBUSY });
        }
        self.updated.push((*target, change));
        if self.ends {
            self.table.remove(at);
            return Ok(true);
        }
        if self.ignores {
            return Ok(true);
        }
        let flow = &mut self.table[at];
        match change {
            Change::Mark { value, mask } => flow.mark = Some(flow.mark.unwrap_or(0) & !mask | value & mask),
            Change::Timeout { seconds, status } => {
                (flow.timeout, flow.status) = (Some(seconds), Some(status | IPS_FIXED_TIMEOUT));
            }
        }
        Ok(true)
    }
}

/// The attributes of the entry that the kernel would send for `flow`; labels stand for [`TEXTS`].
pub fn attributes(flow: &Flow) -> Vec<u8> {
    let mut buf = vec![0; 1024];
    let mut to = Builder::new(&mut buf, 0);
    for (kind, tuple) in [(CTA_TUPLE_ORIG, flow.orig), (CTA_TUPLE_REPLY, flow.repl)] {
        if let Some(tuple) = tuple {
            to.nest(kind, |to| put_tuple(to, &tuple));
        }
    }
    for (kind, word) in [
        (CTA_ID, flow.id),
        (CTA_STATUS, flow.status),
        (CTA_TIMEOUT, flow.timeout),
        (CTA_MARK, flow.mark),
        (CTA_USE, flow.uses),
    ] {
        if let Some(word) = word {
            to.put_be32(kind, word);
        }
    }
    for (kind, counters) in
        [(CTA_COUNTERS_ORIG, flow.orig_counters), (CTA_COUNTERS_REPLY, flow.repl_counters)]
    {
        if let Some(counters) = counters {
            to.nest(kind, |to| {
                to.put(CTA_COUNTERS_PACKETS, &counters.packets.to_be_bytes());
                to.put(CTA_COUNTERS_BYTES, &counters.bytes.to_be_bytes());
            });
        }
    }
    if let Some(zone) = flow.zone {
        to.put_be16(CTA_ZONE, zone);
    }
    if let Some(state) = flow.tcp_state {
        to.nest(CTA_PROTOINFO, |to| {
            to.nest(CTA_PROTOINFO_TCP, |to| to.put(CTA_PROTOINFO_TCP_STATE, &[state]))
        });
    }
    if let Some(state) = flow.sctp_state {
        to.nest(CTA_PROTOINFO, |to| {
            to.nest(CTA_PROTOINFO_SCTP, |to| to.put(CTA_PROTOINFO_SCTP_STATE, &[state]))
        });
    }
    if let Some(start) = flow.start_ns {
        to.nest(CTA_TIMESTAMP, |to| to.put(CTA_TIMESTAMP_START, &start.to_be_bytes()));
    }
    for (kind, name, label) in
        [(CTA_HELP, CTA_HELP_NAME, flow.helper), (CTA_SECCTX, CTA_SECCTX_NAME, flow.secctx)]
    {
        if let Some(label) = label {
            // A number beyond the texts is a text of its own.
            let text =
                TEXTS.get(usize::from(label.number())).map_or(format!("text {label:?}"), |t| (*t).to_owned());
            to.nest(kind, |to| to.put(name, &[text.as_bytes(), b"\0"].concat()));
        }
    }
    let len = to.finish().expect("room");
    buf.truncate(len);
    buf
}

fn put_tuple(to: &mut Builder<'_>, tuple: &Tuple) {
    to.nest(CTA_TUPLE_IP, |to| {
        if tuple.l3proto == AF_INET {
            to.put(CTA_IP_V4_SRC, &tuple.src[12..]);
            to.put(CTA_IP_V4_DST, &tuple.dst[12..]);
        } else {
            to.put(CTA_IP_V6_SRC, &tuple.src);
            to.put(CTA_IP_V6_DST, &tuple.dst);
        }
    });
    to.nest(CTA_TUPLE_PROTO, |to| {
        to.put(CTA_PROTO_NUM, &[tuple.l4proto]);
        match tuple.ends {
            Ends::None => {}
            Ends::Ports { src, dst } => {
                to.put_be16(CTA_PROTO_SRC_PORT, src);
                to.put_be16(CTA_PROTO_DST_PORT, dst);
            }
            Ends::Icmp { kind, code, id } => {
                let first = if tuple.l3proto == AF_INET { CTA_PROTO_ICMP_ID } else { CTA_PROTO_ICMPV6_ID };
                to.put_be16(first, id);
                to.put(first + 1, &[kind]);
                to.put(first + 2, &[code]);
            }
        }
    });
    if let Some(zone) = tuple.zone {
        to.put_be16(CTA_TUPLE_ZONE, zone);
    }
}

/// How a call ended.
pub type Reply = Result<String, Broken>;

/// The reply was broken off; what there is of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// A link that answers a dump with a table as it was when the dump was asked for, a few entries a datagram.
struct TableLink {
    entries: Vec<Vec<u8>>,
    at: usize,
    sequence: [u8; 4],
    is_over: bool,
}

/// Entries in a datagram of [`TableLink`].
const DATAGRAM_ENTRIES: usize = 5;

impl TableLink {
    fn put(&self, to: &mut Vec<u8>, kind: [u8; 2], payload: &[u8]) {
        let len = 16 + payload.len() as u32;
        to.extend([len.to_ne_bytes(), [kind[0], kind[1], 2, 0], self.sequence, [0; 4]].concat());
        to.extend(payload);
        to.resize(to.len().next_multiple_of(4), 0);
    }
}

impl Link for TableLink {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.sequence.copy_from_slice(&datagram[8..12]);
        (self.at, self.is_over) = (0, false);
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut datagram = Vec::new();
        if self.is_over {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let entries = self.entries.iter().skip(self.at).take(DATAGRAM_ENTRIES);
        let kind = u16::from_be_bytes([NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW]).to_ne_bytes();
        entries.for_each(|attrs| self.put(&mut datagram, kind, &[&[0; 4], attrs.as_slice()].concat()));
        self.at += DATAGRAM_ENTRIES;
        if datagram.is_empty() {
            self.is_over = true;
            self.put(&mut datagram, NLMSG_DONE.to_ne_bytes(), &[0; 4]);
        }
        buf[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.is_over = true;
        Ok(())
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

/// Engine, kernel, clock, and a session.
pub struct Rig {
    pub engine: Engine,
    pub kernel: Fake,
    /// The dump that a listing pulls its rows from. One at a time, since calls are run one at a time.
    dump: Option<DumpReader>,
    /// What replies are written in.
    pub syntax: Syntax,
    /// The ends of the connection that calls come by.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    pub now_ms: u64,
    pub session: String,
    /// What the next scans end with.
    pub scan_errors: Vec<i32>,
}

impl Rig {
    pub fn new(table: Vec<Flow>) -> Self {
        crate::log::open(crate::log::Level::Error);
        let settings = Settings {
            wide: WideInts::Double,
            snapshot_flows: 100,
            kernel_filter: true,
            kernel_release: (6, 18),
        };
        let store = Store::open(Backend::None).expect("no file");
        let random = |bits: &mut [u8; 16]| {
            bits.fill(7);
            Ok(())
        };
        let switch = |name: &str| (name == "nf_conntrack_acct").then_some(true);
        let engine = Engine::new(settings, Sessions::new(10_000), store, System { random, switch });
        let kernel = Fake { table, ..Fake::default() };
        let mut rig = Rig {
            engine,
            kernel,
            dump: None,
            syntax: Syntax::Xml,
            ends: None,
            now_ms: 5_000,
            session: String::new(),
            scan_errors: vec![],
        };
        let reply = rig.call("login", &[]).expect("whole");
        rig.session = between(&reply, "<string>", "</string>").to_owned();
        rig
    }

    /// Makes a call of the client in slot 0 with an output of ordinary size. The session id is put in front.
    pub fn call(&mut self, method: &str, params: &[String]) -> Reply {
        let body = self.body(method, params);
        self.run(0, &body, crate::limits::OUTPUT_BYTES)
    }

    /// The body of a call.
    pub fn body(&self, method: &str, params: &[String]) -> String {
        let param = |p: &String| format!("<param>{p}</param>");
        let session = if method == "login" { String::new() } else { param(&text(&self.session)) };
        let params: String = params.iter().map(param).collect();
        format!(
            "<methodCall><methodName>{method}</methodName><params>{session}{params}</params></methodCall>"
        )
    }

    /// Begins a call of the client in `slot`.
    pub fn begin(&mut self, slot: usize, body: &str) {
        let mut world = World { kernel: &mut self.kernel, dump: None, is_unsent: true, now_ms: self.now_ms };
        let asker = Asker { peer: Peer::Unix, ends: self.ends, syntax: self.syntax };
        self.engine.begin(slot, asker, Ok(body), &mut world);
    }

    /// Gets the call of `slot` further.
    pub fn go_on(&mut self, slot: usize, body: &str, out: &mut Out<'_>, is_unsent: bool) -> Step {
        let dump = self.dump.as_mut();
        let mut world = World { kernel: &mut self.kernel, dump, is_unsent, now_ms: self.now_ms };
        let step = self.engine.advance(slot, body, out, &mut world);
        if !self.engine.reads_dump(slot) {
            self.dump = None;
        }
        step
    }

    /// Runs a call to its end through an output of `size` bytes.
    pub fn run(&mut self, slot: usize, body: &str, size: usize) -> Reply {
        self.begin(slot, body);
        let (mut buf, mut len, mut reply) = (vec![0; size], 0, vec![]);
        for _ in 0..100_000 {
            let mut out = Out::at(&mut buf, len);
            let step = self.go_on(slot, body, &mut out, reply.is_empty());
            len = out.len();
            match step {
                Step::Full => assert!(len > 0, "a piece of the reply is larger than {size} bytes"),
                Step::Wait => self.serve(slot),
                Step::Dump | Step::More | Step::Done | Step::Abort => {}
            }
            if matches!(step, Step::Full | Step::Done | Step::Abort) {
                reply.extend_from_slice(&buf[..core::mem::take(&mut len)]);
            }
            if let (Step::Done, Some(length)) = (step, self.engine.reply_length(slot)) {
                assert_eq!(length, reply.len(), "the length that was told before");
            }
            let text = || String::from_utf8(reply.clone()).expect("UTF-8");
            match step {
                Step::Done => return Ok(text()),
                Step::Abort => return Err(Broken(text())),
                _ => {}
            }
        }
        panic!("no end");
    }

    /// Advances once and gives the step, for what looks at stages.
    pub fn advance(&mut self, slot: usize, body: &str, size: usize) -> Step {
        let mut buf = vec![0; size];
        self.go_on(slot, body, &mut Out::new(&mut buf), true)
    }

    /// Advances until the call waits for something or the output of `size` bytes is full.
    pub fn run_on(&mut self, slot: usize, body: &str, size: usize) -> Step {
        let mut buf = vec![0; size];
        let mut out = Out::new(&mut buf);
        loop {
            match self.go_on(slot, body, &mut out, true) {
                Step::Dump | Step::More => {}
                step => return step,
            }
        }
    }

    /// Gives the call of `slot` the dump of its own that it waits for. False if it waits for none.
    pub fn give_dump(&mut self, slot: usize) -> bool {
        let Some(plan) = self.engine.begin_dump(slot) else {
            return false;
        };
        let entries = self.kernel.table.iter().map(attributes).collect();
        let link = TableLink { entries, at: 0, sequence: [0; 4], is_over: true };
        let mut dump = DumpReader::new(Box::new(link), 1 << 16);
        dump.start(plan).expect("the link takes it");
        self.dump = Some(dump);
        true
    }

    /// Does what the call of `slot` waits for.
    fn serve(&mut self, slot: usize) {
        if self.engine.is_held_back(slot) {
            self.now_ms = self.engine.wakes_at_ms(slot, self.now_ms).expect("a time");
            return;
        }
        let waits = self.give_dump(slot) || self.scan() || self.engine.replay();
        assert!(waits, "it waits for nothing that there is");
    }

    /// Runs a scan of the kernel's table for all that wait. False if none does.
    pub fn scan(&mut self) -> bool {
        let Some(plan) = self.engine.begin_scan(self.now_ms) else {
            return false;
        };
        self.offer_all(&plan);
        let error = self.scan_errors.pop();
        self.engine.end_scan(error.map_or(Ok(()), |errno| Err(OpError { operation: "dump", errno })));
        true
    }

    /// Offers the entries of all dumps of a plan.
    pub fn offer_all(&mut self, plan: &KernelPlan) {
        let mut next = 0;
        while let Some((number, filter)) = plan.dump(next) {
            self.offer_dump(PlanPart { number, is_rest: false }, &filter);
            next = number + 1;
        }
    }

    /// Offers the entries of a dump: an old kernel knows families, and ignores all else of a filter.
    fn offer_dump(&mut self, part: PlanPart, filter: &KernelFilter) {
        let mut dump = self.kernel.table.clone();
        if self.kernel.repeats {
            dump = dump.chunks(4).flat_map(|bucket| [bucket, bucket].concat()).collect();
        }
        for flow in dump {
            let family = flow.orig.map(|t| t.l3proto);
            if filter.l3proto.is_some() && filter.l3proto != family {
                continue;
            }
            let attrs = attributes(&flow);
            let mut world =
                World { kernel: &mut self.kernel, dump: None, is_unsent: true, now_ms: self.now_ms };
            self.engine.offer(&Message { kind: IPCTNL_MSG_CT_NEW, attrs: &attrs }, part, &mut world);
        }
    }
}

pub fn text(text: &str) -> String {
    format!("<value><string>{text}</string></value>")
}

pub fn int(number: i64) -> String {
    format!("<value><i8>{number}</i8></value>")
}

pub fn array(items: &[String]) -> String {
    format!("<value><array><data>{}</data></array></value>", items.concat())
}

pub fn members(members: &[(&str, String)]) -> String {
    let member = |(name, value): &(&str, String)| format!("<member><name>{name}</name>{value}</member>");
    format!("<value><struct>{}</struct></value>", members.iter().map(member).collect::<String>())
}

/// What stands between the first `open` and the next `close`.
pub fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let rest = text.split_once(open).unwrap_or_else(|| panic!("no {open} in {text}")).1;
    rest.split_once(close).unwrap_or_else(|| panic!("no {close} in {text}")).0
}

/// The number of a member.
pub fn number(reply: &str, name: &str) -> i64 {
    let value = between(reply, &format!("<name>{name}</name>"), "</member>");
    between(value, "<int>", "</int>").parse().expect("digits")
}

/// The ids of a view's rows, in order.
pub fn ids(reply: &str) -> Vec<u32> {
    let after = |part: &str| between(part, "<string>", "</string>").parse().expect("an id");
    reply.split("<name>id</name>").skip(1).map(after).collect()
}

/// The fault's code; a panic where there is none.
pub fn fault(reply: Reply) -> (i64, String) {
    let reply = reply.expect("whole");
    assert!(reply.contains("<fault>"), "no fault: {}", &reply[..reply.len().min(300)]);
    let sentence = between(&reply, "<name>faultString</name>", "</member>");
    (number(&reply, "faultCode"), between(sentence, "<string>", "</string>").to_owned())
}
