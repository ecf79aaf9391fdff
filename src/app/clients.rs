//! Clients: made known by records, learnt more of, and looked up by a desk.

use std::collections::HashMap;

use super::books::Salon;
use super::error::Error;
use super::{App, bonuses, codes, faces, tenants_of};
use crate::domain::bonus::Programme;
use crate::domain::client::{Card, key_of_search};
use crate::domain::code::Code;
use crate::domain::matching::Reason;
use crate::domain::record::Record;
use crate::domain::timeline::Eye;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::ClientId;
use crate::kernel::id::{ClientKey, TenantId};
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
use crate::storage::books::{self as book, BookRow};
use crate::storage::client::{self, ClientRow, HashedSigns};
use crate::storage::{Conn, ledger};

/// Rows a search looks through for one page; a beginning that many share ends the page early, and the next goes on.
const LOOK: usize = 200;
const MOST_TRIES: usize = 8;
/// Records shown with a client.
const LAST_RECORDS: i64 = 20;

/// A client as a desk sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub id: ClientKey,
    pub card: Option<ClientId>,
    pub code: Option<String>,
    pub name: String,
    pub phone: String,
    pub email: String,
    /// Kopecks, as all amounts.
    pub balance: i64,
    pub spent: i64,
    pub is_gone: bool,
    pub created_at: UnixMs,
}

/// By what a desk looks for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    All,
    Code(Code),
    Phone(Phone),
    Name(String),
}

impl Search {
    /// What somebody typed into the one field there is.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let is_number = text.chars().filter(char::is_ascii_digit).count() >= 9;
        let phone = Phone::parse(text).filter(|_| is_number);
        match (phone, Code::parse(text)) {
            _ if text.is_empty() => Self::All,
            (Some(phone), _) => Self::Phone(phone),
            // A name of eight letters that look Latin is a name.
            (None, Some(code)) if code.is_made() || text.chars().any(|c| c.is_ascii_digit()) => {
                Self::Code(code)
            }
            _ => Self::Name(text.to_owned()),
        }
    }
}

/// Makes the client of a record known, with a code.
pub(super) async fn make(
    conn: &mut Conn,
    salon: &Salon<'_>,
    record: &Record,
    now: UnixMs,
) -> Result<Option<ClientKey>, Error> {
    let Some(told) = record.client.value() else { return Ok(None) };
    for _ in 0..MOST_TRIES {
        let card = Card { code: Some(codes::fresh().to_string()), ..Card::of(told) };
        let row = faces::row(&salon.key, (ClientKey::new(now), told.id), &card, now)?;
        if client::insert(conn, salon.id, &row).await? {
            faces::write_words(conn, salon.id, &salon.key, (&row.id, &card)).await?;
            return Ok(Some(row.id));
        }
    }
    Err(codes::no_code())
}

/// Takes over what a record says of a client it was matched to.
///
/// # Decision
/// Only the client's own card teaches: a friend who books with Anna's code, or from her address, does not give her a number. A card
/// is their own when it is the one we know; or when it is nobody's and has their number: then the CRM has merged two cards, or made
/// one anew. Whoever has none takes the card that their e-mail stands on, unless it says another number: else
/// whoever knows an address could have a number of their own put in, and sign in with it.
pub(super) async fn learn(
    conn: &mut Conn,
    salon: &Salon<'_>,
    (id, reason): (&ClientKey, Reason),
    record: &Record,
    now: UnixMs,
) -> Result<(), Error> {
    let Some(row) = client::find(conn, salon.id, id).await? else { return Ok(()) };
    if row.signs.code.is_none() {
        codes::ensure(conn, salon.id, &salon.key, id, now).await?;
    }
    let Some(told) = record.client.value() else { return Ok(()) };
    let is_known = told.id.is_some() && row.card == told.id;
    let is_theirs = match reason {
        Reason::Phone => true,
        Reason::Email | Reason::EmailOverPhone => {
            let tail = told.phone.as_ref().map(|phone| faces::tail_hash(&salon.key, phone));
            row.card.is_none()
                && (row.signs.phone_tail.is_none() || tail.is_none() || tail == row.signs.phone_tail)
        }
        _ => false,
    };
    if is_known || is_theirs && is_nobodys(conn, salon, told.id).await? {
        teach(conn, salon, &row, (told.id, Card::of(told)), now).await?;
    }
    Ok(())
}

pub(super) async fn is_nobodys(
    conn: &mut Conn,
    salon: &Salon<'_>,
    card: Option<ClientId>,
) -> Result<bool, Error> {
    if card.is_none() {
        return Ok(true);
    }
    Ok(client::list_named(conn, salon.id, &HashedSigns::default(), card).await?.is_empty())
}

/// Puts what their card says in the place of what was known of a client, where it says something new.
pub(super) async fn teach(
    conn: &mut Conn,
    salon: &Salon<'_>,
    known: &ClientRow,
    (card_id, told): (Option<ClientId>, Card),
    now: UnixMs,
) -> Result<(), Error> {
    let id = &known.id;
    if !says_more(salon, known, card_id, &told)? {
        return Ok(());
    }
    // Now that it is to be written nobody else may: what they wrote since would be lost.
    let Some(row) = codes::held(conn, salon.id, id, now).await? else { return Ok(()) };
    let before = faces::open(&salon.key, &row)?;
    let mut card = before.clone();
    card.learn(told);
    let newer = faces::row(&salon.key, (id.clone(), card_id.or(row.card)), &card, row.created_at)?;
    client::update(conn, salon.id, &newer, now).await?;
    if card.name != before.name {
        faces::write_words(conn, salon.id, &salon.key, (id, &card)).await?;
    }
    Ok(())
}

