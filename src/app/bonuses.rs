//! Bonuses: what a record earns is posted, and a desk spends.
//!
//! # Decision: two desks at once
//! Whoever spends first takes the client's row ([`client::touch`]) and then sums the account: on PostgreSQL the second waits for
//! the first's commit and sums anew, on SQLite there is one writer anyway. No balance is stored, so none can be stale.
//!
//! # Decision: what expires
//! It is posted when somebody is about to spend, and reckoned when somebody looks. A night's job over all accounts would say the
//! same; until then the ledger's own sum over a salon counts what nobody may spend any more.

use super::books::Salon;
use super::clients::programme_of;
use super::error::Error;
use super::{App, enqueue, faces};
use crate::domain::bonus::{self, Entry, Kind, Programme, Visit};
use crate::domain::books::Status;
use crate::domain::code::Code;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::failpoint::failpoint;
use crate::kernel::id::{ClientKey, PostingId, TenantId};
use crate::storage::client::HashedSigns;
use crate::storage::ledger::{self, NewPosting, Posted, PostingRow};
use crate::storage::{Conn, Error as Stored, books, client};

const DAY_MS: i64 = 24 * 3_600_000;
/// After every id, in whatever order a database puts letters.
const NEWEST: &str = "zzzz";
/// A key that a caller gives is as long at most.
const LONGEST_KEY: usize = 200;

/// Posts what a record asks for, beside what was posted for it before.
pub(super) async fn settle_record(
    conn: &mut Conn,
    salon: &Salon<'_>,
    (record, visit): (RecordId, &Visit),
    (holder, posted): (Option<&ClientKey>, &Posted),
    now: UnixMs,
) -> Result<(), Error> {
    let standings = &posted.standings;
    for (place, due) in bonus::settle(&salon.programme, visit, holder, standings).iter().enumerate() {
        // The how-manieth of the record it is: a second writer of the same would meet the first one's key.
        let key = format!("record:{record}:{}", posted.count + place);
        let new = NewPosting {
            key: &key,
            entry: &due.entry,
            record: Some(record),
            rate: due.rate,
            balance_after: None,
        };
        if ledger::post(conn, salon.id, &new, now).await?.is_none() {
            return Err(Error::Storage(Stored::Conflict(key)));
        }
    }
    Ok(())
}

/// Who is to spend: whom a desk has before it, or has typed the code of.
#[derive(Debug, Clone)]
pub enum Spender {
    Client(ClientKey),
    Code(Code),
}

/// A wish to spend.
#[derive(Debug, Clone)]
pub struct Spend {
    pub who: Spender,
    /// Kopecks.
    pub amount: i64,
    pub record: Option<RecordId>,
    /// The caller's own: the same key is the same wish.
    pub key: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    Done {
        posting: PostingId,
        client: ClientKey,
        amount: i64,
        balance: i64,
        is_replay: bool,
    },
    /// There is less than that.
    Overdraft {
        balance: i64,
    },
    /// Of this visit no more may be paid with bonuses.
    TooMuchOfVisit {
        most: i64,
    },
}

/// Spends bonuses of a client, once for each key.
pub async fn spend(app: &App, id: &TenantId, wish: &Spend) -> Result<Spent, Error> {
    if wish.key.trim().is_empty() || wish.key.len() > LONGEST_KEY {
        return Err(Error::Rejected("bad_idempotency_key"));
    }
    let (data_key, programme, now) = (app.keys.of(id).await?, programme_of(app, id).await?, app.now());
    let key = format!("spend:{}", data_key.hash("spend", &wish.key));
    let mut conn = app.db.begin().await?;
    // The record first, as everywhere, then its client.
    if let Some(record) = wish.record
        && !books::make_due(&mut conn, id, record).await?
    {
        return Err(Error::Rejected("unknown_record"));
    }
    let spender = match &wish.who {
        Spender::Client(client) => client.clone(),
        Spender::Code(code) => {
            let signs =
                HashedSigns { code: Some(faces::code_hash(&data_key, code)), ..HashedSigns::default() };
            let found = client::list_named(&mut conn, id, &signs, None).await?;
            found.into_iter().next().ok_or(Error::Rejected("unknown_code"))?.id
        }
    };
    let entry = Entry::new(Kind::Spend, &spender, wish.amount).ok_or(Error::Rejected("bad_amount"))?;
    if !client::touch(&mut conn, id, &spender, now).await? {
        return Err(Error::NotFound);
    }
    if let Some(before) = ledger::find(&mut conn, id, &key).await? {
        return replay(&before, &entry, wish.record);
    }
    if let Some(record) = wish.record
        && books::find(&mut conn, id, record).await?.is_some_and(|row| row.status == Some(Status::Cancelled))
    {
        // What is spent on it would come straight back, and the desk would have given it away.
        return Err(Error::Rejected("visit_cancelled"));
    }
    expire(&mut conn, id, &programme, &spender, now).await?;
    let balance = ledger::balance(&mut conn, id, &spender).await?;
    if balance < wish.amount {
        return Ok(Spent::Overdraft { balance });
    }
    if let Some(record) = wish.record
        && let Some(most) = most_of_visit(&mut conn, id, &programme, record).await?
        && wish.amount > most
    {
        return Ok(Spent::TooMuchOfVisit { most });
    }
    let left = balance - wish.amount;
    let new =
        NewPosting { key: &key, entry: &entry, record: wish.record, rate: None, balance_after: Some(left) };
    let posted = ledger::post(&mut conn, id, &new, now).await?;
    // Of another client, in this very moment.
    let posting = posted.ok_or(Error::Rejected("key_was_used"))?;
    if wish.record.is_some() {
        enqueue::books(&mut conn, id, now).await?;
    }
    failpoint!("bonuses.before_commit");
    conn.commit().await?;
    failpoint!("bonuses.committed");
    app.bus.tell_books(id, vec![spender.clone()]);
    tracing::info!(tenant.id = %id, posting.id = %posting, "bonuses were spent");
    Ok(Spent::Done { posting, client: spender, amount: wish.amount, balance: left, is_replay: false })
}

