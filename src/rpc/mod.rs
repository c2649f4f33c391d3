//! The procedures: what a call asks, done with queries and sessions, answered as XML-RPC.
//!
//! An [`Engine`] holds all state but sockets. The server gives it a client's call ([`Engine::begin`]) and then drives it
//! with [`Engine::advance`], which writes as much of the reply as fits and says what it waits for. Calls that need the
//! table wait for a scan; the server runs one for all that wait ([`Engine::begin_scan`], [`Engine::offer`],
//! [`Engine::end_scan`]).
//!
//! | file | subject |
//! |---|---|
//! | [`procedures`] | the table of procedures, one short function each |
//! | [`args`] | parameters read, or refused by name |
//! | [`task`] | one call in the making |
//! | [`scan`] | flows handed to the calls that wait for them |
//! | [`finish`] | what a call does when its scan is over |
//! | [`reply`] | the reply, written piece by piece |
//! | [`row`] | a flow as a struct |
//! | [`fault`] | fault codes and their sentences |
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod args;
pub mod fault;
pub mod finish;
pub mod procedures;
pub mod reply;
pub mod row;
pub mod scan;
pub mod task;
#[cfg(test)]
mod tests;

use crate::auth::{Peer, Sessions, Store, Throttle};
use crate::conntrack::kernel::Kernel;
use crate::conntrack::request::KernelFilter;
use crate::limits::{CLIENTS, WAIT_MS};
use crate::out::Out;
use crate::query::context::Context;
use crate::query::rows::RowPool;
use crate::query::snapshot::Snapshot;
use crate::stats::{Counter, Stats};
use crate::xmlrpc::encode::WideInts;
use crate::xmlrpc::{Call, Items, parse_call};
use fault::{Code, Fault};
use scan::Scan;
use task::{Answer, Job, Multicall, Stage, Task};

/// What stays the same while the program runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What integers beyond 32 signed bits become.
    pub wide: WideInts,
    /// Flows that a snapshot must hold.
    pub snapshot_flows: usize,
    /// Whether the kernel is asked to filter.
    pub kernel_filter: bool,
    /// The kernel's version: major and minor.
    pub kernel_release: (u32, u32),
}

impl Settings {
    /// What of `filter` this kernel is asked.
    #[must_use]
    pub fn kernel_filter(&self, filter: KernelFilter) -> KernelFilter {
        if self.kernel_filter { filter.for_kernel(self.kernel_release) } else { KernelFilter::default() }
    }
}

/// What a call depends on from outside, at one moment.
pub struct World<'a> {
    /// The kernel, for short requests.
    pub kernel: &'a mut dyn Kernel,
    /// Milliseconds on a clock that never goes back.
    pub now_ms: u64,
}

/// What [`Engine::advance`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits for a scan: go on when [`Engine::is_ready`].
    Wait,
    /// It is held back until then, in milliseconds.
    Sleep(u64),
    /// The output is full: go on when it was sent.
    Full,
    /// It writes rows from a dump of its own: [`Engine::stream_row`], then [`Engine::stream_end`].
    Stream,
    /// The reply is complete.
    Done,
    /// The reply has begun and can't be completed: close the connection, so that the client can't take it for whole.
    Abort,
}

/// All that procedures work with.
pub struct Engine {
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
    /// Random bits for session ids.
    pub random: fn(&mut [u8; 16]) -> std::io::Result<()>,
    pool: RowPool,
    tasks: Vec<Task>,
    kernel_scan: Scan,
    snapshot_scan: Scan,
    snapshot: Option<Snapshot>,
    /// When the snapshot was taken; `None` while autorefresh is on.
    snapshot_at_ms: Option<u64>,
    /// The snapshot is being taken anew, or could not be: what is in it is not a whole table.
    snapshot_broken: bool,
    /// How many times taking a snapshot was begun.
    snapshots: u32,
}

