//! A message of which nobody can say whether it left: it is never sent a second time by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use salonbridge::app::key_changes::KeyChanges;
use salonbridge::app::tenants::Overrides;
use salonbridge::app::{App, Parts};
use salonbridge::app::{notify, turns};
use salonbridge::boot::demo_trip::{self, CLIENT_PHONE};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::domain::session::{Lease, PairBy, SessionState};
use salonbridge::kernel::clock::{Clock as _, ManualClock};
use salonbridge::kernel::id::{JobId, OutboxId, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::storage::job::{self, Claim, NewJob};
use salonbridge::storage::outbox::{self, NewOutbox};
use salonbridge::storage::{session_lease, waiting};
use salonbridge::whatsapp::error::Error;
use salonbridge::whatsapp::gateway::{Gateway, Outgoing};

use serde_json::json;

use crate::kit::Salon;

/// A WhatsApp that is online and never says whether it took a message.
struct Vague {
    lease: Lease,
    handed: AtomicU32,
    is_offline: AtomicBool,
}

#[async_trait]
impl Gateway for Vague {
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
    async fn send(&self, _: &Lease, _: &Outgoing) -> Result<(), Error> {
        self.handed.fetch_add(1, Ordering::SeqCst);
        Err(Error::Unclear)
    }
    fn state(&self, _: &TenantId) -> Option<SessionState> {
        let is_offline = self.is_offline.load(Ordering::SeqCst);
        Some(if is_offline { SessionState::Offline } else { SessionState::Online })
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

/// Takes the lane of the salon's session, so that its own product sends nothing meanwhile; `false` while a turn runs.
async fn occupied(app: &App, tenant: &TenantId) -> bool {
    let (now, kind) = (app.now(), "occupy");
    let mut conn = app.db.begin().await.expect("a connection");
    let job = NewJob {
        id: JobId::new(now),
        tenant: Some(tenant.clone()),
        kind,
        subject: tenant.to_string(),
        lane: format!("{tenant}:session"),
        run_at: now,
        now,
    };
    job::enqueue(&mut conn, &job).await.expect("stored");
    let want = Claim {
        kind,
        node: &app.node.id(),
        token: "ours",
        of_session: false,
        now,
        lease_until: now.plus_secs(3600),
        limit: 1,
        share: 1,
    };
    let claimed = job::claim(&mut conn, &want).await.expect("asked");
    conn.commit().await.expect("committed");
    !claimed.is_empty()
}

/// A second product on the salon's database, with a vague WhatsApp and a clock of its own.
struct Doubt {
    app: App,
    clock: Arc<ManualClock>,
    whatsapp: Arc<Vague>,
}

impl Doubt {
    async fn over(salon: &Salon) -> Self {
        let ours = salon.app();
        salon.decided("sent", "welcome").await;
        salon.until("the salon's turns are ours", async || occupied(ours, &salon.tenant).await).await;
        let clock = Arc::new(ManualClock::at(ours.now()));
        let app = App::new(Parts {
            db: ours.db.clone(),
            crm: ours.crm.clone(),
            clock: clock.clone(),
            settings: ours.settings.clone(),
            keys: ours.keys.clone(),
            key_changes: Arc::new(KeyChanges::new(ours.db.clone())),
            tenants: Overrides::load(std::path::Path::new("tenants")).expect("texts"),
            node: ours.node.clone(),
            alarm: None,
        });
        let lease = ours.gateway().expect("there").lease(&salon.tenant).expect("the session runs");
        let whatsapp =
            Arc::new(Vague { lease, handed: AtomicU32::new(0), is_offline: AtomicBool::new(false) });
        app.set_gateway(whatsapp.clone());
        Self { app, clock, whatsapp }
    }

    /// Plans a message that no job knows of.
    async fn plan(&self, tenant: &TenantId, intent: &str) -> OutboxId {
        let (key, now) = (self.app.keys.of(tenant).await.expect("a key"), self.clock.now());
        let new = NewOutbox {
            id: OutboxId::new(now),
            recipient: key.seal_text("outbox", "recipient", CLIENT_PHONE),
            peer: String::new(),
            text: key.seal_text("outbox", intent, "text"),
            told: String::new(),
            told_before: String::new(),
            message_id: notify::message_id(&key, intent),
            intent: intent.to_owned(),
            kind: MessageKind::Trial,
            record: None,
            not_before: now,
            deadline: now.plus_secs(3600),
            nearest: now.plus_secs(3600),
        };
        let mut conn = self.app.db.begin().await.expect("a connection");
        let planned = outbox::plan(&mut conn, tenant, &new, now).await.expect("stored").expect("new");
        conn.commit().await.expect("committed");
        planned
    }

    /// What is being sent, the longest first.
    async fn sending(&self, tenant: &TenantId) -> Vec<OutboxId> {
        let mut conn = self.app.db.read().await.expect("a connection");
        let sending = waiting::list_sending(&mut conn, tenant, 9).await.expect("read");
        sending.into_iter().map(|(id, _)| id).collect()
    }

    async fn turn(&self, tenant: &TenantId) -> Option<i64> {
        turns::take(&self.app, tenant).await.expect("no failure")
    }

    async fn row(&self, tenant: &TenantId, id: &OutboxId) -> outbox::OutboxRow {
        let mut conn = self.app.db.read().await.expect("a connection");
        outbox::find(&mut conn, tenant, id).await.expect("read").expect("there")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_left_waits_for_a_sign_and_is_never_sent_again() {
    let salon = Salon::active().await;
    let doubt = Doubt::over(&salon).await;
    let (silent, seen) =
        (doubt.plan(&salon.tenant, "doubt:1").await, doubt.plan(&salon.tenant, "doubt:2").await);
    for _ in 0..2 {
        assert!(doubt.turn(&salon.tenant).await.is_some(), "a look is to come");
        for message in [&silent, &seen] {
            assert_eq!(doubt.row(&salon.tenant, message).await.state, OutboxState::Sending);
        }
    }
    let message_id = doubt.row(&salon.tenant, &seen).await.message_id;
    notify::received(&doubt.app, &salon.tenant, &[message_id], false).await.expect("noted");
    doubt.clock.advance_ms(20_000);
    assert_eq!(doubt.turn(&salon.tenant).await, None);
    assert_eq!(doubt.row(&salon.tenant, &silent).await.state, OutboxState::Uncertain, "a person decides");
    assert_eq!(doubt.row(&salon.tenant, &seen).await.state, OutboxState::Sent);
    assert_eq!(doubt.whatsapp.handed.load(Ordering::SeqCst), 2, "each once");
    // A late sign spares the person the answer, and says so.
    let message_id = doubt.row(&salon.tenant, &silent).await.message_id;
    notify::received(&doubt.app, &salon.tenant, &[message_id], true).await.expect("noted");
    assert_eq!(doubt.row(&salon.tenant, &silent).await.state, OutboxState::Sent);
    let told = salon.decisions().await;
    let by_sign = told.iter().filter(|(verb, reason)| verb == "sent" && reason == "seen_by_receipt");
    assert_eq!(by_sign.count(), 1, "{told:?}");
    salon.world.stop().await;
}

/// A node took over from one that died: what is stored says "online", but nobody has listened since.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_doubt_waits_until_somebody_really_listens() {
    let salon = Salon::active().await;
    let doubt = Doubt::over(&salon).await;
    let planned = doubt.plan(&salon.tenant, "doubt:3").await;
    assert!(doubt.turn(&salon.tenant).await.is_some());
    doubt.whatsapp.is_offline.store(true, Ordering::SeqCst);
    doubt.clock.advance_ms(60_000);
    assert!(doubt.turn(&salon.tenant).await.is_some(), "no sign could have come");
    assert_eq!(doubt.row(&salon.tenant, &planned).await.state, OutboxState::Sending);
    doubt.whatsapp.is_offline.store(false, Ordering::SeqCst);
    assert_eq!(doubt.turn(&salon.tenant).await, None);
    assert_eq!(doubt.row(&salon.tenant, &planned).await.state, OutboxState::Uncertain);
    salon.world.stop().await;
}

/// The process slept while another took its salons over; it wakes in the middle of a send.
#[tokio::test(flavor = "multi_thread")]
async fn under_a_lease_that_another_took_over_no_send_begins() {
    let salon = Salon::active().await;
    let doubt = Doubt::over(&salon).await;
    let planned = doubt.plan(&salon.tenant, "late:1").await;
    let mut conn = salon.app().db.begin().await.expect("a connection");
    session_lease::take(&mut conn, &salon.tenant, &salon.app().node.id())
        .await
        .expect("asked")
        .expect("taken");
    conn.commit().await.expect("committed");
    turns::take(&doubt.app, &salon.tenant).await.expect_err("refused");
    assert_eq!(
        doubt.row(&salon.tenant, &planned).await.state,
        OutboxState::Planned,
        "whoever has it now sends it"
    );
    assert_eq!(doubt.whatsapp.handed.load(Ordering::SeqCst), 0);
    salon.world.stop().await;
}

/// WhatsApp's refusal of a message, or the word that it never left, comes when the next one about the same visit has gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_after_its_successor_left_is_not_said_any_more() {
    let salon = Salon::active().await;
    let doubt = Doubt::over(&salon).await;
    let path = salon.hook_path().await;
    salon.post(&path, salon.hook(705, "create", json!({}))).await;
    salon.until_why(705, "planned: confirmation").await;
    doubt.clock.advance_ms(salon.app().now().since(doubt.clock.now()));
    assert!(doubt.turn(&salon.tenant).await.is_some());
    let first = doubt.sending(&salon.tenant).await;
    let later = demo_trip::visit_time(6, 18);
    salon.post(&path, salon.hook(705, "update", json!({"date": later, "datetime": null}))).await;
    salon.until_why(705, "planned: change").await;
    // Between two messages to one client.
    doubt.clock.advance_ms(16_000);
    assert!(doubt.turn(&salon.tenant).await.is_some());
    let both = doubt.sending(&salon.tenant).await;
    assert_eq!((first.len(), both.len()), (1, 2), "{both:?}");

    let row = doubt.row(&salon.tenant, &first[0]).await;
    notify::acknowledged(&doubt.app, &salon.tenant, &row.message_id, Some(463)).await.expect("noted");
    let row = doubt.row(&salon.tenant, &first[0]).await;
    assert_eq!((row.state, row.reason.as_str()), (OutboxState::Cancelled, "superseded"));
    for id in both.iter().filter(|id| **id != first[0]) {
        assert_eq!(doubt.row(&salon.tenant, id).await.state, OutboxState::Sending);
    }
    salon.world.stop().await;
}
