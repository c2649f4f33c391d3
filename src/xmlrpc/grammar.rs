//! The grammar of values, read from a cursor: once to check, later to pull values out.
//!
//! One set of functions does both, so what was checked and what is handed out can't differ. Checking goes down into
//! arrays and structs, at most [`crate::limits::NESTING`] deep; pulling steps over them.

use super::error::{Class, Failed};
use super::kind::ValueKind;
use super::scalar;
use super::scan::{Child, Cursor, Open};
use super::text::Text;
use super::value::Value;

/// What to do with the values inside an array or a struct.
#[derive(Clone, Copy)]
pub(super) enum Inside {
    /// Check them; so many more arrays and structs may be inside one another.
    Check(usize),
    /// Step over them: they were checked before.
    Skip,
}

impl Inside {
    /// Enters the array or struct that opens at `at`.
    fn enter(self, cursor: &mut Cursor<'_>, at: usize) -> Result<Self, Failed> {
        const TOO_DEEP: &str = "arrays and structs are inside one another too deeply: 8 levels are read";
        match self {
            Inside::Skip => Ok(Inside::Skip),
            Inside::Check(0) => Err(bad(cursor, TOO_DEEP, at)),
            Inside::Check(levels) => Ok(Inside::Check(levels - 1)),
        }
    }
}

/// A value is wrong at this offset in the body.
fn bad(cursor: &mut Cursor<'_>, what: &'static str, at: usize) -> Failed {
    cursor.fail(Class::BadValue, what, at)
}

// The sentence above names the limit.
const _: () = assert!(crate::limits::NESTING == 8);

/// Reads the content and the end of the `<value>` that `open` began.
pub(super) fn value<'a>(
    cursor: &mut Cursor<'a>,
    open: &Open<'a>,
    inside: Inside,
) -> Result<Value<'a>, Failed> {
    let end = match cursor.child(open)? {
        Child::Open(typed) => {
            let value = typed_value(cursor, &typed, inside)?;
            closed(cursor, open, "a value holds one typed element and nothing beside it")?;
            return Ok(value);
        }
        Child::Text(_) => text_end(cursor, open)?,
        Child::Closed(end) => end,
    };
    // A value without a type is a string, with all its white space (the specification's "If no type is indicated").
    Ok(Value::new(ValueKind::String, cursor.raw(open.content, end), open.content))
}

fn typed_value<'a>(cursor: &mut Cursor<'a>, open: &Open<'a>, inside: Inside) -> Result<Value<'a>, Failed> {
    // Apache's extension types come with the prefix `ex`, other clients send them bare.
    let name = open.name.strip_prefix("ex:").unwrap_or(open.name);
    let Some(kind) = ValueKind::of(name) else {
        return Err(bad(
            cursor,
            "not a type: known are i4, int, i8, boolean, string, double, base64, dateTime.iso8601, array, struct, nil",
            open.at,
        ));
    };
    match kind {
        ValueKind::Array => array(cursor, open, inside),
        ValueKind::Struct => structure(cursor, open, inside),
        _ => {
            let end = text_end(cursor, open)?;
            let raw = cursor.raw(open.content, end);
            if matches!(inside, Inside::Check(_)) {
                if let Some(what) = scalar::mistake(name, kind, Text::new(raw, open.content)) {
                    return Err(bad(cursor, what, open.content));
                }
            }
            Ok(Value::new(kind, raw, open.content))
        }
    }
}

fn array<'a>(cursor: &mut Cursor<'a>, open: &Open<'a>, inside: Inside) -> Result<Value<'a>, Failed> {
    const ONE_DATA: &str = "an array holds exactly one data element";
    let inside = inside.enter(cursor, open.at)?;
    let data = opened(cursor, open, "data", ONE_DATA)?;
    let end = match inside {
        Inside::Skip => cursor.skip_to_close()?,
        Inside::Check(_) => loop {
            match cursor.child(&data)? {
                Child::Open(item) if item.name == "value" => value(cursor, &item, inside)?,
                Child::Closed(at) => break at,
                Child::Open(Open { at, .. }) | Child::Text(at) => {
                    return Err(bad(cursor, "an array's data holds only values", at));
                }
            };
        },
    };
    closed(cursor, open, ONE_DATA)?;
    Ok(Value::new(ValueKind::Array, cursor.raw(data.content, end), data.content))
}

fn structure<'a>(cursor: &mut Cursor<'a>, open: &Open<'a>, inside: Inside) -> Result<Value<'a>, Failed> {
    let inside = inside.enter(cursor, open.at)?;
    let end = match inside {
        Inside::Skip => cursor.skip_to_close()?,
        Inside::Check(_) => loop {
            match cursor.child(open)? {
                Child::Open(item) if item.name == "member" => member(cursor, &item, inside)?,
                Child::Closed(at) => break at,
                Child::Open(Open { at, .. }) | Child::Text(at) => {
                    return Err(bad(cursor, "a struct holds only members", at));
                }
            };
        },
    };
    Ok(Value::new(ValueKind::Struct, cursor.raw(open.content, end), open.content))
}

/// Reads the content and the end of the `<member>` that `open` began.
pub(super) fn member<'a>(
    cursor: &mut Cursor<'a>,
    open: &Open<'a>,
    inside: Inside,
) -> Result<(Text<'a>, Value<'a>), Failed> {
    const NAME_VALUE: &str = "a member holds exactly one name and then one value";
    let name = opened(cursor, open, "name", NAME_VALUE)?;
    let end = text_end(cursor, &name)?;
    let text = Text::new(cursor.raw(name.content, end), name.content);
    let item = opened(cursor, open, "value", NAME_VALUE)?;
    let value = value(cursor, &item, inside)?;
    closed(cursor, open, NAME_VALUE)?;
    Ok((text, value))
}

/// The opening tag `name`, which must come next in `parent`; `what` is the sentence where it does not.
pub(super) fn opened<'a>(
    cursor: &mut Cursor<'a>,
    parent: &Open<'a>,
    name: &str,
    what: &'static str,
) -> Result<Open<'a>, Failed> {
    match cursor.child(parent)? {
        Child::Open(open) if open.name == name => Ok(open),
        Child::Open(Open { at, .. }) | Child::Text(at) | Child::Closed(at) => Err(bad(cursor, what, at)),
    }
}

/// The end of `parent`, which must come next; `what` is the sentence where it does not.
pub(super) fn closed<'a>(
    cursor: &mut Cursor<'a>,
    parent: &Open<'a>,
    what: &'static str,
) -> Result<usize, Failed> {
    match cursor.child(parent)? {
        Child::Closed(at) => Ok(at),
        Child::Open(Open { at, .. }) | Child::Text(at) => Err(bad(cursor, what, at)),
    }
}

/// The end of `parent`, which holds text alone.
pub(super) fn text_end<'a>(cursor: &mut Cursor<'a>, parent: &Open<'a>) -> Result<usize, Failed> {
    loop {
        match cursor.child(parent)? {
            Child::Closed(at) => return Ok(at),
            Child::Text(_) => {}
            Child::Open(Open { at, .. }) => {
                return Err(bad(cursor, "an element stands in text: write < as &lt;", at));
            }
        }
    }
}
