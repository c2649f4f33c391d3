//! The dumps that are under way: one that all waiting calls share, and a few that stream to one client each.
//!
//! The loop watches their descriptors as it watches the clients' sockets: edge-triggered, so a dump is taken to be
//! readable until a read found nothing.

use super::scan_delay::ScanDelay;
use super::turn::First;
use super::{FIRST_STREAM, SHARED_SCAN};
use crate::conntrack::message::Message;
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::reader::{DumpProgress, DumpReader};
use crate::conntrack::socket::{Link, Netlink, OpError};
use crate::limits::{DUMP_BYTES, STREAM_BYTES, STREAMS};
use crate::out::Full;
use crate::quota::Quota;
use crate::rpc::{Engine, World};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;

/// Who may have how many dumps that stream.
pub(super) const QUOTA: Quota = Quota::new(STREAMS, STREAMS / 2);

/// Opens links to the kernel; tests script theirs.
pub type OpenLink = fn() -> io::Result<Box<dyn Link>>;

/// Opens a real netlink socket.
///
/// # Errors
/// [`Netlink::open`]'s.
pub(super) fn open_netlink() -> io::Result<Box<dyn Link>> {
    Ok(Box::new(Netlink::open()?))
}

/// A reader of dumps whose descriptor the loop watches.
struct WatchedReader {
    reader: DumpReader,
    /// The token of the descriptor's events.
    token: Token,
    /// There may be something to read: set by an event, until a read found nothing.
    readable: bool,
}

impl WatchedReader {
    fn new(link: Box<dyn Link>, buffer_bytes: usize, token: Token) -> Self {
        WatchedReader { reader: DumpReader::new(link, buffer_bytes), token, readable: false }
    }

    fn start(&mut self, plan: KernelPlan, registry: &Registry) -> Result<(), OpError> {
        self.reader.start(plan)?;
        // The kernel puts the first part there before the request returns, and no event need tell of it.
        self.readable = true;
        self.watch(registry)
    }

    /// Lets the loop watch the descriptor, if it is a new one. A descriptor that is readable by then is an event.
    fn watch(&mut self, registry: &Registry) -> Result<(), OpError> {
        let Some(fd) = self.reader.take_new_fd() else {
            return Ok(());
        };
        registry.register(&mut SourceFd(&fd), self.token, Interest::READABLE).map_err(|error| {
            // Without events nobody would read on.
            self.reader.cancel();
            OpError::new("dump", &error)
        })
    }

