//! A tenant: one salon's installation, and the states it goes through.

use serde::{Deserialize, Serialize};

use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;

/// Where an installation stands. `pending_whatsapp → whatsapp_connected → configuring → active ⇄ frozen → uninstalled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    PendingWhatsapp,
    WhatsappConnected,
    Configuring,
    Active,
    Frozen,
    Uninstalled,
}

impl TenantState {
    pub const ALL: [Self; 6] = [
        Self::PendingWhatsapp,
        Self::WhatsappConnected,
        Self::Configuring,
        Self::Active,
        Self::Frozen,
        Self::Uninstalled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingWhatsapp => "pending_whatsapp",
            Self::WhatsappConnected => "whatsapp_connected",
            Self::Configuring => "configuring",
            Self::Active => "active",
            Self::Frozen => "frozen",
            Self::Uninstalled => "uninstalled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether clients of this salon may be written to.
    #[must_use]
    pub fn may_send(self) -> bool {
        self == Self::Active
    }

    /// The steps that exist. Every step may be repeated; a step that is not here is a mistake of ours or a late event.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use TenantState::{Active, Configuring, Frozen, PendingWhatsapp, Uninstalled, WhatsappConnected};
        self == next
            || matches!(
                (self, next),
                (PendingWhatsapp, WhatsappConnected | Uninstalled)
                    | (WhatsappConnected, Configuring | PendingWhatsapp | Uninstalled)
                    | (Configuring, Active | PendingWhatsapp | Uninstalled)
                    | (Active, Frozen | Uninstalled)
                    | (Frozen, Active | Uninstalled)
                    | (Uninstalled, PendingWhatsapp)
            )
    }
}

/// One installation of our product.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub salon_id: SalonId,
    pub state: TenantState,
    pub title: String,
    pub address: String,
    pub timezone: chrono_tz::Tz,
    pub locale: Locale,
    pub created_at: UnixMs,
    pub state_since_at: UnixMs,
    pub activated_at: Option<UnixMs>,
    pub number_confirmed_at: Option<UnixMs>,
    /// From then on "not installed" is believed.
    pub gone_at: Option<UnixMs>,
}

/// One wrong answer must not unlink phones that people linked by hand: a status alone is believed only when it has said the same
/// for so long. An uninstall that was told of is believed at once.
pub const DOUBT_MS: i64 = 24 * 3_600_000;

impl Tenant {
    /// When "not installed", read from the marketplace now, is to be believed.
    #[must_use]
    pub fn believed_gone_at(&self, now: UnixMs) -> UnixMs {
        self.gone_at.unwrap_or(now.plus_ms(DOUBT_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_survive_their_names() {
        for state in TenantState::ALL {
            assert_eq!(TenantState::parse(state.as_str()), Some(state));
        }
        assert_eq!(TenantState::parse("freezed"), None, "the wire's spelling stays on the wire");
    }

    #[test]
    fn an_uninstalled_salon_comes_back_only_by_a_new_installation() {
        for state in TenantState::ALL {
            let back = matches!(state, TenantState::PendingWhatsapp | TenantState::Uninstalled);
            assert_eq!(TenantState::Uninstalled.may_become(state), back, "{state:?}");
            assert!(state.may_become(TenantState::Uninstalled));
        }
    }
}
