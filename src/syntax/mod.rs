//! Values written as XML-RPC or as JSON: the values are the caller's, the syntax is in here.
//!
//! A reply leaves through a small buffer, so it is written in pieces, each of which is whole or not there. What has to be
//! known of it between two pieces is one [`Document`], which the caller keeps beside its own state:
//! ```
//! use rctd::out::{Full, Out};
//! use rctd::syntax::{Document, Style, Syntax, WideInts};
//!
//! let mut document = Document::new(Style { syntax: Syntax::Json, wide: WideInts::Double });
//! let mut buffer = [0; 16];
//! let mut out = Out::new(&mut buffer);
//! document.piece(&mut out, |w| {
//!     w.reply_open()?;
//!     w.array_open()
//! })?;
//! document.piece(&mut out, |w| w.string(b"first"))?;
//! // There is no room for this one: nothing of it is written, and it can be written again later.
//! assert_eq!(document.piece(&mut out, |w| w.string(b"second")), Err(Full));
//! document.piece(&mut out, |w| {
//!     w.int(-2)?;
//!     w.array_close()?;
//!     w.reply_close()
//! })?;
//! assert_eq!(out.as_bytes(), br#"["first",-2]"#);
//! # Ok::<(), Full>(())
//! ```
//!
//! | value | XML-RPC | JSON (RFC 8259) |
//! |---|---|---|
//! | reply | `<methodResponse>`, `<params>`, `<param>` | the value alone |
//! | fault | `<fault>` and a struct | the same struct: `{"faultCode":1,"faultString":"..."}` |
//! | array, struct | `<array>`, `<struct>` | array, object |
//! | integer of 32 signed bits | `<int>` | number |
//! | larger integer | as [`WideInts`] says | number, all its digits |
//! | boolean | `<boolean>` 0, 1 | `false`, `true` |
//! | string, address, id | `<string>` | string |
//!
//! Nothing in here nests or counts: that opening and closing match is the caller's part. JSON needs a comma before each
//! item of a container but the first, and that is the one thing that a [`Document`] remembers.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod escape;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use escape::put_text;
pub use writer::Writer;

use crate::out::{Full, Out};

/// The syntax that values are written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Syntax {
    /// XML-RPC.
    #[default]
    Xml,
    /// JSON, RFC 8259.
    Json,
}

/// How XML-RPC has an integer that does not fit 32 signed bits. JSON has the digits in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WideInts {
    /// `<double>`, with all its decimal digits; clients hold it exactly up to 2^53. Every client reads it.
    #[default]
    Double,
    /// `<i8>`; beyond 63 bits, which it can't carry, `<string>`. PHP's xmlrpc reads it as NULL.
    I8,
    /// `<string>`, decimal.
    String,
}

/// How the values of one reply are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// The syntax.
    pub syntax: Syntax,
    /// What XML-RPC does with large integers.
    pub wide: WideInts,
}

/// One reply that is being written: what is to be known of it from one piece to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Document {
    style: Style,
    /// Whether something stands before the next item of its container, so that JSON needs a comma.
    comma: bool,
}

/// What writes a piece of a reply: any closure. One table of a closure as a `dyn Fn` would have it three times.
pub(crate) trait Piece {
    /// Writes it.
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full>;
}

impl<F: Fn(&mut Writer<'_>) -> Result<(), Full>> Piece for F {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        self(writer)
    }
}

impl Document {
    /// A reply of which nothing is written.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Document { style, comma: false }
    }

    /// How its values are written.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Writes the next piece, whole or not at all: if `write` fails, `out` and the document are as before.
    ///
    /// # Errors
    /// [`Full`].
    pub fn piece(
        &mut self,
        out: &mut Out<'_>,
        write: impl Fn(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.write_piece(out, &write)
    }

    /// As [`Document::piece`].
    #[inline(never)]
    pub(crate) fn write_piece(&mut self, out: &mut Out<'_>, piece: &dyn Piece) -> Result<(), Full> {
        let mut writer = Writer { out: out.reborrow(), style: self.style, comma: self.comma };
        piece.write(&mut writer)?;
        let (len, comma) = (writer.out.len(), writer.comma);
        out.set_len(len);
        self.comma = comma;
        Ok(())
    }
}
