//! `refresh` and `set_autorefresh`: a snapshot of the table is taken, or given up.

use super::Job;
use super::answer::Answer;
use crate::auth::{Who, audit};
use crate::conntrack::flow::ALL;
use crate::out::Full;
use crate::query::page::Candidate;
use crate::query::snapshot::Snapshot;
use crate::rpc::args::{self, Args};
use crate::rpc::fault::{Code, Fault};
use crate::rpc::work::{Offered, ScanStart, Source, Wait, Work};
use crate::rpc::{Ask, Shared, World};
use crate::syntax::Writer;

/// Records every flow of a scan. Where several calls do so in one scan, the first of them records each flow for all.
pub(crate) struct TakeSnapshot {
    /// It takes a snapshot anew, and has nothing to do once there is none any more.
    refresh: bool,
    who: Who,
    /// Flows that did not fit.
    left_out: usize,
}

/// `refresh`
pub(crate) fn refresh(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    args.end("session_id")?;
    if !ask.shared.autorefresh.is_off() {
        return Ok(Job::Answer(Answer::Bool(true)));
    }
    begin(true, ask)
}

/// `set_autorefresh`
pub(crate) fn set_autorefresh(args: &mut Args<'_>, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    ask.check_session(args)?;
    let refresh = args.required("refresh", "0 or 1")?;
    args.end("session_id and refresh")?;
    if !args::flag(&refresh, "refresh")? {
        return begin(false, ask);
    }
    if ask.shared.autorefresh.is_off() {
        audit::autorefresh(&ask.who()?, true);
    }
    // The engine carries it out as soon as this call has begun: calls of others that are under way may depend on it.
    ask.shared.autorefresh.ask_to_switch_on();
    Ok(Job::Answer(Answer::Bool(true)))
}

/// Begins to take a snapshot, if the table can fit.
fn begin(refresh: bool, ask: &mut Ask<'_, '_>) -> Result<Job, Fault> {
    let entries = ask.world.kernel.count()?.entries as usize;
    if entries > ask.shared.settings.snapshot_flows {
        return Err(no_room(entries, ask.shared.settings.snapshot_flows));
    }
    Ok(Job::TakeSnapshot(TakeSnapshot { refresh, who: ask.who()?, left_out: 0 }))
}

impl TakeSnapshot {
    /// Whether it has nothing to do once autorefresh is on again. A call that asked to switch it off goes on.
    pub(in crate::rpc) fn is_refresh(&self) -> bool {
        self.refresh
    }

    /// Whether all flows of the scan had room.
    pub(in crate::rpc) fn is_whole(&self) -> bool {
        self.left_out == 0
    }
}

impl Work for TakeSnapshot {
    fn waits_for(&self) -> Wait {
        Wait::Scan(Source::Kernel)
    }

    fn needs(&self) -> u32 {
        ALL
    }

    fn begin(&mut self, shared: &mut Shared, _: ScanStart) -> Result<(), Fault> {
        shared.autorefresh.begin(shared.settings.snapshot_flows)
    }

    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        if offered.settled {
            return Ok(());
        }
        let flow = offered.entry.full(&mut shared.context)?;
        offered.settled = shared.autorefresh.snapshot().is_some_and(|s| s.push(flow).is_ok());
        // What did not fit is counted, so that the fault can say how much room it would take.
        self.left_out += usize::from(!offered.settled);
        Ok(())
    }

    fn end(&mut self, shared: &mut Shared, _: &mut World<'_>) -> Result<Wait, Fault> {
        if !self.is_whole() {
            // Long records may fill the memory before the number of flows is reached that it was reserved for.
            let fitted = shared.autorefresh.snapshot().map_or(0, |s: &mut Snapshot| s.flows());
            return Err(no_room(fitted + self.left_out, fitted));
        }
        if !self.refresh {
            audit::autorefresh(&self.who, false);
        }
        Ok(Wait::Nothing)
    }

    fn write_last(&self, writer: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        writer.boolean(true)
    }
}

fn no_room(flows: usize, room: usize) -> Fault {
    let text = format_args!(
        "the table has {flows} connections and the snapshot has room for {room} of them (--snapshot-flows sets it)"
    );
    Fault::new(Code::Snapshot, text)
}
