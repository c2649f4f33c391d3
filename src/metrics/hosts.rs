//! Flows and rates of the hosts of one network, so many of them by name and all others as one.

use crate::conntrack::flow::{Address, Flow, Rates};
use crate::conntrack::uapi::AF_INET;
use crate::limits::METRICS_HOSTS;
use crate::query::net::Net;

/// One host, or all that have no place of their own. A free place is all zeros, which costs the least to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    pub(super) address: Address,
    /// `AF_INET`, `AF_INET6`, or 0 for a free place.
    pub(super) family: u8,
    /// Any of its flows has a rate.
    pub(super) has_rate: bool,
    pub(super) flows: u32,
    /// Bytes a second that go to it and that come from it.
    pub(super) receives: u64,
    pub(super) transmits: u64,
}

/// The hosts. Who has a place keeps it for as long as it has flows, so that the same hosts are told of each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hosts {
    places: [Host; METRICS_HOSTS],
    other: Host,
}

impl Hosts {
    /// No hosts.
    pub(super) const NONE: Hosts = Hosts { places: [Host::NONE; METRICS_HOSTS], other: Host::NONE };

    /// The same places for those hosts that have flows, with nothing counted.
    pub(super) fn emptied(&self) -> Hosts {
        let mut emptied = Hosts::NONE;
        let kept = self.places.iter().filter(|host| host.flows > 0);
        for (place, host) in emptied.places.iter_mut().zip(kept) {
            (place.address, place.family) = (host.address, host.family);
        }
        emptied
    }

    /// Counts a flow of a host of `net`: the one that began it, or else the one that answers, which behind a port forward is
    /// not the one that was asked.
    pub(super) fn count(&mut self, flow: &Flow, net: &Net) {
        for (side, tuple) in [&flow.orig, &flow.repl].into_iter().enumerate() {
            let Some(tuple) = tuple else { continue };
            if net.contains(&tuple.src, tuple.l3proto == AF_INET) {
                return self.place(&tuple.src, tuple.l3proto).add(flow.rates, side == 1);
            }
        }
    }

    /// The place of a host: its own, a free one, or that of all others.
    fn place(&mut self, address: &Address, family: u8) -> &mut Host {
        // Places are taken from the front, so that the first free one ends the search.
        let is_its = |host: &Host| host.family == 0 || (host.family == family && host.address == *address);
        let Some(place) = self.places.iter_mut().find(|host| is_its(host)) else {
            return &mut self.other;
        };
        (place.address, place.family) = (*address, family);
        place
    }

    /// The host in this place; behind the last one all others.
    pub(super) fn get(&self, at: usize) -> Option<&Host> {
        if at == METRICS_HOSTS { Some(&self.other) } else { self.places.get(at) }
    }
}

impl Host {
    const NONE: Host =
        Host { address: [0; 16], family: 0, has_rate: false, flows: 0, receives: 0, transmits: 0 };

    fn add(&mut self, rates: Option<Rates>, is_answering: bool) {
        self.flows = self.flows.saturating_add(1);
        let Some(rates) = rates else {
            return;
        };
        let (sent, received) = if is_answering { (rates.repl, rates.orig) } else { (rates.orig, rates.repl) };
        self.has_rate = true;
        self.receives += u64::from(received);
        self.transmits += u64::from(sent);
    }
}
