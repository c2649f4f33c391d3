//! `kill_matching`: deletes the flows that match a filter.

use super::Job;
use super::deletion::{Deletion, Which};
use crate::auth::{Who, audit};
use crate::conntrack::flow::{Flow, Tuple};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::uapi::{CTA_TUPLE_REPLY, bit};
use crate::limits::EXPLANATION_BYTES;
use crate::query::context::Context;
use crate::query::filter::Filter;
use crate::rpc::Ask;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use heapless::String;

/// The flows that match a filter.
pub(crate) struct Matching {
    filter: Filter,
    /// The reply direction of the connection that the call came by, which is spared.
    own: Option<Tuple>,
}

/// Reads the parameters.
pub(crate) fn kill_matching(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let who = ask.check_session(args)?;
    let filters = args.required("filters", "a Struct of field name to wanted value")?;
    args.end("session_id and filters")?;
    let filter = args::filter(Some(filters))?;
    if filter.is_empty() {
        let text = format_args!(
            "parameter filters is empty, which would kill every connection; name at least one field"
        );
        return Err(Fault::new(Code::Parameters, text));
    }
    Ok(Job::KillMatching(Deletion::new(Matching { filter, own: ask.own }, who)))
}

impl Which for Matching {
    fn needs(&self) -> u32 {
        let own = if self.own.is_some() { bit(CTA_TUPLE_REPLY) } else { 0 };
        self.filter.needs() | own
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.filter.kernel_plan()
    }

    fn is_one(&self, flow: &Flow, context: &Context) -> bool {
        self.filter.admits(flow, context) && !self.is_own(flow)
    }

    fn tell(&self, who: &Who, killed: u32) {
        let mut words: String<EXPLANATION_BYTES> = String::new();
        self.filter.explain(&mut words);
        audit::killed(who, killed, format_args!("that match: {words}"));
    }
}

impl Matching {
    /// Whether the call came by this connection. What this machine answers goes out as the reply direction says, whatever became
    /// of the other one by NAT.
    fn is_own(&self, flow: &Flow) -> bool {
        let reply = flow.repl.map(|tuple| Tuple { zone: None, ..tuple });
        self.own.is_some() && self.own == reply
    }
}