impl Engine {
    /// An engine with no clients.
    #[must_use]
    pub fn new(
        settings: Settings,
        sessions: Sessions,
        store: Store,
        random: fn(&mut [u8; 16]) -> std::io::Result<()>,
    ) -> Self {
        Engine {
            settings,
            sessions,
            store,
            throttle: Throttle::new(),
            context: Context::default(),
            stats: Stats::default(),
            random,
            pool: RowPool::new(),
            // Room for all from the start; a task is made, and its memory touched, when its slot is first used.
            tasks: Vec::with_capacity(CLIENTS),
            kernel_scan: Scan::default(),
            snapshot_scan: Scan::default(),
            snapshot: None,
            snapshot_at_ms: None,
            snapshot_broken: false,
            snapshots: 0,
        }
    }

    /// Takes a call from the client in `slot`; `body` stays the same until the reply is complete.
    pub fn begin(&mut self, slot: usize, peer: Peer) {
        while self.tasks.len() <= slot && self.tasks.len() < CLIENTS {
            self.tasks.push(Task::default());
        }
        self.forget(slot);
        if let Some(task) = self.tasks.get_mut(slot) {
            (task.stage, task.peer, task.session) = (Stage::Fresh, Some(peer), None);
            (task.multicall, task.call, task.begun, task.in_value) = (None, None, false, false);
        }
    }

    /// Answers the call of `slot`, which could not be read, with a fault.
    pub fn refuse(&mut self, slot: usize, fault: Fault) {
        if let Some(task) = self.tasks.get_mut(slot) {
            task.stage = Stage::Answering(Answer::Fault(fault));
        }
    }

    /// A call that has waited [`WAIT_MS`] for a dump of its own is told that the daemon is busy.
    pub fn check_patience(&mut self, slot: usize, now_ms: u64) {
        let Some(task) = self.tasks.get_mut(slot) else {
            return;
        };
        if task.stage != Stage::WaitingForStream {
            task.waits_since_ms = None;
        } else if now_ms.saturating_sub(*task.waits_since_ms.get_or_insert(now_ms)) >= WAIT_MS {
            let text = format_args!("all dumps for whole listings are taken; try again");
            task.stage = Stage::Answering(Answer::Fault(Fault::new(Code::Busy, text)));
        }
    }

    /// When the call of `slot` gets further by itself, in milliseconds: at `now_ms` if it could at once, `None` if something
    /// else must happen first.
    #[must_use]
    pub fn wakes_at_ms(&self, slot: usize, now_ms: u64) -> Option<u64> {
        let task = self.tasks.get(slot)?;
        match task.stage {
            Stage::Idle | Stage::Waiting(_) | Stage::Riding(_) => None,
            Stage::WaitingForStream => task.waits_since_ms.map(|since| since + WAIT_MS),
            Stage::Asleep(until) => Some(until),
            _ => Some(now_ms),
        }
    }

    /// Whether the call of `slot` waits for a dump of its own.
    #[must_use]
    pub fn waits_for_stream(&self, slot: usize) -> bool {
        self.tasks.get(slot).is_some_and(|task| task.stage == Stage::WaitingForStream)
    }

    /// Since when the call of `slot` has waited for a dump of its own, in milliseconds.
    #[must_use]
    pub fn waits_since_ms(&self, slot: usize) -> u64 {
        self.tasks.get(slot).and_then(|task| task.waits_since_ms).unwrap_or(u64::MAX)
    }

    /// Whether the call of `slot` is a login that is held back for wrong ones before it.
    #[must_use]
    pub fn is_held_back(&self, slot: usize) -> bool {
        self.tasks.get(slot).is_some_and(|task| matches!(task.stage, Stage::Asleep(_)))
    }

    /// Ends the call of `slot`, wherever it is, and frees what it holds.
    pub fn forget(&mut self, slot: usize) {
        self.kernel_scan.leave(slot);
        self.snapshot_scan.leave(slot);
        if let Some(task) = self.tasks.get_mut(slot) {
            self.pool.release(&mut task.lease);
            (task.stage, task.job, task.page) = (Stage::Idle, Job::None, None);
            task.waits_since_ms = None;
        }
        self.free_snapshot();
    }

    /// Whether [`Engine::advance`] would get further.
    #[must_use]
    pub fn is_ready(&self, slot: usize, now_ms: u64) -> bool {
        match self.tasks.get(slot).map(|t| &t.stage) {
            None | Some(Stage::Idle | Stage::Waiting(_) | Stage::Riding(_) | Stage::WaitingForStream) => {
                false
            }
            Some(&Stage::Asleep(until)) => until <= now_ms,
            Some(_) => true,
        }
    }

