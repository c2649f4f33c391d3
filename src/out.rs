//! A bounded output buffer that someone else owns.
//!
//! Replies leave through a small fixed buffer, piece by piece. A writer that does not fit says [`Full`] and leaves the
//! buffer at the last whole element, so the caller sends what is there and asks for the same element again. Integers
//! are written by hand: formatting machinery (`core::fmt`) costs flash and time on a router.

/// The bytes did not fit; nothing of them was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the output buffer is full: send what it holds, then write this element again")
    }
}

/// A lower-case hex digit, of the lowest four bits.
pub(crate) const fn hex_digit(value: u8) -> u8 {
    match value & 0xf {
        digit @ 0..=9 => b'0' + digit,
        letter => b'a' - 10 + letter,
    }
}

/// Decimal digits of the largest `u64`.
const U64_DIGITS: usize = 20;

/// Appends to a borrowed buffer and never writes beyond it.
///
/// `len <= buf.len()` always holds.
#[derive(Debug)]
pub struct Out<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl<'a> Out<'a> {
    /// An empty output over `buf`; its capacity is `buf.len()` bytes.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Out { buf, len: 0 }
    }

    /// Appends after the first `len` bytes, which `buf` already holds. A `len` beyond the buffer means a full one.
    pub fn at(buf: &'a mut [u8], len: usize) -> Self {
        let len = len.min(buf.len());
        Out { buf, len }
    }

    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// [`Full`] where they do not fit; then none of them is written.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let room = self.buf.get_mut(self.len..).and_then(|rest| rest.get_mut(..bytes.len()));
        room.ok_or(Full)?.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    /// Appends a text, its letters of ASCII as small ones.
    ///
    /// # Errors
    /// [`Full`]; then a part of it may be written.
    pub(crate) fn put_lowercase(&mut self, text: &str) -> Result<(), Full> {
        text.bytes().try_for_each(|byte| self.put(&[byte.to_ascii_lowercase()]))
    }

    /// Bytes written so far, with those that were there before [`Out::at`].
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub fn remaining(&self) -> usize {
        self.buf.len() - self.len
    }

    /// What is written so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }

    /// Forgets everything after the first `len` bytes; a mark of an earlier [`Out::len`]. Never grows.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// A second output over the same buffer, which goes on where this one is. What it wrote counts only once
    /// [`Out::set_len`] says so.
    pub(crate) fn reborrow(&mut self) -> Out<'_> {
        Out { buf: self.buf, len: self.len }
    }

    /// Counts the first `len` bytes of the buffer as written.
    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len.min(self.buf.len());
    }

    /// Runs `write`, and takes back all it wrote if it fails: either the whole element is there or none of it.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn atomically<E>(&mut self, write: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        let mark = self.len;
        let result = write(self);
        if result.is_err() {
            self.truncate(mark);
        }
        result
    }

    /// Appends `value` in decimal.
    ///
    /// # Errors
    /// [`Full`]; then nothing is written.
    pub fn put_u64(&mut self, value: u64) -> Result<(), Full> {
        let mut digits = [0; U64_DIGITS];
        let mut rest = value;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            // A remainder of ten fits a byte.
            *digit = b'0' + (rest % 10) as u8;
            used += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.put(digits.get(U64_DIGITS - used..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_std() {
        let values = [0, 1, 9, 10, 99, 100, 4_294_967_295, u64::MAX, u64::MAX - 1, 1 << 63];
        for value in values {
            let mut buf = [0; U64_DIGITS];
            let mut out = Out::new(&mut buf);
            assert_eq!(out.put_u64(value), Ok(()));
            assert_eq!(out.as_bytes(), value.to_string().as_bytes());
        }
    }

    #[test]
    fn nothing_goes_beyond_the_buffer() {
        let mut buf = *b"abcdef";
        let mut out = Out::at(&mut buf, 4);
        assert_eq!((out.len(), out.remaining(), out.is_empty()), (4, 2, false));
        assert_eq!(out.put(b"xyz"), Err(Full));
        assert_eq!(out.as_bytes(), b"abcd");
        assert_eq!(out.put(b"xy"), Ok(()));
        assert_eq!((out.put(b""), out.put(b"z"), out.remaining()), (Ok(()), Err(Full), 0));
        out.truncate(9);
        assert_eq!(out.as_bytes(), b"abcdxy");
        out.truncate(1);
        assert_eq!(out.as_bytes(), b"a");
        assert_eq!(Out::at(&mut [0; 3], 7).len(), 3);
        assert!(Out::new(&mut []).is_empty());
    }

    #[test]
    fn a_failed_element_leaves_no_trace() {
        let mut buf = [0; 5];
        let mut out = Out::new(&mut buf);
        assert_eq!(out.put(b"ab"), Ok(()));
        let result = out.atomically(|out| {
            out.put(b"cd")?;
            out.atomically(|out| out.put(b"ef"))
        });
        assert_eq!((result, out.as_bytes()), (Err(Full), b"ab".as_slice()));
        assert_eq!(out.atomically(|out| out.put(b"cde")), Ok(()));
        assert_eq!(out.as_bytes(), b"abcde");
    }
}
