//! Objects of JSON, a line each, on the standard output.

use super::{Failure, print};
use crate::limits::OUTPUT_BYTES;
use crate::out::{Full, Out};
use crate::syntax::{Document, Style, Syntax, Writer};

/// Lines on their way out, written when there is no room for another.
pub(super) struct Lines {
    buf: Box<[u8]>,
    len: usize,
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines { buf: vec![0; OUTPUT_BYTES].into(), len: 0 }
    }

    /// Adds the line of an object, which `write` may have to write twice.
    ///
    /// # Errors
    /// Those of the output.
    pub(super) fn line(
        &mut self,
        write: &dyn Fn(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<(), Failure> {
        if self.put(write).is_err() {
            self.flush()?;
            self.put(write)
                .map_err(|Full| Failure::new(format_args!("a line is longer than there is room for")))?;
        }
        Ok(())
    }

    /// Writes an object and the end of its line, or nothing.
    fn put(&mut self, write: &dyn Fn(&mut Writer<'_>) -> Result<(), Full>) -> Result<(), Full> {
        let mut out = Out::at(&mut self.buf, self.len);
        let mut document = Document::new(Style { syntax: Syntax::Json, ..Style::default() });
        document.piece(&mut out, |writer: &mut Writer<'_>| write(writer))?;
        out.put(b"\n")?;
        self.len = out.len();
        Ok(())
    }

    /// Writes what is there to the standard output.
    ///
    /// # Errors
    /// Those of the output.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let bytes = self.buf.get(..self.len).unwrap_or_default();
        self.len = 0;
        print(bytes)
    }
}
