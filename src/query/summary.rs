//! A summary: all flows that match, put together in groups in one pass over the table.
//!
//! ```text
//! begin -> offer each flow -> end -> group(0), group(1), ...
//! ```
//! Groups stand in memory leased for rows, [`GROUPS`] of them. While they are no more, all is exact. Beyond that a new group takes
//! the place of one with the fewest connections, and counts them as its own (the Space-Saving algorithm of Metwally, Agrawal and
//! El Abbadi): none has fewer connections than its row says less the error, and every group with more than an even share of all
//! is among the rows.
//!
//! Flows find their group by a hash of its key under a random seed, so that nobody outside can choose addresses that meet in
//! one chain.

use super::context::Context;
use super::field::RATES;
use super::filter::Filter;
use super::group::{Group, GroupBy, Key, SUMS};
use super::rows::{Lease, RowPool};
use crate::conntrack::flow::Flow;
use crate::limits::{GROUPS, ROW_GROUPS};
use core::cmp::Ordering;

const _: () = assert!(GROUPS < Group::END as usize, "a link is 16 bits");

/// What the groups are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// How many flows they have.
    Connections,
    /// One of [`super::group::SUMS`].
    Sum(usize),
    /// Their keys.
    Key,
}

impl By {
    /// The order with this name.
    #[must_use]
    pub(crate) fn named(name: &str) -> Option<Self> {
        match (name, SUMS.iter().position(|field| field.field().name == name)) {
            (_, Some(at)) => Some(By::Sum(at)),
            ("connections", _) => Some(By::Connections),
            ("key", _) => Some(By::Key),
            _ => None,
        }
    }
}

/// A summary, with the memory that it has leased for its groups.
#[derive(Debug)]
pub struct Summary {
    /// Which flows.
    pub filter: Filter,
    /// What they are put together by.
    pub group_by: GroupBy,
    by: By,
    descending: bool,
    start: usize,
    length: usize,
    lease: Lease,
    /// What the words of a key are multiplied by.
    seeds: [u64; 5],
    /// Groups in use, and flows that match.
    len: usize,
    matched: u64,
    /// No group has fewer flows than this, and none before the cursor has just as many.
    least: u32,
    cursor: usize,
    /// The most that a group counts too many, and what was counted for groups that are here no longer.
    error: u32,
    other: Group,
    /// Where the first group of the page stands; those behind it stand before it.
    first: usize,
    rows: usize,
}

impl Summary {
    /// The `length` groups after the first `start`, in order, of the flows that pass `filter`.
    #[must_use]
    #[inline(never)]
    pub fn new(
        filter: Filter,
        group_by: GroupBy,
        order: (By, bool),
        start: u64,
        length: Option<u64>,
    ) -> Self {
        let bounded = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Summary {
            filter,
            group_by,
            by: order.0,
            descending: order.1,
            start: bounded(start),
            length: length.map_or(usize::MAX, bounded),
            lease: Lease::new(),
            seeds: [0; 5],
            len: 0,
            matched: 0,
            least: 1,
            cursor: 0,
            error: 0,
            other: Group::EMPTY,
            first: 0,
            rows: 0,
        }
    }

    /// The attributes that a flow must be read with to be offered, beside those of [`Context::needs`].
    #[must_use]
    pub fn needs(&self) -> u32 {
        self.filter.needs() | self.group_by.needs()
    }

    /// Whether rates decide which flows are counted, or in which order groups stand.
    #[must_use]
    pub(crate) fn depends_on_rates(&self) -> bool {
        let order = match self.by {
            By::Sum(at) => SUMS.get(at).map_or(0, |field| field.field().needs),
            By::Connections | By::Key => 0,
        };
        (order | self.filter.needs()) & RATES != 0
    }

    /// Whether there is memory for all groups now.
    #[must_use]
    pub fn can_begin(&self, pool: &RowPool) -> bool {
        pool.has_most()
    }

    /// The pass begins: memory is leased. `random` is the seed of the hash.
    pub fn begin(&mut self, pool: &mut RowPool, random: [u8; 16]) {
        pool.grow_for_groups(&mut self.lease);
        let number = u128::from_ne_bytes(random);
        let (mut state, step) = (number as u64, (number >> 64) as u64 | 1);
        for seed in &mut self.seeds {
            // SplitMix64's finish.
            state = state.wrapping_add(step);
            let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            *seed = mixed ^ mixed >> 31;
        }
    }

    /// Takes a flow into its group, if it is one that the summary counts.
    pub fn offer(&mut self, flow: &Flow, pool: &mut RowPool, context: &Context) {
        if !self.filter.admits(flow, context) {
            return;
        }
        self.matched += 1;
        let key = self.group_by.key(flow, context);
        let chain = self.chain(&key);
        let found = self.find(&key, chain, pool).or_else(|| self.insert(key, chain, pool));
        if let Some(group) = found.and_then(|at| pool.group_mut(&self.lease, at)) {
            group.add(flow, context);
        }
    }

    fn capacity(&self) -> usize {
        self.lease.capacity() * ROW_GROUPS
    }

    /// The number of the chain that the key is in: the upper half of a sum of products is the same for two keys with the chance of
    /// one in all chains, whatever the keys (multilinear hashing).
    fn chain(&self, key: &Key) -> usize {
        let [first, seeds @ ..] = &self.seeds;
        let mut sum = *first;
        for (seed, word) in seeds.iter().zip(key.words()) {
            sum = sum.wrapping_add(seed.wrapping_mul(word.into()));
        }
        (((sum >> 32) * self.capacity() as u64) >> 32) as usize
    }

