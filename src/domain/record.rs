//! A record: one appointment in the salon's journal, as far as we know it.
//!
//! A hook may bring the whole record or only the fields that changed. So everything but the id is optional here: `None` means
//! "we were never told", which is not the same as "there is none" ([`Field`]).

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{ClientId, RecordId, ServiceId, StaffId};
use crate::kernel::phone::Phone;

/// What a payload says of one field: nothing, that it is empty, its value, or something that we cannot read. The last is news as
/// well: what was known before is no longer to be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field<T> {
    #[default]
    Unsaid,
    Empty,
    Is(T),
    Unreadable,
}

impl<T> Field<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unsaid | Self::Empty | Self::Unreadable => None,
        }
    }

    #[must_use]
    pub fn is_unsaid(&self) -> bool {
        matches!(self, Self::Unsaid)
    }

    /// Its value, or that there is none.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Is(_) | Self::Empty)
    }

    /// Takes over what `newer` says; silence changes nothing.
    fn learn(&mut self, newer: Self) {
        if !newer.is_unsaid() {
            *self = newer;
        }
    }
}

/// 0 waiting · 2 confirmed · 1 arrived · −1 no-show. A deleted record is cancelled whatever its attendance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attendance {
    Waiting,
    Confirmed,
    Arrived,
    NoShow,
}

impl Attendance {
    #[must_use]
    pub fn from_wire(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Waiting),
            2 => Some(Self::Confirmed),
            1 => Some(Self::Arrived),
            -1 => Some(Self::NoShow),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceLine {
    pub id: ServiceId,
    pub title: String,
    /// Final price of the line, discounts taken off, in minor units; `None` where the journal says none that can be read.
    pub cost: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    pub id: StaffId,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    #[serde(default)]
    pub id: Option<ClientId>,
    pub name: String,
    #[serde(default)]
    pub surname: String,
    /// `None` when the journal holds no number, or one nobody can dial.
    pub phone: Option<Phone>,
    #[serde(default)]
    pub email: Option<String>,
    /// Excluded from mailings by the salon.
    pub silenced: bool,
}

/// What is known of a record, or what one payload says of it: the same shape, so that one merges into the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub id: RecordId,
    /// Salon local time, as the journal shows it. The wire's `datetime` has been seen with a wrong offset.
    #[serde(default)]
    pub starts: Field<NaiveDateTime>,
    #[serde(default)]
    pub length_s: Field<i64>,
    #[serde(default)]
    pub services: Field<Vec<ServiceLine>>,
    #[serde(default)]
    pub master: Field<Master>,
    #[serde(default)]
    pub client: Field<Client>,
    #[serde(default)]
    pub attendance: Field<Attendance>,
    /// What the client or the salon wrote to it.
    #[serde(default)]
    pub comment: Field<String>,
    /// Whether all of it was paid.
    #[serde(default)]
    pub paid_full: Field<bool>,
    #[serde(default)]
    pub deleted: Field<bool>,
    /// When the record was made in the CRM.
    #[serde(default)]
    pub created_at: Option<UnixMs>,
    /// The CRM's own time of the last change.
    #[serde(default)]
    pub changed_at: Option<UnixMs>,
    /// The payload itself, where it said the whole record. Kept beside what was read of it, not in it.
    #[serde(skip)]
    pub raw: Option<String>,
}

impl Record {
    #[must_use]
    pub fn unknown(id: RecordId) -> Self {
        Self {
            id,
            starts: Field::Unsaid,
            length_s: Field::Unsaid,
            services: Field::Unsaid,
            master: Field::Unsaid,
            client: Field::Unsaid,
            attendance: Field::Unsaid,
            comment: Field::Unsaid,
            paid_full: Field::Unsaid,
            deleted: Field::Unsaid,
            created_at: None,
            changed_at: None,
            raw: None,
        }
    }

