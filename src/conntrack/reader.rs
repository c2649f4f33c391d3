//! Reads dumps of the table: a link, the buffer its datagrams come into, and all that a dump can meet on the way.
//!
//! A [`DumpReader`] hands out entries a datagram at a time, so that the caller can do other work in between, and stops
//! at any entry when the caller has no room. What every reader of the table would have to get right is done here: a
//! filter that the kernel refuses is done without, a kernel that falls silent is given up, and a socket with a
//! cancelled dump on it is replaced.

use super::message::{Datagram, Item, Message};
use super::plan::{KernelPlan, PlanPart};
use super::request::{self, KernelFilter};
use super::socket::{Link, OpError, recv_whole};
use crate::limits::KERNEL_MS;
use crate::log;
use crate::out::Full;
use core::ops::Range;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Reads one dump at a time from a link of its own.
pub struct DumpReader {
    link: Box<dyn Link>,
    /// The number of the last request: messages with another one are left over from an earlier dump.
    sequence: u32,
    /// What the kernel was asked to leave out of the dump that runs. `None` while none runs.
    filter: Option<KernelFilter>,
    /// The dumps of this read, and which of them runs.
    plan: KernelPlan,
    part: PlanPart,
    /// An entry of the dump that runs has come.
    came: bool,
    /// The kernel may still work on a cancelled dump, because the link could not be reset.
    stale: bool,
    /// The link has a descriptor that nobody was told of yet.
    is_new_fd: bool,
    buf: Box<[u8]>,
    /// What of `buf` was received and is not yet read.
    unread: Range<usize>,
    /// When the last datagram of this dump was received, and the one before it: from then on the kernel had the last one ready.
    received_ms: Option<u64>,
    filled_ms: Option<u64>,
    /// When the kernel, which has nothing for us now, is given up.
    deadline_ms: Option<u64>,
}

/// How far [`DumpReader::read`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpProgress {
    /// There may be more to read at once.
    More,
    /// The kernel has sent nothing yet: read again when the descriptor is readable, or at the deadline.
    Blocked,
    /// The caller had no room for an entry, which comes again.
    Full,
    /// The table has been read to its end.
    Done,
}

impl DumpReader {
    /// Takes the link that the dumps will use. A buffer of less than the kernel's 32 KiB makes datagrams smaller.
    #[must_use]
    pub fn new(link: Box<dyn Link>, buffer_bytes: usize) -> Self {
        DumpReader {
            link,
            sequence: 0,
            filter: None,
            plan: KernelPlan::default(),
            part: PlanPart::default(),
            came: false,
            stale: false,
            is_new_fd: true,
            buf: vec![0; buffer_bytes].into_boxed_slice(),
            unread: 0..0,
            received_ms: None,
            filled_ms: None,
            deadline_ms: None,
        }
    }

    /// Starts the first dump of `plan`; one that still runs is cancelled. The others follow by themselves.
    ///
    /// # Errors
    /// [`OpError`], for instance EPERM without the right to read the table; no dump runs then.
    pub fn start(&mut self, plan: KernelPlan) -> Result<(), OpError> {
        self.cancel();
        let (number, filter) = plan.first();
        (self.plan, self.part) = (plan, PlanPart { number, is_rest: false });
        self.send(filter)
    }

    /// Which dump of the plan runs: see [`KernelPlan::counts`].
    #[must_use]
    pub fn part(&self) -> PlanPart {
        self.part
    }

    /// Asks the kernel for one dump; none may run.
    fn send(&mut self, filter: KernelFilter) -> Result<(), OpError> {
        let fail = |e: io::Error| OpError::new("dump", &e);
        if self.stale {
            self.reset().map_err(fail)?;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.link.send(request::dump(&filter).numbered(self.sequence)).map_err(fail)?;
        (self.filter, self.came) = (Some(filter), false);
        (self.unread, self.deadline_ms) = (0..0, None);
        (self.received_ms, self.filled_ms) = (None, None);
        Ok(())
    }

    /// Whether a dump runs: one was started, and was neither read to its end nor cancelled, and has not failed.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.filter.is_some()
    }

    /// Ends a dump that still runs. The kernel frees what it holds for it at once.
    pub fn cancel(&mut self) {
        if self.stop().is_some() {
            // Without a descriptor for a new socket the reset is tried again at the next start.
            self.stale = self.reset().is_err();
        }
    }

    /// Forgets the dump that runs, if one does, and gives its filter.
    fn stop(&mut self) -> Option<KernelFilter> {
        (self.unread, self.deadline_ms) = (0..0, None);
        self.filter.take()
    }

    fn reset(&mut self) -> io::Result<()> {
        self.link.reset()?;
        (self.stale, self.is_new_fd) = (false, true);
        Ok(())
    }

    /// The descriptor to watch, if it is another one than at the last call: a cancelled dump takes its socket along.
    /// Ask after [`DumpReader::start`] and after [`DumpReader::read`]; the old one is closed by then.
    pub fn take_new_fd(&mut self) -> Option<RawFd> {
        let fd = self.link.fd().filter(|_| self.is_new_fd);
        self.is_new_fd &= fd.is_none();
        fd
    }

