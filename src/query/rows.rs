//! The memory for rows: one fixed pool, leased to queries in blocks.
//!
//! A query leases what its page needs, up to [`QUERY_BLOCKS`]; one block is kept back for every other client slot, so that
//! a greedy query can slow others down but never shut them out. Nothing is copied when a lease grows, and memory that
//! no query ever used is never touched.

use super::context::Context;
use super::group::Group;
use super::order::{Key, Order};
use crate::conntrack::flow::Flow;
use crate::limits::{BLOCK_ROWS, CLIENTS, ENOUGH_BLOCKS, QUERY_BLOCKS, ROW_BLOCKS, ROW_BYTES, ROW_GROUPS};
use core::cmp::Ordering;
use heapless::Vec;

/// A flow that was kept, and where it stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Its place in the query's order.
    pub key: Key,
    /// While rows are chosen: which of them stands in this one's place of the heap, so that none is moved for its order. In a
    /// counting pass: how many flows stand between the row before this one and this one, itself included.
    pub rank: u32,
    /// The flow, read in full.
    pub flow: Flow,
}

/// The memory of one row, which may hold groups of a summary in its place.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Row(Row),
    Groups([Group; ROW_GROUPS]),
}

/// All rows there are.
#[derive(Debug)]
pub struct RowPool {
    /// Has room for all rows from the start, so it never moves; grows in length with the highest block ever leased,
    /// so that memory which no query needed is never touched.
    rows: std::vec::Vec<Cell>,
    /// A bit for each block that is leased.
    leased: u64,
    /// Leases that hold at least one block.
    leases: usize,
}

const _: () = assert!(ROW_BLOCKS <= 64, "`leased` has 64 bits");
const _: () = assert!(size_of::<Cell>() <= ROW_BYTES, "what limits.rs says a row costs");

/// The blocks that one query holds. Not given back by being dropped: see [`RowPool::release`].
#[derive(Debug, Default)]
pub struct Lease {
    blocks: Vec<u8, QUERY_BLOCKS>,
}

impl Lease {
    /// No blocks.
    #[must_use]
    pub const fn new() -> Self {
        Lease { blocks: Vec::new() }
    }

    /// How many rows it has room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.blocks.len() * BLOCK_ROWS
    }
}

impl Default for RowPool {
    fn default() -> Self {
        Self::new()
    }
}

impl RowPool {
    /// A pool of [`ROW_BLOCKS`] blocks, none leased. This is the one place where memory for rows is allocated.
    #[must_use]
    pub fn new() -> Self {
        RowPool { rows: std::vec::Vec::with_capacity(ROW_BLOCKS * BLOCK_ROWS), leased: 0, leases: 0 }
    }

    /// Grows `lease` towards `rows` rows, as far as there is room. The first block it always gets; more come only from what is
    /// not kept back for the other clients.
    pub fn grow(&mut self, lease: &mut Lease, rows: usize) {
        while lease.capacity() < rows && !lease.blocks.is_full() {
            let free = ROW_BLOCKS - self.leased.count_ones() as usize;
            let others = CLIENTS - (self.leases + usize::from(lease.blocks.is_empty())).min(CLIENTS);
            if !lease.blocks.is_empty() && free <= others {
                return;
            }
            let block = self.leased.trailing_ones() as u8;
            if usize::from(block) >= ROW_BLOCKS {
                return;
            }
            self.leases += usize::from(lease.blocks.is_empty());
            self.leased |= 1 << block;
            self.clear(block, Cell::Row(Row::default()));
            // There is room: the loop's condition says so.
            let _ = lease.blocks.push(block);
        }
    }

    /// Makes each cell of the block like `cell`.
    fn clear(&mut self, block: u8, cell: Cell) {
        let first = usize::from(block) * BLOCK_ROWS;
        if self.rows.len() < first + BLOCK_ROWS {
            self.rows.resize(first + BLOCK_ROWS, cell);
        }
        let cells = self.rows.get_mut(first..first + BLOCK_ROWS).unwrap_or_default();
        // A block is of rows or of groups as a whole. What rows were of before does not matter: they are written to first.
        if !matches!((cells.first(), &cell), (Some(Cell::Row(_)), Cell::Row(_))) {
            cells.fill(cell);
        }
    }

    /// Blocks that one more query could lease.
    fn spare(&self) -> usize {
        let free = ROW_BLOCKS - self.leased.count_ones() as usize;
        free.saturating_sub(CLIENTS - (self.leases + 1).min(CLIENTS))
    }

    /// Whether a query could lease as many blocks as any may.
    #[must_use]
    pub fn has_most(&self) -> bool {
        self.spare() >= QUERY_BLOCKS
    }

