//! How a number writes: the nearest visit first, never in a hurry, few strangers a day; what WhatsApp refuses, and what fails and
//! fails, waits and is seen. Hours pass here by a clock that is moved; nobody sleeps.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use salonbridge::app::tenants::Overrides;
use salonbridge::app::{App, Parts, notify, turns};
use salonbridge::boot::demo_trip::{CLIENT_PHONE, SALON_PHONE};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::domain::session::{InboundMessage, Lease, PairBy, SessionState};
use salonbridge::kernel::clock::{Clock as _, ManualClock, UnixMs};
use salonbridge::kernel::id::{OutboxId, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::storage::outbox::{self, NewOutbox};
use salonbridge::storage::{pace, session_lease};
use salonbridge::whatsapp::error::Error;
use salonbridge::whatsapp::gateway::{Gateway, Outgoing};
use serde_json::json;

use crate::kit::{OPERATOR, Salon};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// What WhatsApp makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    Nacked(u16),
    /// The library fails before anything leaves.
    Broken,
}

type Judge = Box<dyn Fn(&Outgoing) -> Answer + Send + Sync>;

/// A WhatsApp that is online and notes what it is handed, and when.
struct Notebook {
    lease: Lease,
    clock: Arc<ManualClock>,
    judge: Mutex<Judge>,
    handed: Mutex<Vec<(UnixMs, Outgoing)>>,
    tried: Mutex<Vec<UnixMs>>,
}

#[async_trait]
impl Gateway for Notebook {
    async fn pair(&self, _: &TenantId, _: PairBy) -> Result<(), Error> {
        Ok(())
    }
    async fn cancel_pairing(&self, _: &TenantId) {}
    async fn restore(&self, _: &TenantId) -> Result<(), Error> {
        Ok(())
    }
    async fn stop(&self, _: &TenantId) {}
    async fn logout(&self, _: &TenantId) -> Result<(), Error> {
        Ok(())
    }
    async fn is_on_whatsapp(&self, _: &TenantId, _: &Phone) -> Result<bool, Error> {
        Ok(true)
    }
    async fn send(&self, _: &Lease, message: &Outgoing) -> Result<(), Error> {
        let now = self.clock.now();
        self.tried.lock().expect("no panic").push(now);
        if (self.judge.lock().expect("no panic"))(message) == Answer::Broken {
            return Err(Error::Library(anyhow::anyhow!("broken")));
        }
        self.handed.lock().expect("no panic").push((now, message.clone()));
        Ok(())
    }
    fn state(&self, _: &TenantId) -> Option<SessionState> {
        Some(SessionState::Online)
    }
    fn lease(&self, _: &TenantId) -> Option<Lease> {
        Some(self.lease.clone())
    }
    fn running(&self) -> usize {
        1
    }
    fn some_online(&self, _: usize) -> Vec<TenantId> {
        Vec::new()
    }
    async fn abandon(&self) {}
    async fn shutdown(&self) {}
}

/// A salon's number in the hands of a second product on its database, which has a clock of its own and the shipped rules.
struct Desk {
    salon: Salon,
    app: App,
    clock: Arc<ManualClock>,
    whatsapp: Arc<Notebook>,
}

impl Desk {
    async fn open(salon: Salon) -> Self {
        salon.decided("sent", "welcome").await;
        let ours = salon.app();
        // The salon's own session ends: whatever is planned from now on is for the notebook.
        ours.gateway().expect("a gateway").stop(&salon.tenant).await;
        let mut conn = ours.db.begin().await.expect("begins");
        let lease = session_lease::take(&mut conn, &salon.tenant, &ours.node.id())
            .await
            .expect("asked")
            .expect("free");
        conn.commit().await.expect("commits");
        let clock = Arc::new(ManualClock::at(ours.now()));
        let app = App::new(Parts {
            db: ours.db.clone(),
            crm: ours.crm.clone(),
            clock: clock.clone(),
            settings: ours.settings.clone(),
            keys: ours.keys.clone(),
            tenants: Overrides::load(std::path::Path::new("tenants")).expect("rules"),
            node: ours.node.clone(),
            alarm: None,
        });
        let whatsapp = Arc::new(Notebook {
            lease,
            clock: clock.clone(),
            judge: Mutex::new(Box::new(|_| Answer::Taken)),
            handed: Mutex::default(),
            tried: Mutex::default(),
        });
        app.set_gateway(whatsapp.clone());
        Self { salon, app, clock, whatsapp }
    }

