//! The desk's namespace: whoever has a company's pages open, or holds its API key, hears how far a reading of its journal is.
//!
//! In: nothing. Out: `sync-progress`, the run as `GET …/syncs/{sync_id}` has it, and as `html` the line that the page shows of it.
//! The handshake names `company_id`; a program also its key, as `token`. A browser shows the cookie it is signed in with, which is
//! `SameSite` and so comes from no other site's page.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::hub::{reached, sent_out};
use super::seats::{Seat, Seats};
use crate::app::bus::{Heard, News};
use crate::app::sync::{self, said};
use crate::app::{self, App, hook_key, sittings};
use crate::kernel::id::{SyncId, TenantId};
use crate::kernel::locale::Locale;
use crate::views::Words;
use crate::views::desk::sync_line;

pub const NAMESPACE: &str = "/desk";

/// Whoever signed out, or was switched off, hears nothing more after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

struct Desk {
    app: Arc<App>,
    seats: Arc<Seats>,
}

/// By what somebody came in.
#[derive(Debug, Clone)]
enum Pass {
    Sitting(String),
    Key(String),
}

/// Cancelled when the page is gone.
#[derive(Clone)]
struct Gone(CancellationToken);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Handshake {
    company_id: Option<String>,
    token: Option<String>,
    locale: Option<String>,
}

/// Opens the namespace. What comes back carries the app's news to it: run it in a task of its own; it ends with the app.
pub fn open(io: &SocketIo, app: Arc<App>) -> impl Future<Output = ()> + Send + 'static + use<> {
    let mut news = app.bus.subscribe();
    let desk = Arc::new(Desk { app, seats: Arc::default() });
    let (doorman, host) = (Arc::clone(&desk), Arc::clone(&desk));
    let welcome = move |socket: SocketRef| async move { host.welcome(socket) };
    io.ns(
        NAMESPACE,
        welcome.with(move |socket: SocketRef, auth: TryData<Handshake>| async move {
            doorman.admit(&socket, auth.0.unwrap_or_default()).await
        }),
    );
    let io = io.clone();
    async move {
        loop {
            match news.recv().await {
                Ok(Heard::Of(company, News::Sync(run))) => desk.tell(&io, &company, &run).await,
                Ok(Heard::Of(..) | Heard::Books(..)) => {}
                // What was missed is not known: the latest of each is told anew.
                Ok(Heard::Anything) | Err(RecvError::Lagged(_)) => desk.tell_all(&io).await,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

impl Desk {
    async fn admit(&self, socket: &SocketRef, auth: Handshake) -> Result<(), &'static str> {
        let company = auth.company_id.as_deref().and_then(TenantId::parse).ok_or("company-missing")?;
        let pass = match auth.token.filter(|token| !token.is_empty()) {
            Some(key) => Pass::Key(key),
            None => Pass::Sitting(self.cookie_of(socket).ok_or("not-signed-in")?),
        };
        if !self.is_good(&pass, &company).await {
            return Err("not-signed-in");
        }
        let locale = auth.locale.and_then(|code| Locale::parse(&code)).unwrap_or(Locale::Ru);
        let seat = self.seats.take(&company, locale).ok_or("too-many-tabs")?;
        socket.extensions.insert(seat);
        socket.extensions.insert(pass);
        Ok(())
    }

    fn cookie_of(&self, socket: &SocketRef) -> Option<String> {
        let all = socket.req_parts().headers.get("cookie")?.to_str().ok()?.to_owned();
        let name = sittings::cookie_name(&self.app);
        let token = all.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    async fn is_good(&self, pass: &Pass, company: &TenantId) -> bool {
        let good: Result<bool, app::Error> = async {
            match pass {
                Pass::Sitting(token) => {
                    let found = sittings::look(&self.app, token).await?;
                    Ok(found.is_some_and(|(sitting, _)| sitting.login.sees(company)))
                }
                Pass::Key(key) => hook_key::is_api_key(&self.app, company, key).await,
            }
        }
        .await;
        good.unwrap_or_else(|error| {
            tracing::warn!(%error, "it could not be looked up whether a page may stay open");
            false
        })
    }

    fn welcome(self: Arc<Self>, socket: SocketRef) {
        let Some(seat) = socket.extensions.get::<Seat>() else { return };
        let Some(pass) = socket.extensions.get::<Pass>() else { return };
        let gone = CancellationToken::new();
        socket.extensions.insert(Gone(gone.clone()));
        socket.on_disconnect(async |socket: SocketRef| {
            drop(socket.extensions.remove::<Seat>());
            if let Some(Gone(gone)) = socket.extensions.remove::<Gone>() {
                gone.cancel();
            }
        });
        socket.join(room(seat.tenant(), seat.locale()));
        let company = seat.tenant().clone();
        tokio::spawn(async move {
            while gone.run_until_cancelled(tokio::time::sleep(LOOK_AGAIN)).await.is_some() {
                if !self.is_good(&pass, &company).await {
                    sent_out(socket.disconnect());
                    return;
                }
            }
        });
    }

    async fn tell_all(&self, io: &SocketIo) {
        for company in self.seats.tenants() {
            match sync::list(&self.app, &company, None, 1).await {
                Ok((runs, _)) => {
                    for run in runs {
                        self.tell(io, &company, &run.id).await;
                    }
                }
                Err(error) => tracing::warn!(tenant.id = %company, %error, "no run for an open page"),
            }
        }
    }

    async fn tell(&self, io: &SocketIo, company: &TenantId, run: &SyncId) {
        let locales = self.seats.locales(company);
        if locales.is_empty() {
            return;
        }
        let found = async {
            let zone = app::zone_of(&self.app, company).await?;
            Ok::<_, app::Error>((sync::find(&self.app, company, run).await?, zone))
        };
        let (run, zone) = match found.await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(tenant.id = %company, %error, "no run for an open page");
                return;
            }
        };
        let Some(namespace) = io.of(NAMESPACE) else { return };
        for locale in locales {
            let mut progress = said::json(&run);
            progress["html"] = sync_line(Words(locale), &run, (zone, self.app.now())).into();
            reached(namespace.clone().to(room(company, locale)).emit("sync-progress", &progress).await);
        }
    }
}

fn room(company: &TenantId, locale: Locale) -> String {
    format!("{company}:{}", locale.code())
}
