//! What stands around the rows of a view or a summary, be they held or streamed.

use crate::out::Full;
use crate::rpc::World;
use crate::rpc::fault::Fault;
use crate::rpc::pieces::Measure;
use crate::syntax::Writer;

/// Rows that are measured between other events: about as long as a slice of a dump.
const MEASURE_ROWS: usize = 32;

/// The part of a view's value that is written next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Head,
    Rows,
    Tail,
}

/// What is known beside the rows once they are found.
#[derive(Clone, Copy, Default)]
pub(super) struct Frame {
    /// Entries in the kernel's table.
    count: u32,
    /// Milliseconds since the snapshot was taken, where the rows are of one.
    age_ms: Option<u64>,
    /// The value depends on rates, and the table has more flows than the rates are known of.
    partial: bool,
}

impl Frame {
    /// The rows are found, in the snapshot that was taken at `taken_ms` or in the kernel's table.
    ///
    /// # Errors
    /// A fault, when the kernel does not tell how many entries it has.
    pub(super) fn new(world: &mut World<'_>, taken_ms: Option<u64>, partial: bool) -> Result<Self, Fault> {
        let age_ms = taken_ms.map(|taken_ms| world.now_ms.saturating_sub(taken_ms));
        Ok(Frame { count: world.kernel.count()?.entries, age_ms, partial })
    }

    /// The rows are at their end: what is told then is whether the value depends on rates that are not all known.
    pub(super) fn ending(partial: bool) -> Self {
        Frame { partial, ..Frame::default() }
    }

    /// Writes what comes before the rows.
    pub(super) fn write_head(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.struct_open()?;
        writer.number("count", self.count.into())?;
        writer.number("autorefresh", self.age_ms.is_none().into())?;
        if let Some(age_ms) = self.age_ms {
            writer.number("snapshot_age", age_ms / 1000)?;
        }
        writer.member("table")?;
        writer.array_open()
    }

    /// Writes the end of the rows, how many there are in all, and whether only the rates of the fastest flows are known. Other
    /// members may follow.
    pub(super) fn close_rows(&self, writer: &mut Writer<'_>, total: u64) -> Result<(), Full> {
        writer.array_close()?;
        writer.member_close()?;
        writer.number("total", total)?;
        if self.partial {
            writer.text("rates", "partial")?;
        }
        Ok(())
    }

    /// Writes what comes behind the rows, where nothing else does.
    pub(super) fn write_tail(&self, writer: &mut Writer<'_>, total: u64) -> Result<(), Full> {
        self.close_rows(writer, total)?;
        writer.struct_close()
    }

    /// Adds up the length of the rows from `next` on, which `row` measures one by one, and of what comes before the first. True
    /// when `row` has none left.
    pub(super) fn measure(
        &self,
        next: &mut usize,
        measure: &mut Measure<'_, '_>,
        row: &mut dyn FnMut(usize, &mut Measure<'_, '_>) -> bool,
    ) -> bool {
        if *next == 0 {
            measure.piece(|writer| self.write_head(writer));
        }
        for _ in 0..MEASURE_ROWS {
            if !row(*next, measure) {
                return true;
            }
            *next += 1;
        }
        false
    }
}
