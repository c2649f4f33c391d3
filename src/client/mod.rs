//! The program at the shell: `rctd call`, and what needs no daemon.
//!
//! `call` speaks to a daemon. The others go straight to the kernel, with the daemon's own reader of dumps, filters, orders and
//! pages, in the same fixed memory. This is a program that a person or a script runs and waits for, so it may block. The program
//! ends with its command, so what a command has once, such as its options and the table, is `'static` and not taken apart.
//!
//! | file | subject |
//! |---|---|
//! | [`list`] | `rctd list`: the connections that match |
//! | [`summary`] | `rctd summary`: in groups |
//! | [`top`] | `rctd top`: what is busy now |
//! | [`kill`] | `rctd kill`: ends them |
//! | [`call`] | `rctd call`: a procedure of a daemon |
//! | `http` | the connection that it comes by |
//! | `own` | the connection that a kill spares |
//! | `kernel` | the table as these read it |
//! | [`columns`] | what stands in a cell of a table |
//! | [`groups`] | groups, as summary and top show them |
//! | `table` | rows that are aligned |
//! | `json` | rows as objects |
//! | `format` | numbers as people read them |
//! | `text` | text of others made safe for a terminal |
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod call;
pub mod columns;
mod format;
pub mod groups;
mod http;
mod json;
mod kernel;
pub mod kill;
pub mod list;
mod own;
pub mod summary;
mod table;
mod text;
pub mod top;

use crate::config::NameFile;
use crate::limits::{EXPLANATION_BYTES, LAN_NETS};
use crate::query::filter::Filter;
use crate::query::filter::text::TextError;
use crate::query::net::Net;
use crate::sys::file;
use core::fmt;
use std::io;
use std::process::ExitCode;
use text::{is_shown, shown};

/// What to do.
#[derive(Debug)]
pub enum Command {
    /// `rctd list`.
    List(&'static list::Options),
    /// `rctd summary`.
    Summary(&'static summary::Options),
    /// `rctd top`.
    Top(&'static top::Options),
    /// `rctd kill`.
    Kill(&'static kill::Options),
    /// `rctd call`.
    Call(&'static call::Options),
}

/// What is known of the network beside the table.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The networks that are inside.
    pub lan: heapless::Vec<Net, LAN_NETS>,
    /// Files with names of hosts.
    pub names: Vec<NameFile>,
}

/// Why a command has ended before it was done. Boxed, so that what may fail gives one word more than what does not.
#[derive(Debug)]
struct Failure(Box<Why>);

#[derive(Debug)]
struct Why {
    /// The exit code.
    code: u8,
    /// What to say, without the program's name; nothing where nobody has to be told.
    text: String,
}

impl Failure {
    /// It could not be done.
    #[cold]
    #[inline(never)]
    fn new(text: fmt::Arguments<'_>) -> Self {
        Failure(Box::new(Why { code: 1, text: text.to_string() }))
    }

    /// The command line is wrong, which could only be found out now.
    #[cold]
    #[inline(never)]
    fn usage(text: fmt::Arguments<'_>) -> Self {
        Failure::new(text).with(2)
    }

    /// With another exit code.
    fn with(mut self, code: u8) -> Self {
        self.0.code = code;
        self
    }

    /// The standard output could not be written. Where its reader has left, as `head` does, all is well.
    fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(format_args!("")).with(0),
            _ => Failure::new(format_args!("can't write: {error}")),
        }
    }
}

/// Does what the command line asks.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::List(options) => list::run(options),
        Command::Summary(options) => summary::run(options),
        Command::Top(options) => top::run(options),
        Command::Kill(options) => kill::run(options),
        Command::Call(options) => call::run(options),
    };
    let Err(Failure(why)) = done else {
        return ExitCode::SUCCESS;
    };
    if !why.text.is_empty() {
        tell(format_args!("rctd: {}\n", why.text));
    }
    ExitCode::from(why.code)
}

/// Writes to stderr, all at once. Nobody is there to be told where that fails.
#[inline(never)]
fn tell(text: fmt::Arguments<'_>) {
    let _ = file::write_all(file::STDERR, text.to_string().as_bytes());
}

/// Writes a text to the standard output, all at once.
#[inline(never)]
fn say(text: fmt::Arguments<'_>) -> Result<(), Failure> {
    print(text.to_string().as_bytes())
}

/// Writes to the standard output.
#[inline(never)]
fn print(bytes: &[u8]) -> Result<(), Failure> {
    file::write_all(file::STDOUT, bytes).map_err(|error| Failure::of_output(&error))
}

/// The filter that a text says.
fn filter_of(text: &str) -> Result<Box<Filter>, Failure> {
    let mut filter = Box::new(Filter::new());
    filter.add_text(text).map_err(|error| explained(text, error))?;
    Ok(filter)
}

/// What a filter means, in words that a terminal may have.
fn words_of(filter: &Filter) -> String {
    let mut words: heapless::String<EXPLANATION_BYTES> = heapless::String::new();
    filter.explain(&mut words);
    shown(words.as_bytes())
}

/// What is wrong with a filter: a sentence, the text, and a mark under the place.
fn explained(text: &str, error: TextError) -> Failure {
    let sentence = shown(error.sentence(text).to_string().as_bytes());
    // Each character is one in the line above the mark.
    let line: String = text.chars().map(|c| if is_shown(c) { c } else { '?' }).collect();
    let count = |range: core::ops::Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    let range = error.range();
    let (before, wrong) = (count(0..range.start), count(range).max(1));
    Failure::usage(format_args!("{sentence}\n  {line}\n  {:before$}{:^^wrong$}", "", ""))
}
