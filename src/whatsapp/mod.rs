//! WhatsApp: the library behind our own trait.
//!
//! `whatsapp-rust` breaks its interface at every minor version and is pinned; no other floor sees a name of it.

pub mod error;
pub mod gateway;
pub mod store;
pub mod vault;
