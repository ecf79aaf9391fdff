//! "Why?" for programs: a record's timeline, messages by state, and a person's word on an uncertain one.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::answer::Answer;
use super::caller::Caller;
use super::openapi::{COMPANY, Problem};
use super::state::{Visit, WebState};
use crate::app::settle::{self, Word};
use crate::app::timeline_token::{self, Purpose};
use crate::app::{self, timeline};
use crate::domain::message::OutboxState;
use crate::domain::timeline::{Cursor, Entry, Eye, Message};
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::views::Words;
use crate::views::timeline::sentence;

/// Entries in an answer when nothing is said of it, and at most.
const PAGE: usize = 50;
const MOST: usize = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Turn {
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<usize>,
    /// Of messages: `planned`, `sent`, `uncertain`, `expired`, `failed`, …
    state: Option<String>,
}

impl Turn {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, MOST)
    }
}

#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/records/{record_id}/timeline",
    tag = "records",
    summary = "Why was this sent, or not? One history of a record",
    params(("id" = String, Path, description = COMPANY), ("record_id" = i64, Path, description = "The record's number in YClients"), Turn),
    responses(
        (status = 200, description = "The oldest first; `page` is a link for a person, good for ten minutes", body = Value, example = json!({"record_id":501,"entries":[{"at":1770000000000i64,"kind":"decision","verb":"sent","reason":"confirmation","sentence":"Подтверждение отправлено.","source":null,"event":null,"message":null}],"next":null,"page":"https://…/timeline?token=…"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<WebState>,
    Path((_, record)): Path<(String, String)>,
    Query(turn): Query<Turn>,
    Caller { tenant, eye }: Caller,
    visit: Visit,
) -> Answer {
    let record = RecordId(record.parse().map_err(|_| app::Error::NotFound)?);
    let after = match &turn.after {
        Some(text) => Some(Cursor::parse(text).ok_or(app::Error::Rejected("bad_cursor"))?),
        None => None,
    };
    let found = timeline::of(&state.app, &tenant, record, eye, after.as_ref(), turn.limit()).await?;
    let words = Words(visit.locale);
    Ok(Json(json!({
        "record_id": found.record.0,
        "entries": found.entries.iter().map(|entry| entry_json(words, entry)).collect::<Vec<_>>(),
        "next": found.next.as_ref().map(Cursor::text),
        "page": link(&state, (&tenant, record, eye))?,
    })))
}

/// An address a person opens within ten minutes.
fn link(state: &WebState, what: (&TenantId, RecordId, Eye)) -> Result<String, app::Error> {
    let (tenant, record, _) = what;
    let secret = &state.app.settings.jwt_secret;
    let token = timeline_token::sign(secret, Purpose::Link, what, state.app.now())
        .map_err(|_| app::Error::Rejected("no_link"))?;
    let base = &state.app.settings.public_url;
    Ok(format!("{base}/companies/{tenant}/records/{record}/timeline?token={token}"))
}

fn entry_json(words: Words, entry: &Entry) -> Value {
    json!({
        "at": entry.at,
        "kind": entry.source.as_str(),
        "verb": entry.verb,
        "reason": entry.reason,
        "sentence": sentence(words, entry).replace('\u{a0}', " "),
        "source": entry.came_by,
        "event": entry.event,
        "message": entry.message.as_deref().map(message_json),
    })
}

fn message_json(message: &Message) -> Value {
    json!({
        "id": message.id,
        "kind": message.kind,
        "state": message.state,
        "ticks": message.ticks,
        "reason": message.reason,
        "attempts": message.attempts,
        "created_at": message.created_at,
        "sent_at": message.sent_at,
        "delivered_at": message.delivered_at,
        "read_at": message.read_at,
        "to": message.to,
        "text": message.text,
    })
}

/// The oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/messages",
    tag = "records",
    summary = "Messages in one state, the oldest first",
    params(("id" = String, Path, description = COMPANY), Turn),
    responses(
        (status = 200, description = "With the operator's token without text and number", body = Value, example = json!({"messages":[{"record_id":501,"id":"out_01…","kind":"confirmation","state":"sent","ticks":"delivered","reason":null,"attempts":1,"created_at":1770000000000i64,"sent_at":1770000000000i64,"delivered_at":1770000000000i64,"read_at":null,"to":"+79000000001","text":"…"}],"next":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn messages(
    State(state): State<WebState>,
    Query(turn): Query<Turn>,
    Caller { tenant, eye }: Caller,
) -> Answer {
    let wanted =
        turn.state.as_deref().and_then(OutboxState::parse).ok_or(app::Error::Rejected("bad_state"))?;
    let after = match &turn.after {
        Some(text) => Some(OutboxId::parse(text).ok_or(app::Error::Rejected("bad_cursor"))?),
        None => None,
    };
    let limit = turn.limit();
    let (list, next) = timeline::messages(&state.app, &tenant, wanted, eye, after.as_ref(), limit).await?;
    let list = list.iter().map(|(record, message)| {
        let mut body = message_json(message);
        body["record_id"] = json!(record);
        body
    });
    Ok(Json(json!({"messages": list.collect::<Vec<_>>(), "next": next})))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// `sent` or `not_sent`.
    #[serde(rename = "as")]
    #[schema(example = "not_sent")]
    what: String,
    /// Of one that was not sent: the record is planned anew.
    #[serde(default)]
    again: bool,
}

impl Said {
    fn word(&self) -> Result<Word, app::Error> {
        match (self.what.as_str(), self.again) {
            ("sent", false) => Ok(Word::Sent),
            ("not_sent", again) => Ok(Word::NotSent { again }),
            _ => Err(app::Error::Rejected("bad_word")),
        }
    }
}

#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/messages/{message_id}/settle",
    tag = "records",
    summary = "What became of a message of which nobody could say whether it left",
    params(("id" = String, Path, description = COMPANY), ("message_id" = String, Path, description = "out_…")),
    request_body(content = Said),
    responses(
        (status = 200, description = "Written", body = Value, example = json!({"message_id":"out_01…","as":"not_sent","again":true,"settled_before":false})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn settle(
    State(state): State<WebState>,
    Path((_, message)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let message = OutboxId::parse(&message).ok_or(app::Error::NotFound)?;
    let said: Said = serde_json::from_slice(&body).map_err(|_| app::Error::Rejected("bad_word"))?;
    let is_new = settle::settle(&state.app, &caller.tenant, &message, said.word()?).await?;
    let said =
        json!({"message_id": message, "as": said.what, "again": said.again, "settled_before": !is_new});
    Ok(Json(said))
}
