//! A message on its way to a client: its kinds, its states and its ticks.

use serde::{Deserialize, Serialize};

/// Why we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Confirmation,
    Change,
    Cancel,
    /// To the salon's own number, once it is active.
    Welcome,
    /// To the salon's own number, on request.
    Trial,
    /// To a client who waits for it at our pages.
    SignInCode,
}

impl MessageKind {
    pub const ALL: [Self; 6] =
        [Self::Confirmation, Self::Change, Self::Cancel, Self::Welcome, Self::Trial, Self::SignInCode];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Change => "change",
            Self::Cancel => "cancel",
            Self::Welcome => "welcome",
            Self::Trial => "trial",
            Self::SignInCode => "sign_in_code",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// To the salon's own number: it bothers nobody, and needs no active installation.
    #[must_use]
    pub fn is_to_salon(self) -> bool {
        matches!(self, Self::Welcome | Self::Trial)
    }

    /// The client asked for it a moment ago and waits: a person would answer at once too. Minutes later it is of use to nobody, so
    /// no person is asked what became of it; and what it says is not for the desk to read.
    #[must_use]
    pub fn is_asked_for(self) -> bool {
        self == Self::SignInCode
    }
}

/// Where a message stands on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    Planned,
    /// Its id is fixed and an attempt has begun. Whether it left is known only to whoever sees it arrive.
    Sending,
    Sent,
    Failed,
    /// Withdrawn before it was sent.
    Cancelled,
    /// Too late to be of use.
    Expired,
    /// Nobody can say whether it left; a person decides.
    Uncertain,
}

impl OutboxState {
    pub const ALL: [Self; 7] = [
        Self::Planned,
        Self::Sending,
        Self::Sent,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Uncertain,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Uncertain => "uncertain",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What WhatsApp told of a message. Events come late, twice and out of order; ticks only ever rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ticks {
    None,
    Server,
    Delivered,
    Read,
}

impl Ticks {
    pub const ALL: [Self; 4] = [Self::None, Self::Server, Self::Delivered, Self::Read];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Server => "server",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ticks| ticks.as_str() == text)
    }

    /// The higher of the two: the whole of "never goes back".
    #[must_use]
    pub fn raise(self, seen: Self) -> Self {
        self.max(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_never_go_back_in_whatever_order_they_come() {
        use Ticks::{Delivered, None, Read, Server};
        let orders = [[Server, Delivered, Read], [Read, Delivered, Server], [Delivered, Read, Delivered]];
        for order in orders {
            let mut shown = None;
            for seen in order {
                let next = shown.raise(seen);
                assert!(next >= shown);
                shown = next;
            }
            assert_eq!(shown, Read);
        }
    }
}
