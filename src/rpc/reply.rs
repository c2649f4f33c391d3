//! The reply, written piece by piece as the output has room.
//!
//! Each piece is whole or not there: when the output is full the call keeps its stage and the piece is written again when
//! there is room. The largest piece is a row, which a client's output holds with ease.

use super::fault::Fault;
use super::procedures::PROCEDURES;
use super::row;
use super::task::{Answer, Source, Stage, Task};
use super::{Engine, Step, World};
use crate::conntrack::flow::{ALL, Flow, ReadError};
use crate::conntrack::message::Message;
use crate::conntrack::request::KernelFilter;
use crate::out::{Full, Out};
use crate::stats::{Counter, KERNEL_NAMES};
use crate::xmlrpc::encode::{
    self, ARRAY_CLOSE, ARRAY_OPEN, MEMBER_CLOSE, STRUCT_CLOSE, STRUCT_OPEN, WideInts,
};

/// In front of and behind the value of each call of a multicall.
const RESULT_OPEN: &[u8] = ARRAY_OPEN;
const RESULT_CLOSE: &[u8] = ARRAY_CLOSE;

impl Engine {
    /// Writes the next piece of the reply. `None`: go on.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    pub(super) fn write(
        &mut self,
        slot: usize,
        body: &str,
        out: &mut Out<'_>,
        world: &mut World<'_>,
    ) -> Result<Option<Step>, Full> {
        let stage = self.tasks.get(slot).map(|t| t.stage.clone()).unwrap_or_default();
        match stage {
            Stage::Answering(answer) => self.write_answer(slot, out, &answer, world.now_ms),
            Stage::ViewHead => self.write_view_head(slot, out, world),
            Stage::ViewRows => self.write_view_rows(slot, out),
            Stage::ViewTail => self.write_view_tail(slot, out),
            Stage::Written => self.end_call(slot, body, out),
            _ => Ok(None),
        }
    }

    fn stage(&mut self, slot: usize, stage: Stage) -> Option<Step> {
        if let Some(task) = self.tasks.get_mut(slot) {
            (task.stage, task.begun) = (stage, true);
        }
        None
    }

    fn set_in_value(&mut self, slot: usize, in_value: bool) {
        if let Some(task) = self.tasks.get_mut(slot) {
            task.in_value = in_value;
        }
    }

    fn write_answer(
        &mut self,
        slot: usize,
        out: &mut Out<'_>,
        answer: &Answer,
        now_ms: u64,
    ) -> Result<Option<Step>, Full> {
        let Some(task) = self.tasks.get(slot) else {
            return Ok(Some(Step::Abort));
        };
        if let Answer::Fault(fault) = answer {
            // In the middle of a value there is no place for a fault.
            if task.in_value {
                crate::log::warn(format_args!("a reply was broken off: {}", fault.text));
                return Ok(Some(Step::Abort));
            }
            let (code, text) = (fault.code.number(), fault.text.as_str());
            match task.multicall {
                Some(_) => encode::fault_struct(out, code, text)?,
                None => encode::fault(out, code, text)?,
            }
            self.stats.add(Counter::Faults);
            let multicall = self.tasks.get(slot).is_some_and(|t| t.multicall.is_some());
            return Ok(if multicall { self.stage(slot, Stage::Written) } else { self.end_reply(slot) });
        }
        out.atomically(|out| {
            task.open(out)?;
            self.put_answer(out, answer, now_ms)?;
            task.close(out)
        })?;
        Ok(self.stage(slot, Stage::Written))
    }

    fn put_answer(&self, out: &mut Out<'_>, answer: &Answer, now_ms: u64) -> Result<(), Full> {
        let wide = self.settings.wide;
        match answer {
            Answer::Bool(value) => encode::boolean(out, *value),
            Answer::Int(value) => encode::int(out, *value, wide),
            Answer::Session(id) => encode::string(out, id),
            Answer::Methods => {
                out.put(ARRAY_OPEN)?;
                PROCEDURES.iter().try_for_each(|p| encode::string(out, p.name))?;
                out.put(ARRAY_CLOSE)
            }
            &Answer::Signature(at) => {
                out.put(ARRAY_OPEN)?;
                for signature in PROCEDURES.get(at).map_or(&[][..], |p| p.signatures) {
                    out.put(ARRAY_OPEN)?;
                    signature.iter().try_for_each(|kind| encode::string(out, kind))?;
                    out.put(ARRAY_CLOSE)?;
                }
                out.put(ARRAY_CLOSE)
            }
            &Answer::Help(at) => encode::string(out, PROCEDURES.get(at).map_or("", |p| p.help)),
            Answer::Stats => self.put_stats(out, now_ms),
            // Written by the caller.
            Answer::Fault(_) => Ok(()),
        }
    }

    fn put_stats(&self, out: &mut Out<'_>, now_ms: u64) -> Result<(), Full> {
        let (stats, wide) = (&self.stats, self.settings.wide);
        out.put(STRUCT_OPEN)?;
        put_number(out, "count", stats.table.entries.into(), wide)?;
        if let Some(most) = stats.table.most {
            put_number(out, "max", most.into(), wide)?;
        }
        put_number(out, "uptime", now_ms.saturating_sub(stats.started_ms) / 1000, wide)?;
        encode::member_open(out, "version")?;
        encode::string(out, env!("CARGO_PKG_VERSION"))?;
        out.put(MEMBER_CLOSE)?;
        encode::member_open(out, "kernel")?;
        out.put(STRUCT_OPEN)?;
        for (name, value) in KERNEL_NAMES.iter().zip(stats.kernel) {
            if let Some(value) = value.filter(|_| !name.is_empty()) {
                put_number(out, name, value, wide)?;
            }
        }
        out.put(STRUCT_CLOSE)?;
        out.put(MEMBER_CLOSE)?;
        encode::member_open(out, "daemon")?;
        out.put(STRUCT_OPEN)?;
        stats.iter().try_for_each(|(name, value)| put_number(out, name, value, wide))?;
        out.put(STRUCT_CLOSE)?;
        out.put(MEMBER_CLOSE)?;
        out.put(STRUCT_CLOSE)
    }

    fn write_view_head(
        &mut self,
        slot: usize,
        out: &mut Out<'_>,
        world: &mut World<'_>,
    ) -> Result<Option<Step>, Full> {
        let count = match world.kernel.count() {
            Ok(count) => count.entries,
            Err(error) => {
                let fault = Stage::Answering(Answer::Fault(error.into()));
                if let Some(task) = self.tasks.get_mut(slot) {
                    task.stage = fault;
                }
                return Ok(None);
            }
        };
        let Some(task) = self.tasks.get(slot) else {
            return Ok(Some(Step::Abort));
        };
        let wide = self.settings.wide;
        let age_s = self.snapshot_at_ms.map(|at| world.now_ms.saturating_sub(at) / 1000);
        out.atomically(|out| {
            task.open(out)?;
            out.put(STRUCT_OPEN)?;
            put_number(out, "count", count.into(), wide)?;
            put_number(out, "autorefresh", (!task.of_snapshot).into(), wide)?;
            if let Some(age_s) = age_s.filter(|_| task.of_snapshot) {
                put_number(out, "snapshot_age", age_s, wide)?;
            }
            encode::member_open(out, "table")?;
            out.put(ARRAY_OPEN)
        })?;
        let next = if task.page.is_some() { Stage::ViewRows } else { Stage::Streaming };
        self.set_in_value(slot, true);
        Ok(self.stage(slot, next))
    }

    fn write_view_rows(&mut self, slot: usize, out: &mut Out<'_>) -> Result<Option<Step>, Full> {
        let wide = self.settings.wide;
        let Some(task) = self.tasks.get_mut(slot) else {
            return Ok(Some(Step::Abort));
        };
        let Some(page) = &mut task.page else {
            return Ok(Some(Step::Abort));
        };
        while let Some(row) = page.row(&self.pool, &task.lease) {
            row::write(out, &row.flow, &self.context, task.fields, wide)?;
            page.written();
        }
        let source = if task.of_snapshot { Source::Snapshot } else { Source::Kernel };
        let more = page.go_on(&self.pool, &task.lease);
        Ok(self.stage(slot, if more { Stage::Waiting(source) } else { Stage::ViewTail }))
    }

    fn write_view_tail(&mut self, slot: usize, out: &mut Out<'_>) -> Result<Option<Step>, Full> {
        let wide = self.settings.wide;
        let Some(task) = self.tasks.get_mut(slot) else {
            return Ok(Some(Step::Abort));
        };
        let total = task.page.as_ref().map_or(task.stream.2, |page| page.total());
        out.atomically(|out| {
            out.put(ARRAY_CLOSE)?;
            out.put(MEMBER_CLOSE)?;
            put_number(out, "total", total, wide)?;
            out.put(STRUCT_CLOSE)?;
            task.close(out)
        })?;
        self.pool.release(&mut task.lease);
        (task.page, task.in_value) = (None, false);
        Ok(self.stage(slot, Stage::Written))
    }

    /// A call's value is written: the next call of a multicall, or the end of the reply.
    fn end_call(&mut self, slot: usize, body: &str, out: &mut Out<'_>) -> Result<Option<Step>, Full> {
        let Some(task) = self.tasks.get(slot) else {
            return Ok(Some(Step::Abort));
        };
        if task.multicall.is_none() {
            return Ok(self.end_reply(slot));
        }
        if !task.begun {
            out.atomically(|out| {
                encode::response_open(out)?;
                out.put(ARRAY_OPEN)
            })?;
            return Ok(self.stage(slot, Stage::Written));
        }
        if self.next_call(slot, body) {
            return Ok(None);
        }
        out.atomically(|out| {
            out.put(ARRAY_CLOSE)?;
            encode::response_close(out)
        })?;
        Ok(self.end_reply(slot))
    }

    fn end_reply(&mut self, slot: usize) -> Option<Step> {
        self.forget(slot);
        Some(Step::Done)
    }

    /// The call of `slot` may begin its own dump of the kernel's table: what the kernel may leave out. `None` if it does
    /// not wait for one.
    pub fn begin_stream(&mut self, slot: usize) -> Option<KernelFilter> {
        let task = self.tasks.get_mut(slot)?;
        if task.stage != Stage::WaitingForStream {
            return None;
        }
        (task.page, task.stage) = (None, Stage::ViewHead);
        self.stats.add(Counter::Scans);
        Some(self.settings.kernel_filter(task.filter.kernel()))
    }

    /// Writes the row of an entry of the call's own dump, if it is wanted.
    ///
    /// # Errors
    /// [`Full`]: offer the same entry again when there is room.
    pub fn stream_row(
        &mut self,
        slot: usize,
        message: &Message<'_>,
        out: &mut Out<'_>,
    ) -> Result<Option<Step>, Full> {
        let Some(task) = self.tasks.get_mut(slot) else {
            return Ok(Some(Step::Abort));
        };
        let needs = task.filter.needs() | self.context.needs();
        let (skip, wanted, total) = task.stream;
        let flow = match Flow::read(message, needs, &mut self.context.labels) {
            Ok(flow) => flow,
            Err(error) => return Ok(Some(self.break_off(error))),
        };
        if self.context.hides(&flow) || !task.filter.matches(&flow, &self.context) {
            return Ok(None);
        }
        if skip == 0 && wanted > 0 {
            let flow = match Flow::read(message, ALL, &mut self.context.labels) {
                Ok(flow) => flow,
                Err(error) => return Ok(Some(self.break_off(error))),
            };
            row::write(out, &flow, &self.context, task.fields, self.settings.wide)?;
            let left = if wanted == u64::MAX { wanted } else { wanted - 1 };
            task.stream = (0, left, total + 1);
        } else {
            task.stream = (skip.saturating_sub(1), wanted, total + 1);
        }
        Ok(None)
    }

    /// An entry of a call's own dump can't be read.
    fn break_off(&mut self, error: ReadError) -> Step {
        self.stats.add(Counter::ScanErrors);
        crate::log::warn(format_args!("a listing was broken off: {}", Fault::from(error).text));
        Step::Abort
    }

    /// The call's own dump is over.
    pub fn stream_end(&mut self, slot: usize) {
        self.stage(slot, Stage::ViewTail);
    }

    /// Whether the call stands alone, so that its reply can begin anew while nothing of it was sent.
    #[must_use]
    pub fn is_single(&self, slot: usize) -> bool {
        self.tasks.get(slot).is_some_and(|task| task.multicall.is_none())
    }

    /// The call's own dump failed, and nothing of its value was sent: a fault says so.
    pub fn stream_failed(&mut self, slot: usize, error: crate::conntrack::socket::OpError) {
        self.stats.add(Counter::ScanErrors);
        if let Some(task) = self.tasks.get_mut(slot) {
            (task.stage, task.in_value) = (Stage::Answering(Answer::Fault(error.into())), false);
        }
    }
}

impl Task {
    /// What comes before a value.
    fn open(&self, out: &mut Out<'_>) -> Result<(), Full> {
        match self.multicall {
            Some(_) => out.put(RESULT_OPEN),
            None => encode::response_open(out),
        }
    }

    /// What comes behind a value.
    fn close(&self, out: &mut Out<'_>) -> Result<(), Full> {
        match self.multicall {
            Some(_) => out.put(RESULT_CLOSE),
            None => encode::response_close(out),
        }
    }
}

fn put_number(out: &mut Out<'_>, name: &str, value: u64, wide: WideInts) -> Result<(), Full> {
    encode::member_open(out, name)?;
    encode::uint(out, value, wide)?;
    out.put(MEMBER_CLOSE)
}
