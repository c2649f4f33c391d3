//! Networks and other ranges of addresses.

use crate::address::ShownAddress;
use crate::conntrack::flow::{Address, carried};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of one family from a lowest to a highest: one address, a network, or any other range.
// It takes whole words, so that it is copied word by word.
#[repr(align(4))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    low: Address,
    high: Address,
    v4: bool,
}

/// The text before the first such byte, which is ASCII, and the one behind it. One piece of code for all who read
/// addresses and filters.
#[inline(never)]
pub(crate) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|b| b == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// The lowest and the highest address of a network, in which so many bits of the address are free.
#[inline(never)]
pub(crate) fn network(address: Address, mut free: u32) -> (Address, Address) {
    let (mut low, mut high) = (address, address);
    for (low, high) in low.iter_mut().zip(&mut high).rev() {
        let mask = if free < 8 { (1 << free) - 1 } else { u8::MAX };
        *low &= !mask;
        *high |= mask;
        free = free.saturating_sub(8);
    }
    (low, high)
}

impl Net {
    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        let (address, v4) = carried(address);
        Net { low: address, high: address, v4 }
    }

    /// The network of one address, which is read.
    #[must_use]
    #[inline(never)]
    pub(crate) fn parse_host(text: &str) -> Option<Self> {
        Some(Net::host(text.parse().ok()?))
    }

    /// Reads `ADDRESS` or `ADDRESS/BITS`. Bits of the address behind the mask are taken as 0, as routers do. `None` if
    /// it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, bits)) = cut(text, b'/') else {
            return Net::parse_host(text);
        };
        let net = Net::parse_host(address)?;
        let digits = bits.bytes().all(|b| b.is_ascii_digit()) && bits.len() <= 3;
        let free = net.width().checked_sub(bits.parse().ok().filter(|_| digits)?)?;
        let (low, high) = network(net.low, free);
        Some(Net { low, high, ..net })
    }

    /// Reads what [`Net::parse`] reads, or `ADDRESS-ADDRESS`, both of one family, the lower one first.
    #[must_use]
    pub(crate) fn parse_range(text: &str) -> Option<Self> {
        let Some((low, high)) = cut(text, b'-') else {
            return Net::parse(text);
        };
        let (low, high) = (Net::parse_host(low)?, Net::parse_host(high)?);
        let fits = low.v4 == high.v4 && low.low <= high.low;
        fits.then_some(Net { high: high.low, ..low })
    }

    /// The IPv4 address that the number is, in host order.
    #[must_use]
    pub(crate) fn from_u32(address: u32) -> Self {
        Net::host(IpAddr::V4(Ipv4Addr::from(address)))
    }

    /// Whether it holds IPv4 addresses.
    #[must_use]
    pub(crate) fn is_v4(&self) -> bool {
        self.v4
    }

    /// Its one address, if it has but one.
    #[must_use]
    pub(crate) fn single(&self) -> Option<Address> {
        (self.low == self.high).then_some(self.low)
    }

    /// Whether the address is in it. An address of the other family never is.
    #[must_use]
    #[inline(never)]
    pub(crate) fn contains(&self, address: &Address, v4: bool) -> bool {
        let number = u128::from_be_bytes;
        let address = number(*address);
        v4 == self.v4 && number(self.low) <= address && address <= number(self.high)
    }

    /// Bits of its addresses.
    fn width(&self) -> u32 {
        if self.v4 { 32 } else { 128 }
    }

    /// The bits of its mask, if it is a network.
    fn mask_bits(&self) -> Option<u32> {
        let width = self.width();
        (0..=width).find(|bits| network(self.low, width - bits) == (self.low, self.high))
    }

    fn address(&self, address: Address) -> IpAddr {
        let v6 = Ipv6Addr::from(address);
        if self.v4 { v6.to_canonical() } else { IpAddr::V6(v6) }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", ShownAddress(self.address(self.low)))?;
        match self.mask_bits() {
            _ if self.low == self.high => Ok(()),
            Some(bits) => write!(f, "/{bits}"),
            None => write!(f, "-{}", ShownAddress(self.address(self.high))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conntrack::flow::mapped;

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
    #[test]
    fn ranges_are_read_strictly() {
        for bad in [
            "10.0.0.1-",
            "-10.0.0.1",
            "10.0.0.2-10.0.0.1",
            "1.2.3.4-::5",
            "::1-::",
            "1.2.3.4-1.2.3.5-1.2.3.6",
            "1.2.3.4-5",
        ] {
            assert_eq!(Net::parse_range(bad), None, "{bad}");
        }
        assert_eq!(Net::parse("10.0.0.1-10.0.0.2"), None, "a range is no network");
        let range = Net::parse_range("10.0.0.255-10.0.1.1").expect("a range");
        for (address, inside) in
            [([10, 0, 0, 254], false), ([10, 0, 0, 255], true), ([10, 0, 1, 1], true), ([10, 0, 1, 2], false)]
        {
            assert_eq!(range.contains(&mapped(address), true), inside, "{address:?}");
        }
        assert_eq!(range.single(), None);
        assert_eq!(Net::parse_range("::1-::1"), Net::parse("::1"));
        assert_eq!(Net::parse_range("10.0.0.0-10.255.255.255"), Net::parse("10.0.0.0/8"));
    }

    #[test]
    fn ranges_are_written_as_they_are_read() {
        for text in [
            "10.1.2.3",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "10.0.0.5-10.0.0.9",
            "10.0.0.1-10.0.0.2",
            "::1",
            "::/0",
            "2001:db8::/32",
            "2001:db8::1-2001:db8::ff",
            "::-::2",
        ] {
            assert_eq!(Net::parse_range(text).expect(text).to_string(), text);
        }
        assert_eq!(Net::parse("10.9.8.7/24").expect("a network").to_string(), "10.9.8.0/24");
        assert_eq!(Net::parse("10.9.8.7/32").expect("a network").to_string(), "10.9.8.7");
        assert_eq!(Net::parse_range("::-::1").expect("a range").to_string(), "::/127");
    }
}
