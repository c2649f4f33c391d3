//! A view: which flows, in which order, which of these, and which of their fields.
//!
//! A view finds its rows in passes over the table. The same six steps are taken whoever reads the table, be it the daemon
//! between other events, the shell, or a test:
//!
//! ```text
//! begin -> offer each entry -> end -> Again: begin once more
//!                                  -> Rows:  row, written, row, written, ... -> go_on: begin once more, or the end
//! ```
//! [`View::run`] takes them one after the other where nothing else has to be done in between.

use super::context::Context;
use super::field::{FieldSet, RATES};
use super::filter::Filter;
use super::order::Order;
use super::page::{Candidate, Outcome, Page};
use super::rows::{Lease, Row, RowPool};
use crate::conntrack::flow::{Flow, ReadError};

/// A view, with the memory that it has leased for its rows.
#[derive(Debug)]
pub struct View {
    /// Which flows.
    pub filter: Filter,
    /// The members of its rows.
    pub fields: FieldSet,
    page: Page,
    lease: Lease,
}

impl View {
    /// The page of `length` rows (all with `None`) after the first `start`, of the flows that pass `filter`, in `order` or,
    /// without one, as they come.
    #[must_use]
    #[inline(never)]
    pub fn new(
        filter: Filter,
        order: Option<Order>,
        start: u64,
        length: Option<u64>,
        fields: FieldSet,
    ) -> Self {
        View { filter, fields, page: Page::new(order, start, length), lease: Lease::new() }
    }

    /// The attributes that an entry must be read with to be offered, beside those of [`Context::needs`].
    #[must_use]
    pub fn needs(&self) -> u32 {
        self.filter.needs() | self.page.needs()
    }

    /// Whether rates are shown, or decide which rows there are and in which order, and not all of them are known.
    #[must_use]
    pub(crate) fn lacks_rates(&self, context: &Context) -> bool {
        (self.needs() | self.fields.needs()) & RATES != 0 && context.rates.is_partial()
    }

    /// Whether the rows are in an order of their own, not the kernel's.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        self.page.is_sorted()
    }

    /// Rows of memory with which the view takes one pass; it gains nothing from more.
    #[must_use]
    pub fn wants(&self) -> usize {
        self.page.wants()
    }

    /// How many passes have begun.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.page.passes()
    }

    /// Matching flows in the whole table, known once a pass is over.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.page.total()
    }

    /// A pass begins: memory for rows is leased as far as there is some. `clock_s` is the time in seconds, 0 for a table that
    /// stands still.
    pub fn begin(&mut self, pool: &mut RowPool, clock_s: u32) {
        pool.grow(&mut self.lease, self.page.wants());
        self.page.begin(&self.lease, clock_s);
    }

    /// Takes note of an entry, if it is one that the view shows. True when the entry, in the kernel's own order, is the first
    /// for which there is no memory: the next pass begins with it, and is offered none before it.
    ///
    /// # Errors
    /// [`ReadError`] if the entry is wanted but can't be read in full.
    #[inline]
    pub fn offer(
        &mut self,
        candidate: &mut dyn Candidate,
        pool: &mut RowPool,
        context: &mut Context,
    ) -> Result<bool, ReadError> {
        if !self.filter.admits(candidate.flow(), context) {
            return Ok(false);
        }
        let was_cut = self.page.is_cut();
        self.page.offer(candidate, pool, &self.lease, context)?;
        Ok(self.page.is_cut() && !was_cut)
    }

    /// Whether there is enough memory for rows to begin now. Once it has begun it goes on with what it has.
    #[must_use]
    pub fn can_begin(&self, pool: &RowPool) -> bool {
        self.page.passes() > 0 || pool.has_enough(self.page.wants())
    }

    /// A pass is over: the table was read to its end. After the last pass the memory goes back in which no row of the view is.
    pub fn end(&mut self, pool: &mut RowPool, context: &Context) -> Outcome {
        let outcome = self.page.end(pool, &self.lease, context);
        if outcome == Outcome::Rows && self.page.has_all() {
            let places = self.page.places();
            let first = pool.shrink(&mut self.lease, places.start, places.end);
            self.page.moved(first);
        }
        outcome
    }

    /// The row to be written next; `None` when those of this pass are out.
    #[must_use]
    pub fn row<'a>(&self, pool: &'a RowPool) -> Option<&'a Row> {
        self.page.row(pool, &self.lease)
    }

    /// The row to be written `nth` from now, from 0 on; `None` when this pass has no more.
    #[must_use]
    pub fn row_ahead<'a>(&self, nth: usize, pool: &'a RowPool) -> Option<&'a Row> {
        self.page.row_ahead(nth, pool, &self.lease)
    }

    /// Whether this pass has all rows that are still to be written, so that no other one follows.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.page.has_all()
    }

    /// The row that [`View::row`] gave is written.
    pub fn written(&mut self) {
        self.page.written();
    }

    /// When [`View::row`] gives no more: whether another pass follows. False means that the view is complete.
    pub fn go_on(&mut self, pool: &RowPool) -> bool {
        self.page.go_on(pool, &self.lease)
    }

    /// Gives back the memory for rows.
    pub fn release(&mut self, pool: &mut RowPool) {
        pool.release(&mut self.lease);
    }

    /// Takes all steps, one after the other: `clock` tells the seconds as [`View::begin`] wants them, `read` offers every entry
    /// of the table once, and `row` gets the rows in order.
    ///
    /// # Errors
    /// Those of `read` and `row`. The memory for rows is given back in any case.
    pub fn run<E>(
        &mut self,
        pool: &mut RowPool,
        context: &mut Context,
        clock: &mut dyn FnMut() -> u32,
        read: &mut dyn FnMut(&mut Self, &mut RowPool, &mut Context) -> Result<(), E>,
        row: &mut dyn FnMut(&Flow, &Context) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut steps = || loop {
            self.begin(pool, clock());
            read(self, pool, context)?;
            if self.end(pool, context) == Outcome::Again {
                continue;
            }
            while let Some(found) = self.row(pool) {
                row(&found.flow, context)?;
                self.written();
            }
            if !self.go_on(pool) {
                return Ok(());
            }
        };
        let result = steps();
        self.release(pool);
        result
    }
}
