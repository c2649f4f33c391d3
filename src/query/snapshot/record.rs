//! One record: a flow in as few bytes as are quick to write and to read. A byte with the length, flags that say which parts
//! there are, four words that a change or a kill finds at their places, then the parts of variable length.

use crate::conntrack::flow::{Counters, Ends, Flow, Rates, Tuple, mapped};
use crate::conntrack::label::Label;
use crate::conntrack::target::Target;
use crate::conntrack::uapi::{AF_INET, AF_INET6};

/// Where a record's fixed parts are: length, flags, then four words.
const FLAGS: usize = 1;
const WORDS: usize = 5;
const ID: usize = WORDS;
const STATUS: usize = WORDS + 4;
const MARK: usize = WORDS + 8;
const TIMEOUT: usize = WORDS + 12;
const VARIABLE: usize = WORDS + 16;
/// The longest record: two IPv6 tuples with zones, four full counters, both rates.
const LONGEST: usize = 180;

/// Bits of a record's flags: which parts it has.
mod has {
    pub const DEAD: u32 = 1 << 0;
    pub const ID: u32 = 1 << 1;
    pub const STATUS: u32 = 1 << 2;
    pub const MARK: u32 = 1 << 3;
    pub const TIMEOUT: u32 = 1 << 4;
    pub const ORIG: u32 = 1 << 5;
    pub const REPL: u32 = 1 << 6;
    pub const MIRRORED: u32 = 1 << 7;
    pub const ORIG_COUNTERS: u32 = 1 << 8;
    pub const REPL_COUNTERS: u32 = 1 << 9;
    pub const START: u32 = 1 << 10;
    pub const USES: u32 = 1 << 11;
    pub const ZONE: u32 = 1 << 12;
    pub const TCP_STATE: u32 = 1 << 13;
    pub const HELPER: u32 = 1 << 14;
    pub const SECCTX: u32 = 1 << 15;
    pub const SCTP_STATE: u32 = 1 << 16;
    pub const RATES: u32 = 1 << 17;
}

/// Writes a flow that was read in full.
pub fn write(flow: &Flow) -> Record {
    let mut record = Record { bytes: [0; LONGEST], len: VARIABLE };
    record.write(flow);
    record
}

/// The record at the beginning of `arena`; `None` where it ends.
pub fn first(arena: &[u8]) -> Option<&[u8]> {
    let len = usize::from(*arena.first()?);
    arena.get(..len).filter(|record| record.len() >= VARIABLE)
}

/// The flow in a record; `None` if it was killed.
pub fn read(record: &[u8]) -> Option<Flow> {
    is_alive(record).then(|| Reader { bytes: record, at: VARIABLE }.flow())
}

/// Whether a record is of the flow that `target` names, and was not killed.
pub fn is(record: &[u8], target: &Target) -> bool {
    // Nearly all have another id, and need not be read.
    word(record, ID) == target.id() && read(record).and_then(|flow| Target::of(&flow)) == Some(*target)
}

/// Marks a record as killed.
pub fn kill(record: &mut [u8]) {
    set(record, FLAGS, word(record, FLAGS) | has::DEAD);
}

/// Puts what a change was about into a flow's record; bits of a status are added to those it has.
pub fn update(record: &mut [u8], changed: &Flow) {
    let status = word(record, STATUS);
    for (flag, at, value) in [
        (has::STATUS, STATUS, changed.status.map(|bits| status | bits)),
        (has::MARK, MARK, changed.mark),
        (has::TIMEOUT, TIMEOUT, changed.timeout),
    ] {
        if let Some(value) = value {
            set(record, FLAGS, word(record, FLAGS) | flag);
            set(record, at, value);
        }
    }
}

fn is_alive(record: &[u8]) -> bool {
    word(record, FLAGS) & has::DEAD == 0
}

