//! Listening sockets, TCP and unix, and what can go wrong when they are opened.

use crate::address::ShownEnd;
use crate::auth::Peer;
use crate::config::Listen;
use crate::http::Via;
use crate::limits::{CLIENTS, LINGERING, STREAMS, WAITING_ROOM};
use crate::sys;
use crate::sys::file::{self, Shown, Stamp};
use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bits that the mode of a unix socket must not have: only owner and group may connect.
const SOCKET_UMASK: u32 = 0o117;

/// A socket that clients connect to.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix; its path, and the inode that was made for it.
    Unix(UnixListener, PathBuf, u64),
}

impl Listener {
    /// Opens a listening socket. A unix socket gets mode 0660 and, with `owner`, that user and group; one that was left
    /// behind by a daemon which is gone is replaced.
    ///
    /// # Errors
    /// A sentence that says what is in the way and what to do.
    pub fn open(at: &Listen, owner: Option<(u32, u32)>) -> Result<Self, String> {
        match at {
            Listen::Tcp(address) => {
                TcpListener::bind(*address).map(Listener::Tcp).map_err(|e| explain(at, &e))
            }
            Listen::Unix(path) => open_unix(path, owner).map_err(|e| explain(at, &e)),
        }
    }

    /// Takes a client in.
    ///
    /// # Errors
    /// accept(2)'s.
    pub fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                // Replies go out in whole buffers: waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                Ok((Socket::Tcp(stream, address), Peer::new(address.ip())))
            }
            Listener::Unix(listener, ..) => {
                let (stream, _) = listener.accept()?;
                Ok((Socket::Unix(stream), Peer::Unix))
            }
        }
    }

    /// What requests that come in here are checked by.
    #[must_use]
    pub fn via(&self) -> Via {
        match self {
            Listener::Tcp(_) => Via::Tcp,
            Listener::Unix(..) => Via::Unix,
        }
    }

    /// Where it listens, with the port that the kernel chose.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "an unknown address".to_owned(), |a| ShownEnd(&a).to_string()),
            Listener::Unix(_, path, _) => format!("unix:{}", Shown(path)),
        }
    }

    /// Watches it for clients.
    ///
    /// # Errors
    /// epoll_ctl(2)'s.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let fd = match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix(listener, ..) => listener.as_raw_fd(),
        };
        SourceFd(&fd).register(registry, token, Interest::READABLE)
    }
}

impl Drop for Listener {
    /// Removes a unix socket's path, if it still is the one that was made.
    fn drop(&mut self) {
        if let Listener::Unix(_, path, inode) = self {
            if file::stat(path).is_ok_and(|status| status.stamp.inode == *inode) {
                // Once root is dropped the directory may be closed to us; the next start replaces the path.
                let _ = file::remove(path);
            }
        }
    }
}

fn open_unix(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Listener> {
    remove_stale(path)?;
    let umask = sys::umask(SOCKET_UMASK);
    let listener = UnixListener::bind(path);
    sys::umask(umask);
    let listener = listener?;
    if let Some((uid, gid)) = owner {
        // Not of what a link leads to that may have taken the socket's place since.
        file::lchown(path, uid, gid)?;
    }
    let inode = file::stat(path)?.stamp.inode;
    Ok(Listener::Unix(listener, path.to_owned(), inode))
}

/// Removes a socket that was left behind. Anything else at the path stays, and binding then fails.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Some(status) = file::lstat(path).ok().filter(|status| status.is(libc::S_IFSOCK)) else {
        return Ok(());
    };
    // A refused connection means that nobody listens: the program is gone, or does not listen yet, which `is_bound` tells
    // apart. With `EAGAIN` the queue of a program that listens is full.
    match UnixStream::connect(path) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused && !is_bound(&status.stamp) => file::remove(path),
        _ => Ok(()),
    }
}

/// Whether some program has a socket bound to this file, by the kernel's list of those of this network namespace. Where
/// there is no list, nobody is known to.
fn is_bound(socket: &Stamp) -> bool {
    let mut bound = false;
    let list = file::open(Path::new("/proc/net/unix"), libc::O_RDONLY, 0);
    let _ = list.and_then(|list| {
        file::lines(list.as_fd(), &mut |line| {
            // Num RefCount Protocol Flags Type St Inode Path: only the path can have a blank in it.
            let path = line.splitn(7, |&byte| byte == b' ').last().unwrap_or_default().trim_ascii_start();
            let path =
                path.split_at(path.iter().position(|&byte| byte == b' ').map_or(path.len(), |at| at + 1)).1;
            let at_path = file::lstat(Path::new(OsStr::from_bytes(path)));
            bound = at_path.is_ok_and(|status| status.stamp.device_and_inode() == socket.device_and_inode());
            !bound
        })
    });
    bound
}

