//! The length of a reply, added up before its first byte leaves.
//!
//! XML-RPC's specification wants a Content-Length, and clients exist that read nothing without it. A value whose parts are
//! all held is therefore written twice: once into the output, piece by piece over one another, to add up how long they are,
//! and then in earnest.

use super::pieces::{Length, Measure};
use super::task::{Stage, Task};
use super::{Shared, Step, World};
use crate::out::Out;

impl Task {
    /// What follows once the job's value is known: it is measured where that can be done and is of use, and then written.
    pub(super) fn begin_value(&mut self, world: &World<'_>) {
        self.length = Length { document: self.document, bytes: 0 };
        // In a multicall other values follow, which nobody knows yet.
        let is_first = world.is_unsent && !self.is_multicall();
        let measurable = is_first && self.job.asks().is_measurable();
        self.stage = if measurable { Stage::Measuring } else { Stage::Writing };
    }

    /// Measures the next part of the value. The output must be empty. `None`: go on.
    pub(super) fn measure(&mut self, out: &mut Out<'_>, shared: &Shared) -> Option<Step> {
        let mut measure = Measure { out, length: &mut self.length, is_lost: false };
        if measure.length.bytes == 0 {
            measure.piece(|writer| writer.reply_open());
        }
        let is_done = self.job.work().measure(&mut measure, shared);
        if is_done {
            measure.piece(|writer| writer.reply_close());
        }
        if measure.is_lost {
            self.length = Length::default();
            self.stage = Stage::Writing;
        } else if is_done {
            self.stage = Stage::Writing;
        } else {
            return Some(Step::More);
        }
        None
    }

    /// The whole reply's length in bytes, if it is known.
    pub(super) fn length(&self) -> Option<usize> {
        let is_known = !matches!(self.stage, Stage::Measuring) && self.length.bytes > 0;
        is_known.then_some(self.length.bytes)
    }
}
