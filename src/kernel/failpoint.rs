//! Named places where a proof may end or stop the process, and mistakes it may plant there to see that they are found.
//!
//! All of it is compiled out of a build without the `sandbox` feature: there, a failpoint is nothing and no mistake can be planted.

/// Every place, by floor. A test holds that each is passed in exactly one line of the house.
pub const NAMES: [&str; 33] = [
    "intake.before_commit",
    "intake.committed",
    "absorb.read",
    "absorb.before_commit",
    "absorb.committed",
    "books.before_commit",
    "books.committed",
    "bonuses.before_commit",
    "bonuses.committed",
    "notify.wanted",
    "notify.before_begin",
    "notify.begun",
    "notify.sent",
    "notify.before_settle",
    "notify.settled",
    "inbound.kept",
    "activate.before_callback",
    "activate.called_back",
    "job.before_claim",
    "job.claimed",
    "job.before_finish",
    "job.finished",
    "session.before_commit",
    "session.committed",
    "vault.before_session",
    "vault.before_commit",
    "vault.committed",
    "yclients.before_call",
    "yclients.called",
    "sync.read",
    "sync.looked",
    "sync.before_commit",
    "sync.written",
];

/// Mistakes that a proof must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A hook is answered before it is committed.
    EarlyAck,
    /// What the client was told is not looked at.
    NoDedupe,
    /// A message's intent has no key: the same may be planned twice.
    NoUniqueKey,
    /// A message of which nobody knows whether it left is sent again, under another id.
    Resend,
    /// Whoever slept through its end writes and sends all the same.
    NoEpoch,
}

macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "sandbox")]
        {
            fail::fail_point!($name);
        }
    };
}
pub(crate) use failpoint;

#[cfg(feature = "sandbox")]
pub use armed::{arm, planted};

/// No mistake can be planted in a build that goes to production.
#[cfg(not(feature = "sandbox"))]
#[must_use]
pub const fn planted(_: Mistake) -> bool {
    false
}

#[cfg(feature = "sandbox")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Mistake, NAMES};

    static PLANTED: OnceLock<Mistake> = OnceLock::new();

    /// Sets the places: `name=kill@3;other=stop@1`: the third time it is passed the process dies on the spot; the first time it
    /// stops until it is told to go on. And one mistake, by its name.
    pub fn arm(places: &str, mistake: &str) -> Result<(), String> {
        for place in places.split(';').filter(|place| !place.is_empty()) {
            let wrong = || format!("not a failpoint: {place}");
            let (name, act) = place.split_once('=').ok_or_else(wrong)?;
            let (act, at) = act.split_once('@').ok_or_else(wrong)?;
            let (at, passed): (u64, _) = (at.parse().map_err(|_| wrong())?, AtomicU64::new(0));
            let signal = match act {
                "kill" => "-KILL",
                "stop" => "-STOP",
                _ => return Err(wrong()),
            };
            if !NAMES.contains(&name) {
                return Err(wrong());
            }
            fail::cfg_callback(name, move || {
                if passed.fetch_add(1, Ordering::SeqCst) + 1 == at {
                    strike(signal);
                }
            })?;
        }
        let planted = match mistake {
            "" => return Ok(()),
            "early-ack" => Mistake::EarlyAck,
            "no-dedupe" => Mistake::NoDedupe,
            "no-unique-key" => Mistake::NoUniqueKey,
            "resend" => Mistake::Resend,
            "no-epoch" => Mistake::NoEpoch,
            other => return Err(format!("not a mistake to plant: {other}")),
        };
        PLANTED.set(planted).map_err(|_| "planted twice".to_owned())
    }

    #[must_use]
    pub fn planted(mistake: Mistake) -> bool {
        PLANTED.get() == Some(&mistake)
    }

    /// Waits for its own signal: nothing may happen between the place and the end.
    fn strike(signal: &str) {
        let own = std::process::id().to_string();
        let struck = std::process::Command::new("kill").args([signal, &own]).status();
        if signal == "-KILL" || struck.is_err() {
            std::process::abort();
        }
    }
}
