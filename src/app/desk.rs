//! What the desk shows: companies, how one stands, its records and its messages. It only reads.

use super::error::Error;
use super::health::{self, Health, Light};
use super::{App, tenants_of, timeline};
use crate::domain::dates;
use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::domain::record::Record;
use crate::domain::session::SessionState;
use crate::domain::tenant::{Tenant, TenantState};
use crate::domain::timeline::{Eye, Message};
use crate::domain::why::Verb;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
pub use crate::storage::desk::Way;
use crate::storage::desk::{self as stored, CompanyRow, VisitRow};
use crate::storage::{outbox, wa_session};

const DAY_MS: i64 = 24 * 3_600_000;
/// Companies read at once while those that are looked for are picked out.
const SCAN: i64 = 500;

/// A company in the operator's list.
#[derive(Debug, Clone)]
pub struct Company {
    pub id: TenantId,
    pub salon_id: i64,
    pub title: String,
    pub address: String,
    pub state: TenantState,
    pub session: SessionState,
    pub light: Light,
}

/// Which companies are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A part of the name or the address, or the salon's number.
    pub text: String,
    /// Only those that are not green; those that have gone are nobody's trouble.
    pub is_troubled: bool,
}

impl Search {
    fn finds(&self, company: &Company) -> bool {
        let text = self.text.trim().to_lowercase();
        let named = || format!("{} {}", company.title, company.address).to_lowercase().contains(&text);
        let is_meant = text.is_empty()
            || company.salon_id.to_string() == text
            || company.id.as_str().to_lowercase() == text
            || named();
        let troubled = company.light != Light::Green && company.state != TenantState::Uninstalled;
        is_meant && (troubled || !self.is_troubled)
    }
}

/// A page of companies by name, and the last of it where there is a next.
///
/// # Decision
/// What is looked for is picked out here, not in SQL: SQLite lowers no Cyrillic letter, and the light is made of many things.
/// Thousands of companies are read in some milliseconds, and only when somebody searches for what is rare.
pub async fn companies(
    app: &App,
    search: &Search,
    after: Option<(String, TenantId)>,
    limit: usize,
) -> Result<(Vec<Company>, bool), Error> {
    let now = app.now();
    let (mut title, mut id) = after.map_or_else(Default::default, |(title, id)| (title, id.to_string()));
    let mut found = Vec::new();
    loop {
        let since = now.plus_ms(-DAY_MS);
        let rows = stored::list_companies(&mut app.db.read().await?, (&title, &id), since, SCAN).await?;
        let is_last = (rows.len() as i64) < SCAN;
        if let Some(last) = rows.last() {
            (title, id) = (last.title.clone(), last.id.clone());
        }
        found.extend(
            rows.into_iter().filter_map(|row| company(row, now)).filter(|company| search.finds(company)),
        );
        if found.len() > limit {
            found.truncate(limit);
            return Ok((found, true));
        }
        if is_last {
            return Ok((found, false));
        }
    }
}

/// A row of a state that only a newer release knows is left out.
fn company(row: CompanyRow, now: UnixMs) -> Option<Company> {
    let (state, session) = (TenantState::parse(&row.state)?, SessionState::parse(&row.session)?);
    let light = health::glance(&row, state, session, now);
    Some(Company {
        id: TenantId::from_stored(row.id),
        salon_id: row.salon_id,
        title: row.title,
        address: row.address,
        state,
        session,
        light,
    })
}

/// A company's row; `NotFound` when there is none.
pub async fn tenant(app: &App, id: &TenantId) -> Result<Tenant, Error> {
    Ok(tenants_of(app, id).await?.tenant)
}

/// How a company stands.
#[derive(Debug)]
pub struct Overview {
    pub health: Health,
    pub session: SessionState,
    /// The linked number; masked, unless the salon looks.
    pub number: Option<String>,
}

pub async fn overview(app: &App, id: &TenantId, eye: Eye) -> Result<Overview, Error> {
    let health = health::at_hand(app, id).await?;
    let row = wa_session::find(&mut app.db.read().await?, id).await?;
    let session = row.as_ref().map_or(SessionState::Unpaired, |row| row.state);
    let number = match (row.filter(|row| !row.phone.is_empty()), timeline::key_of(app, id).await?) {
        (Some(row), Some(key)) => Phone::parse(&key.open_text("wa_session", "phone", &row.phone)?),
        _ => None,
    };
    let number = number.map(|phone| if eye == Eye::Salon { phone.international() } else { phone.masked() });
    Ok(Overview { health, session, number })
}

