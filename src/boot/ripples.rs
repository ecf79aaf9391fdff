//! Carries ripples between the nodes over Redis. With Redis gone the pages look for themselves once a second, and jobs wait for
//! the next poll: slower, never wrong.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::app::App;
use crate::app::bus::Heard;
use crate::app::ripple::{self, Ripple};
use crate::cache::channel::Channel;

const NAME: &str = "salonbridge:ripples";
const LOOK_WITHOUT_REDIS: Duration = Duration::from_secs(1);
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// What is said within it is said once.
const GATHERED: Duration = Duration::from_millis(5);

#[derive(Serialize, Deserialize)]
struct Said {
    /// Who says it, so that it does not hear itself.
    by: String,
    what: Vec<Ripple>,
}

/// The channel, for a product that shares its database.
pub async fn channel(config: &Config, app: &App) -> anyhow::Result<Option<Channel>> {
    let Some(url) = config.redis_url.as_ref().filter(|_| app.node.is_shared()) else { return Ok(None) };
    let channel = Channel::connect(url.expose(), NAME).await;
    Ok(Some(channel.map_err(|error| anyhow::anyhow!("Redis does not answer: {error}. Check REDIS_URL"))?))
}

/// Says what happens here, until `stop`.
pub async fn speak(app: Arc<App>, channel: Channel, stop: CancellationToken) {
    let mut ripples = app.bus.ripples();
    while let Some(first) = stop.run_until_cancelled(ripples.recv()).await {
        let mut what = match first {
            Ok(ripple) => vec![ripple],
            Err(RecvError::Lagged(_)) => vec![Ripple::Ring],
            Err(RecvError::Closed) => return,
        };
        tokio::time::sleep(GATHERED).await;
        while let Ok(more) = ripples.try_recv() {
            if !what.contains(&more) {
                what.push(more);
            }
        }
        let said = Said { by: app.node.id().to_string(), what };
        let Ok(text) = serde_json::to_string(&said) else { continue };
        if let Err(error) = channel.say(&text).await {
            tracing::debug!(%error, "the other nodes were not told; they look for themselves");
        }
    }
}

/// Hears what happens elsewhere, until `stop`.
pub async fn hear(app: Arc<App>, channel: Channel, stop: CancellationToken) {
    let (heard, mut said) = mpsc::channel::<Said>(256);
    let ear = async {
        loop {
            let begun = || app.bus.tell_here(Heard::Anything);
            let ended = channel
                .listen(begun, |text| {
                    // One that does not fit is as good as lost, and that is harmless.
                    if let Ok(said) = serde_json::from_str(&text) {
                        let _ = heard.try_send(said);
                    }
                })
                .await;
            tracing::warn!(
                error = ended.err().map(|e| e.to_string()),
                "Redis is not heard; open pages look for themselves"
            );
            app.bus.tell_here(Heard::Anything);
            tokio::time::sleep(LOOK_WITHOUT_REDIS).await;
        }
    };
    let hand_on = async {
        while let Some(Said { by, what }) = said.recv().await {
            if by == app.node.id().as_str() {
                continue;
            }
            for ripple in what {
                if let Err(error) = ripple::hear(&app, ripple).await {
                    tracing::debug!(%error, "what another node said could not be looked up");
                }
            }
        }
    };
    // A connection may be dead without having ended.
    let anyway = async {
        loop {
            tokio::time::sleep(LOOK_ANYWAY).await;
            app.bus.tell_here(Heard::Anything);
        }
    };
    stop.run_until_cancelled(async { tokio::join!(ear, hand_on, anyway) }).await;
}
