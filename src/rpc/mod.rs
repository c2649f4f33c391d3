//! The procedures: what a call asks, done with queries and sessions, answered as XML-RPC or JSON.
//!
//! An [`Engine`] holds all state but sockets. The server gives it a client's call ([`Engine::begin`]) and then drives it
//! with [`Engine::advance`], which writes as much of the reply as fits and says what it waits for. Calls that need the
//! table wait for a scan; the server runs one for all that wait ([`Engine::begin_scan`], [`Engine::offer`],
//! [`Engine::end_scan`]). Long listings wait for a dump of their own and pull their rows from it.
//!
//! | file | subject |
//! |---|---|
//! | [`procedures`] | the table of procedures |
//! | [`args`] | parameters read, or refused by name |
//! | [`task`], `advance` | one client's call: how far it is, and how it gets further |
//! | [`work`] | what a job is to the engine |
//! | [`jobs`] | what calls do, a file for each kind |
//! | [`scan`] | flows handed to the calls that wait for them |
//! | [`autorefresh`] | whether views read the kernel's table or a snapshot, and that snapshot |
//! | [`reply`], [`pieces`] | the reply, written piece by piece |
//! | [`measure`] | the reply's length, before it is written |
//! | [`row`] | a flow as a struct |
//! | [`fault`] | fault codes and their sentences |
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod advance;
mod args;
mod autorefresh;
pub mod fault;
mod jobs;
mod measure;
mod pieces;
pub mod procedures;
mod reply;
pub mod row;
mod scan;
mod task;
#[cfg(test)]
mod tests;
mod work;

use crate::auth::{Handle, Peer, Sessions, Store, Throttle};
use crate::conntrack::flow::Tuple;
use crate::conntrack::kernel::Kernel;
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::reader::DumpReader;
use crate::conntrack::socket::OpError;
use crate::limits::CLIENTS;
#[cfg(feature = "metrics")]
use crate::metrics::flows::TableCounts;
use crate::out::Out;
use crate::query::context::Context;
use crate::query::rows::RowPool;
use crate::stats::{Counter, Stats};
use crate::syntax::{Syntax, WideInts};
use crate::xmlrpc::parse_call;
use autorefresh::Autorefresh;
use fault::Fault;
use jobs::Job;
#[cfg(feature = "metrics")]
pub(crate) use jobs::metrics::Clients;
#[cfg(feature = "shell")]
pub(crate) use jobs::summary::{put_service, write_row as write_group};
use scan::Scan;
use std::net::SocketAddr;
use task::{Stage, Task};

/// What stays the same while the program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// What integers beyond 32 signed bits become in XML.
    pub wide: WideInts,
    /// Flows that a snapshot must hold.
    pub snapshot_flows: usize,
    /// Whether the kernel is asked to filter.
    pub kernel_filter: bool,
    /// The kernel's version: major and minor.
    pub kernel_release: (u32, u32),
}

impl Settings {
    /// The part of `plan` that this kernel can be asked for.
    #[must_use]
    fn kernel_plan(&self, plan: KernelPlan) -> KernelPlan {
        if self.kernel_filter { plan.for_kernel(self.kernel_release) } else { KernelPlan::default() }
    }
}

/// What procedures ask of the system, beside the kernel's table.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// Random bits for session ids.
    pub random: fn(&mut [u8; 16]) -> std::io::Result<()>,
    /// Whether the switch with this name in `net.netfilter` is on; `None` for a kernel that has no such.
    pub switch: fn(&str) -> Option<bool>,
    /// Seconds since 1970, and microseconds that the process has computed, if the system tells.
    pub clocks: fn() -> (u64, Option<u64>),
}

/// What a call depends on from outside, at one moment.
pub(crate) struct World<'a> {
    /// The kernel, for short requests.
    pub kernel: &'a mut dyn Kernel,
    /// The dump of its own that the call was given ([`Engine::begin_dump`]).
    pub dump: Option<&'a mut DumpReader>,
    /// No part of the reply was sent yet: the output has all of it.
    pub is_unsent: bool,
    /// Milliseconds since the daemon was started, on a clock that never goes back.
    pub now_ms: u64,
}

/// What [`Engine::advance`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The call waits for a scan, for a dump of its own, for a login program, or for the time that [`Engine::wakes_at_ms`]
    /// gives: go on when [`Engine::is_ready`].
    Wait,
    /// The output is full: go on when its bytes were sent.
    Full,
    /// A part of the call's own dump is read: go on when the output was sent and the dump has more.
    Dump,
    /// No part of the reply is written yet, and the call can go on at once: other calls may have their turn in between.
    More,
    /// The reply is complete.
    Done,
    /// The reply has begun and can't be completed: close the connection, so that the client can't take it for whole.
    Abort,
    /// There is no text to reply with, and no place for a fault: refuse the request by HTTP.
    Refuse,
}

