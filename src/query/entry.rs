//! An entry of a dump: read as far as the calls need that judge it, and in full when one of them keeps it.

use super::context::Context;
use super::field::RATES;
use super::page::Candidate;
use super::rates::Meter;
use crate::conntrack::flow::{ALL, Flow, ReadError};
use crate::conntrack::label::Labels;
use crate::conntrack::message::Message;

/// All attributes, and the rates as far as they are known.
const IN_FULL: u32 = ALL | RATES;

/// An entry that just came from the kernel.
pub struct Entry<'a, 'm> {
    message: &'a Message<'m>,
    flow: Flow,
    /// The attributes that `flow` was read with, or [`IN_FULL`].
    known: u32,
}

impl<'a, 'm> Entry<'a, 'm> {
    /// An entry of which nothing has been read.
    #[must_use]
    #[inline]
    pub fn new(message: &'a Message<'m>) -> Self {
        Entry { message, flow: Flow::default(), known: 0 }
    }

    /// Reads the attributes `needs` ([`crate::conntrack::uapi::bit`]), as far as they are not known.
    ///
    /// # Errors
    /// [`ReadError`], when one of these attributes can't be read.
    #[inline]
    pub fn read(&mut self, needs: u32, labels: &mut Labels) -> Result<(), ReadError> {
        self.flow.add(self.message, needs & !self.known, labels)?;
        self.known |= needs & ALL;
        Ok(())
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
        self.known = IN_FULL;
    }
}

impl Candidate for Entry<'_, '_> {
    #[inline]
    fn flow(&self) -> &Flow {
        &self.flow
    }

    fn full(&mut self, context: &mut Context) -> Result<&Flow, ReadError> {
        if self.known != IN_FULL {
            self.read(ALL, &mut context.labels)?;
            self.known = IN_FULL;
            self.flow.rates = self.flow.rates.or_else(|| context.rates.meter(&self.flow));
        }
        Ok(&self.flow)
    }
}
