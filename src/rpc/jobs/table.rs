//! What stands around the rows of a view, be they held or streamed.

use crate::out::Full;
use crate::syntax::Writer;

/// The part of a view's value that is written next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Head,
    Rows,
    Tail,
}

/// Writes what comes before the rows: entries in the kernel's table, and the milliseconds since the snapshot was taken where
/// the view is one of a snapshot.
pub(super) fn write_head(writer: &mut Writer<'_>, count: u32, age_ms: Option<u64>) -> Result<(), Full> {
    writer.struct_open()?;
    writer.number("count", count.into())?;
    writer.number("autorefresh", age_ms.is_none().into())?;
    if let Some(age_ms) = age_ms {
        writer.number("snapshot_age", age_ms / 1000)?;
    }
    writer.member("table")?;
    writer.array_open()
}

/// Writes what comes behind the rows: how many flows match in all, and whether only the rates of the fastest are known.
pub(super) fn write_tail(writer: &mut Writer<'_>, total: u64, partial: bool) -> Result<(), Full> {
    close_table(writer, total, partial)?;
    writer.struct_close()
}

/// Writes the end of the rows, how many there are in all, and whether only the rates of the fastest flows are known.
pub(super) fn close_table(writer: &mut Writer<'_>, total: u64, partial: bool) -> Result<(), Full> {
    writer.array_close()?;
    writer.member_close()?;
    writer.number("total", total)?;
    if partial {
        writer.member("rates")?;
        writer.string(b"partial")?;
        writer.member_close()?;
    }
    Ok(())
}
