//! What a salon is made of. Only facts; how they look on the wire is in `wire`.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

#[derive(Debug, Clone)]
pub struct Salon {
    pub id: i64,
    pub title: String,
    pub timezone: Tz,
    pub country: String,
    pub city: String,
    pub address: String,
    pub phone: String,
    /// The ISO code, as payments print it; the marketplace prints the short form.
    pub currency: String,
    pub short_descr: String,
    pub bookform_id: i64,
    pub phone_confirmation: bool,
    pub licence_expired: bool,
    pub categories: Vec<Category>,
    pub services: Vec<Service>,
    pub staff: Vec<Staff>,
    pub clients: BTreeMap<i64, Client>,
    pub records: BTreeMap<i64, Record>,
    /// Days that differ from the usual hours of the master.
    pub days: BTreeMap<(i64, NaiveDate), Vec<Slot>>,
    pub hooks: HookSettings,
    pub install: Install,
}

#[derive(Debug, Clone)]
pub struct Category {
    pub id: i64,
    pub title: String,
}

#[derive(Debug, Clone)]
pub struct Service {
    pub id: i64,
    pub title: String,
    pub category_id: i64,
    pub price_min: f64,
    pub price_max: f64,
    pub active: bool,
    pub comment: String,
    /// Seconds, where no master says otherwise.
    pub length: i64,
    /// Who does it, and in how many seconds.
    pub staff: Vec<(i64, i64)>,
}

#[derive(Debug, Clone)]
pub struct Staff {
    pub id: i64,
    pub name: String,
    pub specialization: String,
    pub position: Option<(i64, String)>,
    pub fired: bool,
    pub hidden: bool,
    pub bookable: bool,
    pub rating: f64,
    pub user_id: i64,
    pub hours: Vec<Slot>,
}

/// A stretch of a working day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub from: NaiveTime,
    pub to: NaiveTime,
}

#[derive(Debug, Clone, Default)]
pub struct Client {
    pub id: i64,
    pub name: String,
    pub surname: String,
    pub patronymic: String,
    /// Digits only, with the country.
    pub phone: String,
    pub email: String,
    pub comment: String,
    pub sex_id: i64,
    pub birth_date: String,
    pub discount: i64,
    pub sms_not: bool,
    pub blacklisted: bool,
    pub custom_fields: Map<String, Value>,
    pub changed_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub id: i64,
    pub visit_id: i64,
    pub document_id: i64,
    pub staff_id: i64,
    pub client_id: Option<i64>,
    pub services: Vec<Line>,
    /// In the salon's zone: the journal knows no other.
    pub start: NaiveDateTime,
    /// Seconds.
    pub length: i64,
    pub comment: String,
    pub attendance: i64,
    pub deleted: bool,
    pub online: bool,
    pub paid_full: bool,
    pub api_id: String,
    pub bookform_id: i64,
    pub from_url: String,
    pub created_user_id: i64,
    pub custom_color: String,
    pub custom_fields: Map<String, Value>,
    pub labels: Vec<String>,
    pub sms_remain_hours: i64,
    pub email_remain_hours: i64,
    pub technical_break: Option<i64>,
    /// What lets a client look at and cancel his own record.
    pub hash: String,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

/// A service in a record, at its price.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub id: i64,
    pub first_cost: f64,
    pub discount: f64,
    pub cost: f64,
    pub amount: i64,
}

/// The salon-wide switchboard of `hooks_settings`.
#[derive(Debug, Clone, Default)]
pub struct HookSettings {
    pub urls: Vec<String>,
    pub active: bool,
    pub flags: BTreeMap<String, bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InstallState {
    #[default]
    Uninstalled,
    Pending,
    Active,
    Freezed,
}

impl InstallState {
    /// `freezed` is how the platform spells it.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Uninstalled => "uninstalled",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Freezed => "freezed",
        }
    }
}

/// The application in this salon.
#[derive(Debug, Clone, Default)]
pub struct Install {
    pub state: InstallState,
    pub since: Option<DateTime<Utc>>,
    pub logs: Vec<InstallLog>,
    pub payments: Vec<Payment>,
    pub api_key: Option<String>,
    pub webhook_urls: Vec<String>,
    pub channels: Vec<String>,
    pub short_names: Vec<String>,
    pub discount: f64,
}

#[derive(Debug, Clone)]
pub struct InstallLog {
    pub at: DateTime<Utc>,
    pub from: InstallState,
    pub to: InstallState,
    pub source: &'static str,
}

#[derive(Debug, Clone)]
pub struct Payment {
    pub id: i64,
    pub sum: f64,
    pub currency_iso: String,
    pub payment_date: String,
    pub period_from: String,
    pub period_to: String,
    pub refunded: bool,
}

/// A salon that is looked at every day for years keeps this many lines of its own history.
const LOG_LENGTH: usize = 200;

impl Install {
    pub fn turn(&mut self, to: InstallState, source: &'static str, at: DateTime<Utc>) {
        if self.state == to {
            return;
        }
        if self.logs.len() >= LOG_LENGTH {
            self.logs.remove(0);
        }
        self.logs.push(InstallLog { at, from: self.state, to, source });
        if self.state == InstallState::Uninstalled {
            self.since = Some(at);
        }
        self.state = to;
    }
}

impl Salon {
    pub fn staff(&self, id: i64) -> Option<&Staff> {
        self.staff.iter().find(|s| s.id == id)
    }

    pub fn service(&self, id: i64) -> Option<&Service> {
        self.services.iter().find(|s| s.id == id)
    }

    /// Working hours of one master on one day; nobody dismissed works.
    pub fn slots(&self, staff: &Staff, date: NaiveDate) -> Vec<Slot> {
        if staff.fired {
            return Vec::new();
        }
        self.days.get(&(staff.id, date)).unwrap_or(&staff.hours).clone()
    }

    /// Living records of one master that touch the stretch.
    pub fn busy(&self, staff_id: i64, from: NaiveDateTime, to: NaiveDateTime, but: Option<i64>) -> bool {
        self.records.values().any(|r| {
            !r.deleted && r.staff_id == staff_id && Some(r.id) != but && r.start < to && r.end() > from
        })
    }

    /// Whether the stretch lies within one slot of the working day.
    pub fn working(&self, staff_id: i64, from: NaiveDateTime, to: NaiveDateTime) -> bool {
        let Some(staff) = self.staff(staff_id) else { return false };
        self.slots(staff, from.date())
            .iter()
            .any(|slot| from.date().and_time(slot.from) <= from && to <= from.date().and_time(slot.to))
    }

    pub fn client_by_phone(&self, phone: &str) -> Option<&Client> {
        self.clients.values().find(|c| !phone.is_empty() && c.phone == phone)
    }
}

impl Service {
    pub fn length_with(&self, staff_id: i64) -> i64 {
        self.staff.iter().find(|(id, _)| *id == staff_id).map_or(self.length, |(_, length)| *length)
    }
}

impl Record {
    pub fn end(&self) -> NaiveDateTime {
        self.start.checked_add_signed(TimeDelta::seconds(self.length)).unwrap_or(self.start)
    }
}

impl Client {
    pub fn display_name(&self) -> String {
        let parts = [self.name.as_str(), self.surname.as_str()];
        parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ")
    }
}
