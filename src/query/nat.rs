//! What was translated of a flow. The kernel keeps no record of that: its two directions tell, where the one is not the other
//! turned round.

use crate::conntrack::flow::{Ends, Flow};

/// Bits of what was translated; the values of the field `nat`.
pub(super) const SOURCE: u32 = 1;
pub(super) const DESTINATION: u32 = 2;

/// What was translated of the flow: none of the bits for a flow that goes as it was sent.
#[inline]
pub(super) fn translated(flow: &Flow) -> u32 {
    let (Some(orig), Some(repl)) = (&flow.orig, &flow.repl) else {
        return 0;
    };
    let (source, destination) = match (orig.ends, repl.ends) {
        (Ends::Ports { src, dst }, Ends::Ports { src: repl_src, dst: repl_dst }) => {
            (src != repl_dst, dst != repl_src)
        }
        // The identifier stands for the port of who asks.
        (Ends::Icmp { id, .. }, Ends::Icmp { id: repl_id, .. }) => (id != repl_id, false),
        _ => (false, false),
    };
    let source = if source || orig.src != repl.dst { SOURCE } else { 0 };
    let destination = if destination || orig.dst != repl.src { DESTINATION } else { 0 };
    source | destination
}
