//! Use cases: load, decide, write, tell.

pub mod vault;
