//! What keys do to what is shown.

use super::keys::Key;
use super::reading::Reading;
use super::shown::{Mode, Shown};
use crate::client::columns::Column;
use crate::client::groups::put_key;
use crate::client::kill::Which;
use crate::client::own::own_connection;
use crate::client::text::shown;
use crate::client::{Failure, filter_of, words_of};
use crate::conntrack::flow::Flow;
use crate::limits::FILTER_TEXT_BYTES;
use crate::out::Out;
use crate::query::group::Group;

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

/// What is shown, and what is typed about it.
pub(super) struct State {
    pub(super) shown: Shown,
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
    pub(super) fn new(filter: &str) -> Result<&'static mut Self, Failure> {
        let (input, message) = (Input::Commands, String::new());
        let state = State { shown: Shown::new(filter)?, is_paused: false, input, message };
        Ok(Box::leak(Box::new(state)))
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
        let there = reading.shown_rows(&self.shown);
        let shown = &mut self.shown;
        match key {
            Key::Byte(b'q') => return Next::Quit,
            Key::Byte(b'?' | b'h') => self.input = Input::Help,
            Key::Byte(b'/') => self.input = Input::Filter(shown.filter_text.clone().into_bytes()),
            Key::Byte(b'k') => self.ask(reading),
            Key::Down => shown.select(shown.selected.map_or(0, |at| at + 1), there),
            Key::Up => shown.select(shown.selected.map_or(0, |at| at.saturating_sub(1)), there),
            Key::Byte(b' ') => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Next::Draw } else { Next::Read };
            }
            _ => return self.turn(key, there >= rows, rows as u64),
        }
        Next::Draw
    }

    /// Takes a key after which other rows are shown, of which so many fit the screen.
    fn turn(&mut self, key: Key, is_full: bool, rows: u64) -> Next {
        let shown = &mut self.shown;
        match key {
            Key::Byte(b's') => shown.next_sort(),
            Key::Byte(b'S') => shown.reverse(),
            Key::Byte(b'g') => shown.next_mode(),
            Key::PageDown if is_full => shown.turn(shown.start.saturating_add(rows)),
            Key::PageUp => shown.turn(shown.start.saturating_sub(rows)),
            Key::Home => shown.turn(0),
            Key::Escape if shown.selected.is_some() => shown.selected = None,
            _ => return Next::Draw,
        }
        Next::Read
    }

    /// Takes a key of a filter's text.
    fn edit(&mut self, key: Key, mut text: Vec<u8>) -> Next {
        match key {
            Key::Enter => {
                let typed = String::from_utf8_lossy(&text).into_owned();
                match self.shown.set_filter(&typed) {
                    Ok(()) => {
                        self.message.clear();
                        return Next::Read;
                    }
                    // The first line of what is wrong: the text is on the screen, and stays there.
                    Err(Failure(mut why)) => {
                        why.text.truncate(why.text.find('\n').unwrap_or(why.text.len()));
                        self.message = why.text;
                    }
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
        let asked = match (self.shown.selected, self.shown.mode) {
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
        put_key(&mut out, group, &self.shown.group_by(), reading.context).ok()?;
        let key = core::str::from_utf8(out.as_bytes()).ok()?;
        let [field, value, more, port] = match (self.shown.group_by().name(), key.split_once('/')) {
            (_, None) if key == "-" => return None,
            ("service", Some((protocol, port))) => ["proto:", protocol, " dport:", port],
            ("service", None) => ["proto:", key, "", ""],
            _ => ["host:", key, "", ""],
        };
        let filter = [field, value, more, port, " ", &self.shown.filter_text].concat();
        let filter = filter_of(&filter).ok()?;
        let what = ["all connections: ", &words_of(&filter)].concat();
        Some((Which::Matching(filter, own_connection()), what))
    }

    fn answer(&mut self, key: Key, which: &Which, reading: &mut Reading) -> Result<Next, Failure> {
        if !matches!(key, Key::Byte(b'y' | b'Y')) {
            "nothing was killed".clone_into(&mut self.message);
            return Ok(Next::Draw);
        }
        let killed = which.kill(reading.kernel, reading.context)?;
        self.message = match killed.check() {
            Ok(()) => killed.to_string(),
            Err(Failure(why)) => why.text,
        };
        Ok(Next::Read)
    }
}

/// One connection, by its id, and what it is.
fn one(flow: &Flow, id: u32, reading: &Reading) -> (Which, String) {
    let mut buf = [0; 256];
    let mut out = Out::new(&mut buf);
    for &(name, before) in &[("proto", ""), ("source", " "), ("destination", " to ")] {
        // What does not fit is left out of the question.
        let _ = out.put(before.as_bytes());
        let _ = Column::named(name).map(|column| column.put(&mut out, flow, reading.context, false));
    }
    (Which::Ids(vec![id]), shown(out.as_bytes()))
}
