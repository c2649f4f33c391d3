//! Which dumps together hold the entries that a scan is for, each entry once.
//!
//! The kernel judges all parts of a filter together, so that "any of the four addresses" can't be asked for at once.
//! Four dumps that leave nearly all out cost less than one that leaves nothing out.

use super::flow::{Address, Flow, Tuple};
use super::request::{KernelFilter, knows_replies};
use super::uapi::{AF_INET, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, bit};

/// The dumps of one scan, numbered from 0.
///
/// Dump after dump is started with [`KernelPlan::dump`] until there is none left; what [`KernelPlan::counts`] says of an
/// entry decides whether it counts. Where the kernel refuses a dump, the dump of its family alone takes its place and
/// that of all later ones: it holds them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelPlan {
    /// What every dump may leave out.
    rest: KernelFilter,
    /// The IPv4 address that one of the four of an entry is.
    host: Option<Address>,
    /// All must come in one dump.
    in_one: bool,
}

/// A dump of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanPart {
    /// Its number.
    pub number: usize,
    /// It has the entries of all later ones as well.
    pub is_rest: bool,
}

/// The four addresses of an entry, in the order of the dumps.
const SIDES: [fn(&KernelFilter) -> Option<Address>; 4] =
    [|f| f.orig.src, |f| f.orig.dst, |f| f.repl.src, |f| f.repl.dst];

impl KernelPlan {
    /// The plan for the entries that `rest` leaves in, and with `host` only for those that have this IPv4 address on any side.
    #[must_use]
    pub(crate) fn new(rest: KernelFilter, host: Option<Address>) -> Self {
        let v4 = rest.l3proto == Some(AF_INET);
        // Where `rest` asks for the address on one side already, one dump holds all entries that are wanted.
        let asked = |host: &Address| SIDES.iter().any(|side| side(&rest) == Some(*host));
        KernelPlan { rest, host: host.filter(|host| v4 && !asked(host)), in_one: false }
    }

    /// The plan for all entries that either plan is for.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        KernelPlan {
            rest: self.rest.common(&other.rest),
            host: self.host.filter(|_| self.host == other.host),
            in_one: self.in_one || other.in_one,
        }
    }

    /// Whether every entry that `other` is for is one that this plan is for.
    #[must_use]
    pub(crate) fn holds(&self, other: &Self) -> bool {
        let common = self.common(other);
        common.rest == self.rest && common.host == self.host
    }

    /// Whether it is for every entry of the table.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.holds(&KernelPlan::default())
    }

    /// The plan with all in one dump: entries then come in the kernel's own order.
    #[must_use]
    pub fn in_one(self) -> Self {
        KernelPlan { in_one: true, ..self }
    }

    /// The plan without what this kernel gets wrong ([`KernelFilter::for_kernel`]).
    #[must_use]
    pub fn for_kernel(self, release: (u32, u32)) -> Self {
        let rest = self.rest.for_kernel(release);
        // Dumps for the reply's sides, for which such a kernel can't be asked, would leave nothing out.
        KernelPlan { rest, host: self.host.filter(|_| knows_replies(release)), ..self }
    }

    /// The attributes that [`KernelPlan::counts`] needs.
    #[must_use]
    pub fn needs(&self) -> u32 {
        if self.by_side().is_some() { bit(CTA_TUPLE_ORIG) | bit(CTA_TUPLE_REPLY) } else { 0 }
    }

    /// Whether each dump is for one side of an address.
    pub(super) fn is_by_side(&self) -> bool {
        self.by_side().is_some()
    }

    fn by_side(&self) -> Option<Address> {
        self.host.filter(|_| !self.in_one)
    }

    /// The next dump whose number is at least `from`: its number, and what it may leave out.
    #[must_use]
    pub fn dump(&self, from: usize) -> Option<(usize, KernelFilter)> {
        let Some(host) = self.by_side() else {
            let (first, second) = if self.in_one { (self.rest, None) } else { self.rest.by_family() };
            return match from {
                0 => Some((0, first)),
                1 => second.map(|second| (1, second)),
                _ => None,
            };
        };
        // A side that must be another address holds nothing that is wanted.
        let free = |number: &usize| SIDES.get(*number).is_some_and(|side| side(&self.rest).is_none());
        let number = (from..SIDES.len()).find(free)?;
        let mut filter = self.rest;
        let tuple = if number < 2 { &mut filter.orig } else { &mut filter.repl };
        *(if number % 2 == 0 { &mut tuple.src } else { &mut tuple.dst }) = Some(host);
        Some((number, filter))
    }

    /// The first dump: its number, and what it may leave out. Where no side is left to ask for, it leaves out what every dump may.
    #[must_use]
    pub(crate) fn first(&self) -> (usize, KernelFilter) {
        self.dump(0).unwrap_or((0, self.rest))
    }

    /// Whether `flow`, which came in this part of the scan and was read with [`KernelPlan::needs`], counts there. Each entry
    /// counts in one part, whatever the kernel has left in: where an address is asked for side by side, in the part of the
    /// first side that has it.
    #[must_use]
    pub fn counts(&self, part: PlanPart, flow: &Flow) -> bool {
        let Some(host) = self.by_side() else {
            return true;
        };
        let sides = |tuple: Option<Tuple>| tuple.map_or([None; 2], |t| [Some(t.src), Some(t.dst)]);
        let all = [sides(flow.orig), sides(flow.repl)];
        let first = all.iter().flatten().position(|side| *side == Some(host));
        first.is_some_and(|side| if part.is_rest { side >= part.number } else { side == part.number })
    }
}
