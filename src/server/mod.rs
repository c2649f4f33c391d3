//! The loop: one thread, one mio poll, a fixed number of clients, dumps read a slice at a time in between.
//!
//! A turn: wait for events (not at all while there is work), take newcomers in, get every client as far as it goes, read a
//! slice of each dump, cut off who is too slow. Each step is bounded, so no client and no table can hold up another.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod admit;
pub mod client;
pub mod dumps;
pub mod input;
pub mod listen;
mod muster;
mod open;
pub mod passwd;
pub mod slots;

use crate::auth::{self, Look, Peer};
use crate::conntrack::socket::Control;
use crate::http::{self, Error, Policy, Via};
use crate::limits::{CLIENTS, LISTENERS, PAUSE_MS, STOP_MS};
use crate::log;
use crate::rpc::{Engine, Step, World};
use crate::stats::Counter;
use crate::sys::{self, Signal, Signals};
use crate::xmlrpc::charset::Charset;
use client::{Next, State};
use dumps::{SharedScan, Streams};
use input::LargeBuffers;
use listen::{Listener, Socket};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use passwd::PasswdFile;
use slots::Slots;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Tokens: the first are the listeners', then these, then the clients'.
const SIGNALS: Token = Token(LISTENERS);
const FIRST_CLIENT: usize = LISTENERS + 1;

/// Times that one client may get further in one turn.
const STEPS_A_TURN: usize = 8;
/// The longest sleep, in milliseconds: files are looked at for changes this often.
const TICK_MS: u64 = 1_000;

/// The daemon, ready to run.
pub struct Server {
    poll: Poll,
    began: Instant,
    listeners: Vec<(Listener, bool)>,
    /// No newcomer is taken in before, in milliseconds: there was no descriptor for one.
    paused_until_ms: u64,
    slots: Slots,
    large: LargeBuffers,
    engine: Box<Engine>,
    control: Control,
    scan: SharedScan,
    streams: Streams,
    signals: Signals,
    policy: Policy,
    passwd: PasswdFile,
    /// When it must have stopped, in milliseconds, once it was told to.
    stop_at_ms: Option<u64>,
}

impl Server {
    /// Serves until it is told to stop, and has finished what it was answering.
    ///
    /// # Errors
    /// A sentence, when the loop itself can't go on.
    pub fn run(mut self) -> Result<(), String> {
        let fd = self.signals.as_raw_fd();
        let watch = self.poll.registry().register(&mut SourceFd(&fd), SIGNALS, Interest::READABLE);
        watch.map_err(|e| format!("can't watch for signals: {e}"))?;
        let mut events = Events::with_capacity(CLIENTS + LISTENERS + 1);
        let (mut busy, mut turned_ms) = (true, 0);
        loop {
            let timeout_ms = if busy { 0 } else { self.sleep_ms(turned_ms) };
            self.wait(&mut events, timeout_ms)?;
            turned_ms = self.now_ms();
            busy = self.turn(turned_ms);
            if let Some(stop_at) = self.stop_at_ms {
                if self.slots.is_empty() || self.now_ms() >= stop_at {
                    log::info(format_args!("stopped"));
                    return Ok(());
                }
            }
        }
    }

    /// Takes in a connection that was opened elsewhere. False if there is no slot for it.
    ///
    /// With [`Server::round`] this is a server without listeners and without a clock of its own, as the fuzz targets and
    /// the tests with a scripted kernel drive it.
    pub fn adopt(&mut self, socket: Socket, peer: Peer, via: Via, now_ms: u64) -> bool {
        self.slots.has_room() && self.admit(socket, peer, via, now_ms)
    }

    /// What [`Server::run`] does over and over, once and without sleeping, at `now_ms` milliseconds of the caller's clock.
    /// Whether there is more to do at once.
    ///
    /// # Errors
    /// A sentence, when the loop itself can't go on.
    pub fn round(&mut self, events: &mut Events, now_ms: u64) -> Result<bool, String> {
        self.wait(events, 0)?;
        Ok(self.turn(now_ms))
    }

