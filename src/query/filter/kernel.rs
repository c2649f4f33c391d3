//! What of a filter the kernel can judge, so that a dump leaves out what can't match.

use super::value::Test;
use super::{Alternative, Filter};
use crate::conntrack::plan::KernelPlan;
use crate::conntrack::request::KernelFilter;
use crate::conntrack::uapi::{AF_INET, AF_INET6};
use crate::query::net::Net;
use crate::query::part::KernelPart;

impl Filter {
    /// What of this filter the kernel can judge: conditions with one wanted value, not negated, and exact.
    #[must_use]
    pub fn kernel(&self) -> KernelFilter {
        let mut kernel = KernelFilter::default();
        let mut agree = true;
        for (part, test) in self.alone() {
            agree &= push_down(&mut kernel, part, test);
        }
        // Two conditions that contradict each other match nothing; user space finds that out.
        if agree { kernel } else { KernelFilter::default() }
    }

    /// The dumps that together hold what this filter may match: one, or where it names an IPv4 host one for each side.
    #[must_use]
    pub fn kernel_plan(&self) -> KernelPlan {
        let mut alone = self.alone();
        let host = alone.find_map(|(part, test)| match test {
            // The kernel compares IPv6 addresses the wrong way round and is not asked for any.
            Test::Net(net) if part == KernelPart::AnyAddress && net.is_v4() => net.single(),
            _ => None,
        });
        KernelPlan::new(self.kernel(), host)
    }

    /// The conditions with one wanted value that must be met by themselves: the part that each is on, and the value.
    fn alone(&self) -> impl Iterator<Item = (KernelPart, &Test)> {
        let mut joined = false;
        self.conditions.iter().filter_map(move |condition| {
            let by_itself = !(joined || condition.not_both);
            joined = condition.not_both;
            match self.wanted(condition) {
                [Alternative { negated: false, test, .. }] if by_itself => {
                    Some((condition.field.field().kernel, test))
                }
                _ => None,
            }
        })
    }
}

/// Sets `slot`, or tells (false) that it already has another value.
#[inline(never)]
fn put<T: PartialEq + Copy>(slot: &mut Option<T>, value: T) -> bool {
    *slot.get_or_insert(value) == value
}

/// Adds to `kernel` what it can judge of a condition on `part`. False on a contradiction.
fn push_down(kernel: &mut KernelFilter, part: KernelPart, test: &Test) -> bool {
    match *test {
        Test::Net(net) => push_net(kernel, part, net),
        // Every flow meets an empty mask, and the kernel refuses one.
        Test::Masked(_, 0) => true,
        Test::Masked(value, mask) => push_masked(kernel, part, value, mask),
        Test::Range(low, high) if low == high => push_number(kernel, part, low),
        _ => true,
    }
}

fn push_net(kernel: &mut KernelFilter, part: KernelPart, net: Net) -> bool {
    let slot = match part {
        KernelPart::OrigSrc => Some(&mut kernel.orig.src),
        KernelPart::OrigDst => Some(&mut kernel.orig.dst),
        KernelPart::ReplSrc => Some(&mut kernel.repl.src),
        KernelPart::ReplDst => Some(&mut kernel.repl.dst),
        KernelPart::AnyAddress => None,
        _ => return true,
    };
    let agrees = match (slot, net.single()) {
        (Some(slot), Some(address)) => put(slot, address),
        _ => true,
    };
    // Both directions are of one family, so that any address tells it.
    put(&mut kernel.l3proto, if net.is_v4() { AF_INET } else { AF_INET6 }) && agrees
}

fn push_masked(kernel: &mut KernelFilter, part: KernelPart, value: u32, mask: u32) -> bool {
    match part {
        KernelPart::Mark => put(&mut kernel.mark, (value, mask)),
        KernelPart::Status => put(&mut kernel.status, (value, mask)),
        _ => true,
    }
}

/// The value has been read as the field's kind takes it, so that no bit is lost here.
fn push_number(kernel: &mut KernelFilter, part: KernelPart, value: u64) -> bool {
    let (byte, port) = (value as u8, value as u16);
    let (orig, repl) = (&mut kernel.orig, &mut kernel.repl);
    match part {
        KernelPart::Mark | KernelPart::Status => push_masked(kernel, part, value as u32, u32::MAX),
        // The kernel takes an entry that is in a zone in one direction alone for one of that zone, and not of zone 0.
        KernelPart::Zone if port != 0 => put(&mut kernel.zone, port),
        KernelPart::Family if matches!(byte, AF_INET | AF_INET6) => put(&mut kernel.l3proto, byte),
        KernelPart::OrigProto => put(&mut orig.l4proto, byte),
        KernelPart::ReplProto => put(&mut repl.l4proto, byte),
        KernelPart::OrigSrcPort => put(&mut orig.src_port, port),
        KernelPart::OrigDstPort => put(&mut orig.dst_port, port),
        KernelPart::ReplSrcPort => put(&mut repl.src_port, port),
        KernelPart::ReplDstPort => put(&mut repl.dst_port, port),
        KernelPart::IcmpType => put(&mut orig.icmp_type, byte),
        KernelPart::IcmpCode => put(&mut orig.icmp_code, byte),
        KernelPart::IcmpId => put(&mut orig.icmp_id, port),
        _ => true,
    }
}
