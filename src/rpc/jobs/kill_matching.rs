//! `kill_matching`: deletes the flows that match a filter.

use super::Job;
use super::deletion::Deletion;
use crate::auth::{Who, audit};
use crate::conntrack::flow::{Flow, Tuple};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::target::TARGET;
use crate::conntrack::uapi::{CTA_TUPLE_REPLY, bit};
use crate::limits::EXPLANATION_BYTES;
use crate::out::Full;
use crate::query::filter::Filter;
use crate::query::page::Candidate;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::pieces::Pieces;
use crate::rpc::work::{Offered, Source, Wait, Work, Wrote};
use crate::rpc::{Ask, Shared, World};
use heapless::String;

/// A kill by filter.
pub(crate) struct KillMatching {
    filter: Filter,
    who: Who,
    /// The reply direction of the connection that the call came by, which is spared.
    own: Option<Tuple>,
    deletion: Deletion,
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
    Ok(Job::KillMatching(KillMatching { filter, who, own: ask.own, deletion: Deletion::default() }))
}

impl Work for KillMatching {
    fn waits_for(&self) -> Wait {
        Wait::Scan(Source::Kernel)
    }

    fn needs(&self) -> u32 {
        let own = if self.own.is_some() { bit(CTA_TUPLE_REPLY) } else { 0 };
        self.filter.needs() | TARGET | own
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.filter.kernel_plan()
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        let flow = offered.entry.flow();
        if self.filter.admits(flow, &shared.context) && !self.is_own(flow) {
            self.deletion.kill(offered, shared);
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Shared, failure: Option<Fault>, _: &mut World<'_>) -> Result<Wait, Fault> {
        self.tell();
        self.deletion.end(failure).map(|()| Wait::Nothing)
    }

    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        _: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Wrote, Full> {
        pieces.piece(|writer| writer.uint(self.deletion.killed.into()))?;
        Ok(Wrote::All)
    }

    /// Whoever leaves before the answer has killed nevertheless.
    fn release(&mut self, _: &mut Shared) {
        self.tell();
    }
}

impl KillMatching {
    /// Tells the log what was killed since it was last told.
    fn tell(&mut self) {
        let killed = self.deletion.untold();
        if killed > 0 {
            let mut words: String<EXPLANATION_BYTES> = String::new();
            self.filter.explain(&mut words);
            audit::killed(&self.who, killed, format_args!("that match: {words}"));
        }
    }

    /// Whether the call came by this connection. What this machine answers goes out as the reply direction says, whatever became
    /// of the other one by NAT.
    fn is_own(&self, flow: &Flow) -> bool {
        let reply = flow.repl.map(|tuple| Tuple { zone: None, ..tuple });
        self.own.is_some() && self.own == reply
    }
}
