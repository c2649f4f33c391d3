//! The log: a line an event, on stderr. Nothing secret is ever handed to it.
//!
//! The daemon never waits for whoever reads the log. A line that could not be written at once is dropped and counted, and the
//! count is told as soon as a line gets through again. Where the journal of systemd reads stderr, a line begins with its
//! priority (`<6>`, sd-daemon(3)) in place of the program's name, which the journal adds itself.

use crate::sys::{self, file};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not work.
    Error,
    /// Somebody should look.
    Warn,
    /// Good to know.
    Info,
    /// For the curious.
    Debug,
}

impl Level {
    /// The level with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "error" => Level::Error,
            "warn" => Level::Warn,
            "info" => Level::Info,
            "debug" => Level::Debug,
            _ => return None,
        })
    }

    /// What a line of this level begins with: for people, and for the journal (syslog(3)'s priorities).
    fn beginnings(self) -> (&'static str, &'static str) {
        match self {
            Level::Error => ("rctd: error: ", "<3>"),
            Level::Warn => ("rctd: warn: ", "<4>"),
            Level::Info => ("rctd: info: ", "<6>"),
            Level::Debug => ("rctd: debug: ", "<7>"),
        }
    }
}

/// The longest line in bytes, its end included: so much a pipe takes as a whole or not at all (pipe(7), `PIPE_BUF`).
const LINE_BYTES: usize = 4096;

// The globals of the program. The first two are set once, at the start.
/// Lines less important than this are not written.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);
/// Whether stderr is the journal's.
static JOURNAL: AtomicBool = AtomicBool::new(false);
/// Lines that were dropped since the last one that was written.
static DROPPED: AtomicU32 = AtomicU32::new(0);

/// Sets the level, and finds out who reads the log: systemd names the device and inode of the stream that it reads in
/// `JOURNAL_STREAM`, which a child with another stderr may have inherited.
pub fn open(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    let named = sys::environment(c"JOURNAL_STREAM").and_then(|text| text.split_once(':'));
    let ours = file::fstat(file::STDERR).ok().map(|status| status.stamp.device_and_inode());
    let named = named.and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
    JOURNAL.store(named.is_some() && named == ours, Ordering::Relaxed);
}

/// Whether lines of this level are written.
#[must_use]
pub fn is_on(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes a line of level error.
pub fn error(line: fmt::Arguments<'_>) {
    write(Level::Error, line);
}

/// Writes a line of level warn.
pub fn warn(line: fmt::Arguments<'_>) {
    write(Level::Warn, line);
}

/// Writes a line of level info.
pub fn info(line: fmt::Arguments<'_>) {
    write(Level::Info, line);
}

/// Writes a line of level debug.
pub fn debug(line: fmt::Arguments<'_>) {
    write(Level::Debug, line);
}

fn write(level: Level, line: fmt::Arguments<'_>) {
    if !is_on(level) {
        return;
    }
    let dropped = DROPPED.load(Ordering::Relaxed);
    let told = dropped == 0
        || put(Level::Warn, format_args!("{dropped} lines of the log were lost: nobody was reading it"));
    if told && put(level, line) {
        DROPPED.store(0, Ordering::Relaxed);
    } else {
        // What was told is told again with the next line: twice is better than not at all.
        DROPPED.store(dropped.saturating_add(1), Ordering::Relaxed);
    }
}

/// Writes a line if that can be done at once; false if not.
fn put(level: Level, line: fmt::Arguments<'_>) -> bool {
    let (people, journal) = level.beginnings();
    let beginning = if JOURNAL.load(Ordering::Relaxed) { journal } else { people };
    let mut text = format!("{beginning}{line}").into_bytes();
    if text.len() >= LINE_BYTES {
        text.truncate(LINE_BYTES - 4);
        text.extend_from_slice(b"...");
    }
    text.push(b'\n');
    // One write, so that the lines of several programs on one stderr stay whole. A pipe that can be written to has room for at
    // least a line (pipe(7)): unless another program writes to the same one in between, this does not wait. To make stderr
    // itself non-blocking would make it so for all programs that share it, such as the shell of a terminal.
    file::is_writable(file::STDERR) && file::write(file::STDERR, &text).is_ok()
}
