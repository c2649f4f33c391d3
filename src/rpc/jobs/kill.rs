//! `kill`: deletes the flows with given ids.

use super::Job;
use super::deletion::Deletion;
use crate::auth::{Who, audit};
use crate::conntrack::target::TARGET;
use crate::limits::KILL_IDS;
use crate::out::Full;
use crate::query::page::Candidate;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::Fault;
use crate::rpc::pieces::Pieces;
use crate::rpc::work::{Offered, Source, Wait, Work, Wrote};
use crate::rpc::{Ask, Shared, World};
use heapless::Vec;

/// A kill by id.
pub(crate) struct Kill {
    /// Sorted, each once.
    ids: Vec<u32, KILL_IDS>,
    who: Who,
    deletion: Deletion,
}

/// Reads the parameters.
pub(crate) fn kill(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let who = ask.check_session(args)?;
    let ids = args.required("connection_ids", "an Array of connection ids, or a single one")?;
    args.end("session_id and connection_ids")?;
    let mut kill = Kill { ids: Vec::new(), who, deletion: Deletion::default() };
    args::ids(&ids, &mut kill.ids)?;
    Ok(Job::Kill(kill))
}

impl Work for Kill {
    fn waits_for(&self) -> Wait {
        if self.ids.is_empty() { Wait::Nothing } else { Wait::Scan(Source::Kernel) }
    }

    fn needs(&self) -> u32 {
        TARGET
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        let id = offered.entry.flow().id;
        if id.is_some_and(|id| self.ids.binary_search(&id).is_ok()) {
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

impl Kill {
    /// Tells the log what was killed since it was last told.
    fn tell(&mut self) {
        let killed = self.deletion.untold();
        if killed > 0 {
            audit::killed(&self.who, killed, format_args!("by id"));
        }
    }
}
