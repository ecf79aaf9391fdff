//! The live channel of a salon's clients: socket.io under `/client`. A page is told that something of its client changed, never what:
//! it asks with its own sitting, so that nothing is said to whoever is not signed in any more. A page that comes back asks anyway, so
//! nothing is missed.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use crate::app::App;
use crate::app::bus::Heard;
use crate::app::client_door::{self, ClientSitting};
use crate::kernel::id::{ClientKey, TenantId};

pub const NAMESPACE: &str = "/client";
/// Open pages of one client: a phone, a computer, and forgotten tabs.
const MOST: usize = 12;
/// How long the database may think.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the handshake carries beside the cookie.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Handshake {
    /// Of a program; a page has its cookie.
    token: Option<String>,
    company_id: Option<String>,
}

/// Opens the namespace. The pump carries changes to the pages: run it in a task of its own; it ends with the app.
pub fn open(io: &SocketIo, app: Arc<App>) -> impl Future<Output = ()> + Send + use<> {
    let news = app.bus.subscribe();
    let doorman = app;
    let welcome = |socket: SocketRef| async move {
        // In the room first, then the page asks: what changes in between is told.
        if let Some(sitting) = socket.extensions.get::<ClientSitting>() {
            socket.join([room(&sitting.tenant, &sitting.client), sitting.tenant.to_string()]);
        }
    };
    io.ns(
        NAMESPACE,
        welcome.with(move |socket: SocketRef, auth: TryData<Handshake>| {
            let app = Arc::clone(&doorman);
            async move { admit(&app, &socket, auth.0.unwrap_or_default()).await }
        }),
    );
    pump(io.clone(), news)
}

/// The reason is all that a refusal can carry here: it becomes `connect_error`'s message.
async fn admit(app: &App, socket: &SocketRef, auth: Handshake) -> Result<(), &'static str> {
    let token = auth.token.or_else(|| cookie(app, socket)).filter(|token| !token.is_empty());
    let token = token.ok_or("not-signed-in")?;
    let sitting = match timeout(PATIENCE, client_door::of(app, &token)).await {
        Ok(Ok(sitting)) => sitting.ok_or("not-signed-in")?,
        _ => return Err("busy"),
    };
    if auth.company_id.is_some_and(|id| id != sitting.tenant.as_str()) {
        return Err("not-signed-in");
    }
    if socket.within(room(&sitting.tenant, &sitting.client)).sockets().len() >= MOST {
        return Err("too-many-tabs");
    }
    socket.extensions.insert(sitting);
    Ok(())
}

/// The token in the browser's cookie, if the page that asks is one of ours: a browser sends it along whoever asks.
fn cookie(app: &App, socket: &SocketRef) -> Option<String> {
    let headers = &socket.req_parts().headers;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (origin, host) = (text("origin"), text("host"));
    let is_ours = origin == app.settings.public_url
        || origin.split_once("://").is_some_and(|(_, from)| !host.is_empty() && from == host);
    if !is_ours {
        return None;
    }
    let name = client_door::cookie_name(app);
    let found = text("cookie").split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    found.map(str::to_owned)
}

fn room(tenant: &TenantId, client: &ClientKey) -> String {
    format!("{tenant}:{client}")
}

async fn pump(io: SocketIo, mut news: tokio::sync::broadcast::Receiver<Heard>) {
    loop {
        let heard = match news.recv().await {
            Ok(heard) => heard,
            // What was missed is not known: everybody asks anew.
            Err(RecvError::Lagged(_)) => Heard::Anything,
            Err(RecvError::Closed) => return,
        };
        let Some(all) = io.of(NAMESPACE) else { return };
        let told = match heard {
            Heard::Of(..) => continue,
            Heard::Books(tenant, Some(clients)) => {
                let rooms: Vec<String> = clients.iter().map(|client| room(&tenant, client)).collect();
                all.to(rooms).emit("changed", &()).await
            }
            Heard::Books(tenant, None) => all.to(tenant.to_string()).emit("changed", &()).await,
            Heard::Anything => all.emit("changed", &()).await,
        };
        if let Err(error) = told {
            tracing::debug!(%error, "some page was not reached");
        }
    }
}
