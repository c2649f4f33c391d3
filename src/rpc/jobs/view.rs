//! `view`: a page of the flows that match, found in scans of the kernel's table or of the snapshot.

use super::Job;
use super::listing::Listing;
use super::table::{Frame, Part};
use crate::conntrack::flow::Flow;
use crate::conntrack::plan::KernelPlan;
use crate::limits::BLOCK_ROWS;
use crate::out::Full;
use crate::query::field::{ID, RATES};
use crate::query::order::Order;
use crate::query::page::Outcome;
use crate::query::view::View;
use crate::rpc::args::{self, Args};
use crate::rpc::autorefresh::gone;
use crate::rpc::fault::Fault;
use crate::rpc::pieces::{Measure, Pieces};
use crate::rpc::work::{Offered, ScanStart, Source, Wait, Work, Wrote};
use crate::rpc::{Ask, Shared, World, row};
use crate::syntax::Writer;

/// A page in the making.
pub(crate) struct Viewing {
    view: View,
    /// Where it reads the snapshot; `None` reads the kernel's table.
    reading: Option<Reading>,
    frame: Frame,
    part: Part,
    /// A pass is over, and another one follows.
    is_between: bool,
    /// Rows whose length is added up, and rows that are written.
    measured: usize,
    rows: u64,
}

/// How a view reads the snapshot.
#[derive(Clone, Copy, Default)]
struct Reading {
    /// Which snapshot it has begun to read.
    generation: u32,
    /// When that was taken, in milliseconds.
    taken_ms: u64,
    /// Calls that take the snapshot anew wait until this view has its first rows.
    is_ahead: bool,
    /// A view in the kernel's own order goes on with the flow whose record ends there.
    from: usize,
}

/// Reads the parameters: a page, or a listing where it is long and in no order of its own.
pub(crate) fn view(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let filter = args::filter(args.optional())?;
    let order = args::order(args)?;
    let (start, length) = args::page(args)?;
    let fields = args::fields(args)?;
    args.end("session_id, filters, order_by, order_dir, start, length and options")?;
    let of_snapshot = ask.shared.autorefresh.is_off();
    // A listing reads the table but once, which tells no rates: what is filtered by them comes in pages, in an order that stays.
    let by_id = filter.needs() & RATES != 0 && !of_snapshot;
    let order = order.or_else(|| Order::by(ID, false).filter(|_| by_id));
    if fields.needs() & RATES != 0 {
        ask.shared.context.rates.ask(ask.world.now_ms);
    }
    let view = View::new(filter, order, start, length, fields);
    if order.is_none() && !of_snapshot && view.wants() > BLOCK_ROWS {
        return Ok(Job::Listing(Listing::new(view, start, length)));
    }
    let reading = of_snapshot.then(Reading::default);
    Ok(Job::View(Viewing {
        view,
        reading,
        frame: Frame::default(),
        part: Part::Head,
        is_between: false,
        measured: 0,
        rows: 0,
    }))
}

impl Viewing {
    fn source(&self) -> Source {
        if self.reading.is_some() { Source::Snapshot } else { Source::Kernel }
    }
}

impl Work for Viewing {
    fn waits_for(&self) -> Wait {
        Wait::Scan(self.source())
    }

    fn needs(&self) -> u32 {
        self.view.needs()
    }

    fn kernel_plan(&self) -> KernelPlan {
        let plan = self.view.filter.kernel_plan();
        // Rows in the kernel's own order must come in one dump, or the order would depend on the filter.
        if self.view.is_sorted() { plan } else { plan.in_one() }
    }

    fn is_between_scans(&self) -> bool {
        self.is_between
    }

    fn can_begin(&self, shared: &Shared) -> bool {
        self.view.can_begin(&shared.pool)
    }

    fn begin(&mut self, shared: &mut Shared, start: ScanStart) -> Result<(), Fault> {
        if let Some(reading) = &mut self.reading {
            let generation = shared.autorefresh.generation();
            if self.view.passes() > 0 && reading.generation != generation {
                return Err(gone());
            }
            (reading.generation, reading.is_ahead) = (generation, true);
            reading.taken_ms = shared.autorefresh.taken_ms().unwrap_or(reading.taken_ms);
        }
        // A snapshot stands still, and so do the timeouts in it.
        let clock_s = if start.source == Source::Kernel { (start.now_ms / 1000) as u32 } else { 0 };
        self.view.begin(&mut shared.pool, clock_s);
        Ok(())
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        self.view.offer(&mut offered.entry, &mut shared.pool, &mut shared.context)?;
        Ok(())
    }

    fn offer_recorded(&mut self, flow: &Flow, end: usize, shared: &mut Shared) {
        let Some(reading) = self.reading.as_mut().filter(|reading| end >= reading.from) else {
            return;
        };
        // A flow that is known in full can't fail to be read.
        if let Ok(true) = self.view.offer(&mut { *flow }, &mut shared.pool, &mut shared.context) {
            reading.from = end;
        }
    }

    /// It is so only until rows go out: from then on the view depends on its client, who may take any time.
    fn is_ahead(&self) -> bool {
        self.part == Part::Head && self.reading.is_some_and(|reading| reading.is_ahead)
    }

    fn set_ahead(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.is_ahead = true;
        }
    }

    fn is_late(&self, generation: u32) -> bool {
        self.part != Part::Head && self.reading.is_some_and(|reading| reading.generation != generation)
    }

    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        self.is_between = self.view.end(&mut shared.pool, &shared.context) == Outcome::Again;
        if self.is_between {
            return Ok(Wait::Scan(self.source()));
        }
        if self.part == Part::Head {
            let taken_ms = self.reading.map(|reading| reading.taken_ms);
            self.frame = Frame::new(world, taken_ms, self.view.lacks_rates(&shared.context))?;
        }
        Ok(Wait::Nothing)
    }

    fn is_measurable(&self) -> bool {
        self.part == Part::Head && self.view.has_all()
    }

    fn measure(&mut self, measure: &mut Measure<'_, '_>, shared: &Shared) -> bool {
        let is_whole = self.frame.measure(&mut self.measured, measure, &mut |nth, measure| {
            let Some(found) = self.view.row_ahead(nth, &shared.pool) else {
                return false;
            };
            let (flow, context) = (&found.flow, &shared.context);
            measure.piece(|writer| row::write(writer, flow, context, self.view.fields));
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
        if self.part == Part::Rows {
            while let Some(found) = self.view.row(&shared.pool) {
                let (flow, context) = (&found.flow, &shared.context);
                pieces.piece(|writer| row::write(writer, flow, context, self.view.fields))?;
                self.view.written();
                self.rows += 1;
            }
            self.is_between = self.view.go_on(&shared.pool);
            if self.is_between {
                return Ok(Some(Wrote::Part(Wait::Scan(self.source()))));
            }
            self.part = Part::Tail;
        }
        Ok(None)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        self.frame.write_tail(writer, self.view.total())
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn release(&mut self, shared: &mut Shared) {
        self.view.release(&mut shared.pool);
    }
}