    fn read(
        &mut self,
        now_ms: u64,
        registry: &Registry,
        each: &mut dyn FnMut(&Message<'_>) -> Result<(), Full>,
    ) -> Result<DumpProgress, OpError> {
        let progress = self.reader.read(now_ms, each)?;
        self.settle(registry)?;
        Ok(progress)
    }

    /// After a read: takes note of whether there may be more to read, and lets the loop watch the descriptor if the reader has
    /// replaced its socket.
    fn settle(&mut self, registry: &Registry) -> Result<(), OpError> {
        // The reader has a deadline only if its last receive found nothing; an event tells when there is more.
        self.readable = self.reader.deadline_ms().is_none();
        self.watch(registry)
    }

    /// Whether a read would find something, if only that the kernel has been silent for too long.
    fn is_ready(&self, now_ms: u64) -> bool {
        self.readable || self.wakes_at_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// When a silent kernel is given up, in milliseconds; `None` while there may be something to read.
    fn wakes_at_ms(&self) -> Option<u64> {
        self.reader.deadline_ms()
    }
}

/// The dump that all waiting calls share.
pub(super) struct SharedScan {
    delay: ScanDelay,
    dump: WatchedReader,
}

impl SharedScan {
    /// Takes the link for the dumps.
    #[must_use]
    pub(super) fn new(link: Box<dyn Link>) -> Self {
        SharedScan { delay: ScanDelay::default(), dump: WatchedReader::new(link, DUMP_BYTES, SHARED_SCAN) }
    }

    /// The descriptor has become readable.
    pub(super) fn set_readable(&mut self) {
        self.dump.readable = true;
    }

    /// Does a slice of work, if there is any: false when there is none, or nothing has come from the kernel yet.
    pub(super) fn slice(&mut self, engine: &mut Engine, world: &mut World<'_>, registry: &Registry) -> bool {
        if !self.dump.reader.is_running() {
            return self.begin(engine, world.now_ms, registry);
        }
        if !engine.scan_is_wanted() {
            self.dump.reader.cancel();
            return true;
        }
        if !self.dump.is_ready(world.now_ms) {
            return false;
        }
        let part = self.dump.reader.part();
        let result = self.dump.read(world.now_ms, registry, &mut |message| {
            engine.offer(message, part, world);
            Ok(())
        });
        match result {
            Ok(DumpProgress::Blocked) => return false,
            Ok(DumpProgress::More | DumpProgress::Full) => {}
            Ok(DumpProgress::Done) => {
                self.delay.ended(world.now_ms);
                engine.end_scan(Ok(()));
            }
            Err(error) => engine.end_scan(Err(error)),
        }
        true
    }

    /// Starts a dump, if calls wait for one and it is time for it.
    fn begin(&mut self, engine: &mut Engine, now_ms: u64, registry: &Registry) -> bool {
        if !engine.wants_scan() {
            self.delay.cancel();
            return false;
        }
        if !self.delay.is_due(now_ms) {
            return false;
        }
        let Some(plan) = engine.begin_scan(now_ms) else {
            return false;
        };
        if let Err(error) = self.dump.start(plan, registry) {
            engine.end_scan(Err(error));
        }
        true
    }

    /// When there is something to do without an event: a delayed scan begins, or a silent kernel is given up.
    pub(super) fn wake(&self, first: &mut First) {
        first.add(self.delay.due_ms());
        first.add(self.dump.wakes_at_ms());
    }
}

/// A dump that streams to one client.
struct Stream {
    dump: WatchedReader,
    /// The client's slot, while it runs.
    slot: Option<usize>,
}

/// The dumps that stream to one client each. Each is made when first needed, and kept.
pub(super) struct Streams {
    open: OpenLink,
    streams: heapless::Vec<Stream, STREAMS>,
}

impl Streams {
    /// None yet; `open` makes their links.
    #[must_use]
    pub(super) fn new(open: OpenLink) -> Self {
        Streams { open, streams: heapless::Vec::new() }
    }

    /// The descriptor of the `at`th has become readable.
    pub(super) fn set_readable(&mut self, at: usize) {
        if let Some(stream) = self.streams.get_mut(at) {
            stream.dump.readable = true;
        }
    }

    /// Starts a dump for the client in `slot`, if it waits for one and one is free.
    pub(super) fn begin(&mut self, slot: usize, engine: &mut Engine, registry: &Registry) {
        let free = match self.streams.iter().position(|s| s.slot.is_none()) {
            Some(at) => at,
            None if self.streams.is_full() => return,
            None => self.streams.len(),
        };
        let Some(plan) = engine.begin_dump(slot) else {
            return;
        };
        match self.start(free, plan, registry) {
            Ok(stream) => stream.slot = Some(slot),
            Err(error) => engine.dump_failed(slot, error),
        }
    }

    /// Whether the client in `slot` has a dump.
    pub(super) fn has(&self, slot: usize) -> bool {
        self.streams.iter().any(|s| s.slot == Some(slot))
    }

    /// Starts the `at`th dump, which is made if it is the first time.
    fn start(&mut self, at: usize, plan: KernelPlan, registry: &Registry) -> Result<&mut Stream, OpError> {
        if at == self.streams.len() {
            let link = (self.open)().map_err(|e| OpError::new("dump", &e))?;
            let dump = WatchedReader::new(link, STREAM_BYTES, Token(FIRST_STREAM + at));
            // There is room: `begin` looked.
            let _ = self.streams.push(Stream { dump, slot: None });
        }
        let none = OpError { operation: "dump", errno: libc::EBADF };
        let stream = self.streams.get_mut(at).ok_or(none)?;
        stream.dump.start(plan, registry)?;
        Ok(stream)
    }

    /// Ends the dump of the client in `slot`, if it has one.
    pub(super) fn end(&mut self, slot: usize) {
        for stream in self.streams.iter_mut().filter(|s| s.slot == Some(slot)) {
            stream.dump.reader.cancel();
            stream.slot = None;
        }
    }

    /// Whether the client in `slot` has a dump of which nothing has come yet.
    #[must_use]
    pub(super) fn is_blocked(&self, slot: usize, now_ms: u64) -> bool {
        self.streams.iter().any(|s| s.slot == Some(slot) && !s.dump.is_ready(now_ms))
    }

    /// When the dump of the client in `slot` can be read on: at `now_ms` if it can at once, or when a silent kernel is given
    /// up. `None` where it has no dump.
    #[must_use]
    pub(super) fn wakes_at_ms(&self, slot: usize, now_ms: u64) -> Option<u64> {
        let stream = self.streams.iter().find(|s| s.slot == Some(slot))?;
        if stream.dump.is_ready(now_ms) { Some(now_ms) } else { stream.dump.wakes_at_ms() }
    }

    /// The dump of the client in `slot`, if it has one and there may be something to read.
    pub(super) fn reader(&mut self, slot: usize, now_ms: u64) -> Option<&mut DumpReader> {
        let mut streams = self.streams.iter_mut();
        let stream = streams.find(|s| s.slot == Some(slot) && s.dump.is_ready(now_ms))?;
        Some(&mut stream.dump.reader)
    }

    /// The engine has worked on the call of the client in `slot`: its dump ends with the call's need of it, and otherwise is
    /// waited for if nothing was left to read.
    pub(super) fn settle(&mut self, slot: usize, engine: &mut Engine, registry: &Registry) {
        if !engine.reads_dump(slot) {
            return self.end(slot);
        }
        let Some(stream) = self.streams.iter_mut().find(|s| s.slot == Some(slot)) else {
            return;
        };
        if let Err(error) = stream.dump.settle(registry) {
            stream.slot = None;
            engine.dump_failed(slot, error);
        }
    }
}
