//! What is shown, and what keys do to it.

use super::keys::Key;
use super::reading::Reading;
use crate::client::columns::{Column, Columns};
use crate::client::format::grouped;
use crate::client::groups::{order_by, put_key};
use crate::client::kill::Which;
use crate::client::own::own_connection;
use crate::client::text::shown;
use crate::client::{Failure, filter_of};
use crate::conntrack::flow::Flow;
use crate::limits::{EXPLANATION_BYTES, FILTER_TEXT_BYTES};
use crate::out::Out;
use crate::query::filter::Filter;
use crate::query::group::{Group, GroupBy};
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

/// What keys are taken for.
pub(super) enum Input {
    /// Commands.
    Commands,
    /// The text of a filter, which is being typed.
    Filter(Vec<u8>),
    /// An answer: whether these are killed, which a sentence says.
    Answer(Box<Which>, String),
    /// Any key, to go on.
    Help,
}

/// What follows from a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The screen is drawn.
    Draw,
    /// The table is read before.
    Read,
    /// The end.
    Quit,
}

/// What is shown.
pub(super) struct State {
    pub(super) filter: Filter,
    pub(super) filter_text: String,
    /// The filter in words.
    pub(super) words: String,
    pub(super) mode: Mode,
    sorts: [usize; 2],
    is_reversed: bool,
    /// Rows before the first one that is shown.
    pub(super) start: u64,
    /// The row that is selected.
    pub(super) selected: Option<usize>,
    pub(super) is_paused: bool,
    pub(super) input: Input,
    /// What was done last, or what was wrong with it.
    pub(super) message: String,
}

impl State {
    /// Connections that match, by their rate.
    ///
    /// # Errors
    /// What is wrong with the filter.
    pub(super) fn new(filter: &str) -> Result<Self, Failure> {
        let mut state = State {
            filter: Filter::new(),
            filter_text: String::new(),
            words: String::new(),
            mode: Mode::Flows,
            sorts: [0, 0],
            is_reversed: false,
            start: 0,
            selected: None,
            is_paused: false,
            input: Input::Commands,
            message: String::new(),
        };
        state.set_filter(filter)?;
        Ok(state)
    }

    fn set_filter(&mut self, text: &str) -> Result<(), Failure> {
        self.filter = filter_of(text)?;
        self.filter_text = text.trim().to_owned();
        let mut words: heapless::String<EXPLANATION_BYTES> = heapless::String::new();
        self.filter.explain(&mut words);
        self.words = shown(words.as_bytes());
        self.first_row();
        Ok(())
    }

    /// Shows the first rows, none of which is selected.
    fn first_row(&mut self) {
        (self.start, self.selected) = (0, None);
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
        let names = ["proto", "state", "source", "destination", "nat", "down", "up", "bytes", "ends"];
        let sort = self.sort().0;
        let more =
            if names.contains(&sort) || matches!(sort, "rate" | "src" | "dst") { None } else { Some(sort) };
        names.into_iter().chain(more).filter_map(|name| Column::named(name).ok()).collect()
    }

    /// Takes a key, while so many rows fit the screen.
    ///
    /// # Errors
    /// Why the kernel does not do what it was asked for, in the end.
    pub(super) fn key(&mut self, key: Key, reading: &mut Reading, rows: usize) -> Result<Next, Failure> {
        if key == Key::Interrupt {
            return Ok(Next::Quit);
        }
        match core::mem::replace(&mut self.input, Input::Commands) {
            Input::Commands => {
                self.message.clear();
                Ok(self.command(key, reading, rows))
            }
            Input::Filter(text) => Ok(self.edit(key, text)),
            Input::Answer(which, _) => self.answer(key, &which, reading),
            Input::Help => Ok(Next::Draw),
        }
    }

