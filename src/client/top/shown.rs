//! What is asked of the table: what rows are, which, and in which order.

use crate::client::columns::{Columns, add};
use crate::client::groups::order_by;
use crate::client::{Failure, filter_of, words_of};
use crate::query::filter::Filter;
use crate::query::group::GroupBy;
use crate::query::order::Order;
use crate::query::summary::By;

/// What rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Connections.
    Flows,
    /// Groups of this place in [`GROUPS`].
    Groups(usize),
}

/// What groups can be by, and what they are called.
const GROUPS: [(&str, &str); 3] =
    [("local", "local hosts"), ("remote", "remote hosts"), ("service", "services")];

/// What connections can be sorted by, as columns call it, and whether from the largest on.
const SORTS: [(&str, bool); 9] = [
    ("rate", true),
    ("down", true),
    ("up", true),
    ("bytes", true),
    ("packets", true),
    ("ends", false),
    ("src", false),
    ("dst", false),
    ("state", false),
];

/// What groups can be sorted by, and whether from the largest on.
const GROUP_SORTS: [(&str, bool); 5] =
    [("rate", true), ("connections", true), ("bytes", true), ("packets", true), ("key", false)];

/// What is shown.
pub(super) struct Shown {
    pub(super) filter: Box<Filter>,
    pub(super) filter_text: String,
    /// The filter in words.
    pub(super) words: String,
    pub(super) mode: Mode,
    sorts: [usize; 2],
    is_reversed: bool,
    /// Rows before the first one.
    pub(super) start: u64,
    /// The row that is selected: while one is, all rows stay where they are.
    pub(super) selected: Option<usize>,
}

impl Shown {
    /// Connections that match, by their rate.
    ///
    /// # Errors
    /// What is wrong with the filter.
    pub(super) fn new(filter: &str) -> Result<Self, Failure> {
        let mut shown = Shown {
            filter: filter_of("")?,
            filter_text: String::new(),
            words: String::new(),
            mode: Mode::Flows,
            sorts: [0, 0],
            is_reversed: false,
            start: 0,
            selected: None,
        };
        shown.set_filter(filter)?;
        Ok(shown)
    }

    /// Takes another filter.
    ///
    /// # Errors
    /// What is wrong with it; then the old one stays.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), Failure> {
        self.filter = filter_of(text)?;
        self.filter_text = text.trim().to_owned();
        self.words = words_of(&self.filter);
        self.turn(0);
        Ok(())
    }

    /// Shows the rows from this one on, none of which is selected.
    pub(super) fn turn(&mut self, start: u64) {
        (self.start, self.selected) = (start, None);
    }

    /// Selects a row, if it is one of those that are there.
    pub(super) fn select(&mut self, at: usize, there: usize) {
        self.selected = there.checked_sub(1).map(|last| at.min(last));
    }

    /// Goes on to the next mode.
    pub(super) fn next_mode(&mut self) {
        self.mode = match self.mode {
            Mode::Flows => Mode::Groups(0),
            Mode::Groups(at) if at + 1 < GROUPS.len() => Mode::Groups(at + 1),
            Mode::Groups(_) => Mode::Flows,
        };
        self.is_reversed = false;
        self.turn(0);
    }

    /// Sorts by the next column.
    pub(super) fn next_sort(&mut self) {
        let [flows, groups] = &mut self.sorts;
        match self.mode {
            Mode::Flows => *flows = (*flows + 1) % SORTS.len(),
            Mode::Groups(_) => *groups = (*groups + 1) % GROUP_SORTS.len(),
        }
        self.is_reversed = false;
        self.turn(0);
    }

    /// Sorts in the other direction.
    pub(super) fn reverse(&mut self) {
        self.is_reversed = !self.is_reversed;
        self.turn(0);
    }

    /// What groups are called; nothing for connections.
    pub(super) fn groups_name(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Flows => None,
            Mode::Groups(at) => GROUPS.get(at).map(|group| group.1),
        }
    }

    /// What rows are sorted by, and whether from the largest on.
    pub(super) fn sort(&self) -> (&'static str, bool) {
        let [flows, groups] = self.sorts;
        let sort = match self.mode {
            Mode::Flows => SORTS.get(flows),
            Mode::Groups(_) => GROUP_SORTS.get(groups),
        };
        sort.map_or(("", true), |(name, descending)| (name, *descending != self.is_reversed))
    }

    pub(super) fn order(&self) -> Option<Order> {
        let (name, descending) = self.sort();
        crate::client::columns::field(name).ok().and_then(|field| Order::by(field, descending))
    }

    pub(super) fn group_order(&self) -> (By, bool) {
        let (name, descending) = self.sort();
        (order_by(name).unwrap_or(By::Connections), descending)
    }

    pub(super) fn group_by(&self) -> GroupBy {
        let at = if let Mode::Groups(at) = self.mode { at } else { 0 };
        let name = GROUPS.get(at).map_or("", |group| group.0);
        // The names are those of groups.
        GroupBy::parse(name).unwrap_or(GroupBy::LOCAL)
    }

    /// The columns of connections: those of list, with both rates.
    pub(super) fn columns(&self) -> Columns {
        let mut columns = Columns::new();
        add(&mut columns, &["proto", "state", "source", "destination", "nat", "down", "up", "bytes", "ends"]);
        // All other sorts are shown already.
        if self.sort().0 == "packets" {
            add(&mut columns, &["packets"]);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_known() {
        let field = |name| crate::client::columns::field(name).unwrap();
        assert!(SORTS.iter().all(|(name, _)| Order::by(field(name), true).is_some()));
        assert!(GROUP_SORTS.iter().all(|(name, _)| order_by(name).is_ok()));
        assert!(GROUPS.iter().all(|(name, _)| GroupBy::parse(name).is_ok()));
    }
}
