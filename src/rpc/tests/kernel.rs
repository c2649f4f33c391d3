//! A kernel that is a list of flows: what it is asked, and the dumps that it gives.
use crate::conntrack::attr::Builder;
use crate::conntrack::flow::{Ends, Flow, Tuple};
use crate::conntrack::kernel::{CPU_COUNTERS, Count, Kernel};
use crate::conntrack::label::Labels;
use crate::conntrack::request::Change;
use crate::conntrack::socket::{Link, OpError};
use crate::conntrack::target::Target;
use crate::conntrack::uapi::*;
use crate::query::tests::flows::TEXTS;
use netlink_packet_core::NLMSG_DONE;
use std::io;
use std::os::fd::RawFd;

/// A kernel whose table is a list.
#[derive(Default)]
pub struct Fake {
    pub table: Vec<Flow>,
    /// What was deleted, in order.
    pub deleted: Vec<Target>,
    /// What was changed, in order.
    pub updated: Vec<(Target, Change)>,
    /// The errno that deletes, changes and counts get.
    pub refuses: Option<i32>,
    /// Changes are acknowledged but not made.
    pub ignores: bool,
    /// So many times a packet comes just before a change, and sets a bit of the status that a request may not clear.
    pub packets: u32,
    /// Entries end by themselves when they are changed.
    pub ends: bool,
    /// A mark of 0 is not sent.
    pub omits: bool,
    /// Dumps give every entry twice, the second time after the next three.
    pub repeats: bool,
}

impl Fake {
    fn refusal(&self, operation: &'static str) -> Result<(), OpError> {
        self.refuses.map_or(Ok(()), |errno| Err(OpError { operation, errno }))
    }

    /// The entry that has the target's tuple and zone.
    fn find(&self, target: &Target) -> Option<usize> {
        let same = |f: &Flow| Target::of(&Flow { id: Some(target.id()), ..*f }) == Some(*target);
        self.table.iter().position(same)
    }
}

impl Kernel for Fake {
    fn count(&mut self) -> Result<Count, OpError> {
        self.refusal("count")?;
        Ok(Count { entries: self.table.len() as u32, most: Some(262_144) })
    }

    fn cpu_stats(&mut self) -> Result<[Option<u64>; CPU_COUNTERS], OpError> {
        Ok([Some(u64::MAX); CPU_COUNTERS])
    }

    fn delete(&mut self, target: &Target) -> Result<bool, OpError> {
        self.refusal("delete")?;
        let Some(at) = self.find(target).filter(|&at| self.table[at].id == Some(target.id())) else {
            return Ok(false);
        };
        self.table.remove(at);
        self.deleted.push(*target);
        Ok(true)
    }

    fn get(&mut self, target: &Target, _: &mut Labels) -> Result<Option<Flow>, OpError> {
        let found = self.find(target).map(|at| self.table[at]).filter(|f| f.id == Some(target.id()));
        Ok(found.map(|f| Flow { mark: f.mark.filter(|&m| m != 0 || !self.omits), ..f }))
    }

    fn update(&mut self, target: &Target, change: Change) -> Result<bool, OpError> {
        self.refusal("update")?;
        let Some(at) = self.find(target) else {
            return Ok(false);
        };
        if let (Change::Timeout { status, .. }, 1..) = (change, self.packets) {
            self.packets -= 1;
            self.table[at].status = Some(status + 0x1000);
            return Err(OpError { operation: "update", errno: libc::EBUSY });
        }
        self.updated.push((*target, change));
        if self.ends {
            self.table.remove(at);
            return Ok(true);
        }
        if self.ignores {
            return Ok(true);
        }
        let flow = &mut self.table[at];
        match change {
            Change::Mark { value, mask } => flow.mark = Some(flow.mark.unwrap_or(0) & !mask | value & mask),
            Change::Timeout { seconds, status } => {
                (flow.timeout, flow.status) = (Some(seconds), Some(status | IPS_FIXED_TIMEOUT));
            }
        }
        Ok(true)
    }
}

