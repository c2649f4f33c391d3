//! A whole call: checked in one walk over its text, then handed out piece by piece.

use super::error::{Class, DecodeError, Failed};
use super::grammar::{self, Inside};
use super::items::Items;
use super::kind::ValueKind;
use super::scan::{Child, Cursor, Event, Open};
use super::text::{CDATA_CLOSE, CDATA_OPEN, Text};
use super::value::Value;
use crate::limits::{METHOD_NAME_BYTES, NESTING, PARAMS};

const SHAPE: &str = "a methodCall holds one methodName, then at most one params";

/// A checked call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The procedure's name: letters, digits and `_ . : /`, at most `METHOD_NAME_BYTES`, never empty.
    pub method: &'a str,
    /// Its parameters.
    pub params: Params<'a>,
}

/// The parameters of a call, in order.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    raw: &'a str,
    start: usize,
    count: usize,
}

impl<'a> Params<'a> {
    /// How many there are: at most `PARAMS`.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Pulls them one after another.
    pub fn iter(&self) -> Items<'a> {
        Items::new(Text::new(self.raw, self.start))
    }

    /// The parameter at `index`, from 0. Steps over those before it.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        self.iter().nth(index)
    }
}

impl<'a> IntoIterator for &Params<'a> {
    type Item = Value<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        self.iter()
    }
}

impl<'a> Call<'a> {
    /// The call that one entry of `system.multicall`'s array describes: a struct with `methodName`, a string, and
    /// `params`, an array. Looks only at the entry, once for each level of it.
    ///
    /// # Errors
    /// A [`DecodeError`] where the entry is not that, with a member missing, twice or unknown.
    pub fn from_entry(entry: &Value<'a>) -> Result<Self, DecodeError> {
        const ENTRY: &str =
            "each call of a multicall is a struct of methodName, a string, and params, an array";
        let wrong = DecodeError::bad_value(ENTRY, entry.range().start);
        let (mut name, mut params) = (None, None);
        for (member, value) in entry.as_struct().ok_or(wrong)? {
            let slot = match value.kind() {
                ValueKind::String if member.eq_str("methodName") => &mut name,
                ValueKind::Array if member.eq_str("params") => &mut params,
                _ => return Err(wrong),
            };
            if slot.replace(value).is_some() {
                return Err(wrong);
            }
        }
        let (name, params) = name.zip(params).ok_or(wrong)?;
        let method = method_name(name.text())?;
        let count = params.as_array().map_or(0, |items| items.take(PARAMS + 1).count());
        if count > PARAMS {
            return Err(DecodeError::bad_value(TOO_MANY, params.range().start));
        }
        let params = Params { raw: params.text().raw(), start: params.range().start, count };
        Ok(Call { method, params })
    }
}

/// Checks all of `body`, once, and returns the call that it is.
///
/// `body` is UTF-8 without a byte order mark ([`crate::charset`] makes it so). What comes out borrows from it.
///
/// # Errors
/// The first mistake of the document, with its place: it is not well-formed, is no `methodCall`, or a value breaks
/// the rules of its type or a limit.
pub fn parse_call(body: &str) -> Result<Call<'_>, DecodeError> {
    let mut cursor = Cursor::document(body);
    parse_document(&mut cursor).map_err(|Failed| cursor.error())
}

fn parse_document<'a>(cursor: &mut Cursor<'a>) -> Result<Call<'a>, Failed> {
    let root = match cursor.event()? {
        Event::Open(open) if open.name == "methodCall" => open,
        Event::Open(open) => {
            return Err(cursor.fail(Class::NotACall, "the root element is not methodCall", open.at));
        }
        _ => {
            let what = "the document holds no element: a call begins with <methodCall>";
            return Err(cursor.fail(Class::NotWellFormed, what, cursor.position()));
        }
    };
    let method = parse_method(cursor, &root)?;
    let params = match cursor.child(&root)? {
        Child::Closed(at) => Params { raw: "", start: at, count: 0 },
        Child::Open(open) if open.name == "params" => {
            let params = parse_params(cursor, &open)?;
            match cursor.child(&root)? {
                Child::Closed(_) => params,
                other => return Err(misplaced(cursor, other)),
            }
        }
        other => return Err(misplaced(cursor, other)),
    };
    match cursor.event()? {
        Event::End => Ok(Call { method, params }),
        // The cursor lets nothing else pass behind the root.
        _ => Err(cursor.fail(Class::NotWellFormed, "something follows </methodCall>", cursor.position())),
    }
}

fn misplaced(cursor: &mut Cursor<'_>, child: Child<'_>) -> Failed {
    let (Child::Open(Open { at, .. }) | Child::Text(at) | Child::Closed(at)) = child;
    cursor.fail(Class::NotACall, SHAPE, at)
}

const TOO_MANY: &str = "the call has more than 16 parameters";

// The sentence above and the one in `method_name` name the limits.
const _: () = assert!(PARAMS == 16 && METHOD_NAME_BYTES == 64);

fn parse_method<'a>(cursor: &mut Cursor<'a>, root: &Open<'a>) -> Result<&'a str, Failed> {
    match cursor.child(root)? {
        Child::Open(open) if open.name == "methodName" => {
            let end = grammar::text_end(cursor, &open)?;
            let name = method_name(Text::new(cursor.raw(open.content, end), open.content));
            name.map_err(|error| cursor.fail(error.class, error.what, error.at))
        }
        other => Err(misplaced(cursor, other)),
    }
}

/// The procedure's name in `text`. It is of the specification's alphabet, with no reference or comment in
/// it, so that it can be used as it stands; a CDATA section may be around it.
fn method_name(text: Text<'_>) -> Result<&str, DecodeError> {
    let mut name = text.raw().trim_ascii();
    if let Some(inside) = name.strip_prefix(CDATA_OPEN).and_then(|rest| rest.strip_suffix(CDATA_CLOSE)) {
        name = inside.trim_ascii();
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'/');
    if name.is_empty() || !name.bytes().all(known) {
        return Err(DecodeError::not_a_call(
            "a methodName is letters, digits, and the characters _ . : /",
            text.range().start,
        ));
    }
    if name.len() > METHOD_NAME_BYTES {
        return Err(DecodeError::not_a_call(
            "the methodName has more than 64 characters",
            text.range().start,
        ));
    }
    Ok(name)
}

fn parse_params<'a>(cursor: &mut Cursor<'a>, open: &Open<'a>) -> Result<Params<'a>, Failed> {
    const ONE_VALUE: &str = "a param holds exactly one value";
    let mut count = 0;
    loop {
        match cursor.child(open)? {
            Child::Open(param) if param.name == "param" => {
                count += 1;
                if count > PARAMS {
                    return Err(cursor.fail(Class::BadValue, TOO_MANY, param.at));
                }
                let value = grammar::opened(cursor, &param, "value", ONE_VALUE)?;
                grammar::value(cursor, &value, Inside::Check(NESTING))?;
                grammar::closed(cursor, &param, ONE_VALUE)?;
            }
            Child::Closed(end) => {
                let raw = cursor.raw(open.content, end);
                return Ok(Params { raw, start: open.content, count });
            }
            Child::Open(Open { at, .. }) | Child::Text(at) => {
                return Err(cursor.fail(Class::NotACall, "params holds only param elements", at));
            }
        }
    }
}
