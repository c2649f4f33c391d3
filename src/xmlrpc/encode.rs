//! Replies, element by element.
//!
//! Each function writes a whole element or, on [`Full`], nothing. The constants are the tags between them, so that a
//! caller can put a long struct or array together over many buffers.

use crate::address::{put_ipv4, put_ipv6};
use crate::out::{Full, Out};
use crate::syntax::{Syntax, put_text};

/// Begins a reply; one value follows, then [`RESPONSE_CLOSE`].
pub const RESPONSE_OPEN: &[u8] = b"<?xml version=\"1.0\"?>\n<methodResponse><params><param>";
/// Ends a reply.
pub const RESPONSE_CLOSE: &[u8] = b"</param></params></methodResponse>\n";
/// Begins a struct value; members follow.
pub const STRUCT_OPEN: &[u8] = b"<value><struct>";
/// Ends a struct value.
pub const STRUCT_CLOSE: &[u8] = b"</struct></value>";
/// Begins an array value; values follow.
pub const ARRAY_OPEN: &[u8] = b"<value><array><data>";
/// Ends an array value.
pub const ARRAY_CLOSE: &[u8] = b"</data></array></value>";
/// Begins a member; its name follows, as [`text`] writes it.
pub const MEMBER_OPEN: &[u8] = b"<member><name>";
/// Stands between a member's name and its value.
pub const MEMBER_VALUE: &[u8] = b"</name>";
/// Ends a member, behind its value.
pub const MEMBER_CLOSE: &[u8] = b"</member>";

const FAULT_OPEN: &[u8] = b"<?xml version=\"1.0\"?>\n<methodResponse><fault>";
const FAULT_CLOSE: &[u8] = b"</fault></methodResponse>\n";

pub use crate::syntax::WideInts;

/// Begins a reply.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn response_open(out: &mut Out<'_>) -> Result<(), Full> {
    out.put(RESPONSE_OPEN)
}

/// Ends a reply.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn response_close(out: &mut Out<'_>) -> Result<(), Full> {
    out.put(RESPONSE_CLOSE)
}

/// Begins the member `name`; its value follows, then [`MEMBER_CLOSE`].
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn member_open(out: &mut Out<'_>, name: &str) -> Result<(), Full> {
    out.atomically(|out| {
        out.put(MEMBER_OPEN)?;
        text(out, name.as_bytes())?;
        out.put(MEMBER_VALUE)
    })
}

/// A whole value: `<int>` where `value` fits 32 signed bits, else as `wide` says.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn int(out: &mut Out<'_>, value: i64, wide: WideInts) -> Result<(), Full> {
    integer(out, value < 0, value.unsigned_abs(), wide)
}

/// A whole value of an unsigned number: as [`int`].
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn uint(out: &mut Out<'_>, value: u64, wide: WideInts) -> Result<(), Full> {
    integer(out, false, value, wide)
}

fn integer(out: &mut Out<'_>, negative: bool, magnitude: u64, wide: WideInts) -> Result<(), Full> {
    // A negative number reaches one further than a positive one.
    let spare = u64::from(negative);
    let fits = |bits: u32| magnitude < (1 << (bits - 1)) + spare;
    let (open, close): (&[u8], &[u8]) = match wide {
        _ if fits(32) => (b"<value><int>", b"</int></value>"),
        WideInts::Double => (b"<value><double>", b"</double></value>"),
        WideInts::I8 if fits(64) => (b"<value><i8>", b"</i8></value>"),
        WideInts::I8 | WideInts::String => (STRING_OPEN, STRING_CLOSE),
    };
    out.atomically(|out| {
        out.put(open)?;
        out.put(if negative { b"-" } else { b"" })?;
        out.put_u64(magnitude)?;
        out.put(close)
    })
}

/// A whole boolean value.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn boolean(out: &mut Out<'_>, value: bool) -> Result<(), Full> {
    out.put(if value {
        b"<value><boolean>1</boolean></value>"
    } else {
        b"<value><boolean>0</boolean></value>"
    })
}

const STRING_OPEN: &[u8] = b"<value><string>";
const STRING_CLOSE: &[u8] = b"</string></value>";

/// A whole string value, escaped as [`text`] says.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn string(out: &mut Out<'_>, value: impl AsRef<[u8]>) -> Result<(), Full> {
    within_string(out, |out| text(out, value.as_ref()))
}

fn within_string(
    out: &mut Out<'_>,
    write: impl FnOnce(&mut Out<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    out.atomically(|out| {
        out.put(STRING_OPEN)?;
        write(out)?;
        out.put(STRING_CLOSE)
    })
}

/// Character data for `bytes`, which may come from the kernel and be anything.
///
/// `&`, `<` and `>` become references, and so does CR, which a parser would turn into LF. What XML 1.0 can't carry
/// becomes U+FFFD, here and nowhere else: control characters but TAB and LF, U+FFFE, U+FFFF, and bytes that are not
/// UTF-8 (one for each sequence, as the Unicode standard recommends in section 3.9).
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn text(out: &mut Out<'_>, bytes: &[u8]) -> Result<(), Full> {
    out.atomically(|out| put_text(out, Syntax::Xml, bytes))
}

/// A whole string value: an IPv4 address as a dotted quad.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn ipv4(out: &mut Out<'_>, address: [u8; 4]) -> Result<(), Full> {
    within_string(out, |out| put_ipv4(out, address))
}

/// A whole string value: an IPv6 address as RFC 5952 writes it.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn ipv6(out: &mut Out<'_>, address: [u8; 16]) -> Result<(), Full> {
    within_string(out, |out| put_ipv6(out, &address))
}

/// A whole reply that is a fault: `code` and a sentence.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn fault(out: &mut Out<'_>, code: i32, what: &str) -> Result<(), Full> {
    out.atomically(|out| {
        out.put(FAULT_OPEN)?;
        fault_struct(out, code, what)?;
        out.put(FAULT_CLOSE)
    })
}

/// A whole struct value of `faultCode` and `faultString`: what a fault holds, and what stands for a failed call in the
/// reply of `system.multicall`.
///
/// # Errors
/// [`Full`]; then nothing is written.
pub fn fault_struct(out: &mut Out<'_>, code: i32, what: &str) -> Result<(), Full> {
    out.atomically(|out| {
        out.put(STRUCT_OPEN)?;
        member_open(out, "faultCode")?;
        int(out, code.into(), WideInts::default())?;
        out.put(MEMBER_CLOSE)?;
        member_open(out, "faultString")?;
        string(out, what)?;
        out.put(MEMBER_CLOSE)?;
        out.put(STRUCT_CLOSE)
    })
}
