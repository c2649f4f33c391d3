//! Flows handed to the calls that wait for them: one scan for all.

use super::fault::{Code, Fault};
use super::task::{Job, Source, Stage, Task};
use super::{Engine, World};
use crate::conntrack::flow::{ALL, Flow, ReadError, TARGET, Target};
use crate::conntrack::kernel::Kernel;
use crate::conntrack::message::Message;
use crate::conntrack::request::KernelFilter;
use crate::conntrack::socket::OpError;
use crate::conntrack::uapi::{CTA_HELP, CTA_SECCTX, bit};
use crate::limits::SNAPSHOT_SLICE_FLOWS;
use crate::query::context::Context;
use crate::query::order::Order;
use crate::query::page::{Candidate, Page};
use crate::query::rows::RowPool;
use crate::query::snapshot::Snapshot;
use crate::stats::{Counter, Stats};

/// The attributes of which there may be more different ones than there is room for.
const TEXTS: u32 = bit(CTA_HELP) | bit(CTA_SECCTX);

/// A scan under way, or none.
#[derive(Debug, Default)]
pub struct Scan {
    /// A bit for each slot whose call takes part.
    riders: u32,
    /// The attributes that any of them needs of every flow.
    needs: u32,
    /// Where a scan of the snapshot is.
    at: usize,
    /// When a scan of the kernel's table began.
    began_ms: u64,
}

const _: () = assert!(crate::limits::CLIENTS <= 32, "`riders` has 32 bits");

impl Scan {
    /// The call of `slot` takes part no longer.
    pub fn leave(&mut self, slot: usize) {
        self.riders &= !(1 << slot);
    }

    /// Whether any call still takes part.
    #[must_use]
    pub fn has_riders(&self) -> bool {
        self.riders != 0
    }
}

/// The slots of the set bits.
fn slots(mut bits: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let slot = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (slot < 32).then_some(slot as usize)
    })
}

/// An entry that just came: read as far as the scan needs, and in full when one of the calls wants it.
struct Entry<'a, 'm> {
    message: &'a Message<'m>,
    flow: Flow,
    full: Option<Flow>,
    /// The snapshot is done with it: it was recorded, or deleted.
    settled: bool,
}

impl Candidate for Entry<'_, '_> {
    fn flow(&self) -> &Flow {
        &self.flow
    }

    fn full(&mut self, context: &mut Context) -> Result<Flow, ReadError> {
        match self.full {
            Some(flow) => Ok(flow),
            None => {
                let flow = Flow::read(self.message, ALL, &mut context.labels)?;
                self.full = Some(flow);
                Ok(flow)
            }
        }
    }
}

impl Engine {
    fn waiting(&self, source: Source) -> u32 {
        // A snapshot that is being read is not taken anew until those who read it have their first rows.
        let read = self.snapshot_scan.has_riders() || self.tasks.iter().any(Task::is_ahead);
        self.slots_of(|task| task.stage == Stage::Waiting(source) && !(read && task.is_recorder()))
    }

    /// A bit for each slot whose call is such.
    fn slots_of(&self, is_such: impl Fn(&Task) -> bool) -> u32 {
        let bits = self.tasks.iter().enumerate().filter(|(_, t)| is_such(t));
        bits.fold(0, |bits, (slot, _)| bits | 1 << slot)
    }

    /// Whether calls wait for a scan of the kernel's table, and none is under way.
    #[must_use]
    pub fn wants_scan(&self) -> bool {
        !self.kernel_scan.has_riders() && self.waiting(Source::Kernel) != 0
    }

