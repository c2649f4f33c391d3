//! The table read once for what is shown.

use super::shown::{Mode, Shown};
use crate::client::groups;
use crate::client::kernel::{Kernel, Scan, new_context, unreadable};
use crate::client::{Failure, Known, filter_of};
use crate::conntrack::flow::{Flow, Rates};
use crate::conntrack::kernel::Count;
use crate::conntrack::uapi::{CTA_TUPLE_ORIG, bit};
use crate::limits::TOP_ROWS;
use crate::query::context::Context;
use crate::query::field::{FieldSet, RATES};
use crate::query::group::Group;
use crate::query::page::Candidate;
use crate::query::rows::RowPool;
use crate::query::summary::Summary;
use crate::query::view::View;
use crate::sys;

/// The table, and what was found in it last.
pub(super) struct Reading {
    pub(super) kernel: &'static mut Kernel,
    pub(super) context: &'static mut Context,
    pool: &'static mut RowPool,
    /// How full the table is, and how many entries it has gained in a second.
    pub(super) count: Count,
    pub(super) gain: Option<Gain>,
    counted_ms: u64,
    /// Bytes a second of all connections: of those who began them, and of those who answer.
    pub(super) up: u64,
    pub(super) down: u64,
    /// Connections that match.
    pub(super) matched: u64,
    /// The connections that are shown, and whether each has ended since.
    pub(super) rows: Vec<(Flow, bool)>,
    /// The groups that are shown, and how many there are.
    pub(super) groups: Vec<Group>,
    pub(super) groups_total: usize,
}

/// How many entries the table gains in a second, or loses.
#[derive(Clone, Copy)]
pub(super) struct Gain {
    pub(super) is_loss: bool,
    pub(super) entries: u64,
}

impl Reading {
    /// Opens the table.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(super) fn open(known: &Known) -> Result<&'static mut Self, Failure> {
        let (kernel, context) = (Kernel::open()?, new_context(known));
        let (count, counted_ms) = (kernel.count()?, kernel.now_ms());
        Ok(Box::leak(Box::new(Reading {
            kernel,
            context,
            pool: Box::leak(Box::new(RowPool::new())),
            count,
            gain: None,
            counted_ms,
            up: 0,
            down: 0,
            matched: 0,
            rows: Vec::new(),
            groups: Vec::new(),
            groups_total: 0,
        })))
    }

    /// Reads the table for `length` rows of what is `shown`. The whole of it: so the first line has all there is, and rates
    /// stay known whatever the filter becomes.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) fn read(&mut self, shown: &Shown, length: usize) -> Result<(), Failure> {
        let length = length.min(TOP_ROWS);
        match shown.mode {
            Mode::Flows if shown.selected.is_some() => self.renew(shown)?,
            // Groups that stay are not read anew.
            Mode::Groups(_) if shown.selected.is_some() => {}
            Mode::Flows => self.find(shown, length)?,
            Mode::Groups(_) => self.put_together(shown, length)?,
        }
        self.count_entries()
    }

    /// Rows that are there to be shown.
    pub(super) fn shown_rows(&self, shown: &Shown) -> usize {
        match shown.mode {
            Mode::Flows => self.rows.len(),
            Mode::Groups(_) => self.groups.len(),
        }
    }

    fn count_entries(&mut self) -> Result<(), Failure> {
        let (count, now_ms) = (self.kernel.count()?, self.kernel.now_ms());
        let passed_ms = now_ms - self.counted_ms;
        // Two drawings may be a moment apart, which tells nothing.
        if passed_ms >= 500 {
            let (now, before) = (count.entries, self.count.entries);
            let entries = u64::from(now.abs_diff(before)) * 1000 / passed_ms;
            self.gain = Some(Gain { is_loss: now < before, entries });
            (self.count, self.counted_ms) = (count, now_ms);
        }
        Ok(())
    }

    /// Finds the first rows in order.
    fn find(&mut self, shown: &Shown, length: usize) -> Result<(), Failure> {
        let order = shown.order();
        let mut view = View::new(
            *filter_of(&shown.filter_text)?,
            order,
            shown.start,
            Some(length as u64),
            FieldSet::ALL,
        );
        let needs = view.needs() | RATES;
        let (kernel, context, rows) = (&mut *self.kernel, &mut *self.context, &mut self.rows);
        let (mut up, mut down) = (0, 0);
        rows.clear();
        let began = kernel.began();
        view.run(
            self.pool,
            context,
            &mut || (sys::since_ms(began) / 1000) as u32,
            &mut |view, pool, context| {
                (up, down) = (0, 0);
                let scan = Scan::of_all(needs, view.passes() > 1);
                kernel.scan(&scan, context, &mut |entry, context, _| {
                    add(&mut up, &mut down, entry.flow().rates);
                    view.offer(entry, pool, context).map_err(unreadable)?;
                    Ok(true)
                })
            },
            &mut |flow, _| {
                rows.push((*flow, false));
                Ok(())
            },
        )?;
        (self.up, self.down, self.matched) = (up, down, view.total());
        Ok(())
    }

    /// Reads the rows that are there anew: they stay where they are while somebody has selected one.
    fn renew(&mut self, shown: &Shown) -> Result<(), Failure> {
        self.rows.iter_mut().for_each(|row| row.1 = true);
        let needs = shown.filter.needs() | bit(CTA_TUPLE_ORIG) | RATES;
        let scan = Scan::of_all(needs, false);
        let (rows, mut matched, mut up, mut down) = (&mut self.rows, 0, 0, 0);
        self.kernel.scan(&scan, self.context, &mut |entry, context, _| {
            add(&mut up, &mut down, entry.flow().rates);
            matched += u64::from(shown.filter.admits(entry.flow(), context));
            // As many as a screen has: a search takes less than the entry has taken to come.
            let is_this =
                |row: &&mut (Flow, bool)| row.0.id == entry.flow().id && row.0.orig == entry.flow().orig;
            if let Some(row) = rows.iter_mut().find(is_this) {
                *row = (*entry.full(context).map_err(unreadable)?, false);
            }
            Ok(true)
        })?;
        (self.up, self.down, self.matched) = (up, down, matched);
        Ok(())
    }

    /// Finds the first groups in order.
    fn put_together(&mut self, shown: &Shown, length: usize) -> Result<(), Failure> {
        let (by, order) = (shown.group_by(), shown.group_order());
        let mut summary =
            Summary::new(*filter_of(&shown.filter_text)?, by, order, shown.start, Some(length as u64));
        let scan = Scan::of_all(summary.needs() | RATES, false);
        let (mut up, mut down) = (0, 0);
        let mut seen = |flow: &Flow| add(&mut up, &mut down, flow.rates);
        groups::read(self.kernel, self.context, self.pool, &mut summary, &scan, &mut seen)?;
        (self.up, self.down) = (up, down);
        self.groups.clear();
        while let Some(group) = summary.group(self.groups.len(), self.pool) {
            self.groups.push(*group);
        }
        (self.groups_total, self.matched) = (summary.total(), summary.matched());
        summary.release(self.pool);
        Ok(())
    }
}

fn add(up: &mut u64, down: &mut u64, rates: Option<Rates>) {
    let rates = rates.unwrap_or_default();
    (*up, *down) = (*up + u64::from(rates.orig), *down + u64::from(rates.repl));
}
