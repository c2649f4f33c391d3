//! One client's call in the making: what it waits for, and all the memory it needs, in place.

use super::fault::Fault;
use crate::auth::{Handle, Peer};
use crate::conntrack::flow::Target;
use crate::limits::{KILL_IDS, TASK_BYTES};
use crate::query::field::FieldSet;
use crate::query::filter::Filter;
use crate::query::page::Page;
use crate::query::rows::Lease;
use crate::xmlrpc::Mark;
use core::ops::Range;
use heapless::Vec;

/// Where a scan gets its flows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The kernel's table.
    Kernel,
    /// The snapshot.
    Snapshot,
}

/// What the call does with the flows of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Job {
    /// Nothing.
    #[default]
    None,
    /// Finds a page.
    View,
    /// Deletes the flows with the ids that [`Task::ids`] has.
    Kill,
    /// Deletes the flows that match [`Task::filter`].
    KillMatching,
    /// Looks for the flow to be changed.
    Change(Wanted),
    /// Records every flow.
    Snapshot {
        /// Takes the place of a snapshot, and has nothing to do where there is none any more.
        refresh: bool,
    },
}

/// A change that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These bits of the mark.
    Mark {
        /// The bits' new values.
        value: u32,
        /// Which bits.
        mask: u32,
    },
    /// Seconds left.
    Timeout(u32),
}

/// How far the call is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// No call.
    #[default]
    Idle,
    /// Not looked at yet.
    Fresh,
    /// A login that is held back until then, in milliseconds.
    Asleep(u64),
    /// Waits for the next scan.
    Waiting(Source),
    /// Waits for a dump of its own.
    WaitingForStream,
    /// Takes part in the scan that is under way.
    Riding(Source),
    /// The scan is over; what it came to is not yet looked at.
    Scanned,
    /// Knows its answer.
    Answering(Answer),
    /// Writes what comes before a view's rows.
    ViewHead,
    /// Writes the rows that a pass found.
    ViewRows,
    /// Writes rows as they come from a dump of its own.
    Streaming,
    /// Writes what comes after a view's rows.
    ViewTail,
    /// The reply's value is written.
    Written,
}

/// A short answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A boolean.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A session's id.
    Session([u8; 32]),
    /// The names of all procedures.
    Methods,
    /// The signature of a procedure, by its place in the table.
    Signature(usize),
    /// The help of a procedure, by its place in the table.
    Help(usize),
    /// Counters.
    Stats,
    /// A fault.
    Fault(Fault),
}

/// A `system.multicall` under way.
#[derive(Clone, Debug)]
pub struct Multicall {
    /// Where in the body the calls stand that were not made yet.
    pub rest: Range<usize>,
}

/// One client's call.
#[derive(Default)]
pub struct Task {
    /// How far it is.
    pub stage: Stage,
    /// What it does with flows.
    pub job: Job,
    /// Which flows it wants.
    pub filter: Filter,
    /// The page it makes.
    pub page: Option<Page>,
    /// The rows that it holds.
    pub lease: Lease,
    /// The ids that it wants, sorted.
    pub ids: Vec<u32, KILL_IDS>,
    /// The members of its rows.
    pub fields: FieldSet,
    /// Flows that were deleted for it.
    pub killed: u32,
    /// Flows that the kernel would not delete, and the last reason.
    pub refused: (u32, Option<Fault>),
    /// Flows with the id that it wants, and the first of them.
    pub found: (u32, Option<Target>),
    /// What went wrong in the scan.
    pub failure: Option<Fault>,
    /// Flows still to be passed over, flows still to be written, and flows that matched, in a stream.
    pub stream: (u64, u64, u64),
    /// Since when, in milliseconds, it has waited for a dump of its own.
    pub waits_since_ms: Option<u64>,
    /// Whether the view reads the snapshot.
    pub of_snapshot: bool,
    /// Which snapshot it has begun to read.
    pub snapshot: u32,
    /// The snapshot is not taken anew before this view has its first rows.
    pub ahead: bool,
    /// A view in the kernel's own order goes on with the flow whose record ends there.
    pub from: usize,
    /// The call, in the body.
    pub call: Option<Mark>,
    /// The calls behind it.
    pub multicall: Option<Multicall>,
    /// Who asked,
    pub peer: Option<Peer>,
    /// and with which session, whose time begins anew while the reply goes out.
    pub session: Option<Handle>,
    /// What comes before the results of a multicall is written.
    pub begun: bool,
    /// A view's value has begun, so that there is no place for a fault any more.
    pub in_value: bool,
}

impl Task {
    /// Whether it records the table.
    pub fn is_recorder(&self) -> bool {
        matches!(self.job, Job::Snapshot { .. })
    }

    /// Whether it keeps the snapshot from being taken anew before its next pass. It does so only until rows go out, and
    /// while nothing depends on its client, who may take any time.
    pub fn is_ahead(&self) -> bool {
        self.ahead && !self.in_value && self.stage == Stage::Waiting(Source::Snapshot)
    }
}

const _: () = assert!(size_of::<Task>() <= TASK_BYTES, "what limits.rs says a task costs");
