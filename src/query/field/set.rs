//! Sets of fields, a bit for each.

use super::{FIELDS, FieldId};

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u64);

const _: () = assert!(FIELDS.len() <= 64, "a FieldSet is 64 bits");

impl FieldSet {
    /// Every field.
    pub const ALL: FieldSet = FieldSet(u64::MAX);
    /// `id` alone, which every row has.
    pub const ID_ONLY: FieldSet = FieldSet(1);

    /// Adds a field.
    pub fn insert(&mut self, field: FieldId) {
        self.0 |= 1 << field.index();
    }

    /// The attributes that a flow must be read with to have all of these fields.
    #[must_use]
    pub(crate) fn needs(self) -> u32 {
        let fields = FIELDS.iter().enumerate().filter(|(at, _)| self.contains(*at));
        fields.fold(0, |needs, (_, field)| needs | field.needs)
    }

    /// Whether the field at `index` of [`FIELDS`] is in the set.
    #[must_use]
    #[inline]
    pub fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}
