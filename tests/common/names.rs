//! The names of the contract's fields, and of the kernel's states of TCP and SCTP.
#![allow(dead_code)] // Whoever includes this uses a part of it.

/// Fields that stay the same on a table nobody touches; `timeout` ticks, but all timeouts tick together.
pub const STILL: [&str; 39] = [
    "id",
    "orig_l3proto",
    "orig_l4proto",
    "repl_l3proto",
    "repl_l4proto",
    "orig_ipv4_src",
    "orig_ipv4_dst",
    "repl_ipv4_src",
    "repl_ipv4_dst",
    "orig_ipv6_src",
    "orig_ipv6_dst",
    "repl_ipv6_src",
    "repl_ipv6_dst",
    "orig_port_src",
    "orig_port_dst",
    "repl_port_src",
    "repl_port_dst",
    "icmp_type",
    "icmp_code",
    "icmp_id",
    "tcp_state",
    "mark",
    "status",
    "timeout",
    "orig_counter_packets",
    "orig_counter_bytes",
    "repl_counter_packets",
    "repl_counter_bytes",
    "start",
    "zone",
    "orig_zone",
    "repl_zone",
    "sctp_state",
    "gre_key_src",
    "gre_key_dst",
    "nat",
    "nat_src",
    "nat_dst",
    "helper",
];

/// Those that only filters and orders know.
pub const COMBINED: [&str; 7] = ["orig_src", "orig_dst", "repl_src", "repl_dst", "bytes", "packets", "rate"];

/// Those that may differ from reading to reading even on a still table, or that need an option.
pub const OTHER: [&str; 9] = [
    "use",
    "secctx",
    "user_id",
    "username",
    "orig_rate",
    "repl_rate",
    "orig_src_name",
    "orig_dst_name",
    "repl_src_name",
];

/// Every field that has at most one value.
pub fn single() -> impl Iterator<Item = &'static str> {
    STILL.into_iter().chain(OTHER).chain(COMBINED)
}

/// `enum tcp_conntrack` of linux/netfilter/nf_conntrack_tcp.h, as conntrack(8) and /proc write it.
const TCP_STATES: [&str; 10] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];

/// `enum sctp_conntrack` of linux/netfilter/nf_conntrack_sctp.h, as conntrack(8) and /proc write it.
const SCTP_STATES: [&str; 10] = [
    "NONE",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
    "HEARTBEAT_ACKED",
];

/// The number of a state of SCTP.
pub fn sctp_state(name: &str) -> Option<u8> {
    SCTP_STATES.iter().position(|state| *state == name).map(|at| at as u8)
}

/// The number of a state of TCP.
pub fn tcp_state(name: &str) -> Option<u8> {
    TCP_STATES.iter().position(|state| *state == name).map(|at| at as u8)
}
