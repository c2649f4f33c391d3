//! Who may ask: `Host` against DNS rebinding, `Origin` against other sites' pages.

use rctd::http::{Error, Head, HeadReader, NameError, Policy, Via};
use rctd::limits::{ALLOW_HOSTS, HOST_NAME_BYTES};

/// What becomes of a request with this host and origin.
fn judge(policy: &Policy, via: Via, host: &str, origin: Option<&str>) -> Result<Head, Error> {
    let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\n{origin}Content-Type: text/xml\r\nContent-Length: 1\r\n\r\n"
    );
    let read = HeadReader::default().read(request.as_bytes(), policy, via);
    read.map(|head| head.expect("a whole head").0)
}

#[test]
fn hosts() {
    let policy = crate::policy();
    for host in [
        "192.168.1.1",
        "192.168.1.1:8000",
        "8.8.8.8:1",
        "127.0.0.1:",
        "192.168.1.1.",
        "[::1]",
        "[fe80::1]:8000",
        "[::ffff:192.0.2.1]:65535",
        "localhost",
        "LocalHost:8000",
        "localhost.",
        "localhost.:8000",
        "router",
        "ROUTER.LAN",
        "router.local:8000",
        "router.internal.",
        "router.Home.Arpa",
        "rpc.example.org",
        "RPC.Example.org.:443",
    ] {
        let head = judge(&policy, Via::Tcp, host, None);
        assert!(head.is_ok(), "{host}: {head:?}");
    }
    for host in [
        "evil.example",
        "evil.lan",
        "lan",
        "router.example",
        "router.lan.example",
        "router.lan.lan",
        "xrouter.lan",
        "x.router.lan",
        "router-lan",
        "rpc.example.org.lan",
        "x.rpc.example.org",
        "example.org",
        "localhost.lan",
        "localhost.example",
        "x.localhost",
        "2130706433",
        "127.1",
        "0x7f.0.0.1",
        "192.168.1.1.nip.io",
        "192.168.1.256",
        "a_b",
    ] {
        assert_eq!(judge(&policy, Via::Tcp, host, None), Err(Error::HostRefused), "{host}");
        assert!(judge(&policy, Via::Unix, host, None).is_ok(), "{host} at a unix socket");
    }
    for host in [
        "",
        ".",
        "..",
        "localhost..",
        "a..b",
        ":8000",
        "localhost:x",
        "localhost:+80",
        "localhost:65536",
        "localhost:80:80",
        "localhost, evil.example",
        "localhost evil.example",
        "localhost/",
        "u@localhost",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "[fe80::1%25eth0]",
        "[localhost]",
        "[127.0.0.1]",
        "loc\u{e4}lhost",
    ] {
        assert_eq!(judge(&policy, Via::Tcp, host, None), Err(Error::HostSyntax), "{host}");
        assert!(judge(&policy, Via::Unix, host, None).is_ok(), "{host} at a unix socket");
    }
}

#[test]
fn host_once_and_only_once() {
    let policy = crate::policy();
    let rest = "Content-Type: text/xml\r\nContent-Length: 1\r\n\r\n";
    for via in [Via::Tcp, Via::Unix] {
        let read = |head: String| HeadReader::default().read(head.as_bytes(), &policy, via);
        let none = read(format!("POST / HTTP/1.1\r\n{rest}"));
        assert_eq!(none, Err(Error::HostMissing));
        let two = read(format!("POST / HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n{rest}"));
        assert_eq!(two, Err(Error::HostTwice));
        // An old program on the LAN; no browser speaks HTTP/1.0.
        let old = read(format!("POST / HTTP/1.0\r\n{rest}"));
        assert!(matches!(old, Ok(Some(_))), "{old:?}");
        let page = read(format!("POST / HTTP/1.0\r\nOrigin: http://localhost\r\n{rest}"));
        assert_eq!(page, Err(Error::OriginRefused));
    }
}

#[test]
fn the_target_s_host_goes_first() {
    let policy = crate::policy();
    let judge = |target: &str, host: &str, origin: &str| {
        let request = format!(
            "POST http://{target}/ HTTP/1.1\r\nHost: {host}\r\n{origin}Content-Type: text/xml\r\nContent-Length: 1\r\n\r\n"
        );
        HeadReader::default().read(request.as_bytes(), &policy, Via::Tcp).map(|_| ())
    };
    assert_eq!(judge("router.lan", "evil.example", ""), Ok(()));
    assert_eq!(judge("evil.example", "router.lan", ""), Err(Error::HostRefused));
    assert_eq!(judge("router.lan", "a b", ""), Err(Error::HostSyntax));
    let origin = "Origin: http://router.lan\r\n";
    assert_eq!(judge("router.lan", "evil.example", origin), Ok(()));
    assert_eq!(judge("localhost", "router.lan", origin), Err(Error::OriginRefused));
}

