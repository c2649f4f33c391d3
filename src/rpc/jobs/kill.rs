//! `kill`: deletes the flows with given ids.

use super::Job;
use super::sweep::{Sweep, Which};
use crate::auth::{Who, audit};
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::limits::KILL_IDS;
use crate::query::context::Context;
use crate::rpc::Ask;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::Fault;
use heapless::Vec;

/// The ids, sorted, each once.
pub(crate) struct Ids(Vec<u32, KILL_IDS>);

/// Reads the parameters.
pub(crate) fn kill(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let who = ask.check_session(args)?;
    let ids = args.required("connection_ids", "an Array of connection ids, or a single one")?;
    args.end("session_id and connection_ids")?;
    let mut which = Ids(Vec::new());
    args::ids(&ids, &mut which.0)?;
    Ok(Job::Kill(Sweep::new(which, who)))
}

impl Which for Ids {
    const DONE: &'static str = "killed";

    fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The id is a part of what any sweep needs.
    fn needs(&self) -> u32 {
        0
    }

    fn kernel_plan(&self) -> KernelPlan {
        KernelPlan::default()
    }

    fn is_one(&self, flow: &Flow, _: &Context) -> bool {
        flow.id.is_some_and(|id| self.0.binary_search(&id).is_ok())
    }

    fn tell(&self, who: &Who, killed: u32) {
        audit::killed(who, killed, format_args!("by id"));
    }
}
