//! What a call does when its scan is over.

use super::fault::{Code, Fault};
use super::task::{Answer, Job, Source, Stage, Wanted};
use super::{Engine, World};
use crate::conntrack::flow::{Flow, Target};
use crate::conntrack::request::Change;
use crate::conntrack::socket::OpError;
use crate::conntrack::uapi::IPS_FIXED_TIMEOUT;
use crate::query::page::Outcome;
use crate::query::snapshot::Snapshot;

impl Engine {
    /// Looks at what the scan came to for the call of `slot`.
    pub(super) fn finish(&mut self, slot: usize, world: &mut World<'_>) {
        let Some(task) = self.tasks.get_mut(slot) else {
            return;
        };
        let failure = task.failure.take();
        let outcome = match (task.job, failure) {
            (Job::Snapshot { .. }, failure) => self.finish_snapshot(slot, failure),
            (Job::Kill | Job::KillMatching, Some(fault)) => Err(self.finish_broken_kill(slot, &fault)),
            (_, Some(fault)) => Err(fault),
            (Job::View, None) => Ok(self.finish_view(slot)),
            (Job::Kill | Job::KillMatching, None) => self.finish_kill(slot),
            (Job::Change(wanted), None) => self.finish_change(slot, wanted, world),
            (Job::None, None) => Ok(Stage::Idle),
        };
        if let Some(task) = self.tasks.get_mut(slot) {
            task.stage = outcome.unwrap_or_else(|fault| Stage::Answering(Answer::Fault(fault)));
        }
    }

    fn finish_view(&mut self, slot: usize) -> Stage {
        let Some(task) = self.tasks.get_mut(slot) else {
            return Stage::Idle;
        };
        let source = if task.of_snapshot { Source::Snapshot } else { Source::Kernel };
        let Some(page) = &mut task.page else {
            return Stage::Idle;
        };
        match page.end(&mut self.pool, &task.lease, &self.context) {
            Outcome::Again => Stage::Waiting(source),
            Outcome::Rows if task.in_value => Stage::ViewRows,
            Outcome::Rows => Stage::ViewHead,
        }
    }

    fn finish_kill(&mut self, slot: usize) -> Result<Stage, Fault> {
        let Some(task) = self.tasks.get_mut(slot) else {
            return Ok(Stage::Idle);
        };
        let killed = task.killed;
        if task.job == Job::KillMatching && killed > 0 {
            crate::log::info(format_args!("{killed} connections killed by filter"));
        }
        match task.refused.1.take() {
            None => Ok(Stage::Answering(Answer::Int(killed.into()))),
            Some(why) => {
                let (code, refused) = (why.code, task.refused.0);
                let why = &why.text;
                Err(Fault::new(
                    code,
                    format_args!("{why}: {refused} connections were not killed, {killed} were"),
                ))
            }
        }
    }

    /// The scan failed in the middle: what was deleted until then stays so, and the client is told.
    fn finish_broken_kill(&mut self, slot: usize, why: &Fault) -> Fault {
        let killed = self.tasks.get(slot).map_or(0, |task| task.killed);
        Fault::new(why.code, format_args!("{}: {killed} connections were killed before that", why.text))
    }

    fn finish_change(&mut self, slot: usize, wanted: Wanted, world: &mut World<'_>) -> Result<Stage, Fault> {
        let Some(task) = self.tasks.get_mut(slot) else {
            return Ok(Stage::Idle);
        };
        let id = task.ids.first().copied().unwrap_or(0);
        let target = match task.found {
            (1, Some(target)) => target,
            (0 | 1, _) => return Err(no_connection(id)),
            (many, _) => {
                let text = format_args!(
                    "{many} connections share this id (ids are 32-bit hashes), so which one is meant can't be told; nothing was changed"
                );
                return Err(Fault::new(Code::NoConnection, text));
            }
        };
        let after = self.change(&target, wanted, world)?;
        if let Some(snapshot) = &mut self.snapshot {
            match after {
                Some(after) => snapshot.update(&target, &asked_for(&after, wanted)),
                None => snapshot.kill(&target),
            }
        }
        Ok(Stage::Answering(Answer::Bool(true)))
    }

    /// Changes an entry and gives it as it then is, `None` if the change was to end it. An update finds by tuple and does
    /// not compare the id, so the entry is looked at immediately before and again after.
    fn change(
        &mut self,
        target: &Target,
        wanted: Wanted,
        world: &mut World<'_>,
    ) -> Result<Option<Flow>, Fault> {
        let labels = &mut self.context.labels;
        // With a timeout goes the status as it was, which a packet may change meanwhile.
        for again in [matches!(wanted, Wanted::Timeout(_)), false] {
            let before = world.kernel.get(target, labels)?.ok_or_else(|| no_connection(target.id()))?;
            let change = match wanted {
                Wanted::Mark { value, mask } => Change::Mark { value, mask },
                Wanted::Timeout(seconds) => Change::Timeout { seconds, status: before.status.unwrap_or(0) },
            };
            match world.kernel.update(target, change) {
                Ok(true) => break,
                Ok(false) => return Err(no_connection(target.id())),
                Err(error) if again && error.errno == libc::EBUSY => {}
                Err(error) => return Err(explain(error, wanted)),
            }
        }
        let after = match world.kernel.get(target, labels)? {
            Some(flow) => flow,
            // A timeout of 0 ends the connection at once, as it should.
            None if wanted == Wanted::Timeout(0) => return Ok(None),
            None => {
                let text = format_args!("the connection ended while it was changed");
                return Err(Fault::new(Code::NoConnection, text));
            }
        };
        check_changed(&after, wanted)?;
        Ok(Some(after))
    }