    fn find(&self, key: &Key, chain: usize, pool: &RowPool) -> Option<usize> {
        let mut at = pool.group(&self.lease, chain)?.head;
        loop {
            // The end of a chain is no group's place.
            let group = pool.group(&self.lease, at.into())?;
            if group.key == *key {
                return Some(at.into());
            }
            at = group.next;
        }
    }

    /// Makes a group for the key.
    fn insert(&mut self, key: Key, chain: usize, pool: &mut RowPool) -> Option<usize> {
        let at = if self.len < self.capacity() {
            self.len += 1;
            self.len - 1
        } else {
            self.give_up_one(pool)?
        };
        let head = &mut pool.group_mut(&self.lease, chain)?.head;
        let next = core::mem::replace(head, at as u16);
        let group = pool.group_mut(&self.lease, at)?;
        group.restart(key);
        group.next = next;
        Some(at)
    }

    /// Takes a group with the fewest flows out of its chain: its place.
    ///
    /// Counts only grow, and a new group begins above the least one: so groups that were passed need no second look until
    /// all were, and a flow costs a few looks in the mean.
    fn give_up_one(&mut self, pool: &mut RowPool) -> Option<usize> {
        loop {
            match pool.group(&self.lease, self.cursor).filter(|_| self.cursor < self.len) {
                Some(group) if group.connections == self.least => break,
                Some(_) => self.cursor += 1,
                None => {
                    let counts = (0..self.len).filter_map(|at| pool.group(&self.lease, at));
                    self.least = counts.map(|group| group.connections).min()?;
                    self.cursor = 0;
                }
            }
        }
        let at = self.cursor;
        let given = *pool.group(&self.lease, at)?;
        self.unlink(&given, at, pool);
        self.other.absorb(&given);
        self.error = self.least;
        self.cursor += 1;
        Some(at)
    }

    fn unlink(&self, given: &Group, place: usize, pool: &mut RowPool) -> Option<()> {
        let head = pool.group_mut(&self.lease, self.chain(&given.key))?;
        if usize::from(head.head) == place {
            head.head = given.next;
            return Some(());
        }
        let mut at = usize::from(head.head);
        loop {
            let group = pool.group_mut(&self.lease, at)?;
            if usize::from(group.next) == place {
                group.next = given.next;
                return Some(());
            }
            at = group.next.into();
        }
    }

    /// The pass is over: the groups of the page are put in order, and the memory goes back in which none of them is.
    pub fn end(&mut self, pool: &mut RowPool, context: &Context) {
        let wanted = self.start.saturating_add(self.length).min(self.len);
        self.rows = wanted.saturating_sub(self.start);
        for at in (0..self.len / 2).rev() {
            self.sift_down(at, self.len, pool, context);
        }
        // The first in order is on top: it changes places with the last, and so on.
        for taken in 1..=wanted {
            let last = self.len - taken;
            self.swap(0, last, pool);
            self.sift_down(0, last, pool, context);
        }
        let (from, to) = (self.len - wanted, self.len - wanted + self.rows);
        let row = pool.shrink(&mut self.lease, from / ROW_GROUPS, to.div_ceil(ROW_GROUPS));
        self.first = (row * ROW_GROUPS + from % ROW_GROUPS + self.rows).saturating_sub(1);
    }

    fn sift_down(&self, mut at: usize, len: usize, pool: &mut RowPool, context: &Context) {
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < len && self.compare(child, first, pool, context) == Ordering::Less {
                    first = child;
                }
            }
            if first == at {
                return;
            }
            self.swap(first, at, pool);
            at = first;
        }
    }

    fn swap(&self, a: usize, b: usize, pool: &mut RowPool) {
        if let (Some(&first), Some(&second)) = (pool.group(&self.lease, a), pool.group(&self.lease, b)) {
            for (at, group) in [(a, second), (b, first)] {
                if let Some(place) = pool.group_mut(&self.lease, at) {
                    *place = group;
                }
            }
        }
    }

    /// Compares two groups: by the number that is wanted, groups without it last, and then by key, ascending.
    fn compare(&self, a: usize, b: usize, pool: &RowPool, context: &Context) -> Ordering {
        let (Some(a), Some(b)) = (pool.group(&self.lease, a), pool.group(&self.lease, b)) else {
            return Ordering::Equal;
        };
        let keys = || self.group_by.compare(&a.key, &b.key, context);
        let number = |group: &Group| match self.by {
            By::Connections => Some(group.connections.into()),
            By::Sum(at) => group.sum(at),
            By::Key => None,
        };
        match (number(a), number(b)) {
            (Some(a), Some(b)) if self.descending => b.cmp(&a).then_with(keys),
            (Some(a), Some(b)) => a.cmp(&b).then_with(keys),
            (None, None)
                if self.by == By::Key && self.descending && !(a.key.is_none() || b.key.is_none()) =>
            {
                keys().reverse()
            }
            (a, b) => a.is_none().cmp(&b.is_none()).then_with(keys),
        }
    }

    /// The group on place `nth` of the page, from 0 on.
    pub(crate) fn group<'a>(&self, nth: usize, pool: &'a RowPool) -> Option<&'a Group> {
        pool.group(&self.lease, self.first.checked_sub(nth)?).filter(|_| nth < self.rows)
    }

    /// How many groups there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.len
    }

    /// How many flows match.
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// The most by which the flows of a group may be too many, and what was counted for groups that had to make room; `None` if
    /// all groups had room.
    #[must_use]
    pub(crate) fn inexact(&self) -> Option<(u32, &Group)> {
        (self.error > 0).then_some((self.error, &self.other))
    }

    /// Gives back the memory for groups.
    pub fn release(&mut self, pool: &mut RowPool) {
        pool.release(&mut self.lease);
    }
}
