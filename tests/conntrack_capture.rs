//! Captures anew what `tests/conntrack_codec.rs` decodes. Run by hand, as root, where `conntrack` and `nft` are
//! installed; the little-endian files come as they were received, the big-endian ones from those by conversion:
//!
//! ```text
//! cargo test --test conntrack_capture -- --ignored
//! ```
mod common;
#[path = "conntrack_codec/order.rs"]
mod order;

use common::flows::{self, Flow, L4};
use common::inserter::{Inserter, netfilter_socket};
use common::namespace::{Namespace, in_namespace};
use common::traffic;
use rctd::conntrack::flow::ALL;
use rctd::conntrack::label::Labels;
use rctd::conntrack::message::{Datagram, Item};
use rctd::conntrack::request::{self, KernelFilter, Request};
use rctd::conntrack::target::Target;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What marks, zones and labels the real connections.
const RULES: &str = "table inet capture {
    chain first {
        type filter hook output priority -300;
        tcp dport 7001 ct zone set 9
        udp dport 7002 ct original zone set 7
    }
    chain then {
        type filter hook output priority 0;
        tcp dport 7001 ct mark set 0xfedcba98
        icmp type echo-request ct label set 5
    }
}
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conntrack")
}

/// Sends a request and receives datagrams until one ends the answer.
fn ask(mut request: Request, single: bool) -> Vec<Vec<u8>> {
    let mut socket = netfilter_socket();
    socket.write_all(request.numbered(order::SEQUENCE)).expect("the request to be sent");
    let mut datagrams = Vec::new();
    // The kernel sizes a dump's datagrams by the largest buffer it has seen: this makes several of them.
    let mut buf = [0; 4096];
    loop {
        let len = socket.read(&mut buf).expect("a datagram");
        datagrams.push(buf[..len].to_vec());
        let mut datagram = Datagram::new(&buf[..len], order::SEQUENCE);
        while let Some(item) = datagram.pull().expect("sound messages") {
            if single || matches!(item, Item::End(_)) {
                return datagrams;
            }
        }
    }
}

fn store(name: &str, datagrams: &[Vec<u8>]) {
    let little_endian = 1u16.to_ne_bytes() == 1u16.to_le_bytes();
    assert!(little_endian, "captures are kept as a little-endian machine sends them");
    for (nth, bytes) in datagrams.iter().enumerate() {
        let big = order::swapped(bytes);
        std::fs::write(folder().join(format!("{name}.{nth}.le.bin")), bytes).expect("written");
        std::fs::write(folder().join(format!("{name}.{nth}.be.bin")), big).expect("written");
    }
}

/// What conntrack(8) says of the table, in the kernel's order.
fn conntrack() -> String {
    let list = |family: &str| {
        let mut command = Command::new("conntrack");
        command.env("TZ", "UTC").args(["-L", "-f", family, "-o", "extended,id,ktimestamp"]);
        let output = command.output().expect("conntrack(8)");
        assert!(output.status.success(), "conntrack: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    list("ipv4") + &list("ipv6")
}

/// A dump, and the text of the same second.
fn store_table(name: &str) {
    loop {
        let before = conntrack();
        let datagrams = ask(request::dump(&KernelFilter::default()), false);
        if before == conntrack() {
            store(name, &datagrams);
            std::fs::write(folder().join(format!("{name}.txt")), before).expect("written");
            return;
        }
    }
}

fn nft() {
    let mut child =
        Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().expect("nft(8) is needed");
    child.stdin.take().expect("a pipe").write_all(RULES.as_bytes()).expect("rules");
    assert!(child.wait().expect("an end").success(), "nft refused the rules");
}

/// Every protocol that the kernel tracks, and what an entry can have of its own.
fn inserted() -> Vec<Flow> {
    let (near, far) = (Ipv4Addr::new(192, 168, 1, 2), Ipv4Addr::new(192, 0, 2, 80));
    let near6 = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 2);
    let far6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80);
    let v4 = |proto, l4| Flow::new(proto, near, far, l4);
    let v6 = |proto, l4| Flow::new(proto, near6, far6, l4);
    let mut all = vec![
        v4(flows::TCP, L4::Ports(40_001, 443)),
        v4(flows::UDP, L4::Ports(40_002, 53)),
        v4(flows::UDPLITE, L4::Ports(40_003, 5004)),
        v4(flows::SCTP, L4::Ports(40_004, 36_412)),
        v4(flows::DCCP, L4::Ports(40_005, 5001)),
        v4(flows::GRE, L4::Ports(0x1234, 0xabcd)),
        v4(flows::ESP, L4::Nothing),
        v4(flows::ICMP, L4::Icmp { kind: 8, code: 0, id: 0xbeef }),
        v6(flows::TCP, L4::Ports(40_011, 443)),
        v6(flows::UDP, L4::Ports(40_012, 53)),
        v6(flows::UDPLITE, L4::Ports(40_013, 5004)),
        v6(flows::SCTP, L4::Ports(40_014, 36_412)),
        v6(flows::DCCP, L4::Ports(40_015, 5001)),
        v6(flows::ESP, L4::Nothing),
        v6(flows::ICMPV6, L4::Icmp { kind: 128, code: 0, id: 0xcafe }),
    ];
    for state in 1..=8 {
        let mut flow = v4(flows::TCP, L4::Ports(41_000 + u16::from(state), 80));
        flow.tcp_state = Some(state);
        all.push(flow);
    }
    all.extend(peculiar(near, far));
    all
}

