//! Autorefresh: whether views read the kernel's table or a snapshot of it, and that snapshot's whole life.
//!
//! ```text
//!        a first one is begun                   it is whole
//!   On ------------------------> First ------------------------> Off, whole <----+
//!    ^                             |                              |              | it is whole
//!    |         it fails, or nobody |                              v              |
//!    +-----------------------------+                             Off, not whole -+
//!    |                         switched on                        |   one is begun anew, or fails
//!    +------------------------------------------------------------+
//! ```
//! A snapshot that is not whole is never shown: half a table looks like a whole one.

use super::fault::{Code, Fault};
use crate::query::snapshot::Snapshot;

/// The setting, which is the daemon's, and what belongs to it.
#[derive(Debug, Default)]
pub(crate) struct Autorefresh {
    mode: Mode,
    /// There is one unless autorefresh is on.
    snapshot: Option<Snapshot>,
    /// How many times a recording was begun: tells one snapshot from the next.
    generation: u32,
    /// A call has asked to switch it on.
    is_to_switch_on: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Mode {
    /// Views read the kernel's table.
    #[default]
    On,
    /// Views still read the kernel's table; the first snapshot is being recorded.
    First,
    /// Views answer from the snapshot; when it was taken, in milliseconds, if it is whole.
    Off(Option<u64>),
}

impl Autorefresh {
    /// Whether views answer from a snapshot.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.mode, Mode::Off(_))
    }

    /// When the snapshot was taken, in milliseconds; `None` without a whole one.
    pub(super) fn taken_ms(&self) -> Option<u64> {
        match self.mode {
            Mode::Off(taken_ms) => taken_ms,
            Mode::On | Mode::First => None,
        }
    }

    /// The number of the snapshot, which tells it from those before it.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// The snapshot that views may read: a whole one.
    pub(super) fn readable(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref().filter(|_| matches!(self.mode, Mode::Off(Some(_))))
    }

    /// The snapshot, be it whole or not, for what is recorded, killed or changed in it.
    pub(super) fn snapshot(&mut self) -> Option<&mut Snapshot> {
        self.snapshot.as_mut()
    }

    /// Whether there is no snapshot, not even one that is being recorded.
    pub(super) fn has_no_snapshot(&self) -> bool {
        self.snapshot.is_none()
    }

    /// A recording begins. What was in the snapshot is gone from here on; only a scan that ends well makes it whole.
    ///
    /// # Errors
    /// A fault, when there is no memory for `flows` connections.
    pub(super) fn begin(&mut self, flows: usize) -> Result<(), Fault> {
        self.generation = self.generation.wrapping_add(1);
        match &mut self.snapshot {
            Some(snapshot) => snapshot.clear(),
            None => self.snapshot = Some(Snapshot::reserve(flows).ok_or_else(|| no_memory(flows))?),
        }
        self.mode = if self.is_off() { Mode::Off(None) } else { Mode::First };
        Ok(())
    }

    /// The recording that began at `began_ms` has every entry of its scan: from here on views answer from it.
    pub(super) fn is_whole(&mut self, began_ms: u64) {
        if self.snapshot.is_some() {
            self.mode = Mode::Off(Some(began_ms));
        }
    }

    /// Nobody records any more: the memory of a first snapshot that came to nothing goes back to the system.
    pub(super) fn nobody_records(&mut self) {
        if let Mode::First = self.mode {
            self.give_up();
        }
    }

    /// Views read the kernel's table. The snapshot's memory goes back to the system.
    fn give_up(&mut self) {
        (self.mode, self.snapshot) = (Mode::On, None);
    }

    /// A call asks to switch it on.
    pub(super) fn ask_to_switch_on(&mut self) {
        self.is_to_switch_on = true;
    }

    /// Whether a call has asked to switch it on since this was last asked.
    pub(super) fn is_to_switch_on(&mut self) -> bool {
        core::mem::take(&mut self.is_to_switch_on)
    }

    /// Views read the kernel's table from here on. The snapshot's memory goes back to the system, but for one that is just
    /// being recorded for somebody who asked to switch autorefresh off and is not answered yet.
    pub(super) fn switch_on(&mut self, is_recorded: bool) {
        match self.mode {
            Mode::First | Mode::Off(None) if is_recorded => self.mode = Mode::First,
            _ => self.give_up(),
        }
    }
}

/// The fault of a view that finds no whole snapshot, or has begun to read one that no longer exists.
pub(super) fn gone() -> Fault {
    let text = format_args!("the snapshot is gone; view again, or take it anew with refresh");
    Fault::new(Code::Snapshot, text)
}

fn no_memory(flows: usize) -> Fault {
    Fault::new(Code::Snapshot, format_args!("there is no memory for a snapshot of {flows} connections"))
}
