//! Parameters of a call turned into what procedures work with. Every refusal names the parameter and what it takes.

use super::fault::{Code, Fault};
use crate::limits::{ARGUMENT_BYTES, CONDITIONS, KILL_IDS};
use crate::query::field::{FieldId, FieldSet, ID};
use crate::query::filter::{Filter, FilterError, Input, masked, takes, unsigned, word};
use crate::query::order::Order;
use crate::xmlrpc::{Double, Items, Params, Text, Value, ValueKind as Kind};
use heapless::Vec;

/// What an integer of 32 bits may be given as.
const WORD: &str =
    "an unsigned 32-bit integer (also as a decimal or 0x string, or as a negative int, its two's complement)";

/// The parameters of one call, taken one after the other.
pub struct Args<'a> {
    items: Items<'a>,
}

impl<'a> Args<'a> {
    /// Starts at the first parameter.
    #[must_use]
    pub fn new(params: &Params<'a>) -> Self {
        Args { items: params.iter() }
    }

    /// The next parameter, if there is one; `nil` counts as left out.
    pub fn optional(&mut self) -> Option<Value<'a>> {
        self.items.next().filter(|value| value.kind() != Kind::Nil)
    }

    /// The next parameter.
    ///
    /// # Errors
    /// A fault that says what `name` takes.
    pub fn required(&mut self, name: &str, takes: &str) -> Result<Value<'a>, Fault> {
        self.optional().ok_or_else(|| {
            Fault::new(Code::Parameters, format_args!("parameter {name} is missing; it takes {takes}"))
        })
    }

    /// There must be no more.
    ///
    /// # Errors
    /// A fault that says what the call takes.
    pub fn end(&mut self, takes: &str) -> Result<(), Fault> {
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
pub fn integer(value: Option<Value<'_>>, name: &str, default: i64) -> Result<i64, Fault> {
    match value {
        None => Ok(default),
        Some(value) => number(&value).ok_or_else(|| Fault::parameter(name, "an integer")),
    }
}

/// An unsigned 32-bit number.
///
/// # Errors
/// A fault that names the parameter.
pub fn word32(value: &Value<'_>, name: &str) -> Result<u32, Fault> {
    number(value).and_then(word).ok_or_else(|| Fault::parameter(name, WORD))
}

/// A mark: all of it, or `"value/mask"`. Value and mask.
///
/// # Errors
/// A fault that names the parameter.
pub fn mark(value: &Value<'_>, name: &str) -> Result<(u32, u32), Fault> {
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
pub fn flag(value: &Value<'_>, name: &str) -> Result<bool, Fault> {
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
pub fn string<'b>(
    value: &Value<'_>,
    name: &str,
    buf: &'b mut [u8; ARGUMENT_BYTES],
) -> Result<&'b str, Fault> {
    let text = value.as_text().ok_or_else(|| Fault::parameter(name, "a string"))?;
    copy(text, name, buf)
}

/// A user name or a password: a string, or what encoders make of one. Perl's send digits as an integer (whose text is
/// taken as it was written) and what is not ASCII as base64.
///
/// # Errors
/// A fault that names the parameter.
pub fn credential<'b>(
    value: &Value<'_>,
    name: &str,
    buf: &'b mut [u8; ARGUMENT_BYTES],
) -> Result<&'b [u8], Fault> {
    let too_long =
        || Fault::new(Code::Parameters, format_args!("{name} is longer than {ARGUMENT_BYTES} bytes"));
    if value.kind() == Kind::Base64 {
        let bytes = value.copy_base64(buf).ok_or_else(|| Fault::parameter(name, "a string"))?;
        return bytes.map_err(|_| too_long());
    }
    let text = value.as_scalar_text().ok_or_else(|| Fault::parameter(name, "a string"))?;
    text.copy_to(buf).map(str::as_bytes).map_err(|_| too_long())
}

fn copy<'b>(text: Text<'_>, name: &str, buf: &'b mut [u8; ARGUMENT_BYTES]) -> Result<&'b str, Fault> {
    text.copy_to(buf).map_err(|_| {
        Fault::new(Code::Parameters, format_args!("{name} is longer than {ARGUMENT_BYTES} bytes"))
    })
}

/// The ids to kill: an Array, or a single one. Sorted, each once.
///
/// # Errors
/// A fault that names the parameter.
pub fn ids(value: &Value<'_>, into: &mut Vec<u32, KILL_IDS>) -> Result<(), Fault> {
    let takes = "an Array of connection ids, or a single one";
    into.clear();
    let mut push = |value: &Value<'_>| {
        let id = number(value).and_then(word).ok_or_else(|| Fault::parameter("connection_ids", takes))?;
        into.push(id).map_err(|_| {
            let most = format_args!("parameter connection_ids takes at most {KILL_IDS} ids a call");
            Fault::new(Code::Parameters, most)
        })
    };
    match value.as_array() {
        Some(mut items) => items.try_for_each(|item| push(&item))?,
        None => push(value)?,
    }
    into.sort_unstable();
    let mut last = None;
    into.retain(|&id| last.replace(id) != Some(id));
    Ok(())
}