    /// Begins to take a snapshot, if the table can fit.
    pub(super) fn take_snapshot(
        &mut self,
        slot: usize,
        refresh: bool,
        world: &mut World<'_>,
    ) -> Result<Stage, Fault> {
        let entries = world.kernel.count()?.entries as usize;
        if entries > self.settings.snapshot_flows {
            return Err(no_room(entries, self.settings.snapshot_flows));
        }
        if let Some(task) = self.tasks.get_mut(slot) {
            // A change that this client asked for before has left what it found.
            (task.job, task.found, task.failure) = (Job::Snapshot { refresh }, (0, None), None);
        }
        Ok(Stage::Waiting(Source::Kernel))
    }

    /// Answers a call that took a snapshot. Whether views may answer from it was settled when the scan ended.
    fn finish_snapshot(&mut self, slot: usize, failure: Option<Fault>) -> Result<Stage, Fault> {
        let left_out = self.tasks.get(slot).map_or(0, |t| t.found.0) as usize;
        let fault = match failure {
            Some(fault) => fault,
            None if left_out == 0 => return Ok(Stage::Answering(Answer::Bool(true))),
            None => {
                // Long records may fill the memory before there are as many as are asked for.
                let fitted = self.snapshot.as_ref().map_or(0, Snapshot::flows);
                no_room(fitted + left_out, fitted)
            }
        };
        self.free_snapshot();
        Err(fault)
    }

    /// Gives back the memory of a snapshot that nobody answers from and nobody takes.
    pub(super) fn free_snapshot(&mut self) {
        if self.snapshot_at_ms.is_none() && !self.is_taking_snapshot() {
            self.snapshot = None;
        }
    }

    /// Autorefresh is on again: the snapshot's memory goes back to the system, and who was about to take it anew has
    /// nothing to do any more. Who asked to switch autorefresh off, and is not answered yet, still does so.
    pub(super) fn drop_snapshot(&mut self) {
        for (slot, task) in self.tasks.iter_mut().enumerate() {
            let under_way = matches!(task.stage, Stage::Waiting(_) | Stage::Riding(_));
            if under_way && task.job == (Job::Snapshot { refresh: true }) {
                task.stage = Stage::Answering(Answer::Bool(true));
                self.kernel_scan.leave(slot);
            }
        }
        (self.snapshot_at_ms, self.snapshot_broken) = (None, false);
        self.free_snapshot();
    }
}

fn no_room(flows: usize, room: usize) -> Fault {
    let text = format_args!(
        "the table has {flows} connections and the snapshot has room for {room} of them (--snapshot-flows sets it)"
    );
    Fault::new(Code::Snapshot, text)
}

fn no_connection(id: u32) -> Fault {
    Fault::new(Code::NoConnection, format_args!("there is no connection with the id {id} (any more)"))
}

/// The mark of an entry; kernels around 6.1 send none that is 0.
fn mark_of(flow: &Flow) -> u32 {
    flow.mark.unwrap_or(0)
}

/// Of an entry after a change what the change was about: all else in its record stays as it was.
fn asked_for(after: &Flow, wanted: Wanted) -> Flow {
    match wanted {
        Wanted::Mark { .. } => Flow { mark: Some(mark_of(after)), ..Flow::default() },
        Wanted::Timeout(_) => {
            Flow { timeout: after.timeout, status: Some(IPS_FIXED_TIMEOUT), ..Flow::default() }
        }
    }
}

/// Says more of the refusals that a user can meet.
fn explain(error: OpError, wanted: Wanted) -> Fault {
    match (error.errno, wanted) {
        (libc::EPERM, Wanted::Timeout(_)) => Fault::new(
            Code::Kernel,
            format_args!(
                "the kernel refused {error}: this connection's timeout is fixed already, and stays so"
            ),
        ),
        _ => error.into(),
    }
}

/// Compares the entry with what was asked for. The kernel counts time in ticks, so a timeout may be lower by little; and
/// its longest is below 2^31 ticks, which stands for "as long as can be".
fn check_changed(after: &Flow, wanted: Wanted) -> Result<(), Fault> {
    match wanted {
        Wanted::Mark { value, mask } if (mark_of(after) ^ value) & mask != 0 => {
            let now = mark_of(after);
            Err(Fault::new(
                Code::Kernel,
                format_args!("update: the mark is {now:#x} now, not what was asked for"),
            ))
        }
        Wanted::Timeout(seconds) => {
            if let Some(now) = after.timeout.filter(|&now| now.saturating_add(5) < seconds) {
                crate::log::info(format_args!(
                    "a timeout of {seconds} s was asked for, the kernel's longest is {now} s"
                ));
            }
            Ok(())
        }
        Wanted::Mark { .. } => Ok(()),
    }
}
