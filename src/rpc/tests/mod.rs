//! The engine without sockets: calls as text, a table in memory, replies collected from outputs of any size.
mod changes;
mod kills;
mod memory;
mod multicalls;
mod rig;
mod snapshots;
mod views;
