//! A salon's number over hours: a WhatsApp that notes what it is handed, and a clock that is moved.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use salonbridge::app::key_changes::KeyChanges;
use salonbridge::app::tenants::Overrides;
use salonbridge::app::{App, Parts, notify, turns};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::domain::session::{Lease, PairBy, SessionState};
use salonbridge::kernel::clock::{Clock as _, ManualClock, UnixMs};
use salonbridge::kernel::id::{OutboxId, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::storage::outbox::{self, NewOutbox};
use salonbridge::storage::session_lease;
use salonbridge::whatsapp::error::Error;
use salonbridge::whatsapp::gateway::{Gateway, Outgoing};

use crate::kit::{OPERATOR, Salon};

/// What WhatsApp makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Taken,
    Nacked(u16),
    /// The library fails before anything leaves.
    Broken,
    /// WhatsApp does not say whether the number has it.
    Unknown,
}

pub type Judge = Box<dyn Fn(&Outgoing) -> Answer + Send + Sync>;

/// A WhatsApp that is online and notes what it is handed, and when.
pub struct Notebook {
    lease: Lease,
    pub clock: Arc<ManualClock>,
    judge: Mutex<Judge>,
    pub handed: Mutex<Vec<(UnixMs, Outgoing)>>,
    pub tried: Mutex<Vec<UnixMs>>,
    /// Numbers it was asked about.
    pub asked: Mutex<Vec<Phone>>,
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
    async fn is_on_whatsapp(&self, _: &TenantId, phone: &Phone) -> Result<bool, Error> {
        self.asked.lock().expect("no panic").push(phone.clone());
        let asked = Outgoing { message_id: String::new(), to: phone.clone(), text: String::new() };
        if (self.judge.lock().expect("no panic"))(&asked) == Answer::Unknown {
            self.tried.lock().expect("no panic").push(self.clock.now());
            return Err(Error::Library(anyhow::anyhow!("no answer about the number")));
        }
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
    async fn give_back(&self) {}
    async fn abandon(&self) {}
    async fn shutdown(&self) {}
}

/// A salon's number in the hands of a second product on its database, which has a clock of its own and the shipped rules.
pub struct Desk {
    pub salon: Salon,
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub whatsapp: Arc<Notebook>,
}

impl Desk {
    pub async fn open(salon: Salon) -> Self {
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
            key_changes: Arc::new(KeyChanges::new(ours.db.clone())),
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
            asked: Mutex::default(),
        });
        app.set_gateway(whatsapp.clone());
        Self { salon, app, clock, whatsapp }
    }

    pub fn judge(&self, judge: impl Fn(&Outgoing) -> Answer + Send + Sync + 'static) {
        *self.whatsapp.judge.lock().expect("no panic") = Box::new(judge);
    }

    /// Plans a confirmation to client `n` of a visit in `ms`, which nobody rings for.
    pub async fn plan(&self, n: u32, ms: i64) -> OutboxId {
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
            nearest: now.plus_ms(ms),
        };
        let mut conn = self.app.db.begin().await.expect("begins");
        let planned = outbox::plan(&mut conn, id, &new, now).await.expect("stored").expect("new");
        conn.commit().await.expect("commits");
        planned
    }

    /// The salon's turns until `ms` from now have passed; WhatsApp answers each message at once.
    pub async fn pass(&self, ms: i64) {
        let end = self.clock.now().plus_ms(ms);
        let mut answered = self.whatsapp.handed.lock().expect("no panic").len();
        loop {
            let wait = turns::take(&self.app, &self.salon.tenant).await.expect("no failure");
            let handed = self.whatsapp.handed.lock().expect("no panic").clone();
            for (_, message) in &handed[answered..] {
                let answer = (self.whatsapp.judge.lock().expect("no panic"))(message);
                let error = match answer {
                    Answer::Nacked(code) => Some(code),
                    Answer::Taken | Answer::Broken | Answer::Unknown => None,
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
    pub fn handed(&self, since: UnixMs) -> Vec<(i64, u32)> {
        let handed = self.whatsapp.handed.lock().expect("no panic");
        let client = |message: &Outgoing| message.to.digits()[5..].parse().expect("a client's number");
        handed.iter().map(|(at, message)| (at.since(since), client(message))).collect()
    }

    pub async fn state(&self, id: &OutboxId) -> OutboxState {
        let mut conn = self.app.db.read().await.expect("a connection");
        outbox::find(&mut conn, &self.salon.tenant, id).await.expect("read").expect("there").state
    }

    pub async fn health(&self) -> serde_json::Value {
        let (status, health) = self.salon.ask(OPERATOR, self.salon.company("/health")).await;
        assert_eq!(status, 200, "{health}");
        health
    }

    pub async fn said(&self, verb: &str, reason: &str) -> usize {
        let decisions = self.salon.decisions().await;
        decisions.iter().filter(|(v, r)| v == verb && r == reason).count()
    }
}

pub fn phone(n: u32) -> String {
    format!("79001{n:06}")
}

/// The same on both engines.
pub async fn desks() -> [Desk; 2] {
    [Desk::open(Salon::active().await).await, Desk::open(Salon::active_on_postgres().await).await]
}
