//! The lines of a screen, and of a table in place of it.

use super::reading::Reading;
use super::shown::Mode;
use super::state::{Input, State};
use crate::client::columns::Columns;
use crate::client::format::{Grouped, put_rate};
use crate::client::groups;
use crate::client::list::most_characters;
use crate::client::table::{Cells, Line, Widths, characters, cut, fit, heading_widths, put_headings};
use crate::client::text::shown;
use crate::out::{Full, Out};
use core::fmt::{self, Write};

/// Lines of a screen that are none of the table's rows: two above, the headings, and one below.
const OTHER_LINES: usize = 4;

/// What is at the bottom of the screen.
const KEYS: &str = "/ filter  s S sort  g group  arrows select  k kill  space pause  ? help  q quit";

const HELP: &[&str] = &[
    "/            type a filter, as rctd list has them; Enter takes it, Escape leaves it",
    "s  S         sort by the next column; in the other direction",
    "g            connections, local hosts, remote hosts, services",
    "up, down     select a row: all rows stay where they are until Escape",
    "page keys    further rows; Home the first ones",
    "k            kill what is selected, after asking",
    "space        pause, and go on",
    "q            quit",
    "",
    "DOWN and UP are what the side that was called sends, and what the caller sends.",
    "",
    "Any key goes on.",
];

/// Rows that fit a screen of so many columns and lines.
pub(super) fn rows_of((_, lines): (usize, usize)) -> usize {
    lines.saturating_sub(OTHER_LINES).max(1)
}

/// What is shown, as a table on the standard output.
pub(super) fn table(state: &State, reading: &Reading) -> Vec<u8> {
    let mut text = [&first_line(reading), "\n"].concat();
    lines(state, reading, most_characters(), &mut |_, line| text.extend([line, "\n"]));
    text.into_bytes()
}

/// What is shown, as a screen of this size: columns and lines.
pub(super) fn screen(state: &State, reading: &Reading, size: (usize, usize)) -> Vec<u8> {
    let mut frame = Frame { bytes: b"\x1b[H".to_vec(), columns: size.0, left: size.1 };
    if matches!(state.input, Input::Help) {
        HELP.iter().for_each(|line| frame.line(line, ""));
        frame.end();
        return frame.bytes;
    }
    frame.line(&first_line(reading), "");
    frame.line(&second_line(state, reading), "");
    put_rows(state, reading, &mut frame, rows_of(size));
    while frame.left > 1 {
        frame.line("", "");
    }
    frame.line(&last_line(state), "");
    frame.end();
    frame.bytes
}

/// A screen that is being written from the top.
struct Frame {
    bytes: Vec<u8>,
    columns: usize,
    /// Lines that still fit.
    left: usize,
}

impl Frame {
    /// Writes a line as far as it fits. `style` is the sequence that it is shown with.
    fn line(&mut self, text: &str, style: &str) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.bytes.extend_from_slice(style.as_bytes());
        let fits = cut(text.as_bytes(), self.columns);
        self.bytes.extend_from_slice(fits);
        if !style.is_empty() {
            // The style is that of the whole line.
            let used = characters(fits);
            self.bytes.resize(self.bytes.len() + self.columns - used.min(self.columns), b' ');
            self.bytes.extend_from_slice(b"\x1b[0m");
        }
        // A line that is full has nothing behind it that could be cleared, and some terminals would clear its last character.
        if style.is_empty() && characters(fits) < self.columns {
            self.bytes.extend_from_slice(b"\x1b[K");
        }
        self.bytes.extend_from_slice(if left > 0 { b"\r\n" } else { b"" });
        self.left = left;
    }

    fn end(&mut self) {
        while self.left > 0 {
            self.line("", "");
        }
    }
}

/// How full the table is, what changes, and how much passes.
fn first_line(reading: &Reading) -> String {
    let count = reading.count;
    let of = match count.most.filter(|most| *most > 0) {
        Some(most) => {
            let percent = u64::from(count.entries) * 100 / u64::from(most);
            format!(" of {} ({percent}%)", Grouped(most.into()))
        }
        None => String::new(),
    };
    let gain = match reading.gain {
        Some(gain) => {
            let sign = if gain.is_loss && gain.entries > 0 { '-' } else { '+' };
            format!("  {sign}{}/s", Grouped(gain.entries))
        }
        None => String::new(),
    };
    let (entries, down, up) = (Grouped(count.entries.into()), Rate(reading.down), Rate(reading.up));
    format!("{entries}{of} connections{gain}  down {down}  up {up}")
}

