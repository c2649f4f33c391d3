//! The dumps that are under way: one that all waiting calls share, and a few that stream to one client each.
//!
//! The loop watches their descriptors as it watches the clients' sockets: edge-triggered, so a dump is taken to be
//! readable until a read found nothing.

use super::scan_delay::ScanDelay;
use super::{FIRST_STREAM, SHARED_SCAN};
use crate::auth::Peer;
use crate::conntrack::message::Message;
use crate::conntrack::reader::{DumpProgress, DumpReader};
use crate::conntrack::request::KernelFilter;
use crate::conntrack::socket::{Link, Netlink, OpError};
use crate::limits::{DUMP_BYTES, STREAM_BYTES, STREAMS};
use crate::log;
use crate::out::{Full, Out};
use crate::rpc::{Engine, Step, World};
use crate::stats::Counter;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;

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
    /// Under which the loop hears of the descriptor.
    token: Token,
    /// There may be something to read: set by an event, until a read found nothing.
    readable: bool,
}

impl WatchedReader {
    fn new(link: Box<dyn Link>, buffer_bytes: usize, token: Token) -> Self {
        WatchedReader { reader: DumpReader::new(link, buffer_bytes), token, readable: false }
    }

    fn start(
        &mut self,
        filter: KernelFilter,
        then: Option<KernelFilter>,
        registry: &Registry,
    ) -> Result<(), OpError> {
        self.reader.start(filter, then)?;
        // The kernel has put the first part there before the request returned.
        self.readable = true;
        self.watch(registry)
    }

