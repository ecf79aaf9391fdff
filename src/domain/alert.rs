//! What an operator is told, in plain words.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    Activated,
    Frozen,
    Uninstalled,
    SessionLost,
    JobParked,
    ReachOutLocked,
    SendingRests,
}

impl AlertKind {
    pub const ALL: [Self; 7] = [
        Self::Activated,
        Self::Frozen,
        Self::Uninstalled,
        Self::SessionLost,
        Self::JobParked,
        Self::ReachOutLocked,
        Self::SendingRests,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Frozen => "frozen",
            Self::Uninstalled => "uninstalled",
            Self::SessionLost => "session_lost",
            Self::JobParked => "job_parked",
            Self::ReachOutLocked => "reach_out_locked",
            Self::SendingRests => "sending_rests",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// One sentence that stands alone: what, and what to do.
    #[must_use]
    pub fn sentence(self, salon: &str, detail: &str) -> String {
        match self {
            Self::Activated => format!("{salon}: the salon is active, its clients get messages from now on."),
            Self::Frozen => {
                format!(
                    "{salon}: YClients froze the installation. Nothing is sent until it is paid or thawed."
                )
            }
            Self::Uninstalled => format!(
                "{salon}: the salon uninstalled Salonbridge. Its WhatsApp is unlinked and its keys are destroyed."
            ),
            Self::SessionLost => format!(
                "{salon}: WhatsApp is lost ({detail}). Messages wait. Tell the owner to open the application in YClients: the page says what to do."
            ),
            Self::JobParked => format!(
                "{salon}: something cannot go on by itself ({detail}). Look at the company's health and at the log, and mend the cause."
            ),
            Self::ReachOutLocked => format!(
                "{salon}: WhatsApp lets the number begin no new chats for a while. Clients who wrote to it or got a message before are still told; the others wait, the nearest visits first. Ask the owner to have clients write first."
            ),
            Self::SendingRests => format!(
                "{salon}: sending rests for some minutes and is tried again by itself ({detail}). If it comes back, look at the log and at the salon's WhatsApp."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_is_known_by_its_name_and_says_whom_it_is_about() {
        for kind in AlertKind::ALL {
            assert_eq!(AlertKind::parse(kind.as_str()), Some(kind));
            assert!(kind.sentence("Salon Iris", "replaced").starts_with("Salon Iris: "));
        }
    }
}
