//! One client's call in the making: how far it is, and its job. Several calls, one after the other, in a multicall.

use super::args::{self, Args};
use super::fault::{Code, Fault};
use super::jobs::Job;
use super::jobs::answer::Answer;
#[cfg(feature = "metrics")]
use super::jobs::metrics::{Clients, Scrape};
use super::pieces::Length;
use super::procedures::Procedure;
use super::work::{Source, Wait};
use super::{Ask, Asker, Shared, World, procedures};
use crate::auth::{Handle, Peer, Who, audit};
use crate::conntrack::flow::Tuple;
use crate::limits::{RATE_MS, TASK_BYTES, WAIT_MS};
#[cfg(feature = "metrics")]
use crate::metrics::text::Names;
use crate::query::rates::Readiness;
use crate::stats::{Counter, Tally};
use crate::syntax::{Document, Style};
use crate::xmlrpc::{Call, Items};
use core::ops::Range;

/// How far a call is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No call.
    #[default]
    Idle,
    /// Held back until then, in milliseconds.
    Asleep(u64),
    /// Waits for what a program says of the login.
    WaitingForVerdict,
    /// Waits until then, in milliseconds, to read the counters of flows a second time.
    Pausing(u64),
    /// Waits for the next scan.
    Waiting(Source),
    /// Takes part in the scan that is under way.
    Riding(Source),
    /// Waits for a dump of its own.
    WaitingForDump,
    /// What it waited for is here or over; why a scan did not come to its end.
    Over(Option<Fault>),
    /// The length of the job's value is added up.
    Measuring,
    /// The job writes its value.
    Writing,
    /// The value is written, but for what comes behind it.
    Closing,
    /// A fault is to be written.
    Faulty(Fault),
    /// The value or fault is written: the next call of a multicall is made, or the reply is at its end.
    Written,
}

/// One client's call.
pub(crate) struct Task {
    pub(super) stage: Stage,
    pub(super) job: Job,
    /// The scan that it waits for, or takes part in, is a first reading of counters: the job has no part in it yet.
    pub(super) is_first_reading: bool,
    peer: Peer,
    /// The reply direction of the connection that the call came by.
    own: Option<Tuple>,
    /// The session of the call, whose time begins anew while the reply goes out.
    pub(super) session: Option<Handle>,
    /// When it began to wait for what it waits for, and when the call was made, in milliseconds.
    pub(super) waits_since_ms: u64,
    made_ms: u64,
    /// The procedure, and dumps of the kernel's table that were read for it: for the log.
    procedure: &'static str,
    pub(super) dumps: u32,
    /// How long the reply is, as far as that is known.
    pub(super) length: Length,
    /// The reply as it is being written.
    pub(super) document: Document,
    /// Where in the body the calls of a multicall stand that were not made yet.
    calls: Option<Range<usize>>,
    /// What comes before the results of a multicall is written.
    pub(super) is_opened: bool,
    /// A part of the value has left, or may have: there is no place for a fault any more.
    pub(super) in_value: bool,
}

impl Default for Task {
    fn default() -> Self {
        Task {
            stage: Stage::Idle,
            job: Job::Answer(Answer::Bool(true)),
            is_first_reading: false,
            peer: Peer::Unix,
            own: None,
            session: None,
            waits_since_ms: 0,
            made_ms: 0,
            procedure: "",
            dumps: 0,
            length: Length::default(),
            document: Document::default(),
            calls: None,
            is_opened: false,
            in_value: false,
        }
    }
}

const _: () = assert!(size_of::<Task>() <= TASK_BYTES, "what limits.rs says a task costs");

impl Task {
    /// Begins anew for whoever asks.
    fn take(&mut self, asker: Asker, shared: &Shared) {
        let style = Style { syntax: asker.syntax, wide: shared.settings.wide };
        (self.peer, self.document) = (asker.peer, Document::new(style));
        self.own = asker.ends.map(|(local, remote)| Tuple::tcp(local, remote));
        (self.calls, self.is_opened, self.in_value) = (None, false, false);
        (self.length, self.session) = (Length::default(), None);
    }

