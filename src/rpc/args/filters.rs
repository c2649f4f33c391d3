//! Filters in their three forms: a Struct, an Array of Structs, and filter text.

use super::number;
use crate::limits::{ALTERNATIVES, ALTERNATIVES_A_FIELD, ARGUMENT_BYTES, CONDITIONS, FILTER_TEXT_BYTES};
use crate::query::field::{FIELDS, FieldId};
use crate::query::filter::{Filter, FilterError, Input, takes};
use crate::query::words::suggest;
use crate::rpc::fault::{Code, Fault};
use crate::xmlrpc::{Text, Value};
use core::fmt;

const TAKES: &str = "a Struct of field name to wanted value, an Array of such Structs, or filter text";

/// The filters of a call: a Struct of field name to wanted value, an Array of such Structs, all of which must match, or filter
/// text. Without any they match every flow. An empty Array is an empty Struct: PHP's encoder can't tell them apart.
///
/// # Errors
/// A fault that names the field and what it takes, or the place in the text.
pub(in crate::rpc) fn filter(value: Option<Value<'_>>) -> Result<Filter, Fault> {
    let mut filter = Filter::new();
    let Some(value) = value else {
        return Ok(filter);
    };
    let mut buf = [0; FILTER_TEXT_BYTES];
    if let Some(text) = value.copy_text(&mut buf) {
        let text = text.map_err(|_| {
            let most = format_args!("filters: the text is longer than {FILTER_TEXT_BYTES} bytes");
            Fault::new(Code::Parameters, most)
        })?;
        read_text(&mut filter, text)?;
    } else if let Some(structs) = value.as_array() {
        structs.into_iter().try_for_each(|value| add_struct(&mut filter, &value))?;
    } else {
        add_struct(&mut filter, &value)?;
    }
    Ok(filter)
}

fn read_text(filter: &mut Filter, text: &str) -> Result<(), Fault> {
    filter.add_text(text).map_err(|error| {
        let code = if error.names_no_field() { Code::Field } else { Code::Parameters };
        Fault::new(code, format_args!("filters: {}", error.sentence(text)))
    })
}

fn add_struct(filter: &mut Filter, value: &Value<'_>) -> Result<(), Fault> {
    let members = value.as_struct().ok_or_else(|| Fault::parameter("filters", TAKES))?;
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
    let mut buf = [0; ARGUMENT_BYTES];
    if let Some(text) = wanted.copy_text(&mut buf) {
        return filter.or(Input::Text(text.map_err(|_| FilterError::TooLarge)?));
    }
    let number = number(wanted).ok_or(FilterError::BadValue)?;
    filter.or(Input::Int(number))
}

fn filter_fault(field: FieldId, error: FilterError) -> Fault {
    let (name, code) = (field.field().name, Code::Parameters);
    let takes = |before: &str, behind: &str| {
        Fault::new(code, format_args!("filters.{name} {before} {}{behind}", takes(field)))
    };
    match error {
        FilterError::BadValue => {
            takes("takes", "; \"!\" in front negates, an Array matches any of its elements")
        }
        FilterError::OutsideMask => Fault::new(
            code,
            format_args!("filters.{name}: the value has bits outside its mask, so nothing could match"),
        ),
        FilterError::Empty => takes("is an empty Array; it takes", ""),
        FilterError::TooManyForField => Fault::new(
            code,
            format_args!(
                "filters.{name} has more than the {ALTERNATIVES_A_FIELD} elements that an Array may have"
            ),
        ),
        FilterError::TooLarge => Fault::new(
            code,
            format_args!(
                "filters.{name} is more than there is room for: at most {CONDITIONS} fields, {ALTERNATIVES} values, \
                 {FILTER_TEXT_BYTES} bytes of text"
            ),
        ),
    }
}

/// The field with this name, which stands in the parameter `of`.
///
/// # Errors
/// A fault that names the field that may be meant, or all there are.
pub(super) fn field_named(name: Text<'_>, of: &str) -> Result<FieldId, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let name = name.copy_to(&mut buf).unwrap_or("(a name longer than 256 bytes)");
    FieldId::named(name).ok_or_else(|| {
        let hint = FieldHint(name);
        Fault::new(Code::Field, format_args!("{of}: there is no field \"{name}\"{hint}"))
    })
}

/// What may be meant by the name of no field: the nearest one, or else any.
struct FieldHint<'a>(&'a str);

impl fmt::Display for FieldHint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        suggest(f, FieldId::nearest(self.0), &mut FIELDS.iter().map(|field| field.name))
    }
}