    /// Merges what a later payload says. One that is older than what we know changes nothing and answers `false`;
    /// with equal times (their resolution is a second) the later arrival wins.
    pub fn learn(&mut self, newer: Self) -> bool {
        if let (Some(known), Some(said)) = (self.changed_at, newer.changed_at)
            && said < known
        {
            return false;
        }
        self.starts.learn(newer.starts);
        self.length_s.learn(newer.length_s);
        self.services.learn(newer.services);
        self.master.learn(newer.master);
        self.client.learn(newer.client);
        self.attendance.learn(newer.attendance);
        self.comment.learn(newer.comment);
        self.paid_full.learn(newer.paid_full);
        self.deleted.learn(newer.deleted);
        self.created_at = newer.created_at.or(self.created_at);
        self.changed_at = newer.changed_at.or(self.changed_at);
        self.raw = newer.raw.or(self.raw.take());
        true
    }

    /// Whether a payload says something else than we know, and nobody can tell by their times which of them is so. The CRM's times
    /// have a resolution of a second and its hooks come in any order; a part of a record comes without any, and perhaps late; and a
    /// deletion may come without a time, before the creation itself, so that none but the CRM may undo it.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(one: &Field<T>, other: &Field<T>) -> bool {
            matches!((one.value(), other.value()), (Some(one), Some(other)) if one != other)
        }
        let phones = |record: &Self| record.client.value().map(|client| client.phone.clone());
        let undoes = self.is_deleted() && other.deleted == Field::Is(false);
        let is_timeless = other.changed_at.is_none() && !other.is_deleted();
        let of_one_moment = self.changed_at.is_some() && self.changed_at == other.changed_at;
        undoes
            || (of_one_moment || is_timeless)
                && (differ(&self.starts, &other.starts)
                    || differ(&self.deleted, &other.deleted)
                    || differ(&self.master, &other.master)
                    || (self.services.is_known()
                        && other.services.is_known()
                        && self.service_set() != other.service_set())
                    || matches!((phones(self), phones(other)), (Some(one), Some(other)) if one != other))
    }

    /// Whether all that a message needs is known, or known to be empty. Otherwise the record is read from the CRM.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        // A partial payload may name a master by number alone.
        let nameless = self.master.value().is_some_and(|master| master.name.is_empty());
        !nameless
            && self.starts.is_known()
            && self.services.is_known()
            && self.master.is_known()
            && self.client.is_known()
            && self.deleted != Field::Unreadable
    }

    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted == Field::Is(true)
    }

    #[must_use]
    pub fn phone(&self) -> Option<&Phone> {
        self.client.value()?.phone.as_ref()
    }

    /// The services' names as a set: their order on the wire is random.
    #[must_use]
    pub fn service_set(&self) -> BTreeSet<String> {
        self.services.value().into_iter().flatten().map(|line| line.title.trim().to_owned()).collect()
    }

    /// The services' ids as a set; empty when one of them has none.
    #[must_use]
    pub fn service_ids(&self) -> BTreeSet<ServiceId> {
        let ids: BTreeSet<_> = self.services.value().into_iter().flatten().map(|line| line.id).collect();
        if ids.first().is_some_and(|id| id.0 <= 0) { BTreeSet::new() } else { ids }
    }
}