    /// Whether no client is connected.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    /// Waits for events, so many milliseconds at most, and takes note of them.
    fn wait(&mut self, events: &mut Events, timeout_ms: u64) -> Result<(), String> {
        match self.poll.poll(events, Some(Duration::from_millis(timeout_ms))) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(format!("epoll failed: {e}")),
            // What an interrupted call left there is old.
            Err(_) => events.clear(),
            Ok(()) => {}
        }
        self.note(events);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        sys::since_ms(self.began)
    }

    /// How long nothing will happen by itself. The last turn was at `turned_ms`.
    fn sleep_ms(&self, turned_ms: u64) -> u64 {
        let now_ms = self.now_ms();
        let newcomers = self.listeners.iter().any(|(_, ready)| *ready);
        let listings = (0..self.slots.len()).any(|slot| self.engine.waits_for_stream(slot));
        // Who is in the way of these may be slow enough to make room before anything else happens.
        let waiting = newcomers || listings || self.slots.next_body(&self.large).is_some();
        // A call that could have gone on in the last turn and did not: its client has yet to read. The next one that will
        // wake up is unknown then.
        let wakeup_ms = self.engine.next_wakeup_ms();
        let unread = wakeup_ms <= turned_ms;
        let tick = if waiting || unread { PAUSE_MS } else { TICK_MS };
        let wakeup_ms = if unread { u64::MAX } else { wakeup_ms };
        let next = self.slots.next_deadline_ms().min(wakeup_ms).min(self.scan.begins_at_ms());
        // One more, since both were rounded down.
        next.saturating_sub(now_ms).saturating_add(1).min(tick)
    }

    /// Takes note of what epoll says.
    fn note(&mut self, events: &Events) {
        for event in events {
            match event.token() {
                SIGNALS => self.read_signals(),
                Token(at) if at < LISTENERS => {
                    if let Some((_, ready)) = self.listeners.get_mut(at) {
                        *ready = true;
                    }
                }
                Token(token) => {
                    if let Some(client) = self.slots.get_mut(token - FIRST_CLIENT) {
                        client.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                        client.writable |= event.is_writable() || event.is_error();
                        // Both directions are closed: nobody is there to read a reply.
                        if event.is_error() || (event.is_write_closed() && event.is_read_closed()) {
                            client.deadline_ms = 0;
                        }
                    }
                }
            }
        }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match signal {
                // Told once more it does not begin anew.
                Signal::Terminate | Signal::Interrupt if self.stop_at_ms.is_some() => {}
                Signal::Terminate | Signal::Interrupt => {
                    log::info(format_args!("told to stop: finishing what is being answered"));
                    self.stop_at_ms = Some(self.now_ms() + STOP_MS);
                    self.listeners.clear();
                }
                Signal::HangUp => {
                    self.refresh_users(Look::Anyway, self.now_ms());
                }
                // What the signal woke the loop for: the next turn looks which program has ended.
                Signal::Child => {}
            }
        }
    }

    fn refresh_users(&mut self, look: Look, now_ms: u64) {
        auth::refresh(&mut self.engine.store, &mut self.engine.sessions, look, now_ms);
    }

    /// One turn of all. Whether there is more to do at once.
    fn turn(&mut self, now_ms: u64) -> bool {
        let mut busy = self.accept(now_ms);
        for slot in 0..self.slots.len() {
            busy |= self.drive(slot, now_ms);
        }
        let mut world = World { kernel: &mut self.control, now_ms };
        busy |= self.scan.slice(&mut self.engine, &mut world);
        busy |= self.engine.replay();
        busy |= self.check_logins(now_ms);
        // No event of a socket's would tell of these: calls whose scan ended in this turn, and a listing or a large body
        // that has just come, or has waited until another one ended.
        busy |= self.streams.has_room() && self.next_listing().is_some();
        busy |= self.slots.next_body(&self.large).is_some_and(|(_, peer)| self.large.has_room(peer));
        busy | (0..self.slots.len())
            .any(|slot| self.engine.is_ready(slot, now_ms) && self.slots.is_flushed(slot))
    }

    /// Reads files that have changed, and looks after programs that judge logins. Whether one of these has an answer.
    fn check_logins(&mut self, now_ms: u64) -> bool {
        self.refresh_users(Look::Due, now_ms);
        self.passwd.check(now_ms, &mut self.engine.context.users);
        self.engine.store.reap(now_ms)
    }

    fn close(&mut self, slot: usize) {
        self.engine.forget(slot);
        self.streams.end(slot);
        self.slots.close(slot, &mut self.large);
    }

    /// Gets a client as far as it goes. Whether it could go on at once.
    fn drive(&mut self, slot: usize, now_ms: u64) -> bool {
        for _ in 0..STEPS_A_TURN {
            match self.step(slot, now_ms) {
                Next::Go | Next::Call => {}
                Next::Wait | Next::Enlarge => return false,
                Next::Close => {
                    self.close(slot);
                    return false;
                }
            }
        }
        true
    }

    fn step(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        if client.deadline_ms <= now_ms {
            return self.too_slow(slot, now_ms);
        }
        match client.flush(now_ms) {
            Next::Go => {}
            other => return other,
        }
        match client.state {
            State::Calling { ended: true, .. } => {
                client.finish_reply(self.stop_at_ms.is_some(), &mut self.large, now_ms)
            }
            State::Calling { .. } => self.answer(slot, now_ms),
            State::Head(_) | State::Body(..) if self.stop_at_ms.is_some() => Next::Close,
            _ => match client.receive(&self.policy, now_ms) {
                Ok(Next::Call) => self.begin_call(slot),
                Ok(Next::Enlarge) => self.enlarge(slot, now_ms),
                Ok(next) => next,
                Err(error) => {
                    self.engine.stats.add(Counter::HttpErrors);
                    client.refuse(error, now_ms);
                    Next::Go
                }
            },
        }
    }

    /// A client's time is up: one whose request was coming in is told so.
    fn too_slow(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        let told = client.deadline_ms != 0 && client.is_flushed() && !client.is_idle();
        match client.state {
            State::Head(_) | State::Body(..) if told => {
                self.engine.stats.add(Counter::Deadlines);
                client.refuse(Error::TooSlow, now_ms);
                Next::Go
            }
            State::Calling { .. } => {
                self.engine.stats.add(Counter::Deadlines);
                Next::Close
            }
            _ => Next::Close,
        }
    }

    /// Gives a body that waits for a large buffer one that is free, or one whose client is slow.
    fn enlarge(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some((_, peer)) = self.slots.next_body(&self.large).filter(|next| next.0 == slot) else {
            return Next::Wait;
        };
        if !self.large.has_room(peer) {
            if let Some(slow) = self.slots.slowest_body(peer, &self.large, now_ms) {
                self.engine.stats.add(Counter::Deadlines);
                self.close(slow);
            }
        }
        self.slots.get_mut(slot).map_or(Next::Wait, |client| client.enlarge(&mut self.large, now_ms))
    }

    fn begin_call(&mut self, slot: usize) -> Next {
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        let State::Calling { head, .. } = client.state else {
            return Next::Wait;
        };
        let charset = match head.charset {
            http::Charset::Utf8 => Charset::Utf8,
            http::Charset::UsAscii => Charset::UsAscii,
            http::Charset::Latin1 => Charset::Latin1,
            http::Charset::Unspecified => Charset::Unspecified,
        };
        let decoded = client.decode_body(charset, &mut self.large);
        self.engine.begin(slot, client.peer);
        if let Err(error) = decoded {
            self.engine.refuse(slot, crate::xmlrpc::DecodeError::from(error).into());
        }
        Next::Go
    }

    /// Gives a call that waits for a dump of its own one that is free, or one whose client does not read.
    fn begin_stream(&mut self, slot: usize, now_ms: u64) {
        let Some(peer) = self.slots.get_mut(slot).map(|client| client.peer) else {
            return;
        };
        if !self.engine.waits_for_stream(slot) || self.next_listing() != Some(slot) {
            return;
        }
        if !self.streams.begin(slot, peer, &mut self.engine) {
            if let Some(slow) = self.slots.slowest_reader(self.streams.slots(), now_ms) {
                self.engine.stats.add(Counter::Deadlines);
                self.close(slow);
                self.streams.begin(slot, peer, &mut self.engine);
            }
        }
    }

    /// Whose turn it is to get a dump of its own: the one that has waited longest of those whose network has fewest. Who has
    /// not taken the first part of the reply can't go on, and keeps nobody waiting.
    fn next_listing(&mut self) -> Option<usize> {
        let mut next = None;
        for slot in (0..self.slots.len()).filter(|&slot| self.engine.waits_for_stream(slot)) {
            let client = self.slots.get_mut(slot).filter(|client| client.is_flushed());
            let Some(peer) = client.map(|client| client.peer) else {
                continue;
            };
            let rank = (self.streams.held(peer), self.engine.waits_since_ms(slot), slot);
            if !self.streams.is_over_share(peer) && next.is_none_or(|best| rank < best) {
                next = Some(rank);
            }
        }
        next.map(|(_, _, slot)| slot)
    }

    /// Lets the engine write a piece of the reply.
    fn answer(&mut self, slot: usize, now_ms: u64) -> Next {
        self.begin_stream(slot, now_ms);
        self.engine.check_patience(slot, now_ms);
        if !self.engine.is_ready(slot, now_ms) {
            return Next::Wait;
        }
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        let (engine, streams) = (&mut self.engine, &mut self.streams);
        let mut world = World { kernel: &mut self.control, now_ms };
        let mut step = Step::Wait;
        let unsent = matches!(client.state, State::Calling { begun: false, .. });
        client.reply(now_ms, |body, out| {
            step = engine.advance(slot, body, out, &mut world);
            // What was written goes out before the dump goes on, unless nothing was.
            if step == Step::Stream {
                step = streams.fill(slot, engine, out, now_ms, unsent);
            }
            step == Step::Done
        });
        match step {
            Step::Abort => Next::Close,
            _ if !client.is_flushed() => Next::Go,
            Step::Full => {
                // Every piece is smaller than an empty output; a test holds the largest row to it.
                log::error(format_args!("a piece of a reply is larger than the output buffer"));
                Next::Close
            }
            Step::Stream => Next::Go,
            Step::Wait | Step::Sleep(_) => Next::Wait,
            Step::Done => Next::Go,
        }
    }
}
