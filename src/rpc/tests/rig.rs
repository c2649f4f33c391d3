//! An engine, and what drives it with a kernel.
use super::kernel::{Fake, TableLink, attributes};
use crate::auth::{Backend, Peer, Sessions, Store};
use crate::conntrack::flow::Flow;
use crate::conntrack::message::Message;
use crate::conntrack::plan::{KernelPlan, PlanPart};
use crate::conntrack::reader::DumpReader;
use crate::conntrack::request::KernelFilter;
use crate::conntrack::socket::OpError;
use crate::conntrack::uapi::IPCTNL_MSG_CT_NEW;
use crate::out::Out;
use crate::rpc::{Asker, Engine, Settings, Step, System, World};
use crate::syntax::{Syntax, WideInts};
use std::net::SocketAddr;

/// How a call ended.
pub type Reply = Result<String, Broken>;

/// The reply was broken off; what there is of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

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
        let engine = Engine::new(
            settings,
            Sessions::new(10_000),
            store,
            System { random, switch, clocks: || (1_000_000_000, Some(1_500_000)) },
        );
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
        self.go_to_end(slot, body, size)
    }

    /// Runs a call that was begun to its end with an output of ordinary size.
    pub fn finish(&mut self, slot: usize, body: &str) -> Reply {
        self.go_to_end(slot, body, crate::limits::OUTPUT_BYTES)
    }

    fn go_to_end(&mut self, slot: usize, body: &str, size: usize) -> Reply {
        let (mut buf, mut len, mut reply) = (vec![0; size], 0, vec![]);
        for _ in 0..100_000 {
            let mut out = Out::at(&mut buf, len);
            let step = self.go_on(slot, body, &mut out, reply.is_empty());
            len = out.len();
            match step {
                Step::Full => assert!(len > 0, "a piece of the reply is larger than {size} bytes"),
                Step::Wait => self.serve(slot),
                Step::Dump | Step::More | Step::Done | Step::Abort | Step::Refuse => {}
            }
            if matches!(step, Step::Full | Step::Done | Step::Abort | Step::Refuse) {
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
        let link = TableLink::new(entries);
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
