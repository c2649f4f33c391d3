//! Short answers that are known as soon as the parameters are read.

use super::Job;
use crate::limits::ARGUMENT_BYTES;
use crate::out::Full;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::Fault;
use crate::rpc::work::Work;
use crate::rpc::{Ask, Shared};
use crate::syntax::Writer;

/// A short answer.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// A boolean.
    Bool(bool),
    /// A text of the program's own.
    Text(&'static str),
    /// What the function writes.
    Put(fn(&mut Writer<'_>, usize) -> Result<(), Full>, usize),
}

impl Work for Answer {
    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        match *self {
            Answer::Bool(value) => writer.boolean(value),
            Answer::Text(text) => writer.string(text.as_bytes()),
            Answer::Put(put, which) => put(writer, which),
        }
    }
}

/// `logout`
pub(crate) fn logout(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let id = args::session_id(args, &mut buf)?;
    args.end("session_id")?;
    let closed = ask.shared.sessions.close(id.as_bytes(), ask.peer, ask.world.now_ms);
    closed.map_err(|_| args::no_session())?;
    Ok(Job::Answer(Answer::Bool(true)))
}
