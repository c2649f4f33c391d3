//! `kill_matching`: deletes the flows that match a filter.

use super::Job;
use super::matching::Matching;
use super::sweep::{Sweep, Which};
use crate::auth::{Who, audit};
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::query::context::Context;
use crate::rpc::Ask;
use crate::rpc::args::Args;
use crate::rpc::fault::Fault;

/// The flows that match a filter, but for the connection that the call came by.
pub(crate) struct Killed(Matching);

/// Reads the parameters.
pub(crate) fn kill_matching(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let who = ask.check_session(args)?;
    let filters = Matching::required(args)?;
    args.end("session_id and filters")?;
    let matching = Matching::read(filters, "kill", ask.own)?;
    Ok(Job::KillMatching(Sweep::new(Killed(matching), who)))
}

impl Which for Killed {
    const DONE: &'static str = "killed";

    fn needs(&self) -> u32 {
        self.0.needs()
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.0.kernel_plan()
    }

    fn is_one(&self, flow: &Flow, context: &Context) -> bool {
        self.0.is_one(flow, context)
    }

    fn tell(&self, who: &Who, killed: u32) {
        audit::killed(who, killed, format_args!("that match: {}", self.0.words()));
    }
}
