//! A long view in the kernel's own order: its rows are pulled from a dump of its own as fast as the client takes them, and no
//! memory holds them.

use super::table::{Frame, Part};
use crate::conntrack::flow::ReadError;
use crate::conntrack::message::Message;
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::reader::DumpProgress;
use crate::out::Full;
use crate::query::entry::Entry;
use crate::query::page::Candidate;
use crate::query::view::View;
use crate::rpc::fault::{Code, Fault};
use crate::rpc::pieces::Pieces;
use crate::rpc::work::{Wait, Work, Wrote};
use crate::rpc::{Shared, World, row};
use crate::stats::Counter;
use crate::syntax::Writer;

/// A listing under way.
pub(crate) struct Listing {
    view: View,
    /// Matching flows that are still to be passed over, and those that are still to be written (`u64::MAX` for all).
    skip: u64,
    left: u64,
    /// Matching flows so far, and rows that are written.
    total: u64,
    rows: u64,
    part: Part,
}

/// Why no further row can be written.
enum Stop {
    Full,
    Unreadable(ReadError),
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Stop::Full
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Stop::Unreadable(error)
    }
}

impl Listing {
    /// The listing of `length` rows (all with `None`) after the first `start` of `view`.
    pub(super) fn new(view: View, start: u64, length: Option<u64>) -> Self {
        Listing { view, skip: start, left: length.unwrap_or(u64::MAX), total: 0, rows: 0, part: Part::Head }
    }

    /// Writes rows from the call's dump, at most those of one receive. `None`: the dump is at its end.
    fn write_rows(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Option<Wrote>, Full> {
        let Some(dump) = world.dump.as_deref_mut() else {
            let lost = Fault::new(Code::Internal, format_args!("the listing has lost its dump"));
            return Ok(Some(Wrote::Broken(lost)));
        };
        let mut unreadable = None;
        shared.context.rates.set_time(dump.ready_ms(world.now_ms));
        let read = dump.read(world.now_ms, &mut |message| match self.write_row(message, pieces, shared) {
            Err(Stop::Unreadable(error)) => {
                unreadable = Some(error);
                Err(Full)
            }
            Err(Stop::Full) => Err(Full),
            Ok(()) => {
                shared.stats.add(Counter::Entries);
                Ok(())
            }
        });
        if let Some(error) = unreadable {
            return Ok(Some(Wrote::Broken(error.into())));
        }
        match read {
            Ok(DumpProgress::Full) => Err(Full),
            // What was written goes out before more is received.
            Ok(DumpProgress::More | DumpProgress::Blocked) => Ok(Some(Wrote::Part(Wait::Dump))),
            Ok(DumpProgress::Done) => Ok(None),
            Err(error) => {
                if error.errno == libc::ENOBUFS {
                    shared.stats.add(Counter::NetlinkOverruns);
                }
                Ok(Some(Wrote::Broken(error.into())))
            }
        }
    }

    fn write_row(
        &mut self,
        message: &Message<'_>,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
    ) -> Result<(), Stop> {
        let context = &mut shared.context;
        let needs = self.view.filter.needs() | context.needs();
        let mut entry = Entry::new(message);
        entry.read(needs, &mut context.labels)?;
        if !self.view.filter.admits(entry.flow(), context) {
            return Ok(());
        }
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.left > 0 {
            let flow = entry.full(context)?;
            pieces.piece(|writer| row::write(writer, flow, context, self.view.fields))?;
            self.left -= u64::from(self.left != u64::MAX);
            self.rows += 1;
        }
        self.total += 1;
        Ok(())
    }
}

impl Work for Listing {
    fn waits_for(&self) -> Wait {
        Wait::Dump
    }

    fn kernel_plan(&self) -> KernelPlan {
        self.view.filter.kernel_plan()
    }

    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) -> Result<Option<Wrote>, Full> {
        if self.part == Part::Head {
            let frame = match Frame::new(world, None, false) {
                Ok(frame) => frame,
                Err(fault) => return Ok(Some(Wrote::Fault(fault))),
            };
            pieces.piece(|writer| frame.write_head(writer))?;
            self.part = Part::Rows;
        }
        if self.part == Part::Rows {
            if let Some(wrote) = self.write_rows(pieces, shared, world)? {
                return Ok(Some(wrote));
            }
            self.part = Part::Tail;
        }
        Ok(None)
    }

    fn write_last(&self, writer: &mut Writer<'_>, shared: &Shared, _: u64) -> Result<(), Full> {
        // Whether all rates are known is told as it is at the end of the dump.
        Frame::ending(self.view.lacks_rates(&shared.context)).write_tail(writer, self.total)
    }

    fn rows(&self) -> u64 {
        self.rows
    }
}