fn says_more(
    salon: &Salon<'_>,
    row: &ClientRow,
    card_id: Option<ClientId>,
    told: &Card,
) -> Result<bool, Error> {
    let before = faces::open(&salon.key, row)?;
    let mut card = before.clone();
    card.learn(told.clone());
    Ok(card != before || card_id.is_some_and(|id| row.card != Some(id)) || row.gone_at.is_some())
}

/// A page of a salon's clients, and where the next begins.
pub async fn list(
    app: &App,
    id: &TenantId,
    search: &Search,
    eye: Eye,
    (after, limit): (Option<&ClientKey>, usize),
) -> Result<(Vec<Client>, Option<ClientKey>), Error> {
    // Letter by letter a search would tell the names that an answer leaves out.
    if eye == Eye::Operator && matches!(search, Search::Name(_)) {
        return Err(Error::Rejected("not_allowed"));
    }
    let (key, programme) = (app.keys.of(id).await?, programme_of(app, id).await?);
    let mut conn = app.db.read().await?;
    let most = limit.min(LOOK);
    let mut rows =
        find(&mut conn, id, &key, search, after.map_or("", ClientKey::as_str), most as i64 + 1).await?;
    let is_more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| is_more).map(|row| row.id.clone());
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let card = faces::open(&key, &row)?;
        if matches!(search, Search::Name(name) if !card.is_found_by(name)) {
            continue;
        }
        found.push(view(&mut conn, id, &programme, (row, card), eye, app.now()).await?);
    }
    Ok((found, next))
}

async fn find(
    conn: &mut Conn,
    id: &TenantId,
    key: &DataKey,
    search: &Search,
    after: &str,
    limit: i64,
) -> Result<Vec<ClientRow>, Error> {
    let signs = match search {
        Search::All => return Ok(client::list(conn, id, after, limit).await?),
        Search::Name(name) => {
            let word = key_of_search(name).ok_or(Error::Rejected("search_too_short"))?;
            return Ok(client::list_by_word(conn, id, &faces::word_hash(key, &word), after, limit).await?);
        }
        Search::Code(code) => {
            HashedSigns { code: Some(faces::code_hash(key, code)), ..HashedSigns::default() }
        }
        Search::Phone(phone) => {
            HashedSigns { phone_tail: Some(faces::tail_hash(key, phone)), ..HashedSigns::default() }
        }
    };
    let mut rows = client::list_named(conn, id, &signs, None).await?;
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows.retain(|row| row.id.as_str() > after);
    Ok(rows)
}

pub(super) async fn view(
    conn: &mut Conn,
    id: &TenantId,
    programme: &Programme,
    (row, card): (ClientRow, Card),
    eye: Eye,
    now: UnixMs,
) -> Result<Client, Error> {
    let phone = card.phone.as_ref();
    let (name, phone, email) = match eye {
        Eye::Salon => {
            (card.name, phone.map(Phone::international).unwrap_or_default(), card.email.unwrap_or_default())
        }
        Eye::Operator => (String::new(), phone.map(Phone::masked).unwrap_or_default(), String::new()),
    };
    Ok(Client {
        balance: bonuses::balance(conn, id, programme, &row.id, now).await?,
        spent: ledger::spent(conn, id, &row.id).await?,
        id: row.id,
        card: row.card,
        code: card.code,
        name,
        phone,
        email,
        is_gone: row.gone_at.is_some(),
        created_at: row.created_at,
    })
}

/// When each of these was last there.
pub async fn last_visits(
    app: &App,
    id: &TenantId,
    clients: &[Client],
) -> Result<HashMap<ClientKey, UnixMs>, Error> {
    let ids: Vec<_> = clients.iter().map(|client| client.id.clone()).collect();
    let visits = book::last_visits(&mut app.db.read().await?, id, &ids, app.now()).await?;
    Ok(visits.into_iter().collect())
}

/// Whose code this is in this salon.
pub async fn by_code(app: &App, id: &TenantId, code: &Code) -> Result<Option<ClientKey>, Error> {
    let key = app.keys.of(id).await?;
    let rows = find(&mut app.db.read().await?, id, &key, &Search::Code(code.clone()), "", 1).await?;
    Ok(rows.into_iter().next().map(|row| row.id))
}

/// One client with their last records. Whoever is looked at has a code.
pub async fn of(
    app: &App,
    id: &TenantId,
    client_id: &ClientKey,
    eye: Eye,
) -> Result<(Client, Vec<BookRow>), Error> {
    let (key, programme, now) = (app.keys.of(id).await?, programme_of(app, id).await?, app.now());
    let mut row = client::find(&mut app.db.read().await?, id, client_id).await?.ok_or(Error::NotFound)?;
    if row.signs.code.is_none() {
        let mut conn = app.db.begin().await?;
        codes::ensure(&mut conn, id, &key, client_id, now).await?;
        row = client::find(&mut conn, id, client_id).await?.ok_or(Error::NotFound)?;
        conn.commit().await?;
    }
    let mut conn = app.db.read().await?;
    let card = faces::open(&key, &row)?;
    let client = view(&mut conn, id, &programme, (row, card), eye, now).await?;
    let records = book::list_of_client(&mut conn, id, client_id, LAST_RECORDS).await?;
    Ok((client, records))
}

/// A salon with what its books are kept by; `NotFound` once its key was destroyed.
pub(super) async fn salon<'a>(app: &App, id: &'a TenantId) -> Result<Salon<'a>, Error> {
    Ok(Salon { id, key: app.keys.of(id).await?, programme: programme_of(app, id).await? })
}

/// The bonus programme of a tenant's salon.
pub async fn programme_of(app: &App, id: &TenantId) -> Result<Programme, Error> {
    Ok(app.tenants.rules(tenants_of(app, id).await?.tenant.salon_id).bonus)
}
