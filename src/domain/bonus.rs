//! Bonuses: what a visit earns, and what is posted so that the ledger says so. All amounts are kopecks.
//!
//! # Decision: towards a target
//! A record's postings are not answers to events ("it was completed"): hooks repeat, overtake each other and get lost. Each time a
//! record is looked at, what it should have earned is compared with what was posted for it, and the difference is posted. A
//! repeated look posts nothing; a completion, its undoing, another price and another client are all the same rule.
//! - What is taken back is taken back whole, though it may have been spent: the balance goes below zero and the next visits fill
//!   it. To take only the rest would give whoever completes, spends, and un-completes a visit money for nothing.
//! - What a client paid with bonuses earns none: the price counts without what was spent on that record.
//! - A visit that earned by one percentage keeps it, whatever the programme says by the time its comment is corrected.
//! - A cancelled record gives back what was spent on it. One that nobody came to does not: that is for the salon to say.

use chrono::NaiveDate;
use serde::Deserialize;

use super::books::Status;
use crate::kernel::id::ClientKey;

/// `[bonus]` of a rules file: every key may be missing, none may be misspelt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BonusFile {
    percent: Option<f64>,
    min_price: Option<i64>,
    most_percent: Option<i64>,
    only_paid: Option<bool>,
    since: Option<String>,
    expire_days: Option<i64>,
}

/// A salon's bonus programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Programme {
    /// Hundredths of a percent of the paid price; 0: there is no programme.
    pub rate: i64,
    /// A cheaper visit earns nothing.
    pub min_price: i64,
    /// So many percent of a visit's price may be paid with bonuses.
    pub most_percent: i64,
    /// Only a visit that the journal says is fully paid earns.
    pub only_paid: bool,
    /// Visits before this day earn nothing.
    pub since: Option<NaiveDate>,
    /// Bonuses that nobody spent for so many days are gone; 0: they stay.
    pub expire_days: i64,
}

const WHOLE: i128 = 10_000;

impl Programme {
    #[must_use]
    pub fn off() -> Self {
        Self { rate: 0, min_price: 0, most_percent: 100, only_paid: false, since: None, expire_days: 0 }
    }

    pub fn with(&self, file: &BonusFile) -> Result<Self, String> {
        let since = match file.since.as_deref() {
            None => self.since,
            Some("") => None,
            Some(day) => Some(
                NaiveDate::parse_from_str(day, "%Y-%m-%d")
                    .map_err(|_| "[bonus] since must be a day like 2026-03-01")?,
            ),
        };
        let percent = file.percent.map(|percent| percent * 100.0);
        if percent.is_some_and(|hundredths| !(0.0..=10_000.0).contains(&hundredths)) {
            return Err("[bonus] percent must lie between 0 and 100".to_owned());
        }
        let programme = Self {
            // Between 0 and 10 000: the cast loses nothing but what is finer than a hundredth.
            rate: percent.map_or(self.rate, |hundredths| hundredths.round() as i64),
            min_price: file.min_price.map_or(self.min_price, |rubles| rubles.saturating_mul(100)),
            most_percent: file.most_percent.unwrap_or(self.most_percent),
            only_paid: file.only_paid.unwrap_or(self.only_paid),
            since,
            expire_days: file.expire_days.unwrap_or(self.expire_days),
        };
        if programme.min_price < 0 {
            return Err("[bonus] min_price must not be negative".to_owned());
        }
        if !(1..=100).contains(&programme.most_percent) {
            return Err("[bonus] most_percent must lie between 1 and 100".to_owned());
        }
        if !(0..=3_650).contains(&programme.expire_days) {
            return Err("[bonus] expire_days must lie between 0 and 3650".to_owned());
        }
        Ok(programme)
    }

    /// What may be paid with bonuses of a visit at this price.
    #[must_use]
    pub fn most_of(&self, price: i64) -> i64 {
        share(price, self.most_percent * 100)
    }
}

/// Rounded down: nobody earns a kopeck that was not paid for.
fn share(amount: i64, hundredths: i64) -> i64 {
    let share = i128::from(amount.max(0)) * i128::from(hundredths) / WHOLE;
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// Why a posting is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Accrue,
    Reverse,
    Spend,
    Refund,
    Expire,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Accrue, Self::Reverse, Self::Spend, Self::Refund, Self::Expire];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accrue => "accrue",
            Self::Reverse => "reverse",
            Self::Spend => "spend",
            Self::Refund => "refund",
            Self::Expire => "expire",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether the client has more by it.
    fn gives(self) -> bool {
        matches!(self, Self::Accrue | Self::Refund)
    }

    /// The account on the other side.
    fn other_side(self) -> &'static str {
        match self {
            Self::Accrue | Self::Reverse => "programme",
            Self::Spend | Self::Refund => "spent",
            Self::Expire => "expired",
        }
    }
}

