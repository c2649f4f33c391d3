//! Flows handed to the calls that wait for them: one scan for all.

use super::autorefresh::gone;
use super::fault::Fault;
use super::jobs::Job;
use super::task::{Stage, Task};
use super::work::{Offered, ScanStart, Source};
use super::{Engine, World};
use crate::conntrack::flow::{ALL, Flow, ReadError};
use crate::conntrack::message::Message;
use crate::conntrack::plan::{KernelPlan, PlanPart};
use crate::conntrack::socket::OpError;
use crate::conntrack::uapi::{CTA_HELP, CTA_SECCTX, bit};
use crate::limits::{CLIENTS, SNAPSHOT_SLICE_FLOWS};
use crate::query::entry::Entry;
use crate::query::field::RATES;
use crate::query::order::Order;
use crate::query::page::Candidate;
use crate::query::rates::METERED;
use crate::stats::Counter;

/// The attributes whose texts are kept as labels, for which there may be too little room.
const TEXTS: u32 = bit(CTA_HELP) | bit(CTA_SECCTX);

const _: () = assert!(Order::TIE & !ALL == 0, "a flow in full can be compared");

/// A scan under way, or none.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// A bit for each slot whose call takes part.
    riders: u32,
    /// The attributes that any of them needs of every flow.
    needs: u32,
    /// Where a scan of the snapshot is.
    at: usize,
    /// When a scan of the kernel's table began, and the dumps that it is made of.
    began_ms: u64,
    plan: KernelPlan,
}

const _: () = assert!(CLIENTS <= 32, "`riders` has 32 bits");

impl Scan {
    /// The call of `slot` takes part no longer.
    pub(super) fn leave(&mut self, slot: usize) {
        if let Some(bit) = u32::try_from(slot).ok().and_then(|slot| 1_u32.checked_shl(slot)) {
            self.riders &= !bit;
        }
    }

