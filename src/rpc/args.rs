//! Parameters of a call turned into what procedures work with. Every refusal names the parameter and what it takes.

mod filters;
mod summary;
mod view;

pub(super) use filters::filter;
pub(super) use summary::{group_by, summary_order};
pub(super) use view::{fields, order, page};

use super::fault::{Code, Fault};
use crate::limits::{ARGUMENT_BYTES, KILL_IDS};
use crate::query::filter::{masked, unsigned, word};
use crate::xmlrpc::{Double, Items, Params, Value, ValueKind};
use heapless::{String, Vec};

/// What an integer of 32 bits may be given as.
const WORD: &str =
    "an unsigned 32-bit integer (also as a decimal or 0x string, or as a negative int, its two's complement)";

/// The parameters of one call, taken one after the other.
pub(super) struct Args<'a> {
    items: Items<'a>,
}

impl<'a> Args<'a> {
    /// Starts at the first parameter.
    #[must_use]
    pub(super) fn new(params: &Params<'a>) -> Self {
        Args { items: params.iter() }
    }

    /// The next parameter, if there is one; `nil` counts as left out.
    pub(super) fn optional(&mut self) -> Option<Value<'a>> {
        self.items.next().filter(|value| value.kind() != ValueKind::Nil)
    }

    /// The next parameter.
    ///
    /// # Errors
    /// A fault that says what `name` takes.
    pub(super) fn required(&mut self, name: &str, takes: &str) -> Result<Value<'a>, Fault> {
        self.optional().ok_or_else(|| {
            Fault::new(Code::Parameters, format_args!("parameter {name} is missing; it takes {takes}"))
        })
    }

    /// Makes sure that no parameter is left.
    ///
    /// # Errors
    /// A fault that says what the call takes, when there are more.
    pub(super) fn end(&mut self, takes: &str) -> Result<(), Fault> {
        match self.items.next() {
            None => Ok(()),
            Some(_) => {
                Err(Fault::new(Code::Parameters, format_args!("too many parameters: it takes {takes}")))
            }
        }
    }
}

/// A whole number, whatever way it was written: as an integer, as a double without a fraction (PHP sends large numbers
/// so), or as digits.
fn number(value: &Value<'_>) -> Option<i64> {
    if let Some(number) = value.as_int() {
        return Some(number);
    }
    if let Some(double) = value.as_double() {
        return match double {
            Double::Whole(number) => Some(number),
            Double::Other => None,
        };
    }
    let mut buf = [0; 24];
    let text = value.as_text()?.copy_to(&mut buf).ok()?;
    unsigned(text).and_then(|n| i64::try_from(n).ok())
}

/// A signed number: `start`, `length`.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn integer(value: Option<Value<'_>>, name: &str, default: i64) -> Result<i64, Fault> {
    match value {
        None => Ok(default),
        Some(value) => number(&value).ok_or_else(|| Fault::parameter(name, "an integer")),
    }
}

/// An unsigned 32-bit number.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn word32(value: &Value<'_>, name: &str) -> Result<u32, Fault> {
    number(value).and_then(word).ok_or_else(|| Fault::parameter(name, WORD))
}

/// A mark: all of it, or `"value/mask"`. Value and mask.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn mark(value: &Value<'_>, name: &str) -> Result<(u32, u32), Fault> {
    let mut buf = [0; 48];
    let text = value.as_text().and_then(|text| text.copy_to(&mut buf).ok());
    let Some((bits, mask)) = text.and_then(|text| text.split_once('/')) else {
        return Ok((word32(value, name)?, u32::MAX));
    };
    let (bits, mask) = masked(bits, mask).ok_or_else(|| {
        Fault::parameter(name, "an unsigned 32-bit integer or \"value/mask\", each decimal or 0x")
    })?;
    if bits & !mask != 0 {
        let wrong = format_args!("parameter {name}: the value {bits:#x} has bits outside its mask {mask:#x}");
        return Err(Fault::new(Code::Parameters, wrong));
    }
    Ok((bits, mask))
}

