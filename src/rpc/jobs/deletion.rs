//! Flows deleted in a scan: what `kill` and `kill_matching` have in common.

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

/// Which flows are to be deleted.
pub(crate) trait Which {
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

    /// Tells the log how many of them `who` has deleted.
    fn tell(&self, who: &Who, killed: u32);
}

/// A deletion.
pub(crate) struct Deletion<W> {
    which: W,
    who: Who,
    /// Entries that were deleted.
    killed: u32,
    /// Of these, the ones that the log was told of.
    told: u32,
    /// Entries that the kernel would not delete, and the last reason.
    refused: u32,
    why: Option<Fault>,
}

impl<W: Which> Deletion<W> {
    /// The deletion that `who` asks for.
    pub(super) fn new(which: W, who: Who) -> Self {
        Deletion { which, who, killed: 0, told: 0, refused: 0, why: None }
    }

    fn kill(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) {
        let Some(target) = Target::of(offered.entry.flow()) else {
            let text = format_args!("delete: an entry came without tuple or id");
            return self.refuse(Fault::new(Code::Kernel, text));
        };
        match offered.kernel.delete(&target) {
            Ok(true) => {
                self.killed += 1;
                shared.stats.add(Counter::Killed);
                // A job of this scan that records the table must not record the entry after this; if it has done so before, the
                // record is taken out again.
                offered.settled = true;
                if let Some(snapshot) = shared.autorefresh.snapshot() {
                    snapshot.kill(&target);
                }
            }
            // It ended by itself, or another connection took its tuple: nothing is left to kill.
            Ok(false) => {}
            Err(error) => self.refuse(error.into()),
        }
    }

    fn refuse(&mut self, why: Fault) {
        (self.refused, self.why) = (self.refused + 1, Some(why));
    }

    /// Tells the log what was deleted since it was last told.
    fn tell(&mut self) {
        let untold = self.killed - self.told;
        if untold > 0 {
            self.which.tell(&self.who, untold);
        }
        self.told = self.killed;
    }
}

impl<W: Which> Work for Deletion<W> {
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
            self.kill(offered, shared);
        }
        Ok(())
    }

    /// What the kernel refused to delete is a fault with the numbers: what was deleted stays so.
    fn end(&mut self, _: &mut Shared, _: &mut World<'_>) -> Result<Wait, Fault> {
        self.tell();
        let Some(why) = self.why.take() else {
            return Ok(Wait::Nothing);
        };
        let (refused, killed) = (self.refused, self.killed);
        let text = format_args!("{}: {refused} connections were not killed, {killed} were", why.text);
        Err(Fault::new(why.code, text))
    }

    /// What was deleted until the scan failed stays so.
    fn failed(&mut self, why: Fault) -> Fault {
        self.tell();
        let text = format_args!("{}: {} connections were killed before that", why.text, self.killed);
        Fault::new(why.code, text)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.uint(self.killed.into())
    }

    /// Whoever leaves before the answer has killed nevertheless.
    fn release(&mut self, _: &mut Shared) {
        self.tell();
    }
}