/// Bytes a second, as people read them.
struct Rate(u64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buf = [0; 32];
        let mut out = Out::new(&mut buf);
        // There is room for any rate.
        let _ = put_rate(&mut out, self.0);
        f.write_str(core::str::from_utf8(out.as_bytes()).unwrap_or_default())
    }
}

/// What is shown of it.
fn second_line(state: &State, reading: &Reading) -> String {
    let (sort, descending) = state.shown.sort();
    let direction = if descending { "" } else { ", the smallest first" };
    let paused = if state.is_paused { "  PAUSED" } else { "" };
    let frozen = if state.shown.selected.is_some() { "  rows stay (Escape)" } else { "" };
    let partial = if reading.context.rates.is_partial() { "  rates of the fastest" } else { "" };
    let mut text = [&state.shown.words, ": "].concat();
    // Writing to a string does not fail.
    if let Some(name) = state.shown.groups_name() {
        let _ = write!(text, "{} {name} of ", Grouped(reading.groups_total as u64));
    }
    let _ = write!(text, "{} connections", Grouped(reading.matched));
    if state.shown.start > 0 {
        let _ = write!(text, ", after {}", Grouped(state.shown.start));
    }
    let _ = write!(text, "  by {sort}{direction}{paused}{frozen}{partial}");
    text
}

fn last_line(state: &State) -> String {
    let message = &state.message;
    match &state.input {
        Input::Filter(text) => {
            let gap = if message.is_empty() { "" } else { "   " };
            format!("filter: {}_{gap}{message}", shown(text))
        }
        Input::Answer(_, what) => format!("kill {what}? [y/N]"),
        _ if state.message.is_empty() => KEYS.to_owned(),
        _ => state.message.clone(),
    }
}

fn columns(state: &State) -> Columns {
    match state.shown.mode {
        Mode::Flows => state.shown.columns(),
        Mode::Groups(_) => groups::columns(&state.shown.group_by(), true),
    }
}

/// Adds the cells of one row.
fn push(
    cells: &mut Cells,
    at: usize,
    state: &State,
    reading: &Reading,
    columns: &Columns,
) -> Result<(), Full> {
    match state.shown.mode {
        Mode::Flows => match reading.rows.get(at) {
            Some((flow, _)) => cells.push(columns, flow, reading.context, false),
            None => Ok(()),
        },
        Mode::Groups(_) => match reading.groups.get(at) {
            Some(group) => groups::push(cells, group, &state.shown.group_by(), reading.context, true, false),
            None => Ok(()),
        },
    }
}

/// How wide the columns are: all rows are looked at, and none of their cells is kept.
fn widths(state: &State, reading: &Reading, columns: &Columns, most: usize) -> Widths {
    let (mut cells, mut widths) = (Cells::new(), heading_widths(columns));
    for at in 0..reading.shown_rows(&state.shown) {
        cells.clear();
        // One row has room.
        let _ = push(&mut cells, at, state, reading, columns);
        cells.widen(columns.len(), &mut widths);
    }
    fit(columns, &mut widths, most);
    widths
}

/// Hands the headings and the rows, each a line with its place among the rows, to `each`.
fn lines(state: &State, reading: &Reading, most: usize, each: &mut dyn FnMut(Option<usize>, &str)) {
    let columns = columns(state);
    let widths = widths(state, reading, &columns, most);
    let (mut cells, mut line) = (Cells::new(), Line::new(most));
    put_headings(&columns, &widths, &mut line);
    each(None, line.as_str());
    for at in 0..reading.shown_rows(&state.shown) {
        cells.clear();
        line.text.clear();
        // One row has room.
        let _ = push(&mut cells, at, state, reading, &columns);
        cells.put_lines(&columns, &widths, &mut line);
        each(Some(at), line.as_str());
    }
}

/// Writes headings and rows. The selected one is inverted, and one that has ended is faint.
fn put_rows(state: &State, reading: &Reading, frame: &mut Frame, most: usize) {
    lines(state, reading, frame.columns.saturating_sub(1), &mut |at, line| {
        let Some(at) = at else {
            return frame.line(&[" ", line].concat(), "\x1b[1m");
        };
        if at >= most {
            return;
        }
        let is_selected = state.shown.selected == Some(at);
        let has_ended = state.shown.mode == Mode::Flows && reading.rows.get(at).is_some_and(|row| row.1);
        let style = match (is_selected, has_ended) {
            (true, _) => "\x1b[7m",
            (_, true) => "\x1b[2m",
            _ => "",
        };
        // Terminals that show no style see the sign.
        let sign = match (has_ended, is_selected) {
            (true, _) => "x",
            (_, true) => ">",
            _ => " ",
        };
        frame.line(&[sign, line].concat(), style);
    });
}
