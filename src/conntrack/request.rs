//! Requests to ctnetlink, each written whole into a small fixed buffer.

use super::attr::Builder;
use super::message::{NFGENMSG_BYTES, NLMSGHDR_BYTES};
use super::target::Target;
use super::uapi::*;
use crate::limits::REQUEST_BYTES;
use netlink_packet_core::{Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterProtoFamily};

/// A request ready to be sent but for its sequence number.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    buf: [u8; REQUEST_BYTES],
    len: usize,
}

impl Request {
    /// Builds a message of `kind` for `family` (`AF_*`; 0 is both) with the attributes that `attrs` puts.
    fn new(kind: u8, flags: u16, family: u8, attrs: &dyn Fn(&mut Builder<'_>)) -> Self {
        let mut buf = [0; REQUEST_BYTES];
        let genmsg = NetfilterHeader::new(NetfilterProtoFamily::from(family), 0, 0);
        genmsg.emit(&mut buf[NLMSGHDR_BYTES..]);
        let mut builder = Builder::new(&mut buf, NLMSGHDR_BYTES + NFGENMSG_BYTES);
        attrs(&mut builder);
        // The longest, an IPv6 target with mark and mask, is 136 bytes; a test builds it.
        let len = builder.finish().unwrap_or(0);
        let mut header = NetlinkHeader::default();
        header.length = len as u32;
        header.message_type = u16::from_be_bytes([NFNL_SUBSYS_CTNETLINK, kind]);
        header.flags = NLM_F_REQUEST | flags;
        header.emit(&mut buf);
        Request { buf, len }
    }

    /// The bytes to send, under the sequence number `sequence`.
    pub fn numbered(&mut self, sequence: u32) -> &[u8] {
        NetlinkBuffer::new(&mut self.buf[..]).set_sequence_number(sequence);
        self.buf.get(..self.len).unwrap_or(&[])
    }
}

/// Deletes exactly the entry that `target` names.
#[must_use]
pub fn delete(target: &Target) -> Request {
    Request::new(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, target.l3proto(), &|to| {
        target.emit(to);
        to.put_be32(CTA_ID, target.id());
    })
}

/// Reads the entry that has `target`'s tuple and zone now. The kernel does not compare the id here: the caller must.
#[must_use]
pub fn get(target: &Target) -> Request {
    Request::new(IPCTNL_MSG_CT_GET, 0, target.l3proto(), &|to| target.emit(to))
}

/// What [`update`] sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The bits of `mask` in the mark to those of `value`.
    Mark {
        /// The bits' new values.
        value: u32,
        /// The bits to set; all for the whole mark.
        mask: u32,
    },
    /// The seconds left, which traffic no longer renews.
    Timeout {
        /// Seconds.
        seconds: u32,
        /// The entry's `IPS_*` bits as they are now: the kernel takes the status whole, and refuses (EBUSY) a
        /// request that would clear a bit which only it may clear.
        status: u32,
    },
}

/// Changes the entry that has `target`'s tuple and zone. As [`get`], it does not compare the id.
#[must_use]
pub fn update(target: &Target, change: Change) -> Request {
    Request::new(IPCTNL_MSG_CT_NEW, NLM_F_ACK, target.l3proto(), &|to| {
        target.emit(to);
        match change {
            Change::Mark { value, mask } => {
                to.put_be32(CTA_MARK, value & mask);
                to.put_be32(CTA_MARK_MASK, mask);
            }
            Change::Timeout { seconds, status } => {
                to.put_be32(CTA_TIMEOUT, seconds);
                to.put_be32(CTA_STATUS, status | IPS_FIXED_TIMEOUT);
            }
        }
    })
}

/// Asks how many entries there are.
#[must_use]
pub fn count() -> Request {
    Request::new(IPCTNL_MSG_CT_GET_STATS, 0, 0, &|_| {})
}

/// Asks for the counters of each CPU.
#[must_use]
pub fn cpu_stats() -> Request {
    Request::new(IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP, 0, &|_| {})
}

/// What the kernel can leave out of a dump. It only ever saves work: an old kernel ignores parts of it without a word,
/// so every entry that comes is judged again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelFilter {
    /// `AF_INET` or `AF_INET6`.
    pub l3proto: Option<u8>,
    /// Parts of the original tuple.
    pub orig: TupleFilter,
    /// Parts of the reply tuple.
    pub repl: TupleFilter,
    /// Value and mask.
    pub mark: Option<(u32, u32)>,
    /// Value and mask (kernel 5.15 and later).
    pub status: Option<(u32, u32)>,
    /// The zone (kernel 6.8 and later).
    pub zone: Option<u16>,
}

