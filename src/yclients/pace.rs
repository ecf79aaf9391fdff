//! How fast we may ask: YClients allows 200 requests a minute and 5 a second *per address*, all our salons together.
//!
//! Who must wait stands in one of two lines, urgent or background, where salons take turns (`kernel/line.rs`). For each line that
//! has waiters one task asks the source of turns, this process's own or the one that all nodes share (`kernel/turns.rs`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::kernel::line::Line;
use crate::kernel::turns::{Answer, Budget, Urgency, Windows};

/// Hands out turns to call. One is shared by everything that leaves by one address.
#[async_trait]
pub trait Pace: Send + Sync {
    /// Waits until a call may start. `salon` is whose call it is, 0 for nobody's. Whoever stops waiting loses nobody's turn.
    async fn take(&self, salon: i64, urgency: Urgency);

    /// The CRM said "slow down": no turn for this many milliseconds.
    async fn hold(&self, _ms: i64) {}
}

/// A little longer than the platform's second and minute: what leaves evenly may arrive bunched. Three fifths are for what nobody
/// waits for, so that an urgent call finds a free turn.
pub const BUDGET: Budget = Budget {
    per_second: 5,
    second_ms: 1_100,
    per_minute: 200,
    minute_ms: 61_000,
    background_per_second: 3,
    background_per_minute: 120,
};

/// Who gives turns; asked by one asker per line.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The answer, and how long from now its time is. `place` names what an earlier answer gave.
    async fn ask(&self, urgency: Urgency, place: Option<i64>) -> (Answer, Duration);
    async fn give_back(&self, urgency: Urgency, place: i64);
    async fn hold(&self, ms: i64);
}

/// The turns of one process.
pub struct Own {
    windows: Mutex<Windows>,
    began: Instant,
}

impl Default for Own {
    fn default() -> Self {
        Self { windows: Mutex::default(), began: Instant::now() }
    }
}

impl Own {
    /// An answer within this budget.
    pub fn ask_within(&self, budget: &Budget, urgency: Urgency, place: Option<i64>) -> (Answer, Duration) {
        let now = self.now();
        let answer = locked(&self.windows).ask(budget, now, urgency, place);
        let (Answer::Turn(at) | Answer::Place(at) | Answer::Later(at)) = answer;
        (answer, Duration::from_millis(u64::try_from(at - now).unwrap_or(0)))
    }

    pub fn hold_for(&self, ms: i64) {
        let until = self.now() + ms.max(0);
        locked(&self.windows).hold(until);
    }

    fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

#[async_trait]
impl Source for Own {
    async fn ask(&self, urgency: Urgency, place: Option<i64>) -> (Answer, Duration) {
        self.ask_within(&BUDGET, urgency, place)
    }

    async fn give_back(&self, urgency: Urgency, place: i64) {
        locked(&self.windows).give_back(urgency, place);
    }

    async fn hold(&self, ms: i64) {
        self.hold_for(ms);
    }
}

/// Two lines in front of a source.
pub struct LinedPace<S> {
    source: Arc<S>,
    urgent: Arc<Queue>,
    background: Arc<Queue>,
}

/// The pace of a process that is alone behind its address.
pub type LocalPace = LinedPace<Own>;

impl Default for LocalPace {
    fn default() -> Self {
        Self::of(Own::default())
    }
}

impl<S: Source> LinedPace<S> {
    pub fn of(source: S) -> Self {
        let queue = |urgency| Arc::new(Queue { urgency, state: Mutex::default(), returned: Notify::new() });
        Self {
            source: Arc::new(source),
            urgent: queue(Urgency::Urgent),
            background: queue(Urgency::Background),
        }
    }
}

#[async_trait]
impl<S: Source> Pace for LinedPace<S> {
    async fn take(&self, salon: i64, urgency: Urgency) {
        let queue = match urgency {
            Urgency::Urgent => &self.urgent,
            Urgency::Background => &self.background,
        };
        let began = Instant::now();
        let _counted = Counted::new(urgency);
        // A turn that never comes means that who asked for it died: somebody else asks.
        while !queue.wait(salon, &self.source).await {}
        metrics::histogram!("salonbridge_yclients_wait_seconds", "class" => urgency.as_str())
            .record(began.elapsed().as_secs_f64());
    }

