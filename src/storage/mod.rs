//! What we keep: one file per table, small functions that take a connection and a tenant.
//!
//! Every statement that touches a tenant's rows says so (`tenant_id = $n`); `tests/it/tidy.rs` holds that.

pub mod alert;
pub mod allowance;
pub mod api_key;
pub mod booking_form;
pub mod books;
pub mod catalog;
pub mod catalog_now;
pub mod chat;
pub mod claim;
pub mod client;
pub mod client_sitting;
pub mod db;
pub mod decision;
pub mod desk;
pub mod error;
pub mod guess;
pub mod hook_check;
pub mod inbox;
pub mod intake;
pub mod job;
pub mod key_change;
pub mod ledger;
pub mod login;
pub mod node;
pub mod outbox;
pub mod pace;
pub mod pairing;
pub mod platform;
pub mod record;
pub mod record_batch;
pub mod retention;
pub mod session_lease;
pub mod sign_in;
pub mod sitting;
pub mod sql;
pub mod sync_run;
pub mod tally;
pub mod tenant;
pub mod timeline;
pub mod uncertain;
pub mod wa_session;
pub mod wa_value;
pub mod waiting;

#[cfg(test)]
#[path = "kit_tests.rs"]
mod kit;

#[cfg(test)]
#[path = "upgrade_tests.rs"]
mod upgrade;

pub use db::{Conn, Db};
pub use error::Error;
