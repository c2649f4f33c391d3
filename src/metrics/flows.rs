//! Flows counted by protocol, family, state of TCP and flag, and by host: what one scan of the table says of it.

use super::hosts::Hosts;
use crate::conntrack::flow::Flow;
use crate::conntrack::uapi::{AF_INET, CTA_PROTOINFO, CTA_STATUS, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, bit};
use crate::limits::METRICS_OLD_MS;
use crate::query::field::RATES;
use crate::query::net::Net;

/// The numbers of the protocols that are counted one by one; behind them all others are one.
pub(super) static PROTOCOLS: [u8; 6] = [6, 17, 1, 58, 132, 47];

/// The families, in the order in which they are counted.
pub(super) static FAMILIES: [&str; 2] = ["ipv4", "ipv6"];

/// States of TCP connections, which are counted by number.
pub(super) const STATES: usize = 10;

/// Flags, and the bits of the status of which one at least is set for them (`IPS_*`, `nf_conntrack_common.h`). The first is
/// the other way round: a flow that has seen no reply.
pub(super) static FLAGS: [(&str, u32); 5] = [
    ("unreplied", 1 << 1),
    ("assured", 1 << 2),
    ("snat", 1 << 4),
    ("dnat", 1 << 5),
    ("offloaded", 1 << 14 | 1 << 15),
];

/// What one scan has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(super) protocols: [[u32; FAMILIES.len()]; PROTOCOLS.len() + 1],
    pub(super) states: [u32; STATES],
    pub(super) flags: [u32; FLAGS.len()],
    pub(super) hosts: Hosts,
}

impl Counts {
    const NONE: Counts = Counts {
        protocols: [[0; FAMILIES.len()]; PROTOCOLS.len() + 1],
        states: [0; STATES],
        flags: [0; FLAGS.len()],
        hosts: Hosts::NONE,
    };

    fn count(&mut self, flow: &Flow, net: Option<&Net>) {
        let Some(orig) = flow.orig else {
            return;
        };
        let protocol = PROTOCOLS.iter().position(|number| *number == orig.l4proto);
        let family = usize::from(orig.l3proto != AF_INET);
        let by_family = self.protocols.get_mut(protocol.unwrap_or(PROTOCOLS.len()));
        add(by_family.and_then(|by_family| by_family.get_mut(family)));
        if let Some(state) = flow.tcp_state {
            add(self.states.get_mut(usize::from(state)));
        }
        let status = flow.status.unwrap_or_default();
        for (at, (_, bits)) in FLAGS.iter().enumerate() {
            if (status & bits != 0) != (at == 0) {
                add(self.flags.get_mut(at));
            }
        }
        if let Some(net) = net {
            self.hosts.count(flow, net);
        }
    }
}

fn add(count: Option<&mut u32>) {
    if let Some(count) = count {
        *count = count.saturating_add(1);
    }
}

/// The counts of the last scan that was for them, and those of the one under way.
#[derive(Debug)]
pub(crate) struct TableCounts {
    last: Counts,
    /// When the scan of `last` began, in milliseconds.
    began_ms: Option<u64>,
    next: Counts,
    /// The network whose hosts are told apart.
    net: Option<Net>,
}

impl TableCounts {
    /// Nothing counted yet. Of `net` the hosts are told apart.
    #[must_use]
    pub(crate) fn new(net: Option<Net>) -> Self {
        TableCounts { last: Counts::NONE, began_ms: None, next: Counts::NONE, net }
    }

    /// The attributes that a flow must be read with to be counted.
    #[must_use]
    pub(crate) fn needs(&self) -> u32 {
        let of_hosts = if self.net.is_some() { bit(CTA_TUPLE_REPLY) | RATES } else { 0 };
        bit(CTA_TUPLE_ORIG) | bit(CTA_STATUS) | bit(CTA_PROTOINFO) | of_hosts
    }

    /// Whether the last counts are young enough to be told once more.
    #[must_use]
    pub(crate) fn is_fresh(&self, now_ms: u64) -> bool {
        self.began_ms.is_some_and(|began_ms| now_ms.saturating_sub(began_ms) < METRICS_OLD_MS)
    }

    /// A scan begins.
    pub(crate) fn begin(&mut self) {
        self.next = Counts::NONE;
        self.next.hosts = self.last.hosts.emptied();
    }

    /// Counts a flow of the scan.
    pub(crate) fn count(&mut self, flow: &Flow) {
        self.next.count(flow, self.net.as_ref());
    }

    /// The scan, which began at `began_ms`, has come to its end.
    pub(crate) fn end(&mut self, began_ms: u64) {
        (self.last, self.began_ms) = (self.next, Some(began_ms));
    }

    /// What the last scan has counted.
    #[must_use]
    pub(crate) fn last(&self) -> Counts {
        self.last
    }

    /// Whether hosts are told apart.
    #[must_use]
    pub(crate) fn has_hosts(&self) -> bool {
        self.net.is_some()
    }
}
