//! One stage of a call after the other.

use super::fault::{Code, Fault};
use super::task::{Stage, Task};
use super::work::Source;
use super::{Shared, Step, World};
use crate::out::Out;

impl Task {
    /// Gets the call one stage further. `None`: go on at once.
    pub(super) fn advance(
        &mut self,
        body: &str,
        out: &mut Out<'_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Option<Step> {
        let is_ready = self.is_ready(world.now_ms);
        match &mut self.stage {
            Stage::Idle => Some(Step::Done),
            Stage::WaitingForVerdict | Stage::Riding(_) => Some(Step::Wait),
            Stage::Asleep(_) | Stage::Pausing(_) if !is_ready => Some(Step::Wait),
            Stage::Waiting(_) | Stage::WaitingForDump if !is_ready => Some(Step::Wait),
            Stage::Pausing(_) => {
                (self.stage, self.waits_since_ms) = (Stage::Waiting(Source::Kernel), world.now_ms);
                None
            }
            Stage::Waiting(_) => {
                let text = format_args!("too many other calls read the table; try again");
                self.stage = Stage::Faulty(Fault::new(Code::Busy, text));
                None
            }
            Stage::WaitingForDump => {
                let text = format_args!("all dumps for whole listings are taken; try again");
                self.stage = Stage::Faulty(Fault::new(Code::Busy, text));
                None
            }
            Stage::Asleep(_) => {
                self.end(None, shared, world);
                None
            }
            Stage::Over(failure) => {
                let failure = failure.take();
                self.end(failure, shared, world);
                None
            }
            Stage::Measuring => self.measure(out, shared),
            Stage::Writing | Stage::Closing | Stage::Faulty(_) | Stage::Written => {
                self.write(body, out, shared, world).unwrap_or(Some(Step::Full))
            }
        }
    }
}
