//! WhatsApp: the library behind our own trait.
//!
//! `whatsapp-rust` breaks its interface at every minor version and is pinned; no other floor sees a name of it.
//!
//! A session is owned by one task ([`live::LiveGateway`] finds it), its keys rest in a [`vault::Vault`] that the floor above
//! brings along, and what happens to it goes to a [`gateway::Sink`].
//!
//! The library logs numbers, key fingerprints and, at debug, whole stanzas, under its crates' names and under names of its own
//! (`Client/Send`, `Client/PairCode`, `Bot/PairCode` …). A log that must not hold them lets through by name what may pass, and
//! not everything but a list.

mod ending;
pub mod error;
pub mod gateway;
pub mod guard;
mod holding;
mod inbound;
pub mod live;
mod notice;
mod owner;
mod pairing;
pub mod reach;
mod registry;
mod running;
mod settings;
pub mod store;
pub mod vault;
mod version;
mod wire;

pub use live::LiveGateway;
pub use settings::{Pace, SANDBOX_VERSION, Settings};
