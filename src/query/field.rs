//! The one table of fields. A new field is a new row of [`FIELDS`].
//!
//! Names are those of libnetfilter_conntrack and pynetfilter_conntrack.

use super::context::Context;
use crate::conntrack::flow::{Address, Counters, Ends, Flow, Tuple};
use crate::conntrack::uapi::*;

/// What kind of value a field has, which decides what a filter on it takes and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unsigned number up to and with this one.
    Int(u64),
    /// An unsigned 32-bit set of bits: a filter may have a mask.
    Bits,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An address of either family.
    Ip,
    /// A short text.
    Text,
    /// A number that is written as a string: the id.
    Id,
}

/// A field's value in one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Int(u64),
    /// An address; whether it is IPv4.
    Ip(Address, bool),
    /// A text, as the kernel or the passwd file has it.
    Text(&'a [u8]),
}

/// Where a field may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Only in filters.
    Filter,
    /// In filters and as an order.
    Sort,
    /// Everywhere: it is also a member of each row that has it.
    Row,
}

/// How a field's value is had from a flow.
#[derive(Clone, Copy)]
pub enum Get {
    /// At most one value.
    One(for<'a> fn(&Flow, &'a Context) -> Option<Value<'a>>),
    /// Up to four values, any of which a filter may match.
    Any(fn(&Flow) -> [Option<Value<'static>>; 4]),
}

/// One field.
pub struct Field {
    /// Its name in the protocol.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Where it may be used.
    pub scope: Scope,
    /// The attributes ([`bit`]) that a flow must be read with to have it.
    pub needs: u32,
    get: Get,
}

/// A field's place in [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldId(u8);

impl FieldId {
    /// Finds a field by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let at = FIELDS.iter().position(|f| f.name == name)?;
        u8::try_from(at).ok().map(FieldId)
    }

    /// The field.
    #[must_use]
    #[allow(clippy::indexing_slicing)] // The table is not empty, as the compiler sees.
    pub fn field(self) -> &'static Field {
        // A FieldId is only made from a place in the table.
        FIELDS.get(usize::from(self.0)).unwrap_or(&FIELDS[0])
    }

    /// Its place, for a set of fields.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Field {
    /// The field's value in `flow`; `None` if the flow has not the field, and always for a field with many values.
    #[inline]
    #[must_use]
    pub fn value<'a>(&self, flow: &Flow, context: &'a Context) -> Option<Value<'a>> {
        match self.get {
            Get::One(get) => get(flow, context),
            Get::Any(_) => None,
        }
    }

    /// The field's values in `flow`, for a filter.
    #[inline]
    #[must_use]
    pub fn values<'a>(&self, flow: &Flow, context: &'a Context) -> [Option<Value<'a>>; 4] {
        match self.get {
            Get::One(get) => [get(flow, context), None, None, None],
            Get::Any(get) => get(flow),
        }
    }
}

const ORIG: u32 = bit(CTA_TUPLE_ORIG);
const REPL: u32 = bit(CTA_TUPLE_REPLY);
const COUNTERS: u32 = bit(CTA_COUNTERS_ORIG) | bit(CTA_COUNTERS_REPLY);
const BYTE: Kind = Kind::Int(u8::MAX as u64);
const PORT: Kind = Kind::Int(u16::MAX as u64);
const WORD: Kind = Kind::Int(u32::MAX as u64);
const LONG: Kind = Kind::Int(u64::MAX);

const fn row(
    name: &'static str,
    kind: Kind,
    needs: u32,
    get: for<'a> fn(&Flow, &'a Context) -> Option<Value<'a>>,
) -> Field {
    Field { name, kind, scope: Scope::Row, needs, get: Get::One(get) }
}

const fn sort(
    name: &'static str,
    kind: Kind,
    needs: u32,
    get: for<'a> fn(&Flow, &'a Context) -> Option<Value<'a>>,
) -> Field {
    let mut field = row(name, kind, needs, get);
    field.scope = Scope::Sort;
    field
}

const fn any(name: &'static str, kind: Kind, get: fn(&Flow) -> [Option<Value<'static>>; 4]) -> Field {
    Field { name, kind, scope: Scope::Filter, needs: ORIG | REPL, get: Get::Any(get) }
}