    /// Leases as many blocks as there are for one query, for groups; none of these is in use.
    pub fn grow_for_groups(&mut self, lease: &mut Lease) {
        self.grow(lease, QUERY_BLOCKS * BLOCK_ROWS);
        for &block in &lease.blocks {
            self.clear(block, Cell::Groups([Group::EMPTY; ROW_GROUPS]));
        }
    }

    /// Whether a query that wants so many rows can have enough memory now to take only a few passes: one block where it wants no
    /// more, and otherwise [`ENOUGH_BLOCKS`].
    #[must_use]
    pub fn has_enough(&self, rows: usize) -> bool {
        rows <= BLOCK_ROWS || self.spare() >= ENOUGH_BLOCKS
    }

    /// Gives back the blocks that hold none of the rows from `first` up to `end`, and gives the place of `first` in what is left.
    pub fn shrink(&mut self, lease: &mut Lease, first: usize, end: usize) -> usize {
        let (from, to) = (first / BLOCK_ROWS, end.div_ceil(BLOCK_ROWS));
        let mut kept: Vec<u8, QUERY_BLOCKS> = Vec::new();
        for (at, &block) in lease.blocks.iter().enumerate() {
            // One block stays in any case, since the lease does.
            if (from..to).contains(&at) || (from >= to && at == 0) {
                // There is room: it was in the lease.
                let _ = kept.push(block);
            } else {
                self.leased &= !(1 << block);
            }
        }
        lease.blocks = kept;
        if from < to { first - from * BLOCK_ROWS } else { 0 }
    }

    /// Takes all blocks of `lease` back.
    pub fn release(&mut self, lease: &mut Lease) {
        self.leases -= usize::from(!lease.blocks.is_empty());
        for block in &lease.blocks {
            self.leased &= !(1 << block);
        }
        lease.blocks.clear();
    }

