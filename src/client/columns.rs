//! The columns of a table of connections: what stands in a cell.

use super::format::{put_duration, put_hex, put_rate, put_size};
use super::text::push_shown;
use crate::address::{put_address, put_end_point};
use crate::conntrack::flow::{Ends, Flow, Tuple};
use crate::conntrack::uapi::*;
use crate::limits::COLUMNS;
use crate::out::{Full, Out};
use crate::query::context::Context;
use crate::query::field::{Field, FieldId, FieldKind, FieldValue, Scope};
use crate::query::filter::text::{field_named, known_names};
use crate::query::words::{Words, nearest};
use core::slice;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    what: What,
    is_number: bool,
}

/// The columns of a table, at most [`COLUMNS`].
pub type Columns = Vec<Column>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Protocol,
    State,
    /// Address and port of a side, or its name: of the one that began, or of the other.
    Source(Name),
    Destination(Name),
    Field(FieldId, Form),
    /// What is no flow's: its cells are put by others.
    Other,
}

/// The field in which the name of a host is, if there is one.
type Name = Option<FieldId>;

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Size,
    Rate,
    Duration,
}

/// The names that columns may have: those that are no field's, or another one's in a filter, and those of fields.
fn names() -> Box<dyn Iterator<Item = &'static str>> {
    Box::new(["proto", "state", "source", "destination", "ends"].into_iter().chain(known_names()))
}

/// The attributes that columns other than a field's need.
const COMPOSED: u32 = bit(CTA_TUPLE_ORIG) | bit(CTA_STATUS) | bit(CTA_PROTOINFO);

impl Column {
    /// The column with this name: one of the names above, or that of a field as filters have it.
    ///
    /// # Errors
    /// A sentence.
    pub fn named(name: &str) -> Result<Self, String> {
        let name = names().find(|known| *known == name).ok_or_else(|| no_column(name))?;
        let what = match name {
            "proto" => What::Protocol,
            "state" => What::State,
            "source" => What::Source(FieldId::named("orig_src_name")),
            "destination" => What::Destination(FieldId::named("orig_dst_name")),
            _ => return Ok(Column::of(name, field(name)?)),
        };
        Ok(Column { name, what, is_number: false })
    }

    /// The column of a field.
    fn of(name: &'static str, field: FieldId) -> Self {
        let Field { name: full, kind, words, .. } = field.field();
        let form = match *full {
            "timeout" => Form::Duration,
            full if full.ends_with("rate") => Form::Rate,
            full if full.ends_with("bytes") => Form::Size,
            _ => Form::Plain,
        };
        let has_words = *words != Words::None && *words != Words::Service;
        let is_number = matches!(kind, FieldKind::Int(_) | FieldKind::Id) && !has_words;
        Column { name, what: What::Field(field, form), is_number }
    }

    /// A column of something else than flows.
    pub(super) fn other(name: &'static str, is_number: bool) -> Self {
        Column { name, what: What::Other, is_number }
    }

    /// What stands above it, in small letters.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its cells stand at the right.
    pub(super) fn is_number(&self) -> bool {
        self.is_number
    }

    /// The attributes that a flow must be read with to have a cell.
    pub(super) fn needs(&self) -> u32 {
        match self.what {
            What::Field(field, _) => field.field().needs,
            What::Other => 0,
            _ => COMPOSED,
        }
    }

    /// The field that it is of; `None` where it is put together of several.
    pub(super) fn field(&self) -> Option<FieldId> {
        match self.what {
            What::Field(field, _) => Some(field),
            _ => None,
        }
    }

    /// Writes the cell of a flow, which is neither empty nor has a space in it.
    pub(super) fn put(
        &self,
        out: &mut Out<'_>,
        flow: &Flow,
        context: &Context,
        exact: bool,
    ) -> Result<(), Full> {
        match self.what {
            What::Other => Ok(()),
            What::Protocol => put_protocol(out, flow),
            What::State => put_state(out, flow),
            What::Source(name) => put_end(out, flow, true, name, context),
            What::Destination(name) => put_end(out, flow, false, name, context),
            What::Field(field, form) => put_field(out, field, form, flow, context, exact),
        }
    }
}

/// Adds the columns of these names. What has none is left out.
pub(super) fn add(columns: &mut Columns, names: &[&str]) {
    for name in names {
        if let Ok(column) = Column::named(name) {
            columns.push(column);
        }
    }
}

/// The columns that people want, with that of the field by which rows are sorted.
pub(super) fn usual(sort: Option<FieldId>) -> Columns {
    // These are shown in any case, in one column or in another.
    const SHOWN: &[&str] = &[
        "bytes",
        "timeout",
        "mark",
        "nat",
        "orig_src",
        "orig_dst",
        "orig_port_src",
        "orig_port_dst",
        "orig_l4proto",
        "tcp_state",
    ];
    let mut columns = Columns::new();
    add(&mut columns, &["proto", "state", "source", "destination", "nat"]);
    let sort = sort.map_or("", |field| field.field().name);
    if !SHOWN.contains(&sort) {
        add(&mut columns, &[sort]);
    }
    add(&mut columns, &["bytes", "ends", "mark"]);
    columns
}