/// The first answer once more. Another wish under the same key is a mistake of the caller's.
fn replay(before: &PostingRow, entry: &Entry, record: Option<RecordId>) -> Result<Spent, Error> {
    let is_same = before.client == entry.client && before.change == entry.change() && before.record == record;
    match before.balance_after.filter(|_| is_same) {
        Some(balance) => Ok(Spent::Done {
            posting: before.id.clone(),
            client: before.client.clone(),
            amount: entry.amount(),
            balance,
            is_replay: true,
        }),
        None => Err(Error::Rejected("key_was_used")),
    }
}

/// What may still be paid of a record with bonuses; `None` where its price is not known.
async fn most_of_visit(
    conn: &mut Conn,
    id: &TenantId,
    programme: &Programme,
    record: RecordId,
) -> Result<Option<i64>, Error> {
    let Some(price) = books::find(conn, id, record).await?.and_then(|row| row.price) else { return Ok(None) };
    let posted = ledger::posted_for(conn, id, &[record]).await?;
    let spent: i64 =
        posted.values().flat_map(|posted| &posted.standings).map(|standing| standing.spent).sum();
    Ok(Some((programme.most_of(price) - spent).max(0)))
}

/// Posts what has expired of a client's account. The caller holds the client's row.
async fn expire(
    conn: &mut Conn,
    id: &TenantId,
    programme: &Programme,
    client: &ClientKey,
    now: UnixMs,
) -> Result<(), Error> {
    let (_, gone) = reckon(conn, id, programme, client, now).await?;
    let Some(entry) = Entry::new(Kind::Expire, client, gone) else { return Ok(()) };
    let key = format!("expire:{client}:{}", now.0);
    let new = NewPosting { key: &key, entry: &entry, record: None, rate: None, balance_after: None };
    ledger::post(conn, id, &new, now).await?;
    Ok(())
}

/// What an account holds, and what of it has expired.
async fn reckon(
    conn: &mut Conn,
    id: &TenantId,
    programme: &Programme,
    client: &ClientKey,
    now: UnixMs,
) -> Result<(i64, i64), Error> {
    if programme.expire_days == 0 {
        return Ok((ledger::balance(conn, id, client).await?, 0));
    }
    let line = now.plus_ms(-programme.expire_days * DAY_MS);
    let (given_before, taken_ever, balance) = ledger::ages(conn, id, client, line).await?;
    Ok((balance, bonus::expiring(given_before, taken_ever, balance)))
}

/// What a client may spend.
pub(super) async fn balance(
    conn: &mut Conn,
    id: &TenantId,
    programme: &Programme,
    client: &ClientKey,
    now: UnixMs,
) -> Result<i64, Error> {
    let (balance, gone) = reckon(conn, id, programme, client, now).await?;
    Ok(balance - gone)
}

/// A page of a client's ledger, the newest first, and where the next begins.
pub async fn history(
    app: &App,
    id: &TenantId,
    client_id: &ClientKey,
    (before, limit): (Option<&PostingId>, usize),
) -> Result<(Vec<PostingRow>, Option<PostingId>), Error> {
    let mut conn = app.db.read().await?;
    client::find(&mut conn, id, client_id).await?.ok_or(Error::NotFound)?;
    let before = before.map_or(NEWEST, PostingId::as_str);
    let mut rows = ledger::list(&mut conn, id, client_id, before, limit as i64 + 1).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| row.id.clone());
    Ok((rows, next))
}
