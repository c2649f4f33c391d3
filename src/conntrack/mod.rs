//! ctnetlink: the kernel's connection-tracking table as bytes.
//!
//! Pure but for [`socket`]: bytes in, small `Copy` records out, and the other way round. Nothing here allocates for an
//! entry, reads a clock or panics, whatever the bytes. The byte order is decided in [`attr`] and [`message`] alone: the
//! headers of netlink are in the machine's own order, what ctnetlink puts into attributes is big-endian.
//!
//! | file | subject |
//! |---|---|
//! | [`uapi`] | the kernel's numbers under the kernel's names |
//! | [`attr`] | attributes: a cursor to read them, a builder to write them |
//! | [`message`] | datagrams cut into messages, and what each message says |
//! | [`flow`] | one entry of the table: [`flow::Flow`], [`flow::Tuple`] |
//! | [`target`] | what names one entry to be deleted or changed |
//! | [`label`] | the few texts that entries carry (helper names, security contexts), each kept once |
//! | [`request`] | what is asked: dump, get, delete, update, count |
//! | [`plan`] | the dumps of a scan: one, or one for each side of an address |
//! | [`kernel`] | the short requests as functions |
//! | [`reader`] | dumps read a datagram at a time, and what can go wrong on the way |
//! | `refusal` | why the table can't be read, for people |
//! | [`socket`] | the only file that touches the kernel |
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod attr;
pub mod flow;
pub mod kernel;
pub mod label;
pub mod message;
pub mod plan;
pub mod reader;
pub(crate) mod refusal;
pub mod request;
pub mod socket;
pub mod target;
pub mod uapi;
