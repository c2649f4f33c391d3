//! The server's half of HTTP/1.0 and 1.1 (RFC 9110, RFC 9112), as much of it as XML-RPC needs.
//!
//! Bytes in, small records out, and back again; sockets, clocks and buffers are the caller's:
//!
//! 1. [`HeadReader::read`] looks at the bytes that have come in so far, and when the head is whole gives a
//!    [`Head`], which says what is asked for, and its length. Everything a foreign web page could forge is refused there
//!    ([`Policy`]).
//! 2. [`Body::advance`] joins the body in place, at the front of the buffer it arrives in. Bytes of the next
//!    request stay where they are.
//! 3. [`head`], [`chunk_data`], [`chunk_seal`], [`LAST_CHUNK`] write the reply, [`file_head`] that of a file of a page,
//!    or [`error()`] the refusal.
//!
//! # What it promises
//! - No bytes, however cut, make it panic: there is no indexing in here, and arithmetic is bounded by
//!   [`crate::limits`] before it is done.
//! - It allocates nothing. A [`Head`] owns no text; what a head said in words is decided when it is read.
//! - Work is linear in the bytes received, also if they come one at a time: what was looked at is remembered.
//! - It is stricter than the RFCs demand wherever two programs could read one message in two ways (lengths,
//!   codings, line ends, folds): such a message is an error, and after an error the connection must be closed.
//!
//! # Errors
//! [`Error`] is what was wrong, [`Error::status`] the reply's status, [`Error::text`] the sentence in its body.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accept;
mod body;
mod error;
mod fields;
mod file;
mod forwarded;
mod list;
mod media;
mod policy;
mod request;
mod response;

pub use body::{BUFFER_BYTES, Body, BodyProgress, SPARE_BYTES};
pub use error::{Error, Status};
pub use fields::Framing;
pub use file::{File, INDEX, NO_PAGE};
pub use media::Media;
pub use policy::{NameError, Policy, Site, Via};
pub use request::{Head, HeadReader, Route, Version};
pub use response::{
    CHUNK_OVERHEAD, CONTINUE, LAST_CHUNK, ReplyBody, chunk_data, chunk_seal, error, file_head, head,
};
