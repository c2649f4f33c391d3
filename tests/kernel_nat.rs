//! What was translated, in words, with real translations by nftables and `conntrack -L` as the witness.
#![allow(unsafe_code)] // A raw socket, for an echo request, has no safe wrapper in std.
mod common;
use common::daemon::Daemon;
use common::fields::expect_fault;
use common::namespace::in_namespace;
use common::row::{Row, id, int, text};
use common::xml::members;
use common::{has_program, skip, traffic, witness};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

/// Every host is an address of `lo`. Masquerading takes that of the next hop, which here is where the datagram goes.
const ADDRESSES: [&str; 9] = [
    "198.51.100.7",
    "10.1.0.2",
    "10.1.0.3",
    "10.1.0.4",
    "10.1.0.9",
    "203.0.113.1",
    "2001:db8:1::2",
    "2001:db8:2::1",
    "2001:db8:9::9",
];

/// The daemon's own connections are not tracked.
const RULES: &str = "table inet nat_test {
    chain raw {
        type filter hook output priority -300;
        tcp sport 8000-65535 tcp dport != 7001-7010 ip daddr 127.0.0.1 notrack
        tcp sport != 7001-7010 ip saddr 127.0.0.1 ip daddr 127.0.0.1 notrack
    }
    chain out {
        type nat hook output priority -100;
        ip daddr 198.51.100.7 udp dport 7002 dnat ip to 10.1.0.9:80
        ip daddr 203.0.113.1 udp dport 7003 redirect to :5353
        ip daddr 198.51.100.7 udp dport 7004 dnat ip to 10.1.0.9:7004
        ip daddr 198.51.100.7 tcp dport 7009 dnat ip to 10.1.0.9:443
        ip6 daddr 2001:db8:2::1 udp dport 7007 dnat ip6 to [2001:db8:9::9]:53
    }
    chain post {
        type nat hook postrouting priority 100;
        ip saddr 10.1.0.2 udp dport 7001 masquerade
        ip saddr 10.1.0.4 ip daddr 10.1.0.9 udp dport 7004 snat ip to 203.0.113.1
        ip saddr 10.1.0.3 udp dport 7005 snat ip to 10.1.0.3:4000
        ip6 saddr 2001:db8:1::2 udp dport 7006 snat ip6 to 2001:db8:9::9
        icmp type echo-request ip saddr 10.1.0.2 snat ip to 203.0.113.1
    }
}
";

/// Gives `lo` the addresses, and the namespace the rules; what is missing for that, if something is.
fn prepare() -> Result<(), String> {
    for program in ["ip", "nft", "conntrack"] {
        if !has_program(program) {
            return Err(format!("translations need {program}, which is not installed"));
        }
    }
    let mut batch =
        Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("ip to run");
    for address in ADDRESSES {
        let (bits, more) = if address.contains(':') { (128, " nodad") } else { (32, "") };
        let line = format!("addr add {address}/{bits} dev lo{more}\n");
        batch.stdin.as_mut().expect("a pipe").write_all(line.as_bytes()).expect("written");
    }
    drop(batch.stdin.take());
    assert!(batch.wait().expect("an end").success());
    traffic::nft(RULES).map_err(|error| format!("nft: {error}"))
}

/// Sends a datagram; nobody need be there to take it.
fn datagram(from: &str, to: &str) -> UdpSocket {
    let socket = UdpSocket::bind(from.parse::<SocketAddr>().expect("an end")).expect("a port");
    socket.send_to(b".", to.parse::<SocketAddr>().expect("an end")).expect("sent");
    socket
}

/// An echo request, by the kernel's own socket for such: its identifier is the socket's port.
fn echo(from: &str, to: &str) {
    let raw = |address: &str| match address.parse().expect("an address") {
        IpAddr::V4(address) => libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: address.to_bits().to_be() },
            sin_zero: [0; 8],
        },
        IpAddr::V6(_) => panic!("IPv4 alone"),
    };
    let length = size_of::<libc::sockaddr_in>() as u32;
    let request = [8_u8, 0, 0xf7, 0xff - 0x12, 0, 0x12, 0, 0];
    // SAFETY: the addresses and the request live as long as the calls, and their lengths are those that are told.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
        assert!(socket >= 0);
        let (from, to) = (raw(from), raw(to));
        assert_eq!(libc::bind(socket, (&raw const from).cast(), length), 0);
        let sent = libc::sendto(socket, request.as_ptr().cast(), 8, 0, (&raw const to).cast(), length);
        assert_eq!(sent, 8);
        libc::close(socket);
    }
}

