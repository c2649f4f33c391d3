//! The loop: one thread, one mio poll, a fixed number of clients, dumps read a slice at a time in between.
//!
//! A turn: wait for events (not at all while there is work), take newcomers in, get every client as far as it goes, and read
//! the table for as long as the clients took. Each step is bounded, so no client and no table can hold up another.
//!
//! | file | subject |
//! |---|---|
//! | [`open`](Server::open) | the start |
//! | [`turn`](Server::round) | one turn, and when the next one is due |
//! | `admit`, `room`, `linger` | connections that have no slot: newcomers, those who wait, those who leave |
//! | `slots`, `client`, `input`, `receive`, `output`, `pace` | clients: the table of slots, and what one is made of |
//! | `shares`, `worth` | who gives way to whom, and what a client has cost the others |
//! | `dumps`, `scan_delay` | reading the table |
//! | `passwd` | names of users, read again when their file changes |
//! | `metrics` | who may read the metrics |
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod admit;
mod client;
mod dumps;
mod input;
mod linger;
pub mod listen;
#[cfg(feature = "metrics")]
mod metrics;
mod open;
mod output;
mod pace;
mod passwd;
mod receive;
mod room;
mod scan_delay;
mod shares;
mod slots;
mod turn;
mod worth;

use crate::auth::{self, Look, Peer};
use crate::conntrack::socket::Control;
use crate::http::{Error, File, Head, Policy, Route, Status, Via};
use crate::limits::{CLIENTS, LINGERING, LISTENERS, STOP_MS, STREAMS, YIELD_MS};
use crate::log;
use crate::name_files::NameFiles;
use crate::rpc::{Asker, Engine, Step, World};
use crate::stats::{Counter, Tally};
use crate::syntax::Syntax;
use crate::sys::{self, Signal, Signals};
use crate::xmlrpc::DecodeError;
use client::{Client, Next, State};
use dumps::{SharedScan, Streams};
use input::LargeBuffers;
use linger::Linger;
use listen::{Listener, Socket};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use output::Piece;
use passwd::PasswdFile;
use room::Room;
use slots::Slots;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Tokens: the first are the listeners', then these, then the dumps', the clients', and those of clients who leave.
const SIGNALS: Token = Token(LISTENERS);
const SHARED_SCAN: Token = Token(LISTENERS + 1);
const FIRST_STREAM: usize = LISTENERS + 2;
const FIRST_CLIENT: usize = FIRST_STREAM + STREAMS;
const FIRST_LINGER: usize = FIRST_CLIENT + CLIENTS;

/// The longest sleep, in milliseconds: files are looked at for changes this often.
const TICK_MS: u64 = 1_000;

/// The daemon, ready to run.
pub struct Server {
    poll: Poll,
    began: Instant,
    listeners: Vec<(Listener, bool)>,
    /// No newcomer is taken in before, in milliseconds: there was no descriptor for one.
    paused_until_ms: Option<u64>,
    slots: Slots,
    room: Room,
    linger: Linger,
    large: LargeBuffers,
    engine: Box<Engine>,
    control: Control,
    scan: SharedScan,
    streams: Streams,
    signals: Signals,
    policy: Policy,
    /// Who may read the metrics.
    #[cfg(feature = "metrics")]
    metrics: crate::config::Metrics,
    passwd: PasswdFile,
    names: NameFiles,
    /// When it must have stopped, in milliseconds, once it was told to.
    stop_at_ms: Option<u64>,
}

impl Server {
    /// Serves until it is told to stop, and has finished what it was answering.
    ///
    /// # Errors
    /// A sentence, when the loop itself can't go on.
    pub fn run(mut self: Box<Self>) -> Result<(), String> {
        let result = self.serve();
        // The process ends with this, and the kernel frees what it had: what others can see is put away here.
        self.listeners.clear();
        self.engine.shared.store.end();
        core::mem::forget(self);
        result
    }

    fn serve(&mut self) -> Result<(), String> {
        let fd = self.signals.as_raw_fd();
        let watch = self.poll.registry().register(&mut SourceFd(&fd), SIGNALS, Interest::READABLE);
        watch.map_err(|e| format!("can't watch for signals: {e}"))?;
        let mut events = Events::with_capacity(FIRST_LINGER + LINGERING);
        let mut wakes_at_ms = Some(0);
        loop {
            let timeout_ms = wakes_at_ms.map_or(TICK_MS, |at_ms| timeout_ms(at_ms, self.now_ms()));
            self.wait(&mut events, timeout_ms)?;
            wakes_at_ms = self.turn(self.now_ms());
            if self.has_stopped() {
                log::info(format_args!("stopped"));
                return Ok(());
            }
        }
    }

