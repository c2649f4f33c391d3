//! Flows and rates of the hosts of one network, so many of them by name and all others as one.

use crate::conntrack::flow::{Address, Flow, Rates};
use crate::conntrack::uapi::AF_INET;
use crate::limits::METRICS_HOSTS;
use crate::query::net::Net;

/// One host, or all that have no place of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Host {
    /// Its address, and whether that is IPv4. `None` is a free place.
    pub(super) address: Option<(Address, bool)>,
    pub(super) flows: u32,
    /// Bytes a second that go to it and come from it, where any of its flows has a rate.
    pub(super) rates: Option<(u64, u64)>,
}

/// The hosts. Who has a place keeps it for as long as it has flows, so that the same hosts are told of each time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hosts {
    places: [Host; METRICS_HOSTS],
    other: Host,
}

impl Hosts {
    /// The same places for those hosts that have flows, with nothing counted.
    pub(super) fn emptied(&self) -> Hosts {
        let mut emptied = Hosts::default();
        let kept = self.places.iter().filter(|host| host.flows > 0);
        for (place, host) in emptied.places.iter_mut().zip(kept) {
            place.address = host.address;
        }
        emptied
    }

    /// Counts a flow of a host of `net`: the one that began it, or else the one that answers, which behind a port forward is
    /// not the one that was asked.
    pub(super) fn count(&mut self, flow: &Flow, net: &Net) {
        let asks = flow.orig.map(|tuple| (tuple, false));
        let answers = flow.repl.map(|tuple| (tuple, true));
        for (tuple, is_answering) in [asks, answers].into_iter().flatten() {
            let v4 = tuple.l3proto == AF_INET;
            if net.contains(&tuple.src, v4) {
                return self.place((tuple.src, v4)).add(flow.rates, is_answering);
            }
        }
    }

    /// The place of a host: its own, a free one, or that of all others.
    fn place(&mut self, address: (Address, bool)) -> &mut Host {
        let taken = self.places.iter().position(|host| host.address == Some(address));
        let at = taken.or_else(|| self.places.iter().position(|host| host.address.is_none()));
        let Some(place) = at.and_then(|at| self.places.get_mut(at)) else {
            return &mut self.other;
        };
        place.address = Some(address);
        place
    }

    /// The host in this place; behind the last one all others.
    pub(super) fn get(&self, at: usize) -> Option<&Host> {
        if at == METRICS_HOSTS { Some(&self.other) } else { self.places.get(at) }
    }
}

impl Host {
    fn add(&mut self, rates: Option<Rates>, is_answering: bool) {
        self.flows = self.flows.saturating_add(1);
        let Some(rates) = rates else {
            return;
        };
        let (mut sent, mut received) = (u64::from(rates.orig), u64::from(rates.repl));
        if is_answering {
            core::mem::swap(&mut sent, &mut received);
        }
        let (to, from) = self.rates.unwrap_or_default();
        self.rates = Some((to + received, from + sent));
    }
}
