//! Many hosts on one machine: connections from addresses of the test's choice, and an honest client with a watch.
#![allow(unsafe_code)] // std can't bind a socket before it connects.

use crate::common::raw::{Address, Connection, post};
use crate::common::xml::{self, Value};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What every honest client is promised.
const PROMISE: Duration = Duration::from_secs(2);

/// Makes 10.9.0.0/16 addresses of this namespace: to the daemon they are hosts of the network. False, and said so,
/// where that can't be done.
pub fn network() -> bool {
    let added = Command::new("ip").args(["address", "add", "10.9.0.1/16", "dev", "lo"]).status();
    let added = added.is_ok_and(|status| status.success());
    if !added {
        crate::common::skip("`ip address add` is missing or may not");
    }
    added
}

/// The nth host.
pub fn nth(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 1, n)
}

/// Connects from this address, with a time limit on everything.
pub fn connect_from(from: Ipv4Addr, to: &Address) -> io::Result<TcpStream> {
    connect_with(from, to, &|_| ())
}

/// The same with a socket that was prepared.
pub fn connect_with(from: Ipv4Addr, to: &Address, prepare: &dyn Fn(&TcpStream)) -> io::Result<TcpStream> {
    let Address::Tcp(SocketAddr::V4(to)) = to else { panic!("an IPv4 address to connect to") };
    // SAFETY: no pointers; the result is checked before it is owned.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fd is open and nobody else's.
    let stream = TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) });
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    prepare(&stream);
    let address = |ip: Ipv4Addr, port: u16| libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(ip).to_be() },
        sin_zero: [0; 8],
    };
    let (near, far) = (address(from, 0), address(*to.ip(), to.port()));
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: both addresses are live and of the size that is given.
    let failed = unsafe {
        libc::bind(stream.as_raw_fd(), (&raw const near).cast(), size) != 0
            || libc::connect(stream.as_raw_fd(), (&raw const far).cast(), size) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(stream) }
}

/// Opens an HTTP connection from this address; from this machine itself where a unix socket is connected to.
pub fn open_from(from: Ipv4Addr, to: &Address) -> io::Result<Connection> {
    match to {
        Address::Unix(_) => Connection::open(to),
        Address::Tcp(_) => Ok(Connection::over(Box::new(connect_from(from, to)?))),
    }
}

/// The session of a login from this address.
#[track_caller]
pub fn session(from: Ipv4Addr, to: &Address) -> Value {
    let mut connection = open_from(from, to).expect("a connection");
    connection.send(&post(to, &xml::call("login", &[]), "Connection: close\r\n")).expect("a request");
    xml::response(&connection.reply().expect("a reply").text()).expect("a document").expect("a session")
}

/// What is promised on a machine that is itself so slow, or so busy with other things, that a visit which nobody disturbs
/// takes `calm`: ten times as long, since others share the processor, and the second after which who is slow makes room.
fn promise(calm: Duration) -> Duration {
    PROMISE.max(calm * 10 + Duration::from_secs(1))
}

/// Fails if an honest client had to wait longer than is promised. `visit` tells what one takes now that all is over.
#[track_caller]
pub fn assert_promised(longest: Duration, visit: impl Fn() -> Duration) {
    if longest < PROMISE {
        return;
    }
    let calm = (0..3).map(|_| visit()).max().expect("three");
    let promised = promise(calm);
    eprintln!("a busy machine: {calm:?} for a visit in peace, so {promised:?} are allowed");
    assert!(longest < promised, "an honest client waited {longest:?}");
}

/// A client that logs in, views a page and the whole table, and logs out, each on a connection of its own, over and over,
/// and remembers the longest time that the daemon took for all of these.
pub struct Honest {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<(Duration, usize)>>,
    /// Where it goes, for a visit when all is over.
    visit: Box<dyn Fn() -> Result<Duration, String>>,
}

impl Honest {
    /// Starts at once. `credentials` are what `login` takes.
    pub fn start(from: Ipv4Addr, to: &Address, credentials: &[&str]) -> Honest {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, to) = (stop.clone(), to.clone());
        let credentials: Vec<Value> = credentials.iter().map(|&text| text.into()).collect();
        let (later, later_with) = (to.clone(), credentials.clone());
        let work = move || {
            let (mut longest, mut rounds) = (Duration::ZERO, 0);
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                visit(from, &to, &credentials)
                    .unwrap_or_else(|why| panic!("after {:?}: {why}", began.elapsed()));
                longest = longest.max(began.elapsed());
                rounds += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            (longest, rounds)
        };
        let visit = Box::new(move || visit(from, &later, &later_with));
        Honest { stop, thread: Some(std::thread::spawn(work)), visit }
    }

    /// Ends it, and fails the test if it ever had to wait longer than is promised. To be called when the attack is over.
    #[track_caller]
    pub fn was_served(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let outcome = self.thread.take().expect("a thread").join();
        let (longest, rounds) = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(rounds > 0, "the honest client never got round");
        assert_promised(longest, || (self.visit)().expect("a visit in peace"));
    }
}

/// One visit, each call on a connection of its own: the time that the daemon took for it. What the test does with an answer,
/// which for a whole table is a lot on a slow machine, does not count.
fn visit(from: Ipv4Addr, to: &Address, credentials: &[Value]) -> Result<Duration, String> {
    let mut took = Duration::ZERO;
    let mut ask = |method: &str, params: &[Value]| {
        let request = post(to, &xml::call(method, params), "");
        let began = Instant::now();
        let connection = open_from(from, to);
        let reply = connection.and_then(|mut connection| {
            connection.send(&request)?;
            connection.reply()
        });
        took += began.elapsed();
        let reply = reply.map_err(|e| format!("{method}: {e} after {:?}", began.elapsed()))?;
        let text = reply.text();
        match reply.status {
            200 if text.ends_with("</methodResponse>\n") && !text.contains("<fault>") => Ok(text),
            status => Err(format!("{method}: {status} {}", text.get(..800).unwrap_or(&text))),
        }
    };
    let answer = ask("login", credentials)?;
    let session = xml::response(&answer)?.map_err(|fault| format!("{fault:?}"))?;
    let page = [session.clone(), xml::members([]), "mark".into(), "ASC".into(), 0.into(), 5.into()];
    ask("view", &page)?;
    ask("view", std::slice::from_ref(&session))?;
    ask("logout", &[session])?;
    Ok(took)
}
