//! The engine without sockets: calls as text, a table in memory, replies collected from outputs of any size.
mod changes;
mod changes_matching;
mod kernel;
mod kills;
mod memory;
mod multicalls;
mod naive_groups;
mod rates;
mod rig;
#[cfg(feature = "metrics")]
mod scrapes;
mod snapshot_turns;
mod snapshots;
mod summaries;
mod views;
