//! rctd serves a router's netfilter connection-tracking table over XML-RPC.
//!
//! One thread, one mio loop, and memory that is fixed when the program is compiled. This page is the map; each module says
//! more of itself.
//!
//! # The way of a request
//!
//! ```text
//!  socket bytes -> http (head, body) -> xmlrpc (Call) -> rpc (procedure -> job) -> query (filter, order, page)
//!                                                                               |  one scan, many jobs
//!  socket bytes <- http (chunks)     <- syntax (XML, JSON) <- rpc (job) <- query (page) <- conntrack (dump messages)
//! ```
//!
//! The [`server`] reads bytes into a client's slot until [`http`] says that a request is whole. [`xmlrpc`] checks the body
//! once and hands out its values in place. [`rpc`] finds the procedure, which reads its parameters and makes a job. A job
//! either knows its answer, or waits for a scan, or for a dump of its own. The server runs one dump of the kernel's table for
//! all jobs that wait for a scan, a slice at a time between other events; [`conntrack`] reads each entry as far as any of
//! them needs, [`query`] keeps it or drops it. When the scan is over the job writes its value in pieces, as fast as the
//! client takes them; [`syntax`] makes XML-RPC or JSON of it.
//!
//! # Layers
//!
//! | module | knows | knows nothing of |
//! |---|---|---|
//! | [`conntrack`] | netlink bytes, tuples, the kernel's quirks; dumps and short requests | XML, HTTP, pages |
//! | [`query`] | fields, filters, orders, pages, summaries and rates in fixed memory | sockets, netlink, XML |
//! | [`xmlrpc`] | the values of a call | HTTP, flows, replies |
//! | [`syntax`] | the values of a reply, as XML-RPC or as JSON | HTTP, flows, calls |
//! | [`http`] | heads, bodies, chunks | XML, sockets |
//! | `metrics` | the metrics' names, flows counted for them, their text | sockets, scans |
//! | `quota` | who holds how much of what is shared out, who gives way | what is held, time |
//! | [`auth`] | password files, throttling, sessions | HTTP, XML, flows |
//! | [`rpc`] | the procedures and their jobs: joins all of the above but `http` | readiness, tokens, sockets |
//! | [`server`] | mio, slots, deadlines, signals | what the bytes mean |
//! | `name_files` | files with names of hosts, and when they change | who asks for names |
//! | `client` | what people type at a shell: straight to the kernel, or a call of a daemon | readiness, sessions |
//!
//! Uses point down only: `server` uses `rpc` and `http`; `rpc` uses `query`, `xmlrpc`, `syntax` and `auth`; `query` uses the
//! flows and requests of `conntrack`. All but `server`, the sockets in [`conntrack::socket`] and the files in [`auth`] are
//! pure: bytes or values in, bytes or values out, with the time as an argument. A test reads every `use` line and holds this.
//!
//! # What always holds
//!
//! - Nothing is allocated for an entry of the table. Every capacity is in [`limits`], with its reason and its cost.
//! - A connection is deleted only by tuple, zone and id: [`conntrack::target::Target`] is the one thing that a delete can be
//!   made of.
//! - What the kernel filtered is filtered again; what it gets wrong ([`conntrack::request`]) it is not asked.
//! - A reply is either whole or visibly broken off; a fault is told where there is still a place for it.
//! - A dump ends with the call that reads it, whatever ends that call.
//! - `unsafe` stands in [`sys`] alone.
//!
//! # Where to start reading
//!
//! [`query::field`] is the table of fields, [`rpc::procedures`] the table of procedures: a new one of either is a new row. A
//! procedure that does something new with the table has a file for that in `rpc/jobs/`. [`query::view`] and [`query::page`]
//! are the heart, `server/client.rs` a connection's life.

pub(crate) mod address;
pub mod auth;
pub mod base64;
mod bytes;
pub mod charset;
pub mod cli;
#[cfg(feature = "shell")]
pub mod client;
pub mod config;
pub mod conntrack;
mod cut;
pub mod http;
pub mod limits;
pub mod log;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
mod name_files;
pub mod out;
pub mod passwd_cmd;
pub mod peer;
pub mod query;
mod quota;
pub mod rpc;
pub mod server;
pub mod stats;
pub mod syntax;
pub mod sys;
#[cfg(feature = "web")]
pub mod web;
pub mod xmlrpc;
