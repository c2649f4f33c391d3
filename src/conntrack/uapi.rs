//! The kernel's numbers under the kernel's names.
//!
//! Source, unless said otherwise: `include/uapi/linux/netfilter/nfnetlink_conntrack.h` of Linux 6.18. These are ABI: they
//! never change, and a kernel that does not know one ignores it.

/// `NFNL_SUBSYS_CTNETLINK` (`nfnetlink.h`): the high byte of every message type here.
pub const NFNL_SUBSYS_CTNETLINK: u8 = 1;
/// `IPCTNL_MSG_CT_NEW`: an entry in a reply; create or update in a request.
pub const IPCTNL_MSG_CT_NEW: u8 = 0;
/// `IPCTNL_MSG_CT_GET`: one entry, or with `NLM_F_DUMP` all.
pub const IPCTNL_MSG_CT_GET: u8 = 1;
/// `IPCTNL_MSG_CT_DELETE`. Without a tuple it flushes the table: see [`super::target::Target`].
pub const IPCTNL_MSG_CT_DELETE: u8 = 2;
/// `IPCTNL_MSG_CT_GET_STATS_CPU`: counters of each CPU, as a dump.
pub const IPCTNL_MSG_CT_GET_STATS_CPU: u8 = 4;
/// `IPCTNL_MSG_CT_GET_STATS`: how many entries there are.
pub const IPCTNL_MSG_CT_GET_STATS: u8 = 5;

/// `CTA_TUPLE_ORIG`, nested: the tuple of the first packet.
pub const CTA_TUPLE_ORIG: u16 = 1;
/// `CTA_TUPLE_REPLY`, nested: the tuple that an answer has.
pub const CTA_TUPLE_REPLY: u16 = 2;
/// `CTA_STATUS`, u32: `IPS_*` bits.
pub const CTA_STATUS: u16 = 3;
/// `CTA_PROTOINFO`, nested: the state of TCP, SCTP or DCCP.
pub const CTA_PROTOINFO: u16 = 4;
/// `CTA_HELP`, nested: the helper's name.
pub const CTA_HELP: u16 = 5;
/// `CTA_TIMEOUT`, u32: seconds left. Absent for an offloaded flow.
pub const CTA_TIMEOUT: u16 = 7;
/// `CTA_MARK`, u32. Kernels around 6.1 send none that is 0.
pub const CTA_MARK: u16 = 8;
/// `CTA_COUNTERS_ORIG`, nested; only with `nf_conntrack_acct`.
pub const CTA_COUNTERS_ORIG: u16 = 9;
/// `CTA_COUNTERS_REPLY`, nested; only with `nf_conntrack_acct`.
pub const CTA_COUNTERS_REPLY: u16 = 10;
/// `CTA_USE`, u32: references held.
pub const CTA_USE: u16 = 11;
/// `CTA_ID`, u32: a keyed hash of the entry, stable while it lives.
pub const CTA_ID: u16 = 12;
/// `CTA_ZONE`, u16: only sent when not 0 and the same in both directions.
pub const CTA_ZONE: u16 = 18;
/// `CTA_SECCTX`, nested: the security context.
pub const CTA_SECCTX: u16 = 19;
/// `CTA_TIMESTAMP`, nested; only with `nf_conntrack_timestamp`.
pub const CTA_TIMESTAMP: u16 = 20;
/// `CTA_MARK_MASK`, u32: which bits of the mark a filter compares or an update sets.
pub const CTA_MARK_MASK: u16 = 21;
/// `CTA_FILTER`, nested: which parts of the tuples a dump compares (since 5.8).
pub const CTA_FILTER: u16 = 25;
/// `CTA_STATUS_MASK`, u32: which status bits a dump compares (since 5.15).
pub const CTA_STATUS_MASK: u16 = 26;

/// `CTA_TUPLE_IP`, nested.
pub const CTA_TUPLE_IP: u16 = 1;
/// `CTA_TUPLE_PROTO`, nested.
pub const CTA_TUPLE_PROTO: u16 = 2;
/// `CTA_TUPLE_ZONE`, u16: a zone that holds for this direction alone.
pub const CTA_TUPLE_ZONE: u16 = 3;

