//! What fields and filters depend on beside the flow itself.

use super::names::HostNames;
use super::net::Net;
use super::rates::Meter;
use super::users::UserNames;
use crate::conntrack::flow::Flow;
use crate::conntrack::label::Labels;
use crate::conntrack::uapi::{
    AF_INET, CTA_PROTOINFO, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, TCP_CONNTRACK_TIME_WAIT, bit,
};
use crate::limits::{IGNORED_NETS, LAN_NETS};
use heapless::Vec;

/// Labels, names of users and hosts, and which flows are hidden from every view and filter.
#[derive(Debug, Default)]
pub struct Context {
    /// Helper names and security contexts.
    pub labels: Labels,
    /// User names by number.
    pub(crate) users: UserNames,
    /// Names of hosts by address.
    pub(crate) names: HostNames,
    /// How fast flows are.
    pub(crate) rates: Meter,
    /// Which bits of the mark are a user's number; 0 for none.
    pub uid_mask: u32,
    /// Flows from or to these are hidden.
    pub ignored: Vec<Net, IGNORED_NETS>,
    /// The networks that are inside: where the local end of a flow is.
    pub lan: Vec<Net, LAN_NETS>,
    /// Whether TCP connections in TIME_WAIT are hidden.
    pub hide_time_wait: bool,
}

impl Context {
    /// The number of the user in the flow's mark.
    #[must_use]
    pub(crate) fn user_id(&self, flow: &Flow) -> Option<u32> {
        let shift = self.uid_mask.trailing_zeros();
        (self.uid_mask != 0).then(|| (flow.mark_or_zero() & self.uid_mask) >> shift)
    }

    /// The name of the user in the flow's mark, if the number has one.
    #[must_use]
    pub(crate) fn user_name(&self, flow: &Flow) -> Option<&[u8]> {
        self.users.name(self.user_id(flow)?).map(str::as_bytes)
    }

    /// The attributes that [`Context::hides`] needs.
    #[must_use]
    pub(crate) fn needs(&self) -> u32 {
        let tuples = if self.ignored.is_empty() { 0 } else { bit(CTA_TUPLE_ORIG) | bit(CTA_TUPLE_REPLY) };
        tuples | if self.hide_time_wait { bit(CTA_PROTOINFO) } else { 0 }
    }

    /// Whether the flow is hidden: from or to an ignored network in either direction, or in TIME_WAIT.
    #[must_use]
    #[inline]
    pub(crate) fn hides(&self, flow: &Flow) -> bool {
        if self.hide_time_wait && flow.tcp_state == Some(TCP_CONNTRACK_TIME_WAIT) {
            return true;
        }
        !self.ignored.is_empty() && self.is_ignored(flow)
    }

    fn is_ignored(&self, flow: &Flow) -> bool {
        [&flow.orig, &flow.repl].into_iter().flatten().any(|tuple| {
            let v4 = tuple.l3proto == AF_INET;
            self.ignored.iter().any(|net| net.contains(&tuple.src, v4) || net.contains(&tuple.dst, v4))
        })
    }
}