/// The field with this name, or with the one that filters have for it, of which a connection has one value.
///
/// # Errors
/// A sentence.
pub fn field(name: &str) -> Result<FieldId, String> {
    let full = match name {
        // How long the kernel still keeps it, as people say it.
        "ends" => "timeout",
        "source" => "orig_src",
        "destination" => "orig_dst",
        name => name,
    };
    let field = field_named(full);
    let field = field.ok_or_else(|| no_column(name))?;
    match field.field().scope {
        Scope::Filter => Err(format!("{name} has several values in a connection: it can only be a filter")),
        Scope::Sort | Scope::Row => Ok(field),
    }
}

/// The columns of a list of names with commas between them.
///
/// # Errors
/// A sentence.
pub fn columns(names: &str) -> Result<Columns, String> {
    let mut columns = Columns::new();
    for name in names.split(',') {
        columns.push(Column::named(name)?);
    }
    if columns.len() > COLUMNS { Err(format!("there is room for {COLUMNS} columns")) } else { Ok(columns) }
}

fn no_column(name: &str) -> String {
    match nearest(name, &mut names()) {
        Some(meant) => format!("there is no column {name}: did you mean {meant}?"),
        None => format!(
            "there is no column {name}: proto, state, source, destination, ends and the fields of filters are"
        ),
    }
}

/// Writes the word for a number in small letters, or the number.
pub(super) fn put_named(out: &mut Out<'_>, words: Words, number: u64) -> Result<(), Full> {
    match u32::try_from(number).ok().and_then(|number| words.name(number)) {
        Some(word) => out.put_lowercase(word),
        None => out.put_u64(number),
    }
}

fn put_protocol(out: &mut Out<'_>, flow: &Flow) -> Result<(), Full> {
    match flow.orig {
        Some(tuple) => put_named(out, Words::Protocol, tuple.l4proto.into()),
        None => out.put(b"-"),
    }
}

/// Writes the state that a protocol has, or else what is known of every connection.
fn put_state(out: &mut Out<'_>, flow: &Flow) -> Result<(), Full> {
    let status = flow.status.unwrap_or(0);
    let word: &[u8] = match (flow.tcp_state, flow.sctp_state) {
        _ if status & IPS_HW_OFFLOAD != 0 => b"hardware",
        _ if status & IPS_OFFLOAD != 0 => b"offloaded",
        (Some(state), _) => return put_named(out, Words::TcpState, state.into()),
        (_, Some(state)) => return put_named(out, Words::SctpState, state.into()),
        _ if status & IPS_SEEN_REPLY == 0 => b"unreplied",
        _ if status & IPS_ASSURED != 0 => b"assured",
        _ => b"replied",
    };
    out.put(word)
}

/// Writes the name or the address of a side, and its port.
fn put_end(
    out: &mut Out<'_>,
    flow: &Flow,
    is_source: bool,
    name: Name,
    context: &Context,
) -> Result<(), Full> {
    let Some(Tuple { src, dst, ends, l3proto, l4proto, .. }) = flow.orig else {
        return out.put(b"-");
    };
    let port = match ends {
        Ends::Ports { src, dst } if l4proto != IPPROTO_GRE => Some(if is_source { src } else { dst }),
        _ => None,
    };
    let named = name.and_then(|field| field.field().value(flow, context));
    let address = if is_source { src } else { dst };
    let Some(FieldValue::Text(text)) = named else {
        return put_end_point(out, &address, l3proto == AF_INET, port);
    };
    put_text(out, text)?;
    put_port(out, port)
}

fn put_port(out: &mut Out<'_>, port: Option<u16>) -> Result<(), Full> {
    match port {
        Some(port) => {
            out.put(b":")?;
            out.put_u64(port.into())
        }
        None => Ok(()),
    }
}

/// Writes a text of others, so that it is one cell whatever it holds.
pub(super) fn put_text(out: &mut Out<'_>, text: &[u8]) -> Result<(), Full> {
    if text.is_empty() {
        return out.put(b"\"\"");
    }
    let mut shown = Vec::new();
    push_shown(&mut shown, text);
    shown.iter().try_for_each(|byte| out.put(if *byte == b' ' { b"\\x20" } else { slice::from_ref(byte) }))
}

fn put_field(
    out: &mut Out<'_>,
    id: FieldId,
    form: Form,
    flow: &Flow,
    context: &Context,
    exact: bool,
) -> Result<(), Full> {
    let field = id.field();
    match (field.value(flow, context), form) {
        (None, _) => out.put(b"-"),
        (Some(FieldValue::Int(number)), _) if field.kind == FieldKind::Bits => put_hex(out, number as u32),
        (Some(FieldValue::Int(number)), Form::Size) if !exact => put_size(out, number),
        (Some(FieldValue::Int(number)), Form::Rate) if !exact => put_rate(out, number),
        (Some(FieldValue::Int(number)), Form::Duration) if !exact => put_duration(out, number),
        (Some(FieldValue::Int(number)), _) => match field.words {
            Words::None | Words::Service => out.put_u64(number),
            words => put_named(out, words, number),
        },
        (Some(FieldValue::Ip(address, v4)), _) => put_address(out, &address, v4),
        (Some(FieldValue::End(address, v4, port)), _) => put_end_point(out, &address, v4, port),
        (Some(FieldValue::Text(text)), _) => put_text(out, text),
    }
}
