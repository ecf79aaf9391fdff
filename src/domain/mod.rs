//! Rules and words: pure values and functions, no I/O, nothing async.

pub mod connect;
pub mod record;
pub mod session;
pub mod tenant;
