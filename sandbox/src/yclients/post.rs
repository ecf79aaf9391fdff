//! Carries hooks to their receivers: one lane per address, in order, unless the weather says otherwise.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::header;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::{Host, Url};

use super::{hooks::DeliveryState, options::Settings, world::World};

/// Waiting hooks per address. Beyond that the receiver is gone, and so are the hooks.
const LANE_LENGTH: usize = 20_000;
/// A lane that had nothing to carry for so long is closed.
const LANE_IDLE: Duration = Duration::from_secs(60);

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
    /// Let the next one to the same address go first, and wait for it at most so long.
    pub hold: Option<Duration>,
}

pub struct Post {
    http: reqwest::Client,
    lanes: Mutex<HashMap<String, mpsc::Sender<Parcel>>>,
    held: Mutex<HashMap<String, Parcel>>,
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
        if parcel.aside {
            let world = world.clone();
            self.tasks.spawn(async move { world.post.carry_aside(&world, parcel).await });
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match (held.remove(&parcel.url), parcel.hold) {
            (Some(waiting), _) => {
                self.enqueue(world, parcel);
                self.enqueue(world, waiting);
            }
            (None, Some(longest)) => {
                self.release_later(world, &parcel, longest);
                held.insert(parcel.url.clone(), parcel);
            }
            (None, None) => self.enqueue(world, parcel),
        }
    }

    /// A held hook whose successor never came goes on its own.
    fn release_later(&self, world: &World, parcel: &Parcel, longest: Duration) {
        let (world, url, id) = (world.clone(), parcel.url.clone(), parcel.id);
        let (stop, until) = (self.stop.clone(), parcel.due + longest);
        self.tasks.spawn(async move {
            if stop.run_until_cancelled(sleep_until(until)).await.is_none() {
                return;
            }
            let mut held = world.post.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.get(&url).is_some_and(|waiting| waiting.id == id)
                && let Some(waiting) = held.remove(&url)
            {
                world.post.enqueue(&world, waiting);
            }
        });
    }

    fn enqueue(&self, world: &World, parcel: Parcel) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let url = parcel.url.clone();
        let lane = lanes.entry(url.clone()).or_insert_with(|| self.open_lane(world, url));
        if let Err(error) = lane.try_send(parcel) {
            tracing::warn!(%error, "a hook was dropped: its lane is full");
        }
    }

    fn open_lane(&self, world: &World, url: String) -> mpsc::Sender<Parcel> {
        let (sender, mut receiver) = mpsc::channel::<Parcel>(LANE_LENGTH);
        let (world, stop) = (world.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let work = async {
                loop {
                    match timeout(LANE_IDLE, receiver.recv()).await {
                        Ok(Some(parcel)) => {
                            sleep_until(parcel.due).await;
                            world.post.carry(&world, &parcel).await;
                        }
                        Ok(None) => return,
                        Err(_) if world.post.close_lane(&url, &receiver) => return,
                        Err(_) => {}
                    }
                }
            };
            stop.run_until_cancelled(work).await;
        });
        sender
    }

    /// Salons come and go; their lanes must not stay. Nothing is put into a lane without this lock, so empty stays empty.
    fn close_lane(&self, url: &str, receiver: &mpsc::Receiver<Parcel>) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = receiver.is_empty();
        if idle {
            lanes.remove(url);
        }
        idle
    }

    async fn carry_aside(&self, world: &World, parcel: Parcel) {
        let carried = async {
            sleep_until(parcel.due).await;
            self.carry(world, &parcel).await;
        };
        self.stop.run_until_cancelled(carried).await;
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
