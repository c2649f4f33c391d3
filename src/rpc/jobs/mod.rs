//! What calls do: one file for each kind of job, with its data inside.
//!
//! A procedure reads its parameters and makes a [`Job`]. The engine then takes the job through these steps, as far as it needs
//! them:
//!
//! ```text
//! waits_for -> Scan:    begin, offer each entry, end -> another wait, or write
//!           -> Dump:    write, which pulls the entries
//!           -> Until:   end
//!           -> Nothing: end
//! ```
//! Results travel in the job from one step to the next. A new procedure that reads the table is a new file here, with its type
//! in the list below, and a row in [`super::procedures`].

pub(crate) mod answer;
pub(crate) mod change;
mod deletion;
pub(crate) mod explain;
pub(crate) mod kill;
pub(crate) mod kill_matching;
pub(crate) mod listing;
pub(crate) mod login;
pub(crate) mod stats;
pub(crate) mod take_snapshot;
pub(crate) mod view;

use super::fault::Fault;
use super::measure::Measure;
use super::reply::Pieces;
use super::scan::Offered;
use super::{Shared, World};
use crate::conntrack::request::KernelFilter;
use crate::out::Full;

/// Where the flows of a scan come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The kernel's table.
    Kernel,
    /// The snapshot.
    Snapshot,
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: it goes on at once.
    Nothing,
    /// The next scan.
    Scan(Source),
    /// A dump of its own.
    Dump,
    /// This time, in milliseconds.
    Until(u64),
}

/// How a scan begins for a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Where its flows come from.
    pub source: Source,
    /// When it begins, in milliseconds.
    pub now_ms: u64,
}

/// What writing a job's value came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// The value is written to its end.
    All,
    /// A part is written, the rest waits for this.
    Part(Wait),
    /// Nothing is written, and there is a fault in place of the value.
    Fault(Fault),
    /// A part is written, and the rest can't be.
    Broken(Fault),
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

    /// What the kernel may leave out of its scan.
    fn kernel_filter(&self) -> KernelFilter {
        KernelFilter::default()
    }

    /// Whether it needs the entries in the order of one dump, so that the scan can't be made of several.
    fn keeps_dump_order(&self) -> bool {
        false
    }

    /// A scan begins.
    ///
    /// # Errors
    /// A fault: the job takes no part in the scan, and ends with it.
    fn begin(&mut self, _: &mut Shared, _: Pass) -> Result<(), Fault> {
        Ok(())
    }

    /// An entry of the scan.
    ///
    /// # Errors
    /// A fault: the job takes no further part in the scan, and ends with it.
    fn offer(&mut self, _: &mut Offered<'_, '_, '_>, _: &mut Shared) -> Result<(), Fault> {
        Ok(())
    }

    /// What the job waited for is here or over; `failure` is why a scan did not come to its end. Gives what it waits for next;
    /// with [`Wait::Nothing`] it can be written.
    ///
    /// # Errors
    /// The fault that the call is answered with.
    fn end(&mut self, _: &mut Shared, failure: Option<Fault>, _: &mut World<'_>) -> Result<Wait, Fault> {
        failure.map_or(Ok(Wait::Nothing), Err)
    }

    /// Whether the job holds all of its value, so that its length can be known before it is written.
    fn is_measurable(&self) -> bool {
        false
    }

    /// Adds up the length of a part of the value; true when the value is measured to its end.
    fn measure(&mut self, _: &mut Measure<'_, '_>, _: &Shared) -> bool {
        true
    }

    /// Writes the next part of the job's value, or all of it.
    ///
    /// # Errors
    /// [`Full`]: what was written until then is whole, and the rest is asked for again when there is room.
    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Wrote, Full>;

    /// Gives back what it holds of the daemon's.
    fn release(&mut self, _: &mut Shared) {}
}

macro_rules! jobs {
    ($($(#[$doc:meta])+ $name:ident = $type:ty,)+) => {
        /// What a call does.
        // Jobs stay where they are made: a task has room for the largest, and nothing is allocated for one.
        #[allow(clippy::large_enum_variant)]
        pub(crate) enum Job { $($(#[$doc])+ $name($type),)+ }

        impl Job {
            /// The job's steps.
            pub(super) fn work(&mut self) -> &mut dyn Work {
                match self { $(Job::$name(job) => job,)+ }
            }

            /// The job's steps, to ask what it needs.
            pub(super) fn asks(&self) -> &dyn Work {
                match self { $(Job::$name(job) => job,)+ }
            }
        }
    };
}

jobs! {
    /// A short answer that is known at once.
    Answer = answer::Answer,
    /// A filter in words.
    Explain = explain::Explanation,
    /// A login, which may be held back.
    Login = login::Login,
    /// The counters.
    Stats = stats::Stats,
    /// A page.
    View = view::Viewing,
    /// A long list in the kernel's own order.
    Listing = listing::Listing,
    /// Deletes by id.
    Kill = kill::Kill,
    /// Deletes by filter.
    KillMatching = kill_matching::KillMatching,
    /// Changes one flow.
    Change = change::Changing,
    /// Records every flow.
    TakeSnapshot = take_snapshot::TakeSnapshot,
}
