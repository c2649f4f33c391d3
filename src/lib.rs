//! rctd serves a router's netfilter connection-tracking table over XML-RPC.
pub mod conntrack;
pub mod http;
pub mod auth;
pub mod limits;
pub mod out;
pub mod query;
pub mod xmlrpc;
pub mod passwd_cmd;
pub mod sys;
