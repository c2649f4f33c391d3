//! Where in a flow the values of fields are.

use super::FieldValue;
use crate::conntrack::flow::{Address, Counters, Ends, Flow, Tuple};
use crate::conntrack::uapi::*;
use crate::query::context::Context;
use crate::query::nat;

#[inline]
pub(super) fn int<T: Into<u64>>(value: Option<T>) -> Option<FieldValue<'static>> {
    value.map(|v| FieldValue::Int(v.into()))
}

#[inline]
pub(super) fn ip(tuple: &Option<Tuple>, side: fn(&Tuple) -> Address) -> Option<FieldValue<'static>> {
    let tuple = tuple.as_ref()?;
    Some(FieldValue::Ip(side(tuple), tuple.l3proto == AF_INET))
}

#[inline]
pub(super) fn v4(tuple: &Option<Tuple>, side: fn(&Tuple) -> Address) -> Option<FieldValue<'static>> {
    ip(tuple, side).filter(|v| matches!(v, FieldValue::Ip(_, true)))
}

#[inline]
pub(super) fn v6(tuple: &Option<Tuple>, side: fn(&Tuple) -> Address) -> Option<FieldValue<'static>> {
    ip(tuple, side).filter(|v| matches!(v, FieldValue::Ip(_, false)))
}

/// The name of the host on one side.
#[inline(never)]
pub(super) fn name<'a>(
    tuple: &Option<Tuple>,
    side: fn(&Tuple) -> Address,
    context: &'a Context,
) -> Option<FieldValue<'a>> {
    context.names.name(&side(tuple.as_ref()?)).map(FieldValue::Text)
}

/// Source and destination port, of the protocols that have such. (The kernel also sends the keys of GRE as ports.)
#[inline]
pub(in crate::query) fn ports(tuple: &Option<Tuple>) -> Option<(u16, u16)> {
    let tuple = tuple.as_ref()?;
    match (tuple.l4proto, tuple.ends) {
        (
            IPPROTO_TCP | IPPROTO_UDP | IPPROTO_UDPLITE | IPPROTO_SCTP | IPPROTO_DCCP,
            Ends::Ports { src, dst },
        ) => Some((src, dst)),
        _ => None,
    }
}

/// What the source, or the destination, was translated to: where replies go to, or come from.
pub(super) fn nat_end(flow: &Flow, which: u32) -> Option<FieldValue<'static>> {
    let repl = flow.repl.as_ref().filter(|_| nat::translated(flow) & which != 0)?;
    let ports = ports(&flow.repl);
    let is_source = which == nat::SOURCE;
    let port = ports.map(|ports| if is_source { ports.1 } else { ports.0 });
    Some(FieldValue::End(if is_source { repl.dst } else { repl.src }, repl.l3proto == AF_INET, port))
}

/// The keys of GRE (the call identifiers of PPTP), as the original direction has them.
#[inline]
pub(super) fn gre_keys(flow: &Flow) -> Option<(u16, u16)> {
    match flow.orig {
        Some(Tuple { l4proto: IPPROTO_GRE, ends: Ends::Ports { src, dst }, .. }) => Some((src, dst)),
        _ => None,
    }
}

/// Type, code and identifier of ICMP and ICMPv6, as the original direction has them.
#[inline]
pub(super) fn icmp(flow: &Flow) -> Option<(u8, u8, u16)> {
    match flow.orig.as_ref()?.ends {
        Ends::Icmp { kind, code, id } => Some((kind, code, id)),
        _ => None,
    }
}

/// The sum of both directions.
#[inline]
pub(super) fn sum(flow: &Flow, part: fn(Counters) -> u64) -> Option<FieldValue<'static>> {
    let both = [flow.orig_counters, flow.repl_counters];
    let known = both.iter().any(Option::is_some);
    let sum = both.into_iter().flatten().map(part);
    known.then(|| FieldValue::Int(sum.fold(0, u64::saturating_add)))
}
