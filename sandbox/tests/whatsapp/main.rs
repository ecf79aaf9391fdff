//! The WhatsApp sandbox, driven by a real WhatsApp Web client over a real socket.

mod forger;
mod kit;
mod pages;
mod pairing;
mod picture;
mod strictness;
mod talking;
mod weather;
