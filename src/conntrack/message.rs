//! A datagram of ctnetlink cut into its messages.
//!
//! `struct nlmsghdr` (length u32, type u16, flags u16, sequence u32, port u32; `include/uapi/linux/netlink.h`) is in the
//! machine's own order; `struct nfgenmsg` (family u8, version u8, resource id u16; `nfnetlink.h`) follows, then the
//! attributes.

use super::attr::{Attrs, Malformed, aligned};
use super::uapi::NFNL_SUBSYS_CTNETLINK;
use netlink_packet_core::{
    NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer,
};

/// Bytes of `struct nlmsghdr`.
pub(super) const NLMSGHDR_BYTES: usize = 16;
/// Bytes of `struct nfgenmsg`.
pub(super) const NFGENMSG_BYTES: usize = 4;

/// One message of ctnetlink: its type and its attributes.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// `IPCTNL_MSG_CT_*`.
    pub kind: u8,
    /// The attributes, not yet looked at.
    pub attrs: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes from the first one on.
    #[must_use]
    pub(crate) fn attrs(&self) -> Attrs<'a> {
        Attrs::new(self.attrs)
    }
}

/// What the next message of a datagram says.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A message of ctnetlink.
    Message(Message<'a>),
    /// The request is answered in full: the end of a dump, or an acknowledgement. `0`, or the errno (positive) that it
    /// ended with.
    End(i32),
    /// The kernel says that the table changed under the dump in a way that may have lost entries
    /// (`NLM_F_DUMP_INTR`).
    Interrupted,
    /// The kernel ran out of room for messages to us (`NLMSG_OVERRUN`).
    Overrun,
}

/// The messages of one datagram that answer one request.
#[derive(Clone, Debug)]
pub struct Datagram<'a> {
    rest: &'a [u8],
    sequence: u32,
}

impl<'a> Datagram<'a> {
    /// Takes a datagram as it was received, and the sequence number of the request that it answers: messages with
    /// another one are left-overs of an earlier request and are passed over.
    #[must_use]
    pub fn new(bytes: &'a [u8], sequence: u32) -> Self {
        Datagram { rest: bytes, sequence }
    }

    /// Bytes not yet read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next message that answers the request; `None` at the end of the datagram.
    ///
    /// # Errors
    /// [`Malformed`] if a length is wrong; nothing after that can be trusted, so the datagram then is at its end.
    #[inline]
    pub fn pull(&mut self) -> Result<Option<Item<'a>>, Malformed> {
        while !self.rest.is_empty() {
            let bytes = self.cut()?;
            let header = NetlinkBuffer::new(bytes);
            if header.sequence_number() != self.sequence {
                continue;
            }
            if header.flags() & NLM_F_DUMP_INTR != 0 {
                self.rest = &[];
                return Ok(Some(Item::Interrupted));
            }
            let payload = bytes.get(NLMSGHDR_BYTES..).unwrap_or(&[]);
            match item(header.message_type(), payload) {
                Ok(None) => {}
                Err(malformed) => {
                    self.rest = &[];
                    return Err(malformed);
                }
                item => return item,
            }
        }
        Ok(None)
    }

    /// Cuts one message off the front: at least a header long.
    #[inline]
    fn cut(&mut self) -> Result<&'a [u8], Malformed> {
        let all = core::mem::take(&mut self.rest);
        let [l0, l1, l2, l3, ..] = *all else {
            return Err(Malformed);
        };
        let len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        if len < NLMSGHDR_BYTES {
            return Err(Malformed);
        }
        let message = all.get(..len).ok_or(Malformed)?;
        self.rest = all.get(aligned(len)..).unwrap_or(&[]);
        Ok(message)
    }
}

/// Reads the payload of a message of the netlink type `kind`. `None` for one that says nothing to us.
#[inline]
fn item(kind: u16, payload: &[u8]) -> Result<Option<Item<'_>>, Malformed> {
    match kind {
        NLMSG_NOOP => Ok(None),
        NLMSG_OVERRUN => Ok(Some(Item::Overrun)),
        NLMSG_ERROR => errno(payload).map(|e| Some(Item::End(e))),
        // Old kernels end a dump without a code.
        NLMSG_DONE => Ok(Some(Item::End(errno(payload).unwrap_or(0)))),
        _ => {
            let [subsystem, kind] = kind.to_be_bytes();
            let attrs = payload.get(NFGENMSG_BYTES..).ok_or(Malformed)?;
            let message = Item::Message(Message { kind, attrs });
            Ok((subsystem == NFNL_SUBSYS_CTNETLINK).then_some(message))
        }
    }
}

/// The errno in front of an `NLMSG_ERROR` or `NLMSG_DONE`: sent negative, given positive.
fn errno(payload: &[u8]) -> Result<i32, Malformed> {
    let code: [u8; 4] = payload.get(..4).and_then(|c| c.try_into().ok()).ok_or(Malformed)?;
    Ok(i32::from_ne_bytes(code).saturating_neg())
}
