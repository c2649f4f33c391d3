//! The grammar of values, read from a cursor: once to check, later to pull values out.
//!
//! One set of functions does both, so what was checked and what is handed out can't differ. Checking goes down into
//! arrays and structs, at most [`crate::limits::NESTING`] deep; pulling steps over them.

use super::error::DecodeError;
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
    fn enter(self, at: usize) -> Result<Self, DecodeError> {
        match self {
            Inside::Skip => Ok(Inside::Skip),
            Inside::Check(levels) => levels.checked_sub(1).map(Inside::Check).ok_or(DecodeError::bad_value(
                "arrays and structs are inside one another too deeply: 8 levels are read",
                at,
            )),
        }
    }
}

// The sentence above names the limit.
const _: () = assert!(crate::limits::NESTING == 8);

/// Reads the content and the end of the `<value>` that `open` began.
pub(super) fn value<'a>(
    cursor: &mut Cursor<'a>,
    open: &Open<'a>,
    inside: Inside,
) -> Result<Value<'a>, DecodeError> {
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

fn typed_value<'a>(
    cursor: &mut Cursor<'a>,
    open: &Open<'a>,
    inside: Inside,
) -> Result<Value<'a>, DecodeError> {
    // Apache's extension types come with the prefix `ex`, other clients send them bare.
    let name = open.name.strip_prefix("ex:").unwrap_or(open.name);
    let kind = ValueKind::of(name).ok_or(DecodeError::bad_value(
        "not a type: known are i4, int, i8, boolean, string, double, base64, dateTime.iso8601, array, struct, nil",
        open.at,
    ))?;
    match kind {
        ValueKind::Array => array(cursor, open, inside),
        ValueKind::Struct => structure(cursor, open, inside),
        _ => {
            let end = text_end(cursor, open)?;
            let raw = cursor.raw(open.content, end);
            if matches!(inside, Inside::Check(_)) {
                scalar::check(name, kind, Text::new(raw, open.content))?;
            }
            Ok(Value::new(kind, raw, open.content))
        }
    }
}

fn array<'a>(cursor: &mut Cursor<'a>, open: &Open<'a>, inside: Inside) -> Result<Value<'a>, DecodeError> {
    const ONE_DATA: &str = "an array holds exactly one data element";
    let inside = inside.enter(open.at)?;
    let data = opened(cursor, open, "data", ONE_DATA)?;
    let end = match inside {
        Inside::Skip => cursor.skip_to_close()?,
        Inside::Check(_) => loop {
            match cursor.child(&data)? {
                Child::Open(item) if item.name == "value" => value(cursor, &item, inside)?,
                Child::Closed(at) => break at,
                Child::Open(Open { at, .. }) | Child::Text(at) => {
                    return Err(DecodeError::bad_value("an array's data holds only values", at));
                }
            };
        },
    };
    closed(cursor, open, ONE_DATA)?;
    Ok(Value::new(ValueKind::Array, cursor.raw(data.content, end), data.content))
}

fn structure<'a>(cursor: &mut Cursor<'a>, open: &Open<'a>, inside: Inside) -> Result<Value<'a>, DecodeError> {
    let inside = inside.enter(open.at)?;
    let end = match inside {
        Inside::Skip => cursor.skip_to_close()?,
        Inside::Check(_) => loop {
            match cursor.child(open)? {
                Child::Open(item) if item.name == "member" => member(cursor, &item, inside)?,
                Child::Closed(at) => break at,
                Child::Open(Open { at, .. }) | Child::Text(at) => {
                    return Err(DecodeError::bad_value("a struct holds only members", at));
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
) -> Result<(Text<'a>, Value<'a>), DecodeError> {
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
) -> Result<Open<'a>, DecodeError> {
    match cursor.child(parent)? {
        Child::Open(open) if open.name == name => Ok(open),
        Child::Open(Open { at, .. }) | Child::Text(at) | Child::Closed(at) => {
            Err(DecodeError::bad_value(what, at))
        }
    }
}

/// The end of `parent`, which must come next; `what` is the sentence where it does not.
pub(super) fn closed<'a>(
    cursor: &mut Cursor<'a>,
    parent: &Open<'a>,
    what: &'static str,
) -> Result<usize, DecodeError> {
    match cursor.child(parent)? {
        Child::Closed(at) => Ok(at),
        Child::Open(Open { at, .. }) | Child::Text(at) => Err(DecodeError::bad_value(what, at)),
    }
}

/// The end of `parent`, which holds text alone.
pub(super) fn text_end<'a>(cursor: &mut Cursor<'a>, parent: &Open<'a>) -> Result<usize, DecodeError> {
    loop {
        match cursor.child(parent)? {
            Child::Closed(at) => return Ok(at),
            Child::Text(_) => {}
            Child::Open(Open { at, .. }) => {
                return Err(DecodeError::bad_value("an element stands in text: write < as &lt;", at));
            }
        }
    }
}
