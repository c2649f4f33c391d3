//! Entries deleted in a scan, and what the kernel would not delete: for `kill` and `kill_matching`.

use crate::conntrack::target::Target;
use crate::query::page::Candidate;
use crate::rpc::Shared;
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::Offered;
use crate::stats::Counter;

/// What was deleted for one call.
#[derive(Default)]
pub(super) struct Deletion {
    /// Entries that were deleted.
    pub(super) killed: u32,
    /// Of these, the ones that the log was told of.
    told: u32,
    /// Entries that the kernel would not delete, and the last reason.
    refused: u32,
    why: Option<Fault>,
}

impl Deletion {
    /// Deletes an entry.
    pub(super) fn kill(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) {
        let Some(target) = Target::of(offered.entry.flow()) else {
            let text = format_args!("delete: an entry came without tuple or id");
            return self.refuse(Fault::new(Code::Kernel, text));
        };
        match offered.kernel.delete(&target) {
            Ok(true) => {
                self.killed += 1;
                shared.stats.add(Counter::Killed);
                // A job of this scan that records the table must not record the entry after this; if it has done so before, the
                // record is taken out again.
                offered.settled = true;
                if let Some(snapshot) = shared.autorefresh.snapshot() {
                    snapshot.kill(&target);
                }
            }
            // It ended by itself, or another connection took its tuple: nothing is left to kill.
            Ok(false) => {}
            Err(error) => self.refuse(error.into()),
        }
    }

    /// Entries that were deleted since this was last asked.
    pub(super) fn untold(&mut self) -> u32 {
        let untold = self.killed - self.told;
        self.told = self.killed;
        untold
    }

    fn refuse(&mut self, why: Fault) {
        (self.refused, self.why) = (self.refused + 1, Some(why));
    }

    /// The scan is over.
    ///
    /// # Errors
    /// A fault with the numbers: what was deleted until the scan failed stays so, and so does what the kernel refused.
    pub(super) fn end(&mut self, failure: Option<Fault>) -> Result<(), Fault> {
        let killed = self.killed;
        if let Some(why) = failure {
            let text = format_args!("{}: {killed} connections were killed before that", why.text);
            return Err(Fault::new(why.code, text));
        }
        let Some(why) = self.why.take() else {
            return Ok(());
        };
        let refused = self.refused;
        let text = format_args!("{}: {refused} connections were not killed, {killed} were", why.text);
        Err(Fault::new(why.code, text))
    }
}
