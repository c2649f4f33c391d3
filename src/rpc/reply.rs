//! The reply, written piece by piece as the output has room.
//!
//! Each piece is whole or not there: when the output is full the call keeps its stage and the piece is written again when
//! there is room. The largest piece is a row, which a client's output holds with ease.

use super::fault::{Code, Fault};
use super::pieces::{Pieces, Place};
use super::task::{Stage, Task};
use super::work::{Wait, Wrote};
use super::{Shared, Step, World};
use crate::out::{Full, Out};
use crate::stats::{Counter, Tally};
use crate::syntax::Document;

impl Task {
    /// Writes the next piece of the reply. `None`: go on.
    ///
    /// # Errors
    /// [`Full`]: go on when the output was sent.
    pub(super) fn write(
        &mut self,
        body: &str,
        out: &mut Out<'_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Option<Step>, Full> {
        // The document is taken out of the task meanwhile, since the job, which writes, is in it as well.
        let mut document = self.document;
        let mut pieces = Pieces { out, document: &mut document };
        let result = match &self.stage {
            Stage::Faulty(fault) => {
                let fault = fault.clone();
                self.write_fault(&fault, &mut pieces, shared, world.now_ms)
            }
            Stage::Writing => self.write_value(&mut pieces, shared, world),
            Stage::Closing => self.write_end(&mut pieces, shared, world.now_ms),
            Stage::Written => self.write_between(body, &mut pieces, shared, world),
            _ => Ok(None),
        };
        self.document = document;
        result
    }

    fn write_fault(
        &mut self,
        fault: &Fault,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        now_ms: u64,
    ) -> Result<Option<Step>, Full> {
        // In the middle of a value there is no place for a fault.
        if self.in_value {
            return Ok(Some(broken_off(fault)));
        }
        if self.is_text() {
            crate::log::warn(format_args!("the metrics are not told: {}", fault.text));
            return Ok(Some(Step::Refuse));
        }
        let (code, text) = (fault.code.number(), fault.text.as_str());
        if self.is_multicall() {
            pieces.piece(|writer| writer.fault_struct(code, text))?;
        } else {
            pieces.piece(|writer| writer.fault(code, text))?;
        }
        shared.stats.add(Counter::Faults);
        shared.stats.add_to(Tally::Faults, Code::ALL.iter().position(|code| *code == fault.code));
        self.tell(shared, now_ms);
        // What was measured was the value.
        self.length = Default::default();
        self.stage = Stage::Written;
        Ok(None)
    }

    /// Writes what the job has of its value. Nothing leaves before the value's first piece: until then a fault could still take
    /// its place.
    fn write_value(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Option<Step>, Full> {
        let before = pieces.place();
        if !self.in_value {
            self.put_opening(pieces)?;
        }
        let opened = pieces.place();
        let wrote = self.write_pieces(pieces, shared, world);
        if !self.in_value && pieces.place() == opened && !matches!(wrote, Ok(None)) {
            pieces.rewind(before);
        } else {
            self.in_value = true;
        }
        match wrote? {
            None => self.stage = Stage::Closing,
            Some(Wrote::Part(Wait::Dump)) => return Ok(Some(Step::Dump)),
            Some(Wrote::Part(wait)) => self.wait(wait, shared, world.now_ms),
            Some(Wrote::Fault(fault)) => self.stage = Stage::Faulty(fault),
            Some(Wrote::Broken(fault)) => return Ok(self.break_off(fault, pieces, shared, world)),
        }
        Ok(None)
    }

    /// Writes the pieces of the job's value. `None`: the value is written to its end.
    fn write_pieces(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Option<Wrote>, Full> {
        if let Some(wrote) = self.job.work().write(pieces, shared, world)? {
            return Ok(Some(wrote));
        }
        let job = self.job.asks();
        pieces.piece(|writer| job.write_last(writer, shared, world.now_ms))?;
        Ok(None)
    }

    /// Writes what comes before a value: in a multicall each is alone in an array.
    fn put_opening(&self, pieces: &mut Pieces<'_, '_>) -> Result<(), Full> {
        let (is_text, is_multicall) = (self.is_text(), self.is_multicall());
        pieces.piece(|writer| match (is_text, is_multicall) {
            (true, _) => Ok(()),
            (false, true) => writer.array_open(),
            (false, false) => writer.reply_open(),
        })
    }

    /// The value can't be completed. While nothing of the reply was sent, all of it is taken back, and a fault takes its place.
    fn break_off(
        &mut self,
        fault: Fault,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &World<'_>,
    ) -> Option<Step> {
        shared.stats.add(Counter::ScanErrors);
        if self.in_value && (!world.is_unsent || self.is_multicall()) {
            return Some(broken_off(&fault));
        }
        if self.in_value {
            pieces.rewind(Place { len: 0, document: Document::new(self.document.style()) });
        }
        (self.in_value, self.stage) = (false, Stage::Faulty(fault));
        None
    }

    fn write_end(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &Shared,
        now_ms: u64,
    ) -> Result<Option<Step>, Full> {
        let (is_text, is_multicall) = (self.is_text(), self.is_multicall());
        pieces.piece(|writer| match (is_text, is_multicall) {
            (true, _) => Ok(()),
            (false, true) => writer.array_close(),
            (false, false) => writer.reply_close(),
        })?;
        self.tell(shared, now_ms);
        (self.in_value, self.stage) = (false, Stage::Written);
        Ok(None)
    }

    /// A value or a fault is written: the next call of a multicall is made, or the reply is at its end.
    fn write_between(
        &mut self,
        body: &str,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Option<Step>, Full> {
        if !self.is_multicall() {
            return Ok(Some(Step::Done));
        }
        if !self.is_opened {
            pieces.piece(|writer| {
                writer.reply_open()?;
                writer.array_open()
            })?;
            self.is_opened = true;
        }
        if self.make_next(body, shared, world) {
            return Ok(None);
        }
        pieces.piece(|writer| {
            writer.array_close()?;
            writer.reply_close()
        })?;
        Ok(Some(Step::Done))
    }
}

fn broken_off(fault: &Fault) -> Step {
    crate::log::warn(format_args!("a reply was broken off: {}", fault.text));
    Step::Abort
}
