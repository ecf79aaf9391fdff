//! The ground floor: words and values every other floor stands on. No I/O, nothing async.

pub mod clock;
pub mod crm_id;
pub mod failpoint;
pub mod fault;
pub mod id;
pub mod line;
pub mod locale;
pub mod one_time;
pub mod pack;
pub mod password;
pub mod phone;
pub mod seal;
pub mod secret;
pub mod turns;