    /// Whether no query holds a row.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.leased == 0
    }

    #[inline]
    fn place(lease: &Lease, index: usize) -> Option<usize> {
        let block = lease.blocks.get(index / BLOCK_ROWS)?;
        Some(usize::from(*block) * BLOCK_ROWS + index % BLOCK_ROWS)
    }

    /// Row `index` of a lease.
    #[must_use]
    #[inline]
    pub fn get(&self, lease: &Lease, index: usize) -> Option<&Row> {
        match self.rows.get(Self::place(lease, index)?)? {
            Cell::Row(row) => Some(row),
            Cell::Groups(_) => None,
        }
    }

    /// Row `index` of a lease, to write to.
    #[inline]
    pub fn get_mut(&mut self, lease: &Lease, index: usize) -> Option<&mut Row> {
        match self.rows.get_mut(Self::place(lease, index)?)? {
            Cell::Row(row) => Some(row),
            Cell::Groups(_) => None,
        }
    }

    /// Group `index` of a lease for groups. Many ask for one, and a call is smaller than what it does.
    #[inline(never)]
    pub(crate) fn group(&self, lease: &Lease, index: usize) -> Option<&Group> {
        match self.rows.get(Self::place(lease, index / ROW_GROUPS)?)? {
            Cell::Groups(groups) => groups.get(index % ROW_GROUPS),
            Cell::Row(_) => None,
        }
    }

    /// Group `index` of a lease for groups, to write to.
    #[inline(never)]
    pub(crate) fn group_mut(&mut self, lease: &Lease, index: usize) -> Option<&mut Group> {
        match self.rows.get_mut(Self::place(lease, index / ROW_GROUPS)?)? {
            Cell::Groups(groups) => groups.get_mut(index % ROW_GROUPS),
            Cell::Row(_) => None,
        }
    }

    /// Which row is the last in order of a heap.
    #[must_use]
    #[inline]
    pub fn last(&self, lease: &Lease) -> u32 {
        self.rank(lease, 0)
    }

    /// Puts another flow where row `index` was, and leaves the heap as it is.
    pub fn put(&mut self, lease: &Lease, index: usize, key: Key, flow: &Flow) {
        if let Some(slot) = self.get_mut(lease, index) {
            (slot.key, slot.flow) = (key, *flow);
        }
    }

    fn set_rank(&mut self, lease: &Lease, place: usize, rank: u32) {
        if let Some(slot) = self.get_mut(lease, place) {
            slot.rank = rank;
        }
    }

    /// Which row stands at `place` of a heap.
    #[inline]
    fn rank(&self, lease: &Lease, place: usize) -> u32 {
        self.get(lease, place).map_or(0, |row| row.rank)
    }

    /// Whether row `index` comes after row `other`.
    fn is_after(&self, lease: &Lease, ranking: Ranking<'_>, index: u32, other: u32) -> bool {
        match (self.get(lease, index as usize), self.get(lease, other as usize)) {
            (Some(a), Some(b)) => ranking.compare(a, b) == Ordering::Greater,
            _ => false,
        }
    }

    /// Adds row `index`, which was just written, to the heap of those before it.
    pub fn push(&mut self, lease: &Lease, ranking: Ranking<'_>, index: usize) {
        let (mut place, row) = (index, index as u32);
        while place > 0 {
            let parent = (place - 1) / 2;
            let above = self.rank(lease, parent);
            if !self.is_after(lease, ranking, row, above) {
                break;
            }
            self.set_rank(lease, place, above);
            place = parent;
        }
        self.set_rank(lease, place, row);
    }

    /// Puts `row` at `place` of a heap of `len` rows, or as far below it as the order has it. What was there has gone.
    pub fn sift_down(&mut self, lease: &Lease, ranking: Ranking<'_>, mut place: usize, row: u32, len: usize) {
        loop {
            let mut child = 2 * place + 1;
            if child >= len {
                break;
            }
            let mut below = self.rank(lease, child);
            if child + 1 < len {
                let other = self.rank(lease, child + 1);
                if self.is_after(lease, ranking, other, below) {
                    (child, below) = (child + 1, other);
                }
            }
            if !self.is_after(lease, ranking, below, row) {
                break;
            }
            self.set_rank(lease, place, below);
            place = child;
        }
        self.set_rank(lease, place, row);
    }

    /// Sorts the first `len` rows, which need not be a heap.
    pub fn sort(&mut self, lease: &Lease, ranking: Ranking<'_>, len: usize) {
        for index in 0..len {
            self.set_rank(lease, index, index as u32);
        }
        for index in (0..len / 2).rev() {
            self.sift_down(lease, ranking, index, index as u32, len);
        }
        for end in (1..len).rev() {
            let (last, row) = (self.rank(lease, 0), self.rank(lease, end));
            self.set_rank(lease, end, last);
            self.sift_down(lease, ranking, 0, row, end);
        }
        self.move_to_places(lease, len);
    }

    /// Writes the row that stands in the place of its own.
    fn set(&mut self, lease: &Lease, index: usize, row: Row) {
        if let Some(slot) = self.get_mut(lease, index) {
            *slot = Row { rank: index as u32, ..row };
        }
    }

    /// Moves each of the first `len` rows to its place: those that take each other's in turn, along the way that they take.
    fn move_to_places(&mut self, lease: &Lease, len: usize) {
        for start in 0..len {
            let Some(&first) = self.get(lease, start) else {
                return;
            };
            let (mut place, mut from) = (start, first.rank as usize);
            while from != start {
                let Some(&row) = self.get(lease, from) else {
                    return;
                };
                self.set(lease, place, row);
                (place, from) = (from, row.rank as usize);
            }
            self.set(lease, place, first);
        }
    }
}

/// An order with what it depends on.
#[derive(Clone, Copy)]
pub struct Ranking<'a> {
    /// The order.
    pub order: Order,
    /// Labels and users, for fields that are texts.
    pub context: &'a Context,
    /// From the last to the first.
    pub back: bool,
}

impl Ranking<'_> {
    /// Compares two rows that were read in full.
    #[must_use]
    #[inline]
    pub fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let ordering = a.key.cmp(&b.key).then_with(|| self.order.break_tie(&a.flow, &b.flow, self.context));
        if self.back { ordering.reverse() } else { ordering }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_never_takes_the_block_kept_for_another() {
        let mut pool = RowPool::new();
        let mut leases: std::vec::Vec<Lease> = (0..CLIENTS).map(|_| Lease::new()).collect();
        let mut rest = leases.split_off(2);
        for greedy in &mut leases {
            pool.grow(greedy, usize::MAX);
        }
        for lease in &mut rest {
            pool.grow(lease, 1);
            assert_eq!(lease.capacity(), BLOCK_ROWS);
        }
        for lease in leases.iter_mut().chain(&mut rest) {
            pool.release(lease);
        }
        assert!(pool.is_idle());
    }

    #[test]
    fn a_lease_grows_no_further_than_asked_and_allowed() {
        let mut pool = RowPool::new();
        let mut lease = Lease::new();
        pool.grow(&mut lease, BLOCK_ROWS + 1);
        assert_eq!(lease.capacity(), 2 * BLOCK_ROWS);
        pool.grow(&mut lease, usize::MAX);
        let most = QUERY_BLOCKS.min(ROW_BLOCKS - (CLIENTS - 1));
        assert_eq!(lease.capacity(), most * BLOCK_ROWS);
        assert!(pool.get(&lease, lease.capacity()).is_none());
    }
}
