//! The CRM: its REST and marketplace calls going out, its hooks and lifecycle posts coming in.
//!
//! The wire is loose (numbers as strings, `[]` for an empty object, three forms of time), so nothing here trusts a shape:
//! [`wire`] reads scalars, an unreadable field is an unsaid one, and only an id that is missing refuses a body.
//! What leaves this floor are the domain's types and a handful of plain structs.

pub mod api;
pub mod booking_form;
pub mod catalog;
pub mod client_hook;
pub mod envelope;
pub mod error;
pub mod hook_settings;
pub mod lifecycle;
pub mod marketplace;
pub mod pace;
pub mod record_body;
pub mod records;
pub mod sign_in;
pub mod signed_user;
pub mod webhook;
pub mod wire;

#[cfg(test)]
mod fixtures;

pub use api::{BadSettings, Settings, YclientsApi};
pub use error::Error;
pub use pace::{LocalPace, Pace};
