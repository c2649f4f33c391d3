//! `kill`: deletes the flows with given ids.

use super::Job;
use super::sweep::{Sweep, Which};
use crate::rpc::Ask;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::Fault;
use heapless::Vec;

/// Reads the parameters.
pub(crate) fn kill(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let ids = args.required("connection_ids", "an Array of connection ids, or a single one")?;
    args.end("session_id and connection_ids")?;
    let mut wanted = Vec::new();
    args::ids(&ids, &mut wanted)?;
    Ok(Job::Sweep(Sweep::new(Which::Ids(wanted), ask.who()?)))
}