/// A yes or no: a boolean, or an integer 0 or 1.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn flag(value: &Value<'_>, name: &str) -> Result<bool, Fault> {
    let number = value.as_bool().map(i64::from).or_else(|| number(value));
    match number {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(Fault::parameter(name, "0 or 1, or a boolean")),
    }
}

/// A string in a buffer.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn string<'b>(
    value: &Value<'_>,
    name: &str,
    buf: &'b mut [u8; ARGUMENT_BYTES],
) -> Result<&'b str, Fault> {
    let text = value.copy_text(buf).ok_or_else(|| Fault::parameter(name, "a string"))?;
    text.map_err(|_| too_long(name))
}

fn too_long(name: &str) -> Fault {
    Fault::new(Code::Parameters, format_args!("{name} is longer than {ARGUMENT_BYTES} bytes"))
}

/// Reads the session id, the first parameter of nearly every procedure.
///
/// # Errors
/// A fault, when it is missing or can't be any session's.
pub(super) fn session_id<'b>(
    args: &mut Args<'_>,
    buf: &'b mut [u8; ARGUMENT_BYTES],
) -> Result<&'b str, Fault> {
    let takes = "the string that login returned";
    let id = args.required("session_id", takes)?;
    let id = id.as_scalar_text().ok_or_else(|| Fault::parameter("session_id", takes))?;
    // What is too long for the buffer is no session's id.
    id.copy_to(buf).map_err(|_| no_session())
}

/// The fault of a call whose session is unknown or has expired.
pub(super) fn no_session() -> Fault {
    Fault::new(Code::Session, format_args!("the session is unknown or has expired: call login first"))
}

/// A user name or a password: a string, or what encoders make of one. Perl's send digits as an integer (whose text is
/// taken as it was written) and what is not ASCII as base64.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn credential(
    value: &Value<'_>,
    name: &str,
    into: &mut Vec<u8, ARGUMENT_BYTES>,
) -> Result<(), Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let bytes = if value.kind() == ValueKind::Base64 {
        let bytes = value.copy_base64(&mut buf).ok_or_else(|| Fault::parameter(name, "a string"))?;
        bytes.map_err(|_| too_long(name))?
    } else {
        let text = value.as_scalar_text().ok_or_else(|| Fault::parameter(name, "a string"))?;
        text.copy_to(&mut buf).map_err(|_| too_long(name))?.as_bytes()
    };
    into.extend_from_slice(bytes).map_err(|_| too_long(name))
}

/// The ids to kill: an Array, a String with commas between them, or a single one. Sorted, each once.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn ids(value: &Value<'_>, into: &mut Vec<u32, KILL_IDS>) -> Result<(), Fault> {
    into.clear();
    let mut given = 0;
    let mut push = |id: Option<u32>| {
        let takes = "an Array of connection ids, a String of ids with commas, or a single one";
        let id = id.ok_or_else(|| Fault::parameter("connection_ids", takes))?;
        given += 1;
        // Of those that are given twice there is room for one.
        let has_room = given <= KILL_IDS
            && match into.binary_search(&id) {
                Ok(_) => true,
                Err(place) => into.insert(place, id).is_ok(),
            };
        if has_room {
            return Ok(());
        }
        let most = format_args!("parameter connection_ids takes at most {KILL_IDS} ids a call");
        Err(Fault::new(Code::Parameters, most))
    };
    if let Some(mut items) = value.as_array() {
        items.try_for_each(|item| push(number(&item).and_then(word)))?;
    } else if let Some(text) = value.as_text() {
        // A text of many ids may be longer than any buffer: it is read character by character.
        let mut digits: String<24> = String::new();
        for c in text.chars().chain([',']) {
            if c != ',' {
                digits.push(c).map_err(|_| Fault::parameter("connection_ids", "ids of 32 bits"))?;
                continue;
            }
            let id = unsigned(digits.trim()).and_then(|id| u32::try_from(id).ok());
            push(id)?;
            digits.clear();
        }
    } else {
        push(number(value).and_then(word))?;
    }
    Ok(())
}
