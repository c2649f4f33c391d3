//! The dumps that are under way: one that all waiting calls share, and a few that stream to one client each.

use super::muster::Muster;
use crate::conntrack::request::{KernelFilter, dump};
use crate::conntrack::socket::{self, Dump, Link, Netlink, OpError, Progress};
use crate::limits::{DUMP_BYTES, KERNEL_MS, STREAM_BYTES, STREAMS};
use crate::log;
use crate::out::Out;
use crate::quota::Quota;
use crate::rpc::{Engine, Step, World};
use crate::stats::Counter;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who may have how many dumps that stream.
pub(super) const QUOTA: Quota = Quota::new(STREAMS, STREAMS / 2);

/// Opens links to the kernel; tests script theirs.
pub type OpenLink = fn() -> io::Result<Box<dyn Link>>;

/// Opens a real netlink socket.
///
/// # Errors
/// [`Netlink::open`]'s.
pub fn open_netlink() -> io::Result<Box<dyn Link>> {
    Ok(Box::new(Netlink::open()?))
}

/// How long a dump has waited for the kernel.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    since_ms: Option<u64>,
}

impl Silence {
    /// Nothing has come.
    ///
    /// # Errors
    /// ETIMEDOUT, when that has been so for [`KERNEL_MS`].
    fn goes_on(&mut self, now_ms: u64) -> Result<(), OpError> {
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) < KERNEL_MS {
            return Ok(());
        }
        Err(OpError { operation: "dump", errno: libc::ETIMEDOUT })
    }
}

/// The dump that all waiting calls share.
pub struct SharedScan {
    muster: Muster,
    dump: Dump,
    silence: Silence,
    buf: Box<[u8; DUMP_BYTES]>,
    /// What the kernel was asked to leave out, while a dump runs.
    running: Option<KernelFilter>,
    /// What it is asked to leave out of the dump after that, which belongs to the same scan.
    then: Option<KernelFilter>,
    /// Entries that came in this dump.
    entries: u64,
}

impl SharedScan {
    /// Takes the link for the dumps.
    #[must_use]
    pub fn new(link: Box<dyn Link>) -> Self {
        SharedScan {
            muster: Muster::default(),
            dump: Dump::new(link),
            silence: Silence::default(),
            buf: Box::new([0; DUMP_BYTES]),
            running: None,
            then: None,
            entries: 0,
        }
    }

    /// Does a slice of work, if there is any: false when there is none, or nothing has come from the kernel yet.
    pub fn slice(&mut self, engine: &mut Engine, world: &mut World<'_>) -> bool {
        let Some(filter) = self.running else {
            if !engine.wants_scan() {
                self.muster.nobody_waits();
                return false;
            }
            if !self.muster.is_over(world.now_ms) {
                return false;
            }
            let Some((filter, then)) = engine.begin_scan(world.now_ms) else {
                return false;
            };
            self.then = then;
            self.start(filter, engine);
            return true;
        };
        if !engine.scan_is_wanted() {
            self.dump.cancel();
            (self.running, self.then) = (None, None);
            return true;
        }
        let entries = &mut self.entries;
        let result = self.dump.slice(&mut self.buf, |message| {
            *entries += 1;
            engine.offer(message, world);
        });
        if !matches!(result, Ok(Progress::Blocked)) {
            self.silence = Silence::default();
        }
        match result {
            Ok(Progress::More) => {}
            Ok(Progress::Blocked) => match self.silence.goes_on(world.now_ms) {
                Ok(()) => return false,
                Err(error) => {
                    self.dump.cancel();
                    self.end(engine, Err(error));
                }
            },
            Ok(Progress::Done) => match self.then.take() {
                Some(filter) => self.start(filter, engine),
                None => {
                    self.muster.ended(world.now_ms);
                    self.end(engine, Ok(()));
                }
            },
            Err(error) if filter_refused(filter, error, self.entries) => {
                warn_of_refusal(error);
                self.start(filter.family(), engine);
            }
            Err(error) => self.end(engine, Err(error)),
        }
        true
    }

    /// When a scan that is put off begins.
    #[must_use]
    pub fn wakes_at_ms(&self) -> Option<u64> {
        self.muster.at_ms()
    }

    fn start(&mut self, filter: KernelFilter, engine: &mut Engine) {
        (self.entries, self.silence) = (0, Silence::default());
        match self.dump.start(&mut dump(&filter)) {
            Ok(()) => self.running = Some(filter),
            Err(error) => self.end(engine, Err(error)),
        }
    }

    fn end(&mut self, engine: &mut Engine, result: Result<(), OpError>) {
        (self.running, self.then) = (None, None);
        engine.end_scan(result);
    }
}

/// Whether a dump that failed before its first entry is worth another try with no more than the family: a kernel that
/// knows an attribute but not the combination says EINVAL or EOPNOTSUPP.
fn filter_refused(filter: KernelFilter, error: OpError, entries: u64) -> bool {
    let refused = matches!(error.errno, libc::EINVAL | libc::EOPNOTSUPP | libc::EAFNOSUPPORT);
    refused && entries == 0 && filter != filter.family()
}

/// Says so once: the next filter may be one that the kernel takes, so each is tried, and a client could fill the log.
fn warn_of_refusal(error: OpError) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        log::warn(format_args!("the kernel refuses a filter ({error}); rctd filters alone where it does"));
    }
}