/// The attributes of the entry that the kernel would send for `flow`; labels stand for [`TEXTS`].
pub fn attributes(flow: &Flow) -> Vec<u8> {
    let mut buf = vec![0; 1024];
    let mut to = Builder::new(&mut buf, 0);
    for (kind, tuple) in [(CTA_TUPLE_ORIG, flow.orig), (CTA_TUPLE_REPLY, flow.repl)] {
        if let Some(tuple) = tuple {
            to.nest(kind, |to| put_tuple(to, &tuple));
        }
    }
    for (kind, word) in [
        (CTA_ID, flow.id),
        (CTA_STATUS, flow.status),
        (CTA_TIMEOUT, flow.timeout),
        (CTA_MARK, flow.mark),
        (CTA_USE, flow.uses),
    ] {
        if let Some(word) = word {
            to.put_be32(kind, word);
        }
    }
    for (kind, counters) in
        [(CTA_COUNTERS_ORIG, flow.orig_counters), (CTA_COUNTERS_REPLY, flow.repl_counters)]
    {
        if let Some(counters) = counters {
            to.nest(kind, |to| {
                to.put(CTA_COUNTERS_PACKETS, &counters.packets.to_be_bytes());
                to.put(CTA_COUNTERS_BYTES, &counters.bytes.to_be_bytes());
            });
        }
    }
    if let Some(zone) = flow.zone {
        to.put_be16(CTA_ZONE, zone);
    }
    if let Some(state) = flow.tcp_state {
        to.nest(CTA_PROTOINFO, |to| {
            to.nest(CTA_PROTOINFO_TCP, |to| to.put(CTA_PROTOINFO_TCP_STATE, &[state]))
        });
    }
    if let Some(state) = flow.sctp_state {
        to.nest(CTA_PROTOINFO, |to| {
            to.nest(CTA_PROTOINFO_SCTP, |to| to.put(CTA_PROTOINFO_SCTP_STATE, &[state]))
        });
    }
    if let Some(start) = flow.start_ns {
        to.nest(CTA_TIMESTAMP, |to| to.put(CTA_TIMESTAMP_START, &start.to_be_bytes()));
    }
    for (kind, name, label) in
        [(CTA_HELP, CTA_HELP_NAME, flow.helper), (CTA_SECCTX, CTA_SECCTX_NAME, flow.secctx)]
    {
        if let Some(label) = label {
            // A number beyond the texts is a text of its own.
            let text =
                TEXTS.get(usize::from(label.number())).map_or(format!("text {label:?}"), |t| (*t).to_owned());
            to.nest(kind, |to| to.put(name, &[text.as_bytes(), b"\0"].concat()));
        }
    }
    let len = to.finish().expect("room");
    buf.truncate(len);
    buf
}

fn put_tuple(to: &mut Builder<'_>, tuple: &Tuple) {
    to.nest(CTA_TUPLE_IP, |to| {
        if tuple.l3proto == AF_INET {
            to.put(CTA_IP_V4_SRC, &tuple.src[12..]);
            to.put(CTA_IP_V4_DST, &tuple.dst[12..]);
        } else {
            to.put(CTA_IP_V6_SRC, &tuple.src);
            to.put(CTA_IP_V6_DST, &tuple.dst);
        }
    });
    to.nest(CTA_TUPLE_PROTO, |to| {
        to.put(CTA_PROTO_NUM, &[tuple.l4proto]);
        match tuple.ends {
            Ends::None => {}
            Ends::Ports { src, dst } => {
                to.put_be16(CTA_PROTO_SRC_PORT, src);
                to.put_be16(CTA_PROTO_DST_PORT, dst);
            }
            Ends::Icmp { kind, code, id } => {
                let first = if tuple.l3proto == AF_INET { CTA_PROTO_ICMP_ID } else { CTA_PROTO_ICMPV6_ID };
                to.put_be16(first, id);
                to.put(first + 1, &[kind]);
                to.put(first + 2, &[code]);
            }
        }
    });
    if let Some(zone) = tuple.zone {
        to.put_be16(CTA_TUPLE_ZONE, zone);
    }
}

/// A link that answers a dump with a table as it was when the dump was asked for, a few entries a datagram.
pub struct TableLink {
    entries: Vec<Vec<u8>>,
    at: usize,
    sequence: [u8; 4],
    is_over: bool,
}

/// Entries in a datagram of [`TableLink`].
const DATAGRAM_ENTRIES: usize = 5;

impl TableLink {
    /// A link that gives these entries, each as its attributes, when it is asked for a dump.
    pub fn new(entries: Vec<Vec<u8>>) -> Self {
        TableLink { entries, at: 0, sequence: [0; 4], is_over: true }
    }

    fn put(&self, to: &mut Vec<u8>, kind: [u8; 2], payload: &[u8]) {
        let len = 16 + payload.len() as u32;
        to.extend([len.to_ne_bytes(), [kind[0], kind[1], 2, 0], self.sequence, [0; 4]].concat());
        to.extend(payload);
        to.resize(to.len().next_multiple_of(4), 0);
    }
}

impl Link for TableLink {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.sequence.copy_from_slice(&datagram[8..12]);
        (self.at, self.is_over) = (0, false);
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut datagram = Vec::new();
        if self.is_over {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let entries = self.entries.iter().skip(self.at).take(DATAGRAM_ENTRIES);
        let kind = u16::from_be_bytes([NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW]).to_ne_bytes();
        entries.for_each(|attrs| self.put(&mut datagram, kind, &[&[0; 4], attrs.as_slice()].concat()));
        self.at += DATAGRAM_ENTRIES;
        if datagram.is_empty() {
            self.is_over = true;
            self.put(&mut datagram, NLMSG_DONE.to_ne_bytes(), &[0; 4]);
        }
        buf[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.is_over = true;
        Ok(())
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}
