//! HTTP: who calls what. Handlers read the request, call a use case, and word its answer.

mod answer;
pub mod api;
pub mod assets;
mod caller;
mod client;
pub mod clients;
mod connect;
mod desk;
mod error;
mod health;
mod hooks;
mod install;
mod layer;
mod logins;
mod marketplace;
pub mod metrics;
mod openapi;
mod peer;
mod router;
mod state;
mod sync;
mod timeline;
mod timeline_page;
mod upkeep;

pub use peer::Peer;
pub use router::router;
pub use state::{WebSettings, WebState};
