//! Netlink attributes: a cursor over bytes that came, a builder for bytes that go.
//!
//! The library's own iterator (`NlasIterator`) allocates a `String` for each malformed attribute and its own messages a
//! `Vec` for each level; this is on the path of every entry of the table, so it is our own and does neither.
//!
//! An attribute is a length (u16, with its 4 bytes of header), a type (u16, two flag bits on top), the value, and
//! padding to 4 bytes: `include/uapi/linux/netlink.h`. Both numbers are in the machine's own order; the values of
//! ctnetlink are big-endian ([`be16`], [`be32`], [`be64`]).

use netlink_packet_core::{NLA_F_NESTED, NLA_HEADER_SIZE, NLA_TYPE_MASK};

/// An attribute's length runs past what holds it, or is smaller than its own header; or a value has not its type's
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The attributes in a slice, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attrs<'a> {
    rest: &'a [u8],
}

impl<'a> Attrs<'a> {
    /// Starts at the first attribute of `bytes`.
    #[must_use]
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Attrs { rest: bytes }
    }

    /// The next attribute: its type without the flag bits, and its value. `None` at the end.
    ///
    /// # Errors
    /// [`Malformed`] if the attribute does not fit; the cursor then is at its end. Fewer than four bytes at the end
    /// are padding.
    #[inline(always)] // A dozen of these for every entry of the table: a call costs as much as what it does.
    pub(crate) fn pull(&mut self) -> Result<Option<(u16, &'a [u8])>, Malformed> {
        let Some(head) = self.rest.first_chunk() else {
            return Ok(None);
        };
        // One load of four bytes is cheaper than two of two, which need not be aligned either.
        let head = u32::from_ne_bytes(*head);
        let (len, kind) = if cfg!(target_endian = "big") { (head >> 16, head) } else { (head, head >> 16) };
        let (len, kind) = (usize::from(len as u16), kind as u16 & NLA_TYPE_MASK);
        let Some(value) = self.rest.get(NLA_HEADER_SIZE..len) else {
            self.rest = &[];
            return Err(Malformed);
        };
        self.rest = self.rest.get(aligned(len).min(self.rest.len())..).unwrap_or(&[]);
        Ok(Some((kind, value)))
    }
}

/// Calls `each` with the type and the value of every attribute in `bytes`.
///
/// # Errors
/// [`Malformed`] from an attribute that does not fit, or from `each`.
#[inline]
pub(crate) fn each<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(u16, &'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut attrs = Attrs::new(bytes);
    while let Some((kind, value)) = attrs.pull()? {
        each(kind, value)?;
    }
    Ok(())
}

/// A one-byte value.
///
/// # Errors
/// [`Malformed`] if there is none.
#[inline]
pub(crate) fn byte(value: &[u8]) -> Result<u8, Malformed> {
    value.first().copied().ok_or(Malformed)
}

/// A big-endian 16-bit value.
///
/// # Errors
/// [`Malformed`] if the value is of another size, as for its wider sisters.
#[inline]
pub(crate) fn be16(value: &[u8]) -> Result<u16, Malformed> {
    Ok(u16::from_be_bytes(sized(value)?))
}

/// A big-endian 32-bit value. Errors: see [`be16`].
#[inline]
pub(crate) fn be32(value: &[u8]) -> Result<u32, Malformed> {
    Ok(u32::from_be_bytes(sized(value)?))
}

/// A big-endian 64-bit value. Errors: see [`be16`].
#[inline]
pub(crate) fn be64(value: &[u8]) -> Result<u64, Malformed> {
    Ok(u64::from_be_bytes(sized(value)?))
}

/// A value of exactly `N` bytes, for instance an address. Errors: see [`be16`].
#[inline]
pub(crate) fn sized<const N: usize>(value: &[u8]) -> Result<[u8; N], Malformed> {
    value.try_into().map_err(|_| Malformed)
}

/// A string value without its NUL.
#[must_use]
pub(crate) fn text(value: &[u8]) -> &[u8] {
    value.split(|&b| b == 0).next().unwrap_or(&[])
}

/// Rounds up to the 4 bytes that attributes and messages are aligned to (`NLA_ALIGN`, `NLMSG_ALIGN`).
#[must_use]
#[inline]
pub(crate) const fn aligned(len: usize) -> usize {
    (len + 3) & !3
}

