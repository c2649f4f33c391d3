//! The log: a line an event, on stderr. Nothing secret is ever handed to it.

use crate::sys::file;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

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
}

/// Lines less important than this are not written. The one global of the program: it is set once, at the start.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Sets the level.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Writes a line of level error.
pub fn error(line: fmt::Arguments<'_>) {
    write(Level::Error, "error", line);
}

/// Writes a line of level warn.
pub fn warn(line: fmt::Arguments<'_>) {
    write(Level::Warn, "warn", line);
}

/// Writes a line of level info.
pub fn info(line: fmt::Arguments<'_>) {
    write(Level::Info, "info", line);
}

/// Writes a line of level debug.
pub fn debug(line: fmt::Arguments<'_>) {
    write(Level::Debug, "debug", line);
}

fn write(level: Level, name: &str, line: fmt::Arguments<'_>) {
    if level as u8 <= LEVEL.load(Ordering::Relaxed) {
        // One write, so that the lines of several programs on one stderr stay whole. A log that can't be written must
        // not stop the daemon.
        let text = format!("rctd: {name}: {line}\n");
        let _ = file::write_all(file::STDERR, text.as_bytes());
    }
}
