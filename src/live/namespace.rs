//! The namespace itself: handshake, wishes in, events out to every page of a tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{Data, Extension, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::layer::SocketIoLayer;
use tokio::sync::broadcast::error::RecvError;

use super::{Action, Change, ConnectDoor, DoorError, LiveEvent, Refused, Visitor};
use crate::domain::connect::ConnectView;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;
use crate::views::connect::{panel, with_picture};
use crate::views::{Reader, Words, qr};

const NAMESPACE: &str = "/whatsapp";
/// Pages of one salon that may be open at once.
const MOST_PAGES: usize = 20;
const MOST_BYTES: u64 = 16 * 1024;

#[derive(Default, Deserialize)]
struct Auth {
    token: Option<String>,
    company_id: Option<String>,
}

/// What a socket carries once it is let in.
#[derive(Clone)]
struct Page {
    visitor: Visitor,
    locale: Locale,
}

struct Live {
    door: Arc<dyn ConnectDoor>,
    marketplace_url: String,
    open: Mutex<HashMap<TenantId, usize>>,
}

/// The layer that answers `/socket.io/`, and the handle to emit by.
pub fn layer(door: Arc<dyn ConnectDoor>, marketplace_url: &str) -> (SocketIoLayer, SocketIo) {
    let (layer, io) = SocketIo::builder().max_payload(MOST_BYTES).max_buffer_size(64).build_layer();
    let live = Arc::new(Live { door, marketplace_url: marketplace_url.to_owned(), open: Mutex::default() });
    let (guard, greet) = (live.clone(), live.clone());
    let admit = move |socket: SocketRef, TryData(auth): TryData<Auth>| {
        let live = guard.clone();
        async move { live.admit(&socket, auth.unwrap_or_default()).await }
    };
    let opened = move |socket: SocketRef| {
        let live = greet.clone();
        async move { live.opened(socket).await }
    };
    io.ns(NAMESPACE, opened.with(admit));
    tokio::spawn(tell(live, io.clone()));
    (layer, io)
}

impl Live {
    async fn admit(&self, socket: &SocketRef, auth: Auth) -> Result<(), Refused> {
        let request = socket.req_parts();
        let query: HashMap<String, String> =
            url::form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let token = auth.token.or_else(|| query.get("token").cloned()).unwrap_or_default();
        let company = auth.company_id.or_else(|| query.get("company_id").cloned());
        let visitor = self.door.admit(&token, company.as_deref()).await?;
        let header = request.headers.get("accept-language").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let locale =
            query.get("lang").and_then(|l| Locale::parse(l)).unwrap_or_else(|| Locale::negotiate(header));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = open.entry(visitor.tenant.clone()).or_default();
        if *pages >= MOST_PAGES {
            return Err(Refused::Crowded);
        }
        *pages += 1;
        socket.extensions.insert(Page { visitor, locale });
        Ok(())
    }

    async fn opened(self: Arc<Self>, socket: SocketRef) {
        let Some(page) = socket.extensions.get::<Page>() else { return };
        let tenant = page.visitor.tenant.clone();
        let closing = self.clone();
        let left = tenant.clone();
        socket.on_disconnect(move || async move { closing.closed(&left) });
        socket.join(tenant.to_string());
        self.listen(&socket);
        match self.door.view(&tenant).await {
            Ok(view) => self.send_view(&socket, &page, view),
            Err(error) => emit_error(&socket, page.locale, error.code),
        }
    }

