//! One entry of the connection-tracking table, and how it is read from a message.
//!
//! A query needs two or three attributes of an entry to tell whether its row is wanted, and nearly no row is. So
//! [`Flow::read`] takes the set of attributes that are needed and leaves the others out; a wanted row is read again
//! with [`ALL`].

use super::attr::{Builder, Malformed, be16, be32, be64, byte, each, sized, text};
use super::label::{Label, Labels, TooMany};
use super::message::Message;
use super::uapi::*;
use core::net::{IpAddr, SocketAddr};

/// Every attribute that a [`Flow`] has room for. Mutants: each bit comes once, so `^` for `|` is the same.
pub const ALL: u32 = bit(CTA_TUPLE_ORIG)
    | bit(CTA_TUPLE_REPLY)
    | bit(CTA_STATUS)
    | bit(CTA_PROTOINFO)
    | bit(CTA_HELP)
    | bit(CTA_TIMEOUT)
    | bit(CTA_MARK)
    | bit(CTA_COUNTERS_ORIG)
    | bit(CTA_COUNTERS_REPLY)
    | bit(CTA_USE)
    | bit(CTA_ID)
    | bit(CTA_ZONE)
    | bit(CTA_SECCTX)
    | bit(CTA_TIMESTAMP);

/// An entry could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The message contradicts itself.
    Malformed,
    /// It carries one text more than [`Labels`] holds.
    Labels,
}

impl From<Malformed> for ReadError {
    fn from(_: Malformed) -> Self {
        ReadError::Malformed
    }
}

impl From<TooMany> for ReadError {
    fn from(_: TooMany) -> Self {
        ReadError::Labels
    }
}

/// An IPv4 or IPv6 address in 16 bytes: IPv4 in its mapped form `::ffff:a.b.c.d`, so that one comparison and one mask
/// serve both families and IPv4 has a fixed place in the order.
pub type Address = [u8; 16];

/// The mapped form of an IPv4 address.
#[must_use]
#[inline]
pub const fn mapped(v4: [u8; 4]) -> Address {
    let [a, b, c, d] = v4;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// An address in the form in which flows carry it, and whether it is IPv4.
#[inline(never)]
pub(crate) fn carried(address: IpAddr) -> (Address, bool) {
    match address {
        IpAddr::V4(a) => (mapped(a.octets()), true),
        IpAddr::V6(a) => (a.octets(), false),
    }
}

/// What tells flows between the same two addresses apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// Nothing: a protocol that the kernel knows no more of.
    #[default]
    None,
    /// Ports; the call identifiers of GRE also come as such.
    Ports {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
    },
    /// ICMP or ICMPv6.
    Icmp {
        /// Type of the message.
        kind: u8,
        /// Its code.
        code: u8,
        /// Its identifier.
        id: u16,
    },
}

/// One direction of a flow. The layout is such that addresses are copied and compared by words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C, align(4))]
pub struct Tuple {
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// Ports, or what stands for them.
    pub ends: Ends,
    /// `AF_INET` or `AF_INET6`.
    pub l3proto: u8,
    /// `IPPROTO_*`.
    pub l4proto: u8,
    /// The zone, where it is not 0 and holds for this direction alone; then the entry has no other.
    pub zone: Option<u16>,
}

impl Tuple {
    /// The direction from `src` to `dst` of a TCP connection, in no zone of its own.
    #[must_use]
    pub(crate) fn tcp(src: SocketAddr, dst: SocketAddr) -> Self {
        let address = |end: SocketAddr| carried(end.ip().to_canonical());
        let (src_address, v4) = address(src);
        Tuple {
            src: src_address,
            dst: address(dst).0,
            ends: Ends::Ports { src: src.port(), dst: dst.port() },
            l3proto: if v4 { AF_INET } else { AF_INET6 },
            l4proto: IPPROTO_TCP,
            zone: None,
        }
    }

    /// Reads the attributes inside `CTA_TUPLE_ORIG` or `CTA_TUPLE_REPLY`.
    #[inline]
    fn fill(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        each(bytes, |kind, value| {
            match kind {
                CTA_TUPLE_IP => self.read_ip(value)?,
                CTA_TUPLE_PROTO => self.read_proto(value)?,
                CTA_TUPLE_ZONE => self.zone = Some(be16(value)?),
                _ => {}
            }
            Ok(())
        })
    }