/// NAT both ways, marks, zones, a helper, a fixed timeout, one without an answer.
fn peculiar(near: Ipv4Addr, far: Ipv4Addr) -> [Flow; 7] {
    let tcp = |port| Flow::tcp(near.octets(), port, far.octets(), 8080);
    let (mut masqueraded, mut forwarded) = (tcp(42_001), tcp(42_002));
    masqueraded.reply.dst = Ipv4Addr::new(203, 0, 113, 9).into();
    masqueraded.reply.l4 = L4::Ports(8080, 61_000);
    forwarded.reply.src = Ipv4Addr::new(10, 9, 8, 7).into();
    let (mut marked, mut zoned, mut helped) = (tcp(42_003), tcp(42_004), tcp(42_005));
    (marked.mark, marked.timeout) = (u32::MAX, 1_000_000);
    (zoned.zone, zoned.mark) = (0xfffe, 0x0100_0000);
    (helped.orig.l4, helped.reply.l4) = (L4::Ports(42_005, 21), L4::Ports(21, 42_005));
    helped.helper = Some("ftp");
    let (mut fixed, mut silent) = (tcp(42_006), Flow::udp(near.octets(), 42_007, far.octets(), 123));
    fixed.status |= flows::IPS_FIXED_TIMEOUT;
    silent.status = flows::IPS_CONFIRMED;
    [masqueraded, forwarded, marked, zoned, helped, fixed, silent]
}

/// Real connections, one of each kind that [`RULES`] has a word for.
fn talk() -> impl Drop {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 7001)).expect("a port of the namespace");
    let near = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let answerer = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 7002)).expect("a port of the namespace");
    let asker = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 7003)).expect("a port of the namespace");
    asker.send_to(b"hello", (Ipv4Addr::LOCALHOST, 7002)).expect("sent");
    let kept = traffic::talk(2).expect("connections over loopback");
    traffic::ping(0x0bad).expect("an echo");
    Kept(Some(Box::new((listener, near, answerer, asker, kept))))
}

struct Kept(Option<Box<dyn std::any::Any>>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0 = None;
    }
}

fn capture_answers() {
    let flow = {
        let datagrams = ask(request::dump(&KernelFilter::default()), false);
        let mut datagram = Datagram::new(&datagrams[0], order::SEQUENCE);
        let Ok(Some(Item::Message(message))) = datagram.pull() else { panic!("an empty table") };
        rctd::conntrack::flow::Flow::read(&message, ALL, &mut Labels::new()).expect("sound")
    };
    let target = Target::of(&flow).expect("tuple and id");
    store("get", &ask(request::get(&target), true));
    store("deleted", &ask(request::delete(&target), false));
    store("gone", &ask(request::delete(&target), false));
    store("count", &ask(request::count(), true));
    store("stats", &ask(request::cpu_stats(), false));
}

#[test]
#[ignore = "writes the files of tests/fixtures/conntrack anew"]
fn capture_a_table_with_everything() {
    in_namespace(|inside: &Namespace| {
        traffic::track(inside).expect("tracking and accounting");
        nft();
        Inserter::new(inside).insert(&inserted());
        let _kept = talk();
        store_table("full");
        capture_answers();
    });
}

#[test]
#[ignore = "writes the files of tests/fixtures/conntrack anew"]
fn capture_a_table_without_accounting() {
    in_namespace(|inside: &Namespace| {
        Inserter::new(inside).insert(&inserted()[..3]);
        store_table("plain");
    });
}
