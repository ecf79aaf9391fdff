//! The namespace at work: who may come in, what they may ask, and how changes reach them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::seats::{Seat, Seats};
use super::wire::{self, Event, State};
use super::{Action, Change, ConnectDoor, DoorError, LiveEvent, NAMESPACE, Refused, Scene};
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;
use crate::views::{Reader, connect};

/// How long the door may think. A page shows by itself that it waits.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Hub {
    door: Arc<dyn ConnectDoor>,
    seats: Arc<Seats>,
}

/// What the handshake carries, in `auth` or in the query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Handshake {
    token: Option<String>,
    company_id: Option<String>,
    locale: Option<String>,
}

/// When the token ends.
#[derive(Clone, Copy)]
struct Ends(Instant);

/// Cancelled when the page is gone.
#[derive(Clone)]
struct Gone(CancellationToken);

#[derive(Debug, Clone, Copy)]
enum Ask {
    Qr,
    Code,
    Cancel,
    Act(Action),
}

const ASKS: [(&str, Ask); 8] = [
    ("request-qr", Ask::Qr),
    ("request-code", Ask::Code),
    ("cancel", Ask::Cancel),
    ("confirm-number", Ask::Act(Action::ConfirmNumber)),
    ("use-for-both", Ask::Act(Action::UseForBoth)),
    ("relink", Ask::Act(Action::Relink)),
    ("try-again", Ask::Act(Action::TryAgain)),
    ("send-trial", Ask::Act(Action::SendTrial)),
];

impl Hub {
    pub fn new(door: Arc<dyn ConnectDoor>) -> Self {
        Self { door, seats: Arc::default() }
    }

    pub fn open(self: &Arc<Self>, io: &SocketIo) {
        let (doorman, host) = (Arc::clone(self), Arc::clone(self));
        let welcome = move |socket: SocketRef| async move { host.welcome(socket).await };
        io.ns(
            NAMESPACE,
            welcome.with(move |socket: SocketRef, auth: TryData<Handshake>| async move {
                doorman.admit(&socket, auth.0.unwrap_or_default())
            }),
        );
    }

    /// The reason is all that a refusal can carry here: it becomes `connect_error`'s message.
    fn admit(&self, socket: &SocketRef, auth: Handshake) -> Result<(), &'static str> {
        let query = query(socket.req_parts().uri.query().unwrap_or_default());
        let token = auth.token.or(query.token).filter(|token| !token.is_empty());
        let company = auth.company_id.or(query.company_id).filter(|id| !id.is_empty());
        let token = token.ok_or(Refused::Missing.code())?;
        let visitor = self.door.admit(&token, company.as_deref()).map_err(Refused::code)?;
        let wished = auth.locale.or(query.locale).and_then(|code| Locale::parse(&code));
        let locale = wished.unwrap_or(visitor.locale);
        let seat = self.seats.take(&visitor.tenant, locale).ok_or("too-many-tabs")?;
        socket.extensions.insert(seat);
        socket.extensions.insert(Ends(Instant::now() + visitor.expires_in));
        Ok(())
    }

    async fn welcome(self: Arc<Self>, socket: SocketRef) {
        let Some(seat) = socket.extensions.get::<Seat>() else { return };
        for (event, ask) in ASKS {
            let hub = Arc::clone(&self);
            socket.on(event, move |socket: SocketRef, TryData::<Value>(data), ack: AckSender| async move {
                hub.serve(socket, ask, data.unwrap_or_default(), ack).await;
            });
        }
        socket.on_disconnect(async |socket: SocketRef| {
            drop(socket.extensions.remove::<Seat>());
            if let Some(Gone(gone)) = socket.extensions.remove::<Gone>() {
                gone.cancel();
            }
        });
        // In the room first, then the state: what changes in between comes as an update, and `as_of` puts them in order.
        socket.join(room(seat.tenant(), seat.locale()));
        self.show(&socket, &seat).await;
        // After a restart of ours a page comes back that was waiting for a code: there is none before somebody asks.
        if !matches!(timeout(PATIENCE, self.door.opened(seat.tenant())).await, Ok(Ok(()))) {
            tracing::warn!(tenant.id = %seat.tenant(), "linking could not begin for an open page");
        }
        self.see_out(socket);
    }

    /// Closes the page's socket when its token ends: a forgotten tab must not link a phone weeks later.
    fn see_out(&self, socket: SocketRef) {
        let Some(Ends(at)) = socket.extensions.get::<Ends>() else { return };
        let gone = CancellationToken::new();
        socket.extensions.insert(Gone(gone.clone()));
        tokio::spawn(async move {
            if gone.run_until_cancelled(tokio::time::sleep_until(at)).await.is_some() {
                sent_out(socket.disconnect());
            }
        });
    }

    async fn serve(&self, socket: SocketRef, ask: Ask, data: Value, ack: AckSender) {
        let Some(seat) = socket.extensions.get::<Seat>() else { return };
        let done =
            if seat.may_ask() { self.ask(seat.tenant(), ask, &data).await } else { Err(DoorError::TooOften) };
        match done {
            Ok(()) => {
                // Whoever asks for a code hears it even when it was there already and nothing changed.
                if matches!(ask, Ask::Qr | Ask::Code) {
                    self.show(&socket, &seat).await;
                }
                sent(ack.send(&json!({ "ok": true })));
            }
            Err(error) => {
                let complaint = wire::complaint(error, seat.locale());
                sent(socket.emit("error", &complaint));
                sent(ack.send(
                    &json!({ "ok": false, "code": complaint["code"], "message": complaint["message"] }),
                ));
            }
        }
    }

    async fn ask(&self, tenant: &TenantId, ask: Ask, data: &Value) -> Result<(), DoorError> {
        let door = &self.door;
        let doing = async {
            match ask {
                Ask::Qr => door.request_qr(tenant).await,
                Ask::Code => {
                    let phone = data["phone"].as_str().ok_or(DoorError::BadPhone)?;
                    door.request_code(tenant, phone).await
                }
                Ask::Cancel => door.cancel(tenant).await,
                Ask::Act(action) => door.act(tenant, action).await,
            }
        };
        timeout(PATIENCE, doing).await.unwrap_or_else(|_| {
            tracing::warn!(tenant.id = %tenant, ?ask, "the door did not answer a page in time");
            Err(DoorError::Fault)
        })
    }

    /// Tells one page where things stand.
    async fn show(&self, socket: &SocketRef, seat: &Seat) {
        let Some(scene) = self.scene(seat.tenant()).await else {
            sent(socket.emit("error", &wire::complaint(DoorError::Fault, seat.locale())));
            return;
        };
        sent(socket.emit("state", &self.state(&scene, seat.locale())));
        for (name, arguments) in wire::missed(&scene.view.step) {
            sent(match &arguments[..] {
                [first, second] => socket.emit(name, &(first, second)),
                _ => socket.emit(name, &arguments[0]),
            });
        }
    }

    async fn scene(&self, tenant: &TenantId) -> Option<Scene> {
        let scene = match timeout(PATIENCE, self.door.view(tenant)).await {
            Ok(Ok(scene)) => scene,
            Ok(Err(error)) => {
                tracing::error!(tenant.id = %tenant, error = format!("{error:#}"), "no view for an open page");
                return None;
            }
            Err(_) => {
                tracing::warn!(tenant.id = %tenant, "the view of an open page took too long");
                return None;
            }
        };
        Some(Scene { view: connect::with_picture(scene.view), ..scene })
    }

    fn state<'a>(&self, scene: &'a Scene, locale: Locale) -> State<'a> {
        let marketplace_url = self.door.marketplace_url();
        let reader = Reader { locale, timezone: scene.timezone, marketplace_url };
        State { view: &scene.view, html: connect::panel(&scene.view, &reader) }
    }

    /// Tells every open page of a tenant.
    async fn tell(&self, io: &SocketIo, tenant: &TenantId) {
        let locales = self.seats.locales(tenant);
        if locales.is_empty() {
            return;
        }
        let Some(scene) = self.scene(tenant).await else { return };
        let told = self.seats.tell(tenant, &scene.view.step);
        let news = wire::news(told.as_ref(), &scene.view.step);
        let Some(namespace) = io.of(NAMESPACE) else { return };
        for locale in locales {
            let to = || namespace.clone().to(room(tenant, locale));
            let state = self.state(&scene, locale);
            reached(to().emit("state", &state).await);
            for event in &news {
                emit(io, tenant, locale, event).await;
            }
        }
    }

    async fn pass_on(&self, io: &SocketIo, tenant: &TenantId, event: &LiveEvent) {
        for locale in self.seats.locales(tenant) {
            emit(io, tenant, locale, &wire::moment(event, locale)).await;
        }
    }
}

