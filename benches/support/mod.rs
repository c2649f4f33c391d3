//! What both benchmarks share.
#![allow(dead_code)] // Each benchmark is a crate of its own and uses its part of this.
pub mod drain;
pub mod measure;
