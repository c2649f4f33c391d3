//! What the log tells of those who are logged in: who changed what.

use super::Who;
use crate::log::{self, Level};
use std::fmt;

/// Tells who deleted how many connections; `which` names them, as in "by id" or "that match dst_port = 53".
pub fn killed(who: &Who, count: u32, which: fmt::Arguments<'_>) {
    log::info(format_args!("{who} killed {count} connections {which}"));
}

/// Tells who changed a connection; `what` is its new value, as in "mark 0x10" or "timeout 60 s".
pub fn changed(who: &Who, id: u32, what: fmt::Arguments<'_>) {
    log::info(format_args!("{who} changed connection {id}: {what}"));
}

/// Tells who changed how many connections; `what` has which they are and the new value, as in "TCP: mark 0x10".
pub fn changed_matching(who: &Who, count: u32, what: fmt::Arguments<'_>) {
    log::info(format_args!("{who} changed {count} connections that match: {what}"));
}

/// Tells who turned autorefresh on or off, for everybody.
pub fn autorefresh(who: &Who, on: bool) {
    let what = if on { "on: views show the table as it is" } else { "off: views show a snapshot" };
    log::info(format_args!("{who} turned autorefresh {what}"));
}

/// Tells, at debug, of a call that has ended: how many rows its reply has, how many dumps of the table were read for it, and
/// how many milliseconds went by from when it was made until its reply was written.
pub fn call(who: Option<&Who>, procedure: &str, rows: u64, dumps: u32, took_ms: u64) {
    if log::is_on(Level::Debug) {
        let line = format_args!("{procedure}: {rows} rows from {dumps} dumps in {took_ms} ms");
        match who {
            Some(who) => log::debug(format_args!("{line}, for {who}")),
            None => log::debug(line),
        }
    }
}
