//! The elements that values are made of.

use super::{Style, Syntax, WideInts, put_text};
use crate::address::{put_address, put_end_point, put_network};
use crate::out::{Full, Out};

/// Writes one piece of a reply; [`super::Document::piece`] makes it, and takes all of the piece back if it does not fit.
#[derive(Debug)]
pub struct Writer<'a> {
    pub(super) out: Out<'a>,
    pub(super) style: Style,
    /// Whether the next item of its container needs a comma before it.
    pub(super) comma: bool,
}

/// The result of an operation of [`Writer`]: [`Full`] leaves what was written of the piece for `piece` to take back.
type Written = Result<(), Full>;

impl Writer<'_> {
    /// Appends one of the two.
    #[inline]
    fn put(&mut self, xml: &[u8], json: &[u8]) -> Written {
        match self.style.syntax {
            Syntax::Xml => self.out.put(xml),
            Syntax::Json => self.out.put(json),
        }
    }

    /// Begins an item of a container, be it a value or a member.
    #[inline]
    fn begin(&mut self, xml: &[u8], json: &[u8]) -> Written {
        if self.comma && self.style.syntax == Syntax::Json {
            self.out.put(b",")?;
        }
        self.put(xml, json)
    }

    /// Ends a value; the next one in its container is not the first.
    #[inline]
    fn end(&mut self, xml: &[u8], json: &[u8]) -> Written {
        self.comma = true;
        self.put(xml, json)
    }

    /// Begins a container, whose first item needs no comma.
    #[inline]
    fn open(&mut self, xml: &[u8], json: &[u8]) -> Written {
        self.begin(xml, json)?;
        self.comma = false;
        Ok(())
    }

    /// Begins a reply, which is one value, then [`Writer::reply_close`].
    ///
    /// # Errors
    /// [`Full`].
    pub fn reply_open(&mut self) -> Written {
        self.open(b"<?xml version=\"1.0\"?>\n<methodResponse><params><param>", b"")
    }

    /// Ends a reply.
    ///
    /// # Errors
    /// [`Full`].
    pub fn reply_close(&mut self) -> Written {
        self.end(b"</param></params></methodResponse>\n", b"")
    }

    /// Writes a whole reply that is a fault: `code` and a sentence.
    ///
    /// # Errors
    /// [`Full`].
    pub fn fault(&mut self, code: i32, sentence: &str) -> Written {
        self.open(b"<?xml version=\"1.0\"?>\n<methodResponse><fault>", b"")?;
        self.fault_struct(code, sentence)?;
        self.end(b"</fault></methodResponse>\n", b"")
    }

    /// Writes a struct value of `faultCode` and `faultString`: what stands for a failed call in the reply of
    /// `system.multicall`, where the value of another call is an array of it alone.
    ///
    /// # Errors
    /// [`Full`].
    pub fn fault_struct(&mut self, code: i32, sentence: &str) -> Written {
        self.struct_open()?;
        self.member("faultCode")?;
        self.int(code.into())?;
        self.member_close()?;
        self.text("faultString", sentence)?;
        self.struct_close()
    }

    /// Begins an array; values follow.
    ///
    /// # Errors
    /// [`Full`].
    pub fn array_open(&mut self) -> Written {
        self.open(b"<value><array><data>", b"[")
    }

    /// Ends an array.
    ///
    /// # Errors
    /// [`Full`].
    pub fn array_close(&mut self) -> Written {
        self.end(b"</data></array></value>", b"]")
    }

    /// Begins a struct; members follow.
    ///
    /// # Errors
    /// [`Full`].
    pub fn struct_open(&mut self) -> Written {
        self.open(b"<value><struct>", b"{")
    }

    /// Ends a struct.
    ///
    /// # Errors
    /// [`Full`].
    pub fn struct_close(&mut self) -> Written {
        self.end(b"</struct></value>", b"}")
    }

    /// Begins a member of a struct; its value follows, then [`Writer::member_close`]. The name is the program's own and
    /// needs no escape in either syntax: letters, digits and underscores.
    ///
    /// # Errors
    /// [`Full`].
    #[inline]
    pub fn member(&mut self, name: &'static str) -> Written {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
        self.open(b"<member><name>", b"\"")?;
        self.out.put(name.as_bytes())?;
        self.put(b"</name>", b"\":")
    }

    /// Ends a member, behind its value.
    ///
    /// # Errors
    /// [`Full`].
    #[inline]
    pub fn member_close(&mut self) -> Written {
        self.end(b"</member>", b"")
    }

    /// Writes a member that is an unsigned integer.
    ///
    /// # Errors
    /// [`Full`].
    pub fn number(&mut self, name: &'static str, value: u64) -> Written {
        self.member(name)?;
        self.uint(value)?;
        self.member_close()
    }

    /// Writes a member that is a string.
    ///
    /// # Errors
    /// [`Full`].
    pub fn text(&mut self, name: &'static str, text: &str) -> Written {
        self.member(name)?;
        self.string(text.as_bytes())?;
        self.member_close()
    }

    /// Writes a string of anything; see [`put_text`].
    ///
    /// # Errors
    /// [`Full`].
    pub fn string(&mut self, bytes: &[u8]) -> Written {
        self.quoted(|w| put_text(&mut w.out, w.style.syntax, bytes))
    }

    /// Writes an address as a string: one of IPv4 stands in the last four bytes.
    ///
    /// # Errors
    /// [`Full`].
    pub fn address(&mut self, address: &[u8; 16], v4: bool) -> Written {
        self.quoted(|w| put_address(&mut w.out, address, v4))
    }

    /// Writes an address and, where there is one, a port as a string: `192.0.2.1:4000`, `[2001:db8::1]:4000`, or the address
    /// alone.
    ///
    /// # Errors
    /// [`Full`].
    pub fn end_point(&mut self, address: &[u8; 16], v4: bool, port: Option<u16>) -> Written {
        self.quoted(|w| put_end_point(&mut w.out, address, v4, port))
    }

    /// Writes a network as a string: `192.0.2.0/24`, of an address as [`Writer::address`] takes it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn network(&mut self, address: &[u8; 16], v4: bool, bits: u32) -> Written {
        self.quoted(|w| put_network(&mut w.out, address, v4, bits))
    }

    /// Writes the id of a connection: a number, as a string.
    ///
    /// # Errors
    /// [`Full`].
    pub fn id(&mut self, id: u32) -> Written {
        self.quoted(|w| w.out.put_u64(id.into()))
    }

    #[inline]
    fn quoted(&mut self, write: impl FnOnce(&mut Self) -> Written) -> Written {
        self.string_open()?;
        write(self)?;
        self.string_close()
    }

    #[inline(never)]
    fn string_open(&mut self) -> Written {
        self.begin(STRING_OPEN, b"\"")
    }

    #[inline(never)]
    fn string_close(&mut self) -> Written {
        self.end(STRING_CLOSE, b"\"")
    }

    /// Writes a boolean.
    ///
    /// # Errors
    /// [`Full`].
    pub fn boolean(&mut self, value: bool) -> Written {
        self.begin(b"<value><boolean>", b"")?;
        if value { self.put(b"1", b"true") } else { self.put(b"0", b"false") }?;
        self.end(b"</boolean></value>", b"")
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// [`Full`].
    pub fn int(&mut self, value: i64) -> Written {
        self.integer(value < 0, value.unsigned_abs())
    }

    /// Writes an unsigned integer.
    ///
    /// # Errors
    /// [`Full`].
    pub fn uint(&mut self, value: u64) -> Written {
        self.integer(false, value)
    }

    #[inline]
    fn integer(&mut self, negative: bool, magnitude: u64) -> Written {
        // A negative number reaches one further than a positive one.
        let spare = u64::from(negative);
        let fits = |bits: u32| magnitude < (1 << (bits - 1)) + spare;
        let (open, close): (&[u8], &[u8]) = match self.style.wide {
            _ if fits(32) => (b"<value><int>", b"</int></value>"),
            WideInts::Double => (b"<value><double>", b"</double></value>"),
            WideInts::I8 if fits(64) => (b"<value><i8>", b"</i8></value>"),
            WideInts::I8 | WideInts::String => (STRING_OPEN, STRING_CLOSE),
        };
        self.begin(open, b"")?;
        if negative {
            self.out.put(b"-")?;
        }
        self.out.put_u64(magnitude)?;
        self.end(close, b"")
    }
}

const STRING_OPEN: &[u8] = b"<value><string>";
const STRING_CLOSE: &[u8] = b"</string></value>";