#[test]
fn origins_over_tcp() {
    let policy = crate::policy();
    for (host, origin) in [
        ("router.lan:8000", "http://router.lan:8000"),
        ("ROUTER.lan:8000", "http://router.LAN:8000"),
        ("router.lan", "http://router.lan"),
        ("router.lan:80", "http://router.lan"),
        ("router.lan", "http://router.lan:80"),
        ("router.lan.", "HTTP://router.lan"),
        ("192.168.1.1:8000", "http://192.168.1.1:8000"),
        ("[::1]:8000", "http://[0:0::1]:8000"),
    ] {
        let head = judge(&policy, Via::Tcp, host, Some(origin));
        assert!(head.is_ok(), "{host} {origin}: {head:?}");
    }
    for origin in [
        "",
        "null",
        "*",
        "router.lan:8000",
        "http://",
        "http:router.lan:8000",
        "http://router.lan",
        "http://router.lan:8001",
        "http://router.lan:8000/",
        "http://router.lan:8000 http://router.lan:8000",
        "http://u@router.lan:8000",
        "http://router:8000",
        "http://localhost:8000",
        "http://192.168.1.1:8000",
        "http://evil.example",
        "http://router.lan:8000.evil.example",
        "https://router.lan:8000",
        "file://router.lan:8000",
        "chrome-extension://router.lan:8000",
    ] {
        let refused = judge(&policy, Via::Tcp, "router.lan:8000", Some(origin));
        assert_eq!(refused, Err(Error::OriginRefused), "{origin}");
    }
    // After rebinding, page and host agree, on a name that is not ours.
    let rebound = judge(&policy, Via::Tcp, "evil.example", Some("http://evil.example"));
    assert_eq!(rebound, Err(Error::HostRefused));
    let twice =
        judge(&policy, Via::Tcp, "router.lan", Some("http://router.lan\r\nOrigin: http://router.lan"));
    assert_eq!(twice, Err(Error::OriginRefused));
}

#[test]
fn origins_behind_a_proxy() {
    let policy = crate::policy();
    for (host, origin) in [
        ("fw.example.org", "https://fw.example.org"),
        ("fw.example.org:443", "https://fw.example.org"),
        ("fw.example.org:8443", "https://fw.example.org:8443"),
        ("fw.example.org", "http://fw.example.org"),
    ] {
        let head = judge(&policy, Via::Unix, host, Some(origin));
        assert!(head.is_ok(), "{host} {origin}: {head:?}");
    }
    for (host, origin) in [
        ("fw.example.org", "https://evil.example"),
        ("fw.example.org", "https://fw.example.org:8443"),
        ("fw.example.org:80", "https://fw.example.org"),
        ("fw.example.org", "null"),
        ("", "null"),
        ("", "http://"),
        ("a b", "http://a b"),
    ] {
        let refused = judge(&policy, Via::Unix, host, Some(origin));
        assert_eq!(refused, Err(Error::OriginRefused), "{host} {origin}");
    }
}

#[test]
fn own_names() {
    // (the machine's name, a host, whether it is accepted)
    for (own, host, ours) in [
        ("gw.example.org", "gw.example.org", true),
        ("gw.example.org.", "GW.example.org", true),
        ("gw.example.org", "gw", true),
        ("gw.example.org", "gw.lan", true),
        ("gw.example.org", "gw.example.org.lan", false),
        ("gw.example.org", "example.org", false),
        ("OpenWrt", "openwrt.lan", true),
        ("", "lan", false),
        ("", ".lan", false),
        ("(none)", "none", false),
        ("..", "lan", false),
    ] {
        let judged = judge(&Policy::new(own), Via::Tcp, host, None);
        assert_eq!(judged.is_ok(), ours, "{own:?} {host:?}: {judged:?}");
    }
    assert!(judge(&Policy::default(), Via::Tcp, "localhost", None).is_ok());
}

#[test]
fn allowed_names() {
    let mut policy = Policy::new("router");
    for bad in ["", ".", "a..b", "a b", "a:80", "http://a", "[::1]", "\u{e4}.example", "*.example"] {
        assert_eq!(policy.allow(bad), Err(NameError::Malformed), "{bad}");
    }
    let label = "a".repeat(50);
    let longest = [label.as_str(); 5].join(".")[..HOST_NAME_BYTES.min(254)].to_owned();
    let longest = format!("{longest:b<HOST_NAME_BYTES$}");
    assert_eq!(longest.len(), HOST_NAME_BYTES);
    assert_eq!(policy.allow(&format!("{longest}x")), Err(NameError::Malformed));
    assert_eq!(policy.allow(&longest), Ok(()));
    assert!(judge(&policy, Via::Tcp, &longest, None).is_ok());
    for n in 1..ALLOW_HOSTS {
        assert_eq!(policy.allow(&format!("n{n}.example")), Ok(()));
    }
    assert_eq!(policy.allow("more.example"), Err(NameError::Full));
    assert!(NameError::Full.to_string().contains(&ALLOW_HOSTS.to_string()));
    let last = format!("n{}.example", ALLOW_HOSTS - 1);
    assert!(judge(&policy, Via::Tcp, &last, None).is_ok());
    let refused = judge(&policy, Via::Tcp, "more.example", None);
    assert_eq!(refused, Err(Error::HostRefused));
}
