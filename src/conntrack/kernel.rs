//! The short requests as functions: what the procedures ask of the kernel beside reading the table.

use super::attr::be32;
use super::flow::{ALL, Flow};
use super::label::Labels;
use super::request::{self, Change};
use super::socket::{Control, OpError};
use super::target::Target;
use super::uapi::{CTA_STATS_GLOBAL_ENTRIES, CTA_STATS_GLOBAL_MAX_ENTRIES};

/// How full the table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Entries now.
    pub entries: u32,
    /// The most there can be; `None` from a kernel before 4.18.
    pub most: Option<u32>,
}

/// How many counters of `CTA_STATS_*` there are, by attribute number.
pub const CPU_COUNTERS: usize = 16;

/// What can be asked of a connection-tracking table. [`Control`] asks the real one.
pub trait Kernel {
    /// How many entries the table of this network namespace has.
    ///
    /// # Errors
    /// [`OpError`], as of all these.
    fn count(&mut self) -> Result<Count, OpError>;

    /// The kernel's counters (`CTA_STATS_*`) by attribute number, summed over the CPUs; `None` where it has none such.
    ///
    /// # Errors
    /// [`OpError`].
    fn cpu_stats(&mut self) -> Result<[Option<u64>; CPU_COUNTERS], OpError>;

    /// Deletes the entry, and tells whether it was still there.
    ///
    /// # Errors
    /// [`OpError`].
    fn delete(&mut self, target: &Target) -> Result<bool, OpError>;

    /// Reads the entry as it is now; `None` if it is gone, also if another has its tuple now.
    ///
    /// # Errors
    /// [`OpError`]; EIO for an entry that can't be read.
    fn get(&mut self, target: &Target, labels: &mut Labels) -> Result<Option<Flow>, OpError>;

    /// Changes the entry that has the target's tuple and zone; false if there is none.
    ///
    /// # Errors
    /// [`OpError`].
    fn update(&mut self, target: &Target, change: Change) -> Result<bool, OpError>;
}

impl Kernel for Control {
    fn count(&mut self) -> Result<Count, OpError> {
        let mut count = Count::default();
        self.transact("count", &mut request::count(), true, &mut |message| {
            let mut attrs = message.attrs();
            while let Ok(Some((kind, value))) = attrs.pull() {
                match (kind, be32(value)) {
                    (CTA_STATS_GLOBAL_ENTRIES, Ok(entries)) => count.entries = entries,
                    (CTA_STATS_GLOBAL_MAX_ENTRIES, Ok(most)) => count.most = Some(most),
                    _ => {}
                }
            }
        })?;
        Ok(count)
    }

    fn cpu_stats(&mut self) -> Result<[Option<u64>; CPU_COUNTERS], OpError> {
        let mut sums = [None; CPU_COUNTERS];
        self.transact("stats", &mut request::cpu_stats(), false, &mut |message| {
            let mut attrs = message.attrs();
            while let Ok(Some((kind, value))) = attrs.pull() {
                if let (Some(sum), Ok(value)) = (sums.get_mut(usize::from(kind)), be32(value)) {
                    *sum = Some(sum.unwrap_or(0) + u64::from(value));
                }
            }
        })?;
        Ok(sums)
    }

    fn delete(&mut self, target: &Target) -> Result<bool, OpError> {
        let answer = self.transact("delete", &mut request::delete(target), false, &mut |_| {});
        found(answer)
    }

    fn get(&mut self, target: &Target, labels: &mut Labels) -> Result<Option<Flow>, OpError> {
        let mut flow = None;
        let answer = self.transact("get", &mut request::get(target), true, &mut |message| {
            flow = Some(Flow::read(message, ALL, labels));
        });
        if !found(answer)? {
            return Ok(None);
        }
        match flow.transpose() {
            Ok(flow) => Ok(flow.filter(|f| f.id == Some(target.id()))),
            Err(_) => Err(OpError { operation: "get", errno: libc::EIO }),
        }
    }

    fn update(&mut self, target: &Target, change: Change) -> Result<bool, OpError> {
        let mut request = request::update(target, change);
        found(self.transact("update", &mut request, false, &mut |_| {}))
    }
}

/// Turns "no such entry" into false.
fn found(answer: Result<(), OpError>) -> Result<bool, OpError> {
    match answer {
        Ok(()) => Ok(true),
        Err(OpError { errno: libc::ENOENT, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
