//! The parts of an entry that the kernel can judge.

/// The part of an entry that a field is, where the kernel can leave entries out of a dump by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelPart {
    /// None: the kernel can't filter by the field.
    None,
    /// The family, which both directions share.
    Family,
    /// Source address of the original direction.
    OrigSrc,
    /// Destination address of the original direction.
    OrigDst,
    /// Source address of the reply's direction.
    ReplSrc,
    /// Destination address of the reply's direction.
    ReplDst,
    /// Any of the four addresses.
    AnyAddress,
    /// Protocol of the original direction.
    OrigProto,
    /// Protocol of the reply's direction.
    ReplProto,
    /// Source port of the original direction.
    OrigSrcPort,
    /// Destination port of the original direction.
    OrigDstPort,
    /// Source port of the reply's direction.
    ReplSrcPort,
    /// Destination port of the reply's direction.
    ReplDstPort,
    /// ICMP type of the original direction.
    IcmpType,
    /// ICMP code of the original direction.
    IcmpCode,
    /// ICMP identifier of the original direction.
    IcmpId,
    /// The mark.
    Mark,
    /// The status.
    Status,
    /// The zone.
    Zone,
}
