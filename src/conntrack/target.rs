//! What a delete or an update is for: exactly one entry.

use super::attr::Builder;
use super::flow::{Flow, Tuple};
use super::uapi::*;

/// What names exactly one entry to the kernel: its original tuple, its zone and its id.
///
/// A zone that holds for the original direction alone is a part of the tuple, and one that holds for the reply alone is no
/// part of the key: the kernel then looks for the original tuple in zone 0 (`nf_ct_zone_id`).
///
/// A delete request without a tuple flushes the whole table. So the request can be built from a `Target` alone
/// ([`super::request::delete`]), and a `Target` can be had only from a flow that has all three: the fields are
/// private and there is no other constructor. With the id in the request the kernel itself refuses (ENOENT) when a
/// connection with another id has taken the tuple over (`ctnetlink_del_conntrack`).
///
/// That tells most successors apart, and not all: the id is a hash over the entry's address in memory and its tuples
/// (`nf_ct_get_id`), so that a new connection of the same tuples which is put where the old one was has the old one's id. Of
/// 25 made within a moment 13 had it. Nothing else that the kernel gives tells these two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    tuple: Tuple,
    zone: Option<u16>,
    id: u32,
}

/// The attributes that [`Target::of`] needs. Mutants: as of [`super::flow::ALL`].
pub const TARGET: u32 = bit(CTA_TUPLE_ORIG) | bit(CTA_ZONE) | bit(CTA_ID);

impl Target {
    /// The target that `flow` is; `None` if the flow was read without its tuple or its id.
    ///
    /// The flow must have been read with at least [`TARGET`]: a zone that was not read is taken as zone 0, and the
    /// kernel then finds no entry.
    #[must_use]
    pub fn of(flow: &Flow) -> Option<Self> {
        let (tuple, id) = (flow.orig?, flow.id?);
        let known = tuple.l3proto == AF_INET || tuple.l3proto == AF_INET6;
        known.then_some(Target { tuple, zone: flow.zone, id })
    }

    /// The entry's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The layer 3 protocol, which the request's header names.
    #[must_use]
    pub fn l3proto(&self) -> u8 {
        self.tuple.l3proto
    }

    /// Writes tuple and zone.
    pub(super) fn emit(&self, to: &mut Builder<'_>) {
        to.nest(CTA_TUPLE_ORIG, |to| self.tuple.emit(to));
        if let Some(zone) = self.zone {
            to.put_be16(CTA_ZONE, zone);
        }
    }
}