    fn judge(&self, judge: impl Fn(&Outgoing) -> Answer + Send + Sync + 'static) {
        *self.whatsapp.judge.lock().expect("no panic") = Box::new(judge);
    }

    /// Plans a confirmation to client `n` of a visit in `ms`, which nobody rings for.
    async fn plan(&self, n: u32, ms: i64) -> OutboxId {
        let (id, now) = (&self.salon.tenant, self.clock.now());
        let key = self.app.keys.of(id).await.expect("a key");
        let (phone, intent) = (phone(n), format!("{n}:{}", now.plus_ms(ms).0));
        let new = NewOutbox {
            id: OutboxId::new(now),
            recipient: key.seal_text("outbox", "recipient", &phone),
            peer: key.hash("chat", &phone)[..32].to_owned(),
            text: key.seal_text("outbox", &intent, "text"),
            told: String::new(),
            told_before: String::new(),
            message_id: notify::message_id(&key, &intent),
            intent,
            kind: MessageKind::Confirmation,
            record: None,
            not_before: now,
            deadline: now.plus_ms(ms),
        };
        let mut conn = self.app.db.begin().await.expect("begins");
        let planned = outbox::plan(&mut conn, id, &new, now).await.expect("stored").expect("new");
        conn.commit().await.expect("commits");
        planned
    }

    /// The salon's turns until `ms` from now have passed; WhatsApp answers each message at once.
    async fn pass(&self, ms: i64) {
        let end = self.clock.now().plus_ms(ms);
        let mut answered = self.whatsapp.handed.lock().expect("no panic").len();
        loop {
            let wait = turns::take(&self.app, &self.salon.tenant).await.expect("no failure");
            let handed = self.whatsapp.handed.lock().expect("no panic").clone();
            for (_, message) in &handed[answered..] {
                let answer = (self.whatsapp.judge.lock().expect("no panic"))(message);
                let error = match answer {
                    Answer::Nacked(code) => Some(code),
                    Answer::Taken | Answer::Broken => None,
                };
                let done = notify::acknowledged(&self.app, &self.salon.tenant, &message.message_id, error);
                done.await.expect("noted");
            }
            let news = handed.len() > answered;
            answered = handed.len();
            let Some(wait) = wait.filter(|wait| news || self.clock.now().plus_ms(*wait) < end) else { break };
            // What was acknowledged may have changed whose turn it is.
            self.clock.advance_ms(if news { 0 } else { wait.max(1) });
        }
        let rest = end.since(self.clock.now());
        self.clock.advance_ms(rest.max(0));
    }

    /// Whom WhatsApp was handed a message to, and how long after `since`.
    fn handed(&self, since: UnixMs) -> Vec<(i64, u32)> {
        let handed = self.whatsapp.handed.lock().expect("no panic");
        let client = |message: &Outgoing| message.to.digits()[5..].parse().expect("a client's number");
        handed.iter().map(|(at, message)| (at.since(since), client(message))).collect()
    }

    async fn state(&self, id: &OutboxId) -> OutboxState {
        let mut conn = self.app.db.read().await.expect("a connection");
        outbox::find(&mut conn, &self.salon.tenant, id).await.expect("read").expect("there").state
    }

    async fn health(&self) -> serde_json::Value {
        let (status, health) = self.salon.ask(OPERATOR, self.salon.company("/health")).await;
        assert_eq!(status, 200, "{health}");
        health
    }

    async fn said(&self, verb: &str, reason: &str) -> usize {
        let decisions = self.salon.decisions().await;
        decisions.iter().filter(|(v, r)| v == verb && r == reason).count()
    }
}