/// In which order payloads are to be learnt, given the times they say in the order they came, and the time we know already.
///
/// By what they say; one that says no time was sent after all that had come before it, so it stands right behind the latest of these.
#[must_use]
pub fn order(known: Option<UnixMs>, said: &[Option<UnixMs>]) -> Vec<usize> {
    let mut latest = known;
    let mut places: Vec<_> = said
        .iter()
        .enumerate()
        .map(|(place, said)| {
            latest = latest.max(*said);
            (said.or(latest), place)
        })
        .collect();
    places.sort_unstable();
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> Field<NaiveDateTime> {
        Field::Is(
            chrono::NaiveDate::from_ymd_opt(2026, 3, 14)
                .and_then(|day| day.and_hms_opt(hour, 0, 0))
                .expect("a real time"),
        )
    }

    #[test]
    fn two_payloads_of_one_second_that_differ_contradict_each_other() {
        let said = |hour, changed| Record {
            starts: at(hour),
            changed_at: Some(UnixMs(changed)),
            ..Record::unknown(RecordId(1))
        };
        assert!(said(15, 1_000).contradicts(&said(16, 1_000)));
        assert!(!said(15, 1_000).contradicts(&said(15, 1_000)), "a repeat");
        assert!(!said(15, 1_000).contradicts(&said(16, 2_000)), "one is later");
        let nothing = Record { changed_at: Some(UnixMs(1_000)), ..Record::unknown(RecordId(1)) };
        assert!(!said(15, 1_000).contradicts(&nothing), "what says nothing contradicts nothing");
        let timeless = Record { changed_at: None, ..said(16, 0) };
        assert!(
            said(15, 1_000).contradicts(&timeless),
            "nobody can tell whether it was sent after all that came before it"
        );
        let repeated = Record { changed_at: None, ..said(15, 1_000) };
        assert!(!said(15, 1_000).contradicts(&repeated), "it says what is known");
        let gone = Record { deleted: Field::Is(true), ..Record::unknown(RecordId(1)) };
        let there = Record { deleted: Field::Is(false), ..said(15, 9_000) };
        assert!(
            gone.contradicts(&there),
            "a deletion that says no time, and the creation that comes after it"
        );
        assert!(!there.contradicts(&gone), "a deletion is believed");
    }

    #[test]
    fn a_partial_payload_changes_only_what_it_says() {
        let mut known = Record { starts: at(15), deleted: Field::Is(false), ..Record::unknown(RecordId(1)) };
        assert!(known.learn(Record { deleted: Field::Is(true), ..Record::unknown(RecordId(1)) }));
        assert_eq!((known.starts.clone(), known.is_deleted()), (at(15), true));
    }

    #[test]
    fn an_older_payload_that_comes_late_changes_nothing() {
        let mut known =
            Record { starts: at(15), changed_at: Some(UnixMs(2000)), ..Record::unknown(RecordId(1)) };
        assert!(!known.learn(Record {
            starts: at(9),
            changed_at: Some(UnixMs(1000)),
            ..Record::unknown(RecordId(1))
        }));
        assert_eq!(known.starts, at(15));
        assert!(known.learn(Record {
            starts: at(16),
            changed_at: Some(UnixMs(2000)),
            ..Record::unknown(RecordId(1))
        }));
        assert_eq!(known.starts, at(16), "equal times: the later arrival wins");
    }

    #[test]
    fn a_payload_without_a_time_is_as_late_as_the_latest_before_it() {
        let at = |said: &[i64]| said.iter().map(|ms| (*ms > 0).then_some(UnixMs(*ms))).collect::<Vec<_>>();
        for (known, said, expected) in [
            (None, at(&[1000, 0]), vec![0, 1]),
            (None, at(&[0, 1000]), vec![0, 1]),
            (None, at(&[2000, 0, 1000, 0, 3000]), vec![2, 0, 1, 3, 4]),
            (Some(UnixMs(2000)), at(&[0, 1000, 2000]), vec![1, 0, 2]),
        ] {
            assert_eq!(order(known, &said), expected, "{known:?} {said:?}");
        }
    }

    #[test]
    fn empty_is_known_and_unsaid_is_not() {
        let mut record = Record::unknown(RecordId(1));
        assert!(!record.is_whole());
        record.learn(Record {
            starts: at(15),
            services: Field::Is(vec![]),
            master: Field::Empty,
            client: Field::Empty,
            ..Record::unknown(RecordId(1))
        });
        assert!(record.is_whole() && record.phone().is_none());
    }

    #[test]
    fn what_cannot_be_read_takes_the_place_of_what_was_known() {
        let whole = Record {
            starts: at(15),
            services: Field::Empty,
            master: Field::Empty,
            client: Field::Empty,
            ..Record::unknown(RecordId(1))
        };
        let nothing = Record::unknown(RecordId(1));
        for unreadable in [
            Record { starts: Field::Unreadable, ..nothing.clone() },
            Record { services: Field::Unreadable, ..nothing.clone() },
            Record { master: Field::Unreadable, ..nothing.clone() },
            Record { client: Field::Unreadable, ..nothing.clone() },
            Record { deleted: Field::Unreadable, ..nothing.clone() },
        ] {
            let mut known = whole.clone();
            known.learn(unreadable);
            assert!(!known.is_whole(), "{known:?}");
            known.learn(Record { deleted: Field::Is(false), ..whole.clone() });
            assert!(known.is_whole());
        }
    }
}
