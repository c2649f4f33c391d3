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
        if !offered.kernel.delete(target)? {
            // It ended by itself, or another connection took its tuple: nothing is left to kill.
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

    /// Tells the log with how many of them `who` has done it.
    fn tell(&self, who: &Who, done: u32);
}

/// The flows that are met in a scan, one after the other.
pub(crate) struct Sweep<W> {
    which: W,
    who: Who,
    /// Entries with which it was done.
    done: u32,
    /// Of these, the ones that the log was told of.
    told: u32,
    /// Entries with which the kernel would not do it, and the last reason.
    refused: u32,
    why: Option<Fault>,
}

impl<W: Which> Sweep<W> {
    /// The sweep that `who` asks for.
    pub(super) fn new(which: W, who: Who) -> Self {
        Sweep { which, who, done: 0, told: 0, refused: 0, why: None }
    }

    fn act(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) {
        let Some(target) = Target::of(offered.entry.flow()) else {
            let text = format_args!("an entry came without tuple or id");
            return self.refuse(Fault::new(Code::Kernel, text));
        };
        match self.which.act(&target, offered, shared) {
            Ok(done) => self.done += u32::from(done),
            Err(why) => self.refuse(why),
        }
    }

    fn refuse(&mut self, why: Fault) {
        (self.refused, self.why) = (self.refused + 1, Some(why));
    }

    /// Tells the log what was done since it was last told.
    fn tell(&mut self) {
        let untold = self.done - self.told;
        if untold > 0 {
            self.which.tell(&self.who, untold);
        }
        self.told = self.done;
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
        if self.which.is_one(offered.entry.flow(), &shared.context) {
            self.act(offered, shared);
        }
        Ok(())
    }

    /// What the kernel refused is a fault with the numbers: what was done stays so.
    fn end(&mut self, _: &mut Shared, _: &mut World<'_>) -> Result<Wait, Fault> {
        self.tell();
        let Some(why) = self.why.take() else {
            return Ok(Wait::Nothing);
        };
        let (refused, done) = (self.refused, self.done);
        let text = format_args!("{}: {refused} connections were not {}, {done} were", why.text, W::DONE);
        Err(Fault::new(why.code, text))
    }

    /// What was done until the scan failed stays so.
    fn failed(&mut self, why: Fault) -> Fault {
        self.tell();
        let text = format_args!("{}: {} connections were {} before that", why.text, self.done, W::DONE);
        Fault::new(why.code, text)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.uint(self.done.into())
    }

    /// Whoever leaves before the answer has done it nevertheless.
    fn release(&mut self, _: &mut Shared) {
        self.tell();
    }
}
