//! As much of netlink as it takes to write connections and rules, and to read them past: messages out, acknowledgements
//! or a dump in.
#![allow(dead_code)] // Each program that includes this uses its part of it.
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// NLM_F_CREATE with NLM_F_EXCL: make it, and fail if it is there.
pub const CREATE: u16 = 0x400 | 0x200;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// IPCTNL_MSG_CT_GET of the subsystem for connections.
const CT_GET: u16 = 1 << 8 | 1;
const NLA_F_NESTED: u16 = 0x8000;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// A message under construction: netlink's own headers are in the machine's byte order, values are big-endian.
pub struct Message(Vec<u8>);

impl Message {
    /// A request of this nfnetlink type, asking for an acknowledgement.
    pub fn new(kind: u16, flags: u16, family: libc::c_int) -> Message {
        Message::with(kind, flags | NLM_F_REQUEST | NLM_F_ACK, family, 0)
    }

    fn with(kind: u16, flags: u16, family: libc::c_int, resource: u16) -> Message {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        // struct nfgenmsg: family, version, resource.
        bytes.extend([family as u8, 0]);
        bytes.extend(resource.to_be_bytes());
        Message(bytes)
    }

    /// An attribute of these bytes.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.0.extend((4 + value.len() as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// An attribute of 32 bits.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// An attribute of attributes.
    pub fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Message)) {
        let start = self.0.len();
        self.bytes(kind | NLA_F_NESTED, &[]);
        fill(self);
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// The message with its length filled in.
    fn finished(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }
}

/// A socket to the kernel's netfilter.
pub struct Socket(OwnedFd);

impl Socket {
    /// Opens it.
    pub fn netfilter() -> io::Result<Socket> {
        // SAFETY: no memory is involved.
        let fd = unsafe {
            libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_NETFILTER)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made, and nothing else owns it.
        Ok(Socket(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends the messages at once and reads an acknowledgement for each.
    pub fn send(&mut self, messages: &[Message]) -> io::Result<()> {
        self.write(&messages.iter().flat_map(Message::finished).collect::<Vec<u8>>())?;
        self.acknowledged(messages.len())
    }

    /// The same for a subsystem that takes its messages in a batch, all or none.
    pub fn send_batch(&mut self, subsystem: u16, messages: &[Message]) -> io::Result<()> {
        let edge = |kind| Message::with(kind, NLM_F_REQUEST, libc::AF_UNSPEC, subsystem).finished();
        let mut bytes = edge(BATCH_BEGIN);
        bytes.extend(messages.iter().flat_map(Message::finished));
        bytes.extend(edge(BATCH_END));
        self.write(&bytes)?;
        self.acknowledged(messages.len())
    }

    /// Reads the table of connections past, message header by message header; how many there are.
    pub fn drain(&mut self) -> io::Result<usize> {
        self.write(&Message::with(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, libc::AF_UNSPEC, 0).finished())?;
        let (mut buffer, mut count) = ([0u8; 32768], 0);
        loop {
            let mut rest = self.read(&mut buffer)?;
            while rest.len() >= 16 {
                let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
                match u16::from_ne_bytes([rest[4], rest[5]]) {
                    NLMSG_DONE => return Ok(count),
                    NLMSG_ERROR => return Err(io::Error::other("the kernel refused to dump its table")),
                    _ => count += 1,
                }
                rest = rest.get(length.max(16).next_multiple_of(4)..).unwrap_or(&[]);
            }
        }
    }

    /// One datagram.
    fn read<'a>(&self, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        // SAFETY: the pointer and the length are those of the buffer.
        let length = unsafe { libc::recv(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        Ok(buffer.get(..length).unwrap_or_default())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: the pointer and the length are those of a slice. An address isn't needed: the kernel is the default.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Reads `count` acknowledgements; the first that is an error is returned as one.
    fn acknowledged(&self, mut count: usize) -> io::Result<()> {
        let mut buffer = [0u8; 32768];
        while count > 0 {
            let mut rest = self.read(&mut buffer)?;
            while rest.len() >= 20 {
                let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
                let errno = i32::from_ne_bytes([rest[16], rest[17], rest[18], rest[19]]);
                if u16::from_ne_bytes([rest[4], rest[5]]) != NLMSG_ERROR {
                    return Err(io::Error::other(
                        "the kernel answered with something else than an acknowledgement",
                    ));
                }
                if errno != 0 {
                    return Err(io::Error::from_raw_os_error(-errno));
                }
                count = count.saturating_sub(1);
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
            }
        }
        Ok(())
    }
}