/// The parts of a tuple that a dump can be limited to (kernel 5.8 and later).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TupleFilter {
    /// Source address.
    pub src: Option<[u8; 16]>,
    /// Destination address.
    pub dst: Option<[u8; 16]>,
    /// `IPPROTO_*`.
    pub l4proto: Option<u8>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// ICMP type.
    pub icmp_type: Option<u8>,
    /// ICMP code.
    pub icmp_code: Option<u8>,
    /// ICMP identifier.
    pub icmp_id: Option<u16>,
}

impl TupleFilter {
    /// The parts that both ask for in the same way.
    fn common(&self, other: &Self) -> Self {
        TupleFilter {
            src: same(self.src, other.src),
            dst: same(self.dst, other.dst),
            l4proto: same(self.l4proto, other.l4proto),
            src_port: same(self.src_port, other.src_port),
            dst_port: same(self.dst_port, other.dst_port),
            icmp_type: same(self.icmp_type, other.icmp_type),
            icmp_code: same(self.icmp_code, other.icmp_code),
            icmp_id: same(self.icmp_id, other.icmp_id),
        }
    }

    /// The `CTA_FILTER_F_*` flags of what is set, as far as the kernel takes it: all of it needs a family, and what is
    /// inside a protocol needs the protocol (`ctnetlink_parse_tuple_filter`).
    ///
    /// IPv6 addresses are left out: `ctnetlink_filter_match_tuple` compares them the wrong way round, from the first
    /// kernel that has it (5.8) to the latest read (6.18), and drops exactly the entries that match.
    fn flags(&self, l3proto: Option<u8>) -> u32 {
        let mut flags = 0;
        if l3proto.is_none() {
            return flags;
        }
        let mut set = |on: bool, flag: u32| flags |= if on { flag } else { 0 };
        let v4 = l3proto == Some(AF_INET);
        set(v4 && self.src.is_some(), CTA_FILTER_F_CTA_IP_SRC);
        set(v4 && self.dst.is_some(), CTA_FILTER_F_CTA_IP_DST);
        let Some(l4proto) = self.l4proto else {
            return flags;
        };
        set(true, CTA_FILTER_F_CTA_PROTO_NUM);
        match l4proto {
            IPPROTO_TCP | IPPROTO_UDP | IPPROTO_UDPLITE | IPPROTO_SCTP | IPPROTO_DCCP => {
                set(self.src_port.is_some(), CTA_FILTER_F_CTA_PROTO_SRC_PORT);
                set(self.dst_port.is_some(), CTA_FILTER_F_CTA_PROTO_DST_PORT);
            }
            IPPROTO_ICMP | IPPROTO_ICMPV6 => {
                let v6 = if l4proto == IPPROTO_ICMPV6 { 3 } else { 0 };
                let known = self.icmp_type.is_some_and(|kind| has_answer(l4proto, kind));
                set(known, CTA_FILTER_F_CTA_PROTO_ICMP_TYPE << v6);
                set(self.icmp_code.is_some(), CTA_FILTER_F_CTA_PROTO_ICMP_CODE << v6);
                set(self.icmp_id.is_some(), CTA_FILTER_F_CTA_PROTO_ICMP_ID << v6);
            }
            _ => {}
        }
        flags
    }

    /// Writes the tuple's parts that `flags` names.
    fn emit(&self, flags: u32, to: &mut Builder<'_>) {
        let address = |to: &mut Builder<'_>, kind: u16, value: Option<[u8; 16]>| {
            if let Some([.., a, b, c, d]) = value {
                to.put(kind, &[a, b, c, d]);
            }
        };
        // A flag says that the tuples are IPv4's; then each address that is there has one. Mutants: the bits differ, so
        // `^` for `|` is the same.
        if flags & (CTA_FILTER_F_CTA_IP_SRC | CTA_FILTER_F_CTA_IP_DST) != 0 {
            to.nest(CTA_TUPLE_IP, |to| {
                address(to, CTA_IP_V4_SRC, self.src);
                address(to, CTA_IP_V4_DST, self.dst);
            });
        }
        if let Some(l4proto) = self.l4proto {
            to.nest(CTA_TUPLE_PROTO, |to| self.emit_proto(l4proto, flags, to));
        }
    }

    fn emit_proto(&self, l4proto: u8, flags: u32, to: &mut Builder<'_>) {
        to.put(CTA_PROTO_NUM, &[l4proto]);
        let v6 = l4proto == IPPROTO_ICMPV6;
        let (shift, first) = if v6 { (3, CTA_PROTO_ICMPV6_ID) } else { (0, CTA_PROTO_ICMP_ID) };
        let wanted = |flag: u32| flags & flag != 0;
        if let Some(port) = self.src_port.filter(|_| wanted(CTA_FILTER_F_CTA_PROTO_SRC_PORT)) {
            to.put_be16(CTA_PROTO_SRC_PORT, port);
        }
        if let Some(port) = self.dst_port.filter(|_| wanted(CTA_FILTER_F_CTA_PROTO_DST_PORT)) {
            to.put_be16(CTA_PROTO_DST_PORT, port);
        }
        let icmp = |flag: u32| wanted(flag << shift);
        if let Some(id) = self.icmp_id.filter(|_| icmp(CTA_FILTER_F_CTA_PROTO_ICMP_ID)) {
            to.put_be16(first, id);
        }
        if let Some(kind) = self.icmp_type.filter(|_| icmp(CTA_FILTER_F_CTA_PROTO_ICMP_TYPE)) {
            to.put(first + 1, &[kind]);
        }
        if let Some(code) = self.icmp_code.filter(|_| icmp(CTA_FILTER_F_CTA_PROTO_ICMP_CODE)) {
            to.put(first + 2, &[code]);
        }
    }
}

