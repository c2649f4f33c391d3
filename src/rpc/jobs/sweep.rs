//! Flows deleted or changed in a scan: what `kill`, `kill_matching` and `change_matching` have in common.

use super::matching::Matching;
use super::wanted::{Outcome, Wanted};
use crate::auth::{Who, audit};
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::target::{TARGET, Target};
use crate::limits::KILL_IDS;
use crate::out::Full;
use crate::query::context::Context;
use crate::query::page::Candidate;
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::{Offered, Source, Wait, Work};
use crate::rpc::{Shared, World};
use crate::stats::Counter;
use crate::syntax::Writer;
use heapless::Vec;

/// Which flows a sweep is for, and what is done with each.
// The task has room for the largest.
#[allow(clippy::large_enum_variant)]
pub(super) enum Which {
    /// Those with these ids, which are sorted, each once, are deleted.
    Ids(Vec<u32, KILL_IDS>),
    /// Those are deleted.
    Killed(Matching),
    /// Those are changed.
    Changed(Matching, Wanted),
}

impl Which {
    /// What was done with a connection, as in "2 connections were killed".
    fn done(&self) -> &'static str {
        if let Which::Changed(..) = self { "changed" } else { "killed" }
    }

    fn matching(&self) -> Option<&Matching> {
        match self {
            Which::Ids(_) => None,
            Which::Killed(matching) | Which::Changed(matching, _) => Some(matching),
        }
    }

    /// Whether the flow is one of them.
    fn is_one(&self, flow: &Flow, context: &Context) -> bool {
        match self {
            Which::Ids(ids) => flow.id.is_some_and(|id| ids.binary_search(&id).is_ok()),
            Which::Killed(matching) | Which::Changed(matching, _) => matching.is_one(flow, context),
        }
    }

    /// Does with one of them what is to be done; false if it has ended by itself, or has that already.
    ///
    /// # Errors
    /// Why the kernel would not do it.
    fn act(
        &self,
        target: &Target,
        offered: &mut Offered<'_, '_, '_>,
        shared: &mut Shared,
    ) -> Result<bool, Fault> {
        match self {
            Which::Ids(_) | Which::Killed(_) => delete(target, offered, shared),
            Which::Changed(matching, wanted) => change(matching, *wanted, target, offered, shared),
        }
    }

    /// Tells the log with how many of them `who` has done it.
    fn tell(&self, who: &Who, done: u32) {
        match self {
            Which::Ids(_) => audit::killed(who, done, format_args!("by id")),
            Which::Killed(matching) => {
                audit::killed(who, done, format_args!("that match: {}", matching.words()));
            }
            Which::Changed(matching, wanted) => {
                audit::changed_matching(who, done, format_args!("{}: {wanted}", matching.words()));
            }
        }
    }
}

/// Deletes an entry; false if it ended by itself, or another connection took its tuple: then nothing is left to kill.
fn delete(target: &Target, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<bool, Fault> {
    if !offered.kernel.delete(target)? {
        return Ok(false);
    }
    shared.stats.add(Counter::Killed);
    // A job of this scan that records the table must not record the entry after this; if it has done so before, the record is
    // taken out again.
    offered.settled = true;
    if let Some(snapshot) = shared.autorefresh.snapshot() {
        snapshot.kill(target);
    }
    Ok(true)
}

/// Changes an entry, if it still matches just before and has not yet what it is to have; false if not.
///
/// # Errors
/// Why the kernel would not do it.
fn change(
    matching: &Matching,
    wanted: Wanted,
    target: &Target,
    offered: &mut Offered<'_, '_, '_>,
    shared: &mut Shared,
) -> Result<bool, Fault> {
    // What a look at one entry does not tell is how fast it is.
    let rates = offered.entry.flow().rates;
    let is_meant = |now: &mut Flow, context: &Context| {
        now.rates = rates;
        matching.is_one(now, context) && !wanted.is_met(now)
    };
    match wanted.apply(target, &is_meant, offered.kernel, shared)? {
        Outcome::Gone => return Ok(false),
        // A job of this scan that records the table must not record the entry as it was, nor one that has ended.
        Outcome::Changed(after) => offered.entry.renew(&after, &mut shared.context.rates),
        Outcome::Ended => offered.settled = true,
    }
    Ok(true)
}

/// What a sweep came to so far.
#[derive(Default)]
struct Tally {
    /// Entries with which it was done.
    done: u32,
    /// Of these, the ones that the log was told of.
    told: u32,
    /// Entries with which the kernel would not do it, and the last reason.
    refused: u32,
    why: Option<Fault>,
}

impl Tally {
    fn add(&mut self, result: Result<bool, Fault>) {
        match result {
            Ok(done) => self.done += u32::from(done),
            Err(why) => (self.refused, self.why) = (self.refused + 1, Some(why)),
        }
    }

    /// What the kernel refused is a fault with the numbers: what was done stays so.
    fn end(&mut self, what: &str) -> Result<Wait, Fault> {
        let Some(why) = self.why.take() else {
            return Ok(Wait::Nothing);
        };
        let (refused, done) = (self.refused, self.done);
        let text = format_args!("{}: {refused} connections were not {what}, {done} were", why.text);
        Err(Fault::new(why.code, text))
    }

    /// What was done until the scan failed stays so.
    fn failed(&self, why: Fault, what: &str) -> Fault {
        let text = format_args!("{}: {} connections were {what} before that", why.text, self.done);
        Fault::new(why.code, text)
    }
}

/// The flows that are met in a scan, one after the other.
pub(crate) struct Sweep {
    which: Which,
    who: Who,
    tally: Tally,
}

impl Sweep {
    /// The sweep that `who` asks for.
    pub(super) fn new(which: Which, who: Who) -> Self {
        Sweep { which, who, tally: Tally::default() }
    }

    /// Tells the log what was done since it was last told.
    fn tell(&mut self) {
        let untold = self.tally.done - self.tally.told;
        if untold > 0 {
            self.which.tell(&self.who, untold);
        }
        self.tally.told = self.tally.done;
    }
}

impl Work for Sweep {
    fn waits_for(&self) -> Wait {
        match &self.which {
            // There is nothing to look for.
            Which::Ids(ids) if ids.is_empty() => Wait::Nothing,
            _ => Wait::Scan(Source::Kernel),
        }
    }

    fn needs(&self) -> u32 {
        self.which.matching().map_or(0, Matching::needs) | TARGET
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.which.matching().map(Matching::kernel_plan).unwrap_or_default()
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        let flow = offered.entry.flow();
        if self.which.is_one(flow, &shared.context) {
            let result = match Target::of(flow) {
                Some(target) => self.which.act(&target, offered, shared),
                None => Err(no_target()),
            };
            self.tally.add(result);
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Shared, _: &mut World<'_>) -> Result<Wait, Fault> {
        self.tell();
        self.tally.end(self.which.done())
    }

    fn failed(&mut self, why: Fault) -> Fault {
        self.tell();
        self.tally.failed(why, self.which.done())
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.uint(self.tally.done.into())
    }

    /// Whoever leaves before the answer has done it nevertheless.
    fn release(&mut self, _: &mut Shared) {
        self.tell();
    }
}

fn no_target() -> Fault {
    Fault::new(Code::Kernel, format_args!("an entry came without tuple or id"))
}
