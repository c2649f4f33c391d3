//! Who is behind a proxy: the field in which it names its client (`--forwarded`).

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address that the proxy itself put into its field, such as `X-Forwarded-For` or `X-Real-IP`: the last of a list, since
/// what stands before it came from the client, who can write what it likes. With or without a port, in brackets or not.
pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    let last = value.rsplit(|&byte| byte == b',').next()?.trim_ascii();
    let text = core::str::from_utf8(last).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_counts() {
        for (value, wanted) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("10.0.0.1, evil, 192.0.2.7", Some("192.0.2.7")),
            ("10.0.0.1,192.0.2.7 ", Some("192.0.2.7")),
            ("192.0.2.7:4711", Some("192.0.2.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("192.0.2.7, unknown", None),
            ("192.0.2.7,", None),
            ("unix:", None),
            ("", None),
        ] {
            let wanted = wanted.map(str::parse).transpose();
            assert_eq!(Ok(address(value.as_bytes())), wanted, "{value}");
        }
    }
}