/// A record as the desk lists it.
#[derive(Debug, Clone)]
pub struct Visit {
    pub record: RecordId,
    pub starts_at: UnixMs,
    pub is_deleted: bool,
    /// Only for the salon.
    pub client: Option<String>,
    pub services: Vec<String>,
    pub master: Option<String>,
    /// Its last message.
    pub message: Option<(MessageKind, OutboxState, Ticks)>,
    /// The last decision on it, for where there is no message.
    pub decided: Option<Verb>,
}

/// Where a page of records begins.
pub type VisitCursor = (UnixMs, RecordId);

/// A page of a company's records: from today on, the nearest first; or before today, the latest first.
pub async fn visits(
    app: &App,
    known: &Tenant,
    eye: Eye,
    way: Way,
    after: Option<VisitCursor>,
    limit: usize,
) -> Result<(Vec<Visit>, Option<VisitCursor>), Error> {
    let today = dates::local(app.now(), known.timezone).date().and_hms_opt(0, 0, 0).unwrap_or_default();
    // Whatever begins with the day itself is of today.
    let today = dates::instant(today, known.timezone).plus_ms(-1);
    let beyond = after.unwrap_or((today, RecordId(i64::MAX)));
    let key = timeline::key_of(app, &known.id).await?;
    let most = limit as i64 + 1;
    let mut rows = stored::list_visits(&mut app.db.read().await?, &known.id, way, beyond, most).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| (UnixMs(row.starts_at), RecordId(row.record_id)));
    let visits = rows.into_iter().map(|row| visit(key.as_ref(), row, eye)).collect::<Result<_, _>>()?;
    Ok((visits, next))
}

fn visit(key: Option<&DataKey>, row: VisitRow, eye: Eye) -> Result<Visit, Error> {
    let known: Option<Record> = match key {
        Some(key) => {
            Some(serde_json::from_slice(&key.open("record", &row.record_id.to_string(), &row.body)?)?)
        }
        None => None,
    };
    let known = known.unwrap_or_else(|| Record::unknown(RecordId(row.record_id)));
    let message = || {
        Some((
            MessageKind::parse(row.kind.as_deref()?)?,
            OutboxState::parse(row.state.as_deref()?)?,
            Ticks::parse(row.ticks.as_deref()?)?,
        ))
    };
    let name = known.client.value().map(|client| client.name.trim().to_owned());
    Ok(Visit {
        record: RecordId(row.record_id),
        starts_at: UnixMs(row.starts_at),
        is_deleted: row.deleted,
        client: name.filter(|name| eye == Eye::Salon && !name.is_empty()),
        services: known.service_set().into_iter().collect(),
        master: known.master.value().map(|master| master.name.clone()).filter(|name| !name.is_empty()),
        message: message(),
        decided: row.verb.as_deref().and_then(Verb::parse),
    })
}

/// A page of a company's messages in one state, the newest first, each with its record.
pub async fn messages(
    app: &App,
    id: &TenantId,
    state: OutboxState,
    eye: Eye,
    before: Option<&OutboxId>,
    limit: usize,
) -> Result<(Vec<(Option<RecordId>, Message)>, Option<OutboxId>), Error> {
    let key = timeline::key_of(app, id).await?;
    let most = limit as i64 + 1;
    let mut rows = stored::list_messages(&mut app.db.read().await?, id, state, before, most).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| row.id.clone());
    let list = rows.iter().map(|row| Ok((row.record, timeline::message(key.as_ref(), row, eye)?)));
    Ok((list.collect::<Result<_, Error>>()?, next))
}

/// How many messages stand in each state.
pub async fn message_counts(app: &App, id: &TenantId) -> Result<Vec<(OutboxState, i64)>, Error> {
    let counts = outbox::count(&mut app.db.read().await?, id).await?;
    Ok(counts.into_iter().filter_map(|(state, count)| Some((OutboxState::parse(&state)?, count))).collect())
}
