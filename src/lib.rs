//! rctd serves a router's netfilter connection-tracking table over XML-RPC.
//!
//! One thread, one mio loop, and memory that is fixed when the program is compiled. This page is the map; each module says
//! more of itself.
//!
//! # The way of a request
//!
//! ```text
//!  socket bytes -> http (head, body) -> xmlrpc (Call) -> rpc (procedure) -> query (filter, order, page)
//!                                                                               |  one scan, many queries
//!  socket bytes <- http (chunks)     <- xmlrpc (rows) <- query (page)  <- conntrack (dump messages)
//! ```
//!
//! The [`server`] reads bytes into a client's slot until [`http`] says that a request is whole. [`xmlrpc`] checks the body
//! once and hands out its values in place. [`rpc`] finds the procedure, which either knows its answer or waits for a scan.
//! The server runs one dump of the kernel's table for all calls that wait, a slice at a time between other events;
//! [`conntrack`] reads each entry as far as any of them needs, [`query`] keeps it or drops it. When the scan is over,
//! `rpc` writes the rows as fast as the client takes them.
//!
//! # Layers
//!
//! | module | knows | knows nothing of |
//! |---|---|---|
//! | [`conntrack`] | netlink bytes, tuples, the kernel's quirks | XML, HTTP, pages |
//! | [`query`] | fields, filters, orders, pages in fixed memory | sockets, netlink, XML |
//! | [`xmlrpc`] | the values of a call | HTTP, flows |
//! | [`syntax`] | how the values of a reply are written, as XML-RPC or JSON | HTTP, flows |
//! | [`http`] | heads, bodies, chunks | XML, sockets |
//! | [`auth`] | password files, throttling, sessions | HTTP, XML, flows |
//! | [`rpc`] | the procedures: joins all of the above | readiness, tokens, sockets |
//! | [`server`] | mio, slots, deadlines, signals | what the bytes mean |
//!
//! Uses point down only: `server` uses `rpc` and `http`; `rpc` uses `query`, `xmlrpc` and `auth`; `query` uses the flows and
//! requests of `conntrack`. All but `server`, the sockets in [`conntrack::socket`] and the files in [`auth`] are pure: bytes
//! or values in, bytes or values out, with the time as an argument.
//!
//! # What always holds
//!
//! - Nothing is allocated for an entry of the table. Every capacity is in [`limits`], with its reason and its cost.
//! - A connection is deleted only by tuple, zone and id: [`conntrack::flow::Target`] is the one thing that a delete can be
//!   made of.
//! - What the kernel filtered is filtered again; what it gets wrong ([`conntrack::request`]) it is not asked.
//! - A reply is either whole or visibly broken off; a fault is told where there is still a place for it.
//! - `unsafe` stands in [`sys`] alone.
//!
//! # Where to start reading
//!
//! [`query::field`] is the table of fields, [`rpc::procedures`] the table of procedures: a new one of either is a new row.
//! [`query::page`] is the heart, [`server::client`] a connection's life.

pub(crate) mod address;
pub mod auth;
pub mod base64;
pub mod charset;
pub mod cli;
pub mod config;
pub mod conntrack;
pub mod http;
pub mod limits;
pub mod log;
pub mod out;
pub mod passwd_cmd;
pub mod query;
pub mod rpc;
pub mod server;
pub mod stats;
pub mod syntax;
pub mod sys;
pub mod xmlrpc;
