//! What a salon's books say of a record: its state in one word, its price and its length.

use serde::{Deserialize, Serialize};

use super::record::{Attendance, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Confirmed,
    Completed,
    Cancelled,
    NoShow,
}

impl Status {
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Confirmed, Self::Completed, Self::Cancelled, Self::NoShow];

    /// A deleted record is cancelled whatever its attendance: the journal has no attendance that says so.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        if record.is_deleted() {
            return Self::Cancelled;
        }
        match record.attendance.value() {
            None | Some(Attendance::Waiting) => Self::Pending,
            Some(Attendance::Confirmed) => Self::Confirmed,
            Some(Attendance::Arrived) => Self::Completed,
            Some(Attendance::NoShow) => Self::NoShow,
        }
    }

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What the visit costs its client, in minor units: the sum of its lines. `None` where a line says no price, or too much.
///
/// # Decision: the paid price
/// Of a line the wire says `first_cost` (the list's price), `cost` (the final one, the discount taken off), `cost_per_unit` and
/// `manual_cost` (both the same seen another way), and `cost_to_pay`, of which no document says what it is. So the price is `cost`.
/// That all of it was paid is only `paid_full`; many salons never note payments in the journal, so whether it must be there is a
/// rule of the bonus programme, and no part of the price.
#[must_use]
pub fn price(record: &Record) -> Option<i64> {
    let lines = record.services.value()?;
    lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.cost?)).filter(|price| *price >= 0)
}

/// Its length in whole minutes.
#[must_use]
pub fn minutes(record: &Record) -> Option<i64> {
    record.length_s.value().map(|seconds| (seconds + 30) / 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{Field, ServiceLine};
    use crate::kernel::crm_id::{RecordId, ServiceId};

    fn record() -> Record {
        Record::unknown(RecordId(1))
    }

    #[test]
    fn a_deleted_record_is_cancelled_whatever_its_attendance() {
        for (attendance, status) in [
            (Field::Unsaid, Status::Pending),
            (Field::Is(Attendance::Waiting), Status::Pending),
            (Field::Is(Attendance::Confirmed), Status::Confirmed),
            (Field::Is(Attendance::Arrived), Status::Completed),
            (Field::Is(Attendance::NoShow), Status::NoShow),
        ] {
            let there = Record { attendance, deleted: Field::Is(false), ..record() };
            assert_eq!(Status::of(&there), status);
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(Status::of(&Record { deleted: Field::Is(true), ..there }), Status::Cancelled);
        }
    }

    #[test]
    fn a_price_that_is_missing_is_not_nothing() {
        let with = |costs: &[Option<i64>]| Record {
            services: Field::Is(
                costs
                    .iter()
                    .map(|cost| ServiceLine { id: ServiceId(1), title: "Стрижка".into(), cost: *cost })
                    .collect(),
            ),
            ..record()
        };
        assert_eq!(price(&record()), None);
        assert_eq!(price(&with(&[])), Some(0));
        assert_eq!(price(&with(&[Some(225_050), Some(1)])), Some(225_051));
        assert_eq!(price(&with(&[Some(225_050), None])), None);
        assert_eq!(price(&with(&[Some(i64::MAX), Some(1)])), None);
        assert_eq!(price(&with(&[Some(-5)])), None);
    }

    #[test]
    fn seconds_become_minutes() {
        for (seconds, whole) in [(5400, 90), (0, 0), (59, 1), (29, 0), (90, 2)] {
            assert_eq!(minutes(&Record { length_s: Field::Is(seconds), ..record() }), Some(whole));
        }
        assert_eq!(minutes(&record()), None);
    }
}
