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
pub(crate) mod change_matching;
pub(crate) mod explain;
pub(crate) mod kill;
pub(crate) mod kill_matching;
pub(crate) mod listing;
pub(crate) mod login;
mod matching;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod stats;
pub(crate) mod summary;
mod sweep;
mod table;
pub(crate) mod take_snapshot;
pub(crate) mod view;
mod wanted;

use super::work::Work;
use sweep::Sweep;

macro_rules! jobs {
    ($($(#[$doc:meta])+ $name:ident $(if $feature:literal)? = $type:ty,)+) => {
        /// What a call does.
        // Jobs stay where they are made: a task has room for the largest, and nothing is allocated for one.
        #[allow(clippy::large_enum_variant)]
        pub(crate) enum Job { $($(#[$doc])+ $(#[cfg(feature = $feature)])? $name($type),)+ }

        impl Job {
            /// The job's steps.
            pub(super) fn work(&mut self) -> &mut dyn Work {
                match self { $($(#[cfg(feature = $feature)])? Job::$name(job) => job,)+ }
            }

            /// The job's steps, to ask what it needs.
            pub(super) fn asks(&self) -> &dyn Work {
                match self { $($(#[cfg(feature = $feature)])? Job::$name(job) => job,)+ }
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
    Login = login::LoggingIn,
    /// The counters.
    Stats = stats::Stats,
    /// A page.
    View = view::Viewing,
    /// Groups of flows.
    Summary = summary::Summarizing,
    /// A long list in the kernel's own order.
    Listing = listing::Listing,
    /// Deletes by id or by filter, or changes by filter.
    Sweep = Sweep,
    /// Changes one flow.
    Change = change::Changing,
    /// Records every flow.
    TakeSnapshot = take_snapshot::TakeSnapshot,
    /// The metrics.
    Metrics if "metrics" = metrics::Scrape,
}