/// What all calls share.
pub(crate) struct Shared {
    /// What stays the same.
    pub settings: Settings,
    /// Who is logged in.
    pub sessions: Sessions,
    /// Who may log in.
    pub store: Store,
    /// Who tried too often.
    pub throttle: Throttle,
    /// Labels, users, hidden flows.
    pub context: Context,
    /// Counters.
    pub stats: Stats,
    /// What is asked of the system.
    system: System,
    pool: RowPool,
    autorefresh: Autorefresh,
    /// Flows counted for the metrics, where that is asked for.
    #[cfg(feature = "metrics")]
    pub table_counts: Option<Box<TableCounts>>,
}

impl Shared {
    /// A scan ended in an error.
    fn count_failure(&mut self, error: OpError) {
        self.stats.add(Counter::ScanErrors);
        if error.errno == libc::ENOBUFS {
            self.stats.add(Counter::NetlinkOverruns);
        }
    }

    /// Forgets the labels, if nothing holds one any more: neither rows nor records of a snapshot. Called before the table is
    /// read, so that texts of flows long gone don't fill the room.
    fn clear_labels(&mut self) {
        if self.pool.is_idle() && self.autorefresh.has_no_snapshot() {
            self.context.labels.clear();
        }
    }
}

/// Who makes a call, and how it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    /// Who it is.
    pub peer: Peer,
    /// This machine's end of the TCP connection that the call came by, and the client's.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// What the reply is written in.
    pub syntax: Syntax,
}

/// What a procedure has when it begins.
struct Ask<'a, 'w> {
    shared: &'a mut Shared,
    world: &'a mut World<'w>,
    /// Who asks.
    peer: Peer,
    /// The reply direction of the connection that the call came by.
    own: Option<Tuple>,
    /// The session that was found for the call.
    session: Option<Handle>,
}

/// All that procedures work with.
pub(crate) struct Engine {
    /// What all calls share.
    pub shared: Shared,
    tasks: Vec<Task>,
    kernel_scan: Scan,
    snapshot_scan: Scan,
}

impl Engine {
    /// An engine with no clients.
    #[must_use]
    pub fn new(settings: Settings, sessions: Sessions, store: Store, system: System) -> Self {
        let shared = Shared {
            settings,
            sessions,
            store,
            throttle: Throttle::new(),
            context: Context::default(),
            stats: Stats::default(),
            system,
            pool: RowPool::new(),
            autorefresh: Autorefresh::default(),
            #[cfg(feature = "metrics")]
            table_counts: None,
        };
        Engine {
            shared,
            // Room for all from the start; a task is made, and its memory touched, when its slot is first used.
            tasks: Vec::with_capacity(CLIENTS),
            kernel_scan: Scan::default(),
            snapshot_scan: Scan::default(),
        }
    }

    /// Takes the call of the client in `slot`, which is below [`CLIENTS`]. `body` is the call's text, which must stay the same
    /// until the reply is complete, or the fault that kept it from being read.
    pub fn begin(&mut self, slot: usize, asker: Asker, body: Result<&str, Fault>, world: &mut World<'_>) {
        self.make_room(slot);
        let call = body.and_then(|body| parse_call(body).map_err(Fault::from));
        if let Some(task) = self.tasks.get_mut(slot) {
            task.begin(call, asker, &mut self.shared, world);
        }
        self.carry_out_switch();
    }

    /// Takes the request of the client in `slot` for the metrics, which are answered as calls are.
    #[cfg(feature = "metrics")]
    pub fn begin_metrics(&mut self, slot: usize, asker: Asker, clients: Clients, world: &World<'_>) {
        self.make_room(slot);
        if let Some(task) = self.tasks.get_mut(slot) {
            task.begin_metrics(asker, clients, &mut self.shared, world);
        }
    }

    /// Makes an idle task for `slot`.
    fn make_room(&mut self, slot: usize) {
        while self.tasks.len() <= slot && self.tasks.len() < CLIENTS {
            self.tasks.push(Task::default());
        }
        self.forget(slot);
    }

    /// When the call of `slot` gets further by itself, in milliseconds: at `now_ms` if it could at once, `None` if something
    /// else must happen first.
    #[must_use]
    pub fn wakes_at_ms(&self, slot: usize, now_ms: u64) -> Option<u64> {
        self.tasks.get(slot).and_then(|task| task.wakes_at_ms(now_ms))
    }

    /// Since when, in milliseconds, the call of `slot` has waited for a dump of its own; `None` if it does not.
    #[must_use]
    pub fn waits_for_dump(&self, slot: usize) -> Option<u64> {
        let task = self.tasks.get(slot).filter(|task| matches!(task.stage, Stage::WaitingForDump))?;
        Some(task.waits_since_ms)
    }

