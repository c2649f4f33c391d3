//! `explain`: a filter in words, so that users see what it matches before they act on it.

use super::Job;
use crate::limits::EXPLANATION_BYTES;
use crate::out::Full;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::Fault;
use crate::rpc::work::Work;
use crate::rpc::{Ask, Shared};
use crate::syntax::Writer;
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
    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.string(self.words.as_bytes())
    }
}
