//! `rctd list`: the connections that match, as a table or as JSON.

use super::columns::{Columns, columns, usual};
use super::format::Grouped;
use super::json::Lines;
use super::kernel::{Kernel, Scan, new_context, unreadable};
use super::table::Table;
use super::{Failure, Known, filter_of, print, tell};
use crate::conntrack::flow::{ALL, Flow};
use crate::conntrack::kernel::Count;
use crate::conntrack::refusal::EMPTY_TABLE;
use crate::query::context::Context;
use crate::query::field::{Field, FieldId, FieldSet, RATES};
use crate::query::filter::Filter;
use crate::query::filter::text::field_named;
use crate::query::order::Order;
use crate::query::page::Candidate;
use crate::query::rows::RowPool;
use crate::query::view::View;
use crate::rpc::row;
use crate::sys::{self, file};
use core::fmt::Write;

/// What is listed, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The filter, as text.
    pub filter: String,
    /// The field to sort by, and whether the order is the other one than people want mostly.
    pub sort: Option<FieldId>,
    /// The other direction.
    pub reverse: bool,
    /// Rows to pass over.
    pub start: u64,
    /// The most rows; all without it.
    pub limit: Option<u64>,
    /// The columns, or the members of an object.
    pub columns: Option<Columns>,
    /// An object of JSON a line, in place of a table.
    pub json: bool,
    /// Without the headings.
    pub no_header: bool,
    /// Numbers as they are, without units.
    pub exact: bool,
    /// What is known of the network.
    pub known: Known,
}

impl Options {
    /// Reads the names of columns.
    ///
    /// # Errors
    /// A sentence.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        self.columns = Some(columns(names)?);
        Ok(())
    }

    /// Reads the name of the field to sort by.
    ///
    /// # Errors
    /// A sentence.
    pub fn set_sort(&mut self, name: &str) -> Result<(), String> {
        let field = super::columns::field(name)?;
        self.sort = Some(field);
        Ok(())
    }

    /// The order of the rows. What is counted is mostly looked at from its largest on, everything else from its beginning.
    pub(super) fn order(&self) -> Option<Order> {
        let field = self.sort?;
        let counted = ["bytes", "packets", "rate"].iter().any(|end| field.field().name.ends_with(end));
        Order::by(field, counted != self.reverse)
    }
}

pub(super) fn run(options: &'static Options) -> Result<(), Failure> {
    let filter = filter_of(&options.filter)?;
    let rows = Rows::new(options)?;
    let (kernel, context) = (Kernel::open()?, new_context(&options.known));
    let (shown, total) = match options.order() {
        Some(order) => sorted(
            kernel,
            context,
            rows,
            View::new(*filter, Some(order), options.start, options.limit, FieldSet::ALL),
        )?,
        None => (streamed(kernel, context, rows, &filter, options)?, None),
    };
    rows.finish()?;
    if sys::is_terminal(file::STDOUT) {
        tell_count(kernel.count()?, shown, total, context.rates.is_partial());
    }
    Ok(())
}

/// Lists in the kernel's own order: nothing is kept. Gives how many rows were listed.
fn streamed(
    kernel: &mut Kernel,
    context: &mut Context,
    rows: &mut Rows,
    filter: &Filter,
    options: &Options,
) -> Result<u64, Failure> {
    let (mut skip, mut left, mut shown) = (options.start, options.limit.unwrap_or(u64::MAX), 0);
    if left == 0 {
        return Ok(0);
    }
    let scan = Scan { plan: filter.kernel_plan(), needs: filter.needs() | rows.needs, goes_on: false };
    kernel.prepare(&scan, context)?;
    kernel.scan(&scan, context, &mut |entry, context, _| {
        if !filter.admits(entry.flow(), context) {
            return Ok(true);
        }
        if skip > 0 {
            skip -= 1;
            return Ok(true);
        }
        rows.row(entry.flow(), context)?;
        // A row that is written needs its texts no more.
        context.labels.clear();
        (shown, left) = (shown + 1, left - 1);
        Ok(left > 0)
    })?;
    Ok(shown)
}