    fn command(&mut self, key: Key, reading: &mut Reading, rows: usize) -> Next {
        let there = self.rows(reading);
        match key {
            Key::Byte(b'q') => return Next::Quit,
            Key::Byte(b'?' | b'h') => self.input = Input::Help,
            Key::Byte(b'/') => self.input = Input::Filter(self.filter_text.clone().into_bytes()),
            Key::Byte(b' ') => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Next::Draw } else { Next::Read };
            }
            Key::Byte(b'k') => self.ask(reading),
            Key::Byte(b's') => return self.next_sort(),
            Key::Byte(b'S') => {
                self.is_reversed = !self.is_reversed;
                self.first_row();
                return Next::Read;
            }
            Key::Byte(b'g') => {
                self.mode = match self.mode {
                    Mode::Flows => Mode::Groups(0),
                    Mode::Groups(at) if at + 1 < GROUPS.len() => Mode::Groups(at + 1),
                    Mode::Groups(_) => Mode::Flows,
                };
                self.is_reversed = false;
                self.first_row();
                return Next::Read;
            }
            Key::Down => self.select(self.selected.map_or(0, |at| at + 1), there),
            Key::Up => self.select(self.selected.map_or(0, |at| at.saturating_sub(1)), there),
            Key::PageDown if there >= rows => return self.turn(self.start.saturating_add(rows as u64)),
            Key::PageUp => return self.turn(self.start.saturating_sub(rows as u64)),
            Key::Home => return self.turn(0),
            Key::Escape if self.selected.is_some() => {
                self.selected = None;
                return Next::Read;
            }
            _ => {}
        }
        Next::Draw
    }

    /// Rows that are shown.
    fn rows(&self, reading: &Reading) -> usize {
        match self.mode {
            Mode::Flows => reading.rows.len(),
            Mode::Groups(_) => reading.groups.len(),
        }
    }

    fn select(&mut self, at: usize, there: usize) {
        self.selected = there.checked_sub(1).map(|last| at.min(last));
    }

    fn turn(&mut self, start: u64) -> Next {
        (self.start, self.selected) = (start, None);
        Next::Read
    }

    fn next_sort(&mut self) -> Next {
        let [flows, groups] = &mut self.sorts;
        match self.mode {
            Mode::Flows => *flows = (*flows + 1) % SORTS.len(),
            Mode::Groups(_) => *groups = (*groups + 1) % GROUP_SORTS.len(),
        }
        self.is_reversed = false;
        self.first_row();
        Next::Read
    }

    /// Takes a key of a filter's text.
    fn edit(&mut self, key: Key, mut text: Vec<u8>) -> Next {
        match key {
            Key::Enter => {
                let typed = String::from_utf8_lossy(&text).into_owned();
                match self.set_filter(&typed) {
                    Ok(()) => {
                        self.message.clear();
                        return Next::Read;
                    }
                    // The first line of what is wrong: the text is on the screen, and stays there.
                    Err(wrong) => self.message = wrong.text.lines().next().unwrap_or("").to_owned(),
                }
            }
            Key::Escape => return Next::Draw,
            Key::Backspace => {
                // The bytes behind the first one of a character go with it.
                while text.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            Key::Byte(21) => text.clear(),
            Key::Byte(byte) if byte >= b' ' && text.len() < FILTER_TEXT_BYTES => text.push(byte),
            _ => {}
        }
        self.input = Input::Filter(text);
        Next::Draw
    }

    /// Asks whether what is selected shall be killed.
    fn ask(&mut self, reading: &Reading) {
        let asked = match (self.selected, self.mode) {
            (None, _) => Err("select something first: the arrow keys do"),
            (Some(at), Mode::Flows) => match reading.rows.get(at) {
                Some((flow, false)) => flow.id.map(|id| one(flow, id, reading)).ok_or("it has no id"),
                _ => Err("it has ended by itself"),
            },
            (Some(at), Mode::Groups(_)) => {
                let group = reading.groups.get(at);
                group.and_then(|group| self.group(group, reading)).ok_or("these can't be killed together")
            }
        };
        match asked {
            Ok((which, what)) => self.input = Input::Answer(Box::new(which), what),
            Err(why) => self.message = why.to_owned(),
        }
    }

    /// The connections of a group, and what they are.
    fn group(&self, group: &Group, reading: &Reading) -> Option<(Which, String)> {
        let mut buf = [0; 64];
        let mut out = Out::new(&mut buf);
        put_key(&mut out, group, &self.group_by(), &reading.context).ok()?;
        let key = core::str::from_utf8(out.as_bytes()).ok()?;
        let text = match (self.group_by().name(), key.split_once('/')) {
            (_, None) if key == "-" => return None,
            ("service", Some((protocol, port))) => ["proto:", protocol, " dport:", port].concat(),
            ("service", None) => ["proto:", key].concat(),
            _ => ["host:", key].concat(),
        };
        let filter = filter_of(&[&text, " ", &self.filter_text].concat()).ok()?;
        let mut words: heapless::String<EXPLANATION_BYTES> = heapless::String::new();
        filter.explain(&mut words);
        let what = ["all connections: ", &shown(words.as_bytes())].concat();
        Some((Which::Matching(Box::new(filter), own_connection()), what))
    }

    fn answer(&mut self, key: Key, which: &Which, reading: &mut Reading) -> Result<Next, Failure> {
        if !matches!(key, Key::Byte(b'y' | b'Y')) {
            "nothing was killed".clone_into(&mut self.message);
            return Ok(Next::Draw);
        }
        let killed = which.kill(&mut reading.kernel, &mut reading.context)?;
        self.message = match killed.check() {
            Ok(()) => killed.sentence(),
            Err(why) => why.text,
        };
        Ok(Next::Read)
    }

    /// How many rows there are, in words.
    pub(super) fn total(&self, reading: &Reading) -> String {
        let matched = [&grouped(reading.matched), " connections"].concat();
        let Mode::Groups(at) = self.mode else {
            return matched;
        };
        let name = GROUPS.get(at).map_or("", |group| group.1);
        [&grouped(reading.groups_total as u64), " ", name, " of ", &matched].concat()
    }
}

/// One connection, by its id, and what it is.
fn one(flow: &Flow, id: u32, reading: &Reading) -> (Which, String) {
    let mut buf = [0; 256];
    let mut out = Out::new(&mut buf);
    for (name, before) in [("proto", ""), ("source", " "), ("destination", " to ")] {
        // What does not fit is left out of the question.
        let _ = out.put(before.as_bytes());
        let _ = Column::named(name).map(|column| column.put(&mut out, flow, &reading.context, false));
    }
    (Which::Ids(vec![id]), shown(out.as_bytes()))
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
