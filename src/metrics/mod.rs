//! `GET /metrics`: what is counted, in Prometheus's text exposition format (version 0.0.4).
//!
//! | file | subject |
//! |---|---|
//! | [`table`] | the table of metrics: names, types, what each is made of |
//! | [`text`] | the table written, line by line |
//! | [`flows`] | flows counted by protocol, state and flag in a scan, where that is asked for |
//! | [`hosts`] | flows and rates by host, where that is asked for |
//!
//! A new metric is a new row of the table. Every series is there from the first time on, with the value 0 too: one that comes
//! later would hide its first events from `rate()`.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub(crate) mod flows;
mod hosts;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;
