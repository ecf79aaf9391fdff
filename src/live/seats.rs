//! Who sits in which room: how many pages a tenant has open in which language, and what they were told last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::connect::ConnectStep;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;

/// Open pages per tenant. A salon has an owner, a receptionist, and forgotten tabs.
pub const MOST: usize = 12;
/// What one page may ask for in [`SPAN`]; a hand is slower.
const MOST_ASKED: u32 = 20;
const SPAN: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Seats(Mutex<HashMap<TenantId, Room>>);

#[derive(Debug, Default)]
struct Room {
    readers: HashMap<Locale, usize>,
    told: Option<ConnectStep>,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Room>> {
        // A count is whole at every line: a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more page; `None` when the room is full. It is given back when the last clone is dropped.
    pub fn take(self: &Arc<Self>, tenant: &TenantId, locale: Locale) -> Option<Seat> {
        let mut rooms = self.lock();
        let room = rooms.entry(tenant.clone()).or_default();
        if room.readers.values().sum::<usize>() >= MOST {
            return None;
        }
        *room.readers.entry(locale).or_default() += 1;
        let place = Place { seats: Arc::clone(self), tenant: tenant.clone(), locale, pace: Mutex::default() };
        Some(Seat(Arc::new(place)))
    }

    /// The languages somebody reads this tenant's page in.
    pub fn locales(&self, tenant: &TenantId) -> Vec<Locale> {
        self.lock().get(tenant).map(|room| room.readers.keys().copied().collect()).unwrap_or_default()
    }

    pub fn tenants(&self) -> Vec<TenantId> {
        self.lock().keys().cloned().collect()
    }

    /// Notes what the room is told now; gives what it was told before.
    pub fn tell(&self, tenant: &TenantId, step: &ConnectStep) -> Option<ConnectStep> {
        self.lock().get_mut(tenant).and_then(|room| room.told.replace(step.clone()))
    }
}

/// One open page.
#[derive(Debug, Clone)]
pub struct Seat(Arc<Place>);

#[derive(Debug)]
struct Place {
    seats: Arc<Seats>,
    tenant: TenantId,
    locale: Locale,
    pace: Mutex<Option<(Instant, u32)>>,
}

impl Seat {
    pub fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    pub fn locale(&self) -> Locale {
        self.0.locale
    }

    /// Whether this page asks no faster than a person does.
    pub fn may_ask(&self) -> bool {
        let mut pace = self.0.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = pace.get_or_insert_with(|| (Instant::now(), 0));
        if since.elapsed() > SPAN {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        *count <= MOST_ASKED
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut rooms = self.seats.lock();
        let Some(room) = rooms.get_mut(&self.tenant) else { return };
        if let Some(count) = room.readers.get_mut(&self.locale) {
            *count -= 1;
            if *count == 0 {
                room.readers.remove(&self.locale);
            }
        }
        if room.readers.is_empty() {
            rooms.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::UnixMs;

    #[test]
    fn a_room_is_full_after_twelve_and_free_again_after_one_leaves() {
        let seats = Arc::new(Seats::default());
        let iris = TenantId::new(UnixMs(1));
        let mut taken: Vec<Seat> = (0..MOST).filter_map(|_| seats.take(&iris, Locale::Ru)).collect();
        assert_eq!(taken.len(), MOST);
        assert!(seats.take(&iris, Locale::En).is_none());
        assert!(
            seats.take(&TenantId::new(UnixMs(2)), Locale::Ru).is_some(),
            "another salon has its own room"
        );
        taken.pop();
        assert!(seats.take(&iris, Locale::En).is_some());
        taken.clear();
        assert!(seats.tenants().is_empty());
    }

    #[test]
    fn a_page_that_hammers_is_told_so() {
        let seats = Arc::new(Seats::default());
        let seat = seats.take(&TenantId::new(UnixMs(1)), Locale::Ru).expect("free");
        assert!((0..MOST_ASKED).all(|_| seat.may_ask()));
        assert!(!seat.may_ask());
    }
}