/// A client's account in the ledger.
#[must_use]
pub fn account(client: &ClientKey) -> String {
    format!("client:{client}")
}

/// What is to be posted: a movement between a client's account and another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    pub client: ClientKey,
    /// More than nothing; which way it goes the kind says.
    amount: i64,
}

impl Entry {
    /// `None` for nothing, and for less.
    #[must_use]
    pub fn new(kind: Kind, client: &ClientKey, amount: i64) -> Option<Self> {
        (amount > 0).then(|| Self { kind, client: client.clone(), amount })
    }

    #[must_use]
    pub fn amount(&self) -> i64 {
        self.amount
    }

    /// By how much the client's balance changes.
    #[must_use]
    pub fn change(&self) -> i64 {
        if self.kind.gives() { self.amount } else { -self.amount }
    }

    /// Both sides, account and amount: they sum to zero.
    #[must_use]
    pub fn lines(&self) -> [(String, i64); 2] {
        [(account(&self.client), self.change()), (self.kind.other_side().to_owned(), -self.change())]
    }
}

/// What of a visit counts for the programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub status: Status,
    pub price: Option<i64>,
    pub paid_full: bool,
    pub day: Option<NaiveDate>,
}

/// What was posted for one record on one client's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub client: ClientKey,
    /// Accrued and not taken back.
    pub accrued: i64,
    /// Spent and not given back.
    pub spent: i64,
    /// The rate of the last accrual.
    pub rate: Option<i64>,
}

/// A posting that a record asks for, and the rate it was reckoned by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub entry: Entry,
    pub rate: Option<i64>,
}

/// What is to be posted for a record so that the ledger says what it should.
#[must_use]
pub fn settle(
    programme: &Programme,
    visit: &Visit,
    holder: Option<&ClientKey>,
    standings: &[Standing],
) -> Vec<Due> {
    let nothing = |client: &ClientKey| Standing { client: client.clone(), accrued: 0, spent: 0, rate: None };
    let newcomer = holder.filter(|holder| standings.iter().all(|s| s.client != **holder)).map(nothing);
    let spent: i64 = standings.iter().map(|s| s.spent).sum();
    // Whoever has it by now: the visit earned by one rate, and keeps it when it turns out to be somebody else's.
    let accrued: i64 = standings.iter().map(|s| s.accrued).sum();
    let earned_by = standings.iter().filter(|s| s.accrued > 0).find_map(|s| s.rate);
    let rate = earned_by.unwrap_or(programme.rate);
    let mut due = Vec::new();
    for standing in standings.iter().chain(&newcomer) {
        let is_holder = Some(&standing.client) == holder;
        let target = if is_holder { earned(programme, visit, rate, spent, accrued) } else { 0 };
        let more = target - standing.accrued;
        let kind = if more > 0 { Kind::Accrue } else { Kind::Reverse };
        due.extend(
            Entry::new(kind, &standing.client, more.abs()).map(|entry| Due { entry, rate: Some(rate) }),
        );
        if visit.status == Status::Cancelled {
            let refund = Entry::new(Kind::Refund, &standing.client, standing.spent);
            due.extend(refund.map(|entry| Due { entry, rate: None }));
        }
    }
    due
}

fn earned(programme: &Programme, visit: &Visit, rate: i64, spent: i64, accrued: i64) -> i64 {
    if visit.status != Status::Completed || (programme.only_paid && !visit.paid_full) {
        return 0;
    }
    // A price that cannot be read any more changes nothing until it can.
    let Some(price) = visit.price else { return accrued };
    let is_early = programme.since.is_some_and(|since| visit.day.is_none_or(|day| day < since));
    if price < programme.min_price || (is_early && accrued == 0) {
        return 0;
    }
    share(price - spent, rate)
}

/// What expires of an account: of what was given before the line was drawn, whatever nothing has used up since. The oldest is used
/// first; what was taken back counts as used, in the client's favour.
#[must_use]
pub fn expiring(given_before: i64, taken_ever: i64, balance: i64) -> i64 {
    (given_before - taken_ever).min(balance).max(0)
}

#[cfg(test)]
#[path = "bonus_tests.rs"]
mod tests;