/// Every field. `id` is first: [`ID`] names it.
pub const FIELDS: &[Field] = &[
    row("id", Kind::Id, bit(CTA_ID), |f, _| int(f.id)),
    row("orig_l3proto", BYTE, ORIG, |f, _| int(f.orig.map(|t| t.l3proto))),
    row("orig_l4proto", BYTE, ORIG, |f, _| int(f.orig.map(|t| t.l4proto))),
    row("repl_l3proto", BYTE, REPL, |f, _| int(f.repl.map(|t| t.l3proto))),
    row("repl_l4proto", BYTE, REPL, |f, _| int(f.repl.map(|t| t.l4proto))),
    row("orig_ipv4_src", Kind::Ipv4, ORIG, |f, _| v4(&f.orig, |t| t.src)),
    row("orig_ipv4_dst", Kind::Ipv4, ORIG, |f, _| v4(&f.orig, |t| t.dst)),
    row("repl_ipv4_src", Kind::Ipv4, REPL, |f, _| v4(&f.repl, |t| t.src)),
    row("repl_ipv4_dst", Kind::Ipv4, REPL, |f, _| v4(&f.repl, |t| t.dst)),
    row("orig_ipv6_src", Kind::Ipv6, ORIG, |f, _| v6(&f.orig, |t| t.src)),
    row("orig_ipv6_dst", Kind::Ipv6, ORIG, |f, _| v6(&f.orig, |t| t.dst)),
    row("repl_ipv6_src", Kind::Ipv6, REPL, |f, _| v6(&f.repl, |t| t.src)),
    row("repl_ipv6_dst", Kind::Ipv6, REPL, |f, _| v6(&f.repl, |t| t.dst)),
    row("orig_port_src", PORT, ORIG, |f, _| int(ports(&f.orig).map(|p| p.0))),
    row("orig_port_dst", PORT, ORIG, |f, _| int(ports(&f.orig).map(|p| p.1))),
    row("repl_port_src", PORT, REPL, |f, _| int(ports(&f.repl).map(|p| p.0))),
    row("repl_port_dst", PORT, REPL, |f, _| int(ports(&f.repl).map(|p| p.1))),
    row("icmp_type", BYTE, ORIG, |f, _| int(icmp(f).map(|i| i.0))),
    row("icmp_code", BYTE, ORIG, |f, _| int(icmp(f).map(|i| i.1))),
    row("icmp_id", PORT, ORIG, |f, _| int(icmp(f).map(|i| i.2))),
    row("tcp_state", BYTE, bit(CTA_PROTOINFO), |f, _| int(f.tcp_state)),
    // What the kernel leaves out of these two is 0.
    row("mark", Kind::Bits, bit(CTA_MARK), |f, _| int(f.mark.or(Some(0)))),
    row("status", Kind::Bits, bit(CTA_STATUS), |f, _| int(f.status)),
    row("use", WORD, bit(CTA_USE), |f, _| int(f.uses)),
    row("timeout", WORD, bit(CTA_TIMEOUT), |f, _| int(f.timeout)),
    row("orig_counter_packets", LONG, bit(CTA_COUNTERS_ORIG), |f, _| int(f.orig_counters.map(|c| c.packets))),
    row("orig_counter_bytes", LONG, bit(CTA_COUNTERS_ORIG), |f, _| int(f.orig_counters.map(|c| c.bytes))),
    row("repl_counter_packets", LONG, bit(CTA_COUNTERS_REPLY), |f, _| {
        int(f.repl_counters.map(|c| c.packets))
    }),
    row("repl_counter_bytes", LONG, bit(CTA_COUNTERS_REPLY), |f, _| int(f.repl_counters.map(|c| c.bytes))),
    row("start", WORD, bit(CTA_TIMESTAMP), |f, _| int(f.start_ns.map(|ns| ns / 1_000_000_000))),
    row("zone", PORT, bit(CTA_ZONE), |f, _| int(f.zone.or(Some(0)))),
    row("orig_zone", PORT, ORIG, |f, _| int(f.orig.and_then(|t| t.zone))),
    row("repl_zone", PORT, REPL, |f, _| int(f.repl.and_then(|t| t.zone))),
    row("sctp_state", BYTE, bit(CTA_PROTOINFO), |f, _| int(f.sctp_state)),
    row("gre_key_src", PORT, ORIG, |f, _| int(gre_keys(f).map(|k| k.0))),
    row("gre_key_dst", PORT, ORIG, |f, _| int(gre_keys(f).map(|k| k.1))),
    row("helper", Kind::Text, bit(CTA_HELP), |f, c| f.helper.map(|l| Value::Text(c.labels.text(l)))),
    row("secctx", Kind::Text, bit(CTA_SECCTX), |f, c| f.secctx.map(|l| Value::Text(c.labels.text(l)))),
    row("user_id", WORD, bit(CTA_MARK), |f, c| int(c.user_id(f))),
    row("username", Kind::Text, bit(CTA_MARK), |f, c| c.user_name(f).map(Value::Text)),
    sort("orig_src", Kind::Ip, ORIG, |f, _| ip(&f.orig, |t| t.src)),
    sort("orig_dst", Kind::Ip, ORIG, |f, _| ip(&f.orig, |t| t.dst)),
    sort("repl_src", Kind::Ip, REPL, |f, _| ip(&f.repl, |t| t.src)),
    sort("repl_dst", Kind::Ip, REPL, |f, _| ip(&f.repl, |t| t.dst)),
    sort("bytes", LONG, COUNTERS, |f, _| sum(f, |c| c.bytes)),
    sort("packets", LONG, COUNTERS, |f, _| sum(f, |c| c.packets)),
    any("host", Kind::Ip, |f| {
        [ip(&f.orig, |t| t.src), ip(&f.orig, |t| t.dst), ip(&f.repl, |t| t.src), ip(&f.repl, |t| t.dst)]
    }),
    any("port", PORT, |f| {
        let (orig, repl) = (ports(&f.orig), ports(&f.repl));
        [int(orig.map(|p| p.0)), int(orig.map(|p| p.1)), int(repl.map(|p| p.0)), int(repl.map(|p| p.1))]
    }),
];