/// Writes attributes into a fixed buffer. Running out of room is remembered, not done ([`Builder::finish`] tells).
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    buf: &'a mut [u8],
    len: usize,
    full: bool,
}

impl<'a> Builder<'a> {
    /// Writes into `buf` from offset `len` on.
    pub(crate) fn new(buf: &'a mut [u8], len: usize) -> Self {
        Builder { buf, len, full: false }
    }

    /// Adds one attribute.
    pub(crate) fn put(&mut self, kind: u16, value: &[u8]) {
        let len = NLA_HEADER_SIZE + value.len();
        let Some(room) = self.buf.get_mut(self.len..self.len + aligned(len)) else {
            self.full = true;
            return;
        };
        room.fill(0);
        let head = u16::try_from(len).unwrap_or(u16::MAX).to_ne_bytes();
        let parts = [&head[..], &kind.to_ne_bytes()[..], value];
        for (to, from) in room.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        self.len += aligned(len);
    }

    /// Adds a big-endian 16-bit attribute.
    pub(crate) fn put_be16(&mut self, kind: u16, value: u16) {
        self.put(kind, &value.to_be_bytes());
    }

    /// Adds a big-endian 32-bit attribute.
    pub(crate) fn put_be32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// Adds an attribute that holds the attributes which `inner` adds.
    pub(crate) fn nest(&mut self, kind: u16, inner: impl FnOnce(&mut Self)) {
        let start = self.len;
        // Mutants: no number of an attribute has the flag, so `^` for `|` is the same.
        self.put(kind | NLA_F_NESTED, &[]);
        inner(self);
        self.close(start);
    }

    /// Gives the attribute at `start` all that was added since.
    fn close(&mut self, start: usize) {
        let len = u16::try_from(self.len - start).unwrap_or(u16::MAX);
        if let Some([l0, l1, ..]) = self.buf.get_mut(start..) {
            [*l0, *l1] = len.to_ne_bytes();
        }
    }

    /// The length of all that is in the buffer, or `None` if it did not fit.
    #[must_use]
    pub(crate) fn finish(self) -> Option<usize> {
        (!self.full).then_some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read_back() {
        let mut buf = [0xff; 64];
        let mut builder = Builder::new(&mut buf, 0);
        builder.nest(1, |b| {
            b.put_be16(2, 0x1234);
            b.put(3, b"abcde");
        });
        builder.put_be32(4, 7);
        let len = builder.finish().expect("fits");
        assert_eq!(len, 4 + 8 + 12 + 8);
        let mut attrs = Attrs::new(&buf[..len]);
        let (kind, nested) = attrs.pull().expect("sound").expect("one");
        assert_eq!(kind, 1, "the nested flag is not part of the type");
        let mut inner = Attrs::new(nested);
        assert_eq!(inner.pull(), Ok(Some((2, &[0x12, 0x34][..]))));
        assert_eq!(inner.pull(), Ok(Some((3, &b"abcde"[..]))));
        assert_eq!(inner.pull(), Ok(None));
        assert_eq!(attrs.pull(), Ok(Some((4, &[0, 0, 0, 7][..]))));
        assert_eq!(attrs.pull(), Ok(None));
    }

    #[test]
    fn lengths_that_lie_are_errors_and_the_cursor_ends() {
        for len in [0u16, 1, 3, 9, 0xffff] {
            let mut bytes = [0u8; 8];
            bytes[..2].copy_from_slice(&len.to_ne_bytes());
            let mut attrs = Attrs::new(&bytes);
            assert_eq!(attrs.pull(), Err(Malformed), "length {len}");
            assert_eq!(attrs.pull(), Ok(None));
        }
    }

    #[test]
    fn a_full_builder_says_so() {
        for room in 0..20 {
            let mut buf = vec![0; room];
            let mut builder = Builder::new(&mut buf, 0);
            builder.nest(1, |b| b.put(2, &[0; 10]));
            assert_eq!(builder.finish(), None, "{room} bytes of 20");
        }
    }

    #[test]
    fn values_of_the_wrong_size_are_errors() {
        assert_eq!(be16(&[1]), Err(Malformed));
        assert_eq!(be32(&[1, 2, 3, 4, 5]), Err(Malformed));
        assert_eq!(be64(&[0; 4]), Err(Malformed));
        assert_eq!(byte(&[]), Err(Malformed));
        assert_eq!(text(b"ftp\0\0"), b"ftp");
        assert_eq!(text(b"ftp"), b"ftp");
    }
}