    /// Whether the daemon was told to stop, and has done what was left to do or has no more time for it.
    fn has_stopped(&self) -> bool {
        let now_ms = self.now_ms();
        self.stop_at_ms.is_some_and(|stop_at_ms| {
            // A client that has had its last reply gets a moment to read it.
            let left = self.linger.is_empty() || now_ms + STOP_MS >= stop_at_ms + YIELD_MS;
            (self.slots.is_empty() && left) || now_ms >= stop_at_ms
        })
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
        Ok(self.turn(now_ms).is_some_and(|at_ms| at_ms <= now_ms))
    }

    /// Whether no client is connected.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.slots.is_empty() && self.room.is_empty() && self.linger.is_empty()
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

    /// Takes note of what epoll says.
    fn note(&mut self, events: &Events) {
        for event in events {
            match event.token() {
                SIGNALS => self.read_signals(),
                SHARED_SCAN => self.scan.set_readable(),
                Token(at) if at < LISTENERS => {
                    if let Some((_, ready)) = self.listeners.get_mut(at) {
                        *ready = true;
                    }
                }
                Token(at) if at < FIRST_CLIENT => self.streams.set_readable(at - FIRST_STREAM),
                Token(at) if at >= FIRST_LINGER => self.linger.set_readable(at - FIRST_LINGER),
                Token(token) => {
                    if let Some(client) = self.slots.get_mut(token - FIRST_CLIENT) {
                        client.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                        client.writable |= event.is_writable() || event.is_error();
                        client.gone |=
                            event.is_error() || (event.is_write_closed() && event.is_read_closed());
                    }
                }
            }
        }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match signal {
                // A second signal does not begin the time that is left anew.
                Signal::Terminate | Signal::Interrupt if self.stop_at_ms.is_some() => {}
                Signal::Terminate | Signal::Interrupt => {
                    log::info(format_args!("told to stop: finishing what is being answered"));
                    self.stop_at_ms = Some(self.now_ms() + STOP_MS);
                    self.listeners.clear();
                }
                Signal::HangUp => {
                    self.refresh_users(Look::Anyway, self.now_ms());
                }
                // The signal was to wake the loop: the turn that follows looks which program has ended.
                Signal::Child | Signal::Resize => {}
            }
        }
    }

    fn refresh_users(&mut self, look: Look, now_ms: u64) {
        let shared = &mut self.engine.shared;
        auth::refresh(&mut shared.store, &mut shared.sessions, look, now_ms);
    }

    /// Reads files that have changed, and looks after programs that judge logins. Whether one of these has an answer.
    fn check_logins(&mut self, now_ms: u64) -> bool {
        self.refresh_users(Look::Due, now_ms);
        // A reply whose length has been promised keeps the names that it was measured with.
        if !self.engine.has_promised() {
            let context = &mut self.engine.shared.context;
            self.passwd.check(now_ms, &mut context.users);
            self.names.check(now_ms, &mut context.names);
        }
        let has_answer = self.engine.shared.store.reap(now_ms);
        if has_answer {
            self.engine.wake_judged();
        }
        has_answer
    }

    fn step(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        if client.gone {
            return Next::Close;
        }
        if client.deadline_ms().is_some_and(|deadline_ms| deadline_ms <= now_ms) {
            return self.too_slow(slot, now_ms);
        }
        match client.flush(now_ms) {
            Next::Go => {}
            other => return other,
        }
        match client.state {
            State::Calling { ended: true, .. } => self.finish_reply(slot, now_ms),
            State::Calling { head: Head { route: Route::File(file), .. }, .. } => {
                self.send_file(slot, file, now_ms)
            }
            State::Calling { .. } => self.answer(slot, now_ms),
            State::Head(_) | State::Body(..) if self.stop_at_ms.is_some() => Next::Close,
            _ => match client.receive(&self.policy, now_ms) {
                Ok(Next::Call) => self.begin_call(slot, now_ms),
                Ok(Next::Enlarge) => self.enlarge(slot, now_ms),
                Ok(next) => next,
                Err(error) => self.refuse(slot, error, now_ms),
            },
        }
    }

    /// Answers with an error of HTTP, which is the last that this connection gets.
    fn refuse(&mut self, slot: usize, error: Error, now_ms: u64) -> Next {
        self.engine.shared.stats.add(Counter::HttpErrors);
        self.count_error(error);
        if let Some(client) = self.slots.get_mut(slot) {
            client.refuse(error, now_ms);
        }
        Next::Go
    }

    fn finish_reply(&mut self, slot: usize, now_ms: u64) -> Next {
        let last = self.is_last(slot, now_ms);
        let client = self.slots.get_mut(slot);
        client.map_or(Next::Wait, |client| client.finish_reply(last, &mut self.large, now_ms))
    }

    /// Counts an error of HTTP by its status.
    fn count_error(&mut self, error: Error) {
        let place = Status::ERRORS.iter().position(|status| *status == error.status());
        self.engine.shared.stats.add_to(Tally::HttpErrors, place);
    }

    fn begin_call(&mut self, slot: usize, now_ms: u64) -> Next {
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        let State::Calling { head, .. } = client.state else {
            return Next::Wait;
        };
        match head.route {
            Route::Call => {}
            Route::File(_) => return Next::Go,
            #[cfg(feature = "metrics")]
            Route::Metrics => return self.begin_metrics(slot, head, now_ms),
            #[cfg(not(feature = "metrics"))]
            Route::Metrics => return self.refuse(slot, Error::Path, now_ms),
        }
        let decoded = client.decode_body(head.charset, &mut self.large, now_ms);
        let body = decoded.map(|()| client.body()).map_err(|error| DecodeError::from(error).into());
        let syntax = if head.json { Syntax::Json } else { Syntax::Xml };
        let mut world = World { kernel: &mut self.control, dump: None, is_unsent: true, now_ms };
        let asker = Asker { peer: client.peer, ends: client.ends, syntax };
        self.engine.begin(slot, asker, body, &mut world);
        Next::Go
    }

    /// Writes a piece of a file.
    fn send_file(&mut self, slot: usize, file: &File, now_ms: u64) -> Next {
        let last = self.is_last(slot, now_ms);
        if let Some(client) = self.slots.get_mut(slot) {
            client.send_file(file, last, now_ms);
        }
        Next::Go
    }

    /// Whether the connection ends with the reply to this call.
    fn is_last(&self, slot: usize, now_ms: u64) -> bool {
        self.stop_at_ms.is_some() || self.is_in_the_way(slot, now_ms)
    }

    /// Lets the engine write a piece of the reply.
    fn answer(&mut self, slot: usize, now_ms: u64) -> Next {
        self.begin_stream(slot, now_ms);
        if !self.engine.is_ready(slot, now_ms) || self.streams.is_blocked(slot, now_ms) {
            return Next::Wait;
        }
        let is_unsent = self.slots.get(slot).is_some_and(Client::has_no_reply);
        // The reply's head says whether it is the last.
        let last = is_unsent && self.is_last(slot, now_ms);
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        let dump = self.streams.reader(slot, now_ms);
        let mut world = World { kernel: &mut self.control, dump, is_unsent, now_ms };
        let engine = &mut self.engine;
        let mut step = Step::Wait;
        client.reply(last, now_ms, |body, out| {
            step = engine.advance(slot, body, out, &mut world);
            let length = engine.reply_length(slot);
            Piece { is_last: step == Step::Done, is_full: step == Step::Full, length }
        });
        self.streams.settle(slot, engine, self.poll.registry());
        match step {
            Step::Abort => Next::Close,
            Step::Refuse => self.refuse(slot, Error::MetricsFailed, now_ms),
            // What was written goes out before anything else is done.
            _ if !client.is_flushed() => Next::Go,
            Step::Full => {
                // Every piece is smaller than an empty output; a test holds the largest row to it.
                log::error(format_args!("a piece of a reply is larger than the output buffer"));
                Next::Close
            }
            Step::Wait => Next::Wait,
            Step::Dump | Step::More | Step::Done => Next::Go,
        }
    }
}

/// How long to sleep until then, in milliseconds. One more, since both were rounded down.
fn timeout_ms(at_ms: u64, now_ms: u64) -> u64 {
    if at_ms <= now_ms { 0 } else { (at_ms - now_ms).saturating_add(1).min(TICK_MS) }
}
