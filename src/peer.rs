//! Who is at the other end of a connection, as far as logins and sessions care.

use crate::address::ShownAddress;
use std::net::{IpAddr, Ipv6Addr};

/// The far end of a connection: its address without the port, which is another for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A unix socket: some process of this machine, most often a proxy.
    Unix,
    /// An address. An IPv4 address that came in over an IPv6 socket is an IPv4 one: see [`Peer::new`].
    Ip(IpAddr),
}

impl core::fmt::Display for Peer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Peer::Unix => f.write_str("a unix socket"),
            Peer::Ip(address) => ShownAddress(*address).fmt(f),
        }
    }
}

impl Peer {
    /// The peer with this address; `::ffff:192.0.2.1` is 192.0.2.1.
    pub fn new(address: IpAddr) -> Peer {
        Peer::Ip(address.to_canonical())
    }

    /// True for the machine itself: unix sockets, 127.0.0.0/8 and ::1.
    #[inline(never)]
    pub fn is_local(&self) -> bool {
        match self {
            Peer::Unix => true,
            Peer::Ip(address) => address.is_loopback(),
        }
    }

    /// With whom the peer has a share of what is shared out: its network, or all of the machine itself.
    #[inline(never)]
    pub fn sharers(&self) -> Peer {
        if self.is_local() { Peer::Unix } else { self.network() }
    }

    /// The peer as one who counts addresses sees it: of IPv6 the /64 network, since whoever has one of its addresses
    /// can have them all (RFC 4291, section 2.5.1).
    #[inline(never)]
    pub fn network(&self) -> Peer {
        match self {
            Peer::Ip(IpAddr::V6(address)) => {
                let network = u128::from(*address) & !u128::from(u64::MAX);
                // ::1 must not be taken for the network of ::.
                if address.is_loopback() { *self } else { Peer::Ip(Ipv6Addr::from(network).into()) }
            }
            _ => *self,
        }
    }
}