    #[inline]
    fn read_ip(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        each(bytes, |kind, value| {
            match kind {
                CTA_IP_V4_SRC => (self.l3proto, self.src) = (AF_INET, mapped(sized(value)?)),
                CTA_IP_V4_DST => (self.l3proto, self.dst) = (AF_INET, mapped(sized(value)?)),
                CTA_IP_V6_SRC => (self.l3proto, self.src) = (AF_INET6, sized(value)?),
                CTA_IP_V6_DST => (self.l3proto, self.dst) = (AF_INET6, sized(value)?),
                _ => {}
            }
            Ok(())
        })
    }

    #[inline]
    fn read_proto(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut ports, mut icmp) = ((None, None), (None, 0, 0));
        each(bytes, |kind, value| {
            match kind {
                CTA_PROTO_NUM => self.l4proto = byte(value)?,
                CTA_PROTO_SRC_PORT => ports.0 = Some(be16(value)?),
                CTA_PROTO_DST_PORT => ports.1 = Some(be16(value)?),
                CTA_PROTO_ICMP_ID | CTA_PROTO_ICMPV6_ID => icmp.0 = Some(be16(value)?),
                CTA_PROTO_ICMP_TYPE | CTA_PROTO_ICMPV6_TYPE => icmp.1 = byte(value)?,
                CTA_PROTO_ICMP_CODE | CTA_PROTO_ICMPV6_CODE => icmp.2 = byte(value)?,
                _ => {}
            }
            Ok(())
        })?;
        self.ends = match (ports, icmp) {
            ((Some(src), Some(dst)), _) => Ends::Ports { src, dst },
            (_, (Some(id), kind, code)) => Ends::Icmp { kind, code, id },
            _ => Ends::None,
        };
        Ok(())
    }

    /// Writes what is inside `CTA_TUPLE_ORIG` or `CTA_TUPLE_REPLY`.
    pub(super) fn emit(&self, to: &mut Builder<'_>) {
        to.nest(CTA_TUPLE_IP, |to| {
            if self.l3proto == AF_INET {
                to.put(CTA_IP_V4_SRC, &self.src[12..]);
                to.put(CTA_IP_V4_DST, &self.dst[12..]);
            } else {
                to.put(CTA_IP_V6_SRC, &self.src);
                to.put(CTA_IP_V6_DST, &self.dst);
            }
        });
        to.nest(CTA_TUPLE_PROTO, |to| {
            to.put(CTA_PROTO_NUM, &[self.l4proto]);
            match self.ends {
                Ends::None => {}
                Ends::Ports { src, dst } => {
                    to.put_be16(CTA_PROTO_SRC_PORT, src);
                    to.put_be16(CTA_PROTO_DST_PORT, dst);
                }
                Ends::Icmp { kind, code, id } => {
                    let v6 = self.l3proto == AF_INET6;
                    let first = if v6 { CTA_PROTO_ICMPV6_ID } else { CTA_PROTO_ICMP_ID };
                    to.put_be16(first, id);
                    to.put(first + 1, &[kind]);
                    to.put(first + 2, &[code]);
                }
            }
        });
        if let Some(zone) = self.zone {
            to.put_be16(CTA_TUPLE_ZONE, zone);
        }
    }
}

/// Packets and bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes, IP headers included.
    pub bytes: u64,
}

/// How fast a flow is, in bytes a second for each direction: up to and with `u32::MAX`, which stands for all that is faster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// The original direction.
    pub orig: u32,
    /// The reply direction.
    pub repl: u32,
}

/// One entry of the table. What the kernel did not send, or was not asked for in [`Flow::read`], is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The tuple of the first packet.
    pub orig: Option<Tuple>,
    /// The tuple of an answer.
    pub repl: Option<Tuple>,
    /// What the original direction carried.
    pub orig_counters: Option<Counters>,
    /// What the reply direction carried.
    pub repl_counters: Option<Counters>,
    /// Nanoseconds since the epoch.
    pub start_ns: Option<u64>,
    /// The kernel's number for the entry.
    pub id: Option<u32>,
    /// `IPS_*` bits.
    pub status: Option<u32>,
    /// Seconds left.
    pub timeout: Option<u32>,
    /// The connection mark. None is sent by kernels without connmarks, and by some (around 6.1) where it is 0.
    pub mark: Option<u32>,
    /// References held.
    pub uses: Option<u32>,
    /// The zone, where it is not 0 and holds for both directions.
    pub zone: Option<u16>,
    /// `TCP_CONNTRACK_*`.
    pub tcp_state: Option<u8>,
    /// `SCTP_CONNTRACK_*`.
    pub sctp_state: Option<u8>,
    /// The helper's name.
    pub helper: Option<Label>,
    /// The security context.
    pub secctx: Option<Label>,
    /// How fast it is, where two readings tell. No attribute: the kernel knows nothing of it, and [`Flow::read`] leaves it empty.
    pub rates: Option<Rates>,
}

