//! The one table of fields. A new field is a new row of [`FIELDS`].
//!
//! Names are those of libnetfilter_conntrack and pynetfilter_conntrack.

mod parts;
mod set;

pub(super) use parts::ports;
pub use set::FieldSet;

use super::context::Context;
use super::nat;
use super::part::KernelPart;
use super::words::{Words, nearest};
use crate::conntrack::flow::{Address, Flow};
use crate::conntrack::uapi::*;
use parts::{gre_keys, icmp, int, ip, name, nat_end, sum, v4, v6};

/// What kind of value a field has, which decides what a filter on it takes and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
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
    /// A text of which a filter names a part, in any case.
    Part,
    /// A number that is written as a string: the id.
    Id,
    /// A number that is written, and wanted, as one of the field's words alone.
    Word,
    /// An address of either family and, where the protocol has such, a port.
    End,
}

/// A field's value in one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValue<'a> {
    /// A number.
    Int(u64),
    /// An address; whether it is IPv4.
    Ip(Address, bool),
    /// A text, as the kernel or the passwd file has it.
    Text(&'a [u8]),
    /// An address; whether it is IPv4; and a port.
    End(Address, bool, Option<u16>),
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
enum Get {
    /// At most one value.
    One(for<'a> fn(&Flow, &'a Context) -> Option<FieldValue<'a>>),
    /// Up to four values, any of which a filter may match.
    Any(Several),
}

/// Up to four values of one flow.
type Several = for<'a> fn(&Flow, &'a Context) -> [Option<FieldValue<'a>>; 4];

/// One field.
pub struct Field {
    /// Its name in the protocol.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: FieldKind,
    /// Where it may be used.
    pub scope: Scope,
    /// The attributes ([`bit`]) that a flow must be read with to have it.
    pub needs: u32,
    /// What of an entry it is to the kernel.
    pub(crate) kernel: KernelPart,
    /// The words that a filter takes in place of its numbers.
    pub(crate) words: Words,
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

    /// A field that the program itself names; the compiler refuses a name that none has.
    #[allow(clippy::indexing_slicing)] // Runs in the compiler alone.
    pub(super) const fn always(name: &str) -> Self {
        let mut at = 0;
        while !same(FIELDS[at].name.as_bytes(), name.as_bytes()) {
            at += 1;
        }
        FieldId(at as u8)
    }

    /// The name that is nearest to one that no field has, if a slip of the pen explains the difference.
    #[must_use]
    pub fn nearest(name: &str) -> Option<&'static str> {
        nearest(name, &mut FIELDS.iter().map(|f| f.name))
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
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl FieldKind {
    /// Whether a filter on it takes a text as it is.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, FieldKind::Text | FieldKind::Part)
    }
}

impl Field {
    /// The field as a part of an entry by which the kernel can filter.
    const fn by_kernel(mut self, part: KernelPart) -> Self {
        self.kernel = part;
        self
    }

    /// The field with words for its numbers.
    const fn with(mut self, words: Words) -> Self {
        self.words = words;
        self
    }

    /// The field's value in `flow`; `None` if the flow has not the field, and always for a field with many values.
    #[inline]
    #[must_use]
    pub(crate) fn value<'a>(&self, flow: &Flow, context: &'a Context) -> Option<FieldValue<'a>> {
        match self.get {
            Get::One(get) => get(flow, context),
            Get::Any(_) => None,
        }
    }

    /// The field's values in `flow`, for a filter.
    #[inline]
    #[must_use]
    pub(crate) fn values<'a>(&self, flow: &Flow, context: &'a Context) -> [Option<FieldValue<'a>>; 4] {
        match self.get {
            Get::One(get) => [get(flow, context), None, None, None],
            Get::Any(get) => get(flow, context),
        }
    }
}

