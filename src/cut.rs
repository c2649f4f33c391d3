//! Texts that are cut where their room ends, so that one can see it.

use core::fmt::{self, Write};
use heapless::string::StringView;

/// What ends a text that was cut.
const MORE: &str = "…";

/// A writer that ends in [`MORE`] and fails where it is full, which ends what is being formatted.
pub(crate) struct Cut<'a>(pub(crate) &'a mut StringView);

impl Write for Cut<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for c in part.chars() {
            if self.0.len() + c.len_utf8() + MORE.len() > self.0.capacity() {
                // An output without room even for that stays empty.
                let _ = self.0.push_str(MORE);
                return Err(fmt::Error);
            }
            self.0.push(c).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}