fn words(row: &Row) -> [Option<&str>; 3] {
    ["nat", "nat_src", "nat_dst"].map(|field| text(row, field))
}

#[test]
fn translations_in_words() {
    in_namespace(|_| {
        if let Err(missing) = prepare() {
            return skip(&missing);
        }
        let _server = TcpListener::bind("10.1.0.9:443").expect("a server");
        let _sockets = [
            datagram("10.1.0.2:1001", "203.0.113.1:7001"),
            datagram("10.1.0.3:1002", "198.51.100.7:7002"),
            datagram("10.1.0.3:1003", "203.0.113.1:7003"),
            datagram("10.1.0.4:1004", "198.51.100.7:7004"),
            datagram("10.1.0.3:1005", "203.0.113.1:7005"),
            datagram("[2001:db8:1::2]:1006", "[2001:db8:2::1]:7006"),
            datagram("[2001:db8:1::2]:1007", "[2001:db8:2::1]:7007"),
            datagram("10.1.0.3:1008", "203.0.113.1:7008"),
        ];
        let _stream = TcpStream::connect("198.51.100.7:7009").expect("the forwarded port");
        echo("10.1.0.2", "203.0.113.1");
        let daemon = Daemon::start(&[]);
        let mut client = daemon.client();
        let table = client.all().table;
        let of =
            |port: u64| table.iter().find(|row| int(row, "orig_port_dst") == Some(port)).expect("the flow");
        for (port, expected) in [
            (7001, [Some("src"), Some("203.0.113.1:1001"), None]),
            (7002, [Some("dst"), None, Some("10.1.0.9:80")]),
            (7003, [Some("dst"), None, Some("127.0.0.1:5353")]),
            (7004, [Some("both"), Some("203.0.113.1:1004"), Some("10.1.0.9:7004")]),
            (7005, [Some("src"), Some("10.1.0.3:4000"), None]),
            (7006, [Some("src"), Some("[2001:db8:9::9]:1006"), None]),
            (7007, [Some("dst"), None, Some("[2001:db8:9::9]:53")]),
            (7008, [None, None, None]),
            (7009, [Some("dst"), None, Some("10.1.0.9:443")]),
        ] {
            assert_eq!(words(of(port)), expected, "to port {port}: {:?}", of(port));
        }
        let ping = table.iter().find(|row| int(row, "icmp_type") == Some(8)).expect("the echo request");
        assert_eq!(words(ping), [Some("src"), Some("203.0.113.1"), None]);

        // The witness shows the same two directions, and knows by itself which flows are translated.
        let seen: BTreeMap<u32, _> = witness::by_id(witness::conntrack(&[]));
        for row in &table {
            assert_eq!(words(row), words(&seen[&id(row)].row), "{row:?}");
        }
        // It takes type and code of ICMP, which differ between request and reply, for ports that were translated.
        let ids = |flag: &str| {
            let rows = witness::conntrack(&[flag]).into_iter().map(|seen| seen.row);
            rows.filter(|row| int(row, "icmp_type").is_none()).map(|row| id(&row)).collect::<BTreeSet<_>>()
        };
        let mut found = |filter: &str| {
            let view = client.view(&filter.into(), "", "", (0, -1));
            view.table.iter().map(id).collect::<BTreeSet<_>>()
        };
        assert_eq!(found("nat:src,both !icmp"), ids("--src-nat"));
        assert_eq!(found("nat:dst,both !icmp"), ids("--dst-nat"));
        let one = |port| BTreeSet::from([id(of(port))]);
        assert_eq!(found("nat_dst:10.1.0.9:80"), one(7002));
        assert_eq!(found("nat_dst:[2001:db8:9::9]:53"), one(7007));
        assert_eq!(found("nat_src:203.0.113.0/24 dport:7004-7009"), one(7004));
        assert_eq!(found("nat_dst:10.1.0.9:1"), BTreeSet::new());
        assert_eq!(found("!nat:src !nat:dst !nat:both dport:7001-7010"), one(7008));
        let order = client.view(&members([("nat_dst", "10.1.0.9".into())]), "nat_dst", "ASC", (0, -1));
        let ports: Vec<_> = order.table.iter().map(|row| int(row, "orig_port_dst")).collect();
        assert_eq!(
            ports,
            [Some(7002), Some(7009), Some(7004)],
            "the port decides where the address is the same"
        );
        expect_fault(client.ask("view", &["nat:masquerade".into()]), -32602, "one of src, dst, both");
        expect_fault(client.ask("view", &["nat_src:10.0.0.1:65536".into()]), -32602, "an address and a port");
    });
}
