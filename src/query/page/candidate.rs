//! A flow that is offered to a page: as far as it is known, and in full where that is needed.

use crate::conntrack::flow::{Flow, ReadError};
use crate::query::context::Context;
use crate::query::order::{Key, Order};
use crate::query::rows::{Lease, Row, RowPool};
use core::cmp::Ordering;

/// A view of the query's flow stream: the flow as far as the query asked for it, and all of it on demand.
pub trait Candidate {
    /// The flow with at least [`super::Page::needs`].
    fn flow(&self) -> &Flow;

    /// The flow in full.
    ///
    /// # Errors
    /// [`ReadError`], when an attribute that was not needed so far can't be read.
    fn full(&mut self, context: &mut Context) -> Result<&Flow, ReadError>;
}

/// A flow that is known in full, as those of the snapshot are.
impl Candidate for Flow {
    fn flow(&self) -> &Flow {
        self
    }

    fn full(&mut self, _: &mut Context) -> Result<&Flow, ReadError> {
        Ok(self)
    }
}

/// A flow that is being compared: it is read in full at the first tie, or when it is kept.
pub(super) struct Tie<'a> {
    pub(super) candidate: &'a mut dyn Candidate,
    pub(super) key: Key,
    pub(super) id: Option<u32>,
}

impl Tie<'_> {
    #[inline]
    pub(super) fn compare(
        &mut self,
        other: &Row,
        order: Order,
        context: &mut Context,
    ) -> Result<Ordering, ReadError> {
        // A flow whose key has changed since the other was kept may be the other itself.
        if self.id == other.flow.id {
            let flow = self.candidate.full(context)?;
            if (flow.orig, flow.zone) == (other.flow.orig, other.flow.zone) {
                return Ok(Ordering::Equal);
            }
        }
        match self.key.cmp(&other.key) {
            Ordering::Equal => {
                let flow = self.candidate.full(context)?;
                Ok(order.break_tie(flow, &other.flow, context))
            }
            decided => Ok(decided),
        }
    }

    /// Keeps the flow where row `index` was.
    pub(super) fn keep(
        &mut self,
        pool: &mut RowPool,
        lease: &Lease,
        index: usize,
        context: &mut Context,
    ) -> Result<(), ReadError> {
        let flow = self.candidate.full(context)?;
        pool.put(lease, index, self.key, flow);
        Ok(())
    }
}
