//! Attributes taken apart and put together again, to change something in the middle. Nothing here uses the library.
use super::order::is_nested;

/// An attribute: its type without flags, where it begins in the entry, and what it holds.
#[derive(Clone, Debug)]
pub struct Attr {
    pub kind: u16,
    pub flags: u16,
    pub at: usize,
    pub path: Vec<u16>,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Bytes(Vec<u8>),
    Nested(Vec<Attr>),
}

/// The attributes of a sound entry.
pub fn parse(bytes: &[u8]) -> Vec<Attr> {
    parse_at(bytes, 0, &[])
}

fn parse_at(bytes: &[u8], offset: usize, parents: &[u16]) -> Vec<Attr> {
    let (mut attrs, mut at) = (vec![], 0);
    while at + 4 <= bytes.len() {
        let len = usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
        let raw = u16::from_ne_bytes([bytes[at + 2], bytes[at + 3]]);
        let (kind, flags) = (raw & 0x3fff, raw & 0xc000);
        let path = [parents, &[kind]].concat();
        let inner = &bytes[at + 4..at + len];
        let value = if is_nested(&path) {
            Value::Nested(parse_at(inner, offset + at + 4, &path))
        } else {
            Value::Bytes(inner.to_vec())
        };
        attrs.push(Attr { kind, flags, at: offset + at, path, value });
        at += len.next_multiple_of(4);
    }
    attrs
}

/// An attribute of this type and value.
pub fn leaf(kind: u16, value: &[u8]) -> Attr {
    Attr {
        kind: kind & 0x3fff,
        flags: kind & 0xc000,
        at: 0,
        path: vec![],
        value: Value::Bytes(value.to_vec()),
    }
}

/// The bytes of attributes.
pub fn emit(attrs: &[Attr]) -> Vec<u8> {
    let mut out = vec![];
    for attr in attrs {
        let inner = match &attr.value {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Nested(attrs) => emit(attrs),
        };
        out.extend((inner.len() as u16 + 4).to_ne_bytes());
        out.extend((attr.kind | attr.flags).to_ne_bytes());
        out.extend(inner);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// Every attribute, the nested ones too.
pub fn all(attrs: &[Attr]) -> Vec<&Attr> {
    let mut out = vec![];
    for attr in attrs {
        out.push(attr);
        if let Value::Nested(inner) = &attr.value {
            out.extend(all(inner));
        }
    }
    out
}

/// Puts `what` in front of each attribute on every level, and at each end.
pub fn interleave(attrs: &[Attr], what: &Attr) -> Vec<Attr> {
    let mut out = vec![what.clone()];
    for attr in attrs {
        let mut attr = attr.clone();
        if let Value::Nested(inner) = &attr.value {
            attr.value = Value::Nested(interleave(inner, what));
        }
        out.extend([attr, what.clone()]);
    }
    out
}