    /// Goes on with the call of `slot`: writes to `out` as much of the reply as fits.
    pub fn advance(&mut self, slot: usize, body: &str, out: &mut Out<'_>, world: &mut World<'_>) -> Step {
        if let Some(session) = self.tasks.get(slot).and_then(|task| task.session) {
            self.sessions.renew(session, world.now_ms);
        }
        loop {
            let Some(task) = self.tasks.get_mut(slot) else {
                return Step::Abort;
            };
            match task.stage {
                Stage::Idle => return Step::Done,
                Stage::Fresh => self.dispatch(slot, body, world),
                Stage::Asleep(until) if until > world.now_ms => return Step::Sleep(until),
                Stage::Asleep(_) => self.dispatch(slot, body, world),
                Stage::Waiting(_) | Stage::Riding(_) | Stage::WaitingForStream => return Step::Wait,
                Stage::Streaming => return Step::Stream,
                Stage::Scanned => self.finish(slot, world),
                _ => match self.write(slot, body, out, world) {
                    Ok(None) => {}
                    Ok(Some(step)) => return step,
                    Err(_) => return Step::Full,
                },
            }
        }
    }

    /// Looks at a call for the first time, or again after a login was held back.
    fn dispatch(&mut self, slot: usize, body: &str, world: &mut World<'_>) {
        let Some(task) = self.tasks.get_mut(slot) else {
            return;
        };
        let call = match &task.call {
            Some(mark) => {
                mark.call(body).ok_or_else(|| Fault::new(Code::Internal, format_args!("the call is gone")))
            }
            None => parse_call(body).map_err(Fault::from),
        };
        let outcome = call.and_then(|call| self.call(slot, &call, world));
        let stage = outcome.unwrap_or_else(|fault| Stage::Answering(Answer::Fault(fault)));
        if let Some(task) = self.tasks.get_mut(slot) {
            task.stage = stage;
        }
    }

    fn call(&mut self, slot: usize, call: &Call<'_>, world: &mut World<'_>) -> Result<Stage, Fault> {
        let Some(task) = self.tasks.get_mut(slot) else {
            return Ok(Stage::Idle);
        };
        if call.method == "system.multicall" && task.multicall.is_none() {
            let mut args = args::Args::new(&call.params);
            let takes = "an Array of Structs, each with methodName and params";
            let calls = args.required("calls", takes)?;
            let items = calls.as_array().ok_or_else(|| Fault::parameter("calls", takes))?;
            args.end("calls")?;
            task.multicall = Some(Multicall { rest: items.range() });
            task.call = None;
            self.stats.add(Counter::Calls);
            return Ok(Stage::Written);
        }
        task.call = Some(call.mark());
        self.stats.add(Counter::Calls);
        let procedure = procedures::named(call.method).ok_or_else(|| {
            let name = call.method;
            Fault::new(
                Code::NoProcedure,
                format_args!("there is no procedure \"{name}\"; system.listMethods names all"),
            )
        })?;
        (procedure.run)(self, slot, &mut args::Args::new(&call.params), world)
    }

    /// The next call of a multicall. False when there is none.
    fn next_call(&mut self, slot: usize, body: &str) -> bool {
        let Some(task) = self.tasks.get_mut(slot) else {
            return false;
        };
        let Some(multicall) = &mut task.multicall else {
            return false;
        };
        let mut items = Items::from_range(body, multicall.rest.clone());
        let Some(entry) = items.as_mut().and_then(Iterator::next) else {
            return false;
        };
        multicall.rest = items.map_or(0..0, |items| items.range());
        task.stage = match Call::from_entry(&entry) {
            Ok(call) if call.method == "system.multicall" => {
                let nested = format_args!("system.multicall can't call itself");
                Stage::Answering(Answer::Fault(Fault::new(Code::Parameters, nested)))
            }
            Ok(call) => {
                task.call = Some(call.mark());
                Stage::Fresh
            }
            Err(error) => Stage::Answering(Answer::Fault(error.into())),
        };
        true
    }
}