    /// When [`DumpReader::read`] will give up a kernel that stays silent, in milliseconds of its clock.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    /// Since when the kernel has had ready what the next [`DumpReader::read`] hands out, in milliseconds: it fills a datagram when
    /// the one before is received, however long the reader then waits for a client.
    #[must_use]
    pub fn ready_ms(&self, now_ms: u64) -> u64 {
        let since_ms = if self.unread.is_empty() { self.received_ms } else { self.filled_ms };
        since_ms.unwrap_or(now_ms)
    }

    /// Hands entries to `each`, with at most one receive. [`Full`] from `each` ends that: the same entry is handed out
    /// again by the next call.
    ///
    /// # Errors
    /// [`OpError`]; no dump runs then. ETIMEDOUT when nothing has come for [`KERNEL_MS`].
    pub fn read(
        &mut self,
        now_ms: u64,
        each: &mut dyn FnMut(&Message<'_>) -> Result<(), Full>,
    ) -> Result<DumpProgress, OpError> {
        let errno = match self.read_datagram(now_ms, each) {
            Ok(Found::Progress(progress)) => return Ok(progress),
            Ok(Found::End(0)) => return self.next(),
            // The kernel is done with this dump: there is nothing that a reset would free.
            Ok(Found::End(errno)) => match self.again(errno) {
                Some(result) => return result.map(|()| DumpProgress::More),
                None => {
                    self.stop();
                    errno
                }
            },
            Err(errno) => {
                self.cancel();
                errno
            }
        };
        Err(OpError { operation: "dump", errno })
    }

    /// A dump is read to its end: goes on with the next one of the plan, if there is one.
    fn next(&mut self) -> Result<DumpProgress, OpError> {
        self.stop();
        let Some((number, filter)) = self.plan.dump(self.part.number + 1).filter(|_| !self.part.is_rest)
        else {
            return Ok(DumpProgress::Done);
        };
        self.part.number = number;
        self.send(filter).map(|()| DumpProgress::More)
    }

    /// Asks again with no more than the family, after an error that may be a refused filter: a kernel that knows an attribute
    /// but not the combination refuses a dump before its first entry. The new dump holds what all later ones would. `None`
    /// after any other error.
    fn again(&mut self, errno: i32) -> Option<Result<(), OpError>> {
        let refused = matches!(errno, libc::EINVAL | libc::EOPNOTSUPP | libc::EAFNOSUPPORT);
        let filter = self.filter.filter(|filter| refused && !self.came && *filter != filter.family())?;
        warn_of_refusal(OpError { operation: "dump", errno });
        self.stop();
        // The other family, where it has a dump of its own, is still to come.
        self.part.is_rest = self.plan.is_by_side();
        Some(self.send(filter.family()))
    }

    /// Reads on in the datagram that is there, or in the next one. The error is an errno after which the kernel may
    /// still be busy with the dump.
    fn read_datagram(
        &mut self,
        now_ms: u64,
        each: &mut dyn FnMut(&Message<'_>) -> Result<(), Full>,
    ) -> Result<Found, i32> {
        if self.unread.is_empty() {
            match recv_whole(&mut *self.link, &mut self.buf) {
                Ok(len) => {
                    self.filled_ms = Some(self.received_ms.unwrap_or(now_ms));
                    self.received_ms = Some(now_ms);
                    (self.unread, self.deadline_ms) = (0..len, None);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return self.wait(now_ms),
                Err(e) => return Err(OpError::new("dump", &e).errno),
            }
        }
        let end = self.unread.end;
        let mut datagram = Datagram::new(self.buf.get(self.unread.clone()).unwrap_or(&[]), self.sequence);
        loop {
            // Where to go on, should there be no room for the next entry.
            self.unread.start = end - datagram.remaining();
            match datagram.pull() {
                Ok(Some(Item::Message(message))) => {
                    if each(&message).is_err() {
                        return Ok(Found::Progress(DumpProgress::Full));
                    }
                    self.came = true;
                }
                Ok(None) => {
                    self.unread = 0..0;
                    return Ok(Found::Progress(DumpProgress::More));
                }
                Ok(Some(Item::End(errno))) => return Ok(Found::End(errno)),
                Ok(Some(Item::Interrupted)) => return Err(libc::EINTR),
                Ok(Some(Item::Overrun)) => return Err(libc::ENOBUFS),
                Err(_) => return Err(libc::EIO),
            }
        }
    }

    /// The kernel has sent nothing. It answers at once or not at all, so a part which got lost must end in an error,
    /// or the callers would wait for good.
    fn wait(&mut self, now_ms: u64) -> Result<Found, i32> {
        let deadline_ms = *self.deadline_ms.get_or_insert(now_ms.saturating_add(KERNEL_MS));
        if now_ms < deadline_ms { Ok(Found::Progress(DumpProgress::Blocked)) } else { Err(libc::ETIMEDOUT) }
    }
}

/// What the reader found in a datagram: how far it came, or the errno that the dump ended with.
enum Found {
    Progress(DumpProgress),
    End(i32),
}

/// Warns of a refused filter, once: the next filter may be one that the kernel takes, so each is tried, and a client could
/// fill the log with refusals.
/// Mutants: no test reads the log.
fn warn_of_refusal(error: OpError) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        log::warn(format_args!("the kernel refuses a filter ({error}); rctd filters alone where it does"));
    }
}
