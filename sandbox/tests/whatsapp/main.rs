//! The WhatsApp sandbox, driven by a real WhatsApp Web client over a real socket.

#[expect(dead_code, reason = "the scenes that use the rest of it follow")]
mod kit;
mod pairing;
mod talking;
