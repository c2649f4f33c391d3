//! `change`: sets the mark or the timeout of one flow.

use super::Job;
use crate::auth::{Who, audit};
use crate::conntrack::flow::Flow;
use crate::conntrack::request::Change;
use crate::conntrack::socket::OpError;
use crate::conntrack::target::{TARGET, Target};
use crate::conntrack::uapi::IPS_FIXED_TIMEOUT;
use crate::limits::ARGUMENT_BYTES;
use crate::out::Full;
use crate::query::page::Candidate;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::{Offered, Source, Wait, Work};
use crate::rpc::{Ask, Shared, World};
use crate::syntax::Writer;

/// A change that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// These bits of the mark: their new values, and which they are.
    Mark { value: u32, mask: u32 },
    /// Seconds left.
    Timeout(u32),
}

/// A change of the flow with a given id.
pub(crate) struct Changing {
    id: u32,
    who: Who,
    wanted: Wanted,
    /// The first flow that has the id, and how many have it.
    target: Option<Target>,
    found: u32,
}

/// Reads the parameters.
pub(crate) fn change(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let who = ask.check_session(args)?;
    let mut buf = [0; ARGUMENT_BYTES];
    let takes = "\"mark\" or \"timeout\"";
    let field = args.required("field_name", takes)?;
    let id = args.required("connection_id", "a connection id")?;
    let value = args.required("field_value", "an unsigned 32-bit integer")?;
    args.end("session_id, field_name, connection_id and field_value")?;
    let wanted = match args::string(&field, "field_name", &mut buf)? {
        "mark" => {
            let (value, mask) = args::mark(&value, "field_value")?;
            Wanted::Mark { value, mask }
        }
        "timeout" => Wanted::Timeout(args::word32(&value, "field_value")?),
        other => {
            let text = format_args!("parameter field_name takes {takes}, not \"{other}\"");
            return Err(Fault::new(Code::Field, text));
        }
    };
    let id = args::word32(&id, "connection_id")?;
    Ok(Job::Change(Changing { id, who, wanted, target: None, found: 0 }))
}

impl Work for Changing {
    fn waits_for(&self) -> Wait {
        Wait::Scan(Source::Kernel)
    }

    fn needs(&self) -> u32 {
        TARGET
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, _: &mut Shared) -> Result<(), Fault> {
        let flow = offered.entry.flow();
        let target = Target::of(flow).filter(|target| target.id() == self.id);
        // The kernel may give an entry twice in one dump.
        if target.is_some() && target != self.target {
            self.found += 1;
            self.target = self.target.or(target);
        }
        Ok(())
    }

    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        let target = self.target.ok_or_else(|| no_connection(self.id))?;
        if self.found > 1 {
            let text = format_args!(
                "{} connections share this id (ids are 32-bit hashes), so which one is meant can't be told; nothing was changed",
                self.found
            );
            return Err(Fault::new(Code::NoConnection, text));
        }
        let after = apply(&target, self.wanted, shared, world)?;
        match self.wanted {
            Wanted::Mark { value, mask: u32::MAX } => {
                audit::changed(&self.who, self.id, format_args!("mark {value:#x}"));
            }
            Wanted::Mark { value, mask } => {
                audit::changed(&self.who, self.id, format_args!("mark {value:#x}/{mask:#x}"));
            }
            Wanted::Timeout(seconds) => {
                audit::changed(&self.who, self.id, format_args!("timeout {seconds} s"));
            }
        }
        if let Some(snapshot) = shared.autorefresh.snapshot() {
            match after {
                Some(after) => snapshot.update(&target, &asked_for(&after, self.wanted)),
                None => snapshot.kill(&target),
            }
        }
        Ok(Wait::Nothing)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.boolean(true)
    }
}

/// Changes an entry and gives it as it then is, `None` if the change was to end it. An update finds by tuple and does
/// not compare the id, so the entry is looked at immediately before and again after.
fn apply(
    target: &Target,
    wanted: Wanted,
    shared: &mut Shared,
    world: &mut World<'_>,
) -> Result<Option<Flow>, Fault> {
    let labels = &mut shared.context.labels;
    // A timeout is sent with the status as it was. If a packet changes that meanwhile the kernel says EBUSY, and the change is
    // tried once more.
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

fn no_connection(id: u32) -> Fault {
    Fault::new(Code::NoConnection, format_args!("there is no connection with the id {id} (any more)"))
}

/// The part of an entry that a change is about, as it is after the change: all else in its record stays as it was.
fn asked_for(after: &Flow, wanted: Wanted) -> Flow {
    match wanted {
        Wanted::Mark { .. } => Flow { mark: Some(after.mark_or_zero()), ..Flow::default() },
        Wanted::Timeout(_) => {
            Flow { timeout: after.timeout, status: Some(IPS_FIXED_TIMEOUT), ..Flow::default() }
        }
    }
}

/// The fault for a refused change, which explains those refusals that users can bring about.
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
        Wanted::Mark { value, mask } if (after.mark_or_zero() ^ value) & mask != 0 => {
            let now = after.mark_or_zero();
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
