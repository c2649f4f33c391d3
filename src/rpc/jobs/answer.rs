//! Short answers that are known as soon as the parameters are read.

use super::{Job, Work, Wrote};
use crate::limits::ARGUMENT_BYTES;
use crate::out::Full;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::procedures::{PROCEDURES, Procedure};
use crate::rpc::reply::Pieces;
use crate::rpc::{Ask, Shared, World};
use crate::syntax::Writer;

/// A short answer.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// A boolean.
    Bool(bool),
    /// The names of all procedures.
    Methods,
    /// The signatures of a procedure.
    Signature(&'static Procedure),
    /// The help of a procedure.
    Help(&'static Procedure),
}

impl Work for Answer {
    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        _: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Wrote, Full> {
        pieces.piece(|writer| self.put(writer))?;
        Ok(Wrote::All)
    }
}

impl Answer {
    fn put(self, writer: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Answer::Bool(value) => writer.boolean(value),
            Answer::Methods => {
                writer.array_open()?;
                PROCEDURES.iter().try_for_each(|p| writer.string(p.name.as_bytes()))?;
                writer.array_close()
            }
            Answer::Signature(procedure) => {
                writer.array_open()?;
                for signature in procedure.signatures {
                    writer.array_open()?;
                    signature.iter().try_for_each(|kind| writer.string(kind.as_bytes()))?;
                    writer.array_close()?;
                }
                writer.array_close()
            }
            Answer::Help(procedure) => writer.string(procedure.help.as_bytes()),
        }
    }
}

/// `system.listMethods`
pub(crate) fn list_methods(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    args.end("no parameters")?;
    Ok(Job::Answer(Answer::Methods))
}

/// `system.methodSignature`
pub(crate) fn method_signature(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    about(args).map(|procedure| Job::Answer(Answer::Signature(procedure)))
}

/// `system.methodHelp`
pub(crate) fn method_help(args: &mut Args<'_>, _: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    about(args).map(|procedure| Job::Answer(Answer::Help(procedure)))
}

/// The procedure that the one parameter names.
fn about(args: &mut Args<'_>) -> Result<&'static Procedure, Fault> {
    let name = args.required("name", "a procedure's name")?;
    args.end("the name of a procedure")?;
    let mut buf = [0; ARGUMENT_BYTES];
    let name = args::string(&name, "name", &mut buf)?;
    PROCEDURES
        .iter()
        .find(|p| p.name == name)
        .ok_or_else(|| Fault::new(Code::NoProcedure, format_args!("there is no procedure \"{name}\"")))
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
