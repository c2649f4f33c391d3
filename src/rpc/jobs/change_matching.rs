//! `change_matching`: sets the mark or the timeout of the flows that match a filter.

use super::Job;
use super::matching::Matching;
use super::sweep::{Sweep, Which};
use super::wanted::{Outcome, Wanted};
use crate::auth::{Who, audit};
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::target::Target;
use crate::query::context::Context;
use crate::query::page::Candidate;
use crate::rpc::args::Args;
use crate::rpc::fault::Fault;
use crate::rpc::work::Offered;
use crate::rpc::{Ask, Shared};

/// A change of the flows that match a filter. Where it is one of timeouts the connection that the call came by is spared: a
/// short one would end it before the answer is there.
pub(crate) struct Changed {
    matching: Matching,
    wanted: Wanted,
}

/// Reads the parameters.
pub(crate) fn change_matching(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let who = ask.check_session(args)?;
    let field = Wanted::required_field(args)?;
    let filters = Matching::required(args)?;
    let value = Wanted::required_value(args)?;
    args.end("session_id, field_name, filters and field_value")?;
    let wanted = Wanted::read(&field, &value)?;
    let spared = ask.own.filter(|_| matches!(wanted, Wanted::Timeout(_)));
    let matching = Matching::read(filters, "change", spared)?;
    Ok(Job::ChangeMatching(Sweep::new(Changed { matching, wanted }, who)))
}

impl Which for Changed {
    const DONE: &'static str = "changed";

    fn needs(&self) -> u32 {
        self.matching.needs()
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.matching.kernel_plan()
    }

    fn is_one(&self, flow: &Flow, context: &Context) -> bool {
        self.matching.is_one(flow, context)
    }

    /// Changes the entry, if it still matches just before and has not yet what it is to have.
    fn act(
        &self,
        target: &Target,
        offered: &mut Offered<'_, '_, '_>,
        shared: &mut Shared,
    ) -> Result<bool, Fault> {
        // What a look at one entry does not tell is how fast it is.
        let rates = offered.entry.flow().rates;
        let is_meant = |now: &mut Flow, context: &Context| {
            now.rates = rates;
            self.matching.is_one(now, context) && !self.wanted.is_met(now)
        };
        match self.wanted.apply(target, &is_meant, offered.kernel, shared)? {
            Outcome::Gone => return Ok(false),
            // A job of this scan that records the table must not record the entry as it was, nor one that has ended.
            Outcome::Changed(after) => offered.entry.renew(&after, &mut shared.context.rates),
            Outcome::Ended => offered.settled = true,
        }
        Ok(true)
    }

    fn tell(&self, who: &Who, changed: u32) {
        audit::changed_matching(who, changed, format_args!("{}: {}", self.matching.words(), self.wanted));
    }
}
