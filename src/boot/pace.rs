//! The YClients budget of this product: shared over Redis where there is one, this process's own where there is none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::config::Config;
use crate::cache::turns::{Budget, Turns};
use crate::yclients::pace::{LocalPace, MINUTE, PER_MINUTE, PER_SECOND, Pace, SECOND};

/// All nodes of one address share this name.
const NAME: &str = "salonbridge:yclients";

/// Redis gone means slower, never wrong: this process then goes by its own count, and each node takes no more than one address may.
struct SharedPace {
    shared: Turns,
    own: LocalPace,
}

pub async fn pace(config: &Config) -> anyhow::Result<Arc<dyn Pace>> {
    let Some(url) = &config.redis_url else { return Ok(Arc::new(LocalPace::default())) };
    Ok(Arc::new(SharedPace { shared: turns(url.expose(), NAME).await?, own: LocalPace::default() }))
}

async fn turns(url: &str, name: &str) -> anyhow::Result<Turns> {
    let budget = Budget { per_second: PER_SECOND, second: SECOND, per_minute: PER_MINUTE, minute: MINUTE };
    Turns::connect(url, name, budget).await.map_err(|error| {
        anyhow::anyhow!(
            "Redis does not answer: {error}. Check REDIS_URL, or leave it out to run one process without it"
        )
    })
}

#[async_trait]
impl Pace for SharedPace {
    async fn take(&self, tenant_hint: i64) {
        match self.shared.reserve().await {
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(error) => {
                tracing::warn!(%error, "Redis did not give a turn; this process goes by its own count");
                self.own.take(tenant_hint).await;
            }
        }
    }

    async fn hold(&self, ms: i64) {
        self.own.hold(ms).await;
        let span = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        if let Err(error) = self.shared.hold(span).await {
            tracing::warn!(%error, "the other nodes could not be told to slow down");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::secret::random_hex;

    fn redis() -> String {
        std::env::var("TEST_REDIS_URL")
            .expect("TEST_REDIS_URL is not set: run the tests by bin/test, which starts a Redis")
    }

    #[tokio::test]
    async fn two_nodes_share_one_budget() {
        let name = format!("test:{}", random_hex(4));
        let (a, b) =
            (turns(&redis(), &name).await.expect("Redis"), turns(&redis(), &name).await.expect("Redis"));
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.push(a.reserve().await.expect("a turn"));
            waits.push(b.reserve().await.expect("a turn"));
        }
        assert!(waits[..5].iter().all(Duration::is_zero), "a burst of five: {waits:?}");
        assert!(
            waits[5] > Duration::from_millis(500),
            "the sixth waits for the first's second to pass: {waits:?}"
        );
    }

    #[tokio::test]
    async fn a_hold_is_felt_by_every_node() {
        let name = format!("test:{}", random_hex(4));
        let (a, b) =
            (turns(&redis(), &name).await.expect("Redis"), turns(&redis(), &name).await.expect("Redis"));
        a.hold(Duration::from_secs(30)).await.expect("held");
        assert!(b.reserve().await.expect("a turn") > Duration::from_secs(29));
    }
}
