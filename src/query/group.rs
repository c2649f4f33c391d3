//! What the flows of a summary are put together by, and one group of them.

use super::context::Context;
use super::field::{COUNTERS, FieldId, FieldValue, ORIG, RATES, REPL, ports};
use super::net::{cut, network};
use super::words::nearest;
use crate::conntrack::flow::{Address, Flow, Tuple};
use crate::conntrack::uapi::{AF_INET, CTA_MARK, bit};
use core::cmp::Ordering;

/// Where the key of a group is had from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A field that is an address, or a number.
    Field(FieldId),
    /// The end of the flow inside the own networks, or outside of them.
    Local,
    Remote,
    /// Protocol and destination port.
    Service,
    /// The user in the mark, if the number has a name.
    User,
}

/// What a summary can be by: the name, and where the key is had from.
const GROUPINGS: &[(&str, Source)] = &[
    ("orig_src", Source::Field(FieldId::always("orig_src"))),
    ("orig_dst", Source::Field(FieldId::always("orig_dst"))),
    ("repl_src", Source::Field(FieldId::always("repl_src"))),
    ("local", Source::Local),
    ("remote", Source::Remote),
    ("service", Source::Service),
    ("orig_l4proto", Source::Field(FieldId::always("orig_l4proto"))),
    ("tcp_state", Source::Field(FieldId::always("tcp_state"))),
    ("zone", Source::Field(FieldId::always("zone"))),
    ("mark", Source::Field(FieldId::always("mark"))),
    ("username", Source::User),
];

/// The first of [`GROUPINGS`] that are addresses, for which there are prefixes.
const ADDRESSES: usize = 5;

/// What flows are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupBy {
    name: &'static str,
    source: Source,
    /// The leading bits of an IPv4 address, and of an IPv6 address, that count.
    v4_bits: u32,
    v6_bits: u32,
}

/// Why there is no such way to put flows together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupError {
    /// No group has the name; the one that may be meant.
    Unknown(Option<&'static str>),
    /// A prefix stands behind the name of what is no address.
    NoPrefix(&'static str),
    /// The prefix is none that an address can have.
    BadPrefix(&'static str),
}

/// The key of a group as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyValue<'a> {
    /// The group of the flows that have no key.
    None,
    /// A number.
    Number(u64),
    /// An address, whether it is IPv4, and the length of its prefix where it stands for a network.
    Address(Address, bool, Option<u32>),
    /// Protocol and, where the protocol has such, the destination port.
    Service(u8, Option<u16>),
    /// A text.
    Text(&'a [u8]),
}

/// The key of a group in memory: of a number or a service the last bytes of the address. Keys in order are in the order of what
/// they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    bytes: Address,
    kind: KeyKind,
}

/// What a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum KeyKind {
    V4,
    V6,
    Number,
    #[default]
    None,
}

/// The fields that a group adds up, beside how many flows it has: the members of its row.
pub(crate) const SUMS: [FieldId; 3] =
    [FieldId::always("bytes"), FieldId::always("packets"), FieldId::always("rate")];

/// A group: its key, what it adds up, and its links in the table of groups that it is a part of. The size is that of a quarter
/// of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) key: Key,
    /// A bit for each of [`SUMS`] that a flow of the group has.
    known: u8,
    /// The first group of the chain with the number of this place, and the next group of the chain that this one is in.
    pub(crate) head: u16,
    pub(crate) next: u16,
    /// Flows, at most so many of which were of groups that were here before.
    pub(crate) connections: u32,
    pub(crate) inherited: u32,
    sums: [u64; SUMS.len()],
}

impl Group {
    /// The end of a chain.
    pub(crate) const END: u16 = u16::MAX;

    /// A place without a group, and a chain without any.
    pub(crate) const EMPTY: Group = Group {
        key: Key { bytes: [0; 16], kind: KeyKind::None },
        known: 0,
        head: Group::END,
        next: Group::END,
        connections: 0,
        inherited: 0,
        sums: [0; SUMS.len()],
    };

