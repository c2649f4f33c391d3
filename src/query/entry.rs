//! An entry of a dump: read as far as the calls need that judge it, and in full when one of them keeps it.

use super::context::Context;
use super::page::Candidate;
use super::rates::Meter;
use crate::conntrack::flow::{ALL, Flow, ReadError};
use crate::conntrack::label::Labels;
use crate::conntrack::message::Message;

/// An entry that just came from the kernel.
pub struct Entry<'a, 'm> {
    message: &'a Message<'m>,
    flow: Flow,
    full: Option<Flow>,
}

impl<'a, 'm> Entry<'a, 'm> {
    /// Reads of `message` the attributes `needs` ([`crate::conntrack::uapi::bit`]).
    ///
    /// # Errors
    /// [`ReadError`], when one of these attributes can't be read.
    #[inline]
    pub fn read(message: &'a Message<'m>, needs: u32, labels: &mut Labels) -> Result<Self, ReadError> {
        let flow = Flow::read(message, needs, labels)?;
        Ok(Entry { message, flow, full: None })
    }

    /// Reads the entry's counters for its rates. It must have been read with [`super::rates::METERED`].
    pub(crate) fn meter(&mut self, rates: &mut Meter) {
        self.flow.rates = rates.meter(&self.flow);
    }

    /// The entry was changed since it came from the kernel: this is what it is now, read in full. Its rates stay what they were.
    #[inline(never)]
    pub(crate) fn renew(&mut self, now: &Flow, rates: &mut Meter) {
        let rates = self.flow.rates.or_else(|| rates.meter(now));
        self.flow = Flow { rates, ..*now };
        self.full = Some(self.flow);
    }
}

impl Candidate for Entry<'_, '_> {
    #[inline]
    fn flow(&self) -> &Flow {
        &self.flow
    }

    fn full(&mut self, context: &mut Context) -> Result<Flow, ReadError> {
        if let Some(flow) = self.full {
            return Ok(flow);
        }
        let mut flow = Flow::read(self.message, ALL, &mut context.labels)?;
        flow.rates = self.flow.rates.or_else(|| context.rates.meter(&flow));
        self.full = Some(flow);
        Ok(flow)
    }
}
