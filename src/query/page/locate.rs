//! Where a deep page begins: a sample of the flows, how many stand between each two of it, and from which of them on, or up
//! to which, the page is within reach of one selection.

use super::candidate::Tie;
use super::{Outcome, Page, Pass};
use crate::conntrack::flow::ReadError;
use crate::query::context::Context;
use crate::query::order::Order;
use crate::query::rows::{Lease, Ranking, Row, RowPool};
use core::cmp::Ordering;

/// How many standard deviations a page may be beside the place where a sample makes it out; half as many are still worth
/// a try.
const AIM_DEVIATIONS: u64 = 4;

impl Page {
    /// Whether the flow stands within the bounds.
    fn is_within(&self, tie: &mut Tie<'_>, order: Order, context: &mut Context) -> Result<bool, ReadError> {
        if let Some(after) = &self.after {
            if tie.compare(after, order, context)? != Ordering::Greater {
                return Ok(false);
            }
        }
        match &self.before {
            Some(before) => Ok(tie.compare(before, order, context)? == Ordering::Less),
            None => Ok(true),
        }
    }

    /// Takes note of a flow in a pass that samples or counts.
    pub(super) fn locate(
        &mut self,
        tie: &mut Tie<'_>,
        order: Order,
        pool: &mut RowPool,
        lease: &Lease,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        if !self.is_within(tie, order, context)? {
            return Ok(());
        }
        self.within += 1;
        match self.pass {
            Pass::Sample => self.sample(tie, pool, lease, context),
            _ => self.count(tie, order, pool, lease, context),
        }
    }

    fn sample(
        &mut self,
        tie: &mut Tie<'_>,
        pool: &mut RowPool,
        lease: &Lease,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        // Reservoir sampling: each of the `within` flows so far is kept with the same probability.
        let at = if self.len < lease.capacity() {
            self.len += 1;
            self.len - 1
        } else {
            let at = self.random_below(self.within);
            match usize::try_from(at) {
                Ok(at) if at < lease.capacity() => at,
                _ => return Ok(()),
            }
        };
        tie.keep(pool, lease, at, context)
    }

    fn count(
        &self,
        tie: &mut Tie<'_>,
        order: Order,
        pool: &mut RowPool,
        lease: &Lease,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(pivot) = pool.get(lease, middle) else {
                return Ok(());
            };
            if tie.compare(pivot, order, context)? == Ordering::Greater {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // The first pivot that is not before the flow; the flows after the last one are not needed.
        if let Some(pivot) = pool.get_mut(lease, low).filter(|_| low < self.len) {
            pivot.rank += 1;
        }
        Ok(())
    }

    /// xorshift64*: the sample need not be unpredictable, only unrelated to the order.
    fn random_below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let high = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        (high.wrapping_mul(bound & 0xffff_ffff)) >> 32
    }

    pub(super) fn end_sample(&mut self, pool: &mut RowPool, lease: &Lease, ranking: Ranking<'_>) -> Outcome {
        pool.sort(lease, ranking, self.len);
        if self.within <= lease.capacity() as u64 {
            // Everything within the bounds is here.
            let skip = self.start.saturating_sub(self.behind);
            self.next = usize::try_from(skip).unwrap_or(usize::MAX).min(self.len);
            self.more = self.before.is_some();
            return Outcome::Rows;
        }
        if let Some(outcome) = self.aim(pool, lease) {
            return outcome;
        }
        for index in 0..self.len {
            if let Some(row) = pool.get_mut(lease, index) {
                row.rank = 0;
            }
        }
        self.pass = Pass::Count;
        Outcome::Again
    }

