//! The YClients budget of this product: shared over Redis where there is one, this process's own where there is none.

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
/// A Redis that came back gives no turn for so long: meanwhile every node says what it took alone.
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
/// nothing, may count. After it each node takes its share of the whole by its own count, and says so when Redis is back.
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
    /// Turns were taken alone that Redis has not been told of.
    owes: bool,
    /// Nodes that Redis last knew of.
    nodes: usize,
}

impl Shared {
    fn of(turns: Turns) -> Self {
        Self { turns, own: Own::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask_redis(&self, urgency: Urgency, place: Option<i64>) -> anyhow::Result<Reply> {
        let (owes, nodes) = {
            let state = self.state();
            (state.owes, state.nodes)
        };
        if owes {
            self.turns.record(&self.own.ages_ms(&self.turns.budget)).await?;
            if nodes > 1 {
                self.turns.hold(GATHER_MS).await?;
            }
            self.state().owes = false;
        }
        Ok(self.turns.ask(urgency, place).await?)
    }

    fn heard(&self, nodes: usize) {
        let mut state = self.state();
        state.nodes = nodes;
        if state.silent_since.take().is_some() {
            tracing::info!(nodes, "Redis gives turns again");
        }
    }

    fn alone(&self, urgency: Urgency, place: Option<i64>, error: &anyhow::Error) -> (Answer, Duration) {
        let now = Instant::now();
        let mut state = self.state();
        let since = *state.silent_since.get_or_insert_with(|| {
            tracing::warn!(%error, "Redis gives no turns; in a minute this node goes by its own share");
            now
        });
        let minute = Duration::from_millis(u64::try_from(self.turns.budget.minute_ms).unwrap_or(u64::MAX));
        if now.duration_since(since) < minute {
            return (Answer::Later(0), ASK_AGAIN);
        }
        let share = self.turns.budget.share(state.nodes);
        let (answer, wait) = self.own.ask_within(&share, urgency, place);
        // Also for a place: its turn comes while Redis may be back.
        state.owes |= !matches!(answer, Answer::Later(_));
        (answer, wait.min(ASK_AGAIN))
    }
}

#[async_trait]
impl Source for Shared {
    async fn ask(&self, urgency: Urgency, place: Option<i64>) -> (Answer, Duration) {
        match self.ask_redis(urgency, place).await {
            Ok(reply) => {
                self.heard(reply.nodes);
                let (Answer::Turn(at) | Answer::Place(at) | Answer::Later(at)) = reply.answer;
                (reply.answer, Duration::from_millis(u64::try_from(at - reply.now).unwrap_or(0)))
            }
            Err(error) => self.alone(urgency, place, &error),
        }
    }

    async fn give_back(&self, urgency: Urgency, place: i64) {
        if let Err(error) = self.turns.give_back(urgency, place).await {
            tracing::debug!(%error, "a turn that nobody used was not given back; it counts as used");
        }
    }

    async fn hold(&self, ms: i64) {
        self.own.hold_for(ms);
        if let Err(error) = self.turns.hold(ms).await {
            tracing::warn!(%error, "the other nodes could not be told to slow down");
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