/// `CTA_IP_V4_SRC`, 4 bytes.
pub const CTA_IP_V4_SRC: u16 = 1;
/// `CTA_IP_V4_DST`, 4 bytes.
pub const CTA_IP_V4_DST: u16 = 2;
/// `CTA_IP_V6_SRC`, 16 bytes.
pub const CTA_IP_V6_SRC: u16 = 3;
/// `CTA_IP_V6_DST`, 16 bytes.
pub const CTA_IP_V6_DST: u16 = 4;

/// `CTA_PROTO_NUM`, u8: `IPPROTO_*`.
pub const CTA_PROTO_NUM: u16 = 1;
/// `CTA_PROTO_SRC_PORT`, u16.
pub const CTA_PROTO_SRC_PORT: u16 = 2;
/// `CTA_PROTO_DST_PORT`, u16.
pub const CTA_PROTO_DST_PORT: u16 = 3;
/// `CTA_PROTO_ICMP_ID`, u16; type and code follow it.
pub const CTA_PROTO_ICMP_ID: u16 = 4;
/// `CTA_PROTO_ICMP_TYPE`, u8.
pub const CTA_PROTO_ICMP_TYPE: u16 = 5;
/// `CTA_PROTO_ICMP_CODE`, u8.
pub const CTA_PROTO_ICMP_CODE: u16 = 6;
/// `CTA_PROTO_ICMPV6_ID`, u16; type and code follow it.
pub const CTA_PROTO_ICMPV6_ID: u16 = 7;
/// `CTA_PROTO_ICMPV6_TYPE`, u8.
pub const CTA_PROTO_ICMPV6_TYPE: u16 = 8;
/// `CTA_PROTO_ICMPV6_CODE`, u8.
pub const CTA_PROTO_ICMPV6_CODE: u16 = 9;

/// `CTA_PROTOINFO_TCP`, nested.
pub const CTA_PROTOINFO_TCP: u16 = 1;
/// `CTA_PROTOINFO_TCP_STATE`, u8: `TCP_CONNTRACK_*`.
pub const CTA_PROTOINFO_TCP_STATE: u16 = 1;
/// `CTA_PROTOINFO_SCTP`, nested.
pub const CTA_PROTOINFO_SCTP: u16 = 3;
/// `CTA_PROTOINFO_SCTP_STATE`, u8: `SCTP_CONNTRACK_*`.
pub const CTA_PROTOINFO_SCTP_STATE: u16 = 1;
/// `TCP_CONNTRACK_TIME_WAIT` (`nf_conntrack_tcp.h`).
pub const TCP_CONNTRACK_TIME_WAIT: u8 = 7;

/// `CTA_COUNTERS_PACKETS`, u64.
pub const CTA_COUNTERS_PACKETS: u16 = 1;
/// `CTA_COUNTERS_BYTES`, u64.
pub const CTA_COUNTERS_BYTES: u16 = 2;
/// `CTA_TIMESTAMP_START`, u64: nanoseconds since the epoch.
pub const CTA_TIMESTAMP_START: u16 = 1;
/// `CTA_HELP_NAME`, a string with its NUL.
pub const CTA_HELP_NAME: u16 = 1;
/// `CTA_SECCTX_NAME`, a string with its NUL.
pub const CTA_SECCTX_NAME: u16 = 1;

