//! Real connections over loopback, for what can't be inserted: counters, start times, states that move.
use super::namespace::Namespace;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The rule that makes the kernel track connections in a namespace: any that asks for their state will do.
const RULE: &str = "table inet rctd_test {
    chain input { type filter hook input priority 0; ct state new accept; }
    chain output { type filter hook output priority 0; ct state new accept; }
}
";

/// Switches tracking, accounting and time stamps on in the namespace, or says what is missing.
pub fn track(inside: &Namespace) -> Result<(), String> {
    for name in ["nf_conntrack_acct", "nf_conntrack_timestamp"] {
        inside.sysctl(&format!("net/netfilter/{name}"), "1").map_err(|error| format!("{name}: {error}"))?;
    }
    if !super::has_program("nft") {
        return Err("real connections need nft, which is not installed".into());
    }
    nft(RULE)
}

/// Puts rules into the namespace.
pub fn nft(rules: &str) -> Result<(), String> {
    let mut nft = Command::new("nft");
    nft.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = nft.spawn().map_err(|error| format!("nft: {error}"))?;
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(rules.as_bytes())
        .map_err(|error| format!("nft: {error}"))?;
    let output = child.wait_with_output().map_err(|error| format!("nft: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("syntax error"), "this is our mistake, no lack of the machine's: {said}");
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// Connections that are kept open as long as this lives.
pub struct Traffic {
    pub tcp: Vec<(TcpStream, TcpStream)>,
    pub udp: Vec<UdpSocket>,
}

/// `each` TCP and UDP exchanges over 127.0.0.1 and ::1; the n-th carries n times 100 bytes there and half back.
pub fn talk(each: usize) -> io::Result<Traffic> {
    let mut traffic = Traffic { tcp: Vec::new(), udp: Vec::new() };
    for host in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let listener = TcpListener::bind((host, 0))?;
        let answerer = UdpSocket::bind((host, 0))?;
        for nth in 1..=each {
            let mut near = TcpStream::connect(listener.local_addr()?)?;
            let (mut far, _) = listener.accept()?;
            exchange(&mut near, &mut far, nth * 100)?;
            traffic.tcp.push((near, far));
            let near = UdpSocket::bind((host, 0))?;
            near.connect(answerer.local_addr()?)?;
            near.send(&vec![b'.'; nth * 100])?;
            answerer.send_to(&vec![b'.'; nth * 50], near.local_addr()?)?;
            near.recv(&mut vec![0; nth * 50])?;
            traffic.udp.push(near);
        }
        traffic.udp.push(answerer);
    }
    Ok(traffic)
}

fn exchange(near: &mut TcpStream, far: &mut TcpStream, bytes: usize) -> io::Result<()> {
    near.write_all(&vec![b'.'; bytes])?;
    far.read_exact(&mut vec![0; bytes])?;
    far.write_all(&vec![b'.'; bytes / 2])?;
    near.read_exact(&mut vec![0; bytes / 2])
}

/// A connection that carries so many bytes each tenth of a second, until it is dropped.
pub struct Stream {
    /// The port that it goes to.
    pub port: u16,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Stream {
    pub fn start(bytes: usize) -> Stream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut near = TcpStream::connect(address).expect("a connection");
        let (mut far, _) = listener.accept().expect("its other end");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let sender = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) && near.write_all(&vec![b'.'; bytes]).is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let receiver = std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while far.read(&mut buffer).is_ok_and(|count| count > 0) {}
        });
        Stream { port: address.port(), stop, threads: vec![sender, receiver] }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One echo request to 127.0.0.1, which the kernel answers.
pub fn ping(id: u16) -> io::Result<()> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers; the result is checked before it is owned.
    let fd = unsafe { libc::socket(libc::AF_INET, kind, libc::IPPROTO_ICMP) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fd is open and nobody else's. std's connect, send and recv serve any socket of this family.
    let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    socket.connect((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let [high, low] = id.to_be_bytes();
    let mut echo = [8, 0, 0, 0, high, low, 0, 1];
    // RFC 1071: with one's complement over an echo without data this is all there is to sum.
    let sum = 0x0800 + u32::from(id) + 1;
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    echo[2..4].copy_from_slice(&checksum.to_be_bytes());
    socket.send(&echo)?;
    socket.recv(&mut [0; 128]).map(drop)
}