impl Flow {
    /// The connection mark: 0 where the kernel has sent none.
    #[must_use]
    pub(crate) fn mark_or_zero(&self) -> u32 {
        self.mark.unwrap_or(0)
    }

    /// Whether it is the connection whose answers go the way of `reply`, which is in no zone of its own. What this machine answers
    /// goes out as the reply direction says, whatever became of the other one by NAT.
    #[must_use]
    pub(crate) fn is_answered_by(&self, reply: &Tuple) -> bool {
        self.repl.is_some_and(|repl| Tuple { zone: None, ..repl } == *reply)
    }

    /// Reads those attributes of `message` whose [`bit`] is in `needs`.
    ///
    /// # Errors
    /// [`ReadError`]; attributes that are not needed are not looked into, nor is what follows the last one that is.
    #[inline]
    pub fn read(message: &Message<'_>, needs: u32, labels: &mut Labels) -> Result<Self, ReadError> {
        let mut flow = Flow::default();
        flow.add(message, needs, labels)?;
        Ok(flow)
    }

    /// Reads those attributes of `message` whose [`bit`] is in `needs`; the others stay as they are.
    ///
    /// # Errors
    /// [`ReadError`], as for [`Flow::read`].
    pub(crate) fn add(
        &mut self,
        message: &Message<'_>,
        needs: u32,
        labels: &mut Labels,
    ) -> Result<(), ReadError> {
        let (mut attrs, mut left) = (message.attrs(), needs);
        while left != 0 {
            let Some((kind, value)) = attrs.pull()? else {
                break;
            };
            if kind < 32 && left & bit(kind) != 0 {
                left &= !bit(kind);
                self.read_attribute(kind, value, labels)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn read_attribute(&mut self, kind: u16, value: &[u8], labels: &mut Labels) -> Result<(), ReadError> {
        match kind {
            CTA_TUPLE_ORIG => self.orig.insert(Tuple::default()).fill(value)?,
            CTA_TUPLE_REPLY => self.repl.insert(Tuple::default()).fill(value)?,
            CTA_STATUS => self.status = Some(be32(value)?),
            CTA_PROTOINFO => self.read_states(value)?,
            CTA_HELP => self.helper = read_label(value, CTA_HELP_NAME, labels)?,
            CTA_TIMEOUT => self.timeout = Some(be32(value)?),
            CTA_MARK => self.mark = Some(be32(value)?),
            CTA_COUNTERS_ORIG => self.orig_counters = Some(read_counters(value)?),
            CTA_COUNTERS_REPLY => self.repl_counters = Some(read_counters(value)?),
            CTA_USE => self.uses = Some(be32(value)?),
            CTA_ID => self.id = Some(be32(value)?),
            CTA_ZONE => self.zone = Some(be16(value)?),
            CTA_SECCTX => self.secctx = read_label(value, CTA_SECCTX_NAME, labels)?,
            CTA_TIMESTAMP => self.start_ns = read_start(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Reads the attributes inside `CTA_PROTOINFO`.
    fn read_states(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        each(bytes, |kind, value| {
            let (state, wanted) = match kind {
                CTA_PROTOINFO_TCP => (&mut self.tcp_state, CTA_PROTOINFO_TCP_STATE),
                CTA_PROTOINFO_SCTP => (&mut self.sctp_state, CTA_PROTOINFO_SCTP_STATE),
                _ => return Ok(()),
            };
            each(value, |kind, value| {
                if kind == wanted {
                    *state = Some(byte(value)?);
                }
                Ok(())
            })
        })
    }
}

fn read_counters(bytes: &[u8]) -> Result<Counters, Malformed> {
    let mut counters = Counters::default();
    each(bytes, |kind, value| {
        match kind {
            CTA_COUNTERS_PACKETS => counters.packets = be64(value)?,
            CTA_COUNTERS_BYTES => counters.bytes = be64(value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(counters)
}

fn read_start(bytes: &[u8]) -> Result<Option<u64>, Malformed> {
    let mut start = None;
    each(bytes, |kind, value| {
        if kind == CTA_TIMESTAMP_START {
            start = Some(be64(value)?);
        }
        Ok(())
    })?;
    Ok(start)
}

fn read_label(bytes: &[u8], wanted: u16, labels: &mut Labels) -> Result<Option<Label>, ReadError> {
    let mut name = None;
    each(bytes, |kind, value| {
        if kind == wanted {
            name = Some(text(value));
        }
        Ok(())
    })?;
    Ok(name.map(|n| labels.intern(n)).transpose()?)
}