    async fn hold(&self, ms: i64) {
        self.source.hold(ms).await;
    }
}

/// Counts a waiter for as long as it waits.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(urgency: Urgency) -> Self {
        let waiting = metrics::gauge!("salonbridge_yclients_waiting", "class" => urgency.as_str());
        waiting.increment(1);
        Self(waiting)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// One line and what is known of its turns.
struct Queue {
    urgency: Urgency,
    state: Mutex<State>,
    /// Somebody stopped waiting just when called: the turn is back.
    returned: Notify,
}

#[derive(Default)]
struct State {
    line: Line<oneshot::Sender<i64>>,
    /// Turns not used yet: places that lie ahead, and what was returned.
    places: Vec<i64>,
    is_asking: bool,
}

/// Never held across an await; a panic elsewhere leaves the turns as they were.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Waits in line. `false` when the turn was lost on its way.
    async fn wait<S: Source>(self: &Arc<Self>, salon: i64, source: &Arc<S>) -> bool {
        let (call, called) = oneshot::channel();
        let (ticket, must_ask) = {
            let mut state = locked(&self.state);
            let ticket = state.line.join(salon, call);
            (ticket, !std::mem::replace(&mut state.is_asking, true))
        };
        if must_ask {
            // Not a part of any waiter: one who stops waiting must not take the others' turns along.
            tokio::spawn(Asking { queue: Arc::clone(self), is_over: false }.run(Arc::clone(source)));
        }
        let mut waiter = Waiter { queue: self, salon, ticket, called, is_served: false };
        let turn = (&mut waiter.called).await;
        waiter.is_served = true;
        turn.is_ok()
    }
}

/// A place in line, given up when dropped.
struct Waiter<'a> {
    queue: &'a Queue,
    salon: i64,
    ticket: u64,
    called: oneshot::Receiver<i64>,
    is_served: bool,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.is_served {
            return;
        }
        let mut state = locked(&self.queue.state);
        if state.line.leave(self.salon, self.ticket).is_none()
            && let Ok(turn) = self.called.try_recv()
        {
            state.places.push(turn);
            drop(state);
            self.queue.returned.notify_one();
        }
    }
}

/// The one who asks for a line, for as long as somebody stands in it.
struct Asking {
    queue: Arc<Queue>,
    is_over: bool,
}

impl Asking {
    async fn run<S: Source>(mut self, source: Arc<S>) {
        let queue = Arc::clone(&self.queue);
        loop {
            let place = {
                let mut state = locked(&queue.state);
                let place =
                    state.places.iter().enumerate().min_by_key(|(_, at)| **at).map(|(index, _)| index);
                if state.line.is_empty() && place.is_none() {
                    state.is_asking = false;
                    self.is_over = true;
                    return;
                }
                let place = place.map(|index| state.places.swap_remove(index));
                if state.line.is_empty() { Err(place) } else { Ok(place) }
            };
            let place = match place {
                Ok(place) => place,
                Err(unused) => {
                    if let Some(unused) = unused {
                        source.give_back(queue.urgency, unused).await;
                    }
                    continue;
                }
            };
            let (answer, wait) = source.ask(queue.urgency, place).await;
            match answer {
                Answer::Turn(turn) => queue.call(turn),
                Answer::Place(at) => {
                    locked(&queue.state).places.push(at);
                    queue.pause(wait).await;
                }
                Answer::Later(_) => queue.pause(wait + jitter(queue.urgency)).await,
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_over {
            // Whoever waits hears that nothing comes of it, and begins again.
            let mut state = locked(&self.queue.state);
            state.is_asking = false;
            state.line = Line::default();
        }
    }
}

/// Background askers of several nodes have no places: who comes first is left to chance.
fn jitter(urgency: Urgency) -> Duration {
    match urgency {
        Urgency::Urgent => Duration::ZERO,
        Urgency::Background => Duration::from_millis(rand::random_range(0..100)),
    }
}

impl Queue {
    /// Gives the turn to the next who still waits.
    fn call(&self, turn: i64) {
        let mut state = locked(&self.state);
        while let Some(waiter) = state.line.call() {
            if waiter.send(turn).is_ok() {
                return;
            }
        }
        state.places.push(turn);
    }

    async fn pause(&self, span: Duration) {
        // Passed over by a returned turn, or by the time: either way it is asked again.
        let _ = tokio::time::timeout(span, self.returned.notified()).await;
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
