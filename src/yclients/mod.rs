//! YClients on the wire: REST, marketplace, and the bodies it posts to us. Facts and traps stand where they are handled.

pub mod api;
pub mod catalog;
pub mod envelope;
pub mod error;
pub mod lifecycle;
pub mod marketplace;
pub mod pace;
pub mod records;
pub mod signed_user;
pub mod webhook;
pub mod wire;

pub use api::{Settings, YclientsApi};
pub use error::Error;