    fn has_riders(&self) -> bool {
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

impl Engine {
    fn waiting(&self, source: Source) -> u32 {
        // A snapshot that is being read is not taken anew until those who read it have their first rows. Who has no memory for
        // rows yet keeps nobody waiting: that memory may be held by one who can't go on before the snapshot is taken.
        let is_ahead = |task: &Task| match &task.stage {
            Stage::Waiting(Source::Snapshot) => {
                task.job.asks().is_ahead() && task.job.asks().can_begin(&self.shared)
            }
            // A pass is over, and the call has yet to say whether another one follows. In a multicall it may only do so when its
            // client has taken what comes before.
            Stage::Over(None) => task.job.asks().is_ahead() && !task.is_multicall(),
            _ => false,
        };
        let read = self.snapshot_scan.has_riders() || self.tasks.iter().any(is_ahead);
        self.slots_of(|task| {
            let waits = task.waits_for(source) && !(read && task.is_recorder());
            waits && task.job.asks().can_begin(&self.shared)
        })
    }

    /// A bit for each slot whose task is as `is_such` says.
    fn slots_of(&self, is_such: impl Fn(&Task) -> bool) -> u32 {
        let bits = self.tasks.iter().enumerate().filter(|(_, t)| is_such(t));
        bits.fold(0, |bits, (slot, _)| bits | 1 << slot)
    }

    /// The scan is over for these riders, or has failed for them.
    fn end_riders(&mut self, riders: u32, failure: Option<&Fault>) {
        for slot in slots(riders) {
            if let Some(task) = self.tasks.get_mut(slot) {
                task.stage = Stage::Over(failure.cloned());
            }
        }
    }

    /// Whether calls wait for a scan of the kernel's table, and none is under way.
    #[must_use]
    pub fn wants_scan(&self) -> bool {
        !self.kernel_scan.has_riders() && self.waiting(Source::Kernel) != 0
    }

    /// Starts a scan of the kernel's table for all calls that wait for one, if there are any and none is under way: the dumps
    /// that it is made of.
    pub fn begin_scan(&mut self, now_ms: u64) -> Option<KernelPlan> {
        if !self.wants_scan() {
            return None;
        }
        self.shared.clear_labels();
        let is_held = self.holds_rates();
        self.kernel_scan =
            self.board(self.waiting(Source::Kernel), ScanStart { source: Source::Kernel, now_ms });
        self.shared.stats.add(Counter::Scans);
        let riders = slots(self.kernel_scan.riders).filter_map(|slot| self.tasks.get(slot));
        let plans = riders.map(|task| task.job.asks().kernel_plan());
        let common = plans.reduce(|a, b| a.common(&b)).unwrap_or_default();
        let plan = self.shared.settings.kernel_plan(common);
        self.kernel_scan.needs |= plan.needs();
        self.kernel_scan.plan = plan;
        self.begin_metering(is_held, now_ms);
        Some(plan)
    }

    /// Whether a call counts on rates not to change, since it has found a part of what it looks for.
    fn holds_rates(&self) -> bool {
        self.tasks.iter().filter(|task| !task.is_idle()).any(|task| {
            let asks = task.job.asks();
            asks.is_between_scans() && asks.depends_on_rates()
        })
    }

    /// Where a call of the scan needs rates, every entry is metered.
    fn begin_metering(&mut self, is_held: bool, now_ms: u64) {
        let of_all = self.kernel_scan.needs & RATES != 0;
        let rates = &mut self.shared.context.rates;
        if of_all {
            self.kernel_scan.needs |= METERED;
            rates.ask(now_ms);
        }
        rates.begin(of_all, is_held, self.kernel_scan.plan, now_ms);
    }

    /// Lets the `waiting` calls take part in a scan, as far as there is memory: the scan with its riders and their needs.
    fn board(&mut self, waiting: u32, start: ScanStart) -> Scan {
        let mut scan = Scan { needs: self.shared.context.needs(), began_ms: start.now_ms, ..Scan::default() };
        // The call that has waited longest comes first, since there may not be memory for all.
        let mut left = waiting;
        while let Some(slot) = self.waits_longest(left) {
            left &= !(1 << slot);
            let Some(task) = self.tasks.get_mut(slot).filter(|t| t.job.asks().can_begin(&self.shared)) else {
                continue;
            };
            if start.source == Source::Kernel {
                task.check_readings(&self.shared, start.now_ms);
                task.dumps += 1;
            }
            let begun =
                if task.is_first_reading { Ok(()) } else { task.job.work().begin(&mut self.shared, start) };
            if let Err(fault) = begun {
                task.stage = Stage::Over(Some(fault));
                continue;
            }
            scan.needs |= task.job.asks().needs();
            scan.riders |= 1 << slot;
            task.stage = Stage::Riding(start.source);
        }
        scan
    }

    /// The slot, among these bits, of the call that has waited longest.
    fn waits_longest(&self, of: u32) -> Option<usize> {
        slots(of).min_by_key(|&slot| self.tasks.get(slot).map(|task| task.waits_since_ms))
    }

    /// Hands an entry of the kernel's table, from this `part` of the plan, to the calls that take part in the scan.
    pub fn offer(&mut self, message: &Message<'_>, part: PlanPart, world: &mut World<'_>) {
        self.shared.stats.add(Counter::Entries);
        let mut offered = Offered {
            entry: Entry::new(message),
            settled: false,
            #[cfg(feature = "metrics")]
            counted: false,
            kernel: world.kernel,
        };
        let entry = &mut offered.entry;
        let mut read = entry.read(self.kernel_scan.needs, &mut self.shared.context.labels);
        if matches!(read, Err(ReadError::Labels)) {
            // Only the calls that need the texts of every entry fail; the others go on without them.
            self.fail_who_needs(TEXTS, &ReadError::Labels.into());
            self.kernel_scan.needs &= !TEXTS;
            read = entry.read(self.kernel_scan.needs, &mut self.shared.context.labels);
        }
        if let Err(error) = read {
            return self.fail_riders(Source::Kernel, &error.into());
        }
        if !self.kernel_scan.plan.counts(part, entry.flow()) {
            return;
        }
        self.shared.context.rates.set_time(world.now_ms);
        if self.kernel_scan.needs & RATES != 0 {
            entry.meter(&mut self.shared.context.rates);
        }
        for slot in slots(self.kernel_scan.riders) {
            let Some(task) = self.tasks.get_mut(slot).filter(|task| !task.is_first_reading) else {
                continue;
            };
            if let Err(fault) = task.job.work().offer(&mut offered, &mut self.shared) {
                task.stage = Stage::Over(Some(fault));
                self.kernel_scan.leave(slot);
            }
        }
    }

    /// The scan of the kernel's table is over, or has failed.
    pub fn end_scan(&mut self, result: Result<(), OpError>) {
        if self.is_taking_snapshot() {
            // The views that waited for this snapshot read it before it is taken anew: otherwise two clients that take it in
            // turn would let no view read.
            for task in self.tasks.iter_mut().filter(|t| t.waits_for(Source::Snapshot)) {
                task.job.work().set_ahead();
            }
        }
        if let Err(error) = result {
            self.shared.count_failure(error);
            return self.fail_riders(Source::Kernel, &error.into());
        }
        let rates = &mut self.shared.context.rates;
        rates.end();
        self.shared.stats.add_all(Counter::AccountingResets, rates.take_resets());
        #[cfg(feature = "metrics")]
        let mut is_counted = false;
        let riders = core::mem::take(&mut self.kernel_scan.riders);
        for slot in slots(riders) {
            let Some(task) = self.tasks.get_mut(slot) else { continue };
            if task.is_first_reading {
                task.pause(self.kernel_scan.began_ms);
                continue;
            }
            task.stage = Stage::Over(None);
            if matches!(&task.job, Job::TakeSnapshot(job) if job.is_whole()) {
                self.shared.autorefresh.is_whole(self.kernel_scan.began_ms);
            }
            #[cfg(feature = "metrics")]
            if let (Job::Metrics(_), Some(counts)) = (&task.job, &mut self.shared.table_counts) {
                counts.end(self.kernel_scan.began_ms);
                is_counted = true;
            }
        }
        #[cfg(feature = "metrics")]
        if is_counted {
            self.end_scrapes_that_wait();
        }
    }

    /// Flows have just been counted: who has come for the metrics since that scan began need not wait for another.
    #[cfg(feature = "metrics")]
    fn end_scrapes_that_wait(&mut self) {
        let waits = |stage: &Stage| matches!(stage, Stage::Waiting(_) | Stage::Pausing(_));
        for task in self.tasks.iter_mut().filter(|task| waits(&task.stage)) {
            if let Job::Metrics(_) = &task.job {
                task.stage = Stage::Over(None);
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
        let riders = core::mem::take(&mut scan.riders);
        self.end_riders(riders, Some(fault));
    }

    /// Fails those calls of the kernel's scan that need any of these attributes of every flow.
    fn fail_who_needs(&mut self, attributes: u32, fault: &Fault) {
        let needs = |task: &Task| task.job.asks().needs() & attributes != 0;
        let who = self.slots_of(needs) & self.kernel_scan.riders;
        self.kernel_scan.riders &= !who;
        self.end_riders(who, Some(fault));
    }

    /// Reads a slice of the snapshot for the calls that wait for it. False if there is nothing to do.
    pub fn replay(&mut self) -> bool {
        if !self.snapshot_scan.has_riders() {
            let waiting = self.waiting_for_snapshot();
            if waiting == 0 {
                return false;
            }
            self.snapshot_scan = self.board(waiting, ScanStart { source: Source::Snapshot, now_ms: 0 });
        }
        for _ in 0..SNAPSHOT_SLICE_FLOWS {
            let Some(snapshot) = self.shared.autorefresh.readable() else {
                self.fail_riders(Source::Snapshot, &gone());
                return true;
            };
            let Some((flow, end)) = snapshot.read(self.snapshot_scan.at) else {
                let riders = core::mem::take(&mut self.snapshot_scan.riders);
                self.end_riders(riders, None);
                return true;
            };
            self.snapshot_scan.at = end;
            self.offer_recorded(&flow, end);
        }
        true
    }

    /// A bit for each slot whose call may read the snapshot now. While it is being taken none may. While a call waits to take it
    /// anew, only those views may that are ahead of that call, and those that began with an earlier snapshot, to be told so.
    fn waiting_for_snapshot(&self) -> u32 {
        if self.is_taking_snapshot() {
            return 0;
        }
        let waiting = self.waiting(Source::Snapshot);
        let is_to_be_taken = |task: &Task| task.is_recorder() && task.waits_for(Source::Kernel);
        if !self.tasks.iter().any(is_to_be_taken) {
            return waiting;
        }
        let generation = self.shared.autorefresh.generation();
        waiting
            & self.slots_of(|task| {
                let job = task.job.asks();
                job.is_ahead() || job.is_late(generation)
            })
    }

    /// Hands a flow of the snapshot, whose record ends at `end`, to the calls that read it.
    fn offer_recorded(&mut self, flow: &Flow, end: usize) {
        for slot in slots(self.snapshot_scan.riders) {
            if let Some(task) = self.tasks.get_mut(slot) {
                task.job.work().offer_recorded(flow, end, &mut self.shared);
            }
        }
    }

    pub(super) fn is_taking_snapshot(&self) -> bool {
        slots(self.kernel_scan.riders).any(|slot| self.tasks.get(slot).is_some_and(Task::is_recorder))
    }
}

impl Task {
    /// Whether there is no call.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Whether it waits for a scan of this source.
    fn waits_for(&self, source: Source) -> bool {
        matches!(self.stage, Stage::Waiting(of) if of == source)
    }

    /// Whether it records the table.
    pub(super) fn is_recorder(&self) -> bool {
        matches!(self.job, Job::TakeSnapshot(_))
    }
}
