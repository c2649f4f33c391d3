//! The passwd file, for users' names: read again when it changes.

use crate::log;
use crate::query::users::UserNames;
use crate::sys::accounts;
use crate::sys::file::{self, Shown};
use crate::sys::file_watch::Watch;
use std::path::PathBuf;

/// A passwd file.
pub(crate) struct PasswdFile {
    watch: Watch,
    /// Whether names are wanted at all.
    wanted: bool,
}

/// Lines that gave no name.
#[derive(Default)]
struct LeftOut {
    /// Users for whose name there is no room.
    no_room: u32,
    /// Lines that are not passwd(5)'s.
    malformed: u32,
}

impl PasswdFile {
    /// A file that was not read yet.
    pub(crate) fn new(path: PathBuf, wanted: bool) -> Self {
        PasswdFile { watch: Watch::new(path), wanted }
    }

    /// Reads the file into `names` if it has changed, or could not be read before; looks once a second at most. What is
    /// wrong with it is logged, once for each version, and the names that could be read are used.
    pub(crate) fn check(&mut self, now_ms: u64, names: &mut UserNames) {
        if !self.wanted {
            return;
        }
        let mut left = LeftOut::default();
        let looked = self.watch.look(now_ms, &mut |file, _| {
            names.clear();
            file::lines(file, &mut |line| {
                left.take(line, names);
                true
            })
        });
        let path = Shown(self.watch.path());
        match looked {
            Some(Err(e)) => log::warn(format_args!(
                "can't read {path}: {e}; until it can be, users may have no name or an old one"
            )),
            Some(Ok(())) if left.no_room + left.malformed > 0 => log::warn(format_args!(
                "{path}: users without a name, for want of room: {}; lines that can't be read: {}",
                left.no_room, left.malformed
            )),
            _ => {}
        }
    }
}

impl LeftOut {
    /// Puts the name of a line's account to the others, or counts the line.
    fn take(&mut self, line: &[u8], names: &mut UserNames) {
        match accounts::read(line.trim_ascii_end()) {
            Ok(None) => {}
            Ok(Some(account)) => self.no_room += u32::from(names.add(account.uid, account.name).is_err()),
            Err(_) => self.malformed += 1,
        }
    }
}