/// `CTA_FILTER_ORIG_FLAGS`, u32 **in the machine's own order**: `CTA_FILTER_F_*` for the original tuple.
pub const CTA_FILTER_ORIG_FLAGS: u16 = 1;
/// `CTA_FILTER_REPLY_FLAGS`, the same for the reply tuple. Both must be there.
pub const CTA_FILTER_REPLY_FLAGS: u16 = 2;
/// `CTA_FILTER_F_CTA_IP_SRC` (`net/netfilter/nf_internals.h`, as all `CTA_FILTER_F_*`).
pub const CTA_FILTER_F_CTA_IP_SRC: u32 = 1 << 0;
/// `CTA_FILTER_F_CTA_IP_DST`.
pub const CTA_FILTER_F_CTA_IP_DST: u32 = 1 << 1;
/// `CTA_FILTER_F_CTA_PROTO_NUM`.
pub const CTA_FILTER_F_CTA_PROTO_NUM: u32 = 1 << 3;
/// `CTA_FILTER_F_CTA_PROTO_SRC_PORT`.
pub const CTA_FILTER_F_CTA_PROTO_SRC_PORT: u32 = 1 << 4;
/// `CTA_FILTER_F_CTA_PROTO_DST_PORT`.
pub const CTA_FILTER_F_CTA_PROTO_DST_PORT: u32 = 1 << 5;
/// `CTA_FILTER_F_CTA_PROTO_ICMP_TYPE`; code and id follow, then the three of ICMPv6.
pub const CTA_FILTER_F_CTA_PROTO_ICMP_TYPE: u32 = 1 << 6;
/// `CTA_FILTER_F_CTA_PROTO_ICMP_CODE`.
pub const CTA_FILTER_F_CTA_PROTO_ICMP_CODE: u32 = 1 << 7;
/// `CTA_FILTER_F_CTA_PROTO_ICMP_ID`.
pub const CTA_FILTER_F_CTA_PROTO_ICMP_ID: u32 = 1 << 8;
/// `CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE`.
pub const CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE: u32 = 1 << 9;
/// `CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE`.
pub const CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE: u32 = 1 << 10;
/// `CTA_FILTER_F_CTA_PROTO_ICMPV6_ID`.
pub const CTA_FILTER_F_CTA_PROTO_ICMPV6_ID: u32 = 1 << 11;

/// `CTA_STATS_GLOBAL_ENTRIES`, u32: entries in this namespace's table.
pub const CTA_STATS_GLOBAL_ENTRIES: u16 = 1;
/// `CTA_STATS_GLOBAL_MAX_ENTRIES`, u32: `nf_conntrack_max` (since 4.18).
pub const CTA_STATS_GLOBAL_MAX_ENTRIES: u16 = 2;

/// `IPS_SEEN_REPLY` (`nf_conntrack_common.h`): packets were seen in both directions.
pub const IPS_SEEN_REPLY: u32 = 1 << 1;
/// `IPS_ASSURED` (`nf_conntrack_common.h`): traffic in both directions, of some length.
pub const IPS_ASSURED: u32 = 1 << 2;
/// `IPS_FIXED_TIMEOUT` (`nf_conntrack_common.h`): traffic no longer renews the timeout.
pub const IPS_FIXED_TIMEOUT: u32 = 1 << 10;
/// `IPS_OFFLOAD` (`nf_conntrack_common.h`): a flow table has it, so that its packets pass conntrack by.
pub const IPS_OFFLOAD: u32 = 1 << 14;
/// `IPS_HW_OFFLOAD` (`nf_conntrack_common.h`): hardware has it.
pub const IPS_HW_OFFLOAD: u32 = 1 << 15;

/// `AF_INET`: the layer 3 protocol of an IPv4 tuple.
pub const AF_INET: u8 = libc::AF_INET as u8;
/// `AF_INET6`: the layer 3 protocol of an IPv6 tuple.
pub const AF_INET6: u8 = libc::AF_INET6 as u8;
/// `IPPROTO_ICMP`.
pub const IPPROTO_ICMP: u8 = 1;
/// `IPPROTO_TCP`.
pub const IPPROTO_TCP: u8 = 6;
/// `IPPROTO_UDP`.
pub const IPPROTO_UDP: u8 = 17;
/// `IPPROTO_DCCP`.
pub const IPPROTO_DCCP: u8 = 33;
/// `IPPROTO_GRE`: its keys, or call identifiers, come as ports.
pub const IPPROTO_GRE: u8 = 47;
/// `IPPROTO_ICMPV6`.
pub const IPPROTO_ICMPV6: u8 = 58;
/// `IPPROTO_SCTP`.
pub const IPPROTO_SCTP: u8 = 132;
/// `IPPROTO_UDPLITE`.
pub const IPPROTO_UDPLITE: u8 = 136;

/// The bit of a top-level attribute in a set of attributes. All numbers used here are below 32.
#[must_use]
pub const fn bit(attribute: u16) -> u32 {
    1 << attribute
}
