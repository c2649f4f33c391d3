//! `summary`: the flows that match, put together in groups in one scan of the kernel's table or of the snapshot.

use super::Job;
use super::table::{Frame, Part};
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::out::{Full, Out};
use crate::query::context::Context;
use crate::query::group::{Group, GroupBy, KeyValue, SUMS};
use crate::query::page::Candidate;
use crate::query::summary::Summary;
use crate::query::words::Words;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::pieces::{Measure, Pieces};
use crate::rpc::work::{Offered, ScanStart, Source, Wait, Work, Wrote};
use crate::rpc::{Ask, Shared, World};
use crate::syntax::Writer;

/// A summary in the making.
pub(crate) struct Summarizing {
    summary: Summary,
    /// Where its flows come from.
    source: Source,
    /// Calls that take the snapshot anew wait until this one has read it.
    is_ahead: bool,
    /// When the snapshot that it reads was taken, in milliseconds.
    taken_ms: u64,
    frame: Frame,
    part: Part,
    /// Rows whose length is added up, and rows that are written.
    measured: usize,
    written: usize,
}

/// Reads the parameters.
pub(crate) fn summary(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let group_by = args::group_by(&args.required("group_by", "a group's name")?)?;
    let filter = args::filter(args.optional())?;
    let order = args::summary_order(args)?;
    let (start, length) = args::page(args)?;
    args.end("session_id, group_by, filters, order_by, order_dir, start and length")?;
    let of_snapshot = ask.shared.autorefresh.is_off();
    Ok(Job::Summary(Summarizing {
        summary: Summary::new(filter, group_by, order, start, length),
        source: if of_snapshot { Source::Snapshot } else { Source::Kernel },
        is_ahead: false,
        taken_ms: 0,
        frame: Frame::default(),
        part: Part::Head,
        measured: 0,
        written: 0,
    }))
}

impl Work for Summarizing {
    fn waits_for(&self) -> Wait {
        Wait::Scan(self.source)
    }

    fn needs(&self) -> u32 {
        self.summary.needs()
    }

    /// Rates are shown where they are known, and waited for where the order or the filter asks for them.
    fn depends_on_rates(&self) -> bool {
        self.summary.depends_on_rates()
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.summary.filter.kernel_plan()
    }

    fn can_begin(&self, shared: &Shared) -> bool {
        self.summary.can_begin(&shared.pool)
    }

    fn begin(&mut self, shared: &mut Shared, _: ScanStart) -> Result<(), Fault> {
        let mut seed = [0; 16];
        (shared.system.random)(&mut seed)
            .map_err(|_| Fault::new(Code::Internal, format_args!("the kernel gives no random bits")))?;
        (self.is_ahead, self.taken_ms) = (true, shared.autorefresh.taken_ms().unwrap_or(0));
        self.summary.begin(&mut shared.pool, seed);
        Ok(())
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        self.summary.offer(offered.entry.flow(), &mut shared.pool, &shared.context);
        Ok(())
    }

    fn offer_recorded(&mut self, flow: &Flow, _: usize, shared: &mut Shared) {
        self.summary.offer(flow, &mut shared.pool, &shared.context);
    }

    fn is_ahead(&self) -> bool {
        self.is_ahead && self.part == Part::Head
    }

    fn set_ahead(&mut self) {
        self.is_ahead = true;
    }

    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        self.is_ahead = false;
        self.summary.end(&mut shared.pool, &shared.context);
        let taken_ms = (self.source == Source::Snapshot).then_some(self.taken_ms);
        self.frame = Frame::new(world, taken_ms, shared.context.rates.is_partial())?;
        Ok(Wait::Nothing)
    }

    fn is_measurable(&self) -> bool {
        true
    }

    fn measure(&mut self, measure: &mut Measure<'_, '_>, shared: &Shared) -> bool {
        let is_whole = self.frame.measure(&mut self.measured, measure, &mut |nth, measure| {
            let Some(group) = self.summary.group(nth, &shared.pool) else {
                return false;
            };
            measure.piece(|writer| write_row(writer, group, &self.summary.group_by, &shared.context));
            true
        });
        if is_whole {
            measure.piece(|writer| self.write_last(writer, shared, 0));
        }
        is_whole
    }

    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Option<Wrote>, Full> {
        if self.part == Part::Head {
            pieces.piece(|writer| self.frame.write_head(writer))?;
            self.part = Part::Rows;
        }
        while let Some(group) = self.summary.group(self.written, &shared.pool) {
            pieces.piece(|writer| write_row(writer, group, &self.summary.group_by, &shared.context))?;
            self.written += 1;
        }
        Ok(None)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        self.frame.close_rows(writer, self.summary.total() as u64)?;
        writer.number("matched", self.summary.matched())?;
        let inexact = self.summary.inexact();
        writer.number("exact", inexact.is_none().into())?;
        if let Some((error, other)) = inexact {
            writer.number("error", error.into())?;
            writer.member("other")?;
            writer.struct_open()?;
            write_sums(writer, other)?;
            writer.member_close()?;
        }
        writer.struct_close()
    }

    fn rows(&self) -> u64 {
        self.written as u64
    }

    fn release(&mut self, shared: &mut Shared) {
        self.summary.release(&mut shared.pool);
    }
}

/// Writes a group as a struct: its key, where it has one, and its sums.
pub(crate) fn write_row(
    writer: &mut Writer<'_>,
    group: &Group,
    by: &GroupBy,
    context: &Context,
) -> Result<(), Full> {
    writer.struct_open()?;
    let value = by.value(&group.key, context);
    if value != KeyValue::None {
        writer.member(by.name())?;
        match value {
            KeyValue::None => {}
            KeyValue::Number(number) => writer.uint(number)?,
            KeyValue::Address(address, v4, None) => writer.address(&address, v4)?,
            KeyValue::Address(address, v4, Some(bits)) => writer.network(&address, v4, bits)?,
            KeyValue::Service(protocol, port) => write_service(writer, protocol, port)?,
            KeyValue::Text(text) => writer.string(text)?,
        }
        writer.member_close()?;
    }
    write_sums(writer, group)
}

/// Writes what a group adds up, and ends its struct.
fn write_sums(writer: &mut Writer<'_>, group: &Group) -> Result<(), Full> {
    writer.number("connections", group.connections.into())?;
    for (at, field) in SUMS.iter().enumerate() {
        if let Some(sum) = group.sum(at) {
            writer.number(field.field().name, sum)?;
        }
    }
    writer.struct_close()
}

fn write_service(writer: &mut Writer<'_>, protocol: u8, port: Option<u16>) -> Result<(), Full> {
    let mut buf = [0; 24];
    let mut text = Out::new(&mut buf);
    put_service(&mut text, protocol, port)?;
    writer.string(text.as_bytes())
}

/// Appends `tcp/443`: the protocol by its word, in small letters, or its number.
///
/// # Errors
/// [`Full`]; then a part of it may be written.
pub(crate) fn put_service(out: &mut Out<'_>, protocol: u8, port: Option<u16>) -> Result<(), Full> {
    match Words::Protocol.name(protocol.into()) {
        Some(name) => out.put_lowercase(name)?,
        None => out.put_u64(protocol.into())?,
    }
    let Some(port) = port else {
        return Ok(());
    };
    out.put(b"/")?;
    out.put_u64(port.into())
}
