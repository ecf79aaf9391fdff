//! One company's messages by state.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::records::word;
use super::{Insider, Signed, answer, go, ok, url};
use crate::app::{self, desk, settle};
use crate::domain::message::OutboxState;
use crate::kernel::id::OutboxId;
use crate::views::desk::{self as view, MessageLine, Messages, Tab, Turn};
use crate::web::state::WebState;

const PAGE: usize = 30;

#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    state: String,
    before: Option<String>,
}

/// `GET /desk/companies/{id}/messages?state=&before=`. Without a state those that wait for a person, or else those that left.
pub async fn index(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        let counts = desk::message_counts(&state.app, &known.id).await?;
        let has_doubts = counts.iter().any(|(state, count)| *state == OutboxState::Uncertain && *count > 0);
        let first = if has_doubts { OutboxState::Uncertain } else { OutboxState::Sent };
        let wanted = OutboxState::parse(&address.state).unwrap_or(first);
        let before = address.before.as_deref().and_then(OutboxId::parse);
        let eye = who.login().role.eye();
        let (found, next) = desk::messages(&state.app, &known.id, wanted, eye, before.as_ref(), PAGE).await?;
        let company = format!("/desk/companies/{}", known.id);
        let path = format!("{company}/messages");
        let next = next.map(|id| url(&path, &[("state", wanted.as_str()), ("before", id.as_str())]));
        let turn = Turn {
            first: if before.is_some() { url(&path, &[("state", wanted.as_str())]) } else { String::new() },
            next: next.unwrap_or_default(),
        };
        let line = |(record, message): (Option<crate::kernel::crm_id::RecordId>, _)| MessageLine {
            record: record.map(|record| record.0),
            message,
        };
        let rows: Vec<_> = found.into_iter().map(line).collect();
        let list = Messages {
            nav: who.nav(&known.id, Tab::Messages),
            title: &known.title,
            url: &company,
            form_key: &who.form_key,
            timezone: known.timezone,
            now: state.app.now(),
            state: wanted,
            counts: &counts,
            rows: &rows,
            turn,
        };
        Ok(ok(view::messages(who.frame(), &list)))
    };
    answer(page.await, &who.visit)
}

#[derive(Deserialize)]
pub struct Answer {
    word: String,
}

/// `POST /desk/companies/{id}/messages/{message_id}/settle`
pub async fn settle(
    State(state): State<WebState>,
    Path((id, message)): Path<(String, String)>,
    Signed { insider: who, form }: Signed<Answer>,
) -> Response {
    let settled = async {
        let known = who.company(&state, &id).await?;
        let message = OutboxId::parse(&message).ok_or(app::Error::NotFound)?;
        match settle::settle(&state.app, &known.id, &message, word(&form.word)?).await {
            Ok(_) | Err(app::Error::Rejected("not_uncertain")) => {
                Ok(go(&format!("/desk/companies/{}/messages?state=uncertain", known.id), None))
            }
            Err(e) => Err(e),
        }
    };
    answer(settled.await, &who.visit)
}
