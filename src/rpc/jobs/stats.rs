//! `stats`: the kernel's counters and the daemon's own.

use super::Job;
use crate::conntrack::kernel::{CPU_COUNTERS, Count};
use crate::out::Full;
use crate::rpc::args::Args;
use crate::rpc::fault::Fault;
use crate::rpc::work::{Wait, Work};
use crate::rpc::{Ask, Shared, World};
use crate::stats::KERNEL_NAMES;
use crate::syntax::Writer;

/// What the kernel counted when the call was made.
#[derive(Default)]
pub(crate) struct Stats {
    kernel: [Option<u64>; CPU_COUNTERS],
    table: Count,
    /// Whether it keeps counters, and start times, of new connections.
    accounting: Option<bool>,
    timestamps: Option<bool>,
}

/// Reads the parameters.
pub(crate) fn stats(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    args.end("session_id")?;
    Ok(Job::Stats(Stats::default()))
}

impl Work for Stats {
    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        self.kernel = world.kernel.cpu_stats()?;
        self.table = world.kernel.count()?;
        self.accounting = (shared.system.switch)("nf_conntrack_acct");
        self.timestamps = (shared.system.switch)("nf_conntrack_timestamp");
        Ok(Wait::Nothing)
    }

    fn write_last(&self, writer: &mut Writer<'_>, shared: &Shared, now_ms: u64) -> Result<(), Full> {
        writer.struct_open()?;
        writer.number("count", self.table.entries.into())?;
        if let Some(most) = self.table.most {
            writer.number("max", most.into())?;
        }
        for (name, switch) in [("accounting", self.accounting), ("timestamps", self.timestamps)] {
            if let Some(is_on) = switch {
                writer.number(name, is_on.into())?;
            }
        }
        // The daemon's clock begins when it is started.
        writer.number("uptime", now_ms / 1000)?;
        writer.text("version", env!("CARGO_PKG_VERSION"))?;
        writer.member("kernel")?;
        writer.struct_open()?;
        for (name, value) in KERNEL_NAMES.iter().zip(self.kernel) {
            if let Some(value) = value.filter(|_| !name.is_empty()) {
                writer.number(name, value)?;
            }
        }
        writer.struct_close()?;
        writer.member_close()?;
        writer.member("daemon")?;
        writer.struct_open()?;
        shared.stats.iter().try_for_each(|(name, value)| writer.number(name, value))?;
        writer.struct_close()?;
        writer.member_close()?;
        writer.struct_close()
    }
}