/// The filters of a call, put into `filter`. An empty Array is an empty Struct: PHP's encoder can't tell them apart.
///
/// # Errors
/// A fault that names the field and what it takes.
pub fn filter(value: Option<Value<'_>>, filter: &mut Filter) -> Result<(), Fault> {
    *filter = Filter::new();
    let Some(value) = value else {
        return Ok(());
    };
    if value.as_array().is_some_and(|mut items| items.next().is_none()) {
        return Ok(());
    }
    let members = value
        .as_struct()
        .ok_or_else(|| Fault::parameter("filters", "a Struct of field name to wanted value"))?;
    for (name, wanted) in members {
        let field = field_named(name, "filters")?;
        add_condition(filter, field, &wanted).map_err(|e| filter_fault(field, e))?;
    }
    Ok(())
}

fn add_condition(filter: &mut Filter, field: FieldId, wanted: &Value<'_>) -> Result<(), FilterError> {
    filter.condition(field)?;
    match wanted.as_array() {
        Some(mut items) => items.try_for_each(|item| add_wanted(filter, &item))?,
        None => add_wanted(filter, wanted)?,
    }
    filter.close()
}

fn add_wanted(filter: &mut Filter, wanted: &Value<'_>) -> Result<(), FilterError> {
    if let Some(text) = wanted.as_text() {
        let mut buf = [0; ARGUMENT_BYTES];
        let text = text.copy_to(&mut buf).map_err(|_| FilterError::TooLarge)?;
        return filter.or(Input::Text(text));
    }
    let number = number(wanted).ok_or(FilterError::BadValue)?;
    filter.or(Input::Int(number))
}

fn filter_fault(field: FieldId, error: FilterError) -> Fault {
    let field = field.field();
    let (name, takes) = (field.name, takes(field.kind));
    let code = Code::Parameters;
    match error {
        FilterError::BadValue => Fault::new(
            code,
            format_args!(
                "filters.{name} takes {takes}; \"!\" in front negates, an Array matches any of its elements"
            ),
        ),
        FilterError::OutsideMask => Fault::new(
            code,
            format_args!("filters.{name}: the value has bits outside its mask, so nothing could match"),
        ),
        FilterError::Empty => {
            Fault::new(code, format_args!("filters.{name} is an empty Array; it takes {takes}"))
        }
        FilterError::TooManyForField => Fault::new(
            code,
            format_args!("filters.{name} has more than the 16 elements that an Array may have"),
        ),
        FilterError::TooLarge => Fault::new(
            code,
            format_args!(
                "filters.{name} is more than there is room for: at most {CONDITIONS} fields, 64 values, 512 bytes of text"
            ),
        ),
    }
}

fn field_named(name: Text<'_>, of: &str) -> Result<FieldId, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let name = name.copy_to(&mut buf).unwrap_or("(a name longer than 256 bytes)");
    FieldId::named(name).ok_or_else(|| {
        Fault::new(
            Code::Field,
            format_args!("{of}: there is no field \"{name}\"; the fields are those of docs/API.md"),
        )
    })
}

/// The order of a view: none for `""`.
///
/// # Errors
/// A fault that names the parameter.
pub fn order(by: Option<Value<'_>>, direction: Option<Value<'_>>) -> Result<Option<Order>, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let text = match direction {
        Some(value) => string(&value, "order_dir", &mut buf)?,
        None => "",
    };
    let matches = |word: &str| text.eq_ignore_ascii_case(word) || text.eq_ignore_ascii_case(&word[..1]);
    let descending = matches("DESC");
    if !(descending || matches("ASC") || text.is_empty()) {
        return Err(Fault::parameter("order_dir", "\"ASC\" or \"DESC\", or the first letter"));
    }
    let Some(by) = by else {
        return Ok(None);
    };
    let name = by.as_text().ok_or_else(|| Fault::parameter("order_by", "a field's name, or \"\""))?;
    if name.is_empty() {
        return Ok(None);
    }
    let field = field_named(name, "order_by")?;
    match Order::by(field, descending) {
        Some(order) => Ok(Some(order)),
        None => {
            let name = field.field().name;
            Err(Fault::new(
                Code::Field,
                format_args!("order_by: \"{name}\" has several values in a flow; it can only be a filter"),
            ))
        }
    }
}

/// The options of a view: which fields rows have.
///
/// # Errors
/// A fault that names the option.
pub fn fields(options: Option<Value<'_>>) -> Result<FieldSet, Fault> {
    let takes = "a Struct with \"fields\", an Array of field names";
    let Some(options) = options else {
        return Ok(FieldSet::ALL);
    };
    if options.as_array().is_some_and(|mut items| items.next().is_none()) {
        return Ok(FieldSet::ALL);
    }
    let mut set = FieldSet::ALL;
    for (name, value) in options.as_struct().ok_or_else(|| Fault::parameter("options", takes))? {
        if !name.eq_str("fields") {
            return Err(Fault::parameter("options", takes));
        }
        set = FieldSet::ID_ONLY;
        let names =
            value.as_array().ok_or_else(|| Fault::parameter("options.fields", "an Array of field names"))?;
        for name in names {
            let name = name
                .as_text()
                .ok_or_else(|| Fault::parameter("options.fields", "an Array of field names"))?;
            let field = field_named(name, "options.fields")?;
            if field.field().scope != crate::query::field::Scope::Row {
                let name = field.field().name;
                return Err(Fault::new(
                    Code::Field,
                    format_args!(
                        "options.fields: \"{name}\" is no member of a row; it can only filter or sort"
                    ),
                ));
            }
            set.insert(field);
        }
    }
    set.insert(ID);
    Ok(set)
}