/// Whether a tuple may have this ICMP type: the kernel knows what answers it (`invmap` of nf_conntrack_proto_icmp.c and
/// nf_conntrack_proto_icmpv6.c). It refuses to look for any other, which no entry has: errors belong to the connection
/// that they are about.
fn has_answer(l4proto: u8, kind: u8) -> bool {
    match l4proto {
        IPPROTO_ICMP => matches!(kind, 0 | 8 | 13..=18),
        _ => matches!(kind, 128 | 129 | 139 | 140),
    }
}

fn same<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.filter(|a| b.as_ref() == Some(a))
}

/// Whether this kernel can filter by the reply tuple: before 5.16 its parts are read under the flags of the original one, so
/// that they match nothing (fixed by commit ad81d4daf6a3).
pub(super) fn knows_replies(release: (u32, u32)) -> bool {
    release >= (5, 16)
}

impl KernelFilter {
    /// What two filters have in common: a dump limited to that serves both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        KernelFilter {
            l3proto: same(self.l3proto, other.l3proto),
            orig: self.orig.common(&other.orig),
            repl: self.repl.common(&other.repl),
            mark: same(self.mark, other.mark),
            status: same(self.status, other.status),
            zone: same(self.zone, other.zone),
        }
    }

    /// The filter without a part that this kernel is known to get wrong: see [`knows_replies`].
    #[must_use]
    pub fn for_kernel(self, release: (u32, u32)) -> Self {
        if knows_replies(release) { self } else { KernelFilter { repl: TupleFilter::default(), ..self } }
    }

    /// What is left for a kernel that refuses the rest: the family is in every request's head, and no kernel refuses it.
    #[must_use]
    pub fn family(self) -> Self {
        KernelFilter { l3proto: self.l3proto, ..KernelFilter::default() }
    }

    /// The one or two filters, one for each family, that take the place of this one: the kernel judges tuples only with
    /// a family given, and two dumps that leave nearly all out cost less than one that leaves nothing out.
    #[must_use]
    pub fn by_family(self) -> (Self, Option<Self>) {
        let tuples = [self.orig, self.repl].iter().any(|t| t.flags(Some(AF_INET)) != 0);
        if self.l3proto.is_some() || !tuples {
            return (self, None);
        }
        let of = |l3proto| KernelFilter { l3proto: Some(l3proto), ..self };
        (of(AF_INET), Some(of(AF_INET6)))
    }
}

/// Asks for every entry that `filter` leaves in.
#[must_use]
pub fn dump(filter: &KernelFilter) -> Request {
    let family = filter.l3proto.unwrap_or(0);
    let orig = filter.orig.flags(filter.l3proto);
    let repl = filter.repl.flags(filter.l3proto);
    Request::new(IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, &|to| {
        if let Some((value, mask)) = filter.mark {
            to.put_be32(CTA_MARK, value);
            to.put_be32(CTA_MARK_MASK, mask);
        }
        if let Some((value, mask)) = filter.status {
            to.put_be32(CTA_STATUS, value);
            to.put_be32(CTA_STATUS_MASK, mask);
        }
        // Asked for zone 0 some kernels (6.18 is one) leave out entries that have a zone in one direction, and others
        // nothing at all.
        if let Some(zone) = filter.zone.filter(|&zone| zone != 0) {
            to.put_be16(CTA_ZONE, zone);
        }
        if orig | repl == 0 {
            return;
        }
        to.nest(CTA_TUPLE_ORIG, |to| filter.orig.emit(orig, to));
        to.nest(CTA_TUPLE_REPLY, |to| filter.repl.emit(repl, to));
        to.nest(CTA_FILTER, |to| {
            to.put(CTA_FILTER_ORIG_FLAGS, &orig.to_ne_bytes());
            to.put(CTA_FILTER_REPLY_FLAGS, &repl.to_ne_bytes());
        });
    })
}
