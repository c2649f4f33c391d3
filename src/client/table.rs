//! A table of text whose columns are as wide as what is in them.
//!
//! Rows come one after the other and are not kept: the widths of a block of rows are found together, and never shrink from one
//! block to the next. So a short table is aligned as a whole, and of a long one the first rows are out at once.

use super::columns::Column;
use crate::conntrack::flow::Flow;
use crate::limits::{BLOCK_ROWS, CELL_LEAST, CELLS_BYTES, COLUMNS};
use crate::out::{Full, Out};
use crate::query::context::Context;

/// The cells of one block of rows.
pub(super) struct Cells {
    bytes: Box<[u8]>,
    /// Where each cell ends in `bytes`, row by row.
    ends: Vec<u16>,
}

/// Cells of one block.
const CELLS: usize = BLOCK_ROWS * COLUMNS;

const _: () = assert!(CELLS_BYTES <= u16::MAX as usize, "the end of a cell has 16 bits");

/// How wide the columns are, in characters.
pub(super) type Widths = [usize; COLUMNS];

impl Cells {
    pub(super) fn new() -> Self {
        Cells { bytes: vec![0; CELLS_BYTES].into(), ends: Vec::with_capacity(CELLS) }
    }

    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    /// Adds the row of a flow, whole or not at all.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn push(
        &mut self,
        columns: &[Column],
        flow: &Flow,
        context: &Context,
        exact: bool,
    ) -> Result<(), Full> {
        self.row(&mut |cells| {
            columns.iter().try_for_each(|column| cells.cell(&mut |out| column.put(out, flow, context, exact)))
        })
    }

    /// Adds the cells that `put` adds, all of them or none.
    ///
    /// # Errors
    /// Those of `put`.
    pub(super) fn row(&mut self, put: &mut dyn FnMut(&mut Self) -> Result<(), Full>) -> Result<(), Full> {
        let mark = self.ends.len();
        let result = put(self);
        if result.is_err() {
            self.ends.truncate(mark);
        }
        result
    }

    /// Adds a cell.
    pub(super) fn cell(&mut self, put: &mut dyn FnMut(&mut Out<'_>) -> Result<(), Full>) -> Result<(), Full> {
        let mut out = Out::at(&mut self.bytes, usize::from(self.ends.last().copied().unwrap_or(0)));
        put(&mut out)?;
        let end = out.len() as u16;
        if self.ends.len() == CELLS {
            return Err(Full);
        }
        self.ends.push(end);
        Ok(())
    }

    /// The cell at this place of all.
    fn get(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or(0).into();
        let start = at.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(at)).unwrap_or_default()
    }

    /// Grows the widths to what is in the cells of so many columns.
    pub(super) fn widen(&self, columns: usize, widths: &mut Widths) {
        for at in 0..self.ends.len() {
            if let Some(width) = widths.get_mut(at % columns.max(1)) {
                *width = characters(self.get(at)).max(*width);
            }
        }
    }

    /// Whether all cells of a column say nothing.
    fn says_nothing(&self, column: usize, columns: usize) -> bool {
        let is_elsewhere = |at: usize| at % columns.max(1) != column;
        (0..self.ends.len()).all(|at| is_elsewhere(at) || matches!(self.get(at), b"-" | b"0x0"))
    }

    /// Appends the rows, a line each.
    pub(super) fn put_lines(&self, columns: &[Column], widths: &Widths, line: &mut Line) {
        let rows = self.ends.len() / columns.len().max(1);
        for row in 0..rows {
            self.put_line(row, columns, widths, line);
            line.end();
        }
    }

    /// Appends one row.
    pub(super) fn put_line(&self, row: usize, columns: &[Column], widths: &Widths, line: &mut Line) {
        for (at, (column, width)) in columns.iter().zip(widths).enumerate() {
            line.cell(self.get(row * columns.len() + at), *width, column.is_number());
        }
    }
}

/// Lines that are being written: cells with spaces between them.
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// Characters of this line so far, spaces included, and spaces that stand behind the last of them.
    used: usize,
    spaces: usize,
    /// Characters that a line may have.
    pub(super) most: usize,
}

impl Line {
    pub(super) fn new(most: usize) -> Self {
        Line { text: Vec::new(), used: 0, spaces: 0, most }
    }

