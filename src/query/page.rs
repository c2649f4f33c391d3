//! The passes over the table that find a page, in the rows of one lease.
//!
//! A pass offers every flow once. How many passes a page takes depends on where it is and on `capacity`, the rows of the
//! lease:
//!
//! - In the kernel's own order, or with `start + length` within the capacity: one. The best rows so far are kept in a
//!   heap with the last of them on top, so that nearly every flow is dismissed by one comparison.
//! - Deeper: a pass that draws a sample of rows (all of them, if they fit: then it is the only one); a pass that counts
//!   how many flows stand between each two of the sample, which tells between which two the page begins and how many
//!   flows stand before those; a pass that selects from there, or up to one of the sample behind the page, whichever is
//!   near enough for the lease. Where neither is, the sample is drawn again from between the two alone, and so on: each
//!   time divides what is left by about the capacity. A sample of few enough flows tells nearly where the page begins,
//!   and then counting and selecting are one pass. So a page of a table of some thousand flows takes two passes, of some
//!   hundred thousand three, of a million four at most.
//! - A page in the kernel's own order that is longer than the capacity: the next pass is offered what begins with the
//!   first flow that did not fit ([`Page::is_cut`]), whatever happened to those before it. That needs flows to have fixed
//!   places, as in a snapshot; of the kernel's table such a page is streamed from a dump of its own instead.
//! - A sorted page longer than the capacity goes out in parts: when the rows of one pass are written, the next pass selects the
//!   best ones after the last of them.
//!
//! On a table that stands still this is exactly what sorting it all and cutting the page out would give. While entries
//! come and go, of those that were there throughout with the same key none is given twice and none is lost; where `start`
//! falls is then as good as the table was still between two passes. One whose key grows past the last row that was
//! written is met again; a page ends at twice the rows that matched in the first pass, however many do that.
//!
//! Timeouts have no key that stays the same: the kernel gives whole seconds, so that what is left and the clock add up to
//! another second depending on when within a second the flow is read. A page of more than one pass in their order may
//! miss flows that end within a second of where two passes meet, or give them twice. Of a snapshot it is exact.

mod candidate;
mod locate;
mod select;

pub use candidate::Candidate;

use super::context::Context;
use super::order::{Key, Order};
use super::rows::{Lease, Ranking, Row, RowPool};
use crate::conntrack::flow::ReadError;
use candidate::Tie;

/// What the pass that is under way does.
#[derive(Clone, Copy, Debug)]
enum Pass {
    /// Takes flows as they come, after the first `skip`; a pass that goes on skips none.
    Take { skip: u64 },
    /// Keeps the best rows after `after`; the first `skip` of them are not of the page.
    Select { skip: usize },
    /// Keeps the last rows before `before`; the page begins `from_end` rows before it.
    SelectBack { from_end: usize },
    /// As `Select`, with all that the lease holds; how many flows stand up to `after` is counted meanwhile.
    Aim,
    /// Draws a sample of the flows within the bounds.
    Sample,
    /// Counts how many flows stand between the rows of the sample.
    Count,
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The table must be read once more.
    Again,
    /// [`Page::row`] gives rows; call [`Page::written`] when they are out.
    Rows,
}

/// A page in the making.
#[derive(Debug)]
pub struct Page {
    order: Option<Order>,
    pass: Pass,
    start: u64,
    /// Rows of the page that are still to be found; `u64::MAX` for all there are.
    remaining: u64,
    /// Rows in use of the lease, in this pass.
    len: usize,
    /// Matching flows in this pass, and of these the ones within the bounds.
    matched: u64,
    within: u64,
    /// Matching flows in the first pass.
    total: Option<u64>,
    /// The page lies after the row `after` and before the row `before`; `behind` flows stand up to `after`, itself included.
    after: Option<Row>,
    before: Option<Row>,
    behind: u64,
    /// Key and id of the last row of a first page that is full.
    gate: Option<(Key, Option<u32>)>,
    /// Rows `next..len` are ready to be written.
    next: usize,
    /// There are more rows than this pass could hold.
    more: bool,
    random: u64,
    passes: u32,
    /// Seconds at the start of this pass, by a clock of the caller's.
    clock_s: u32,
}

