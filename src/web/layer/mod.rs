//! What every request passes through.

pub mod language;
pub mod request_id;
pub mod security_headers;
