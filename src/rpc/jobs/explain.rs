//! `explain`: a filter in words, so that users see what it matches before they act on it.

use super::Job;
use crate::limits::EXPLANATION_BYTES;
use crate::out::Full;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::Fault;
use crate::rpc::pieces::Pieces;
use crate::rpc::work::{Work, Wrote};
use crate::rpc::{Ask, Shared, World};
use heapless::String;

/// A filter in words.
pub(crate) struct Explanation {
    words: String<EXPLANATION_BYTES>,
}

/// Reads the parameters. It takes no session: it tells nothing of the table.
pub(crate) fn explain(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let filter = args::filter(args.optional())?;
    args.end("filters")?;
    let mut words = String::new();
    filter.explain(&mut words);
    Ok(Job::Explain(Explanation { words }))
}

impl Work for Explanation {
    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        _: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Wrote, Full> {
        pieces.piece(|writer| writer.string(self.words.as_bytes()))?;
        Ok(Wrote::All)
    }
}