    /// Whether the call of `slot` is a login that is held back for wrong ones before it, or that a program judges.
    #[must_use]
    pub fn is_held_back(&self, slot: usize) -> bool {
        let task = self.tasks.get(slot);
        task.is_some_and(|task| matches!(task.stage, Stage::Asleep(_) | Stage::WaitingForVerdict))
    }

    /// A program has judged a login, or was ended because it took too long ([`Store::reap`]): each login that waits for a
    /// program asks for its answer.
    pub fn wake_judged(&mut self) {
        for task in self.tasks.iter_mut().filter(|task| matches!(task.stage, Stage::WaitingForVerdict)) {
            task.stage = Stage::Over(None);
        }
    }

    /// Whether the call of `slot` pulls rows from a dump of its own. When it no longer does, for whatever reason, the dump
    /// must be ended.
    #[must_use]
    pub fn reads_dump(&self, slot: usize) -> bool {
        let task = self.tasks.get(slot);
        task.is_some_and(|task| matches!((&task.stage, &task.job), (Stage::Writing, Job::Listing(_))))
    }

    /// Gives the call of `slot` a dump of its own: the plan to start it with, or `None` if the call does not wait for one.
    pub fn begin_dump(&mut self, slot: usize) -> Option<KernelPlan> {
        let task = self.tasks.get_mut(slot)?;
        if !matches!(task.stage, Stage::WaitingForDump) {
            return None;
        }
        task.stage = Stage::Writing;
        task.dumps += 1;
        self.shared.stats.add(Counter::Scans);
        self.shared.clear_labels();
        Some(self.shared.settings.kernel_plan(task.job.asks().kernel_plan()).in_one())
    }

    /// The dump of the call of `slot` could not be started, or can't be read on: the call ends with a fault.
    pub fn dump_failed(&mut self, slot: usize, error: OpError) {
        self.shared.count_failure(error);
        if let Some(task) = self.tasks.get_mut(slot) {
            task.stage = Stage::Faulty(error.into());
        }
    }

    /// Ends the call of `slot`, however far it is, and frees what it holds.
    pub fn forget(&mut self, slot: usize) {
        self.kernel_scan.leave(slot);
        self.snapshot_scan.leave(slot);
        if let Some(task) = self.tasks.get_mut(slot) {
            task.job.work().release(&mut self.shared);
            task.stage = Stage::Idle;
        }
        // A call that has recorded, and is yet to say what that came to, still looks at the snapshot.
        let has_recorded = |task: &Task| task.is_recorder() && matches!(task.stage, Stage::Over(_));
        if !self.is_taking_snapshot() && !self.tasks.iter().any(has_recorded) {
            self.shared.autorefresh.nobody_records();
        }
    }

    /// Whether [`Engine::advance`] would get further.
    #[must_use]
    pub fn is_ready(&self, slot: usize, now_ms: u64) -> bool {
        self.tasks.get(slot).is_some_and(|task| task.is_ready(now_ms))
    }

    /// The length in bytes of the whole reply to the call of `slot`, if it is known. It does not change any more once a piece of
    /// the reply is written.
    #[must_use]
    pub fn reply_length(&self, slot: usize) -> Option<usize> {
        self.tasks.get(slot).and_then(Task::length)
    }

    /// Whether the length of a reply is known, or being added up, and not all of that reply is written.
    #[must_use]
    pub fn has_promised(&self) -> bool {
        self.tasks.iter().any(|task| !task.is_idle() && task.length.bytes > 0)
    }

    /// Goes on with the call of `slot`: writes to `out` as much of the reply as fits.
    pub fn advance(&mut self, slot: usize, body: &str, out: &mut Out<'_>, world: &mut World<'_>) -> Step {
        if let Some(session) = self.tasks.get(slot).and_then(|task| task.session) {
            self.shared.sessions.renew(session, world.now_ms);
        }
        let step = loop {
            let Some(task) = self.tasks.get_mut(slot) else {
                return Step::Abort;
            };
            if let Some(step) = task.advance(body, out, &mut self.shared, world) {
                break step;
            }
            self.carry_out_switch();
        };
        if step == Step::Done {
            self.forget(slot);
        }
        step
    }

    /// Switches autorefresh on, if a call has just asked for that. Calls of `refresh` that wait or record then have nothing left
    /// to do, and are answered. A call that asked to switch autorefresh off, and is not answered yet, still does so.
    fn carry_out_switch(&mut self) {
        if !self.shared.autorefresh.is_to_switch_on() {
            return;
        }
        for (slot, task) in self.tasks.iter_mut().enumerate() {
            let under_way = matches!(task.stage, Stage::Waiting(_) | Stage::Riding(_));
            let is_moot = matches!(&task.job, Job::TakeSnapshot(job) if job.is_refresh());
            if under_way && is_moot {
                task.stage = Stage::Writing;
                self.kernel_scan.leave(slot);
            }
        }
        let is_recorded = self.is_taking_snapshot();
        self.shared.autorefresh.switch_on(is_recorded);
    }
}