    fn closed(&self, tenant: &TenantId) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pages) = open.get_mut(tenant) {
            *pages -= 1;
            if *pages == 0 {
                open.remove(tenant);
            }
        }
    }

    fn listen(self: &Arc<Self>, socket: &SocketRef) {
        for (event, action) in [
            ("request-qr", Action::RequestQr),
            ("cancel", Action::Cancel),
            ("confirm-number", Action::ConfirmNumber),
            ("relink", Action::Relink),
            ("try-again", Action::TryAgain),
            ("send-trial", Action::SendTrial),
        ] {
            let live = self.clone();
            socket.on(event, move |socket: SocketRef, Extension::<Page>(page)| async move {
                live.act(&socket, &page, action).await;
            });
        }
        let live = self.clone();
        socket.on(
            "request-code",
            move |socket: SocketRef, Data(wish): Data<Value>, Extension::<Page>(page)| async move {
                let phone = wish.get("phone").and_then(Value::as_str).unwrap_or_default().to_owned();
                live.act(&socket, &page, Action::RequestCode(phone)).await;
            },
        );
    }

    async fn act(&self, socket: &SocketRef, page: &Page, action: Action) {
        let acted = if page.visitor.may_link {
            self.door.act(&page.visitor.tenant, action).await
        } else {
            Err(DoorError { code: "view_only" })
        };
        match acted {
            Ok(()) => match self.door.view(&page.visitor.tenant).await {
                Ok(view) => self.send_view(socket, page, view),
                Err(error) => emit_error(socket, page.locale, error.code),
            },
            Err(error) => emit_error(socket, page.locale, error.code),
        }
    }

    fn send_view(&self, socket: &SocketRef, page: &Page, view: ConnectView) {
        let view = with_picture(view);
        let reader = Reader {
            locale: page.locale,
            timezone: page.visitor.timezone,
            marketplace_url: self.marketplace_url.clone(),
        };
        let html = panel(&view, &reader);
        let mut state = serde_json::to_value(&view).unwrap_or_default();
        if let Some(object) = state.as_object_mut() {
            object.insert("html".to_owned(), Value::String(html));
        }
        sent(socket.emit("state", &state));
    }
}

/// Passes changes on to the pages that are open, in the order they come. A view is made once however many pages show it.
async fn tell(live: Arc<Live>, io: SocketIo) {
    let mut changes = live.door.changes();
    loop {
        let (tenant, event) = match changes.recv().await {
            Ok(Change::View(tenant)) => (tenant, None),
            Ok(Change::Event(tenant, event)) => (tenant, Some(event)),
            // What was missed is made good by the next view.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Some(namespace) = io.of(NAMESPACE) else { continue };
        let pages: Vec<SocketRef> = namespace.within(tenant.to_string()).sockets();
        if pages.is_empty() {
            continue;
        }
        match event {
            Some(event) => pages.iter().for_each(|socket| emit_event(socket, &event)),
            None => {
                let Ok(view) = live.door.view(&tenant).await else { continue };
                for socket in &pages {
                    if let Some(page) = socket.extensions.get::<Page>() {
                        live.send_view(socket, &page, view.clone());
                    }
                }
            }
        }
    }
}

fn emit_event(socket: &SocketRef, event: &LiveEvent) {
    sent(match event {
        LiveEvent::Qr { raw, number, of, expires_at } => {
            let about = json!({"svg": qr::svg(raw), "number": number, "of": of, "expires_at": expires_at});
            socket.emit("qr", &(raw, about))
        }
        LiveEvent::PairingCode { .. } => socket.emit("pairing-code", event),
        LiveEvent::Progress(part) => socket.emit("progress", part),
        LiveEvent::Connected { .. } => socket.emit("connected", event),
        LiveEvent::Activated { .. } => socket.emit("activated", event),
        LiveEvent::Error { code } => {
            let locale = socket.extensions.get::<Page>().map_or(Locale::Ru, |page| page.locale);
            return emit_error(socket, locale, code);
        }
    });
}

fn emit_error(socket: &SocketRef, locale: Locale, code: &str) {
    let message = Words(locale).t(match code {
        "bad_phone" => "say-bad-phone",
        "already_linked" | "view_only" | "not_installed" | "not_linked" => "say-not-now",
        "whatsapp_failed" => "say-whatsapp",
        "yclients_failed" => "say-yclients",
        _ => "say-fault",
    });
    sent(socket.emit("error", &json!({"code": code, "message": message})));
}

/// A page that went away, or reads too slowly, asks for its state again when it is back.
fn sent<E: std::fmt::Display>(outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a page was not reached");
    }
}