fn phone(n: u32) -> String {
    format!("79001{n:06}")
}

/// The same on both engines.
async fn desks() -> [Desk; 2] {
    [Desk::open(Salon::active().await).await, Desk::open(Salon::active_on_postgres().await).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_the_nearest_visits_are_told_first_and_what_is_stale_is_dropped_listed_and_counted() {
    for desk in desks().await {
        let began = desk.clock.now();
        // Clients 1 to 12, the later the number the nearer the visit; 20 and 21 had theirs while nothing could be sent.
        for n in 1..=12_u32 {
            desk.plan(n, 10 * HOUR - i64::from(n) * 30 * 60 * SECOND).await;
        }
        let stale = [desk.plan(20, -HOUR).await, desk.plan(21, -1).await];
        desk.pass(10 * 60 * SECOND).await;

        let handed = desk.handed(began);
        let order: Vec<u32> = handed.iter().map(|(_, client)| *client).collect();
        assert_eq!(order, (1..=12).rev().collect::<Vec<_>>());
        let pauses: BTreeSet<i64> = handed.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(pauses.iter().all(|pause| (3 * SECOND..=9 * SECOND).contains(pause)), "{pauses:?}");
        assert!(pauses.len() > 5, "a machine keeps time: {pauses:?}");
        for message in &stale {
            assert_eq!(desk.state(message).await, OutboxState::Expired);
        }
        assert_eq!(desk.said("expired", "too_late").await, 2);
        let (_, listed) = desk.salon.ask(OPERATOR, desk.salon.company("/messages?state=expired")).await;
        assert_eq!(listed["messages"].as_array().map(Vec::len), Some(2), "{listed}");
        assert_eq!(desk.health().await["sending"]["dropped_today"], 2);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_number_writes_to_few_strangers_a_day_and_keeps_some_for_the_nearest_visits() {
    for desk in desks().await {
        let began = desk.clock.now();
        // Twenty strangers a day at first, six of them for visits of the next day.
        let far: Vec<OutboxId> = {
            let mut planned = Vec::new();
            for n in 100..120 {
                planned.push(desk.plan(n, 5 * DAY + i64::from(n)).await);
            }
            planned
        };
        desk.pass(HOUR).await;
        assert_eq!(desk.handed(began).len(), 14, "the rest of the day is for others");
        assert_eq!(desk.said("held", "new_chats_full").await, 6);
        for n in 200..208 {
            desk.plan(n, 12 * HOUR).await;
        }
        desk.pass(HOUR).await;
        let near = desk.handed(began).into_iter().filter(|(_, client)| *client >= 200).count();
        assert_eq!((near, desk.handed(began).len()), (6, 20));
        let sending = desk.health().await["sending"].clone();
        assert_eq!(
            (&sending["new_chats"], &sending["new_chats_allowed"]),
            (&json!(20), &json!(20)),
            "{sending}"
        );
        assert_eq!(sending["waiting"], 8, "{sending}");
        // Whoever got a message before is no stranger.
        desk.plan(100, 5 * DAY).await;
        desk.pass(10 * 60 * SECOND).await;
        assert_eq!(desk.handed(began).last().map(|(_, client)| *client), Some(100));
        // The next day the others are told, and the two whose visit has begun by then are not.
        desk.pass(23 * HOUR).await;
        for message in &far {
            assert_eq!(desk.state(message).await, OutboxState::Sent);
        }
        assert_eq!(desk.said("expired", "too_late").await, 2);
        assert_eq!(desk.handed(began).len(), 27);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_alone_waits_alone_and_what_fails_and_fails_rests_is_seen_and_comes_back() {
    for desk in desks().await {
        let began = desk.clock.now();
        let broken = desk.plan(1, 3 * DAY).await;
        for n in 2..6 {
            desk.plan(n, 4 * DAY).await;
        }
        desk.judge(|message| if message.to.digits() == phone(1) { Answer::Broken } else { Answer::Taken });
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.handed(began).len(), 4, "the others did not wait for it");
        assert_eq!(desk.state(&broken).await, OutboxState::Planned);

        // Now nothing gets out. Five failures in a row and three minutes later, sending rests.
        desk.judge(|_| Answer::Broken);
        for n in 6..9 {
            desk.plan(n, 4 * DAY).await;
        }
        desk.pass(HOUR).await;
        assert!(desk.said("held", "sending_rests").await >= 1);
        let tries = desk.whatsapp.tried.lock().expect("no panic").len();
        desk.pass(2 * HOUR).await;
        let more = desk.whatsapp.tried.lock().expect("no panic").len() - tries;
        assert!((1..=4).contains(&more), "{more} tries in two hours");
        let health = desk.health().await;
        let problems = health["problems"].as_array().expect("a list");
        assert!(problems.iter().any(|problem| problem["code"] == "sending_rests"), "{health}");

        desk.judge(|_| Answer::Taken);
        desk.pass(2 * HOUR).await;
        assert_eq!(desk.handed(began).len(), 8, "all are told, each once");
        let mut conn = desk.app.db.read().await.expect("a connection");
        let row = pace::find(&mut conn, &desk.salon.tenant).await.expect("read").expect("there");
        assert_eq!((row.breaker.failures, row.breaker.open_until), (0, None));
        drop(conn);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_whatsapp_refuses_new_chats_strangers_wait_friends_do_not_and_the_same_message_goes_later() {
    for desk in desks().await {
        let began = desk.clock.now();
        desk.plan(1, 3 * DAY).await;
        desk.pass(60 * SECOND).await;
        desk.judge(
            |message| if message.to.digits() == phone(1) { Answer::Taken } else { Answer::Nacked(463) },
        );
        let refused = desk.plan(2, 3 * DAY).await;
        let other = desk.plan(3, 2 * DAY).await;
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.handed(began).len(), 2, "one refusal is enough: no other stranger is tried");
        desk.plan(1, 4 * DAY).await;
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.handed(began).last().map(|(_, client)| *client), Some(1), "a friend is told");
        for message in [&refused, &other] {
            assert_eq!(desk.state(message).await, OutboxState::Planned);
        }
        let health = desk.health().await;
        let problems = health["problems"].as_array().expect("a list");
        assert!(problems.iter().any(|problem| problem["code"] == "reach_out_locked"), "{health}");

        // Client 2 writes to the salon: no stranger any more.
        let inbound = InboundMessage {
            message_id: "in-1".to_owned(),
            phone: Phone::parse(&format!("+{}", phone(2))),
            lid: None,
            text: "hello".to_owned(),
            quoted_id: None,
            sent_at: desk.clock.now(),
        };
        salonbridge::app::inbound::keep(&desk.app, &desk.salon.tenant, &inbound).await.expect("kept");
        desk.judge(|_| Answer::Taken);
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.state(&refused).await, OutboxState::Sent);
        assert_eq!(desk.state(&other).await, OutboxState::Planned);
        desk.pass(DAY).await;
        assert_eq!(desk.state(&other).await, OutboxState::Sent, "WhatsApp lets it again");
        let handed = desk.whatsapp.handed.lock().expect("no panic").clone();
        let ids: BTreeSet<&str> = handed.iter().map(|(_, message)| message.message_id.as_str()).collect();
        assert_eq!((handed.len(), ids.len()), (5, 4), "tried again under its own id");
        desk.salon.world.stop().await;
    }
}

/// Over the real wire: the sandbox refuses the first message to a stranger, then the stranger writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_whom_whatsapp_refused_is_told_when_they_write_to_the_salon() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.whatsapp(json!({"nack": {"code": 463, "next": 1}})).await;
    salon.post(&path, salon.hook(701, "create", json!({}))).await;
    salon.until_why(701, "returned: reach_out_locked").await;
    salon
        .trip()
        .wa("POST", &format!("/phones/{CLIENT_PHONE}/send"), &json!({"to": SALON_PHONE, "text": "?"}))
        .await
        .expect("sent");
    salon.until_why(701, "sent: confirmation").await;
    assert_eq!(salon.told(1).await.len(), 1);
    salon.world.stop().await;
}