#[inline(never)]
fn word(record: &[u8], at: usize) -> u32 {
    let bytes = record.get(at..at + 4).and_then(|b| b.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

#[inline(never)]
fn set(record: &mut [u8], at: usize, value: u32) {
    if let Some(to) = record.get_mut(at..at + 4) {
        to.copy_from_slice(&value.to_be_bytes());
    }
}

/// A record that was written.
pub struct Record {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Record {
    /// Its bytes; `None` if it was longer than a record can be, which no flow is.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            to.copy_from_slice(bytes);
        }
        self.len += bytes.len();
    }

    /// Seven bits a byte, the lowest first, the top bit says that more follow.
    fn put_short(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.put(&[value as u8]);
    }

    fn write(&mut self, flow: &Flow) {
        let mut flags = 0;
        for (flag, at, value) in [
            (has::ID, ID, flow.id),
            (has::STATUS, STATUS, flow.status),
            (has::MARK, MARK, flow.mark),
            (has::TIMEOUT, TIMEOUT, flow.timeout),
        ] {
            if let Some(value) = value {
                flags |= flag;
                set(&mut self.bytes, at, value);
            }
        }
        flags |= self.write_tuples(flow);
        flags |= self.write_rest(flow);
        set(&mut self.bytes, FLAGS, flags);
        self.bytes[0] = self.len as u8;
    }

    fn write_tuples(&mut self, flow: &Flow) -> u32 {
        let mut flags = 0;
        if let Some(orig) = &flow.orig {
            flags |= has::ORIG;
            self.write_tuple(orig);
        }
        match (&flow.orig, &flow.repl) {
            (Some(orig), Some(repl)) if mirror(orig) == *repl => flags |= has::MIRRORED,
            (_, Some(repl)) => {
                flags |= has::REPL;
                self.write_tuple(repl);
            }
            _ => {}
        }
        flags
    }

    fn write_tuple(&mut self, tuple: &Tuple) {
        let (ends, a, b, c) = match tuple.ends {
            Ends::None => (0, 0, 0, 0),
            Ends::Ports { src, dst } => (1, src, dst, 0),
            Ends::Icmp { kind, code, id } => (2, id, u16::from(kind), code),
        };
        let v4 = tuple.l3proto == AF_INET;
        let shape = ends | u8::from(v4) << 2 | u8::from(tuple.zone.is_some()) << 3;
        self.put(&[shape, tuple.l4proto]);
        let from = if v4 { 12 } else { 0 };
        self.put(tuple.src.get(from..).unwrap_or_default());
        self.put(tuple.dst.get(from..).unwrap_or_default());
        if ends != 0 {
            self.put(&a.to_be_bytes());
            self.put(&b.to_be_bytes());
        }
        if ends == 2 {
            self.put(&[c]);
        }
        if let Some(zone) = tuple.zone {
            self.put(&zone.to_be_bytes());
        }
    }

    fn write_rest(&mut self, flow: &Flow) -> u32 {
        let mut flags = 0;
        for (flag, counters) in
            [(has::ORIG_COUNTERS, flow.orig_counters), (has::REPL_COUNTERS, flow.repl_counters)]
        {
            if let Some(counters) = counters {
                flags |= flag;
                self.put_short(counters.packets);
                self.put_short(counters.bytes);
            }
        }
        for (flag, value) in [
            (has::START, flow.start_ns),
            (has::USES, flow.uses.map(u64::from)),
            (has::ZONE, flow.zone.map(u64::from)),
            (has::TCP_STATE, flow.tcp_state.map(u64::from)),
            (has::SCTP_STATE, flow.sctp_state.map(u64::from)),
            (has::HELPER, flow.helper.map(|l| l.number().into())),
            (has::SECCTX, flow.secctx.map(|l| l.number().into())),
        ] {
            if let Some(value) = value {
                flags |= flag;
                self.put_short(value);
            }
        }
        if let Some(rates) = flow.rates {
            flags |= has::RATES;
            self.put_short(rates.orig.into());
            self.put_short(rates.repl.into());
        }
        flags
    }
}

/// The tuple of an answer to `tuple` without NAT. ICMP answers have another type, so theirs are written out.
fn mirror(tuple: &Tuple) -> Tuple {
    let ends = match tuple.ends {
        Ends::Ports { src, dst } => Ends::Ports { src: dst, dst: src },
        other => other,
    };
    Tuple { src: tuple.dst, dst: tuple.src, ends, ..*tuple }
}

/// A record being read. Records are our own, so a short one can only be a defect: it reads as zeros.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    #[inline(never)]
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    fn pair(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    #[inline(never)]
    fn fill(&mut self, to: &mut [u8]) {
        if let Some(bytes) = self.bytes.get(self.at..self.at + to.len()) {
            to.copy_from_slice(bytes);
        }
        self.at += to.len();
    }

    fn short(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }

    fn flow(mut self) -> Flow {
        let flags = word(self.bytes, FLAGS);
        let fixed = |flag: u32, at: usize| (flags & flag != 0).then(|| word(self.bytes, at));
        let mut flow = Flow {
            id: fixed(has::ID, ID),
            status: fixed(has::STATUS, STATUS),
            mark: fixed(has::MARK, MARK),
            timeout: fixed(has::TIMEOUT, TIMEOUT),
            ..Flow::default()
        };
        let has = |flag: u32| flags & flag != 0;
        flow.orig = has(has::ORIG).then(|| self.tuple());
        flow.repl = match flow.orig {
            Some(orig) if has(has::MIRRORED) => Some(mirror(&orig)),
            _ => has(has::REPL).then(|| self.tuple()),
        };
        flow.orig_counters = has(has::ORIG_COUNTERS).then(|| self.counters());
        flow.repl_counters = has(has::REPL_COUNTERS).then(|| self.counters());
        flow.start_ns = has(has::START).then(|| self.short());
        flow.uses = has(has::USES).then(|| self.short() as u32);
        flow.zone = has(has::ZONE).then(|| self.short() as u16);
        flow.tcp_state = has(has::TCP_STATE).then(|| self.short() as u8);
        flow.sctp_state = has(has::SCTP_STATE).then(|| self.short() as u8);
        flow.helper = has(has::HELPER).then(|| Label::from_number(self.short() as u8));
        flow.secctx = has(has::SECCTX).then(|| Label::from_number(self.short() as u8));
        flow.rates = has(has::RATES).then(|| Rates { orig: self.short() as u32, repl: self.short() as u32 });
        flow
    }

    fn counters(&mut self) -> Counters {
        Counters { packets: self.short(), bytes: self.short() }
    }

    fn tuple(&mut self) -> Tuple {
        let (shape, l4proto) = (self.byte(), self.byte());
        let v4 = shape & 4 != 0;
        let (mut src, mut dst) = if v4 { (mapped([0; 4]), mapped([0; 4])) } else { ([0; 16], [0; 16]) };
        let from = if v4 { 12 } else { 0 };
        self.fill(src.get_mut(from..).unwrap_or_default());
        self.fill(dst.get_mut(from..).unwrap_or_default());
        let ends = match shape & 3 {
            1 => Ends::Ports { src: self.pair(), dst: self.pair() },
            2 => {
                let (id, kind) = (self.pair(), self.pair());
                Ends::Icmp { kind: kind as u8, code: self.byte(), id }
            }
            _ => Ends::None,
        };
        let zone = (shape & 8 != 0).then(|| self.pair());
        let l3proto = if v4 { AF_INET } else { AF_INET6 };
        Tuple { src, dst, ends, l3proto, l4proto, zone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(v6: bool, ends: Ends, zone: Option<u16>) -> Tuple {
        let (src, dst) =
            if v6 { ([7; 16], [9; 16]) } else { (mapped([10, 0, 0, 1]), mapped([192, 0, 2, 7])) };
        let l3proto = if v6 { AF_INET6 } else { AF_INET };
        Tuple { src, dst, ends, l3proto, l4proto: 6, zone }
    }

    fn flows() -> Vec<Flow> {
        let ports = Ends::Ports { src: 40000, dst: 443 };
        let plain = Flow { id: Some(1), orig: Some(tuple(false, ports, None)), ..Flow::default() };
        let orig = tuple(true, ports, Some(3));
        let most = u64::MAX;
        let longest = Flow {
            id: Some(u32::MAX),
            orig: Some(orig),
            repl: Some(Tuple { src: [1; 16], ..orig }),
            orig_counters: Some(Counters { packets: most, bytes: most }),
            repl_counters: Some(Counters { packets: most, bytes: most }),
            start_ns: Some(most),
            status: Some(0x18e),
            timeout: Some(u32::MAX),
            mark: Some(u32::MAX),
            uses: Some(u32::MAX),
            zone: Some(u16::MAX),
            tcp_state: Some(255),
            sctp_state: Some(255),
            helper: Some(Label::from_number(63)),
            secctx: Some(Label::from_number(0)),
            rates: Some(Rates { orig: u32::MAX, repl: u32::MAX }),
        };
        let icmp = Ends::Icmp { kind: 8, code: 1, id: 0xabcd };
        vec![
            plain,
            Flow { repl: plain.orig.map(|t| mirror(&t)), mark: Some(0), ..plain },
            Flow {
                orig: Some(tuple(false, icmp, None)),
                repl: Some(tuple(true, icmp, None)),
                timeout: Some(0),
                ..plain
            },
            Flow { orig: Some(tuple(true, Ends::None, None)), ..plain },
            Flow { orig: None, ..longest },
            Flow::default(),
            longest,
        ]
    }

    #[test]
    fn every_flow_comes_back_as_it_was() {
        for flow in flows() {
            let record = write(&flow);
            let bytes = record.bytes().expect("no longer than a record can be");
            let arena = [bytes, bytes].concat();
            assert_eq!(first(&arena), Some(bytes));
            assert_eq!(read(bytes), Some(flow));
        }
    }

    #[test]
    fn the_longest_record_is_as_long_as_there_is_room_for() {
        let longest = flows().pop().expect("one");
        let len = write(&longest).len;
        assert!(len <= LONGEST && len > LONGEST - 8, "{len}");
    }
}