fn explain(at: &Listen, error: &io::Error) -> String {
    let hint = match (error.kind(), at) {
        (ErrorKind::AddrInUse, Listen::Tcp(_)) => {
            "another program uses this port: stop it or give another with --listen"
        }
        (ErrorKind::AddrInUse, Listen::Unix(_)) => {
            "the path is in use: stop the other program, remove the file, or give another with --listen"
        }
        (ErrorKind::AddrNotAvailable, _) => "this machine has no such address: give one that it has",
        (ErrorKind::PermissionDenied, Listen::Tcp(_)) => {
            "ports below 1024 take root: start as root or give another with --listen"
        }
        (ErrorKind::NotFound, _) => "the directory does not exist: create it first",
        _ => "give another with --listen",
    };
    format!("can't listen on {at}: {error}: {hint}")
}

/// Descriptors that are kept for other things than clients: the streams' links, a newcomer that is turned away, and a file
/// that is read again.
const RESERVED: usize = STREAMS + 2;

/// How many connections there are descriptors for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Clients with a slot.
    pub clients: usize,
    /// Newcomers in the waiting room.
    pub waiting: usize,
    /// Connections that are over but for what the client may still send.
    pub lingering: usize,
}

impl Most {
    /// Shares `free` descriptors out. Where they are few, a fifth goes to connections that linger, so that refused clients get
    /// to read why.
    fn of(free: usize) -> Most {
        let lingering = (free / 5).min(LINGERING);
        let clients = (free - lingering).min(CLIENTS);
        Most { clients, waiting: (free - lingering - clients).min(WAITING_ROOM), lingering }
    }
}

/// How many connections there are descriptors for, now that all else is open. More than that are never taken in, so that a
/// client that is being served never lacks a descriptor.
///
/// # Errors
/// A sentence, if there is none for a single client.
pub fn most_clients() -> Result<Most, String> {
    // The lowest that is free: what is below is in use.
    let probe = file::open(Path::new("/dev/null"), libc::O_RDONLY, 0).map(|file| file.as_raw_fd());
    let used = probe.ok().and_then(|fd| usize::try_from(fd).ok()).unwrap_or(0) + RESERVED;
    let limit = sys::descriptor_limit().unwrap_or(usize::MAX);
    let most = Most::of(limit.saturating_sub(used));
    if most.clients == 0 {
        return Err(format!(
            "the limit on open files is {limit}: raise it (ulimit -n) to {} at least",
            used + 1
        ));
    }
    // Below that limit clients wait for one another though there is memory for all of them.
    let all = used + CLIENTS + WAITING_ROOM + LINGERING;
    if most.waiting < WAITING_ROOM {
        crate::log::warn(format_args!(
            "the limit on open files is {limit}, enough for {} clients at a time and {} that wait; {all} would do for all \
             {CLIENTS} and {WAITING_ROOM}",
            most.clients, most.waiting
        ));
    }
    Ok(most)
}

/// A client's connection.
pub enum Socket {
    /// TCP, and the client's end.
    Tcp(TcpStream, SocketAddr),
    /// Unix.
    Unix(UnixStream),
}

impl Socket {
    /// Watches it for both directions, under another token if it is `known` already.
    ///
    /// # Errors
    /// epoll_ctl(2)'s.
    pub fn register(&mut self, registry: &Registry, token: Token, known: bool) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let fd = self.as_fd().as_raw_fd();
        let mut source = SourceFd(&fd);
        if known { source.reregister(registry, token, both) } else { source.register(registry, token, both) }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream, _) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }

    /// This machine's end of a TCP connection, and the other one.
    pub(super) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self {
            Socket::Tcp(stream, remote) => stream.local_addr().ok().map(|local| (local, *remote)),
            Socket::Unix(_) => None,
        }
    }

    /// Reads what has come in.
    ///
    /// # Errors
    /// read(2)'s; an interrupted call is repeated.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        file::read(self.as_fd(), buf)
    }

    /// Sends as much as goes.
    ///
    /// # Errors
    /// write(2)'s; an interrupted call is repeated.
    pub fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        file::send(self.as_fd(), buf)
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        // A client that is gone can't be told.
        let _ = match self {
            Socket::Tcp(stream, _) => stream.shutdown(std::net::Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
        };
    }
}
