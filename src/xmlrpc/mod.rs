//! XML-RPC values in, values out.
//!
//! Bytes of a body become UTF-8 in place ([`crate::charset`]), then a checked [`Call`] ([`parse_call`]); values become bytes
//! of a reply ([`encode`], over [`crate::out::Out`]). Nothing here allocates, does I/O, or knows what a procedure is.
//!
//! # Decoding
//! The body, at most 64 KiB, stays in its buffer while the call is answered, so nothing is copied out of it into a tree
//! of values. [`parse_call`] walks the whole document once and checks all of it: it is well-formed XML (tags match,
//! attributes come once, references are known, no DOCTYPE, nothing behind the root), it is a `methodCall`, each value
//! keeps the rules of its type, and the limits hold. What comes out are views: a [`Value`] is a kind and a place in the
//! body, and its content is looked at when a procedure asks for it. After the check nothing in a value can be malformed,
//! so accessors only say whether the value is of the kind that is asked for.
//!
//! Work is linear: the check looks at each byte a fixed number of times, and pulling values looks at each byte once for
//! each array or struct around it, of which there are at most [`crate::limits::NESTING`]. What the input decides is
//! never the depth of the program's stack beyond that.
//!
//! Views can be put down and taken up again, for a caller that gives the body back between two turns: [`Call::mark`],
//! [`Items::range`]. That is also how `system.multicall` works: its array is walked entry by entry,
//! [`Call::from_entry`] makes a call of each, and [`Items::range`] remembers where the walk goes on.
//!
//! # What is accepted
//! | element | rule |
//! |---|---|
//! | `int`, `i4` | -2147483648 to 4294967295: some clients send unsigned 32-bit values this way |
//! | `i8` | 64 signed bits; `i1` and `i2` likewise within their bits |
//! | `boolean` | `0`, `1`, `false`, `true` |
//! | `string`, none | text, references, CDATA sections; white space counts |
//! | `double` | decimal, with or without exponent, finite |
//! | `base64` | RFC 4648's first alphabet, in lines or not, padded or not |
//! | `dateTime.iso8601` | any text: no procedure takes one |
//! | `array`, `struct` | one `data` of values; members of one `name` and one `value` |
//! | `nil` | empty |
//!
//! A type may carry Apache's prefix `ex:`. White space around typed elements and numbers means nothing.
//!
//! # Encoding
//! Writers append whole elements or nothing ([`crate::out::Full`]), so a long reply goes on at the element that did not
//! fit. What XML can't carry is replaced in one place, [`encode::text`].
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod decode;
pub mod encode;
mod error;
mod grammar;
mod items;
mod kind;
mod scalar;
mod scan;
pub(crate) mod text;
mod value;
#[cfg(test)]
mod work;

pub use decode::{Call, Mark, Params, parse_call};
pub use error::{Class, DecodeError};
pub use items::{Items, Members};
pub use kind::ValueKind;
pub use scalar::Double;
pub use text::{Text, TooLong};
pub use value::Value;
