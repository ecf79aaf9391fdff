//! When a master could take somebody: working hours less what is booked.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::model::{Salon, Staff};

/// Seances begin on the half hour.
const STEP_MINUTES: i64 = 30;

/// Masters a client can choose for all of these services.
pub fn bookable<'a>(salon: &'a Salon, services: &'a [i64]) -> impl Iterator<Item = &'a Staff> {
    let does = |staff: i64, service: i64| {
        salon.service(service).is_some_and(|s| s.staff.iter().any(|(id, _)| *id == staff))
    };
    salon
        .staff
        .iter()
        .filter(|s| s.bookable && !s.fired && !s.hidden)
        .filter(move |s| services.iter().all(|service| does(s.id, *service)))
}

/// Seconds the services take with this master.
pub fn length(salon: &Salon, staff_id: i64, services: &[i64]) -> i64 {
    let sum: i64 = services.iter().filter_map(|id| salon.service(*id)).map(|s| s.length_with(staff_id)).sum();
    if sum > 0 { sum } else { 3_600 }
}

/// Free beginnings of one day, for the masters given, each with the length there.
pub fn times<'a>(
    salon: &Salon,
    staff: impl Iterator<Item = &'a Staff>,
    services: &[i64],
    date: NaiveDate,
    now: NaiveDateTime,
) -> Vec<(NaiveDateTime, i64)> {
    let mut found = Vec::new();
    for staff in staff {
        let length = length(salon, staff.id, services);
        for slot in salon.slots(staff, date) {
            let mut at = date.and_time(slot.from);
            while at + TimeDelta::seconds(length) <= date.and_time(slot.to) {
                let free = at > now && !salon.busy(staff.id, at, at + TimeDelta::seconds(length), None);
                if free {
                    found.push((at, length));
                }
                at += TimeDelta::minutes(STEP_MINUTES);
            }
        }
    }
    // The same beginning with several masters is one offer.
    found.sort();
    found.dedup_by_key(|(at, _)| *at);
    found
}
