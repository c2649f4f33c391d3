//! `rctd top`: what is busy now, drawn anew every second.
//!
//! | file | subject |
//! |---|---|
//! | `keys` | bytes that a terminal sends, as keys |
//! | `reading` | the table read once for what is shown |
//! | `shown` | what is asked of the table |
//! | `state` | what keys do to that |
//! | `draw` | the lines of a screen |

mod draw;
mod keys;
mod reading;
mod shown;
mod state;

use super::kernel::Scan;
use super::{Failure, Known, print};
use crate::limits::TOP_KEYS_BYTES;
use crate::query::field::RATES;
use crate::sys::screen::{Event, Screen};
use crate::sys::{self, file};
use keys::Key;
use reading::Reading;
use state::{Input, Next, State};
use std::time::Instant;

/// What is shown first, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The filter, as text.
    pub filter: String,
    /// What is known of the network.
    pub known: Known,
    /// Seconds from one drawing to the next.
    pub delay_s: u64,
    /// Tables on the standard output, in place of a screen.
    pub batch: bool,
    /// How many of them; without end if nothing is said.
    pub times: Option<u64>,
    /// Rows of each.
    pub limit: usize,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let state = State::new(&options.filter)?;
    let reading = Reading::open(&options.known)?;
    if options.batch {
        return batch(options, state, reading);
    }
    let term = sys::environment(c"TERM").unwrap_or("");
    if !sys::is_terminal(file::STDOUT) || matches!(term, "" | "dumb") {
        return Err(Failure::usage(format_args!(
            "rctd top takes a terminal whose cursor can be moved (TERM names none); --batch prints tables instead"
        )));
    }
    let screen =
        Screen::open().map_err(|error| Failure::new(format_args!("can't take the terminal: {error}")))?;
    let result = interactive(options, state, reading, &screen);
    // The terminal is as it was before anything is said.
    drop(screen);
    result
}

/// Prints a table each time.
fn batch(options: &Options, state: &mut State, reading: &mut Reading) -> Result<(), Failure> {
    reading.kernel.prepare(&Scan::of_all(RATES, false), reading.context)?;
    let mut done = 0;
    loop {
        let began = Instant::now();
        reading.read(&state.shown, options.limit)?;
        print(&draw::table(state, reading))?;
        done += 1;
        if options.times.is_some_and(|times| done >= times) {
            return Ok(());
        }
        print(b"\n")?;
        sys::sleep((options.delay_s * 1000).saturating_sub(sys::since_ms(began)));
    }
}

fn interactive(
    options: &Options,
    state: &mut State,
    reading: &mut Reading,
    screen: &Screen,
) -> Result<(), Failure> {
    let gone = |error: std::io::Error| Failure::new(format_args!("the terminal is gone: {error}"));
    let began = Instant::now();
    let (mut due_ms, mut bytes) = (0, [0; TOP_KEYS_BYTES]);
    loop {
        let size = screen.size();
        let now_ms = sys::since_ms(began);
        if now_ms >= due_ms {
            reading.read(&state.shown, draw::rows_of(size))?;
            due_ms = now_ms + options.delay_s * 1000;
        }
        screen.draw(&draw::screen(state, reading, size)).map_err(gone)?;
        // While it is paused nothing is due.
        let left_ms = if state.is_paused { 3_600_000 } else { due_ms.saturating_sub(sys::since_ms(began)) };
        match screen.wait(left_ms, &mut bytes).map_err(gone)? {
            Event::Ended => return Ok(()),
            Event::Resized => due_ms = if state.is_paused { due_ms } else { 0 },
            Event::Over => due_ms = if state.is_paused { u64::MAX } else { due_ms },
            Event::Keys(length) => {
                let keys = keys::parse(bytes.get(..length).unwrap_or_default());
                match take(&keys, state, reading, draw::rows_of(size))? {
                    Next::Draw => {}
                    Next::Read => due_ms = 0,
                    Next::Quit => return Ok(()),
                }
                if state.is_paused && due_ms != 0 {
                    due_ms = u64::MAX;
                } else if due_ms == u64::MAX {
                    due_ms = 0;
                }
            }
        }
    }
}

/// Takes keys that were typed before anything of what they do could be seen. Those that are about a row find the rows that were
/// asked for before them, and none behind a question answers it.
fn take(keys: &[Key], state: &mut State, reading: &mut Reading, rows: usize) -> Result<Next, Failure> {
    let mut next = Next::Draw;
    for &key in keys {
        if next == Next::Read && matches!(key, Key::Up | Key::Down) {
            reading.read(&state.shown, rows)?;
            next = Next::Draw;
        }
        match state.key(key, reading, rows)? {
            Next::Draw => {}
            Next::Read => next = Next::Read,
            Next::Quit => return Ok(Next::Quit),
        }
        if matches!(state.input, Input::Answer(..)) {
            break;
        }
    }
    Ok(next)
}