    /// Starts a scan of the kernel's table for all calls that wait for one, if there are any and none is under way.
    /// What the kernel may leave out; and, where it must be asked for one family at a time, what it may leave out of a
    /// second dump, which belongs to the same scan.
    pub fn begin_scan(&mut self, now_ms: u64) -> Option<(KernelFilter, Option<KernelFilter>)> {
        if !self.wants_scan() {
            return None;
        }
        let waiting = self.waiting(Source::Kernel);
        if self.pool.is_idle() && self.snapshot.is_none() {
            self.context.labels.clear();
        }
        let (riders, needs) = self.board(waiting, Source::Kernel, now_ms);
        self.stats.add(Counter::Scans);
        self.kernel_scan = Scan { riders, needs, at: 0, began_ms: now_ms };
        let filters = slots(riders).filter_map(|slot| self.tasks.get(slot)).map(Task::kernel_filter);
        let common = filters.reduce(|a, b| a.common(&b)).unwrap_or_default();
        let in_order = |slot: usize| {
            let page = self.tasks.get(slot).and_then(|task| task.page.as_ref());
            page.is_none_or(Page::is_sorted)
        };
        let common = self.settings.kernel_filter(common);
        // Rows in the kernel's own order must come in one dump, or the order would depend on the filter.
        Some(if slots(riders).all(in_order) { common.by_family() } else { (common, None) })
    }

    /// Lets the waiting calls take part in a scan: who does, and what they need.
    fn board(&mut self, waiting: u32, source: Source, now_ms: u64) -> (u32, u32) {
        let (mut riders, mut needs) = (0, self.context.needs());
        for slot in slots(waiting) {
            let Some(task) = self.tasks.get_mut(slot) else {
                continue;
            };
            if let Some(page) = task.page.as_mut().filter(|_| task.job == Job::View) {
                if source == Source::Snapshot {
                    if page.passes() > 0 && task.snapshot != self.snapshots {
                        (task.failure, task.stage) = (Some(gone()), Stage::Scanned);
                        continue;
                    }
                    (task.snapshot, task.ahead) = (self.snapshots, true);
                }
                self.pool.grow(&mut task.lease, page.wants());
                let clock_s = if source == Source::Kernel { (now_ms / 1000) as u32 } else { 0 };
                page.begin(&task.lease, clock_s);
            }
            if task.is_recorder() {
                // What views answer from is gone from here on; only a scan that ends well makes it good.
                self.snapshot_broken = self.snapshot_at_ms.is_some();
                self.snapshots = self.snapshots.wrapping_add(1);
                match self.snapshot.as_mut() {
                    Some(snapshot) => snapshot.clear(),
                    None => self.snapshot = Snapshot::reserve(self.settings.snapshot_flows),
                }
                if self.snapshot.is_none() {
                    task.failure = Some(no_memory(self.settings.snapshot_flows));
                }
            }
            needs |= task.needs();
            task.stage = Stage::Riding(source);
            riders |= 1 << slot;
        }
        (riders, needs)
    }

    /// Hands an entry of the kernel's table to the calls that take part in the scan.
    pub fn offer(&mut self, message: &Message<'_>, world: &mut World<'_>) {
        self.stats.add(Counter::Entries);
        let mut entry = Entry { message, flow: Flow::default(), full: None, settled: false };
        let mut read = entry.flow.fill(message, self.kernel_scan.needs, &mut self.context.labels);
        if read == Err(ReadError::Labels) {
            self.fail_who_needs(TEXTS, &ReadError::Labels.into());
            self.kernel_scan.needs &= !TEXTS;
            entry.flow = Flow::default();
            read = entry.flow.fill(message, self.kernel_scan.needs, &mut self.context.labels);
        }
        if let Err(error) = read {
            return self.fail_riders(Source::Kernel, &error.into());
        }
        let hidden = self.context.hides(&entry.flow);
        for slot in slots(self.kernel_scan.riders) {
            let Some(task) = self.tasks.get_mut(slot) else {
                continue;
            };
            let mut table = Table {
                pool: &mut self.pool,
                context: &mut self.context,
                snapshot: &mut self.snapshot,
                kernel: world.kernel,
                stats: &mut self.stats,
            };
            if let Err(fault) = task.offer(&mut entry, hidden, &mut table) {
                (task.failure, task.stage) = (Some(fault), Stage::Scanned);
                self.kernel_scan.leave(slot);
            }
        }
    }

