//! A network: an address and how many of its leading bits count.

use crate::conntrack::flow::{Address, mapped};
use core::net::{IpAddr, Ipv4Addr};

/// An IPv4 or IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: u128,
    mask: u128,
    v4: bool,
}

impl Net {
    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(a) => Net::new(&mapped(a.octets()), 128, true),
            IpAddr::V6(a) => Net::new(&a.octets(), 128, false),
        }
    }

    fn new(address: &Address, bits: u32, v4: bool) -> Self {
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Net { address: u128::from_be_bytes(*address) & mask, mask, v4 }
    }

    /// Reads `ADDRESS` or `ADDRESS/BITS`. Bits of the address behind the mask are taken as 0, as routers do. `None` if
    /// it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let Some(bits) = bits else {
            return Some(Net::host(address));
        };
        let digits = bits.bytes().all(|b| b.is_ascii_digit()) && bits.len() <= 3;
        let bits: u32 = bits.parse().ok().filter(|_| digits)?;
        match address {
            IpAddr::V4(a) => (bits <= 32).then(|| Net::new(&mapped(a.octets()), 96 + bits, true)),
            IpAddr::V6(a) => (bits <= 128).then(|| Net::new(&a.octets(), bits, false)),
        }
    }

    /// The IPv4 address that the number is, in host order.
    #[must_use]
    pub fn from_u32(address: u32) -> Self {
        Net::host(IpAddr::V4(Ipv4Addr::from(address)))
    }

    /// Whether it is an IPv4 network.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.v4
    }

    /// Its one address, if it has but one.
    #[must_use]
    pub fn single(&self) -> Option<Address> {
        (self.mask == u128::MAX).then(|| self.address.to_be_bytes())
    }

    /// Whether the address is in it. An address of the other family never is.
    #[must_use]
    #[inline]
    pub fn contains(&self, address: &Address, v4: bool) -> bool {
        v4 == self.v4 && u128::from_be_bytes(*address) & self.mask == self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly() {
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            "::/129",
            "::1/-1",
            "1.2.3.4/008888",
            "x",
            " 1.2.3.4",
            "1.2.3.4/0x8",
        ] {
            assert_eq!(Net::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_in_a_network() {
        let inside = |net: &str, address: &str| {
            let net = Net::parse(net).expect("a network");
            let address: IpAddr = address.parse().expect("an address");
            match address {
                IpAddr::V4(a) => net.contains(&mapped(a.octets()), true),
                IpAddr::V6(a) => net.contains(&a.octets(), false),
            }
        };
        assert!(inside("192.0.2.0/24", "192.0.2.255"));
        assert!(!inside("192.0.2.0/24", "192.0.3.0"));
        assert!(inside("192.0.2.77/24", "192.0.2.1"), "bits behind the mask do not count");
        assert!(inside("0.0.0.0/0", "255.1.2.3"));
        assert!(!inside("0.0.0.0/0", "::1"), "the other family never is in it");
        assert!(!inside("::/0", "1.2.3.4"));
        assert!(inside("::/0", "ffff::1"));
        assert!(inside("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!inside("2001:db8::/33", "2001:db8:8000::1"));
        assert!(inside("10.1.2.3", "10.1.2.3"));
        assert_eq!(Net::from_u32(0xC000_0201), Net::parse("192.0.2.1").expect("one"));
    }
}
