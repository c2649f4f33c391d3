//! `GET /metrics`: what is counted, as text. No procedure: the server makes this job of a request by its path.

use crate::conntrack::flow::Flow;
use crate::limits::SESSIONS;
use crate::metrics::text::{Facts, Names, Place, Sources};
use crate::out::Full;
use crate::query::page::Candidate;
use crate::rpc::fault::Fault;
use crate::rpc::pieces::Pieces;
use crate::rpc::work::{Offered, ScanStart, Source, Wait, Work, Wrote};
use crate::rpc::{Shared, World};
use crate::syntax::Writer;

/// Clients that are connected, and how many can be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clients {
    /// Now.
    pub(crate) now: usize,
    /// At a time.
    pub(crate) most: usize,
}

/// A text of metrics in the making.
pub(crate) struct Scrape {
    names: Names,
    clients: Clients,
    /// It waits for a scan: what the last one has counted is too old. The attributes that this scan needs.
    scan_needs: Option<u32>,
    facts: Facts,
    place: Place,
}

impl Scrape {
    /// Begins.
    pub(in crate::rpc) fn new(names: Names, clients: Clients, shared: &Shared, now_ms: u64) -> Self {
        let counts = shared.table_counts.as_ref();
        let scan_needs = counts.filter(|counts| !counts.is_fresh(now_ms)).map(|counts| counts.needs());
        Scrape { names, clients, scan_needs, facts: Facts::default(), place: Place::default() }
    }
}

impl Work for Scrape {
    fn waits_for(&self) -> Wait {
        if self.scan_needs.is_some() { Wait::Scan(Source::Kernel) } else { Wait::Nothing }
    }

    fn needs(&self) -> u32 {
        self.scan_needs.unwrap_or_default()
    }

    fn begin(&mut self, shared: &mut Shared, _: ScanStart) -> Result<(), Fault> {
        if let Some(counts) = &mut shared.table_counts {
            counts.begin();
        }
        Ok(())
    }

    /// The first of those who scrape in one scan counts for all.
    fn offer(&mut self, offered: &mut Offered<'_, '_, '_>, shared: &mut Shared) -> Result<(), Fault> {
        let flow: &Flow = offered.entry.flow();
        if !offered.counted && !shared.context.hides(flow) {
            if let Some(counts) = &mut shared.table_counts {
                counts.count(flow);
            }
        }
        offered.counted = true;
        Ok(())
    }

    fn end(&mut self, shared: &mut Shared, world: &mut World<'_>) -> Result<Wait, Fault> {
        let facts = &mut self.facts;
        facts.kernel = world.kernel.cpu_stats()?;
        let table = world.kernel.count()?;
        let switch = |name| (shared.system.switch)(name).map(u64::from);
        // The wall clock may have been set since the start, from one that began at 0: what counts is what it says now.
        let (wall_s, cpu_us) = (shared.system.clocks)();
        facts.gauges = [
            Some(1),
            Some(wall_s.saturating_sub(world.now_ms / 1000)),
            cpu_us,
            Some(table.entries.into()),
            table.most.map(u64::from),
            switch("nf_conntrack_acct"),
            switch("nf_conntrack_timestamp"),
            Some(self.clients.now as u64),
            Some(self.clients.most as u64),
            Some(shared.sessions.count(world.now_ms) as u64),
            Some(SESSIONS as u64),
        ];
        facts.counts = shared.table_counts.as_ref().map(|counts| counts.last());
        facts.has_hosts = shared.table_counts.as_ref().is_some_and(|counts| counts.has_hosts());
        Ok(Wait::Nothing)
    }

    fn write(
        &mut self,
        pieces: &mut Pieces<'_, '_>,
        shared: &mut Shared,
        _: &mut World<'_>,
    ) -> Result<Option<Wrote>, Full> {
        let sources = Sources { stats: &shared.stats, names: self.names };
        self.facts.write(&mut self.place, &sources, pieces.out)?;
        Ok(None)
    }

    /// All of it is written by then.
    fn write_last(&self, _: &mut Writer<'_>, _: &Shared, _: u64) -> Result<(), Full> {
        Ok(())
    }
}
