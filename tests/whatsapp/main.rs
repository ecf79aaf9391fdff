//! The WhatsApp floor: its stores on both databases, its sessions against the sandbox's real wire.

mod kit;
mod leases;
mod life;
mod many;
mod pairing;
mod said;
mod store;
mod talking;
