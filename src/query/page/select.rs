//! The rows of a page kept while the flows stream by: the first that come, or the best so far in a heap.

use super::candidate::{Candidate, Tie};
use super::{Page, Pass};
use crate::conntrack::flow::ReadError;
use crate::query::context::Context;
use crate::query::order::{Key, Order};
use crate::query::rows::{Lease, Ranking, RowPool};
use core::cmp::Ordering;

impl Page {
    pub(super) fn take(
        &mut self,
        candidate: &mut dyn Candidate,
        pool: &mut RowPool,
        lease: &Lease,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        let Pass::Take { skip } = self.pass else {
            return Ok(());
        };
        if self.matched <= skip || self.len as u64 >= self.remaining {
            return Ok(());
        }
        match pool.get_mut(lease, self.len) {
            Some(slot) => {
                slot.flow = *candidate.full(context)?;
                self.len += 1;
            }
            None => self.more = true,
        }
        Ok(())
    }

    /// How many rows a selection keeps.
    fn wanted(&self, lease: &Lease) -> usize {
        let rows = match self.pass {
            Pass::Select { skip } => self.remaining.saturating_add(skip as u64),
            Pass::SelectBack { from_end } => from_end as u64,
            Pass::Aim => u64::MAX,
            _ => 0,
        };
        usize::try_from(rows).unwrap_or(usize::MAX).min(lease.capacity())
    }

    /// Whether a first page has all its rows, and the flow stands behind them by its key alone: so it is with nearly
    /// every flow of a table, and nothing more need be known of it.
    #[inline]
    pub(super) fn is_behind_all(&self, key: &Key, id: Option<u32>) -> bool {
        self.gate.as_ref().is_some_and(|(last, last_id)| key > last && id != *last_id)
    }

    #[inline]
    pub(super) fn select(
        &mut self,
        tie: &mut Tie<'_>,
        order: Order,
        pool: &mut RowPool,
        lease: &Lease,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        let wanted = self.wanted(lease);
        let back = matches!(self.pass, Pass::SelectBack { .. });
        let turned = |ordering: Ordering| if back { ordering.reverse() } else { ordering };
        if let Some(bound) = if back { &self.before } else { &self.after } {
            if turned(tie.compare(bound, order, context)?) != Ordering::Greater {
                self.within += 1;
                return Ok(());
            }
        }
        let is_full = self.len == wanted;
        if is_full {
            self.more = true;
            // The last of the rows kept so far dismisses nearly every flow.
            let Some(last) = pool.get(lease, pool.last(lease) as usize) else {
                return Ok(());
            };
            if turned(tie.compare(last, order, context)?) != Ordering::Less {
                return Ok(());
            }
        }
        // The new row takes the memory of the last one, or what is free.
        let at = if is_full { pool.last(lease) } else { self.len as u32 };
        tie.keep(pool, lease, at as usize, context)?;
        let ranking = Ranking { order, context, back };
        if is_full {
            pool.sift_down(lease, ranking, 0, at, self.len);
        } else {
            pool.push(lease, ranking, self.len);
            self.len += 1;
        }
        if self.len == wanted && self.after.is_none() && !back {
            self.gate = pool.get(lease, pool.last(lease) as usize).map(|last| (last.key, last.flow.id));
        }
        Ok(())
    }
}
