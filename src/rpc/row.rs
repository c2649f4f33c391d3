//! A flow written as the struct that clients get.

use crate::conntrack::flow::Flow;
use crate::out::Full;
use crate::query::context::Context;
use crate::query::field::{FIELDS, Field, FieldKind, FieldSet, FieldValue, Scope};
use crate::syntax::Writer;

/// Writes the flow, which was read in full, as a struct of its fields that are in `fields`. A field without a value is left
/// out.
///
/// # Errors
/// [`Full`]; then a part of it may be written.
pub fn write(writer: &mut Writer<'_>, flow: &Flow, context: &Context, fields: FieldSet) -> Result<(), Full> {
    writer.struct_open()?;
    for (at, field) in FIELDS.iter().enumerate() {
        if field.scope == Scope::Row && fields.contains(at) {
            write_member(writer, field, flow, context)?;
        }
    }
    writer.struct_close()
}

/// Writes a member of that struct, where the flow has the field.
///
/// # Errors
/// [`Full`]; then a part of it may be written.
pub(crate) fn write_member(
    writer: &mut Writer<'_>,
    field: &'static Field,
    flow: &Flow,
    context: &Context,
) -> Result<(), Full> {
    let Some(value) = field.value(flow, context) else {
        return Ok(());
    };
    writer.member(field.name)?;
    match (field.kind, value) {
        (FieldKind::Id, FieldValue::Int(id)) => writer.id(id as u32)?,
        (FieldKind::Word, FieldValue::Int(number)) => {
            writer.string(field.words.name(number as u32).unwrap_or_default().as_bytes())?;
        }
        (_, FieldValue::Int(number)) => writer.uint(number)?,
        (_, FieldValue::End(address, v4, port)) => writer.end_point(&address, v4, port)?,
        (_, FieldValue::Ip(address, v4)) => writer.address(&address, v4)?,
        (_, FieldValue::Text(text)) => writer.string(text)?,
    }
    writer.member_close()
}
