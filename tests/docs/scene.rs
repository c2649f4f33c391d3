//! The network that the documentation's examples see: a small LAN behind a router, all of it on `lo`.
use crate::common::flows::{ESTABLISHED, Flow, ICMP, L4};
use crate::common::inserter::Inserter;
use crate::common::namespace::Namespace;
use crate::common::{has_program, traffic};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The hosts; each talks through `lo`.
const ADDRESSES: [&str; 9] = [
    "192.168.1.1",
    "192.168.1.10",
    "192.168.1.20",
    "192.168.1.50",
    "198.51.100.7",
    "203.0.113.9",
    "192.0.2.53",
    "2001:db8:1::20",
    "2001:db8:ffff::53",
];

/// Whose address a TCP connection to these has; std can't bind one before it connects.
const ROUTES: &str = "route replace local 203.0.113.9 dev lo src 192.168.1.50 table local
route replace local 192.168.1.1 dev lo src 192.168.1.10 table local
";

/// The router's address on the internet stands for 192.168.1.50, as masquerading does.
const NAT: &str = "table ip rctd_nat {
    chain post { type nat hook postrouting priority 100; ip saddr 192.168.1.50 snat to 198.51.100.7; }
}
";

/// Sockets that keep the connections alive.
pub struct Scene {
    _tcp: Vec<(TcpStream, TcpStream)>,
    _udp: Vec<UdpSocket>,
}

/// Gives `lo` the hosts' addresses; what is missing for that, if something is.
pub fn prepare() -> Result<(), String> {
    for tool in ["ip", "nft"] {
        if !has_program(tool) {
            return Err(format!("{tool} is not installed"));
        }
    }
    // nodad: an address that is still being looked for on the network can't be used.
    let line = |a: &&str| {
        if a.contains(':') {
            format!("addr add {a}/128 dev lo nodad\n")
        } else {
            format!("addr add {a}/32 dev lo\n")
        }
    };
    feed("ip", &["-batch", "-"], &(ADDRESSES.iter().map(line).collect::<String>() + ROUTES))
}

/// How long a host waits for an answer through `lo`. On a busy machine the kernel may drop a datagram.
const ANSWER: Duration = Duration::from_secs(5);
/// A datagram more would be seen in the counters, so all begins anew.
const TRIES: usize = 4;

/// Empties the namespace and makes the connections anew: 20 of them.
pub fn populate(inside: &Namespace) -> Result<Scene, String> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match try_to_populate(inside) {
            Ok(scene) => return Ok(scene),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn try_to_populate(inside: &Namespace) -> Result<Scene, String> {
    feed("nft", &["-f", "-"], "flush ruleset\n")?;
    traffic::track(inside)?;
    feed("nft", &["-f", "-"], NAT)?;
    let mut inserter = Inserter::new(inside);
    inserter.flush();
    inserter.insert(&inserted());
    talk().map_err(|error| format!("the hosts can't talk: {error}"))
}

/// Eleven connections that would be hard to have for real.
fn inserted() -> Vec<Flow> {
    // Marks as mwan3 (0x3f00) and pbr (0xff0000) set them, on tunnels of 192.168.1.30.
    let marks = [0x100, 0x100, 0x200, 0x10000, 0x10100, 3_000_000_000];
    let mut flows: Vec<Flow> = (0u16..)
        .zip(marks)
        .map(|(nth, mark)| Flow {
            mark,
            timeout: 1000 + 100 * u32::from(nth),
            ..Flow::udp([192, 168, 1, 30], 4000 + nth, [198, 51, 100, 200], 51820)
        })
        .collect();
    let web = |port, tcp_state| Flow {
        tcp_state: Some(tcp_state),
        timeout: 4000,
        ..Flow::tcp([192, 168, 1, 40], port, [203, 0, 113, 80], 80)
    };
    flows.extend([web(5000, ESTABLISHED), web(5001, 7), web(5002, 7)]);
    flows.push(Flow { zone: 7, ..Flow::tcp([192, 168, 1, 40], 5003, [203, 0, 113, 80], 8080) });
    let echo = L4::Icmp { kind: 8, code: 0, id: 77 };
    flows.push(Flow { timeout: 3000, ..Flow::new(ICMP, [192, 168, 1, 40], [192, 0, 2, 1], echo) });
    flows
}

/// Nine real ones, with counters and start times: 192.168.1.50 has the most bytes, 192.168.1.20 four lookups.
fn talk() -> std::io::Result<Scene> {
    let mut scene = Scene { _tcp: Vec::new(), _udp: Vec::new() };
    for (from, to, port, times, bytes) in
        [("192.168.1.50", "203.0.113.9", 443, 2, 6000), ("192.168.1.10", "192.168.1.1", 22, 1, 500)]
    {
        let server = TcpListener::bind((to, port))?;
        for _ in 0..times {
            let mut near = TcpStream::connect((to, port))?;
            assert_eq!(near.local_addr()?.ip().to_string(), from, "the route's source address");
            let (mut far, _) = server.accept()?;
            near.write_all(&vec![b'.'; bytes])?;
            far.read_exact(&mut vec![0; bytes])?;
            scene._tcp.push((near, far));
        }
    }
    for (from, to, times) in [("192.168.1.20", "192.0.2.53", 4), ("2001:db8:1::20", "2001:db8:ffff::53", 2)] {
        let server = UdpSocket::bind((to, 53))?;
        for _ in 0..times {
            let near = UdpSocket::bind((from, 0))?;
            near.set_read_timeout(Some(ANSWER))?;
            near.connect((to, 53))?;
            near.send(&[b'.'; 40])?;
            server.send_to(&[b'.'; 80], near.local_addr()?)?;
            near.recv(&mut [0; 80])?;
            scene._udp.push(near);
        }
        scene._udp.push(server);
    }
    Ok(scene)
}

/// Runs a tool with this text on its standard input.
fn feed(tool: &str, arguments: &[&str], text: &str) -> Result<(), String> {
    let mut command = Command::new(tool);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{tool}: {error}"))?;
    let sent = child.stdin.take().expect("a pipe").write_all(text.as_bytes());
    let output = child.wait_with_output().map_err(|error| format!("{tool}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if sent.is_ok() && output.status.success() { Ok(()) } else { Err(format!("{tool}: {said}")) }
}
