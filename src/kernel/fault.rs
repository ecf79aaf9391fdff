//! The one question asked of every error: is it worth another try?

/// What a failed attempt allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Trying again cannot help.
    Never,
    /// Try again after the kind's own delay.
    Backoff,
    /// The other side said when, in milliseconds from now.
    After(i64),
}

/// Implemented by every adapter's error.
pub trait Fault {
    fn retry(&self) -> Retry;
}