    /// Lets the loop watch the descriptor, if it is a new one. A descriptor that is readable by then is an event.
    fn watch(&mut self, registry: &Registry) -> Result<(), OpError> {
        let Some(fd) = self.reader.take_new_fd() else {
            return Ok(());
        };
        registry.register(&mut SourceFd(&fd), self.token, Interest::READABLE).map_err(|error| {
            // Without events it would be waited for in vain.
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
        self.readable = progress != DumpProgress::Blocked;
        // A refused filter may have cost the socket.
        self.watch(registry)?;
        Ok(progress)
    }

    /// Whether a read would find something, if only that the kernel has been silent for too long.
    fn is_ready(&self, now_ms: u64) -> bool {
        self.readable || self.deadline_ms() <= now_ms
    }

    /// When a silent kernel is given up; never while there may be something to read.
    fn deadline_ms(&self) -> u64 {
        self.reader.deadline_ms().unwrap_or(u64::MAX)
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
        let result = self.dump.read(world.now_ms, registry, &mut |message| {
            engine.offer(message, world);
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
        let Some((filter, then)) = engine.begin_scan(now_ms) else {
            return false;
        };
        if let Err(error) = self.dump.start(filter, then, registry) {
            engine.end_scan(Err(error));
        }
        true
    }

    /// When there is something to do without an event: a delayed scan begins, or a silent kernel is given up.
    #[must_use]
    pub(super) fn next_wakeup_ms(&self) -> u64 {
        self.delay.due_ms().unwrap_or(u64::MAX).min(self.dump.deadline_ms())
    }
}

/// A dump that streams to one client.
struct Stream {
    dump: WatchedReader,
    /// The client's slot, and with whom it has its share, while it runs.
    slot: Option<usize>,
    peer: Peer,
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

    /// Starts a dump for the client in `slot`, which waits for one. False if none is free.
    pub(super) fn begin(
        &mut self,
        slot: usize,
        peer: Peer,
        engine: &mut Engine,
        registry: &Registry,
    ) -> bool {
        let free = match self.streams.iter().position(|s| s.slot.is_none()) {
            Some(at) => at,
            None if self.streams.is_full() => return false,
            None => self.streams.len(),
        };
        let Some(filter) = engine.begin_stream(slot) else {
            return true;
        };
        match self.start(free, filter, registry) {
            Ok(stream) => (stream.slot, stream.peer) = (Some(slot), peer.sharers()),
            Err(error) => engine.stream_failed(slot, error),
        }
        true
    }

    /// Whether [`Streams::begin`] would find a dump.
    #[must_use]
    pub(super) fn has_room(&self) -> bool {
        !self.streams.is_full() || self.streams.iter().any(|s| s.slot.is_none())
    }

    /// Whether the peer's network has its share of dumps, so that some are left to others. This machine's own may have
    /// all but one, since a proxy there stands for many.
    #[must_use]
    pub(super) fn is_over_share(&self, peer: Peer) -> bool {
        self.held(peer) >= if peer.is_local() { STREAMS - 1 } else { STREAMS / 2 }
    }

    /// Dumps that the peer's network has.
    #[must_use]
    pub(super) fn held(&self, peer: Peer) -> usize {
        self.streams.iter().filter(|s| s.slot.is_some() && s.peer == peer.sharers()).count()
    }

    /// The slots of the clients that have a dump.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.streams.iter().filter_map(|s| s.slot)
    }

    /// Starts the `at`th dump, which is made if it is the first time.
    fn start(
        &mut self,
        at: usize,
        filter: KernelFilter,
        registry: &Registry,
    ) -> Result<&mut Stream, OpError> {
        if at == self.streams.len() {
            let link = (self.open)().map_err(|e| OpError::new("dump", &e))?;
            let dump = WatchedReader::new(link, STREAM_BYTES, Token(FIRST_STREAM + at));
            // There is room: `begin` looked.
            let _ = self.streams.push(Stream { dump, slot: None, peer: Peer::Unix });
        }
        let none = OpError { operation: "dump", errno: libc::EBADF };
        let stream = self.streams.get_mut(at).ok_or(none)?;
        stream.dump.start(filter, None, registry)?;
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

    /// When the first silent kernel is given up, in milliseconds, of those whose client's slot `is_flushed`: the others
    /// go on at an event of their client's.
    #[must_use]
    pub(super) fn next_deadline_ms(&self, is_flushed: &dyn Fn(usize) -> bool) -> u64 {
        let streams = self.streams.iter().filter(|s| s.slot.is_some_and(is_flushed));
        streams.map(|s| s.dump.deadline_ms()).min().unwrap_or(u64::MAX)
    }

    /// Writes rows from the dump of the client in `slot`: at most what one receive gives. [`Step::Stream`]: there is more
    /// to do at once; [`Step::Full`]: go on when the output was sent; [`Step::Wait`]: go on when the kernel has sent more.
    /// While the reply is `unsent`, all of it in `out`, an error of the kernel takes its place as a fault.
    pub(super) fn fill(
        &mut self,
        slot: usize,
        engine: &mut Engine,
        out: &mut Out<'_>,
        now_ms: u64,
        unsent: bool,
        registry: &Registry,
    ) -> Step {
        let Some(stream) = self.streams.iter_mut().find(|s| s.slot == Some(slot)) else {
            return Step::Abort;
        };
        let error = match stream.fill(slot, engine, out, now_ms, registry) {
            Ok(step) => return step,
            Err(error) => error,
        };
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
    fn fill(
        &mut self,
        slot: usize,
        engine: &mut Engine,
        out: &mut Out<'_>,
        now_ms: u64,
        registry: &Registry,
    ) -> Result<Step, OpError> {
        if !self.dump.is_ready(now_ms) {
            return Ok(Step::Wait);
        }
        // The engine may want to end the reply at an entry: for the reader that is as if there were no room.
        let mut ended = None;
        let progress = self.dump.read(now_ms, registry, &mut |message| {
            ended = engine.stream_row(slot, message, out)?;
            if ended.is_none() { Ok(()) } else { Err(Full) }
        })?;
        Ok(match (ended, progress) {
            (Some(step), _) => step,
            (None, DumpProgress::Full) => Step::Full,
            (None, DumpProgress::More) => Step::Stream,
            (None, DumpProgress::Blocked) => Step::Wait,
            (None, DumpProgress::Done) => {
                self.slot = None;
                engine.stream_end(slot);
                Step::Stream
            }
        })
    }
}
