//! The total order of rows.
//!
//! By a field's value, ascending or descending; flows without the field last in both directions; then by id, ascending;
//! then, since ids are 32-bit hashes and two entries of a large table may share one, by tuple and zone. So no two
//! entries are equal, "the rows after this one" is exact, and a page boundary never falls inside a tie.

use super::context::Context;
use super::field::{FieldId, FieldKind, FieldValue, Scope, TIMEOUT};
use crate::conntrack::flow::Flow;
use crate::conntrack::uapi::{CTA_ID, CTA_TUPLE_ORIG, CTA_ZONE, bit};
use core::cmp::Ordering;

/// A field and a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    field: FieldId,
    descending: bool,
}

/// Where a flow stands in an order, as far as that is a number: texts are compared in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    missing: bool,
    high: u64,
    low: u64,
    id: u32,
}

impl Order {
    /// The order by `field`; `None` if nothing can be ordered by it.
    #[must_use]
    pub fn by(field: FieldId, descending: bool) -> Option<Self> {
        (field.field().scope >= Scope::Sort).then_some(Order { field, descending })
    }

    /// The attributes that a flow must be read with to be given a key and, with a text field, to be compared.
    #[must_use]
    pub(crate) fn needs(&self) -> u32 {
        self.field.field().needs | bit(CTA_ID)
    }

    /// The attributes that break a tie between two equal keys.
    pub(crate) const TIE: u32 = bit(CTA_ID) | bit(CTA_TUPLE_ORIG) | bit(CTA_ZONE);

    /// The flow's key. Smaller comes first, in both directions.
    ///
    /// Timeouts count down, so a key of them is when they end: `clock_s`, the seconds at the start of the pass, is added.
    /// That keeps the keys of two passes comparable, but for a second: timeouts are rounded down when they are read.
    #[must_use]
    #[inline]
    pub(crate) fn key(&self, flow: &Flow, context: &Context, clock_s: u32) -> Key {
        let value = self.field.field().value(flow, context);
        let number = match value {
            Some(FieldValue::Int(v)) if self.field == TIMEOUT => u128::from(v) + u128::from(clock_s),
            Some(FieldValue::Int(v)) => u128::from(v),
            // A port, and what does not fit of a text, is looked at by `break_tie`.
            Some(FieldValue::Ip(address, _) | FieldValue::End(address, ..)) => u128::from_be_bytes(address),
            Some(FieldValue::Text(text)) => prefix(text),
            None => 0,
        };
        let number = if self.descending && value.is_some() { !number } else { number };
        Key {
            missing: value.is_none(),
            high: (number >> 64) as u64,
            low: number as u64,
            id: if self.is_longer() { 0 } else { flow.id.unwrap_or(0) },
        }
    }

    /// Whether two values may differ that have the same number in a key.
    fn is_longer(&self) -> bool {
        matches!(self.field.field().kind, FieldKind::Text | FieldKind::End)
    }

    /// Compares two flows whose keys are equal. Both must have been read with [`Order::needs`] and [`Order::TIE`].
    #[must_use]
    pub(crate) fn break_tie(&self, a: &Flow, b: &Flow, context: &Context) -> Ordering {
        let rest = if self.is_longer() {
            let field = self.field.field();
            let order = match (field.value(a, context), field.value(b, context)) {
                (Some(FieldValue::Text(a)), Some(FieldValue::Text(b))) => a.cmp(b),
                (Some(FieldValue::End(.., a)), Some(FieldValue::End(.., b))) => a.cmp(&b),
                _ => Ordering::Equal,
            };
            if self.descending { order.reverse() } else { order }
        } else {
            Ordering::Equal
        };
        rest.then_with(|| a.id.cmp(&b.id)).then_with(|| a.orig.cmp(&b.orig)).then_with(|| a.zone.cmp(&b.zone))
    }
}

/// The first 16 bytes of a text as a number that compares as they do.
fn prefix(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text) {
        *to = *from;
    }
    u128::from_be_bytes(bytes)
}
