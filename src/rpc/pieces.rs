//! The pieces of a reply: written one after the other, or only measured.

use crate::out::{Full, Out};
use crate::syntax::{Document, Piece, Writer};

/// Where pieces of the reply go.
pub(super) struct Pieces<'a, 'b> {
    pub(super) out: &'a mut Out<'b>,
    pub(super) document: &'a mut Document,
}

/// A place in the reply that is still in the output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) len: usize,
    pub(super) document: Document,
}

impl Pieces<'_, '_> {
    /// Writes a piece, whole or not at all.
    ///
    /// # Errors
    /// [`Full`], when there is no room for all of it.
    #[inline]
    pub(super) fn piece(&mut self, write: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> Result<(), Full> {
        self.document.piece(self.out, write)
    }

    /// Where the next piece goes.
    pub(super) fn place(&self) -> Place {
        Place { len: self.out.len(), document: *self.document }
    }

    /// Takes back what was written since `place`.
    pub(super) fn rewind(&mut self, place: Place) {
        self.out.truncate(place.len);
        *self.document = place.document;
    }
}

/// How long the reply is as far as it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) document: Document,
    pub(super) bytes: usize,
}

/// Where pieces are measured.
pub(super) struct Measure<'a, 'b> {
    pub(super) out: &'a mut Out<'b>,
    pub(super) length: &'a mut Length,
    /// A piece was longer than the whole output.
    pub(super) is_lost: bool,
}

impl Measure<'_, '_> {
    /// Adds the length of a piece.
    pub(super) fn piece(&mut self, write: impl Fn(&mut Writer<'_>) -> Result<(), Full>) {
        self.measure(&write);
    }

    #[inline(never)]
    fn measure(&mut self, piece: &dyn Piece) {
        match self.length.document.write_piece(self.out, piece) {
            Ok(()) => self.length.bytes += self.out.len(),
            Err(Full) => self.is_lost = true,
        }
        self.out.truncate(0);
    }
}