pub(super) const ORIG: u32 = bit(CTA_TUPLE_ORIG);
pub(super) const REPL: u32 = bit(CTA_TUPLE_REPLY);
pub(super) const COUNTERS: u32 = bit(CTA_COUNTERS_ORIG) | bit(CTA_COUNTERS_REPLY);
/// No attribute: stands in `needs` for the rates of a flow, which are had from its counters in two readings.
pub(crate) const RATES: u32 = 1 << 31;
const BYTE: FieldKind = FieldKind::Int(u8::MAX as u64);
const PORT: FieldKind = FieldKind::Int(u16::MAX as u64);
const WORD: FieldKind = FieldKind::Int(u32::MAX as u64);
const LONG: FieldKind = FieldKind::Int(u64::MAX);

const fn row(
    name: &'static str,
    kind: FieldKind,
    needs: u32,
    get: for<'a> fn(&Flow, &'a Context) -> Option<FieldValue<'a>>,
) -> Field {
    Field {
        name,
        kind,
        scope: Scope::Row,
        needs,
        kernel: KernelPart::None,
        words: Words::None,
        get: Get::One(get),
    }
}

const fn sort(
    name: &'static str,
    kind: FieldKind,
    needs: u32,
    get: for<'a> fn(&Flow, &'a Context) -> Option<FieldValue<'a>>,
) -> Field {
    let mut field = row(name, kind, needs, get);
    field.scope = Scope::Sort;
    field
}

const fn any(name: &'static str, kind: FieldKind, get: Several) -> Field {
    Field {
        name,
        kind,
        scope: Scope::Filter,
        needs: ORIG | REPL,
        kernel: KernelPart::None,
        words: Words::None,
        get: Get::Any(get),
    }
}