    /// The scan of the kernel's table is over, or has failed.
    pub fn end_scan(&mut self, result: Result<(), OpError>) {
        if self.is_taking_snapshot() {
            // Who waited for it reads it before it is taken anew, or two who take it in turn would let nobody.
            self.tasks
                .iter_mut()
                .for_each(|task| task.ahead |= task.stage == Stage::Waiting(Source::Snapshot));
        }
        if let Err(error) = result {
            self.stats.add(Counter::ScanErrors);
            return self.fail_riders(Source::Kernel, &error.into());
        }
        for slot in slots(core::mem::take(&mut self.kernel_scan.riders)) {
            if let Some(task) = self.tasks.get_mut(slot) {
                task.stage = Stage::Scanned;
                if task.is_recorder() && task.failure.is_none() && task.found.0 == 0 {
                    (self.snapshot_at_ms, self.snapshot_broken) = (Some(self.kernel_scan.began_ms), false);
                }
            }
        }
    }

    /// Whether any call still takes part in the scan of the kernel's table.
    #[must_use]
    pub fn scan_is_wanted(&self) -> bool {
        self.kernel_scan.has_riders()
    }

    fn fail_riders(&mut self, source: Source, fault: &Fault) {
        let scan = match source {
            Source::Kernel => &mut self.kernel_scan,
            Source::Snapshot => &mut self.snapshot_scan,
        };
        for slot in slots(core::mem::take(&mut scan.riders)) {
            if let Some(task) = self.tasks.get_mut(slot) {
                (task.failure, task.stage) = (Some(fault.clone()), Stage::Scanned);
            }
        }
    }

    /// Fails those of the scan of the kernel's table that need any of these attributes of every flow.
    fn fail_who_needs(&mut self, attributes: u32, fault: &Fault) {
        for slot in slots(self.kernel_scan.riders) {
            if let Some(task) = self.tasks.get_mut(slot).filter(|task| task.needs() & attributes != 0) {
                (task.failure, task.stage) = (Some(fault.clone()), Stage::Scanned);
                self.kernel_scan.leave(slot);
            }
        }
    }

    /// Reads a slice of the snapshot for the calls that wait for it. False if there is nothing to do.
    pub fn replay(&mut self) -> bool {
        if !self.snapshot_scan.has_riders() {
            let mut waiting = self.waiting(Source::Snapshot);
            // While it is being taken it is not read, and before that only by those who have begun, or have waited for it;
            // those who have begun with another are told.
            if self.is_to_take_snapshot() {
                let late = |task: &Task| task.in_value && task.snapshot != self.snapshots;
                waiting &= self.slots_of(|task| task.is_ahead() || late(task));
            }
            if waiting == 0 || self.is_taking_snapshot() {
                return false;
            }
            let (riders, needs) = self.board(waiting, Source::Snapshot, 0);
            self.snapshot_scan = Scan { riders, needs, at: 0, began_ms: 0 };
        }
        if self.snapshot_broken || self.snapshot_at_ms.is_none() {
            self.fail_riders(Source::Snapshot, &gone());
            return true;
        }
        for _ in 0..SNAPSHOT_SLICE_FLOWS {
            let next = self.snapshot.as_ref().and_then(|s| s.read(self.snapshot_scan.at));
            let Some((flow, at)) = next else {
                self.end_replay();
                return true;
            };
            self.snapshot_scan.at = at;
            self.offer_known(flow, at);
        }
        true
    }

    /// Hands a flow, whose record ends at `end`, to the calls that read the snapshot.
    fn offer_known(&mut self, mut flow: Flow, end: usize) {
        if self.context.hides(&flow) {
            return;
        }
        for slot in slots(self.snapshot_scan.riders) {
            let Some(task) = self.tasks.get_mut(slot) else {
                continue;
            };
            if end < task.from || !task.filter.matches(&flow, &self.context) {
                continue;
            }
            if let Some(page) = &mut task.page {
                let was_cut = page.is_cut();
                // A flow that is known in full can't fail to be read.
                let _ = page.offer(&mut flow, &mut self.pool, &task.lease, &mut self.context);
                if page.is_cut() && !was_cut {
                    task.from = end;
                }
            }
        }
    }

    fn end_replay(&mut self) {
        for slot in slots(core::mem::take(&mut self.snapshot_scan.riders)) {
            if let Some(task) = self.tasks.get_mut(slot) {
                task.stage = Stage::Scanned;
            }
        }
    }

    pub(super) fn is_taking_snapshot(&self) -> bool {
        slots(self.kernel_scan.riders).any(|slot| self.tasks.get(slot).is_some_and(Task::is_recorder))
    }