    /// The sum of one of [`SUMS`]; `None` if no flow of the group has the field.
    pub(crate) fn sum(&self, at: usize) -> Option<u64> {
        self.sums.get(at).copied().filter(|_| self.known >> at & 1 == 1)
    }

    /// Begins anew with another key. What was counted stays, as flows that may be of others.
    pub(crate) fn restart(&mut self, key: Key) {
        (self.key, self.known, self.sums) = (key, 0, [0; SUMS.len()]);
        self.inherited = self.connections;
    }

    /// Takes a flow in.
    pub(crate) fn add(&mut self, flow: &Flow, context: &Context) {
        self.connections = self.connections.saturating_add(1);
        for (at, field) in SUMS.iter().enumerate() {
            if let Some(FieldValue::Int(value)) = field.field().value(flow, context) {
                self.add_sum(at, value);
            }
        }
    }

    /// Takes in what another group had for certain.
    pub(crate) fn absorb(&mut self, other: &Group) {
        let certain = other.connections - other.inherited;
        self.connections = self.connections.saturating_add(certain);
        for at in 0..SUMS.len() {
            if let Some(value) = other.sum(at) {
                self.add_sum(at, value);
            }
        }
    }

    fn add_sum(&mut self, at: usize, value: u64) {
        if let Some(sum) = self.sums.get_mut(at) {
            *sum = sum.saturating_add(value);
            self.known |= 1 << at;
        }
    }
}

impl GroupBy {
    /// The hosts inside.
    #[cfg(feature = "shell")]
    pub(crate) const LOCAL: GroupBy =
        GroupBy { name: "local", source: Source::Local, v4_bits: 32, v6_bits: 128 };

    /// Reads a name of the table, which addresses may follow by the lengths of prefixes: `orig_src/24`, `orig_src/64`,
    /// `orig_src/24/64`. A length alone is IPv4's up to 32, and IPv6's beyond; addresses of the other family count in full.
    ///
    /// # Errors
    /// [`GroupError`].
    pub(crate) fn parse(text: &str) -> Result<Self, GroupError> {
        let (name, lengths) = cut(text, b'/').map_or((text, None), |(name, lengths)| (name, Some(lengths)));
        let Some(at) = GROUPINGS.iter().position(|group| group.0 == name) else {
            return Err(GroupError::Unknown(nearest(name, &mut GroupBy::names())));
        };
        let &(name, source) = GROUPINGS.get(at).ok_or(GroupError::Unknown(None))?;
        let mut by = GroupBy { name, source, v4_bits: 32, v6_bits: 128 };
        let bad = GroupError::BadPrefix(name);
        let Some(lengths) = lengths else {
            return Ok(by);
        };
        if at >= ADDRESSES {
            return Err(GroupError::NoPrefix(name));
        }
        match cut(lengths, b'/') {
            Some((v4, v6)) => {
                (by.v4_bits, by.v6_bits) = (length(v4).ok_or(bad)?, length(v6).ok_or(bad)?);
            }
            None => match length(lengths).ok_or(bad)? {
                bits if bits > 32 => by.v6_bits = bits,
                bits => by.v4_bits = bits,
            },
        }
        if by.v4_bits > 32 { Err(bad) } else { Ok(by) }
    }