    /// Takes a call, or what kept it from being read.
    pub(super) fn begin(
        &mut self,
        call: Result<Call<'_>, Fault>,
        asker: Asker,
        shared: &mut Shared,
        world: &mut World<'_>,
    ) {
        self.take(asker, shared);
        let is_multicall = |call: &Call<'_>| call.method == "system.multicall";
        match call {
            Ok(call) if is_multicall(&call) => {
                count_call(procedures::named(call.method), shared);
                match calls_of(&call) {
                    Ok(calls) => (self.calls, self.stage) = (Some(calls), Stage::Written),
                    Err(fault) => self.stage = Stage::Faulty(fault),
                }
            }
            Ok(call) => self.make(&call, shared, world),
            Err(fault) => self.stage = Stage::Faulty(fault),
        }
    }

    /// Takes a request for the metrics.
    #[cfg(feature = "metrics")]
    pub(super) fn begin_metrics(
        &mut self,
        asker: Asker,
        clients: Clients,
        shared: &mut Shared,
        world: &World<'_>,
    ) {
        self.take(asker, shared);
        self.job.work().release(shared);
        (self.made_ms, self.dumps, self.procedure) = (world.now_ms, 0, "metrics");
        let code = |at: usize| Code::ALL.get(at).map(|code| code.number());
        let names = Names { procedure: procedures::name, code };
        self.job = Job::Metrics(Scrape::new(names, clients, shared, world.now_ms));
        self.wait(self.job.asks().waits_for(), shared, world.now_ms);
    }

    /// Whether the reply is a text, and no value in a syntax.
    pub(super) fn is_text(&self) -> bool {
        #[cfg(feature = "metrics")]
        return matches!(self.job, Job::Metrics(_));
        #[cfg(not(feature = "metrics"))]
        false
    }

    /// Whether it is a multicall.
    pub(super) fn is_multicall(&self) -> bool {
        self.calls.is_some()
    }

    /// Makes the next call of a multicall. False when there is none.
    pub(super) fn make_next(&mut self, body: &str, shared: &mut Shared, world: &mut World<'_>) -> bool {
        let items = self.calls.take().and_then(|calls| Items::from_range(body, calls));
        let Some(mut items) = items else {
            return false;
        };
        let entry = items.next();
        self.calls = Some(items.range());
        let Some(entry) = entry else {
            return false;
        };
        match Call::from_entry(&entry) {
            Ok(call) => self.make(&call, shared, world),
            Err(error) => self.stage = Stage::Faulty(error.into()),
        }
        true
    }

    /// Makes a call: its parameters are read, and its job begins.
    fn make(&mut self, call: &Call<'_>, shared: &mut Shared, world: &mut World<'_>) {
        let procedure = procedures::named(call.method);
        count_call(procedure, shared);
        // The job before it, in a multicall, may still hold memory for rows.
        self.job.work().release(shared);
        (self.made_ms, self.dumps) = (world.now_ms, 0);
        let mut ask = Ask { shared, world, peer: self.peer, own: self.own, session: None };
        self.procedure = procedure.map_or("an unknown procedure", |procedure| procedure.name);
        let made = procedure
            .ok_or_else(|| no_procedure(call.method))
            .and_then(|procedure| (procedure.run)(&mut Args::new(&call.params), &mut ask));
        self.session = ask.session;
        match made {
            Ok(job) => {
                self.job = job;
                self.wait(self.job.asks().waits_for(), shared, world.now_ms);
            }
            Err(fault) => self.stage = Stage::Faulty(fault),
        }
    }

    /// What the job waits for next. With nothing to wait for it comes to its end at once.
    pub(super) fn wait(&mut self, wait: Wait, shared: &mut Shared, now_ms: u64) {
        self.waits_since_ms = now_ms;
        self.is_first_reading = false;
        self.stage = match wait {
            Wait::Nothing => Stage::Over(None),
            Wait::Scan(Source::Kernel) if self.job.asks().depends_on_rates() => {
                self.wait_for_rates(shared, now_ms)
            }
            Wait::Scan(source) => Stage::Waiting(source),
            Wait::Dump => Stage::WaitingForDump,
            Wait::Until(until_ms) => Stage::Asleep(until_ms),
            Wait::Verdict => Stage::WaitingForVerdict,
        };
    }

    /// A job that depends on rates waits for a scan that is a second reading of counters.
    fn wait_for_rates(&mut self, shared: &mut Shared, now_ms: u64) -> Stage {
        let rates = &mut shared.context.rates;
        rates.ask(now_ms);
        let plan = shared.settings.kernel_plan(self.job.asks().kernel_plan());
        let readiness = if self.job.asks().is_between_scans() {
            Readiness::Ready
        } else {
            rates.readiness(&plan, now_ms)
        };
        self.is_first_reading = readiness == Readiness::Unread;
        match readiness {
            Readiness::At(at_ms) => Stage::Pausing(at_ms),
            Readiness::Ready | Readiness::Unread => Stage::Waiting(Source::Kernel),
        }
    }

