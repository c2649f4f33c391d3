//! rctd serves a router's netfilter connection-tracking table over XML-RPC.
pub mod auth;
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
pub mod sys;
pub mod xmlrpc;