    /// The names of all groups.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        GROUPINGS.iter().map(|group| group.0)
    }

    /// The name without a prefix: the member of a row that has the key.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The attributes that a flow must be read with to be put into a group and added up.
    #[must_use]
    pub(crate) fn needs(&self) -> u32 {
        let key = match self.source {
            Source::Field(field) => field.field().needs,
            Source::Local | Source::Remote => ORIG | REPL,
            Source::Service => ORIG,
            Source::User => bit(CTA_MARK),
        };
        key | COUNTERS | RATES
    }

    /// The key of the flow's group.
    pub(crate) fn key(&self, flow: &Flow, context: &Context) -> Key {
        let number = |number: u64| Key::number(number);
        let key = match self.source {
            Source::Field(field) => match field.field().value(flow, context) {
                Some(FieldValue::Ip(address, v4)) => Some(self.address(address, v4)),
                Some(FieldValue::Int(value)) => Some(number(value)),
                _ => None,
            },
            Source::Local => sides(flow, context).0.map(|end| self.address(end.src, end.l3proto == AF_INET)),
            Source::Remote => sides(flow, context).1.map(|end| self.address(end.src, end.l3proto == AF_INET)),
            Source::Service => flow.orig.as_ref().map(|orig| {
                let port = ports(&flow.orig).map_or(0, |ports| u64::from(ports.1) | 1 << 16);
                number(u64::from(orig.l4proto) << 24 | port)
            }),
            Source::User => {
                let user = context.user_id(flow).filter(|&id| context.users.name(id).is_some());
                user.map(|id| number(id.into()))
            }
        };
        key.unwrap_or_default()
    }

    fn address(&self, address: Address, v4: bool) -> Key {
        let free = if v4 { 32 - self.v4_bits } else { 128 - self.v6_bits };
        Key { bytes: network(address, free).0, kind: if v4 { KeyKind::V4 } else { KeyKind::V6 } }
    }

    /// What the key stands for.
    pub(crate) fn value<'a>(&self, key: &Key, context: &'a Context) -> KeyValue<'a> {
        let bits = |bits: u32, width: u32| (bits < width).then_some(bits);
        let number = u128::from_be_bytes(key.bytes) as u64;
        match (key.kind, self.source) {
            (KeyKind::None, _) => KeyValue::None,
            (KeyKind::V4, _) => KeyValue::Address(key.bytes, true, bits(self.v4_bits, 32)),
            (KeyKind::V6, _) => KeyValue::Address(key.bytes, false, bits(self.v6_bits, 128)),
            (_, Source::Service) => {
                let port = (number & 1 << 16 != 0).then_some(number as u16);
                KeyValue::Service((number >> 24) as u8, port)
            }
            (_, Source::User) => {
                let name = context.users.name(number as u32);
                name.map_or(KeyValue::None, |name| KeyValue::Text(name.as_bytes()))
            }
            _ => KeyValue::Number(number),
        }
    }

    /// Compares two keys: the group without a key is the last.
    pub(crate) fn compare(&self, a: &Key, b: &Key, context: &Context) -> Ordering {
        match (self.value(a, context), self.value(b, context)) {
            (KeyValue::Text(a), KeyValue::Text(b)) => a.cmp(b),
            _ => (a.is_none(), a).cmp(&(b.is_none(), b)),
        }
    }
}

impl Key {
    fn number(number: u64) -> Self {
        Key { bytes: u128::from(number).to_be_bytes(), kind: KeyKind::Number }
    }

    /// Whether it is the key of the flows that have none.
    pub(crate) fn is_none(&self) -> bool {
        self.kind == KeyKind::None
    }

    /// The key as four words, for a hash.
    pub(crate) fn words(&self) -> [u32; 4] {
        let number = u128::from_be_bytes(self.bytes);
        [96, 64, 32, 0].map(|shift| (number >> shift) as u32)
    }
}

/// The length of a prefix.
fn length(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&bits| digits && bits <= 128)
}

/// The end of the flow inside the own networks, and the one outside: sources of a tuple each. The ends are those that talk with
/// each other, whatever was translated on the way: the original source, and the source of the replies. With both ends inside,
/// the local one is that which began, and there is no remote one; with both outside there is neither.
fn sides<'a>(flow: &'a Flow, context: &Context) -> (Option<&'a Tuple>, Option<&'a Tuple>) {
    let (Some(begins), Some(answers)) = (&flow.orig, &flow.repl) else {
        return (None, None);
    };
    let inside = |end: &Tuple| context.lan.iter().any(|net| net.contains(&end.src, end.l3proto == AF_INET));
    match (inside(begins), inside(answers)) {
        (true, true) => (Some(begins), None),
        (true, false) => (Some(begins), Some(answers)),
        (false, true) => (Some(answers), Some(begins)),
        (false, false) => (None, None),
    }
}
