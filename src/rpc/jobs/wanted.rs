//! What a change asks for and how an entry gets it: what `change` and `change_matching` have in common.

use crate::conntrack::flow::Flow;
use crate::conntrack::kernel::Kernel;
use crate::conntrack::request::Change;
use crate::conntrack::socket::OpError;
use crate::conntrack::target::Target;
use crate::conntrack::uapi::IPS_FIXED_TIMEOUT;
use crate::limits::ARGUMENT_BYTES;
use crate::query::context::Context;
use crate::rpc::Shared;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::xmlrpc::Value;
use core::fmt;

/// What the parameter `field_name` takes.
const FIELDS: &str = "\"mark\" or \"timeout\"";

/// How much lower than it was set, in seconds, a timeout may be when it is read: the kernel counts time in ticks, and the time
/// goes on.
const SLACK_S: u32 = 5;

/// A change that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// These bits of the mark: their new values, and which they are.
    Mark { value: u32, mask: u32 },
    /// Seconds left.
    Timeout(u32),
}

/// What a change came to.
// It is returned and gone: nothing holds one.
#[allow(clippy::large_enum_variant)]
pub(super) enum Outcome {
    /// The entry as it is after it.
    Changed(Flow),
    /// The entry has ended, as it should with a timeout of 0.
    Ended,
    /// There is no such entry any more, or it is not one that is meant.
    Gone,
}

impl Wanted {
    /// The parameter `field_name`.
    ///
    /// # Errors
    /// A fault, when it is missing.
    pub(super) fn required_field<'a>(args: &mut Args<'a>) -> Result<Value<'a>, Fault> {
        args.required("field_name", FIELDS)
    }

    /// The parameter `field_value`.
    ///
    /// # Errors
    /// A fault, when it is missing.
    pub(super) fn required_value<'a>(args: &mut Args<'a>) -> Result<Value<'a>, Fault> {
        args.required("field_value", "an unsigned 32-bit integer")
    }

    /// The change that the parameters `field_name` and `field_value` ask for.
    ///
    /// # Errors
    /// A fault that names the parameter and what it takes.
    pub(super) fn read(field: &Value<'_>, value: &Value<'_>) -> Result<Self, Fault> {
        let mut buf = [0; ARGUMENT_BYTES];
        match args::string(field, "field_name", &mut buf)? {
            "mark" => {
                let (value, mask) = args::mark(value, "field_value")?;
                Ok(Wanted::Mark { value, mask })
            }
            "timeout" => Ok(Wanted::Timeout(args::word32(value, "field_value")?)),
            other => {
                let text = format_args!("parameter field_name takes {FIELDS}, not \"{other}\"");
                Err(Fault::new(Code::Field, text))
            }
        }
    }

    /// Changes an entry, and its record in the snapshot. An update finds by tuple and does not compare the id, so the entry is
    /// looked at immediately before, when `is_meant` judges it, and again after. A connection that takes the place of another of
    /// the same tuple between the first look and the update is changed in its stead.
    ///
    /// # Errors
    /// Why the kernel would not do it, or has not done it.
    pub(super) fn apply(
        self,
        target: &Target,
        is_meant: &dyn Fn(&mut Flow, &Context) -> bool,
        kernel: &mut dyn Kernel,
        shared: &mut Shared,
    ) -> Result<Outcome, Fault> {
        // A timeout is sent with the status as it was. If a packet changes that meanwhile the kernel says EBUSY, and the change is
        // tried once more.
        let mut again = matches!(self, Wanted::Timeout(_));
        loop {
            let Some(mut before) = kernel.get(target, &mut shared.context.labels)? else {
                return Ok(Outcome::Gone);
            };
            if !is_meant(&mut before, &shared.context) {
                return Ok(Outcome::Gone);
            }
            let change = match self {
                Wanted::Mark { value, mask } => Change::Mark { value, mask },
                Wanted::Timeout(seconds) => Change::Timeout { seconds, status: before.status.unwrap_or(0) },
            };
            match kernel.update(target, change) {
                Ok(true) => break,
                Ok(false) => return Ok(Outcome::Gone),
                Err(error) if again && error.errno == libc::EBUSY => again = false,
                Err(error) => return Err(self.explain(error)),
            }
        }
        let after = kernel.get(target, &mut shared.context.labels)?;
        if let Some(after) = &after {
            self.check(after)?;
        }
        let snapshot = shared.autorefresh.snapshot();
        Ok(match (after, self) {
            (Some(after), _) => {
                if let Some(snapshot) = snapshot {
                    snapshot.update(target, &self.part(&after));
                }
                Outcome::Changed(after)
            }
            (None, Wanted::Timeout(0)) => {
                if let Some(snapshot) = snapshot {
                    snapshot.kill(target);
                }
                Outcome::Ended
            }
            (None, _) => Outcome::Gone,
        })
    }

    /// Whether an entry has what is wanted already. Of one that a dump gives twice this tells the second time.
    pub(super) fn is_met(self, flow: &Flow) -> bool {
        match self {
            Wanted::Mark { value, mask } => (flow.mark_or_zero() ^ value) & mask == 0,
            Wanted::Timeout(seconds) => {
                let is_fixed = flow.status.unwrap_or(0) & IPS_FIXED_TIMEOUT != 0;
                let near = |now: u32| now <= seconds && now.saturating_add(SLACK_S) >= seconds;
                is_fixed && flow.timeout.is_some_and(near)
            }
        }
    }

    /// Tells the log where a timeout is shorter than was asked for: the kernel's longest is below 2^31 ticks, which stands for "as
    /// long as can be".
    pub(super) fn tell_longest(self, after: &Flow) {
        let Wanted::Timeout(seconds) = self else {
            return;
        };
        if let Some(now) = after.timeout.filter(|&now| now.saturating_add(SLACK_S) < seconds) {
            crate::log::info(format_args!(
                "a timeout of {seconds} s was asked for, the kernel's longest is {now} s"
            ));
        }
    }

    /// The part of an entry that the change is about, as it is after it: all else in its record stays as it was.
    fn part(self, after: &Flow) -> Flow {
        let mut part = Flow::default();
        match self {
            Wanted::Mark { .. } => part.mark = Some(after.mark_or_zero()),
            Wanted::Timeout(_) => (part.timeout, part.status) = (after.timeout, Some(IPS_FIXED_TIMEOUT)),
        }
        part
    }

    /// The fault for a refused change, which explains those refusals that users can bring about.
    fn explain(self, error: OpError) -> Fault {
        match (error.errno, self) {
            (libc::EPERM, Wanted::Timeout(_)) => Fault::new(
                Code::Kernel,
                format_args!(
                    "the kernel refused {error}: this connection's timeout is fixed already, and stays so"
                ),
            ),
            _ => error.into(),
        }
    }

    /// Compares the entry's mark with what was asked for.
    fn check(self, after: &Flow) -> Result<(), Fault> {
        if matches!(self, Wanted::Mark { .. }) && !self.is_met(after) {
            let now = after.mark_or_zero();
            let text = format_args!("update: the mark is {now:#x} now, not what was asked for");
            return Err(Fault::new(Code::Kernel, text));
        }
        Ok(())
    }
}

/// As the log has it: "mark 0x10", "mark 0x1/0x3", "timeout 60 s".
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Mark { value, mask: u32::MAX } => write!(f, "mark {value:#x}"),
            Wanted::Mark { value, mask } => write!(f, "mark {value:#x}/{mask:#x}"),
            Wanted::Timeout(seconds) => write!(f, "timeout {seconds} s"),
        }
    }
}