impl Page {
    /// The page of `length` rows (all with `None`) after the first `start`, in `order` or, without one, as they come.
    #[must_use]
    pub fn new(order: Option<Order>, start: u64, length: Option<u64>) -> Self {
        Page {
            order,
            pass: Pass::Take { skip: start },
            start,
            remaining: length.unwrap_or(u64::MAX),
            len: 0,
            matched: 0,
            within: 0,
            total: None,
            after: None,
            before: None,
            behind: 0,
            gate: None,
            next: 0,
            more: false,
            random: 0x9E37_79B9_7F4A_7C15,
            passes: 0,
            clock_s: 0,
        }
    }

    /// The number of rows with which this page takes one pass. A larger lease gains nothing.
    #[must_use]
    pub fn wants(&self) -> usize {
        if self.remaining == 0 {
            return 0;
        }
        let rows = match self.order {
            None => self.remaining,
            Some(_) => self.start.saturating_add(self.remaining),
        };
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    /// Whether its rows are in an order of their own, not the kernel's.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        self.order.is_some()
    }

    /// The attributes that a flow must be read with to be offered.
    #[must_use]
    pub fn needs(&self) -> u32 {
        self.order.map_or(0, |order| order.needs())
    }

    /// Matching flows in the whole table, once a pass is over.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.unwrap_or(0)
    }

    /// How many times the table was read for this page.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// A pass begins; `clock_s` is the time in seconds, 0 for a table that stands still.
    pub fn begin(&mut self, lease: &Lease, clock_s: u32) {
        self.passes += 1;
        self.clock_s = clock_s;
        (self.next, self.matched, self.within) = (0, 0, 0);
        (self.more, self.gate) = (false, None);
        if !matches!(self.pass, Pass::Count) {
            self.len = 0;
        }
        if self.passes > 1 || self.order.is_none() || self.remaining == 0 {
            return;
        }
        // One selection does if the page, or at least its first row, is within reach of it.
        self.pass = match usize::try_from(self.start) {
            Ok(skip) if skip < lease.capacity() => Pass::Select { skip },
            _ => Pass::Sample,
        };
    }

    /// Takes note of a matching flow.
    ///
    /// # Errors
    /// [`ReadError`] if the flow is wanted but can't be read in full.
    #[inline]
    pub fn offer(
        &mut self,
        candidate: &mut dyn Candidate,
        pool: &mut RowPool,
        lease: &Lease,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        self.matched += 1;
        if self.remaining == 0 {
            return Ok(());
        }
        let Some(order) = self.order else {
            return self.take(candidate, pool, lease, context);
        };
        let flow = candidate.flow();
        let (key, id) = (order.key(flow, context, self.clock_s), flow.id);
        if self.is_behind_all(&key, id) {
            self.more = true;
            return Ok(());
        }
        let mut tie = Tie { candidate, key, id };
        match self.pass {
            Pass::Select { .. } | Pass::SelectBack { .. } | Pass::Aim => {
                self.select(&mut tie, order, pool, lease, context)
            }
            Pass::Sample | Pass::Count => self.locate(&mut tie, order, pool, lease, context),
            Pass::Take { .. } => Ok(()),
        }
    }

    /// Whether this pass, in the kernel's own order, has met a flow that did not fit: the next pass begins with the first
    /// such one, and is offered none before it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.order.is_none() && self.more
    }

    /// A pass is over: the table was read to its end.
    pub fn end(&mut self, pool: &mut RowPool, lease: &Lease, context: &Context) -> Outcome {
        if self.total.is_none() {
            self.total = Some(self.matched);
            // Rows whose keys grow all the time are met again and again: a page that has no other end has this one.
            let most = if self.start < self.matched { self.matched.saturating_mul(2) } else { 0 };
            self.remaining = self.remaining.min(most);
        }
        let Some(order) = self.order.filter(|_| self.remaining > 0) else {
            return Outcome::Rows;
        };
        // All flows that stood before the bound have gone meanwhile, and those behind it were not looked at.
        if self.len == 0 && self.before.is_some() {
            return self.begin_again();
        }
        let ranking = Ranking { order, context, back: false };
        let outcome = match self.pass {
            Pass::Take { .. } => Outcome::Rows,
            Pass::Select { skip } => {
                pool.sort(lease, ranking, self.len);
                self.next = skip.min(self.len);
                Outcome::Rows
            }
            Pass::SelectBack { from_end } => {
                pool.sort(lease, ranking, self.len);
                self.next = self.len.saturating_sub(from_end);
                self.more = true;
                Outcome::Rows
            }
            Pass::Aim => self.end_aim(pool, lease, ranking),
            Pass::Sample => self.end_sample(pool, lease, ranking),
            Pass::Count => self.end_count(pool, lease),
        };
        if outcome == Outcome::Rows { self.keep_together(pool, lease) } else { outcome }
    }

    /// A page that fits the lease, but has only its first rows of this pass, takes all its rows of the next one: that reads
    /// the table no more often, and the rows are of one moment and can be measured before the first is written.
    fn keep_together(&mut self, pool: &RowPool, lease: &Lease) -> Outcome {
        if self.has_all() || self.remaining > lease.capacity() as u64 {
            return Outcome::Rows;
        }
        let Some(before) = self.next.checked_sub(1).and_then(|index| pool.get(lease, index)) else {
            return Outcome::Rows;
        };
        (self.after, self.before, self.behind) = (Some(*before), None, self.start);
        self.pass = Pass::Select { skip: 0 };
        Outcome::Again
    }

    /// The row to be written next; `None` when those of this pass are out.
    #[must_use]
    pub fn row<'a>(&self, pool: &'a RowPool, lease: &Lease) -> Option<&'a Row> {
        self.row_ahead(0, pool, lease)
    }

    /// The row to be written `nth` from now, from 0 on; `None` when this pass has no more.
    #[must_use]
    pub fn row_ahead<'a>(&self, nth: usize, pool: &'a RowPool, lease: &Lease) -> Option<&'a Row> {
        let index = self.next.checked_add(nth).filter(|&index| index < self.len)?;
        pool.get(lease, index).filter(|_| (nth as u64) < self.remaining)
    }

    /// Whether this pass has all rows that are still to be written, so that no other one follows.
    #[must_use]
    pub fn has_all(&self) -> bool {
        !self.more || (self.len.saturating_sub(self.next)) as u64 >= self.remaining
    }

    /// The rows of this pass that are still to be written, by their places in the lease.
    #[must_use]
    pub fn places(&self) -> core::ops::Range<usize> {
        let left = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        self.next..self.len.min(self.next.saturating_add(left))
    }

    /// The rows to be written begin at `first` from now on, since the lease has lost blocks before and behind them.
    pub fn moved(&mut self, first: usize) {
        let places = self.places();
        (self.next, self.len) = (first, first + places.len());
    }

    /// The row that [`Page::row`] gave is written.
    pub fn written(&mut self) {
        self.next += 1;
        if self.remaining != u64::MAX {
            self.remaining -= 1;
        }
    }

    /// When [`Page::row`] gives no more: whether the page goes on with another pass. False means that it is complete.
    pub fn go_on(&mut self, pool: &RowPool, lease: &Lease) -> bool {
        if self.remaining == 0 || !self.more || self.len == 0 {
            return false;
        }
        let Some(last) = pool.get(lease, self.len - 1) else {
            return false;
        };
        self.after = Some(*last);
        self.before = None;
        self.pass = match self.pass {
            Pass::Take { .. } => Pass::Take { skip: 0 },
            _ => Pass::Select { skip: 0 },
        };
        true
    }
}
