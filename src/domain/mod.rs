//! Rules and words: pure values and functions, no I/O, nothing async.

pub mod alert;
pub mod amount;
pub mod bonus;
pub mod books;
pub mod breaker;
pub mod client;
pub mod client_door;
pub mod code;
pub mod connect;
pub mod dates;
pub mod login;
pub mod matching;
pub mod message;
pub mod pacing;
pub mod pairing;
pub mod password;
pub mod planner;
pub mod record;
pub mod retry;
pub mod rules;
pub mod session;
pub mod sync;
pub mod tenant;
pub mod timeline;
pub mod why;
pub mod wording;
