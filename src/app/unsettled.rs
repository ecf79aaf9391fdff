//! Records of which nobody knows whose they are: listed with whom they may be of, and settled by a person's word.

use super::clients::{self, Client};
use super::error::Error;
use super::{App, enqueue, faces};
use crate::domain::client::Card;
use crate::domain::code::Code;
use crate::domain::matching::{Candidate, Reason, Signs};
use crate::domain::record::{Field, Record};
use crate::domain::timeline::Eye;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{ClientKey, TenantId};
use crate::kernel::seal::DataKey;
use crate::storage::Conn;
use crate::storage::books::{self as book, BookRow};
use crate::storage::client::{self, HashedSigns};

/// Of a number that a whole salon writes for "none" all are candidates. A person looks at so many; whoever else it is has a code.
const MOST_CANDIDATES: usize = 8;

/// A record of which nobody knows whose it is, and whom it may be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    pub record: BookRow,
    /// What it says of its client; as little as the looker may see.
    pub name: String,
    pub phone: String,
    pub services: Vec<String>,
    /// Each with the signs that name them.
    pub candidates: Vec<(Client, Candidate)>,
    /// Candidates that are not shown.
    pub more: usize,
}

/// A page of records that a person is to settle, and where the next begins.
pub async fn list(
    app: &App,
    id: &TenantId,
    eye: Eye,
    (after, limit): (Option<RecordId>, usize),
) -> Result<(Vec<Unmatched>, Option<RecordId>), Error> {
    let key = app.keys.of(id).await?;
    let programme = clients::programme_of(app, id).await?;
    let mut conn = app.db.read().await?;
    let first = RecordId(i64::MIN);
    let mut rows = book::list_unmatched(&mut conn, id, after.unwrap_or(first), limit as i64 + 1).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| row.id);
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let record = opened(&key, &row)?;
        let mut candidates = Vec::new();
        for (known, candidate) in named(&mut conn, id, &key, &row, &record).await? {
            let card = faces::open(&key, &known)?;
            let client = clients::view(&mut conn, id, &programme, (known, card), eye, app.now()).await?;
            candidates.push((client, candidate));
        }
        found.push(told(row, &record, candidates, eye));
    }
    Ok((found, next))
}

fn opened(key: &DataKey, row: &BookRow) -> Result<Record, Error> {
    Ok(serde_json::from_slice(&key.open("record", &row.id.to_string(), &row.body)?)?)
}

/// The first of those who may be meant, each with the signs that name them.
async fn named(
    conn: &mut Conn,
    id: &TenantId,
    key: &DataKey,
    row: &BookRow,
    record: &Record,
) -> Result<Vec<(client::ClientRow, Candidate)>, Error> {
    if row.candidates.is_empty() {
        return Ok(Vec::new());
    }
    let signs = faces::candidates(conn, id, key, &Signs::of(record)).await?;
    let mut found = Vec::new();
    for candidate in row.candidates.iter().take(MOST_CANDIDATES) {
        let Some(known) = client::find(conn, id, candidate).await? else { continue };
        let unsigned =
            Candidate { id: candidate.clone(), code: false, email: false, phone: false, card: false };
        let signed = signs.iter().find(|signed| signed.id == *candidate).cloned();
        found.push((known, signed.unwrap_or(unsigned)));
    }
    Ok(found)
}

fn told(row: BookRow, record: &Record, candidates: Vec<(Client, Candidate)>, eye: Eye) -> Unmatched {
    let phone = Signs::of(record).phone;
    Unmatched {
        name: match (eye, record.client.value()) {
            (Eye::Salon, Some(told)) => Card::of(told).name,
            _ => String::new(),
        },
        phone: match eye {
            Eye::Salon => phone.map(|phone| phone.international()),
            Eye::Operator => phone.map(|phone| phone.masked()),
        }
        .unwrap_or_default(),
        services: record.service_set().into_iter().collect(),
        more: row.candidates.len().saturating_sub(MOST_CANDIDATES),
        record: row,
        candidates,
    }
}

/// Whose a person says a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Known(ClientKey),
    Coded(Code),
    /// Somebody we do not know yet: the record makes them known.
    New,
    /// It is to be nobody's.
    Nobody,
}

/// Takes a person's word for a record that waits for it; the first word stands (`already_settled`). It is kept anew by that, bonuses
/// and all.
pub async fn settle(app: &App, id: &TenantId, record: RecordId, whose: &Whose) -> Result<(), Error> {
    let (salon, now) = (clients::salon(app, id).await?, app.now());
    let mut conn = app.db.begin().await?;
    // The record first, as everywhere, then its client.
    if !book::make_due(&mut conn, id, record).await? {
        return Err(Error::NotFound);
    }
    let row = book::find(&mut conn, id, record).await?.ok_or(Error::NotFound)?;
    if ![Reason::Ambiguous.as_str(), Reason::NoContact.as_str()].contains(&row.matched.as_str()) {
        return Err(Error::Rejected("already_settled"));
    }
    let client = match whose {
        Whose::Known(client) => Some(client.clone()),
        Whose::Coded(code) => {
            let signs =
                HashedSigns { code: Some(faces::code_hash(&salon.key, code)), ..HashedSigns::default() };
            let found = client::list_named(&mut conn, id, &signs, None).await?;
            Some(found.into_iter().next().ok_or(Error::Rejected("unknown_code"))?.id)
        }
        Whose::New => {
            let mut told = opened(&salon.key, &row)?;
            if let Field::Is(person) = &mut told.client
                && !clients::is_nobodys(&mut conn, &salon, person.id).await?
            {
                // The card is another's, and stays theirs.
                person.id = None;
            }
            let made = clients::make(&mut conn, &salon, &told, now).await?;
            Some(made.ok_or(Error::Rejected("nobody_told"))?)
        }
        Whose::Nobody => None,
    };
    if let Some(client) = &client
        && !client::touch(&mut conn, id, client, now).await?
    {
        return Err(Error::Rejected("unknown_client"));
    }
    book::settle(&mut conn, id, record, client.as_ref(), Reason::Person.as_str()).await?;
    enqueue::books(&mut conn, id, now).await?;
    conn.commit().await?;
    tracing::info!(tenant.id = %id, record.id = %record, "a person said whose a record is");
    Ok(())
}