    /// Selects around the place where the sample says that the page begins, if that is certain enough.
    ///
    /// Of a sample of `rows`, the number that stands before a given rank has the standard deviation of a binomial
    /// distribution. Where [`AIM_DEVIATIONS`] of them to both sides, and the page, fit the lease, one pass that selects
    /// from the near side on, and counts what stands before that, finds the page.
    fn aim(&mut self, pool: &RowPool, lease: &Lease) -> Option<Outcome> {
        let (rows, within) = (lease.capacity() as u64, self.within.max(1));
        let rank = self.start.saturating_sub(self.behind);
        let place = (rank.saturating_mul(rows) / within).min(rows);
        let variance = place * (rows - place) / rows;
        // More than the root. It takes few steps: with all the blocks that a query may have there are 1024 rows.
        let deviation = (1..=rows).find(|deviation| deviation * deviation > variance)?;
        let room = (rows - self.remaining.min(rows / 4)).saturating_mul(rows) / within / 2;
        if room < AIM_DEVIATIONS / 2 * deviation {
            return None;
        }
        let margin = room.min(AIM_DEVIATIONS * deviation);
        self.pass = match usize::try_from(place.saturating_sub(margin)).ok()?.checked_sub(1) {
            Some(at) => {
                self.after = pool.get(lease, at).copied();
                Pass::Aim
            }
            // So near to the bound that a selection from there reaches it.
            None => {
                Pass::Select { skip: usize::try_from(rank).ok().filter(|&skip| skip < lease.capacity())? }
            }
        };
        self.before = None;
        Some(Outcome::Again)
    }

    pub(super) fn end_aim(&mut self, pool: &mut RowPool, lease: &Lease, ranking: Ranking<'_>) -> Outcome {
        pool.sort(lease, ranking, self.len);
        self.behind = self.within;
        let skip =
            self.start.checked_sub(self.behind).map(|skip| usize::try_from(skip).unwrap_or(usize::MAX));
        if let Some(skip) = skip.filter(|&skip| skip < self.len || !self.more) {
            self.next = skip.min(self.len);
            return Outcome::Rows;
        }
        // Beside the mark: by chance, seldom, or since the table has changed. Again, from where the page is known to be.
        if skip.is_none() {
            return self.begin_again();
        }
        self.pass = Pass::Sample;
        Outcome::Again
    }

    /// What is known of the table is of no use any more: a sample of all of it once more.
    pub(super) fn begin_again(&mut self) -> Outcome {
        (self.after, self.before, self.behind) = (None, None, 0);
        self.pass = Pass::Sample;
        Outcome::Again
    }

    pub(super) fn end_count(&mut self, pool: &mut RowPool, lease: &Lease) -> Outcome {
        let (mut behind, mut after, mut index) = (self.behind, self.after, 0);
        while let Some(row) = pool.get(lease, index).filter(|_| index < self.len) {
            let up_to = behind + u64::from(row.rank);
            if up_to > self.start {
                break;
            }
            (behind, after, index) = (up_to, Some(*row), index + 1);
        }
        let capacity = lease.capacity() as u64;
        let skip = self.start.saturating_sub(behind);
        let whole = skip.saturating_add(self.remaining.min(capacity)) <= capacity;
        let bound = if whole { None } else { self.bound_behind(index, behind, pool, lease) };
        (self.behind, self.after) = (behind, after);
        (self.pass, self.before) = match bound {
            Some((from_end, row)) => (Pass::SelectBack { from_end }, Some(row)),
            None if skip < capacity => (Pass::Select { skip: skip as usize }, None),
            None => {
                (Pass::Sample, pool.get(lease, index).filter(|_| index < self.len).copied().or(self.before))
            }
        };
        Outcome::Again
    }

    /// A row of the sample, from `index` on, that stands behind the whole page and near enough to its beginning to select up
    /// to it; how many flows from the page's first on stand before it. `behind` flows stand before those of `index`.
    fn bound_behind(&self, index: usize, behind: u64, pool: &RowPool, lease: &Lease) -> Option<(usize, Row)> {
        let mut up_to = behind;
        for index in index..self.len {
            let row = pool.get(lease, index)?;
            up_to += u64::from(row.rank);
            // The row itself is not selected.
            let from_end = up_to.saturating_sub(1).saturating_sub(self.start);
            if from_end >= self.remaining {
                let from_end = usize::try_from(from_end).ok().filter(|&rows| rows <= lease.capacity());
                return from_end.map(|from_end| (from_end, *row));
            }
        }
        None
    }
}
