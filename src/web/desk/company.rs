//! How one company stands.

use axum::extract::{Path, State};
use axum::response::Response;

use super::companies::light;
use super::{Insider, answer, go, ok};
use crate::app::desk;
use crate::app::health::Health;
use crate::app::{self, page_token};
use crate::domain::login::Role;
use crate::domain::session::SessionState;
use crate::domain::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::views::desk::{self as view, Overview, Tab, Trouble};
use crate::web::state::WebState;

/// `GET /desk/companies/{id}`
pub async fn overview(State(state): State<WebState>, Path(id): Path<String>, who: Insider) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        let found = desk::overview(&state.app, &known.id, who.login().role.eye()).await?;
        let now = state.app.now();
        let it = Overview {
            nav: who.nav(&known.id, Tab::Overview),
            url: &format!("/desk/companies/{}", known.id),
            salon_id: known.salon_id.0,
            title: &known.title,
            address: &known.address,
            timezone: known.timezone,
            light: light(found.health.light, known.state),
            state: known.state,
            session: found.session,
            number: found.number.as_deref(),
            troubles: &troubles(&found.health, known.state, found.session, now),
            sending: &found.health.sending,
            last_message_at: found.health.last_message_at,
            last_sync_at: found.health.last_sync_at,
            now,
            may_connect: who.login().role == Role::Owner && known.state != TenantState::Uninstalled,
        };
        Ok(ok(view::overview(who.frame(), &it)))
    };
    answer(page.await, &who.visit)
}

/// The problems of the health, each once, as values for words.
fn troubles(health: &Health, state: TenantState, session: SessionState, now: UnixMs) -> Vec<Trouble> {
    let minutes = |until: Option<UnixMs>| (until.map_or(0, |until| until.since(now)) + 59_999) / 60_000;
    let mut all: Vec<Trouble> = Vec::new();
    for problem in &health.problems {
        let trouble = match problem.code {
            "yclients" => Trouble::Installation(state),
            "hooks_waiting" => Trouble::HooksWait(health.waiting_hooks),
            "job_parked" => Trouble::JobsParked(health.parked_jobs as i64),
            "uncertain_messages" => Trouble::Uncertain(health.uncertain_messages),
            "reach_out_locked" => Trouble::ReachOutLocked(minutes(health.sending.locked_until)),
            "sending_rests" => Trouble::SendingRests(minutes(health.sending.rests_until)),
            "messages_dropped" => Trouble::Dropped(health.sending.dropped_today),
            "sync_failed" => Trouble::Sync,
            "webhook_settings" => Trouble::WebhookSettings,
            _ => Trouble::Session(session),
        };
        if !all.contains(&trouble) {
            all.push(trouble);
        }
    }
    all
}

/// `GET /desk/companies/{id}/connect`: on to the connect page. Whoever sees its code can link a phone, so it is the owner's alone.
pub async fn connect(State(state): State<WebState>, Path(id): Path<String>, who: Insider) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        if who.login().role != Role::Owner {
            return Err(app::Error::Rejected("not_allowed"));
        }
        if known.state == TenantState::Uninstalled {
            return Err(app::Error::Rejected("not_installed"));
        }
        let (secret, now) = (&state.app.settings.jwt_secret, state.app.now());
        let token = page_token::sign(secret, &known.id, std::slice::from_ref(&known.id), now)
            .map_err(|_| app::Error::Rejected("token_not_signed"))?;
        Ok(go(&format!("/connect?token={token}&lang={}", who.visit.locale.code()), None))
    };
    answer(page.await, &who.visit)
}
