//! A flow that is offered to a page: as far as it is known, and in full where that is needed.

use crate::conntrack::flow::{Flow, ReadError};
use crate::query::context::Context;
use crate::query::order::Order;
use crate::query::rows::Row;
use core::cmp::Ordering;

/// A view of the query's flow stream: the flow as far as the query asked for it, and all of it on demand.
pub trait Candidate {
    /// The flow with at least [`super::Page::needs`].
    fn flow(&self) -> &Flow;

    /// The flow in full.
    ///
    /// # Errors
    /// [`ReadError`], when an attribute that was not needed so far can't be read.
    fn full(&mut self, context: &mut Context) -> Result<Flow, ReadError>;
}

/// A flow that is known in full, as those of the snapshot are.
impl Candidate for Flow {
    fn flow(&self) -> &Flow {
        self
    }

    fn full(&mut self, _: &mut Context) -> Result<Flow, ReadError> {
        Ok(*self)
    }
}

/// A flow that is being compared: it is read in full at the first tie, or when it is kept.
pub(super) struct Tie<'a> {
    pub(super) candidate: &'a mut dyn Candidate,
    pub(super) row: &'a mut Row,
    pub(super) known: bool,
}

impl Tie<'_> {
    #[inline]
    pub(super) fn full(&mut self, context: &mut Context) -> Result<&Row, ReadError> {
        if !self.known {
            self.row.flow = self.candidate.full(context)?;
            self.known = true;
        }
        Ok(self.row)
    }

    #[inline]
    pub(super) fn compare(
        &mut self,
        other: &Row,
        order: Order,
        context: &mut Context,
    ) -> Result<Ordering, ReadError> {
        // A flow whose key has changed since the other was kept may be the other itself.
        if self.candidate.flow().id == other.flow.id {
            self.full(context)?;
            if (self.row.flow.orig, self.row.flow.zone) == (other.flow.orig, other.flow.zone) {
                return Ok(Ordering::Equal);
            }
        }
        match self.row.key.cmp(&other.key) {
            Ordering::Equal => {
                self.full(context)?;
                Ok(order.break_tie(&self.row.flow, &other.flow, context))
            }
            decided => Ok(decided),
        }
    }
}