/// Every field. `id` is first: [`FieldSet::ID_ONLY`] counts on it.
pub const FIELDS: &[Field] = &[
    row("id", FieldKind::Id, bit(CTA_ID), |f, _| int(f.id)),
    row("orig_l3proto", BYTE, ORIG, |f, _| int(f.orig.map(|t| t.l3proto)))
        .with(Words::Family)
        .by_kernel(KernelPart::Family),
    row("orig_l4proto", BYTE, ORIG, |f, _| int(f.orig.map(|t| t.l4proto)))
        .with(Words::Protocol)
        .by_kernel(KernelPart::OrigProto),
    row("repl_l3proto", BYTE, REPL, |f, _| int(f.repl.map(|t| t.l3proto)))
        .with(Words::Family)
        .by_kernel(KernelPart::Family),
    row("repl_l4proto", BYTE, REPL, |f, _| int(f.repl.map(|t| t.l4proto)))
        .with(Words::Protocol)
        .by_kernel(KernelPart::ReplProto),
    row("orig_ipv4_src", FieldKind::Ipv4, ORIG, |f, _| v4(&f.orig, |t| t.src)).by_kernel(KernelPart::OrigSrc),
    row("orig_ipv4_dst", FieldKind::Ipv4, ORIG, |f, _| v4(&f.orig, |t| t.dst)).by_kernel(KernelPart::OrigDst),
    row("repl_ipv4_src", FieldKind::Ipv4, REPL, |f, _| v4(&f.repl, |t| t.src)).by_kernel(KernelPart::ReplSrc),
    row("repl_ipv4_dst", FieldKind::Ipv4, REPL, |f, _| v4(&f.repl, |t| t.dst)).by_kernel(KernelPart::ReplDst),
    row("orig_ipv6_src", FieldKind::Ipv6, ORIG, |f, _| v6(&f.orig, |t| t.src)).by_kernel(KernelPart::OrigSrc),
    row("orig_ipv6_dst", FieldKind::Ipv6, ORIG, |f, _| v6(&f.orig, |t| t.dst)).by_kernel(KernelPart::OrigDst),
    row("repl_ipv6_src", FieldKind::Ipv6, REPL, |f, _| v6(&f.repl, |t| t.src)).by_kernel(KernelPart::ReplSrc),
    row("repl_ipv6_dst", FieldKind::Ipv6, REPL, |f, _| v6(&f.repl, |t| t.dst)).by_kernel(KernelPart::ReplDst),
    row("orig_port_src", PORT, ORIG, |f, _| int(ports(&f.orig).map(|p| p.0)))
        .with(Words::Service)
        .by_kernel(KernelPart::OrigSrcPort),
    row("orig_port_dst", PORT, ORIG, |f, _| int(ports(&f.orig).map(|p| p.1)))
        .with(Words::Service)
        .by_kernel(KernelPart::OrigDstPort),
    row("repl_port_src", PORT, REPL, |f, _| int(ports(&f.repl).map(|p| p.0)))
        .with(Words::Service)
        .by_kernel(KernelPart::ReplSrcPort),
    row("repl_port_dst", PORT, REPL, |f, _| int(ports(&f.repl).map(|p| p.1)))
        .with(Words::Service)
        .by_kernel(KernelPart::ReplDstPort),
    row("icmp_type", BYTE, ORIG, |f, _| int(icmp(f).map(|i| i.0))).by_kernel(KernelPart::IcmpType),
    row("icmp_code", BYTE, ORIG, |f, _| int(icmp(f).map(|i| i.1))).by_kernel(KernelPart::IcmpCode),
    row("icmp_id", PORT, ORIG, |f, _| int(icmp(f).map(|i| i.2))).by_kernel(KernelPart::IcmpId),
    row("tcp_state", BYTE, bit(CTA_PROTOINFO), |f, _| int(f.tcp_state)).with(Words::TcpState),
    row("mark", FieldKind::Bits, bit(CTA_MARK), |f, _| int(Some(f.mark_or_zero())))
        .by_kernel(KernelPart::Mark),
    row("status", FieldKind::Bits, bit(CTA_STATUS), |f, _| int(f.status))
        .with(Words::Status)
        .by_kernel(KernelPart::Status),
    row("use", WORD, bit(CTA_USE), |f, _| int(f.uses)),
    row("timeout", WORD, bit(CTA_TIMEOUT), |f, _| int(f.timeout)),
    row("orig_counter_packets", LONG, bit(CTA_COUNTERS_ORIG), |f, _| int(f.orig_counters.map(|c| c.packets))),
    row("orig_counter_bytes", LONG, bit(CTA_COUNTERS_ORIG), |f, _| int(f.orig_counters.map(|c| c.bytes))),
    row("repl_counter_packets", LONG, bit(CTA_COUNTERS_REPLY), |f, _| {
        int(f.repl_counters.map(|c| c.packets))
    }),
    row("repl_counter_bytes", LONG, bit(CTA_COUNTERS_REPLY), |f, _| int(f.repl_counters.map(|c| c.bytes))),
    row("orig_rate", WORD, RATES, |f, _| int(f.rates.map(|r| r.orig))),
    row("repl_rate", WORD, RATES, |f, _| int(f.rates.map(|r| r.repl))),
    row("start", WORD, bit(CTA_TIMESTAMP), |f, _| int(f.start_ns.map(|ns| ns / 1_000_000_000))),
    // A zone that the kernel leaves out is 0.
    row("zone", PORT, bit(CTA_ZONE), |f, _| int(f.zone.or(Some(0)))).by_kernel(KernelPart::Zone),
    row("orig_zone", PORT, ORIG, |f, _| int(f.orig.and_then(|t| t.zone))),
    row("repl_zone", PORT, REPL, |f, _| int(f.repl.and_then(|t| t.zone))),
    row("sctp_state", BYTE, bit(CTA_PROTOINFO), |f, _| int(f.sctp_state)).with(Words::SctpState),
    row("gre_key_src", PORT, ORIG, |f, _| int(gre_keys(f).map(|k| k.0))),
    row("gre_key_dst", PORT, ORIG, |f, _| int(gre_keys(f).map(|k| k.1))),
    row("nat", FieldKind::Word, ORIG | REPL, |f, _| int(Some(nat::translated(f)).filter(|&bits| bits != 0)))
        .with(Words::Nat),
    row("nat_src", FieldKind::End, ORIG | REPL, |f, _| nat_end(f, nat::SOURCE)),
    row("nat_dst", FieldKind::End, ORIG | REPL, |f, _| nat_end(f, nat::DESTINATION)),
    row("helper", FieldKind::Text, bit(CTA_HELP), |f, c| {
        f.helper.map(|l| FieldValue::Text(c.labels.text(l)))
    }),
    row("secctx", FieldKind::Text, bit(CTA_SECCTX), |f, c| {
        f.secctx.map(|l| FieldValue::Text(c.labels.text(l)))
    }),
    row("user_id", WORD, bit(CTA_MARK), |f, c| int(c.user_id(f))),
    row("username", FieldKind::Text, bit(CTA_MARK), |f, c| c.user_name(f).map(FieldValue::Text)),
    row("orig_src_name", FieldKind::Text, ORIG, |f, c| name(&f.orig, |t| t.src, c)),
    row("orig_dst_name", FieldKind::Text, ORIG, |f, c| name(&f.orig, |t| t.dst, c)),
    row("repl_src_name", FieldKind::Text, REPL, |f, c| name(&f.repl, |t| t.src, c)),
    sort("orig_src", FieldKind::Ip, ORIG, |f, _| ip(&f.orig, |t| t.src)).by_kernel(KernelPart::OrigSrc),
    sort("orig_dst", FieldKind::Ip, ORIG, |f, _| ip(&f.orig, |t| t.dst)).by_kernel(KernelPart::OrigDst),
    sort("repl_src", FieldKind::Ip, REPL, |f, _| ip(&f.repl, |t| t.src)).by_kernel(KernelPart::ReplSrc),
    sort("repl_dst", FieldKind::Ip, REPL, |f, _| ip(&f.repl, |t| t.dst)).by_kernel(KernelPart::ReplDst),
    sort("bytes", LONG, COUNTERS, |f, _| sum(f, |c| c.bytes)),
    sort("packets", LONG, COUNTERS, |f, _| sum(f, |c| c.packets)),
    sort("rate", LONG, RATES, |f, _| int(f.rates.map(|r| u64::from(r.orig) + u64::from(r.repl)))),
    any("host", FieldKind::Ip, |f, _| {
        [ip(&f.orig, |t| t.src), ip(&f.orig, |t| t.dst), ip(&f.repl, |t| t.src), ip(&f.repl, |t| t.dst)]
    })
    .by_kernel(KernelPart::AnyAddress),
    any("port", PORT, |f, _| {
        let (orig, repl) = (ports(&f.orig), ports(&f.repl));
        [int(orig.map(|p| p.0)), int(orig.map(|p| p.1)), int(repl.map(|p| p.0)), int(repl.map(|p| p.1))]
    })
    .with(Words::Service),
    any("name", FieldKind::Part, |f, c| {
        [name(&f.orig, |t| t.src, c), name(&f.orig, |t| t.dst, c), name(&f.repl, |t| t.src, c), None]
    }),
];

/// The field `id`, which every row has.
pub(crate) const ID: FieldId = FieldId::always("id");

/// The field `timeout`, the one that changes by itself.
pub(crate) const TIMEOUT: FieldId = FieldId::always("timeout");

/// The field `host`: any of the four addresses.
pub(crate) const ANY_HOST: FieldId = FieldId::always("host");

/// The field `port`: any of the four ports.
pub(crate) const ANY_PORT: FieldId = FieldId::always("port");

const fn same(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([a, rest @ ..], [b, others @ ..]) => *a == *b && same(rest, others),
        _ => false,
    }
}
