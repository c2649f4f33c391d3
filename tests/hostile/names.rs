//! Who may ask: DNS rebinding and cross-site requests over TCP, and what a proxy may say over a unix socket.
use crate::common::daemon::Daemon;
use crate::common::folder::Folder;
use crate::common::namespace::in_namespace;
use crate::common::raw::{Address, exchange};
use crate::common::xml;

/// The status of a login with these fields.
fn status(address: &Address, line: &str, fields: &[&str]) -> u16 {
    let body = xml::call("login", &[]);
    let length = format!("Content-Length: {}", body.len());
    let head = [&[line], fields, &["Content-Type: text/xml", &length]].concat().join("\r\n");
    exchange(address, format!("{head}\r\n\r\n{body}").as_bytes()).0.status
}

#[test]
fn a_name_that_an_attacker_can_point_here_is_refused() {
    in_namespace(|_| {
        let folder = Folder::new();
        let path = folder.path().join("socket");
        let listen = format!("unix:{}", path.display());
        let daemon = Daemon::start_on(&["127.0.0.1:0", &listen], &["--allow-host", "rpc.example.org"]);
        let [tcp, unix] = daemon.addresses() else { panic!("two addresses") };
        let port = tcp.host().rsplit_once(':').expect("a port").1.to_owned();
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        let own = own.trim().split('.').next().expect("a first label").to_owned();
        let post = "POST /RPC2 HTTP/1.1";
        for (expected, host) in [
            (200, format!("127.0.0.1:{port}")),
            (200, "10.1.2.3".to_owned()),
            (200, "[fe80::1]:80".to_owned()),
            (200, "localhost".to_owned()),
            (200, "LOCALHOST:1".to_owned()),
            (200, own.clone()),
            (200, format!("{own}.lan")),
            (200, format!("{own}.home.arpa")),
            (200, "rpc.example.org".to_owned()),
            (403, "evil.example.org".to_owned()),
            (403, format!("{own}.example.org")),
            (403, "127.0.0.1.nip.example".to_owned()),
            (403, "localhost.example.org".to_owned()),
            (403, "xrpc.example.org".to_owned()),
            (403, "rpc.example.org.evil.test".to_owned()),
            (403, format!("evil.{own}.lan")),
            (400, "evil.example.org@127.0.0.1".to_owned()),
            (400, "127.0.0.1/".to_owned()),
            (400, "a b".to_owned()),
        ] {
            assert_eq!(status(tcp, post, &[&format!("Host: {host}")]), expected, "Host: {host}");
            // A proxy hands on what its clients said: to it the name means nothing.
            assert_eq!(status(unix, post, &[&format!("Host: {host}")]), 200, "unix, Host: {host}");
        }
        // The target's host goes first, so a good field can't hide a bad one.
        let absolute = "POST http://evil.example.org/RPC2 HTTP/1.1";
        assert_eq!(status(tcp, absolute, &["Host: 127.0.0.1"]), 403);
        assert_eq!(status(tcp, post, &[]), 400, "no Host");
        daemon.still_serves();
    });
}

#[test]
fn a_foreign_page_is_refused() {
    in_namespace(|_| {
        let folder = Folder::new();
        let path = folder.path().join("socket");
        let listen = format!("unix:{}", path.display());
        let daemon = Daemon::start_on(&["127.0.0.1:0", &listen], &[]);
        let [tcp, unix] = daemon.addresses() else { panic!("two addresses") };
        let own = tcp.host();
        let post = "POST /RPC2 HTTP/1.1";
        for (expected, origin) in [
            (200, format!("http://{own}")),
            (403, "http://evil.example.org".to_owned()),
            (403, "null".to_owned()),
            (403, "http://127.0.0.1:1".to_owned()),
            (403, format!("http://{own}.evil.example.org")),
            (403, format!("http://evil.example.org/{own}")),
            (403, "file://".to_owned()),
        ] {
            let (host, origin) = (format!("Host: {own}"), format!("Origin: {origin}"));
            assert_eq!(status(tcp, post, &[&host, &origin]), expected, "{origin}");
        }
        // Through a proxy a page is the daemon's own if it comes from the host that the browser asked for.
        for (expected, origin) in
            [(200, "https://router.example.org"), (403, "https://evil.example.org"), (403, "null")]
        {
            let origin = format!("Origin: {origin}");
            assert_eq!(
                status(unix, post, &["Host: router.example.org", &origin]),
                expected,
                "unix, {origin}"
            );
        }
        daemon.still_serves();
    });
}
