//! Groups of connections, as `rctd summary` and `rctd top` show them.

use super::Failure;
use super::columns::{Column, Columns, put_named, put_text};
use super::format::{put_hex, put_rate, put_size};
use super::kernel::{Kernel, Scan};
use super::table::Cells;
use crate::address::{put_address, put_network};
use crate::conntrack::flow::Flow;
use crate::out::{Full, Out};
use crate::query::context::Context;
use crate::query::field::FieldId;
use crate::query::filter::text::field_named;
use crate::query::group::{Group, GroupBy, GroupError, KeyValue, SUMS};
use crate::query::page::Candidate;
use crate::query::rows::RowPool;
use crate::query::summary::{By, Summary};
use crate::query::words::Words;
use crate::rpc::put_service;
use crate::sys;

/// Reads what connections are put together by; short names are those of filters.
///
/// # Errors
/// A sentence.
pub fn group_by(text: &str) -> Result<GroupBy, String> {
    let (name, prefix) = text.split_once('/').map_or((text, None), |(name, prefix)| (name, Some(prefix)));
    let full = field_named(name).map_or(name, |field| field.field().name);
    let full = prefix.map_or(full.to_owned(), |prefix| [full, "/", prefix].concat());
    GroupBy::parse(&full).map_err(|error| match error {
        GroupError::Unknown(Some(meant)) => format!("there is no group {name}: did you mean {meant}?"),
        GroupError::Unknown(None) => {
            let names: Vec<&str> = GroupBy::names().collect();
            format!("there is no group {name}; the groups are {}", names.join(", "))
        }
        GroupError::NoPrefix(name) => format!("{name} is no address and takes no prefix"),
        GroupError::BadPrefix(name) => {
            format!("{text} has no prefix that an address can have, as {name}/24, {name}/64 or {name}/24/64")
        }
    })
}

/// Reads what groups are ordered by.
///
/// # Errors
/// A sentence.
pub fn order_by(name: &str) -> Result<By, String> {
    By::named(name).ok_or_else(|| {
        format!("there is no order by {name}: it can be by connections, bytes, packets, rate or key")
    })
}

/// The sums in the order of the columns, the rate first where it is known.
fn sums(has_rates: bool) -> &'static [&'static str] {
    if has_rates { &["rate", "bytes", "packets"] } else { &["bytes", "packets"] }
}

/// The columns of groups.
pub(super) fn columns(by: &GroupBy, has_rates: bool) -> Columns {
    let mut columns = vec![Column::other(by.name(), false), Column::other("connections", true)];
    for name in sums(has_rates) {
        columns.push(Column::other(name, true));
    }
    columns
}

/// Puts the flows of the table together. `scan` is for all that are wanted;
/// `seen` gets each of them.
pub(super) fn read(
    kernel: &mut Kernel,
    context: &mut Context,
    pool: &mut RowPool,
    summary: &mut Summary,
    scan: &Scan,
    seen: &mut dyn FnMut(&Flow),
) -> Result<(), Failure> {
    let mut seed = [0; 16];
    sys::random(&mut seed)
        .map_err(|error| Failure::new(format_args!("the kernel gives no random bits: {error}")))?;
    summary.begin(pool, seed);
    kernel.scan(scan, context, &mut |entry, context, _| {
        seen(entry.flow());
        summary.offer(entry.flow(), pool, context);
        Ok(true)
    })?;
    summary.end(pool, context);
    Ok(())
}

/// Adds the row of a group, whole or not at all.
pub(super) fn push(
    cells: &mut Cells,
    group: &Group,
    by: &GroupBy,
    context: &Context,
    has_rates: bool,
    exact: bool,
) -> Result<(), Full> {
    cells.row(&mut |cells| {
        cells.cell(&mut |out| put_key(out, group, by, context))?;
        cells.cell(&mut |out| out.put_u64(group.connections.into()))?;
        for name in sums(has_rates) {
            let at = SUMS.iter().position(|field| field.field().name == *name);
            cells.cell(&mut |out| match (at.and_then(|at| group.sum(at)), *name) {
                (None, _) => out.put(b"-"),
                (Some(sum), "rate") if !exact => put_rate(out, sum),
                (Some(sum), "bytes") if !exact => put_size(out, sum),
                (Some(sum), _) => out.put_u64(sum),
            })?;
        }
        Ok(())
    })
}

/// Writes what a group is of.
pub(super) fn put_key(out: &mut Out<'_>, group: &Group, by: &GroupBy, context: &Context) -> Result<(), Full> {
    match by.value(&group.key, context) {
        KeyValue::None => out.put(b"-"),
        KeyValue::Number(number) => match by.name() {
            "mark" => put_hex(out, number as u32),
            name => {
                let words = FieldId::named(name).map_or(Words::None, |field| field.field().words);
                put_named(out, words, number)
            }
        },
        KeyValue::Address(address, v4, None) => put_address(out, &address, v4),
        KeyValue::Address(address, v4, Some(bits)) => put_network(out, &address, v4, bits),
        KeyValue::Service(protocol, port) => put_service(out, protocol, port),
        KeyValue::Text(text) => put_text(out, text),
    }
}
