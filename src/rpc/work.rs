//! What a job is to the engine: the steps that it takes, and what it has at each.

use super::fault::Fault;
use super::pieces::{Measure, Pieces};
use super::{Shared, World};
use crate::conntrack::flow::Flow;
use crate::conntrack::kernel::Kernel;
use crate::conntrack::plan::KernelPlan;
use crate::out::Full;
use crate::query::entry::Entry;
use crate::query::field::RATES;
use crate::syntax::Writer;

/// Where the flows of a scan come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The kernel's table.
    Kernel,
    /// The snapshot.
    Snapshot,
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing: the job goes on at once.
    Nothing,
    /// The next scan.
    Scan(Source),
    /// A dump of its own.
    Dump,
    /// A point in time, in milliseconds.
    Until(u64),
    /// What a program says of a login.
    Verdict,
}

/// How a scan begins for a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanStart {
    /// Where its flows come from.
    pub source: Source,
    /// When it begins, in milliseconds.
    pub now_ms: u64,
}

/// Why the last piece of a job's value can't be written yet, or at all.
#[derive(Debug)]
pub(super) enum Wrote {
    /// A part is written, the rest waits for this.
    Part(Wait),
    /// Nothing is written, and there is a fault in place of the value.
    Fault(Fault),
    /// A part is written, and the rest can't be.
    Broken(Fault),
}

/// An entry as it is offered to the jobs of a scan, one after the other.
pub(super) struct Offered<'e, 'a, 'm> {
    /// The entry.
    pub(super) entry: Entry<'a, 'm>,
    /// The snapshot is done with it: it was recorded, or deleted.
    pub(super) settled: bool,
    /// It is counted for the metrics.
    #[cfg(feature = "metrics")]
    pub(super) counted: bool,
    /// The kernel, for what a job does with the entry.
    pub(super) kernel: &'e mut dyn Kernel,
}

/// The steps of a job. Each has a default for jobs that have no use for it.
pub(super) trait Work {
    /// What the job waits for first.
    fn waits_for(&self) -> Wait {
        Wait::Nothing
    }

    /// The attributes that it needs of every entry of a scan.
    fn needs(&self) -> u32 {
        0
    }

    /// Whether what it does depends on the rates of flows, so that it waits for a second reading of their counters where there
    /// is none: it orders or filters by them.
    fn depends_on_rates(&self) -> bool {
        self.needs() & RATES != 0
    }

    /// Whether it goes on with what it has found in one scan in another, and counts on rates not to change in between.
    fn is_between_scans(&self) -> bool {
        false
    }

    /// The dumps that hold what it needs.
    fn kernel_plan(&self) -> KernelPlan {
        KernelPlan::default()
    }

    /// Whether there is enough memory for it to take part in a scan now; if not, it waits for the next one.
    fn can_begin(&self, _: &Shared) -> bool {
        true
    }

    /// A scan begins.
    ///
    /// # Errors
    /// A fault: the job takes no part in the scan, and ends with it.
    fn begin(&mut self, _: &mut Shared, _: ScanStart) -> Result<(), Fault> {
        Ok(())
    }

    /// An entry of the scan.
    ///
    /// # Errors
    /// A fault: the job takes no further part in the scan, and ends with it.
    fn offer(&mut self, _: &mut Offered<'_, '_, '_>, _: &mut Shared) -> Result<(), Fault> {
        Ok(())
    }

    /// A flow of the snapshot, whose record ends at `end`.
    fn offer_recorded(&mut self, _flow: &Flow, _end: usize, _: &mut Shared) {}

    /// Whether calls that take the snapshot anew must wait until the job has read this one.
    fn is_ahead(&self) -> bool {
        false
    }

    /// The job waited while a snapshot was taken: it reads that one before another is taken.
    fn set_ahead(&mut self) {}

    /// Whether a part of its value is of a snapshot of another generation, so that the job can't go on.
    fn is_late(&self, _generation: u32) -> bool {
        false
    }

    /// What the job waited for is here or over. Gives what it waits for next; with [`Wait::Nothing`] it can be written.
    ///
    /// # Errors
    /// The fault that the call is answered with.
    fn end(&mut self, _: &mut Shared, _: &mut World<'_>) -> Result<Wait, Fault> {
        Ok(Wait::Nothing)
    }

    /// The scan did not come to its end: the fault that the call is answered with, from that which says why.
    fn failed(&mut self, why: Fault) -> Fault {
        why
    }

    /// Whether the job holds all of its value, so that its length can be known before it is written.
    fn is_measurable(&self) -> bool {
        false
    }

    /// Adds up the length of a part of the value; true when the value is measured to its end.
    fn measure(&mut self, _: &mut Measure<'_, '_>, _: &Shared) -> bool {
        true
    }

    /// Writes what comes before the last piece of the job's value. `None`: all of that is written.
    ///
    /// # Errors
    /// [`Full`]: what was written until then is whole, and the rest is asked for again when there is room.
    fn write(
        &mut self,
        _: &mut Pieces<'_, '_>,
        _: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Option<Wrote>, Full> {
        Ok(None)
    }

    /// Writes the last piece of the job's value: all of it, where it is one piece.
    ///
    /// # Errors
    /// [`Full`]: the piece is asked for again when there is room.
    fn write_last(&self, writer: &mut Writer<'_>, shared: &Shared, now_ms: u64) -> Result<(), Full>;

    /// Rows that its value has, for the log.
    fn rows(&self) -> u64 {
        0
    }

    /// Gives back what it holds of the daemon's.
    fn release(&mut self, _: &mut Shared) {}
}
