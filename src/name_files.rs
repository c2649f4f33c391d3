//! The files with names of hosts: all are read again when one of them changes, since the first that names an address counts.

use crate::config::NameFile;
use crate::limits::{ALL_NAMES_BYTES, HOST_NAMES, NAME_FILE_BYTES, ONE_NAME_BYTES};
use crate::log;
use crate::query::names::lines::{self, Form, Malformed};
use crate::query::names::{HostNames, Unnamed};
use crate::sys::file::{self, Shown};
use crate::sys::file_watch::{LOOK_EVERY_MS, Watch};
use crate::sys::sentence;
use std::io;

/// The files of `--hosts` and `--leases`.
pub(crate) struct NameFiles {
    files: Vec<Watched>,
    next_look_ms: u64,
    /// They are read at the next look, if a change is still to be read then.
    is_due: bool,
    /// The log was told that there is no room for all names.
    told_full: bool,
}

struct Watched {
    watch: Watch,
    form: Form,
    /// The line that the log was told of: the first that can't be read. 0 for none.
    told_line: u32,
}

/// What became of a file's lines.
#[derive(Default)]
struct Lines {
    read: u32,
    /// The first that can't be read, from 1 on, and how many can't.
    first_bad: u32,
    bad: u32,
    no_room: u32,
}

impl NameFiles {
    /// Files that were not read yet, the one that counts most first.
    pub(crate) fn new(files: &[NameFile]) -> Self {
        let mut watched = Vec::new();
        for file in files {
            let form = if file.is_leases { Form::Leases } else { Form::Hosts };
            watched.push(Watched { watch: Watch::new(file.path.clone()), form, told_line: 0 });
        }
        NameFiles { files: watched, next_look_ms: 0, is_due: true, told_full: false }
    }

    /// Reads all files into `names` if one of them has changed, or could not be read before and now can be; looks once a second
    /// at most. Who writes one in place, as dnsmasq does, gets until the next look to finish: half a file would name half the
    /// hosts, and a negated filter match the others. What is wrong with one is logged once, and the names that could be read are
    /// used.
    pub(crate) fn check(&mut self, now_ms: u64, names: &mut HostNames) {
        if self.files.is_empty() || now_ms < self.next_look_ms {
            return;
        }
        self.next_look_ms = now_ms.saturating_add(LOOK_EVERY_MS);
        let is_stale = self.files.iter().any(|file| file.watch.is_stale());
        let is_due = core::mem::replace(&mut self.is_due, is_stale);
        if !is_due || !is_stale {
            return;
        }
        self.is_due = false;
        names.clear();
        let no_room = self.files.iter_mut().fold(0, |sum: u32, file| sum.saturating_add(file.read(names)));
        if no_room > 0 && !self.told_full {
            log::warn(format_args!(
                "there is room for the names of {HOST_NAMES} hosts, {ALL_NAMES_BYTES} bytes in all; {no_room} more hosts are in \
                 the files, the last ones of them, and have none"
            ));
        }
        self.told_full = no_room > 0;
    }
}

impl Watched {
    /// Reads the file: how many names had no room.
    fn read(&mut self, names: &mut HostNames) -> u32 {
        let has_changed = self.watch.has_changed();
        let (form, mut found) = (self.form, Lines::default());
        let result = self.watch.read(&mut |file, status| {
            if status.stamp.size > NAME_FILE_BYTES {
                return Err(sentence("it is too large to be a file of a network's hosts".to_owned()));
            }
            file::lines(file, &mut |line| {
                found.take(line, form, names);
                true
            })
        });
        match result {
            Err(e) if has_changed => self.tell_unread(&e),
            Err(_) => {}
            Ok(()) => self.tell_bad(&found),
        }
        found.no_room
    }

    fn tell_unread(&self, error: &io::Error) {
        let path = Shown(self.watch.path());
        // A file of leases is made when the first one is given.
        if error.raw_os_error() == Some(libc::ENOENT) {
            log::info(format_args!("{path} is not there: the names in it are used once it is"));
        } else {
            log::warn(format_args!("can't read {path}, so hosts go without the names in it: {error}"));
        }
    }

    /// Tells of the first line that is bad, unless that was told before: leases change all the time.
    fn tell_bad(&mut self, found: &Lines) {
        if found.bad > 0 && found.first_bad != self.told_line {
            let others = found.bad - 1;
            log::warn(format_args!(
                "{} line {}: not a line of {}, or a name of more than {ONE_NAME_BYTES} bytes; it is left out, and {others} more \
                 in this file",
                Shown(self.watch.path()),
                found.first_bad,
                match self.form {
                    Form::Hosts => "ADDRESS NAME",
                    Form::Leases => "leases as dnsmasq and odhcpd write them",
                }
            ));
        }
        self.told_line = found.first_bad;
    }
}

impl Lines {
    /// Puts the names of a line to the others, or counts what is wrong.
    fn take(&mut self, line: &[u8], form: Form, names: &mut HostNames) {
        self.read = self.read.saturating_add(1);
        let no_room = &mut self.no_room;
        let result = lines::read(line, form, &mut |address, name| match names.add(address, name) {
            Ok(()) => Ok(()),
            Err(Unnamed::NoRoom) => {
                *no_room += 1;
                Ok(())
            }
            Err(Unnamed::TooLong) => Err(Malformed),
        });
        if result.is_err() {
            self.bad += 1;
            self.first_bad = if self.bad == 1 { self.read } else { self.first_bad };
        }
    }
}
