//! What a client who is signed in sees of themselves: name, code and bonuses, and their own records.

use super::client_door::ClientSitting;
use super::clients::{self, Client};
use super::desk::VisitCursor;
use super::error::Error;
use super::{App, bonuses, tenants_of};
use crate::domain::books::Status;
use crate::domain::record::{Master, Record, ServiceLine};
use crate::domain::tenant::Tenant;
use crate::domain::timeline::Eye;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::storage::books::{self, BookRow};
pub use crate::storage::desk::Way;
use crate::storage::ledger::PostingRow;

/// A client with their salon.
#[derive(Debug, Clone)]
pub struct Profile {
    pub client: Client,
    pub salon: Tenant,
}

/// Whoever looks at themselves has a code.
pub async fn profile(app: &App, who: &ClientSitting) -> Result<Profile, Error> {
    let (client, _) = clients::of(app, &who.tenant, &who.client, Eye::Salon).await?;
    Ok(Profile { client, salon: tenants_of(app, &who.tenant).await?.tenant })
}

/// The last lines of a client's account.
pub async fn postings(app: &App, who: &ClientSitting, most: usize) -> Result<Vec<PostingRow>, Error> {
    Ok(bonuses::history(app, &who.tenant, &who.client, (None, most)).await?.0)
}

/// A record as its client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRecord {
    pub id: RecordId,
    pub starts_at: UnixMs,
    pub minutes: Option<i64>,
    pub services: Vec<ServiceLine>,
    pub master: Option<Master>,
    pub status: Status,
    /// Minor units.
    pub price: Option<i64>,
}

/// A page of a client's own records: of those ahead the nearest first; or all of them, the latest first.
pub async fn records(
    app: &App,
    who: &ClientSitting,
    way: Way,
    after: Option<VisitCursor>,
    limit: usize,
) -> Result<(Vec<OwnRecord>, Option<VisitCursor>), Error> {
    let key = app.keys.of(&who.tenant).await?;
    let first = match way {
        Way::Ahead => (app.now(), RecordId(i64::MAX)),
        Way::Behind => (UnixMs(i64::MAX), RecordId(i64::MAX)),
    };
    let (beyond, most) = (after.unwrap_or(first), limit as i64 + 1);
    let mut rows =
        books::turn_of_client(&mut app.db.read().await?, &who.tenant, &who.client, way, beyond, most).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).and_then(|row| Some((row.starts_at?, row.id)));
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let body = key.open("record", &row.id.to_string(), &row.body)?;
        found.extend(own(&row, &serde_json::from_slice(&body)?));
    }
    Ok((found, next))
}

fn own(row: &BookRow, record: &Record) -> Option<OwnRecord> {
    Some(OwnRecord {
        id: row.id,
        starts_at: row.starts_at?,
        minutes: row.minutes,
        services: record.services.value().cloned().unwrap_or_default(),
        master: record.master.value().filter(|master| !master.name.is_empty()).cloned(),
        status: row.status.unwrap_or_else(|| Status::of(record)),
        price: row.price,
    })
}

/// The nearest record ahead of a client that is none of those they know of; `None` while there is none.
pub async fn arrived(app: &App, who: &ClientSitting, known: &[RecordId]) -> Result<Option<OwnRecord>, Error> {
    /// More records ahead than these nobody has.
    const LOOK: usize = 100;
    let (ahead, _) = records(app, who, Way::Ahead, None, LOOK).await?;
    Ok(ahead.into_iter().find(|record| !known.contains(&record.id)))
}

/// A moment by the salon's clock, with its offset: `2026-03-14T15:00:00+03:00`.
#[must_use]
pub fn local_text(at: UnixMs, salon: &Tenant) -> String {
    use chrono::TimeZone as _;
    salon.timezone.timestamp_millis_opt(at.0).earliest().map(|it| it.to_rfc3339()).unwrap_or_default()
}
