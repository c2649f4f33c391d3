//! The parameters of `view` beside its filters: the order, and the fields that rows have.

use super::filters::field_named;
use super::{Args, integer, string};
use crate::limits::ARGUMENT_BYTES;
use crate::query::field::{FieldSet, ID, Scope};
use crate::query::order::Order;
use crate::rpc::fault::{Code, Fault};

/// The order of a view, which are two parameters: none for `""`.
///
/// # Errors
/// A fault that names the parameter.
pub(in crate::rpc) fn order(args: &mut Args<'_>) -> Result<Option<Order>, Fault> {
    let by = args.optional();
    let descending = is_descending(args, false)?;
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

/// Whether the order is a descending one, the next parameter; `otherwise` where nothing is said.
///
/// # Errors
/// A fault that names the parameter.
pub(super) fn is_descending(args: &mut Args<'_>, otherwise: bool) -> Result<bool, Fault> {
    let mut buf = [0; ARGUMENT_BYTES];
    let text = match args.optional() {
        Some(value) => string(&value, "order_dir", &mut buf)?,
        None => "",
    };
    let matches = |word: &str| text.eq_ignore_ascii_case(word) || text.eq_ignore_ascii_case(&word[..1]);
    match (text.is_empty(), matches("DESC"), matches("ASC")) {
        (true, ..) => Ok(otherwise),
        (_, true, _) => Ok(true),
        (.., true) => Ok(false),
        _ => Err(Fault::parameter("order_dir", "\"ASC\" or \"DESC\", or the first letter")),
    }
}

/// The page, which are two parameters: how many rows to pass over, and how many to give; all with `None`.
///
/// # Errors
/// A fault that names the parameter.
pub(in crate::rpc) fn page(args: &mut Args<'_>) -> Result<(u64, Option<u64>), Fault> {
    let start = integer(args.optional(), "start", 0)?;
    let start = u64::try_from(start).map_err(|_| Fault::parameter("start", "an integer from 0 on"))?;
    Ok((start, u64::try_from(integer(args.optional(), "length", -1)?).ok()))
}

/// The options of a view, the next parameter: which fields rows have.
///
/// # Errors
/// A fault that names the option.
pub(in crate::rpc) fn fields(args: &mut Args<'_>) -> Result<FieldSet, Fault> {
    let takes = "a Struct with \"fields\", an Array of field names";
    let mut set = FieldSet::ALL;
    let Some(options) = args.optional() else {
        return Ok(set);
    };
    if options.as_array().is_some_and(|mut items| items.next().is_none()) {
        return Ok(set);
    }
    for (name, value) in options.as_struct().ok_or_else(|| Fault::parameter("options", takes))? {
        if !name.eq_str("fields") {
            return Err(Fault::parameter("options", takes));
        }
        set = FieldSet::ID_ONLY;
        let no_names = || Fault::parameter("options.fields", "an Array of field names");
        for name in value.as_array().ok_or_else(no_names)? {
            let field = field_named(name.as_text().ok_or_else(no_names)?, "options.fields")?;
            if field.field().scope != Scope::Row {
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
