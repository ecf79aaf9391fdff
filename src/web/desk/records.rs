//! One company's records, and one record's history.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::{Insider, Signed, answer, go, ok, url};
use crate::app::desk::{self, Visit, VisitCursor, Way};
use crate::app::settle::{self, Word};
use crate::app::{self, timeline};
use crate::domain::timeline::Cursor;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::OutboxId;
use crate::views::desk::{self as view, RecordLine, Records, Tab, Turn};
use crate::views::timeline::{self as history, Place};
use crate::web::state::WebState;

const PAGE: usize = 50;
/// So that a history stays light on a phone.
const HISTORY: usize = 40;

#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    show: String,
    after: Option<String>,
}

fn cursor(text: &str) -> Option<VisitCursor> {
    let (at, id) = text.split_once('.')?;
    Some((UnixMs(at.parse().ok()?), RecordId(id.parse().ok()?)))
}

/// `GET /desk/companies/{id}/records?show=behind&after=`
pub async fn index(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        let is_behind = address.show == "behind";
        let way = if is_behind { Way::Behind } else { Way::Ahead };
        let after = address.after.as_deref().and_then(cursor);
        let (visits, next) =
            desk::visits(&state.app, &known, who.login().role.eye(), way, after, PAGE).await?;
        let (path, show) =
            (format!("/desk/companies/{}/records", known.id), if is_behind { "behind" } else { "" });
        let next = next.map(|(at, id)| url(&path, &[("show", show), ("after", &format!("{}.{id}", at.0))]));
        let turn = Turn {
            first: if after.is_some() { url(&path, &[("show", show)]) } else { String::new() },
            next: next.unwrap_or_default(),
        };
        let rows: Vec<_> = visits.into_iter().map(line).collect();
        let list = Records {
            nav: who.nav(&known.id, Tab::Records),
            title: &known.title,
            url: &path,
            timezone: known.timezone,
            now: state.app.now(),
            is_behind,
            rows: &rows,
            turn,
        };
        Ok(ok(view::records(who.frame(), &list)))
    };
    answer(page.await, &who.visit)
}

fn line(visit: Visit) -> RecordLine {
    RecordLine {
        id: visit.record.0,
        starts_at: visit.starts_at,
        is_deleted: visit.is_deleted,
        client: visit.client,
        services: visit.services,
        master: visit.master,
        message: visit.message,
        decided: visit.decided,
    }
}

fn record(text: &str) -> Result<RecordId, app::Error> {
    text.parse().map(RecordId).map_err(|_| app::Error::NotFound)
}

/// `GET /desk/companies/{id}/records/{record_id}?after=`: "why was this sent, or not?"
pub async fn show(
    State(state): State<WebState>,
    Path((id, record_id)): Path<(String, String)>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let (known, record) = (who.company(&state, &id).await?, record(&record_id)?);
        let after = address.after.as_deref().and_then(Cursor::parse);
        let eye = who.login().role.eye();
        let found = timeline::of(&state.app, &known.id, record, eye, after.as_ref(), HISTORY).await?;
        let place = Place {
            url: format!("/desk/companies/{}/records/{record}", known.id),
            form_key: who.form_key.clone(),
            is_later: after.is_some(),
            now: state.app.now(),
            nav: who.nav(&known.id, Tab::Records),
        };
        Ok(ok(history::page(who.frame(), &found, &place)))
    };
    answer(page.await, &who.visit)
}

/// What a person says of a message nobody knows of; the buttons are those of the history.
pub(super) fn word(text: &str) -> Result<Word, app::Error> {
    match text {
        "sent" => Ok(Word::Sent),
        "again" => Ok(Word::NotSent { again: true }),
        "not_sent" => Ok(Word::NotSent { again: false }),
        _ => Err(app::Error::Rejected("bad_word")),
    }
}

#[derive(Deserialize)]
pub struct Answer {
    message: String,
    word: String,
}

/// `POST /desk/companies/{id}/records/{record_id}/settle`. Pressed twice, or where a sign came first, it leads back to what stands.
pub async fn settle(
    State(state): State<WebState>,
    Path((id, record_id)): Path<(String, String)>,
    Signed { insider: who, form }: Signed<Answer>,
) -> Response {
    let settled = async {
        let (known, record) = (who.company(&state, &id).await?, record(&record_id)?);
        let message = OutboxId::parse(&form.message).ok_or(app::Error::NotFound)?;
        let back = format!("/desk/companies/{}/records/{record}", known.id);
        match settle::settle_of_record(&state.app, &known.id, record, &message, word(&form.word)?).await {
            Ok(_) | Err(app::Error::Rejected("not_uncertain")) => Ok(go(&back, None)),
            Err(e) => Err(e),
        }
    };
    answer(settled.await, &who.visit)
}
