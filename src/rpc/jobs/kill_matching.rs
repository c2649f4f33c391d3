//! `kill_matching`: deletes the flows that match a filter, but for the connection that the call came by.

use super::Job;
use super::matching::Matching;
use super::sweep::{Sweep, Which};
use crate::rpc::Ask;
use crate::rpc::args::Args;
use crate::rpc::fault::Fault;

/// Reads the parameters.
pub(crate) fn kill_matching(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let filters = Matching::required(args)?;
    args.end("session_id and filters")?;
    let matching = Matching::read(filters, "kill", ask.own)?;
    Ok(Job::Sweep(Sweep::new(Which::Killed(matching), ask.who()?)))
}