/// Lists in an order of its own, in as many passes as that takes. Gives how many rows were listed, and how many match.
fn sorted(
    kernel: &mut Kernel,
    context: &mut Context,
    rows: &mut Rows,
    mut view: View,
) -> Result<(u64, Option<u64>), Failure> {
    let plan = view.filter.kernel_plan();
    let needs = view.needs() | (rows.needs & RATES);
    kernel.prepare(&Scan { plan, needs, goes_on: false }, context)?;
    let (began, mut shown) = (kernel.began(), 0);
    view.run(
        Box::leak(Box::new(RowPool::new())),
        context,
        &mut || (sys::since_ms(began) / 1000) as u32,
        &mut |view, pool, context| {
            let scan = Scan { plan, needs, goes_on: view.passes() > 1 };
            kernel.scan(&scan, context, &mut |entry, context, _| {
                view.offer(entry, pool, context).map_err(unreadable)?;
                Ok(true)
            })
        },
        &mut |flow, context| {
            shown += 1;
            rows.row(flow, context)
        },
    )?;
    Ok((shown, Some(view.total())))
}

/// Says how much of the table was listed.
fn tell_count(count: Count, shown: u64, total: Option<u64>, is_partial: bool) {
    if count.entries == 0 {
        return tell(format_args!("rctd: {EMPTY_TABLE}\n"));
    }
    let mut text = Grouped(shown).to_string();
    // Writing to a string does not fail.
    if let Some(total) = total {
        let _ = write!(text, " of {}", Grouped(total));
    }
    let _ = write!(text, " ({} in the table", Grouped(count.entries.into()));
    if let Some(most) = count.most {
        let _ = write!(text, ", {} at most", Grouped(most.into()));
    }
    tell(format_args!("{text})\n"));
    if is_partial {
        tell(format_args!(
            "rctd: the table has more connections than rates are kept of: those of the fastest are known\n"
        ));
    }
}

/// Characters that a line may have: as many as a terminal shows, and any number elsewhere.
pub(super) fn most_characters() -> usize {
    sys::terminal_size(file::STDOUT).map_or(usize::MAX, |size| size.0.into())
}

/// The rows on their way out.
struct Rows {
    writer: RowWriter,
    /// The attributes that a flow must be read with to be written.
    needs: u32,
}

enum RowWriter {
    Table(Table),
    Json(Json),
}

/// Objects of JSON, a line each.
struct Json {
    /// The members; all that there are without it.
    fields: Option<std::vec::Vec<&'static Field>>,
    lines: Lines,
}

impl Rows {
    fn new(options: &'static Options) -> Result<&'static mut Self, Failure> {
        if options.json {
            let fields = options.columns.as_ref().map(fields).transpose()?;
            let needs =
                fields.as_ref().map_or(ALL, |fields| fields.iter().fold(0, |needs, f| needs | f.needs));
            let writer = RowWriter::Json(Json { fields, lines: Lines::new() });
            return Ok(Box::leak(Box::new(Rows { writer, needs })));
        }
        let columns = match &options.columns {
            Some(columns) => columns.as_slice(),
            None => usual(options.sort).leak(),
        };
        let needs = columns.iter().fold(0, |needs, column| needs | column.needs());
        let mut table = Table::new(columns, !options.no_header, options.exact, most_characters());
        table.is_mark_optional = options.columns.is_none();
        Ok(Box::leak(Box::new(Rows { writer: RowWriter::Table(table), needs })))
    }

    fn row(&mut self, flow: &Flow, context: &Context) -> Result<(), Failure> {
        match &mut self.writer {
            RowWriter::Table(table) => {
                let lines = table.row(flow, context);
                if lines.is_empty() { Ok(()) } else { print(lines) }
            }
            RowWriter::Json(Json { fields, lines }) => lines.line(&|writer| match &*fields {
                None => row::write(writer, flow, context, FieldSet::ALL),
                Some(fields) => {
                    writer.struct_open()?;
                    fields.iter().try_for_each(|field| row::write_member(writer, field, flow, context))?;
                    writer.struct_close()
                }
            }),
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match &mut self.writer {
            RowWriter::Table(table) => print(table.finish()),
            RowWriter::Json(json) => json.lines.flush(),
        }
    }
}

/// The fields that columns are of.
fn fields(columns: &Columns) -> Result<std::vec::Vec<&'static Field>, Failure> {
    let mut fields = std::vec::Vec::new();
    for column in columns {
        let name = column.name();
        let Some(field) = column.field().or_else(|| field_named(name)) else {
            return Err(Failure::usage(format_args!(
                "--fields: {name} is no field, and JSON has fields alone"
            )));
        };
        fields.push(field.field());
    }
    Ok(fields)
}
