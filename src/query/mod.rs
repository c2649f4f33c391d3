//! Which flows, in which order, which of them: filters, orders and pages over a stream of entries.
//!
//! Knows fields and flows; knows nothing of sockets, netlink messages or XML. The table is never held: a page is the
//! best `length` rows after the first `start` of a total order, found while the entries stream by.
//!
//! | file | subject |
//! |---|---|
//! | [`field`] | the one table of fields: name, kind, where its value is |
//! | [`part`] | what of an entry the kernel can judge, a column of that table |
//! | [`words`] | words for numbers, another column: protocols, states, flags, services |
//! | [`context`] | what values depend on beside the flow: labels, names, what is hidden |
//! | [`users`] | the passwd file, for `username` |
//! | [`names`] | names of hosts, and the lines of files that have them |
//! | [`filter`] | what must match: from values or from text, in words, and what of it the kernel can judge |
//! | [`net`] | networks and ranges of addresses |
//! | [`order`] | the total order of rows |
//! | [`rows`] | the memory for rows, shared by all queries |
//! | [`page`] | the passes that find a page |
//! | [`group`] | what flows are put together by, and a group of them |
//! | [`summary`] | the groups of all flows, in the memory for rows |
//! | [`rates`] | how fast flows are, from two readings of their counters |
//! | [`nat`] | what was translated of a flow, from its two directions |
//! | [`view`] | filter, page, fields and memory together: what the passes are run for |
//! | [`entry`] | an entry of a dump, read as far as it is needed |
//! | [`snapshot`] | a table kept in compact form |
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod context;
pub mod entry;
pub mod field;
pub mod filter;
pub mod group;
pub(crate) mod names;
pub(crate) mod nat;
pub mod net;
pub mod order;
pub mod page;
pub(crate) mod part;
pub(crate) mod rates;
pub mod rows;
pub mod snapshot;
pub mod summary;
pub mod users;
pub mod view;
pub mod words;

#[cfg(test)]
pub(crate) mod tests;
