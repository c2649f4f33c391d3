//! Requests for the metrics: who may make them, and what comes of them.

use super::Server;
use super::client::Next;
use crate::auth::Peer;
use crate::config::Metrics;
use crate::conntrack::flow::carried;
use crate::http::{Error, Head};
use crate::rpc::{Asker, Clients, World};
use crate::syntax::Syntax;

impl Server {
    /// Begins the reply to a request for the metrics, if its client may read them.
    pub(super) fn begin_metrics(&mut self, slot: usize, head: Head, now_ms: u64) -> Next {
        let last = self.is_last(slot, now_ms);
        let clients = Clients { now: self.slots.taken().count(), most: self.slots.most() };
        let Some(client) = self.slots.get_mut(slot) else {
            return Next::Wait;
        };
        if !allows(&self.metrics, client.peer) {
            return self.refuse(slot, Error::MetricsRefused, now_ms);
        }
        if head.head_only {
            client.send_bare_head(head, last, now_ms);
            return Next::Go;
        }
        let asker = Asker { peer: client.peer, ends: client.ends, syntax: Syntax::default() };
        let world = World { kernel: &mut self.control, dump: None, is_unsent: true, now_ms };
        self.engine.begin_metrics(slot, asker, clients, &world);
        Next::Go
    }
}

/// Whether a client may read the metrics: one of the networks that were given, or of the machine itself if none was.
fn allows(metrics: &Metrics, peer: Peer) -> bool {
    match peer {
        _ if metrics.allow.is_empty() => peer.is_local(),
        Peer::Unix => false,
        Peer::Ip(address) => {
            let (address, v4) = carried(address);
            metrics.allow.iter().any(|net| net.contains(&address, v4))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::net::Net;

    #[test]
    fn the_networks_that_were_given_are_all() {
        let peer = |text: &str| Peer::new(text.parse().unwrap());
        let none = Metrics::default();
        for (who, may) in [
            (Peer::Unix, true),
            (peer("127.0.0.1"), true),
            (peer("127.9.9.9"), true),
            (peer("::1"), true),
            (peer("::ffff:127.0.0.1"), true),
            (peer("192.0.2.1"), false),
            (peer("fe80::1"), false),
            (peer("::2"), false),
        ] {
            assert_eq!(allows(&none, who), may, "{who}");
        }
        let mut some = Metrics::default();
        for net in ["192.0.2.0/24", "2001:db8::/32"] {
            some.allow.push(Net::parse(net).unwrap()).unwrap();
        }
        for (who, may) in [
            (Peer::Unix, false),
            (peer("127.0.0.1"), false),
            (peer("::1"), false),
            (peer("192.0.2.255"), true),
            (peer("::ffff:192.0.2.9"), true),
            (peer("192.0.3.0"), false),
            (peer("2001:db8:ffff::1"), true),
            (peer("2001:db9::"), false),
        ] {
            assert_eq!(allows(&some, who), may, "{who}");
        }
    }
}
