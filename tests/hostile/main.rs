//! Attacks over real sockets against the real daemon, each in a network namespace of its own: only who attacks suffers,
//! and an honest client is served within two seconds throughout.
#[path = "../common/mod.rs"]
mod common;
mod descriptors;
mod floods;
mod forwarded;
mod host;
mod leaving;
mod names;
mod paced;
mod refused;
mod slow;
mod smuggling;
mod values;
