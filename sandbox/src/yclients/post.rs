//! Carries hooks to their receivers: one lane per address, in order, unless the weather says otherwise.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::header;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::{Host, Url};

use super::{hooks::DeliveryState, options::Settings, world::World};

/// Waiting hooks per address. Beyond that the receiver is gone, and so are the hooks.
const LANE_LENGTH: usize = 20_000;

/// One body on its way to one address.
#[derive(Debug)]
pub struct Parcel {
    /// Its line in the log.
    pub id: u64,
    pub epoch: u64,
    pub url: String,
    pub body: String,
    pub due: Instant,
    /// Late ones must not hold up those behind them.
    pub aside: bool,
    /// Wait for the next one to the same address, at most so long.
    pub hold: Option<Duration>,
}

pub struct Post {
    http: reqwest::Client,
    lanes: Mutex<HashMap<String, mpsc::Sender<Parcel>>>,
    held: Mutex<HashMap<String, Arc<Notify>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Post {
    pub fn new(stop: CancellationToken) -> anyhow::Result<Self> {
        // Only plain HTTP to loopback is the rule, but the client wants a provider before it is built at all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent("GuzzleHttp/7")
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let (lanes, held) = (Mutex::default(), Mutex::default());
        Ok(Self { http, lanes, held, stop, tasks: TaskTracker::new() })
    }

    /// Takes a parcel. Never waits: called with the world locked, so that order is the order of changes.
    pub fn send(&self, world: &World, parcel: Parcel) {
        if self.stop.is_cancelled() {
            return;
        }
        if parcel.aside || parcel.hold.is_some() {
            let world = world.clone();
            self.tasks.spawn(async move { world.post.carry_aside(&world, parcel).await });
            return;
        }
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(parcel.url.clone()).or_insert_with(|| self.open_lane(world));
        if let Err(error) = lane.try_send(parcel) {
            tracing::warn!(%error, "a hook was dropped: its lane is full");
        }
    }

    fn open_lane(&self, world: &World) -> mpsc::Sender<Parcel> {
        let (sender, mut receiver) = mpsc::channel::<Parcel>(LANE_LENGTH);
        let (world, stop) = (world.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while let Some(Some(parcel)) = stop.run_until_cancelled(receiver.recv()).await {
                let carried = async {
                    sleep_until(parcel.due).await;
                    world.post.carry(&world, &parcel).await;
                };
                if stop.run_until_cancelled(carried).await.is_none() {
                    return;
                }
                world.post.release(&parcel.url);
            }
        });
        sender
    }

    async fn carry_aside(&self, world: &World, parcel: Parcel) {
        let carried = async {
            sleep_until(parcel.due).await;
            if let Some(longest) = parcel.hold {
                self.wait_for_next(&parcel.url, longest).await;
            }
            self.carry(world, &parcel).await;
        };
        self.stop.run_until_cancelled(carried).await;
    }

    /// Waits until the next one was answered. If one waits already, this *is* the next one: it goes, then the other.
    async fn wait_for_next(&self, url: &str, longest: Duration) {
        let notify = Arc::new(Notify::new());
        let other = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            match held.remove(url) {
                Some(other) => Some(other),
                None => {
                    held.insert(url.to_owned(), notify.clone());
                    None
                }
            }
        };
        match other {
            // Released a moment later than we leave; the answer itself cannot be awaited from here.
            Some(other) => {
                self.tasks.spawn(async move {
                    sleep(Duration::from_millis(50)).await;
                    other.notify_one();
                });
            }
            None => {
                let _ = timeout(longest, notify.notified()).await;
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                if held.get(url).is_some_and(|n| Arc::ptr_eq(n, &notify)) {
                    held.remove(url);
                }
            }
        }
    }

    fn release(&self, url: &str) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(url);
        if let Some(notify) = held {
            notify.notify_one();
        }
    }

    async fn carry(&self, world: &World, parcel: &Parcel) {
        let options = world.with(|state, _| (state.epoch == parcel.epoch).then(|| state.options.clone()));
        // A reset in between: the salon this tells of is no more.
        let Some(options) = options else { return };
        for attempt in 1..=options.hook_retries.saturating_add(1) {
            if attempt > 1 {
                sleep(Duration::from_millis(options.hook_retry_delay_ms)).await;
            }
            let began = Instant::now();
            world.with(|state, now| {
                if let Some(line) = state.deliveries.get_mut(parcel.id) {
                    (line.state, line.attempt, line.sent_at) = (DeliveryState::Sending, attempt, Some(now));
                }
            });
            let outcome = self.attempt(&options, parcel).await;
            let again = match &outcome {
                Ok(status) => *status == 429 || *status >= 500,
                Err(_) => true,
            };
            let latency = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            world.with(|state, _| {
                let Some(line) = state.deliveries.get_mut(parcel.id) else { return };
                line.latency_ms = Some(latency);
                (line.state, line.status, line.error) = match outcome {
                    Ok(status) => (DeliveryState::Answered, Some(status), None),
                    Err(error) => (DeliveryState::Failed, None, Some(error)),
                };
            });
            if !again {
                return;
            }
        }
    }

    async fn attempt(&self, options: &Settings, parcel: &Parcel) -> Result<u16, String> {
        if !options.open_network && !is_loopback(&parcel.url) {
            return Err("not an address on this machine".into());
        }
        let mut request = self
            .http
            .post(&parcel.url)
            .header(header::CONTENT_TYPE, "application/json")
            .timeout(Duration::from_millis(options.hook_timeout_ms))
            .body(parcel.body.clone());
        if let Some(token) = &options.hook_bearer {
            request = request.bearer_auth(token);
        }
        match request.send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) if error.is_timeout() => Err("timeout".into()),
            Err(error) if error.is_connect() => Err("connection refused".into()),
            Err(error) => Err(error.without_url().to_string()),
        }
    }

    /// Waits for what is under way after the stop.
    pub async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

pub fn is_loopback(url: &str) -> bool {
    match Url::parse(url).ok().and_then(|url| url.host().map(|h| h.to_owned())) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