    /// Appends a cell of this width; what is longer is cut where one can see it. A width of 0 is no cell.
    pub(super) fn cell(&mut self, text: &[u8], width: usize, at_right: bool) {
        if width == 0 {
            return;
        }
        let length = characters(text);
        if at_right {
            self.spaces += width.saturating_sub(length);
        }
        let room = width.min(self.most.saturating_sub(self.used + self.spaces));
        let (text, cut) =
            if length > room { (cut(text, room.saturating_sub(1)), room > 0) } else { (text, false) };
        if room > 0 {
            // Spaces at the end of a line are none of it.
            self.text.resize(self.text.len() + self.spaces, b' ');
            self.used += self.spaces + length.min(room);
            self.text.extend_from_slice(text);
            self.text.extend_from_slice(if cut { b"~" } else { b"" });
            self.spaces = 0;
        }
        self.spaces += 1 + if at_right { 0 } else { width.saturating_sub(length) };
    }

    /// The line, where it is the only one, without its end.
    pub(super) fn as_str(&self) -> &str {
        let line = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        core::str::from_utf8(line).unwrap_or_default()
    }

    pub(super) fn end(&mut self) {
        self.text.push(b'\n');
        (self.used, self.spaces) = (0, 0);
    }
}

/// How many characters a text has.
pub(super) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

/// The first so many characters of a text.
pub(super) fn cut(text: &[u8], most: usize) -> &[u8] {
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
    let end = starts.map(|(at, _)| at).nth(most).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The widths of the headings.
pub(super) fn heading_widths(columns: &[Column]) -> Widths {
    let mut widths = Widths::default();
    for (width, column) in widths.iter_mut().zip(columns) {
        *width = column.name().len();
    }
    widths
}

/// Takes from the widest columns of text what a line has too much for `most` characters, as far as they stay readable.
pub(super) fn fit(columns: &[Column], widths: &mut Widths, most: usize) {
    loop {
        let (mut line, mut widest, mut most_wide) = (0, None, CELL_LEAST);
        for (column, width) in columns.iter().zip(widths.iter_mut()) {
            line += if *width > 0 { *width + 1 } else { 0 };
            if !column.is_number() && *width > CELL_LEAST && *width >= most_wide {
                most_wide = *width;
                widest = Some(width);
            }
        }
        match widest {
            // The last column has no space behind it.
            Some(width) if line > most.saturating_add(1) => *width -= 1,
            _ => return,
        }
    }
}

/// Appends the headings as a line.
pub(super) fn put_headings(columns: &[Column], widths: &Widths, line: &mut Line) {
    let start = line.text.len();
    for (column, width) in columns.iter().zip(widths) {
        line.cell(column.name().as_bytes(), *width, column.is_number());
    }
    line.text.get_mut(start..).unwrap_or_default().make_ascii_uppercase();
    line.end();
}

/// A table on its way out.
pub(super) struct Table {
    columns: &'static [Column],
    cells: Cells,
    widths: Widths,
    line: Line,
    has_header: bool,
    exact: bool,
    /// The last column may go if it says nothing, which the first block tells if there is no other.
    pub(super) is_mark_optional: bool,
    is_begun: bool,
}

impl Table {
    /// A table whose lines have at most so many characters.
    pub(super) fn new(columns: &'static [Column], has_header: bool, exact: bool, most: usize) -> Self {
        let widths = heading_widths(columns);
        let (cells, line) = (Cells::new(), Line::new(most));
        Table { columns, cells, widths, line, has_header, exact, is_mark_optional: false, is_begun: false }
    }

    /// Adds a row, and gives lines that are to be written, which are none as a rule.
    pub(super) fn row(&mut self, flow: &Flow, context: &Context) -> &[u8] {
        self.line.text.clear();
        if self.cells.push(self.columns, flow, context, self.exact).is_err() {
            self.flush(false);
            // An empty block has room for any row.
            let _ = self.cells.push(self.columns, flow, context, self.exact);
        }
        &self.line.text
    }

    /// The lines that are left. An empty table is its headings.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.line.text.clear();
        self.flush(true);
        &self.line.text
    }

    fn flush(&mut self, is_last: bool) {
        let columns = self.columns.len();
        self.cells.widen(columns, &mut self.widths);
        if is_last && !self.is_begun && self.is_mark_optional && self.cells.says_nothing(columns - 1, columns)
        {
            if let Some(width) = self.widths.get_mut(columns - 1) {
                *width = 0;
            }
        }
        fit(self.columns, &mut self.widths, self.line.most);
        if !self.is_begun && self.has_header {
            put_headings(self.columns, &self.widths, &mut self.line);
        }
        self.is_begun = true;
        self.cells.put_lines(self.columns, &self.widths, &mut self.line);
        self.cells.clear();
    }
}
