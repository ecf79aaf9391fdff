//! The outside world on loopback: a YClients and a WhatsApp server that speak the true wire.
//!
//! They know nothing of the application. Only HTTP, WebSocket and bytes tie them to whoever calls, and they are stricter
//! than the real ones: what passes here passes there, as far as is known of them.

pub mod whatsapp;
pub mod yclients;