/// A dump that streams to one client.
struct Stream {
    dump: Dump,
    silence: Silence,
    /// The client's slot, while it runs.
    slot: Option<usize>,
    buf: Box<[u8]>,
    /// What of the buffer is not yet read.
    at: usize,
    len: usize,
    /// What the kernel was asked to leave out.
    filter: KernelFilter,
    /// Entries that came.
    entries: u64,
}

/// The dumps that stream to one client each. Each is made when first needed, and kept.
pub struct Streams {
    open: OpenLink,
    streams: heapless::Vec<Stream, STREAMS>,
}

impl Streams {
    /// None yet; `open` makes their links.
    #[must_use]
    pub fn new(open: OpenLink) -> Self {
        Streams { open, streams: heapless::Vec::new() }
    }

    /// Starts a dump for the client in `slot`, which waits for one. False if none is free.
    pub fn begin(&mut self, slot: usize, engine: &mut Engine) -> bool {
        let free = match self.streams.iter().position(|s| s.slot.is_none()) {
            Some(at) => at,
            None if self.streams.is_full() => return false,
            None => self.streams.len(),
        };
        let Some(filter) = engine.begin_stream(slot) else {
            return true;
        };
        if let Err(error) = self.start(free, slot, filter) {
            engine.stream_failed(slot, error);
        }
        true
    }

    /// The slots of the clients that have a dump.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.streams.iter().filter_map(|s| s.slot)
    }

    fn start(&mut self, at: usize, slot: usize, filter: KernelFilter) -> Result<(), OpError> {
        if at == self.streams.len() {
            let link = (self.open)()
                .map_err(|e| OpError { operation: "dump", errno: e.raw_os_error().unwrap_or(libc::EIO) })?;
            let buf = vec![0; STREAM_BYTES].into_boxed_slice();
            // There is room: `begin` looked.
            let (dump, silence, filter) = (Dump::new(link), Silence::default(), KernelFilter::default());
            let stream = Stream { dump, silence, slot: None, buf, at: 0, len: 0, filter, entries: 0 };
            let _ = self.streams.push(stream);
        }
        let Some(stream) = self.streams.get_mut(at) else {
            return Ok(());
        };
        stream.start(filter)?;
        stream.slot = Some(slot);
        Ok(())
    }

    /// Ends the dump of the client in `slot`, if it has one.
    pub fn end(&mut self, slot: usize) {
        for stream in self.streams.iter_mut().filter(|s| s.slot == Some(slot)) {
            stream.dump.cancel();
            stream.slot = None;
        }
    }

    /// Writes rows from the dump of the client in `slot`: at most what one receive gives. [`Step::Stream`]: there is more
    /// to do at once; [`Step::Full`]: go on when the output was sent. While the reply is `unsent`, all of it in `out`, an
    /// error of the kernel takes its place as a fault.
    pub fn fill(
        &mut self,
        slot: usize,
        engine: &mut Engine,
        out: &mut Out<'_>,
        now_ms: u64,
        unsent: bool,
    ) -> Step {
        let Some(stream) = self.streams.iter_mut().find(|s| s.slot == Some(slot)) else {
            return Step::Abort;
        };
        let error = match stream.fill(slot, engine, out, now_ms) {
            Ok(step) => return step,
            Err(error) => error,
        };
        if filter_refused(stream.filter, error, stream.entries) {
            warn_of_refusal(error);
            if stream.start(stream.filter.family()).is_ok() {
                return Step::Stream;
            }
        }
        stream.slot = None;
        if unsent && engine.is_single(slot) {
            out.truncate(0);
            engine.stream_failed(slot, error);
            return Step::Stream;
        }
        engine.stats.add(Counter::ScanErrors);
        log::warn(format_args!("a listing was broken off: {error}"));
        Step::Abort
    }
}

impl Stream {
    fn start(&mut self, filter: KernelFilter) -> Result<(), OpError> {
        (self.at, self.len, self.entries, self.filter) = (0, 0, 0, filter);
        self.silence = Silence::default();
        self.dump.start(&mut dump(&filter))
    }

    fn fill(
        &mut self,
        slot: usize,
        engine: &mut Engine,
        out: &mut Out<'_>,
        now_ms: u64,
    ) -> Result<Step, OpError> {
        if self.at == self.len {
            match self.dump.recv(&mut self.buf)? {
                Some(len) => (self.at, self.len, self.silence) = (0, len, Silence::default()),
                None => return self.silence.goes_on(now_ms).map(|()| Step::Stream),
            }
        }
        loop {
            let unread = self.buf.get(self.at..self.len).unwrap_or(&[]);
            let mut datagram = self.dump.datagram(unread);
            match self.dump.item(&mut datagram)? {
                socket::Step::Message(message) => match engine.stream_row(slot, &message, out) {
                    Ok(None) => {
                        self.at = self.len - datagram.remaining();
                        self.entries += 1;
                    }
                    Ok(Some(step)) => return Ok(step),
                    Err(_) => return Ok(Step::Full),
                },
                socket::Step::Empty => {
                    self.at = self.len;
                    return Ok(Step::Stream);
                }
                socket::Step::End => {
                    self.slot = None;
                    engine.stream_end(slot);
                    return Ok(Step::Stream);
                }
            }
        }
    }
}
