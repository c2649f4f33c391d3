//! The parameters of `summary` beside its filters: what flows are put together by, and the order of the groups.

use super::view::is_descending;
use super::{Args, string};
use crate::limits::ARGUMENT_BYTES;
use crate::query::group::{GroupBy, GroupError};
use crate::query::summary::By;
use crate::query::words::did_you_mean;
use crate::rpc::fault::{Code, Fault};
use crate::xmlrpc::Value;
use core::fmt;

/// What flows are put together by.
///
/// # Errors
/// A fault that names the group that may be meant, or all there are, or what is wrong with the prefix.
pub(in crate::rpc) fn group_by(value: &Value<'_>) -> Result<GroupBy, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let text = string(value, "group_by", &mut buf)?;
    GroupBy::parse(text)
        .map_err(|error| Fault::new(Code::Parameters, format_args!("group_by: {}", Sentence { text, error })))
}

/// What is wrong with a group.
struct Sentence<'a> {
    text: &'a str,
    error: GroupError,
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            GroupError::Unknown(meant) => {
                write!(f, "there is no group \"{}\"", self.text)?;
                if meant.is_some() {
                    return did_you_mean(f, meant);
                }
                f.write_str("; the groups are")?;
                GroupBy::names().try_for_each(|name| write!(f, " {name}"))
            }
            GroupError::NoPrefix(name) => write!(f, "{name} is no address and takes no prefix"),
            GroupError::BadPrefix(name) => write!(
                f,
                "\"{}\" has no prefix that an address can have: {name}/24 is one for IPv4, of 0 to 32 bits, {name}/64 one for \
                 IPv6, of 33 to 128, and {name}/24/56 one for each",
                self.text
            ),
        }
    }
}

/// The order of the groups, which are two parameters, and whether it is a descending one.
///
/// # Errors
/// A fault that names the parameter.
pub(in crate::rpc) fn summary_order(args: &mut Args<'_>) -> Result<(By, bool), Fault> {
    let by = args.optional();
    let descending = is_descending(args, true)?;
    let mut buf = [0; ARGUMENT_BYTES];
    let name = match by {
        Some(value) => string(&value, "order_by", &mut buf)?,
        None => "",
    };
    let by = if name.is_empty() { Some(By::Connections) } else { By::named(name) };
    let by = by.ok_or_else(|| {
        let text = format_args!(
            "order_by: a summary has no order by \"{name}\"; it can be by connections, bytes, packets, rate or key"
        );
        Fault::new(Code::Parameters, text)
    })?;
    Ok((by, descending))
}
