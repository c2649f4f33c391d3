//! Queries over tables in memory, with the tiny capacities of unit tests, against code written without hurry.
mod churn;
mod fields;
mod filter_limits;
mod filter_text;
mod filters;
pub mod flows;
mod kernel_filter;
pub mod model;
#[path = "../../../tests/common/names.rs"]
mod names;
mod pages;
#[path = "../../../tests/common/random.rs"]
mod random;
mod snapshots;
mod wishes;
