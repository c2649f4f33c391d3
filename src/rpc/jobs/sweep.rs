//! Flows deleted or changed in a scan: what `kill`, `kill_matching` and `change_matching` have in common.

use crate::auth::Who;
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::target::{TARGET, Target};
use crate::out::Full;
use crate::query::context::Context;
use crate::query::page::Candidate;
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::{Offered, Source, Wait, Work};
use crate::rpc::{Shared, World};
use crate::stats::Counter;
use crate::syntax::Writer;

/// Which flows a sweep is for, and what is done with each.
pub(crate) trait Which {
    /// What was done with a connection, as in "2 connections were killed".
    const DONE: &'static str;

    /// Whether that is none, so that there is nothing to look for.
    fn is_none(&self) -> bool {
        false
    }

    /// The attributes that [`Which::is_one`] needs, beside those of [`TARGET`] and the context.
    fn needs(&self) -> u32;

    /// The dumps that hold all of them.
    fn kernel_plan(&self) -> KernelPlan;

    /// Whether the flow is one of them.
    fn is_one(&self, flow: &Flow, context: &Context) -> bool;

    /// Deletes one of them, or does with it what else is to be done; false if it has ended by itself, or has that already.
    ///
    /// # Errors
    /// Why the kernel would not do it.
    fn act(
        &self,
        target: &Target,
        offered: &mut Offered<'_, '_, '_>,
        shared: &mut Shared,
    ) -> Result<bool, Fault> {
        delete(target, offered, shared)
    }

    /// Tells the log with how many of them `who` has done it.
    fn tell(&self, who: &Who, done: u32);
}

/// Deletes an entry; false if it ended by itself, or another connection took its tuple: then nothing is left to kill.
#[inline(never)]
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
    #[inline(never)]
    fn add(&mut self, result: Result<bool, Fault>) {
        match result {
            Ok(done) => self.done += u32::from(done),
            Err(why) => (self.refused, self.why) = (self.refused + 1, Some(why)),
        }
    }

    /// What the kernel refused is a fault with the numbers: what was done stays so.
    #[inline(never)]
    fn end(&mut self, what: &str) -> Result<Wait, Fault> {
        let Some(why) = self.why.take() else {
            return Ok(Wait::Nothing);
        };
        let (refused, done) = (self.refused, self.done);
        let text = format_args!("{}: {refused} connections were not {what}, {done} were", why.text);
        Err(Fault::new(why.code, text))
    }

    /// What was done until the scan failed stays so.
    #[inline(never)]
    fn failed(&self, why: Fault, what: &str) -> Fault {
        let text = format_args!("{}: {} connections were {what} before that", why.text, self.done);
        Fault::new(why.code, text)
    }
}

/// The flows that are met in a scan, one after the other.
pub(crate) struct Sweep<W> {
    which: W,
    who: Who,
    tally: Tally,
}

impl<W: Which> Sweep<W> {
    /// The sweep that `who` asks for.
    pub(super) fn new(which: W, who: Who) -> Self {
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

impl<W: Which> Work for Sweep<W> {
    fn waits_for(&self) -> Wait {
        if self.which.is_none() { Wait::Nothing } else { Wait::Scan(Source::Kernel) }
    }

    fn needs(&self) -> u32 {
        self.which.needs() | TARGET
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.which.kernel_plan()
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
        self.tally.end(W::DONE)
    }

    fn failed(&mut self, why: Fault) -> Fault {
        self.tell();
        self.tally.failed(why, W::DONE)
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
