//! The kernel's table as the commands read it: one scan after the other, waited for.

use super::{Failure, Known};
use crate::conntrack::flow::ReadError;
use crate::conntrack::kernel::{Count, Kernel as _};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::reader::{DumpProgress, DumpReader};
use crate::conntrack::refusal::{explain_netlink, explain_refusal};
use crate::conntrack::socket::{Control, Link, Netlink, OpError};
use crate::conntrack::target::Target;
use crate::limits::{DUMP_BYTES, LABELS, RATE_FLOWS};
use crate::name_files::NameFiles;
use crate::out::Full;
use crate::query::context::Context;
use crate::query::entry::Entry;
use crate::query::field::RATES;
use crate::query::page::Candidate;
use crate::query::rates::{METERED, Meter, Readiness};
use crate::sys;
use std::time::Instant;

/// The table.
pub(super) struct Kernel {
    reader: DumpReader,
    control: Control,
    release: (u32, u32),
    began: Instant,
}

/// What is done with an entry of a scan; false ends the scan.
pub(super) type Each<'a> =
    dyn FnMut(&mut Entry<'_, '_>, &mut Context, &mut Control) -> Result<bool, Failure> + 'a;

/// What a scan is for.
pub(super) struct Scan {
    /// The dumps that hold what is wanted.
    pub(super) plan: KernelPlan,
    /// The attributes that an entry must be read with.
    pub(super) needs: u32,
    /// It goes on with what an earlier scan has found, and counts on rates not to change in between.
    pub(super) goes_on: bool,
}

impl Scan {
    /// A scan of the whole table.
    #[inline(never)]
    pub(super) fn of_all(needs: u32, goes_on: bool) -> Scan {
        Scan { plan: KernelPlan::default(), needs, goes_on }
    }
}

impl Kernel {
    /// Opens the sockets, and finds out whether the table may be read.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(super) fn open() -> Result<&'static mut Self, Failure> {
        let link = || -> Result<Box<dyn Link>, Failure> {
            Ok(Box::new(
                Netlink::open().map_err(|error| Failure::new(format_args!("{}", explain_netlink(&error))))?,
            ))
        };
        let kernel = Box::leak(Box::new(Kernel {
            reader: DumpReader::new(link()?, DUMP_BYTES),
            control: Control::new(link()?),
            release: sys::kernel_release(),
            began: Instant::now(),
        }));
        kernel.count()?;
        Ok(kernel)
    }

    /// How full the table is.
    ///
    /// # Errors
    /// Why it can't be read, as of all these.
    pub(super) fn count(&mut self) -> Result<Count, Failure> {
        self.control.count().map_err(refused)
    }

    /// Deletes the entry, and tells whether it was still there.
    pub(super) fn delete(control: &mut Control, target: &Target) -> Result<bool, Failure> {
        control.delete(target).map_err(|error| Failure::new(format_args!("{} {error}", error.cause())))
    }

    /// Milliseconds since the start.
    #[inline(never)]
    pub(super) fn now_ms(&self) -> u64 {
        sys::since_ms(self.began)
    }

    /// Takes the first of the two readings that rates take, if `scan` needs them and there is none, and waits until a second
    /// one tells them. No more than one is taken: of a huge table a reading may take longer than it lasts.
    pub(super) fn prepare(&mut self, scan: &Scan, context: &mut Context) -> Result<(), Failure> {
        if scan.needs & RATES == 0 || scan.goes_on {
            return Ok(());
        }
        let plan = scan.plan.for_kernel(self.release);
        if context.rates.readiness(&plan, self.now_ms()) == Readiness::Unread {
            self.scan(scan, context, &mut |_, _, _| Ok(true))?;
        }
        let now_ms = self.now_ms();
        if let Readiness::At(at_ms) = context.rates.readiness(&plan, now_ms) {
            sys::sleep(at_ms.saturating_sub(now_ms));
        }
        Ok(())
    }

    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Reads the table once, and hands every entry that the plan is for to `each`.
    pub(super) fn scan(
        &mut self,
        scan: &Scan,
        context: &mut Context,
        each: &mut Each<'_>,
    ) -> Result<(), Failure> {
        let plan = scan.plan.for_kernel(self.release);
        let of_all = scan.needs & RATES != 0;
        let needs = scan.needs | context.needs() | plan.needs() | if of_all { METERED } else { 0 };
        let now_ms = self.now_ms();
        if of_all {
            context.rates.ask(now_ms);
        }
        context.rates.begin(of_all, scan.goes_on, plan, now_ms);
        self.reader.start(plan).map_err(refused)?;
        loop {
            let now_ms = sys::since_ms(self.began);
            let (control, part) = (&mut self.control, self.reader.part());
            context.rates.set_time(now_ms);
            let mut ended = None;
            let progress = self.reader.read(now_ms, &mut |message| {
                let mut one = || -> Result<bool, Failure> {
                    let mut entry = Entry::new(message);
                    entry.read(needs, &mut context.labels).map_err(unreadable)?;
                    if !plan.counts(part, entry.flow()) {
                        return Ok(true);
                    }
                    if of_all {
                        entry.meter(&mut context.rates);
                    }
                    each(&mut entry, context, control)
                };
                match one() {
                    Ok(true) => Ok(()),
                    other => {
                        ended = Some(other.map(drop));
                        Err(Full)
                    }
                }
            });
            if let Some(result) = ended {
                self.reader.cancel();
                return result;
            }
            match progress.map_err(refused)? {
                DumpProgress::Done => break,
                // The kernel makes the next part when it is asked for it, so this hardly ever is.
                DumpProgress::Blocked => sys::sleep(1),
                DumpProgress::More | DumpProgress::Full => {}
            }
        }
        context.rates.end();
        Ok(())
    }
}

/// What flows are judged by: labels, names and rates. Files that can't be read are told of on stderr.
pub(super) fn new_context(known: &Known) -> &'static mut Context {
    let context = Box::leak(Box::<Context>::default());
    context.lan = known.lan.clone();
    NameFiles::new(&known.names).check(0, &mut context.names);
    context.rates = Meter::new(RATE_FLOWS as usize);
    context
}

fn refused(error: OpError) -> Failure {
    Failure::new(format_args!("{}", explain_refusal(error)))
}

/// An entry that can't be read.
pub(super) fn unreadable(error: ReadError) -> Failure {
    match error {
        ReadError::Malformed => Failure::new(format_args!("the kernel sent an entry that makes no sense")),
        ReadError::Labels => Failure::new(format_args!(
            "connections have more than {LABELS} different helpers and security contexts, which is more than there is room for"
        )),
    }
}