/// The field `id`, which every row has.
pub const ID: FieldId = FieldId(0);

/// The field `timeout`, the one that changes by itself.
pub const TIMEOUT: FieldId = FieldId(24);
#[allow(clippy::indexing_slicing)] // Looked at by the compiler alone.
const _: () = assert!(matches!(FIELDS[24].name.as_bytes(), b"timeout"));

#[inline]
fn int<T: Into<u64>>(value: Option<T>) -> Option<Value<'static>> {
    value.map(|v| Value::Int(v.into()))
}

#[inline]
fn ip(tuple: &Option<Tuple>, side: fn(&Tuple) -> Address) -> Option<Value<'static>> {
    let tuple = tuple.as_ref()?;
    Some(Value::Ip(side(tuple), tuple.l3proto == AF_INET))
}

#[inline]
fn v4(tuple: &Option<Tuple>, side: fn(&Tuple) -> Address) -> Option<Value<'static>> {
    ip(tuple, side).filter(|v| matches!(v, Value::Ip(_, true)))
}

#[inline]
fn v6(tuple: &Option<Tuple>, side: fn(&Tuple) -> Address) -> Option<Value<'static>> {
    ip(tuple, side).filter(|v| matches!(v, Value::Ip(_, false)))
}

/// Source and destination port, of the protocols that have such. (The kernel also sends the keys of GRE as ports.)
#[inline]
fn ports(tuple: &Option<Tuple>) -> Option<(u16, u16)> {
    let tuple = tuple.as_ref()?;
    match (tuple.l4proto, tuple.ends) {
        (
            IPPROTO_TCP | IPPROTO_UDP | IPPROTO_UDPLITE | IPPROTO_SCTP | IPPROTO_DCCP,
            Ends::Ports { src, dst },
        ) => Some((src, dst)),
        _ => None,
    }
}

/// The keys of GRE (the call identifiers of PPTP), as the original direction has them.
#[inline]
fn gre_keys(flow: &Flow) -> Option<(u16, u16)> {
    match flow.orig {
        Some(Tuple { l4proto: IPPROTO_GRE, ends: Ends::Ports { src, dst }, .. }) => Some((src, dst)),
        _ => None,
    }
}

/// Type, code and identifier of ICMP and ICMPv6, as the original direction has them.
#[inline]
fn icmp(flow: &Flow) -> Option<(u8, u8, u16)> {
    match flow.orig.as_ref()?.ends {
        Ends::Icmp { kind, code, id } => Some((kind, code, id)),
        _ => None,
    }
}

/// The sum of both directions.
#[inline]
fn sum(flow: &Flow, part: fn(Counters) -> u64) -> Option<Value<'static>> {
    let both = [flow.orig_counters, flow.repl_counters];
    let known = both.iter().any(Option::is_some);
    let sum = both.into_iter().flatten().map(part);
    known.then(|| Value::Int(sum.fold(0, u64::saturating_add)))
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u64);

const _: () = assert!(FIELDS.len() <= 64, "a FieldSet is 64 bits");

impl FieldSet {
    /// Every field.
    pub const ALL: FieldSet = FieldSet(u64::MAX);
    /// `id` alone, which every row has.
    pub const ID_ONLY: FieldSet = FieldSet(1);

    /// Adds a field.
    pub fn insert(&mut self, field: FieldId) {
        self.0 |= 1 << field.index();
    }

    /// Whether the field at `index` of [`FIELDS`] is in the set.
    #[must_use]
    #[inline]
    pub fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}
