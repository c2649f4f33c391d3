//! `kill_matching`: deletes the flows that match a filter.

use super::Job;
use super::deletion::Deletion;
use crate::auth::{Who, audit};
use crate::conntrack::flow::TARGET;
use crate::conntrack::plan::KernelPlan;
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
    Ok(Job::KillMatching(KillMatching { filter, who, deletion: Deletion::default() }))
}

impl Work for KillMatching {
    fn waits_for(&self) -> Wait {
        Wait::Scan(Source::Kernel)
    }

    fn needs(&self) -> u32 {
        self.filter.needs() | TARGET
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.filter.kernel_plan()
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        if self.filter.admits(offered.entry.flow(), &shared.context) {
            self.deletion.kill(offered, shared);
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Shared, failure: Option<Fault>, _: &mut World<'_>) -> Result<Wait, Fault> {
        if self.deletion.killed > 0 {
            let mut words: String<EXPLANATION_BYTES> = String::new();
            self.filter.explain(&mut words);
            audit::killed(&self.who, self.deletion.killed, format_args!("that match: {words}"));
        }
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
}
