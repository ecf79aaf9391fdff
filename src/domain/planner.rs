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
use super::record::{Attendance, Client, Field, Record};
use super::rules::Rules;
use super::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{ClientId, ServiceId, StaffId};
use crate::kernel::phone::Phone;

/// What a client knows of a record from us. Ids tell whether it is another one, names are what was read; what was told before
/// ids were kept has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub phone: Phone,
    #[serde(default)]
    pub client: Option<ClientId>,
    #[serde(default)]
    pub name: String,
    pub starts: NaiveDateTime,
    pub services: BTreeSet<String>,
    #[serde(default)]
    pub service_ids: BTreeSet<ServiceId>,
    pub master: String,
    #[serde(default)]
    pub master_id: Option<StaffId>,
    /// The last word was that it is cancelled.
    pub cancelled: bool,
    /// Which telling of the record this was: no two have the same. Given when it is worded.
    #[serde(default)]
    pub serial: i64,
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
    if s.record.is_deleted() {
        return plan_cancel(s);
    }
    let Some(starts) = s.record.starts.value().copied() else { return Plan::Silent(Reason::NoTime) };
    if dates::instant(starts, s.zone) <= s.now {
        return Plan::Silent(Reason::PastVisit);
    }
    let Some(client) = s.record.client.value() else { return Plan::Silent(Reason::NoClient) };
    let Some(phone) = client.phone.clone() else { return Plan::Silent(Reason::NoPhone) };
    if client.silenced {
        return Plan::Silent(Reason::ClientSilenced);
    }
    let next = telling(s.record, client, phone, starts);
    match s.told {
        None if was_arranged_before_us(s) => Plan::Adopt(next),
        None => Plan::Say { kind: MessageKind::Confirmation, told: next },
        Some(told) if told.cancelled || told.phone != next.phone => {
            Plan::Say { kind: MessageKind::Confirmation, told: next }
        }
        Some(told) => plan_change(s, told, next),
    }
}

fn telling(record: &Record, client: &Client, phone: Phone, starts: NaiveDateTime) -> Told {
    let master = record.master.value();
    Told {
        phone,
        client: client.id,
        name: client.name.trim().to_owned(),
        starts,
        services: record.service_set(),
        service_ids: record.service_ids(),
        master: master.map(|m| m.name.trim().to_owned()).unwrap_or_default(),
        master_id: master.map(|m| m.id),
        cancelled: false,
        serial: 0,
    }
}

/// What the client from before is to be told, beside the plan, when the record has been given to another: that it is off.
///
/// Another card with the same number is the same person to us, and another number on the same card a correction: the old one was
/// wrong, or is no longer the client's.
#[must_use]
pub fn farewell(s: Situation<'_>) -> Option<Told> {
    let told = s.told.filter(|told| !told.cancelled)?;
    let client = s.record.client.value()?;
    let replaced = matches!((client.id, told.client), (Some(now), Some(before)) if now != before)
        && client.phone.as_ref() != Some(&told.phone);
    let silent = salon_is_quiet(s.tenant).is_some() || s.record.is_deleted();
    let ahead = dates::instant(told.starts, s.zone) > s.now;
    (replaced && ahead && !silent).then(|| Told { cancelled: true, ..told.clone() })
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

fn plan_change(s: Situation<'_>, told: &Told, mut next: Told) -> Plan {
    // What could not be learnt even by asking is not taken for changed.
    if !s.record.services.is_known() {
        next.services.clone_from(&told.services);
        next.service_ids.clone_from(&told.service_ids);
    }
    if !s.record.master.is_known() {
        next.master_id = told.master_id;
    }
    if next.master.is_empty() && next.master_id == told.master_id && s.record.master != Field::Empty {
        next.master.clone_from(&told.master);
    }
    let shift = (next.starts - told.starts).num_minutes().abs();
    if !same_services(told, &next) || !same_master(told, &next) || shift >= s.rules.min_shift_minutes {
        return Plan::Say { kind: MessageKind::Change, told: next };
    }
    if shift > 0 {
        return Plan::Silent(Reason::SmallShift);
    }
    let attended = s.record.attendance.value().is_some_and(|a| *a != Attendance::Waiting);
    Plan::Silent(if attended { Reason::AttendanceOnly } else { Reason::AlreadyTold })
}

fn same_services(told: &Told, next: &Told) -> bool {
    if told.service_ids.is_empty() || next.service_ids.is_empty() {
        return told.services == next.services;
    }
    told.service_ids == next.service_ids
}

fn same_master(told: &Told, next: &Told) -> bool {
    match (told.master_id, next.master_id) {
        (Some(before), Some(now)) => before == now,
        _ => told.master == next.master,
    }
}

/// A record made before the salon came to us was arranged by other means; its client does not need a second confirmation.
/// The CRM cuts its times to the second, so one made in the very second of our activation counts as made after it.
fn was_arranged_before_us(s: Situation<'_>) -> bool {
    matches!((s.record.created_at, s.activated_at), (Some(made), Some(active)) if made.plus_secs(1) <= active)
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
