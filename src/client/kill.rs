//! `rctd kill`: ends the connections that match a filter, or those with given ids, after saying how many they are.

use super::format::Grouped;
use super::kernel::{Kernel, Scan, new_context};
use super::own::own_connection;
use super::{Failure, Known, filter_of, print, say, words_of};
use crate::conntrack::flow::{Flow, Tuple};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::target::{TARGET, Target};
use crate::conntrack::uapi::{CTA_TUPLE_REPLY, bit};
use crate::limits::KILL_IDS;
use crate::query::context::Context;
use crate::query::filter::Filter;
use crate::query::page::Candidate;
use crate::sys::{self, file};
use core::fmt;

/// Which connections are killed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The filter, as text; empty where ids are given.
    pub filter: String,
    /// Ids, each of one connection.
    pub ids: Vec<u32>,
    /// Nobody is asked.
    pub yes: bool,
    /// What is known of the network.
    pub known: Known,
}

/// Which connections are meant.
pub(super) enum Which {
    /// Those that match, but for the connection that the command is typed over.
    Matching(Box<Filter>, Option<Tuple>),
    /// Those with these ids.
    Ids(Vec<u32>),
}

/// What became of them.
#[derive(Default)]
pub(super) struct Killed {
    /// Entries that were deleted, and those that had gone by themselves.
    pub(super) killed: u64,
    gone: u64,
    /// Entries that the kernel would not delete, and the last reason.
    refused: u64,
    why: String,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let which = which(options)?;
    if !options.yes && !sys::is_terminal(file::STDIN) {
        return Err(Failure::usage(format_args!(
            "rctd kill asks before it kills, and the standard input is no terminal: --yes says yes beforehand"
        )));
    }
    let (kernel, context) = (Kernel::open()?, new_context(&options.known));
    let (count, spared) = which.count(kernel, context)?;
    which.say(count, spared)?;
    if count == 0 {
        return Ok(());
    }
    if !options.yes && !agreed()? {
        return print(b"Nothing was killed.\n");
    }
    let killed = which.kill(kernel, context)?;
    say(format_args!("{killed}\n"))?;
    killed.check()
}

fn which(options: &Options) -> Result<Which, Failure> {
    if !options.ids.is_empty() {
        let mut ids = options.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > KILL_IDS {
            return Err(Failure::usage(format_args!("rctd kill takes at most {KILL_IDS} ids")));
        }
        return Ok(Which::Ids(ids));
    }
    let filter = filter_of(&options.filter)?;
    if filter.is_empty() {
        return Err(Failure::usage(format_args!(
            "rctd kill takes a filter, or ids with --id: without one it would kill every connection"
        )));
    }
    Ok(Which::Matching(filter, own_connection()))
}

/// Asks on the terminal.
fn agreed() -> Result<bool, Failure> {
    // What was typed while the table was read is no answer: nobody had seen what it would be one to.
    sys::drop_typed(file::STDIN);
    print(b"Kill them? [y/N] ")?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    loop {
        let got = file::read(file::STDIN, &mut byte)
            .map_err(|e| Failure::new(format_args!("can't read the answer: {e}")))?;
        if got == 0 {
            print(b"\n")?;
            break;
        }
        if byte == *b"\n" {
            break;
        }
        answer.extend_from_slice(&byte);
    }
    Ok(answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes"))
}

/// "1 connection", "2 connections".
struct Connections(u64);

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connection{}", Grouped(self.0), if self.0 == 1 { "" } else { "s" })
    }
}

impl Which {
    /// The scan that meets all of them.
    fn scan(&self) -> Scan {
        let (plan, needs) = match self {
            Which::Matching(filter, own) => {
                let reply = if own.is_some() { bit(CTA_TUPLE_REPLY) } else { 0 };
                (filter.kernel_plan(), filter.needs() | reply)
            }
            Which::Ids(_) => (KernelPlan::default(), 0),
        };
        Scan { plan, needs: needs | TARGET, goes_on: false }
    }

    fn matches(&self, flow: &Flow, context: &Context) -> bool {
        match self {
            Which::Matching(filter, _) => filter.means(flow, context),
            Which::Ids(ids) => flow.id.is_some_and(|id| ids.binary_search(&id).is_ok()),
        }
    }

    /// Whether it is the connection that the command is typed over.
    fn is_spared(&self, flow: &Flow) -> bool {
        matches!(self, Which::Matching(_, Some(own)) if flow.is_answered_by(own))
    }

    /// How many there are, and whether one more is spared.
    pub(super) fn count(&self, kernel: &mut Kernel, context: &mut Context) -> Result<(u64, bool), Failure> {
        let (mut count, mut spared) = (0, false);
        kernel.prepare(&self.scan(), context)?;
        kernel.scan(&self.scan(), context, &mut |entry, context, _| {
            if self.matches(entry.flow(), context) {
                let is_own = self.is_spared(entry.flow());
                count += u64::from(!is_own);
                spared |= is_own;
            }
            context.labels.clear();
            Ok(true)
        })?;
        Ok((count, spared))
    }

    /// Says how many are meant, and by what.
    fn say(&self, count: u64, spared: bool) -> Result<(), Failure> {
        let end = if count == 0 { ".\n" } else { ". There is no way back.\n" };
        let own = if spared { "The ssh connection that this is typed over is left out.\n" } else { "" };
        match self {
            Which::Matching(filter, _) => {
                say(format_args!("{}: {}{end}{own}", words_of(filter), Connections(count)))
            }
            Which::Ids(ids) => say(format_args!(
                "{} with {} given by id{end}",
                Connections(count),
                Grouped(ids.len() as u64)
            )),
        }
    }

    /// Deletes them.
    pub(super) fn kill(&self, kernel: &mut Kernel, context: &mut Context) -> Result<Killed, Failure> {
        let mut killed = Killed::default();
        // Somebody may have taken long to answer, so that rates which the filter is about must be read anew.
        kernel.prepare(&self.scan(), context)?;
        let scanned = kernel.scan(&self.scan(), context, &mut |entry, context, control| {
            if self.matches(entry.flow(), context) && !self.is_spared(entry.flow()) {
                match Target::of(entry.flow()).map(|target| Kernel::delete(control, &target)) {
                    Some(Ok(true)) => killed.killed += 1,
                    Some(Ok(false)) => killed.gone += 1,
                    Some(Err(Failure(why))) => killed.refuse(why.text),
                    None => killed.refuse("an entry came without tuple or id".to_owned()),
                }
            }
            context.labels.clear();
            Ok(true)
        });
        match scanned {
            Ok(()) => Ok(killed),
            Err(Failure(why)) => Err(Failure::new(format_args!(
                "{}; {} were killed before that",
                why.text,
                Connections(killed.killed)
            ))),
        }
    }
}

impl Killed {
    fn refuse(&mut self, why: String) {
        (self.refused, self.why) = (self.refused + 1, why);
    }

    /// Whether the kernel has deleted all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.refused == 0 {
            return Ok(());
        }
        Err(Failure::new(format_args!("{}: {} were not killed", self.why, Connections(self.refused))))
    }
}

/// Says what was done.
impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} killed", Grouped(self.killed))?;
        if self.gone > 0 {
            write!(f, ", {} had ended by themselves", Grouped(self.gone))?;
        }
        f.write_str(".")
    }
}
