//! The byte order of netlink's own headers, turned round.
//!
//! `struct nlmsghdr` and `struct nlattr` (`include/uapi/linux/netlink.h`), the errno of an error and the flags of
//! `CTA_FILTER` are in the machine's order; all else that ctnetlink sends is big-endian on every machine.

/// The sequence number of every captured answer.
pub const SEQUENCE: u32 = 0x0102_0304;

const NLMSGHDR: usize = 16;
const NFGENMSG: usize = 4;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// The attributes that hold attributes, each by the path of types that leads to it, whether flagged so or not.
/// Numbers: `enum ctattr_type` and its like in `nfnetlink_conntrack.h`.
const NESTED: &[&[u16]] = &[
    &[1],    // CTA_TUPLE_ORIG
    &[1, 1], // CTA_TUPLE_IP
    &[1, 2], // CTA_TUPLE_PROTO
    &[2],    // CTA_TUPLE_REPLY
    &[2, 1],
    &[2, 2],
    &[4],    // CTA_PROTOINFO
    &[4, 1], // CTA_PROTOINFO_TCP
    &[4, 2], // CTA_PROTOINFO_DCCP
    &[4, 3], // CTA_PROTOINFO_SCTP
    &[5],    // CTA_HELP
    &[9],    // CTA_COUNTERS_ORIG
    &[10],   // CTA_COUNTERS_REPLY
    &[13],   // CTA_NAT_SRC
    &[14],   // CTA_TUPLE_MASTER
    &[14, 1],
    &[14, 2],
    &[15], // CTA_SEQ_ADJ_ORIG
    &[16], // CTA_SEQ_ADJ_REPLY
    &[19], // CTA_SECCTX
    &[20], // CTA_TIMESTAMP
    &[24], // CTA_SYNPROXY
    &[25], // CTA_FILTER
];
/// `CTA_FILTER_ORIG_FLAGS` and `CTA_FILTER_REPLY_FLAGS`: numbers in the machine's order.
const NATIVE_WORDS: &[&[u16]] = &[&[25, 1], &[25, 2]];
/// In the messages of statistics no attribute holds others, though their numbers are the same.
const CT_GET_STATS_CPU: u8 = 4;

/// Turns a datagram of one byte order into one of the other. It is its own inverse.
///
/// The order that it comes in is told from the length of its first message, which is below 2^24.
pub fn swapped(datagram: &[u8]) -> Vec<u8> {
    let little = datagram[3] == 0;
    let mut out = datagram.to_vec();
    let mut at = 0;
    while at < out.len() {
        let len = word(&out[at..], little) as usize;
        let kind = half(&out[at + 4..], little);
        assert!(len >= NLMSGHDR && at + len <= out.len(), "a capture is sound");
        message(&mut out[at..at + len], kind, little);
        at += len.next_multiple_of(4);
    }
    out
}

fn message(bytes: &mut [u8], kind: u16, little: bool) {
    header(bytes);
    let payload = &mut bytes[NLMSGHDR..];
    if kind != NLMSG_ERROR && kind != NLMSG_DONE {
        return attributes(&mut payload[NFGENMSG..], &mut vec![], kind.to_be_bytes()[1], little);
    }
    payload[..4].reverse();
    // An error quotes the request that it answers.
    if kind == NLMSG_ERROR {
        let quoted = &mut payload[4..];
        let asked = half(&quoted[4..], little).to_be_bytes()[1];
        header(quoted);
        attributes(quoted.get_mut(NLMSGHDR + NFGENMSG..).unwrap_or_default(), &mut vec![], asked, little);
    }
}

fn header(bytes: &mut [u8]) {
    for (at, size) in [(0, 4), (4, 2), (6, 2), (8, 4), (12, 4)] {
        bytes[at..at + size].reverse();
    }
}

fn attributes(mut bytes: &mut [u8], path: &mut Vec<u16>, message: u8, little: bool) {
    while bytes.len() >= 4 {
        let (len, kind) = (usize::from(half(bytes, little)), half(&bytes[2..], little) & 0x3fff);
        bytes[..2].reverse();
        bytes[2..4].reverse();
        path.push(kind);
        if message < CT_GET_STATS_CPU && is_nested(path) {
            attributes(&mut bytes[4..len], path, message, little);
        } else if message < CT_GET_STATS_CPU && NATIVE_WORDS.contains(&&path[..]) {
            bytes[4..8].reverse();
        }
        path.pop();
        let next = len.next_multiple_of(4).min(bytes.len());
        bytes = &mut bytes[next..];
    }
}

/// Whether the attribute that `path` leads to holds attributes.
pub fn is_nested(path: &[u16]) -> bool {
    NESTED.contains(&path)
}

fn half(bytes: &[u8], little: bool) -> u16 {
    let two = [bytes[0], bytes[1]];
    if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) }
}

fn word(bytes: &[u8], little: bool) -> u32 {
    let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
    if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }
}
