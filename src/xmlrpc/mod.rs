//! Calls of XML-RPC, from the bytes of a body to values.
//!
//! Bytes of a body become UTF-8 in place ([`crate::charset`]), then a checked [`Call`] ([`parse_call`]). The values of a
//! reply are written by [`crate::syntax`]. Nothing here allocates, does I/O, or knows what a procedure is.
//!
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
//! `system.multicall` is walked entry by entry: [`Call::from_entry`] makes a call of each, and since the body is given back
//! between two of them, [`Items::range`] remembers where the walk goes on.
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
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod decode;
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

pub use decode::{Call, Params, parse_call};
pub use error::{Class, DecodeError};
pub use items::{Items, Members};
pub use kind::ValueKind;
pub use scalar::Double;
pub use text::{Text, TooLong};
pub use value::Value;
