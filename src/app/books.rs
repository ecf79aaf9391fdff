//! The books: of every record that was written its state, its price, its client and its bonuses are kept.
//!
//! # Decision: a bell of its own
//! A message must not wait for the books, nor a hook's answer. So whoever writes a record only marks it; one job a salon takes what
//! is marked, a page in a unit of work. Taking a record holds its row, and keeping it takes the mark off: whoever writes it meanwhile
//! waits for the commit and marks it again, so no change is kept from the books, and none is counted twice: what they post is the difference
//! to what is there.

use super::error::Error;
use super::{App, bonuses, clients, enqueue, faces};
use crate::domain::bonus::{Programme, Visit};
use crate::domain::books::{self, Status};
use crate::domain::matching::{self, Match, Reason, Signs};
use crate::domain::record::{Field, Record};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{ClientId, RecordId};
use crate::kernel::failpoint::failpoint;
use crate::kernel::id::{ClientKey, TenantId};
use crate::kernel::seal::DataKey;
use crate::storage::Conn;
use crate::storage::books::{self as stored, BookRow};
use crate::storage::ledger::{self, Posted};

/// Records kept in one unit of work.
const PAGE: i64 = 100;
/// Pages of one run: a stop does not wait longer than for these.
const MOST_PAGES: usize = 20;
/// On PostgreSQL a record may be committed just after the job it was to ring has looked.
const LAST_LOOK_MS: i64 = 1_000;

/// A salon whose books are kept.
pub(super) struct Salon<'a> {
    pub id: &'a TenantId,
    pub key: DataKey,
    pub programme: Programme,
}

/// The job: keeps what is due. `Some(ms)` when there is something to look at then.
pub async fn keep(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let salon = match clients::salon(app, id).await {
        Ok(salon) => salon,
        // Its key was destroyed: nothing of it can be read any more.
        Err(Error::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    for page in 0..MOST_PAGES {
        let kept = keep_page(app, &salon).await?;
        if kept < PAGE as usize {
            let has_kept = kept > 0 || page > 0;
            return Ok((has_kept && app.db.is_postgres()).then_some(LAST_LOOK_MS));
        }
    }
    Ok(Some(0))
}

async fn keep_page(app: &App, salon: &Salon<'_>) -> Result<usize, Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let due = stored::take_due(&mut conn, salon.id, PAGE).await?;
    let count = due.len();
    let ids: Vec<_> = due.iter().map(|row| row.id).collect();
    let mut posted = ledger::posted_for(&mut conn, salon.id, &ids).await?;
    let mut kept = Vec::with_capacity(due.len());
    for row in &due {
        let posted = posted.remove(&row.id).unwrap_or_default();
        kept.push(keep_record(&mut conn, salon, (row, &posted), now).await?);
    }
    stored::keep(&mut conn, salon.id, &kept).await?;
    failpoint!("books.before_commit");
    conn.commit().await?;
    failpoint!("books.committed");
    let mut clients: Vec<_> = due.into_iter().chain(kept).filter_map(|row| row.client).collect();
    clients.sort();
    clients.dedup();
    if !clients.is_empty() {
        app.bus.tell_books(salon.id, clients);
    }
    Ok(count)
}

/// Posts what one record asks for; answers what the books say of it now.
async fn keep_record(
    conn: &mut Conn,
    salon: &Salon<'_>,
    (row, posted): (&BookRow, &Posted),
    now: UnixMs,
) -> Result<BookRow, Error> {
    let body = salon.key.open("record", &row.id.to_string(), &row.body);
    let Some(record) = body.ok().and_then(|body| serde_json::from_slice::<Record>(&body).ok()) else {
        // One row that is damaged must not keep all others from the books.
        tracing::error!(tenant.id = %salon.id, record.id = %row.id, "a record cannot be opened and is left out of the books");
        return Ok(row.clone());
    };
    let status = Status::of(&record);
    let kept = BookRow {
        status: Some(status),
        price: books::price(&record),
        minutes: books::minutes(&record),
        card: card_of(&record, row),
        cancelled_at: (status == Status::Cancelled).then(|| row.cancelled_at.unwrap_or(row.changed_at)),
        ..whose(conn, salon, row, &record, now).await?
    };
    let visit = Visit {
        status,
        price: kept.price,
        paid_full: record.paid_full == Field::Is(true),
        day: record.starts.value().map(chrono::NaiveDateTime::date),
    };
    bonuses::settle_record(conn, salon, (row.id, &visit), (kept.client.as_ref(), posted), now).await?;
    Ok(kept)
}

fn card_of(record: &Record, row: &BookRow) -> Option<ClientId> {
    if is_told(record) { record.client.value().and_then(|client| client.id) } else { row.card }
}

/// Whether the record says who its client is, or that there is none.
fn is_told(record: &Record) -> bool {
    record.client.is_known()
}

/// Finds whose a record is, and learns what it says of them.
async fn whose(
    conn: &mut Conn,
    salon: &Salon<'_>,
    row: &BookRow,
    record: &Record,
    now: UnixMs,
) -> Result<BookRow, Error> {
    let signs = Signs::of(record);
    let is_settled = row.matched == Reason::Person.as_str() && (!is_told(record) || row.card == signs.card);
    if is_settled || (!is_told(record) && signs.codes.is_empty()) {
        // A person's word stands for as long as the record hangs on that card; and what is not said takes nothing away.
        return Ok(row.clone());
    }
    let found = faces::candidates(conn, salon.id, &salon.key, &signs).await?;
    let (client, reason, candidates) = match matching::decide(&found, row.client.as_ref()) {
        Match::One(id, reason) => {
            clients::learn(conn, salon, (&id, reason), record, now).await?;
            // What made a client known is no other reason the second time.
            let is_still = row.client.as_ref() == Some(&id) && row.matched == Reason::Made.as_str();
            (Some(id), if is_still { Reason::Made } else { reason }, Vec::new())
        }
        Match::Several(candidates) => (None, Reason::Ambiguous, candidates),
        Match::Nobody if record.client == Field::Empty => (None, Reason::NoClient, Vec::new()),
        Match::Nobody if !is_told(record) => return Ok(row.clone()),
        Match::Nobody if !signs.are_contacts() => (None, Reason::NoContact, Vec::new()),
        Match::Nobody => (clients::make(conn, salon, record, now).await?, Reason::Made, Vec::new()),
    };
    Ok(BookRow { client, matched: reason.as_str().to_owned(), candidates, ..row.clone() })
}

/// A person says whose a record is. It is kept anew by that, bonuses and all.
pub async fn settle(app: &App, id: &TenantId, record: RecordId, client: &ClientKey) -> Result<(), Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    // The record first, as everywhere, then its client.
    if !stored::settle(&mut conn, id, record, Some(client), Reason::Person.as_str()).await? {
        return Err(Error::NotFound);
    }
    if !crate::storage::client::touch(&mut conn, id, client, now).await? {
        return Err(Error::Rejected("unknown_client"));
    }
    enqueue::books(&mut conn, id, now).await?;
    Ok(conn.commit().await?)
}

/// Rings for salons with records that are due and no bell: of an older release, or committed between two looks. Says how many.
pub async fn ring_silent(app: &App) -> Result<usize, Error> {
    let silent = stored::list_silent(&mut app.db.read().await?, enqueue::BOOKS, 500).await?;
    if silent.is_empty() {
        return Ok(0);
    }
    let now = app.now();
    let mut conn = app.db.begin().await?;
    for id in &silent {
        enqueue::books(&mut conn, id, now).await?;
    }
    conn.commit().await?;
    Ok(silent.len())
}