    fn is_to_take_snapshot(&self) -> bool {
        let waits = |task: &Task| task.is_recorder() && task.stage == Stage::Waiting(Source::Kernel);
        self.tasks.iter().any(waits)
    }
}

/// What a view is told that has begun to read a snapshot which is no more, or finds none.
fn gone() -> Fault {
    let text = format_args!("the snapshot is gone; view again, or take it anew with refresh");
    Fault::new(Code::Snapshot, text)
}

fn no_memory(flows: usize) -> Fault {
    Fault::new(Code::Snapshot, format_args!("there is no memory for a snapshot of {flows} connections"))
}

/// What a flow is judged with and goes into.
struct Table<'a> {
    pool: &'a mut RowPool,
    context: &'a mut Context,
    snapshot: &'a mut Option<Snapshot>,
    kernel: &'a mut dyn Kernel,
    stats: &'a mut Stats,
}

impl Task {
    /// The attributes that this call needs of every flow.
    fn needs(&self) -> u32 {
        match self.job {
            Job::None => 0,
            Job::View => self.filter.needs() | self.page.as_ref().map_or(0, |p| p.needs()),
            Job::Kill | Job::Change(_) => TARGET,
            Job::KillMatching => self.filter.needs() | TARGET,
            Job::Snapshot { .. } => ALL,
        }
    }

    fn kernel_filter(&self) -> KernelFilter {
        match self.job {
            Job::View | Job::KillMatching => self.filter.kernel(),
            _ => KernelFilter::default(),
        }
    }

    /// Takes note of a flow, or deletes it.
    fn offer(&mut self, entry: &mut Entry<'_, '_>, hidden: bool, table: &mut Table<'_>) -> Result<(), Fault> {
        let has_id = |task: &Task| entry.flow.id.is_some_and(|id| task.ids.binary_search(&id).is_ok());
        match self.job {
            Job::None => {}
            Job::View => {
                if !hidden && self.filter.matches(&entry.flow, table.context) {
                    if let Some(page) = &mut self.page {
                        page.offer(entry, table.pool, &self.lease, table.context)?;
                    }
                }
            }
            Job::Kill => {
                if has_id(self) {
                    self.kill(entry, table);
                }
            }
            Job::KillMatching => {
                if !hidden && self.filter.matches(&entry.flow, table.context) {
                    self.kill(entry, table);
                }
            }
            Job::Change(_) => {
                let target = Target::of(&entry.flow).filter(|_| has_id(self));
                // The kernel may give an entry twice in one dump.
                if target.is_some() && target != self.found.1 {
                    self.found = (self.found.0 + 1, self.found.1.or(target));
                }
            }
            Job::Snapshot { .. } => self.record(entry, table)?,
        }
        Ok(())
    }

    fn kill(&mut self, entry: &mut Entry<'_, '_>, table: &mut Table<'_>) {
        let Some(target) = Target::of(&entry.flow) else {
            return self
                .refuse(Fault::new(Code::Kernel, format_args!("delete: an entry came without tuple or id")));
        };
        match table.kernel.delete(&target) {
            Ok(true) => {
                self.killed += 1;
                table.stats.add(Counter::Killed);
                entry.settled = true;
                if let Some(snapshot) = table.snapshot {
                    snapshot.kill(&target);
                }
            }
            // It ended by itself, or another connection took its tuple: nothing of ours to kill.
            Ok(false) => {}
            Err(error) => self.refuse(error.into()),
        }
    }

    fn refuse(&mut self, why: Fault) {
        self.refused = (self.refused.0 + 1, Some(why));
    }

    fn record(&mut self, entry: &mut Entry<'_, '_>, table: &mut Table<'_>) -> Result<(), Fault> {
        // Of several calls that take a snapshot in one scan the first records it for all.
        if entry.settled {
            return Ok(());
        }
        let flow = entry.full(table.context)?;
        entry.settled = table.snapshot.as_mut().is_some_and(|s| s.push(&flow).is_ok());
        // What did not fit is counted, so that the fault can say how much room it would take.
        self.found.0 += u32::from(!entry.settled);
        Ok(())
    }
}

const _: () = assert!(Order::TIE & !ALL == 0, "a flow in full can be compared");
