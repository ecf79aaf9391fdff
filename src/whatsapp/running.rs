//! What an owner does while its client lives: hears the library, obeys commands, minds the clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;
use whatsapp_rust::OwnedNodeRef;
use whatsapp_rust::futures::channel::oneshot;

use super::ending::End;
use super::inbound::own_phone;
use super::notice::Notice;
use super::owner::{Next, Owner, Running};
use super::pairing::{Pairing, ask_code};
use super::vault::Item;
use crate::domain::session::{PairBy, Refusal, SessionEvent, SessionState};

/// How long a stop waits for the acknowledgements of what was just said.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(1_500);

type Welcome = oneshot::Receiver<Arc<OwnedNodeRef>>;

const MARK: &str = "mark";
/// Kept once the owner was told that the phone is linked, so that a crash in between does not swallow it.
const LINKED_TOLD: &str = "linked";

/// A client's life as its owner sees it.
pub(super) struct Life {
    pub(super) running: Running,
    /// While the phone is not linked.
    pub(super) pairing: Option<Pairing>,
    /// When people hear that WhatsApp does not answer.
    patience: Option<Instant>,
    /// When WhatsApp is asked to deliver again.
    redeliver: Option<Instant>,
    /// A code by number, being asked for.
    asking: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Owner {
    /// Attends to a client until its life ends.
    pub(super) async fn attend(&mut self, running: Running, by: Option<PairBy>) -> Next {
        self.status.set_client(Some(Arc::clone(&running.client)));
        let linked = running.client.pn().is_some();
        let pace = &self.context.settings.pace;
        let mut life = Life {
            running,
            pairing: None,
            patience: Some(Instant::now() + pace.patience),
            redeliver: None,
            asking: None,
        };
        if linked {
            self.status.set(SessionState::Offline);
        } else {
            let by = by.unwrap_or(PairBy::Qr);
            life.pairing = Some(Pairing::new(&by));
            self.tell_state(SessionState::Pairing, "", None).await;
            if let PairBy::Code(phone) = by {
                life.ask_code(phone, pace.patience);
            }
        }
        let end = self.live(&mut life).await;
        self.end(life.running, end).await
    }

    async fn live(&mut self, life: &mut Life) -> End {
        loop {
            let alarm = [life.patience, life.redeliver].into_iter().flatten().min();
            let ended = tokio::select! {
                biased;
                welcome = named(&mut life.running.login) => { life.take_name(welcome).await; None }
                Some(notice) = life.running.notices.recv() => self.hear(life, notice).await,
                Some(command) = self.commands.recv() => self.obey(life, command).await,
                () = asked(&mut life.asking) => { life.asking = None; None }
                () = at(alarm) => self.mind_the_clock(life).await,
                () = &mut life.running.handle => Some(self.ran_out(life).await),
            };
            if let Some(end) = ended {
                return end;
            }
        }
    }

    async fn hear(&mut self, life: &mut Life, notice: Notice) -> Option<End> {
        match notice {
            Notice::Connected => self.connected(life).await,
            Notice::Ack { message_id, error } => self.acked(message_id, error).await,
            Notice::Receipt { message_ids, read } => {
                self.tell(SessionEvent::Receipt { message_ids, read }).await;
            }
            Notice::NotKept => {
                life.redeliver.get_or_insert(Instant::now() + self.context.settings.pace.redeliver);
            }
            Notice::Disconnected { reason } => self.disconnected(life, &reason).await,
            notice => return self.hear_rare(life, notice).await,
        }
        None
    }

    async fn acked(&self, message_id: String, error: Option<u16>) {
        self.status.is_acked(&message_id);
        self.tell(SessionEvent::Ack { message_id, error }).await;
    }

    /// Before the client is stopped: what was just said is acknowledged in a moment, and who does not listen for it leaves it in
    /// doubt.
    pub(super) async fn hear_out(&mut self, life: &mut Life) {
        let until = Instant::now() + LAST_WORDS;
        loop {
            let notice = match self.status.awaits_acks() {
                true => tokio::time::timeout_at(until, life.running.notices.recv()).await.ok().flatten(),
                false => life.running.notices.try_recv().ok(),
            };
            match notice {
                Some(Notice::Ack { message_id, error }) => self.acked(message_id, error).await,
                Some(Notice::Receipt { message_ids, read }) => {
                    self.tell(SessionEvent::Receipt { message_ids, read }).await;
                }
                None | Some(Notice::Disconnected { .. }) => return,
                Some(_) => {}
            }
        }
    }

    async fn hear_rare(&mut self, life: &mut Life, notice: Notice) -> Option<End> {
        let now = self.context.clock.now();
        let Some(pairing) = life.pairing.as_mut() else { return self.hear_linked(notice).await };
        match notice {
            Notice::Qr { code, ttl } => {
                life.patience = None;
                let event = pairing.qr(code, ttl, now);
                self.tell(event).await;
            }
            Notice::Code { code, ttl } => {
                let event = pairing.code(code, ttl, now);
                life.patience = if pairing.has_qr() { None } else { self.while_code_holds(pairing) };
                self.tell(event).await;
            }
            Notice::CodeSpent => match pairing.renew() {
                Some(phone) => {
                    if !pairing.has_qr() {
                        life.patience = self.while_code_holds(pairing);
                    }
                    life.ask_code(phone, self.context.settings.pace.patience);
                }
                None => return Some(self.refused(Refusal::Other, "the code was not used in time").await),
            },
            Notice::CodeFailed { why, detail } if !pairing.has_qr() => {
                return Some(self.refused(why, &detail).await);
            }
            Notice::CodeFailed { why, detail } => {
                // The QR codes of the same connection go on.
                life.patience = None;
                pairing.code_failed();
                self.tell(SessionEvent::PairingRefused { why, detail }).await;
            }
            Notice::QrExhausted { connected } => {
                pairing.qr_ran_out();
                if connected {
                    // The line stays open for a code by number: that one is on the screen, and the end of the pictures is no
                    // news. It is told with the end of the code.
                    life.patience = self.while_code_holds(pairing);
                } else if let Some(phone) = pairing.awaited() {
                    // Asked for at the last moment: this line is being closed, so the next one gives it.
                    return Some(End::Again(PairBy::Code(phone)));
                } else {
                    return Some(self.nobody_linked("no code was scanned").await);
                }
            }
            Notice::Paired => {
                life.pairing = None;
                // The first login brings keys and app state along: it takes longer than any other.
                life.patience = Some(Instant::now() + self.context.settings.pace.patience * 3);
                self.tell(SessionEvent::Scanned).await;
            }
            Notice::PairFailed { why, detail } => return Some(self.refused(why, &detail).await),
            Notice::Banned { reason, .. } => return Some(self.refused(Refusal::Restricted, &reason).await),
            Notice::Outdated => {
                self.newer_version();
                return Some(self.refused(Refusal::Outdated, "WhatsApp wants a newer client").await);
            }
            Notice::LoggedOut { reason } => return Some(self.refused(Refusal::Other, &reason).await),
            Notice::Refused { reason } => return Some(self.refused(Refusal::Unreachable, &reason).await),
            Notice::Replaced => return Some(self.refused(Refusal::Other, "opened elsewhere").await),
            _ => {}
        }
        None
    }

    /// What happens to a linked device.
    async fn hear_linked(&mut self, notice: Notice) -> Option<End> {
        match notice {
            Notice::LoggedOut { reason } => Some(End::LoggedOut(reason)),
            Notice::Replaced => {
                self.tell_state(SessionState::Replaced, "opened elsewhere", None).await;
                Some(End::Next(Next::Rest(None)))
            }
            Notice::Banned { expires_in, reason } => {
                let until = expires_in.map(|d| {
                    self.context.clock.now().plus_ms(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
                });
                self.tell_state(SessionState::Banned, &reason, until).await;
                // A ban without an end is looked at again as seldom as anything.
                let wait = expires_in.unwrap_or(self.context.settings.pace.retry_max * 6);
                Some(End::Next(Next::Rest(Some(Instant::now() + wait))))
            }
            Notice::Outdated => {
                self.tell_state(SessionState::Outdated, "WhatsApp wants a newer client", None).await;
                let again = self.newer_version();
                Some(End::Next(Next::Rest(again)))
            }
            Notice::Refused { reason } => {
                self.tell_state(SessionState::Offline, &reason, None).await;
                Some(End::Next(Next::Rest(Some(self.next_try()))))
            }
            _ => None,
        }
    }

    /// Has WhatsApp's newest version asked for; tells when it is worth coming back with it.
    fn newer_version(&self) -> Option<Instant> {
        let pace = &self.context.settings.pace;
        // A version the operator set stays: only they can change it.
        if !self.context.version.may_change() {
            return None;
        }
        self.context.version.refresh(pace.outdated);
        Some(Instant::now() + pace.outdated)
    }

    async fn connected(&mut self, life: &mut Life) {
        life.pairing = None;
        life.patience = None;
        self.failures = 0;
        self.status.has_reconnected();
        if let Err(error) = self.tell_linked_once(&life.running).await {
            // Told again at the next connection.
            tracing::warn!(tenant.id = %self.tenant, error = %error, "a linked session could not be marked as told");
        }
        self.tell_state(SessionState::Online, "", None).await;
    }

    async fn tell_linked_once(&self, running: &Running) -> anyhow::Result<()> {
        let vault = &self.context.vault;
        if vault.get(&self.tenant, MARK, LINKED_TOLD).await?.is_some() {
            return Ok(());
        }
        let Some(phone) = own_phone(&running.client) else { return Ok(()) };
        self.tell(SessionEvent::Linked { phone, name: running.client.push_name() }).await;
        let mark = Item {
            key: LINKED_TOLD.to_owned(),
            group: String::new(),
            n: 0,
            m: 0,
            value: b"1".to_vec().into(),
        };
        vault.put(running.store.lease(), MARK, vec![mark]).await
    }

    async fn disconnected(&mut self, life: &mut Life, reason: &str) {
        match life.pairing.as_mut() {
            Some(pairing) => {
                let patience = self.context.settings.pace.patience;
                // A code by number was good on that connection alone.
                let phone = pairing.starts_over();
                life.patience.get_or_insert(Instant::now() + patience);
                if let Some(phone) = phone {
                    life.ask_code(phone, patience);
                }
            }
            None if self.status.state() != SessionState::Offline => {
                self.tell_state(SessionState::Offline, reason, None).await;
            }
            None => {}
        }
    }

    /// Until when to wait for the code by number: to its end, or for its coming while it is being asked for.
    fn while_code_holds(&self, pairing: &Pairing) -> Option<Instant> {
        // A moment longer than people are told, so that it is over for them too.
        const MOMENT: std::time::Duration = std::time::Duration::from_secs(1);
        let pace = &self.context.settings.pace;
        let left = pairing.code_left(self.context.clock.now()).map(|left| left + MOMENT);
        Some(Instant::now() + left.unwrap_or(pace.patience * 3))
    }

    /// Every code ran out unused.
    async fn nobody_linked(&mut self, detail: &str) -> End {
        self.tell(SessionEvent::QrExhausted).await;
        self.tell_state(SessionState::Unpaired, detail, None).await;
        End::Next(Next::Leave)
    }

    pub(super) async fn refused(&mut self, why: Refusal, detail: &str) -> End {
        self.tell(SessionEvent::PairingRefused { why, detail: detail.to_owned() }).await;
        self.tell_state(SessionState::Unpaired, detail, None).await;
        End::Next(Next::Leave)
    }

    async fn mind_the_clock(&mut self, life: &mut Life) -> Option<End> {
        let now = Instant::now();
        if life.redeliver.is_some_and(|at| at <= now) {
            life.redeliver = None;
            life.running.client.reconnect().await;
        }
        if life.patience.is_none_or(|at| at > now) {
            return None;
        }
        life.patience = None;
        match &life.pairing {
            Some(pairing) if !pairing.has_qr() => Some(self.nobody_linked("no code was used").await),
            Some(pairing) if pairing.has_shown() => None,
            Some(_) => Some(self.refused(Refusal::Unreachable, "WhatsApp does not answer").await),
            None => {
                // Offline is what it was called all along; now people hear it.
                self.tell_state(SessionState::Offline, "WhatsApp does not answer", None).await;
                None
            }
        }
    }

    /// The client's loop ended by itself, and nothing was heard that explains it.
    async fn ran_out(&mut self, life: &mut Life) -> End {
        if life.pairing.is_some() {
            return self.refused(Refusal::Unreachable, "the connection ended").await;
        }
        self.tell_state(SessionState::Offline, "the connection ended", None).await;
        End::Next(Next::Rest(Some(self.next_try())))
    }
}

impl Life {
    /// The account's own name, as WhatsApp's welcome has it; what the app state says later goes over it.
    async fn take_name(&mut self, welcome: Option<Arc<OwnedNodeRef>>) {
        self.running.login = None;
        let Some(welcome) = welcome else { return };
        let name = welcome.get().get_attr("display_name").map(|name| name.as_str().into_owned());
        let Some(name) = name.filter(|name| !name.is_empty()) else { return };
        let keys = self.running.client.persistence_manager();
        keys.modify_device(|device| {
            if device.push_name.is_empty() {
                device.push_name = name;
            }
        })
        .await;
    }

    /// Gives whatever is awaited so long from now.
    pub(super) fn wait(&mut self, patience: std::time::Duration) {
        self.patience = Some(Instant::now() + patience);
    }

    pub(super) fn ask_code(&mut self, phone: crate::kernel::phone::Phone, patience: std::time::Duration) {
        let client = Arc::clone(&self.running.client);
        self.asking = Some(Box::pin(ask_code(client, phone, patience)));
    }
}

async fn at(alarm: Option<Instant>) {
    match alarm {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

async fn named(login: &mut Option<Welcome>) -> Option<Arc<OwnedNodeRef>> {
    match login {
        Some(waiting) => waiting.await.ok(),
        None => std::future::pending().await,
    }
}

async fn asked(asking: &mut Option<Pin<Box<dyn Future<Output = ()> + Send>>>) {
    match asking {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
