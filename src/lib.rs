//! rctd serves a router's netfilter connection-tracking table over XML-RPC.
pub mod limits;
