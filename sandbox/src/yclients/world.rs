//! Everything the sandbox remembers, behind one lock.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{
    answer::Refusal,
    clock::Clock,
    demo,
    faults::Faults,
    hooks::{self, Delivery, Event},
    limit::Limiter,
    model::{InstallState, Record, Salon},
    options::Settings,
    post::{Parcel, Post},
    ring::Ring,
};

const DELIVERIES_KEPT: usize = 4_000;
const REQUESTS_KEPT: usize = 10_000;
const CODES_KEPT: usize = 200;

/// A handle on the sandbox; clones share it.
#[derive(Clone)]
pub struct World(Arc<Inner>);

pub struct Inner {
    state: Mutex<State>,
    pub clock: Clock,
    pub post: Post,
    /// Where we listen, for links to ourselves.
    pub address: String,
}

impl Deref for World {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

pub struct State {
    pub options: Settings,
    pub salons: BTreeMap<i64, Salon>,
    pub ids: Ids,
    pub faults: Faults,
    pub deliveries: Ring<Delivery>,
    pub requests: Ring<Seen>,
    pub limiter: Limiter,
    pub codes: VecDeque<SmsCode>,
    /// Grows with every reset: what was queued before it is dropped.
    pub epoch: u64,
    events: Vec<Event>,
    parcels: Vec<Parcel>,
}

/// One request the REST or marketplace side received.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    pub at: DateTime<Utc>,
    pub method: String,
    pub path: String,
    pub query: String,
    /// Which tokens came along: `""`, `"P"` or `"PU"`. Never the tokens.
    pub auth: &'static str,
    pub body: Value,
    pub status: u16,
    pub ms: u64,
    /// The fault that answered instead, if one did.
    pub fault: Option<String>,
}

/// A confirmation code that a client would have got by SMS.
#[derive(Debug, Clone, Serialize)]
pub struct SmsCode {
    pub salon_id: i64,
    pub phone: String,
    pub code: String,
}

/// The next numbers to give out.
#[derive(Debug, Clone)]
pub struct Ids {
    pub salon: i64,
    pub staff: i64,
    pub service: i64,
    pub client: i64,
    pub record: i64,
    pub payment: i64,
    pub finance: i64,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            salon: 990_201,
            staff: 1_501_001,
            service: 7_701_001,
            client: 55_000_401,
            record: 880_000_501,
            payment: 50_077,
            finance: 440_000_701,
        }
    }
}

/// Takes a number and leaves the next one.
pub fn take(id: &mut i64) -> i64 {
    *id += 1;
    *id - 1
}

impl World {
    pub fn new(options: Settings, address: String, post: Post) -> Self {
        let clock = Clock::default();
        let state = State::fresh(options, clock.now(), 0);
        Self(Arc::new(Inner { state: Mutex::new(state), clock, post, address }))
    }

    /// The one way in: runs `f` on the state, then sends off the hooks it gave rise to, in order.
    pub fn with<R>(&self, f: impl FnOnce(&mut State, DateTime<Utc>) -> R) -> R {
        let mut state = self.lock();
        let now = self.clock.now();
        state.expire_consents(now);
        let answer = f(&mut state, now);
        for event in std::mem::take(&mut state.events) {
            let parcels = hooks::plan(&mut state, &event, now);
            state.parcels.extend(parcels);
        }
        for parcel in std::mem::take(&mut state.parcels) {
            self.post.send(self, parcel);
        }
        answer
    }

    /// A handler that panicked must not take the sandbox with it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the demo salons; options and clock stay unless asked otherwise.
    pub fn reset(&self, options: Option<Settings>) {
        let mut state = self.lock();
        let epoch = state.epoch + 1;
        let options = options.unwrap_or_else(|| state.options.clone());
        *state = State::fresh(options, self.clock.now(), epoch);
    }
}

impl State {
    fn fresh(options: Settings, now: DateTime<Utc>, epoch: u64) -> Self {
        Self {
            salons: demo::salons(now).into_iter().map(|s| (s.id, s)).collect(),
            faults: Faults::new(options.seed),
            options,
            ids: Ids::default(),
            deliveries: Ring::new(DELIVERIES_KEPT),
            requests: Ring::new(REQUESTS_KEPT),
            limiter: Limiter::default(),
            codes: VecDeque::new(),
            epoch,
            events: Vec::new(),
            parcels: Vec::new(),
        }
    }

    pub fn salon(&self, id: i64) -> Result<&Salon, Refusal> {
        self.salons.get(&id).ok_or_else(Refusal::salon_not_found)
    }

    pub fn salon_mut(&mut self, id: i64) -> Result<&mut Salon, Refusal> {
        self.salons.get_mut(&id).ok_or_else(Refusal::salon_not_found)
    }

    pub fn record(&self, salon_id: i64, id: i64) -> Result<&Record, Refusal> {
        self.salon(salon_id)?.records.get(&id).ok_or_else(|| Refusal::not_found("Запись не найдена."))
    }

    /// The salon of a record, for the calls that only name the record.
    pub fn salon_of_record(&self, id: i64) -> Option<i64> {
        self.salons.values().find(|s| s.records.contains_key(&id)).map(|s| s.id)
    }

    /// Tells the world of a change; it leaves when the lock is released.
    pub fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    pub fn dispatch(&mut self, parcel: Parcel) {
        self.parcels.push(parcel);
    }

    pub fn remember_code(&mut self, code: SmsCode) {
        if self.codes.len() >= CODES_KEPT {
            self.codes.pop_front();
        }
        self.codes.push_back(code);
    }

    fn expire_consents(&mut self, now: DateTime<Utc>) {
        let window = TimeDelta::hours(self.options.pending_hours.clamp(0, 24 * 365));
        for install in self.salons.values_mut().map(|s| &mut s.install) {
            let expired = install.since.is_some_and(|since| now - since > window);
            if install.state == InstallState::Pending && expired {
                install.turn(InstallState::Uninstalled, "marketplace", now);
            }
        }
    }
}
