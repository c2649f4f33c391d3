//! The one file that talks to the kernel's netfilter, and what can go wrong there.
//!
//! A [`Link`] sends and receives datagrams: [`Netlink`] is the real one, tests script their own. A dump
//! ([`super::reader::DumpReader`]) and the short requests ([`Control`]) use a link each, so that a delete can be sent in
//! the middle of a dump. One request is in flight on a link; its sequence number tells its answers from left-overs.

use super::message::{Datagram, Item, Message};
use super::request::Request;
use crate::limits::ANSWER_BYTES;
use core::fmt;
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// An operation that the kernel refused or that failed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpError {
    /// The operation, as a word for people: "dump", "delete", …
    pub operation: &'static str,
    /// The errno, positive.
    pub errno: i32,
}

impl OpError {
    /// What an error of a system call becomes; EIO where it has no errno.
    pub(crate) fn new(operation: &'static str, error: &io::Error) -> Self {
        OpError { operation, errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }

    /// What happened, as the beginning of a sentence that the error's own text ends: "the kernel refused" + "dump:
    /// EPERM". Not every error is a refusal.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self.errno {
            libc::ETIMEDOUT | libc::EAGAIN => "the kernel gave no answer to",
            libc::EIO => "the kernel's answer makes no sense in",
            libc::EMSGSIZE => "the kernel's answer is too long in",
            libc::ENOBUFS | libc::EINTR => "the kernel's answer was cut short in",
            libc::EBADF => "there was no socket for",
            libc::EMFILE | libc::ENFILE => "there was no file descriptor left for",
            _ => "the kernel refused",
        }
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match errno_name(self.errno) {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.errno),
        }
    }
}

/// The name of an errno that netlink and ctnetlink are known to give.
fn errno_name(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EINTR => "EINTR",
        libc::EIO => "EIO",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EBUSY => "EBUSY",
        libc::EEXIST => "EEXIST",
        libc::EINVAL => "EINVAL",
        libc::ENFILE => "ENFILE",
        libc::EMFILE => "EMFILE",
        libc::ENOSPC => "ENOSPC",
        libc::ERANGE => "ERANGE",
        libc::ETIME => "ETIME",
        libc::EOVERFLOW => "EOVERFLOW",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::ENOBUFS => "ENOBUFS",
        libc::ETIMEDOUT => "ETIMEDOUT",
        libc::ECONNREFUSED => "ECONNREFUSED",
        _ => return None,
    })
}

/// A way to send datagrams to ctnetlink and to receive its answers, without blocking.
pub trait Link {
    /// Sends one datagram.
    ///
    /// # Errors
    /// The system call's.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Receives one datagram and returns its length, which is larger than `buf` if it did not fit.
    ///
    /// # Errors
    /// The system call's; `WouldBlock` when there is none yet.
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Forgets all that is under way, a dump in the middle too.
    ///
    /// # Errors
    /// The system call's; the link then is good for nothing until another reset succeeds.
    fn reset(&mut self) -> io::Result<()>;

    /// The file descriptor that becomes readable when there is a datagram. `None` only after a reset that failed: a
    /// reader that must not spin has nothing else to wait for.
    fn fd(&self) -> Option<RawFd>;
}

/// A netlink socket of the netfilter family, not blocking.
///
/// The library's `Socket` can be cloned although each clone closes the descriptor; this one can't.
#[derive(Debug)]
pub(crate) struct Netlink {
    /// `None` only after a reset that failed.
    socket: Option<Socket>,
}

impl Netlink {
    /// Opens a socket and lets the kernel choose its port.
    ///
    /// # Errors
    /// The system call's: EPROTONOSUPPORT in a kernel without netfilter's netlink, EMFILE and ENFILE without a
    /// descriptor left.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        Ok(Netlink { socket: Some(socket) })
    }

    fn socket(&self) -> io::Result<&Socket> {
        self.socket.as_ref().ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
    }
}

// Mutants: only the tests against a real kernel come here, and none of them can have a send interrupted.
impl Link for Netlink {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        loop {
            match self.socket()?.send(datagram, 0) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(drop),
            }
        }
    }

    fn recv(&mut self, mut buf: &mut [u8]) -> io::Result<usize> {
        // MSG_TRUNC: the true length, so that a datagram cut short is noticed.
        self.socket()?.recv(&mut buf, libc::MSG_TRUNC)
    }

    fn reset(&mut self) -> io::Result<()> {
        // The old one goes first: its descriptor may be the only one there is for the new one.
        self.socket = None;
        *self = Netlink::open()?;
        Ok(())
    }

    fn fd(&self) -> Option<RawFd> {
        self.socket.as_ref().map(AsRawFd::as_raw_fd)
    }
}

/// Receives a datagram that is whole: an interrupted call is repeated, a datagram cut short is EMSGSIZE.
pub(super) fn recv_whole(link: &mut dyn Link, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match link.recv(buf) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(len) if len > buf.len() => return Err(io::Error::from_raw_os_error(libc::EMSGSIZE)),
            other => return other,
        }
    }
}

/// A link for short requests: sends one and reads its whole answer at once. The kernel answers within `send`, so this
/// never waits.
pub struct Control {
    link: Box<dyn Link>,
    sequence: u32,
}

impl Control {
    /// Takes the link that the requests will use.
    #[must_use]
    pub fn new(link: Box<dyn Link>) -> Self {
        Control { link, sequence: 0 }
    }

    /// Sends `request`, calls `each` with each message of the answer, and returns when it is complete: at the
    /// acknowledgement, at the end of a dump, or, with `single`, at the first message.
    ///
    /// # Errors
    /// [`OpError`] with the errno that the kernel answered or that the link gave.
    pub(super) fn transact(
        &mut self,
        operation: &'static str,
        request: &mut Request,
        single: bool,
        each: &mut dyn FnMut(&Message<'_>),
    ) -> Result<(), OpError> {
        let mut buf = [0; ANSWER_BYTES];
        self.sequence = self.sequence.wrapping_add(1);
        let fail = |e: io::Error| OpError::new(operation, &e);
        let refused = |errno| OpError { operation, errno };
        self.link.send(request.numbered(self.sequence)).map_err(fail)?;
        // A short answer is a few datagrams; left-overs of earlier requests are at most as many.
        for _ in 0..MAX_DATAGRAMS {
            let len = recv_whole(&mut *self.link, &mut buf).map_err(fail)?;
            let mut datagram = Datagram::new(buf.get(..len).unwrap_or(&[]), self.sequence);
            while let Some(item) = datagram.pull().map_err(|_| refused(libc::EIO))? {
                match item {
                    Item::Message(message) => {
                        each(&message);
                        if single {
                            return Ok(());
                        }
                    }
                    Item::End(0) => return Ok(()),
                    Item::End(errno) => return Err(refused(errno)),
                    Item::Interrupted => return Err(refused(libc::EINTR)),
                    Item::Overrun => return Err(refused(libc::ENOBUFS)),
                }
            }
        }
        Err(refused(libc::EIO))
    }
}

/// Datagrams read for one short request before it is given up: the counters of some thousand CPUs.
const MAX_DATAGRAMS: usize = 64;