/// Carries changes to the pages. A tenant's view is read by one task at a time; changes that come meanwhile are one more reading.
pub(super) async fn pump(hub: Arc<Hub>, io: SocketIo, mut changes: broadcast::Receiver<Change>) {
    let mut running: FuturesUnordered<BoxFuture<'_, TenantId>> = FuturesUnordered::new();
    let mut again: HashMap<TenantId, bool> = HashMap::new();
    let (hub, io) = (&hub, &io);
    loop {
        let mut dirty: Vec<TenantId> = Vec::new();
        tokio::select! {
            change = changes.recv() => match change {
                Ok(Change::View(tenant)) => dirty.push(tenant),
                Ok(Change::Event(tenant, event)) => hub.pass_on(io, &tenant, &event).await,
                // What was missed is not known: tell everybody anew.
                Ok(Change::Anything) | Err(RecvError::Lagged(_)) => dirty = hub.seats.tenants(),
                Err(RecvError::Closed) => break,
            },
            Some(tenant) = running.next() => {
                if again.remove(&tenant) == Some(true) {
                    dirty.push(tenant);
                }
            }
        }
        for tenant in dirty {
            match again.get_mut(&tenant) {
                Some(more) => *more = true,
                None => {
                    again.insert(tenant.clone(), false);
                    running.push(Box::pin(async move {
                        hub.tell(io, &tenant).await;
                        tenant
                    }));
                }
            }
        }
    }
}

fn room(tenant: &TenantId, locale: Locale) -> String {
    format!("{tenant}:{}", locale.code())
}

fn query(text: &str) -> Handshake {
    let mut found = Handshake::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "token" => found.token = Some(value.into_owned()),
            "company_id" => found.company_id = Some(value.into_owned()),
            "locale" => found.locale = Some(value.into_owned()),
            _ => {}
        }
    }
    found
}

async fn emit(io: &SocketIo, tenant: &TenantId, locale: Locale, (name, arguments): &Event) {
    let Some(namespace) = io.of(NAMESPACE) else { return };
    let to = namespace.to(room(tenant, locale));
    reached(match &arguments[..] {
        [first, second] => to.emit(name, &(first, second)).await,
        _ => to.emit(name, &arguments[0]).await,
    });
}

/// A page that went away while it was told something is no fault: it will ask when it is back.
fn sent(result: Result<(), socketioxide::SendError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a page was not reached");
    }
}

pub(super) fn sent_out(result: Result<(), socketioxide::SocketError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a page was gone before it was shown out");
    }
}

pub(super) fn reached(result: Result<(), socketioxide::BroadcastError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "some page was not reached");
    }
}
