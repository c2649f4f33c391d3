//! The values inside a value, pulled out one after another.

use super::grammar::{self, Inside};
use super::kind::ValueKind;
use super::scan::{Cursor, Event};
use super::text::Text;
use super::value::Value;
use core::ops::Range;

impl<'a> Value<'a> {
    /// An array's values, in order.
    pub fn as_array(&self) -> Option<Items<'a>> {
        (self.kind() == ValueKind::Array).then(|| Items::new(self.text()))
    }

    /// A struct's members, in the client's order; names may come twice.
    pub fn as_struct(&self) -> Option<Members<'a>> {
        let cursor = Cursor::part(self.text().raw(), self.range().start);
        (self.kind() == ValueKind::Struct).then_some(Members { cursor })
    }
}

/// Values one after another: those of an array or the parameters of a call. Looks at each byte of them once in total.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    cursor: Cursor<'a>,
    end: usize,
}

impl<'a> Items<'a> {
    /// The values in `content`, that of an array's `data` or of a call's `params`.
    pub(super) fn new(content: Text<'a>) -> Self {
        let Range { start, end } = content.range();
        Items { cursor: Cursor::part(content.raw(), start), end }
    }

    /// Where the values stand that were not handed out yet: bytes of the body. [`Items::from_range`] goes on there, so
    /// that a long array is walked in several turns with the body given back in between.
    pub fn range(&self) -> Range<usize> {
        self.cursor.position()..self.end
    }

    /// Goes on where [`Items::range`] was, in no time. `body` must be the body that was parsed, unchanged: with another one
    /// the values make no sense, but nothing panics. None where the range is not within it.
    pub fn from_range(body: &'a str, range: Range<usize>) -> Option<Self> {
        let start = range.start;
        Some(Items::new(Text::new(body.get(range)?, start)))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        loop {
            // White space, and the `<param>` around each value of a call, are stepped over.
            match self.cursor.event().ok()? {
                Event::Open(open) if open.name == "value" => {
                    return grammar::value(&mut self.cursor, &open, Inside::Skip).ok();
                }
                Event::End => return None,
                Event::Open(_) | Event::Close(..) | Event::Text(..) => {}
            }
        }
    }
}

/// A struct's members one after another. Looks at each byte of them once in total.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.cursor.event().ok()? {
                // Nothing else than a member opens in a struct that was checked.
                Event::Open(open) => return grammar::member(&mut self.cursor, &open, Inside::Skip).ok(),
                Event::End => return None,
                Event::Close(..) | Event::Text(..) => {}
            }
        }
    }
}
