//! What a client should be told now: the difference between what the journal says and what the client was last told.
//!
//! Comparing with what was *told*, and not with the previous version of the record, is what makes repeated, reordered and
//! merged hooks harmless: A→B→A says nothing, and a small shift adds up until it is worth a message.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::dates;
use super::message::MessageKind;
use super::record::{Attendance, Record};
use super::rules::Rules;
use super::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::kernel::phone::Phone;

/// What a client knows of a record from us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub phone: Phone,
    pub starts: NaiveDateTime,
    pub services: BTreeSet<String>,
    pub master: String,
    /// The last word was that it is cancelled.
    pub cancelled: bool,
}

/// What to do about a record now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    Say {
        kind: MessageKind,
        told: Told,
    },
    Silent(Reason),
    /// Take it as told without saying it: it was arranged before we came.
    Adopt(Told),
}

/// Why nothing is said. The names are stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    SalonNotActive,
    SalonFrozen,
    SalonUninstalled,
    NoTime,
    NoClient,
    NoPhone,
    ClientSilenced,
    PastVisit,
    /// Cancelled before the client ever heard of it.
    NeverTold,
    AlreadyTold,
    AttendanceOnly,
    SmallShift,
    BeforeInstall,
}

impl Reason {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SalonNotActive => "salon_not_active",
            Self::SalonFrozen => "salon_frozen",
            Self::SalonUninstalled => "salon_uninstalled",
            Self::NoTime => "no_time",
            Self::NoClient => "no_client",
            Self::NoPhone => "no_phone",
            Self::ClientSilenced => "client_silenced",
            Self::PastVisit => "past_visit",
            Self::NeverTold => "never_told",
            Self::AlreadyTold => "already_told",
            Self::AttendanceOnly => "attendance_only",
            Self::SmallShift => "small_shift",
            Self::BeforeInstall => "before_install",
        }
    }
}

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub record: &'a Record,
    pub told: Option<&'a Told>,
    pub rules: &'a Rules,
    pub zone: Tz,
    pub tenant: TenantState,
    pub activated_at: Option<UnixMs>,
    pub now: UnixMs,
}

/// Decides. Pure: the same situation always gives the same plan.
#[must_use]
pub fn plan(s: Situation<'_>) -> Plan {
    if let Some(reason) = salon_is_quiet(s.tenant) {
        return Plan::Silent(reason);
    }
    let Some(starts) = s.record.starts.value().copied() else { return Plan::Silent(Reason::NoTime) };
    if s.record.is_deleted() {
        return plan_cancel(s);
    }
    if dates::instant(starts, s.zone) <= s.now {
        return Plan::Silent(Reason::PastVisit);
    }
    let Some(client) = s.record.client.value() else { return Plan::Silent(Reason::NoClient) };
    let Some(phone) = client.phone.clone() else { return Plan::Silent(Reason::NoPhone) };
    if client.silenced {
        return Plan::Silent(Reason::ClientSilenced);
    }
    let next = Told {
        phone,
        starts,
        services: s.record.service_set(),
        master: s.record.master.value().map(|m| m.name.trim().to_owned()).unwrap_or_default(),
        cancelled: false,
    };
    match s.told {
        None if was_arranged_before_us(s) => Plan::Adopt(next),
        None => Plan::Say { kind: MessageKind::Confirmation, told: next },
        Some(told) if told.cancelled || told.phone != next.phone => {
            Plan::Say { kind: MessageKind::Confirmation, told: next }
        }
        Some(told) => plan_change(s, told, next),
    }
}

fn salon_is_quiet(tenant: TenantState) -> Option<Reason> {
    match tenant {
        TenantState::Active => None,
        TenantState::Frozen => Some(Reason::SalonFrozen),
        TenantState::Uninstalled => Some(Reason::SalonUninstalled),
        TenantState::PendingWhatsapp | TenantState::WhatsappConnected | TenantState::Configuring => {
            Some(Reason::SalonNotActive)
        }
    }
}

/// Only what a client was told can be taken back, and only while the visit lies ahead of the client.
fn plan_cancel(s: Situation<'_>) -> Plan {
    let Some(told) = s.told else { return Plan::Silent(Reason::NeverTold) };
    if told.cancelled {
        return Plan::Silent(Reason::AlreadyTold);
    }
    if dates::instant(told.starts, s.zone) <= s.now {
        return Plan::Silent(Reason::PastVisit);
    }
    Plan::Say { kind: MessageKind::Cancel, told: Told { cancelled: true, ..told.clone() } }
}

fn plan_change(s: Situation<'_>, told: &Told, next: Told) -> Plan {
    let shift = (next.starts - told.starts).num_minutes().abs();
    let other_content = next.services != told.services || next.master != told.master;
    if other_content || shift >= s.rules.min_shift_minutes {
        return Plan::Say { kind: MessageKind::Change, told: next };
    }
    if shift > 0 {
        return Plan::Silent(Reason::SmallShift);
    }
    let attended = s.record.attendance.value().is_some_and(|a| *a != Attendance::Waiting);
    Plan::Silent(if attended { Reason::AttendanceOnly } else { Reason::AlreadyTold })
}

/// A record made before the salon came to us was arranged by other means; its client does not need a second confirmation.
fn was_arranged_before_us(s: Situation<'_>) -> bool {
    matches!((s.record.created_at, s.activated_at), (Some(made), Some(active)) if made < active)
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
