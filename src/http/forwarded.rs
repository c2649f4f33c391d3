//! Who is behind a proxy: the field in which it names its client (`--forwarded`).

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address that the proxy itself put into its field, such as `X-Forwarded-For` or `X-Real-IP`: the last of a list, since
/// what stands before it came from the client, who can write what it likes. With or without a port, in brackets or not, with or
/// without the interface that it is good for. What is there and can't be read, `unknown` for instance, is the unspecified
/// address: some client, but never this machine itself. `None` for no address, and for `unix:`, by which nginx names a client of
/// its unix socket.
pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    let last = value.rsplit(|&byte| byte == b',').next()?.trim_ascii();
    if value.trim_ascii().is_empty() || last == b"unix:" {
        return None;
    }
    let text = core::str::from_utf8(last).unwrap_or_default();
    Some(read(text).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
}

fn read(text: &str) -> Option<IpAddr> {
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    text.split('%').next()?.parse().ok()
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
            ("fe80::7%eth0", Some("fe80::7")),
            ("[fe80::7%2]:443", Some("fe80::7")),
            ("127.0.0.1, unknown", Some("::")),
            ("127.0.0.1,", Some("::")),
            ("_hidden", Some("::")),
            ("127.0.0.1\u{ff}", Some("::")),
            ("unix:", None),
            ("", None),
        ] {
            let wanted = wanted.map(str::parse).transpose();
            assert_eq!(Ok(address(value.as_bytes())), wanted, "{value}");
        }
    }
}
