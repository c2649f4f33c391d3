//! `change_matching`: sets the mark or the timeout of the flows that match a filter. Where it is one of timeouts the connection
//! that the call came by is spared: a short one would end it before the answer is there.

use super::Job;
use super::matching::Matching;
use super::sweep::{Sweep, Which};
use super::wanted::Wanted;
use crate::rpc::Ask;
use crate::rpc::args::Args;
use crate::rpc::fault::Fault;

/// Reads the parameters.
pub(crate) fn change_matching(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let field = Wanted::required_field(args)?;
    let filters = Matching::required(args)?;
    let value = Wanted::required_value(args)?;
    args.end("session_id, field_name, filters and field_value")?;
    let wanted = Wanted::read(&field, &value)?;
    let spared = ask.own.filter(|_| matches!(wanted, Wanted::Timeout(_)));
    let matching = Matching::read(filters, "change", spared)?;
    Ok(Job::Sweep(Sweep::new(Which::Changed(matching, wanted), ask.who()?)))
}
