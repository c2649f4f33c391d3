//! `rctd summary`: the connections that match, put together in groups.

use super::format::Grouped;
use super::groups::{columns, order_by, push, read};
use super::json::Lines;
use super::kernel::{Kernel, Scan, new_context};
use super::list::{Options as ListOptions, most_characters};
use super::table::{Cells, Line, fit, heading_widths, put_headings};
use super::{Failure, filter_of, print, tell};
use crate::limits::BLOCK_ROWS;
use crate::query::context::Context;
use crate::query::field::RATES;
use crate::query::group::GroupBy;
use crate::query::rows::RowPool;
use crate::query::summary::{By, Summary};
use crate::rpc::write_group;
use crate::sys::{self, file};

/// What is put together, and how it is shown.
#[derive(Clone, Debug)]
pub struct Options {
    /// By what.
    pub by: GroupBy,
    /// The order.
    pub sort: By,
    /// Which, and how they are written; without a sort and columns.
    pub list: ListOptions,
}

impl Options {
    /// Reads the name of an order.
    ///
    /// # Errors
    /// A sentence.
    pub fn set_sort(&mut self, name: &str) -> Result<(), String> {
        self.sort = order_by(name)?;
        Ok(())
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let list = &options.list;
    let filter = filter_of(&list.filter)?;
    let plan = filter.kernel_plan();
    // Keys in their own order, what is counted from the largest on.
    let descending = (options.sort != By::Key) != list.reverse;
    let mut summary = Summary::new(*filter, options.by, (options.sort, descending), list.start, list.limit);
    let has_rates = summary.depends_on_rates();
    let needs = if has_rates { summary.needs() } else { summary.needs() & !RATES };
    let (kernel, context) = (Kernel::open()?, new_context(&list.known));
    let pool = Box::leak(Box::new(RowPool::new()));
    let scan = Scan { plan, needs, goes_on: false };
    kernel.prepare(&scan, context)?;
    read(kernel, context, pool, &mut summary, &scan, &mut |_| {})?;
    if list.json {
        write_json(&summary, pool, context)?;
    } else {
        write_table(&summary, pool, context, options, has_rates)?;
    }
    if sys::is_terminal(file::STDOUT) {
        tell_groups(&summary, pool);
    }
    Ok(())
}

/// The rows as a table; all of them are there already, so that their widths are found first.
fn write_table(
    summary: &Summary,
    pool: &RowPool,
    context: &Context,
    options: &Options,
    has_rates: bool,
) -> Result<(), Failure> {
    let columns = columns(&options.by, has_rates);
    let (mut cells, mut widths) = (Cells::new(), heading_widths(&columns));
    let mut line = Line::new(most_characters());
    for writes in [false, true] {
        if writes {
            fit(&columns, &mut widths, line.most);
            if !options.list.no_header {
                put_headings(&columns, &widths, &mut line);
            }
        }
        let mut nth = 0;
        while let Some(group) = summary.group(nth, pool) {
            cells.clear();
            // One row has room.
            let _ = push(&mut cells, group, &options.by, context, has_rates, options.list.exact);
            nth += 1;
            if !writes {
                cells.widen(columns.len(), &mut widths);
                continue;
            }
            cells.put_lines(&columns, &widths, &mut line);
            if nth.is_multiple_of(BLOCK_ROWS) {
                print(&line.text)?;
                line.text.clear();
            }
        }
    }
    print(&line.text)
}

/// The rows as objects, a line each.
fn write_json(summary: &Summary, pool: &RowPool, context: &Context) -> Result<(), Failure> {
    let mut lines = Lines::new();
    let mut nth = 0;
    while let Some(group) = summary.group(nth, pool) {
        lines.line(&|writer| write_group(writer, group, &summary.group_by, context))?;
        nth += 1;
    }
    lines.flush()
}

/// Says how many groups and connections there are, and what of it is not exact.
fn tell_groups(summary: &Summary, pool: &RowPool) {
    let mut shown = 0;
    while summary.group(shown, pool).is_some() {
        shown += 1;
    }
    let (shown, total) = (Grouped(shown as u64), Grouped(summary.total() as u64));
    tell(format_args!("{shown} of {total} groups, {} connections\n", Grouped(summary.matched())));
    if let Some((error, other)) = summary.inexact() {
        tell(format_args!(
            "rctd: there are more groups than there is room for: a group has at most {} connections less than its row says, and {} \
             are of groups that are not here\n",
            Grouped(error.into()),
            Grouped(other.connections.into())
        ));
    }
}
