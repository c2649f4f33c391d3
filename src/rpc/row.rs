//! A flow written as the struct that clients get.

use crate::conntrack::flow::Flow;
use crate::out::{Full, Out};
use crate::query::context::Context;
use crate::query::field::{FIELDS, FieldKind, FieldSet, FieldValue, Scope};

use crate::xmlrpc::encode::{
    self, MEMBER_CLOSE, MEMBER_OPEN, MEMBER_VALUE, STRUCT_CLOSE, STRUCT_OPEN, WideInts,
};

/// Bytes of the longest tag.
const TAG_BYTES: usize = 52;

/// The opening of a member, made when the program is: `<member><name>orig_ipv4_src</name>`.
#[derive(Clone, Copy)]
struct Tag {
    bytes: [u8; TAG_BYTES],
    len: usize,
}

impl Tag {
    #[allow(clippy::indexing_slicing)] // Runs in the compiler alone, as below.
    const fn of(name: &str) -> Self {
        let mut tag = Tag { bytes: [0; TAG_BYTES], len: 0 };
        let parts = [MEMBER_OPEN, name.as_bytes(), MEMBER_VALUE];
        let mut part = 0;
        while part < parts.len() {
            let mut at = 0;
            while at < parts[part].len() {
                tag.bytes[tag.len] = parts[part][at];
                tag.len += 1;
                at += 1;
            }
            part += 1;
        }
        tag
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

#[allow(clippy::indexing_slicing)]
static TAGS: [Tag; FIELDS.len()] = {
    let mut tags = [Tag { bytes: [0; TAG_BYTES], len: 0 }; FIELDS.len()];
    let mut at = 0;
    while at < tags.len() {
        tags[at] = Tag::of(FIELDS[at].name);
        at += 1;
    }
    tags
};

/// Writes the flow, which was read in full, as a struct of those of its fields that are in `fields`.
///
/// # Errors
/// [`Full`], and `out` is as before.
pub fn write(
    out: &mut Out<'_>,
    flow: &Flow,
    context: &Context,
    fields: FieldSet,
    wide: WideInts,
) -> Result<(), Full> {
    out.atomically(|out| {
        out.put(STRUCT_OPEN)?;
        for (at, field) in FIELDS.iter().enumerate() {
            if field.scope != Scope::Row || !fields.contains(at) {
                continue;
            }
            let (Some(value), Some(tag)) = (field.value(flow, context), TAGS.get(at)) else {
                continue;
            };
            out.put(tag.text())?;
            write_value(out, field.kind, value, wide)?;
            out.put(MEMBER_CLOSE)?;
        }
        out.put(STRUCT_CLOSE)
    })
}

fn write_value(
    out: &mut Out<'_>,
    kind: FieldKind,
    value: FieldValue<'_>,
    wide: WideInts,
) -> Result<(), Full> {
    match (kind, value) {
        (FieldKind::Id, FieldValue::Int(id)) => {
            out.put(b"<value><string>")?;
            out.put_u64(id)?;
            out.put(b"</string></value>")
        }
        (_, FieldValue::Int(number)) => encode::uint(out, number, wide),
        (_, FieldValue::Ip(address, true)) => {
            let [.., a, b, c, d] = address;
            encode::ipv4(out, [a, b, c, d])
        }
        (_, FieldValue::Ip(address, false)) => encode::ipv6(out, address),
        (_, FieldValue::Text(text)) => encode::string(out, text),
    }
}
