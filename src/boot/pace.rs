//! The YClients budget of this product: shared over Redis where there is one, this process's own where there is none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::config::Config;
use crate::cache::turns::{Reply, Turns};
use crate::kernel::secret::random_hex;
use crate::kernel::turns::{Answer, Budget, Urgency};
use crate::yclients::pace::{BUDGET, LinedPace, LocalPace, Own, Pace, Source};

/// All nodes of one address share this name. Another layout of what is kept there is another name.
const NAME: &str = "salonbridge:yclients:2";

/// How soon a Redis that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// A Redis that is told what it did not know gives no turn for so long: meanwhile every node says what it took.
const GATHER_MS: i64 = 1_000;

pub async fn pace(config: &Config) -> anyhow::Result<Arc<dyn Pace>> {
    let Some(url) = &config.redis_url else { return Ok(Arc::new(LocalPace::default())) };
    let turns = turns(url.expose(), NAME, BUDGET).await?;
    Ok(Arc::new(LinedPace::of(Shared::of(turns))))
}

async fn turns(url: &str, name: &str, budget: Budget) -> anyhow::Result<Turns> {
    Turns::connect(url, name, random_hex(8), budget).await.map_err(|error| {
        anyhow::anyhow!(
            "Redis does not answer: {error}. Check REDIS_URL, or leave it out to run one process without it"
        )
    })
}

/// Redis gone means slower, never wrong. For a minute nobody has a turn: until then turns of other nodes, of which this one knows
/// nothing, may count. After it each node takes its share of the whole by its own count, and says so when Redis is back; and if
/// Redis comes back without its memory, each says what it took of late.
///
/// What this cannot know: a node that alone has lost Redis while the others have it. They go on at full speed, it takes its share
/// beside them, and YClients' "slow down" holds them all.
struct Shared {
    turns: Turns,
    own: Own,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    silent_since: Option<Instant>,
    /// Nodes that Redis last knew of, and the name of its memory then.
    nodes: usize,
    memory: Option<String>,
    taken: VecDeque<Taken>,
    /// There is something Redis must be told before it is asked again.
    owes: bool,
    held_until: Option<Instant>,
}

/// A turn of this node within the last minute.
#[derive(Clone, Copy)]
struct Taken {
    at: Instant,
    is_known: bool,
}

impl Shared {
    fn of(turns: Turns) -> Self {
        Self { turns, own: Own::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn minute(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.turns.budget.minute_ms).unwrap_or(u64::MAX))
    }

    /// What Redis says, after it was told what it does not know; `None` when it turns out to have forgotten.
    async fn ask_redis(
        &self,
        urgency: Urgency,
        place: Option<i64>,
    ) -> anyhow::Result<Option<(Answer, Duration)>> {
        let debt = self.state().debt(self.minute());
        if let Some((ages_ms, hold_ms)) = debt {
            self.turns.record(&ages_ms).await?;
            self.turns.hold(hold_ms).await?;
            self.state().settle();
        }
        let reply = self.turns.ask(urgency, place).await?;
        if !self.state().heard(&reply) {
            return Ok(None);
        }
        let (Answer::Turn(at) | Answer::Place(at) | Answer::Later(at)) = reply.answer;
        self.state().note(reply.answer, true);
        Ok(Some((reply.answer, Duration::from_millis(u64::try_from(at - reply.now).unwrap_or(0)))))
    }

    fn ask_alone(&self, urgency: Urgency, place: Option<i64>, error: &anyhow::Error) -> (Answer, Duration) {
        let mut state = self.state();
        let now = Instant::now();
        let since = *state.silent_since.get_or_insert_with(|| {
            tracing::warn!(%error, "Redis gives no turns; in a minute this node goes by its own share");
            now
        });
        if now.duration_since(since) < self.minute() {
            return (Answer::Later(0), ASK_AGAIN);
        }
        let share = self.turns.budget.share(state.nodes);
        let (answer, wait) = self.own.ask_within(&share, urgency, place);
        state.note(answer, false);
        (answer, wait.min(ASK_AGAIN))
    }
}

impl State {
    /// What Redis must be told: how many milliseconds ago each turn was that it does not know, and for how long nobody has one.
    fn debt(&mut self, minute: Duration) -> Option<(Vec<i64>, i64)> {
        self.taken.retain(|turn| turn.at.elapsed() <= minute);
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let unknown = self.taken.iter().filter(|turn| !turn.is_known);
        let ages_ms = unknown.map(|turn| ms(turn.at.elapsed())).collect();
        let held = self.held_until.map_or(Duration::ZERO, |until| until.duration_since(Instant::now()));
        let gather = if self.nodes > 1 { GATHER_MS } else { 1 };
        self.owes.then(|| (ages_ms, gather.max(ms(held))))
    }

    fn settle(&mut self) {
        self.owes = false;
        self.taken.iter_mut().for_each(|turn| turn.is_known = true);
    }

    /// `false` when Redis forgot what it knew before this answer, which then is worth nothing.
    fn heard(&mut self, reply: &Reply) -> bool {
        if self.silent_since.take().is_some() {
            tracing::info!(nodes = reply.nodes, "Redis gives turns again");
        }
        let before = self.memory.replace(reply.memory.clone());
        if before.is_some_and(|before| before != reply.memory) {
            tracing::warn!("Redis forgot which turns it gave; it is told of those of this node");
            self.taken.iter_mut().for_each(|turn| turn.is_known = false);
            self.owes = true;
            return false;
        }
        self.nodes = reply.nodes;
        true
    }

    fn note(&mut self, answer: Answer, is_known: bool) {
        if matches!(answer, Answer::Turn(_)) {
            self.taken.push_back(Taken { at: Instant::now(), is_known });
            self.owes |= !is_known;
        }
    }
}

#[async_trait]
impl Source for Shared {
    async fn ask(&self, urgency: Urgency, place: Option<i64>) -> (Answer, Duration) {
        match self.ask_redis(urgency, place).await {
            Ok(said) => said.unwrap_or((Answer::Later(0), Duration::ZERO)),
            Err(error) => self.ask_alone(urgency, place, &error),
        }
    }

    async fn give_back(&self, urgency: Urgency, place: i64) {
        if let Err(error) = self.turns.give_back(urgency, place).await {
            tracing::debug!(%error, "a turn that nobody used was not given back; it counts as used");
        }
    }

    async fn hold(&self, ms: i64) {
        self.own.hold_for(ms);
        let until = Instant::now() + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        {
            let mut state = self.state();
            state.held_until = state.held_until.max(Some(until));
        }
        if let Err(error) = self.turns.hold(ms).await {
            tracing::warn!(%error, "the other nodes could not be told to slow down");
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