    /// The call's scan begins only now. What was to be a second reading is a first one if those before have become too old
    /// meanwhile; but no call takes more than one first reading, since a scan of a huge table may take longer than they last.
    pub(super) fn check_readings(&mut self, shared: &Shared, now_ms: u64) {
        if self.dumps == 0 && self.job.asks().depends_on_rates() {
            let plan = shared.settings.kernel_plan(self.job.asks().kernel_plan());
            self.is_first_reading = shared.context.rates.readiness(&plan, now_ms) == Readiness::Unread;
        }
    }

    /// The scan that was a first reading of counters, and began at `began_ms`, is over.
    pub(super) fn pause(&mut self, began_ms: u64) {
        self.is_first_reading = false;
        self.stage = Stage::Pausing(began_ms + RATE_MS);
    }

    /// What the job waited for is over.
    pub(super) fn end(&mut self, failure: Option<Fault>, shared: &mut Shared, world: &mut World<'_>) {
        let job = self.job.work();
        let ended = match failure {
            Some(why) => Err(job.failed(why)),
            None => job.end(shared, world),
        };
        match ended {
            Ok(Wait::Nothing) => self.begin_value(world),
            Ok(wait) => self.wait(wait, shared, world.now_ms),
            Err(fault) => self.stage = Stage::Faulty(fault),
        }
    }

    /// Tells the log of a call that has been answered.
    pub(super) fn tell(&self, shared: &Shared, now_ms: u64) {
        let who = self.session.and_then(|session| shared.sessions.who(session));
        let took_ms = now_ms.saturating_sub(self.made_ms);
        audit::call(who, self.procedure, self.job.asks().rows(), self.dumps, took_ms);
    }

    /// Whether the call gets further without anything else happening.
    pub(super) fn is_ready(&self, now_ms: u64) -> bool {
        self.wakes_at_ms(now_ms).is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// When the call gets further by itself, in milliseconds: at `now_ms` if it could at once, `None` if something else must
    /// happen first.
    pub(super) fn wakes_at_ms(&self, now_ms: u64) -> Option<u64> {
        match self.stage {
            Stage::Idle | Stage::WaitingForVerdict | Stage::Riding(_) => None,
            Stage::Asleep(until_ms) | Stage::Pausing(until_ms) => Some(until_ms),
            Stage::Waiting(_) | Stage::WaitingForDump => Some(self.waits_since_ms.saturating_add(WAIT_MS)),
            _ => Some(now_ms),
        }
    }
}

fn count_call(procedure: Option<&Procedure>, shared: &mut Shared) {
    shared.stats.add(Counter::Calls);
    shared.stats.add_to(Tally::Calls, procedure.map(procedures::place));
}

/// Where in the body the calls of a multicall stand.
fn calls_of(call: &Call<'_>) -> Result<Range<usize>, Fault> {
    let takes = "an Array of Structs, each with methodName and params";
    let mut args = Args::new(&call.params);
    let calls = args.required("calls", takes)?;
    let items = calls.as_array().ok_or_else(|| Fault::parameter("calls", takes))?;
    args.end("calls")?;
    Ok(items.range())
}

fn no_procedure(name: &str) -> Fault {
    Fault::new(
        Code::NoProcedure,
        format_args!("there is no procedure \"{name}\"; system.listMethods names all"),
    )
}

impl Ask<'_, '_> {
    /// Renews the session that the first parameter names.
    ///
    /// # Errors
    /// A fault, when there is no such session of this client's.
    pub(super) fn check_session(&mut self, args: &mut Args<'_>) -> Result<(), Fault> {
        let mut buf = [0; crate::limits::ARGUMENT_BYTES];
        let id = args::session_id(args, &mut buf)?;
        let known = self.shared.sessions.touch(id.as_bytes(), self.peer, self.world.now_ms);
        self.session = Some(known.map_err(|_| args::no_session())?);
        Ok(())
    }

    /// Whose session [`Ask::check_session`] has found.
    ///
    /// # Errors
    /// A fault, when it has found none.
    pub(super) fn who(&self) -> Result<Who, Fault> {
        let who = self.session.and_then(|session| self.shared.sessions.who(session));
        who.cloned().ok_or_else(args::no_session)
    }
}
