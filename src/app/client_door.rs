//! Clients of a salon at our pages. Whoever gives a number is sent a code by the salon's WhatsApp, and with it they are in.
//!
//! # Decision: who is sent a code
//! Only a number that stands in the salon's books, and it goes to the number as it stands there: nobody can make a salon write to
//! strangers, and a client without a country's code is nobody's way in. Whether a number is known must not be told: so what somebody
//! asks is only written down, the same row for any number, and answered at once; a job looks whose it is. A code is tried the same
//! way: the row of a number that nobody has is counted up like any other.
//!
//! # Decision: several clients with one number
//! A mother books for her daughter, or a card stands twice. Whoever holds the phone reads what is sent to it anyway: they come in as
//! the one who was known first.

use super::error::Error;
use super::{App, codes, enqueue, faces, notify, pace, tenants_of, why};
use crate::domain::client_door::{
    self as rules, CODE_MS, Limit, MOST_TRIES, PER_ADDRESS, PER_PHONE, PER_PHONE_AND_DAY, PER_SALON,
    TRIES_PER_ADDRESS,
};
use crate::domain::message::MessageKind;
use crate::domain::tenant::TenantState;
use crate::domain::why::{Key, Verb};
use crate::domain::wording::Filling;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{ClientKey, OutboxId, TenantId};
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
use crate::kernel::secret::{random_bits, random_hex, same, sha256_hex};
use crate::storage::client::{ClientRow, HashedSigns};
use crate::storage::outbox::{self, NewOutbox};
use crate::storage::{Conn, allowance, booking_form, client, client_sitting, sign_in};

/// A sign of life is written down at most so often.
const TOUCH_MS: i64 = 5 * 60_000;

/// Asks for a code. `Some(until)`: not before then. Otherwise all is well, whosever the number is.
pub async fn ask(app: &App, id: &TenantId, phone: &str, from: &str) -> Result<Option<UnixMs>, Error> {
    let now = app.now();
    is_open(app, id).await?;
    let phone = Phone::parse(phone).ok_or(Error::Rejected("bad_phone"))?;
    let (key, platform) = (app.keys.of(id).await?, app.keys.platform(now).await?);
    let number = format!("{id}:{}", phone.tail());
    let counted = [
        (platform.hash("ask_address", from), PER_ADDRESS),
        (platform.hash("ask_salon", id.as_str()), PER_SALON),
        (platform.hash("ask_phone", &number), PER_PHONE),
        (platform.hash("ask_phone_day", &number), PER_PHONE_AND_DAY),
    ];
    let hash = faces::tail_hash(&key, &phone);
    let body = key.seal_text("sign_in", &hash, phone.digits());
    let mut conn = app.db.begin().await?;
    if let Some(until) = take(&mut conn, &counted, now).await? {
        return Ok(Some(until));
    }
    sign_in::ask(&mut conn, id, &hash, &body, (now, now.plus_ms(CODE_MS))).await?;
    enqueue::issue_code(&mut conn, id, &hash, now).await?;
    conn.commit().await?;
    app.ring_for(enqueue::ISSUE_CODE);
    Ok(None)
}

async fn is_open(app: &App, id: &TenantId) -> Result<(), Error> {
    match tenants_of(app, id).await?.tenant.state {
        TenantState::Active => Ok(()),
        TenantState::Uninstalled => Err(Error::NotFound),
        _ => Err(Error::Rejected("not_active")),
    }
}

/// Counts one of each, or none: then until when. They are always named in the same order.
async fn take(conn: &mut Conn, counted: &[(String, Limit)], now: UnixMs) -> Result<Option<UnixMs>, Error> {
    for (what, limit) in counted {
        if !allowance::take(conn, what, limit, now).await? {
            let used = allowance::find(conn, what).await?;
            return Ok(Some(used.map_or(now, |used| limit.free_at(used))));
        }
    }
    Ok(None)
}

/// The job: looks whose the number is, and sends them a code.
pub async fn issue(app: &App, id: &TenantId, phone: &str) -> Result<(), Error> {
    let now = app.now();
    let key = match app.keys.of(id).await {
        Ok(key) => key,
        // Its key was destroyed: nobody signs in there any more.
        Err(Error::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let row = sign_in::find(&mut app.db.read().await?, id, phone).await?;
    let Some(row) = row.filter(|row| row.code.is_none() && row.until > now) else { return Ok(()) };
    let number = key.open_text("sign_in", phone, &row.body)?;
    let known = match Phone::parse(&format!("+{number}")) {
        Some(number) => whose(&mut app.db.read().await?, id, &key, &number).await?,
        None => None,
    };
    let code = std::iter::repeat_with(random_bits).find_map(rules::code).unwrap_or_default();
    let hash = code_hash(&key, phone, &code);
    let given = known.as_ref().map(|(client, _)| (hash.as_str(), client));
    let mut conn = app.db.begin().await?;
    if !sign_in::answer(&mut conn, id, phone, row.asked_at, given).await? {
        return Ok(());
    }
    if let Some((_, number)) = &known {
        let new = compose(app, &key, id, (phone, row.asked_at), (number, &code), now).await?;
        // A code that is good no more would only be typed in vain.
        for before in outbox::withdraw_codes(&mut conn, id, &new.peer, now).await? {
            why::note(&mut conn, id, (None, Some(&before)), Verb::Withdrawn, Key::Superseded, now).await?;
        }
        if let Some(planned) = outbox::plan(&mut conn, id, &new, now).await? {
            why::note(&mut conn, id, (None, Some(&planned)), Verb::Planned, new.kind, now).await?;
            enqueue::send(&mut conn, id, now, now).await?;
        }
    }
    conn.commit().await?;
    app.ring_for(enqueue::SEND);
    Ok(())
}

/// The client who has this number, and the number as it stands with them.
async fn whose(
    conn: &mut Conn,
    id: &TenantId,
    key: &DataKey,
    number: &Phone,
) -> Result<Option<(ClientKey, Phone)>, Error> {
    let signs = HashedSigns { phone_tail: Some(faces::tail_hash(key, number)), ..HashedSigns::default() };
    let mut rows = client::list_named(conn, id, &signs, None).await?;
    rows.retain(|row| row.gone_at.is_none());
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    for row in rows {
        let theirs = faces::open(key, &row)?.phone;
        // With a country's code on both sides it is the same one.
        let is_same = |theirs: &Phone| {
            theirs.digits() == number.digits() || [theirs, number].iter().any(|it| it.digits() == it.tail())
        };
        if let Some(theirs) = theirs.filter(|theirs| theirs.tail() == number.tail() && is_same(theirs)) {
            return Ok(Some((row.id, theirs)));
        }
    }
    Ok(None)
}

fn code_hash(key: &DataKey, phone: &str, code: &str) -> String {
    key.hash("sign_in_code", &format!("{phone}:{code}"))
}

async fn compose(
    app: &App,
    key: &DataKey,
    id: &TenantId,
    (phone, asked_at): (&str, UnixMs),
    (to, code): (&Phone, &str),
    now: UnixMs,
) -> Result<NewOutbox, Error> {
    let salon = tenants_of(app, id).await?.tenant;
    let rules = app.tenants.rules(salon.salon_id);
    let kind = MessageKind::SignInCode;
    let filling = Filling { salon: salon.title.clone(), code: code.to_owned(), ..Filling::default() };
    let text = app.tenants.wording(salon.salon_id).render(salon.locale, &rules.wording, kind, &filling);
    // Each asking is one message: between two of them lies a minute.
    let intent = format!("{}:{}:{}", kind.as_str(), &phone[..16], asked_at.0);
    Ok(NewOutbox {
        id: OutboxId::new(now),
        recipient: key.seal_text("outbox", "recipient", to.digits()),
        peer: pace::peer(key, to.digits()),
        text: key.seal_text("outbox", &intent, &text),
        told: String::new(),
        told_before: String::new(),
        message_id: notify::message_id(key, &intent),
        intent,
        kind,
        record: None,
        not_before: now,
        deadline: asked_at.plus_ms(CODE_MS),
        // Before every visit: the client waits for it.
        nearest: now,
    })
}

/// What somebody with a code is answered.
#[derive(Debug)]
pub enum Entered {
    /// Signed in with this token, until then at the latest.
    In { token: String, until: UnixMs },
    /// Another one may be tried until then, at the latest.
    Wrong(UnixMs),
    /// Too late, tried too often, used, or never asked for.
    Over,
    /// Nothing is looked at until then.
    Rests(UnixMs),
}

/// Takes a number and the code that was sent to it. A try is counted before it is looked at.
pub async fn enter(app: &App, id: &TenantId, phone: &str, code: &str, from: &str) -> Result<Entered, Error> {
    let now = app.now();
    is_open(app, id).await?;
    let phone = Phone::parse(phone).ok_or(Error::Rejected("bad_phone"))?;
    let code = rules::read_code(code).ok_or(Error::Rejected("bad_code"))?;
    let (key, platform) = (app.keys.of(id).await?, app.keys.platform(now).await?);
    let counted = [(platform.hash("try_address", from), TRIES_PER_ADDRESS)];
    let hash = faces::tail_hash(&key, &phone);
    let mut conn = app.db.begin().await?;
    if let Some(until) = take(&mut conn, &counted, now).await? {
        return Ok(Entered::Rests(until));
    }
    let row = sign_in::count_try(&mut conn, id, &hash, MOST_TRIES, now).await?;
    let Some(row) = row else {
        conn.commit().await?;
        return Ok(Entered::Over);
    };
    let wanted = row.code.unwrap_or_default();
    let is_right = same(wanted.as_bytes(), code_hash(&key, &hash, &code).as_bytes());
    let Some(client) = row.client.filter(|_| is_right) else {
        conn.commit().await?;
        tracing::info!(tenant.id = %id, "a client's code was refused");
        return Ok(Entered::Wrong(row.until));
    };
    sign_in::use_up(&mut conn, id, &hash, now).await?;
    codes::ensure(&mut conn, id, &key, &client, now).await?;
    let token = random_hex(32);
    client_sitting::insert(&mut conn, id, &sha256_hex(&token), (&client, &hash), now).await?;
    conn.commit().await?;
    tracing::info!(tenant.id = %id, client.id = %client, "a client signed in");
    Ok(Entered::In { token, until: now.plus_ms(rules::LONGEST_MS) })
}

/// A client who is signed in, and by which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSitting {
    pub id: String,
    pub tenant: TenantId,
    pub client: ClientKey,
}

/// Who holds this token; `None` when nobody does, or not any more: whoever has another number by now, or was deleted, signs in anew.
pub async fn of(app: &App, token: &str) -> Result<Option<ClientSitting>, Error> {
    let (id, now) = (sha256_hex(token), app.now());
    let mut conn = app.db.read().await?;
    let row = client_sitting::find(&mut conn, &id).await?;
    let Some(row) = row.filter(|row| !rules::is_over(row.created_at, row.seen_at, now)) else {
        return Ok(None);
    };
    let client = client::find(&mut conn, &row.tenant, &row.client).await?;
    drop(conn);
    let is_theirs = |client: &ClientRow| {
        client.gone_at.is_none() && client.signs.phone_tail.as_deref() == Some(row.phone.as_str())
    };
    if !client.as_ref().is_some_and(is_theirs) {
        return Ok(None);
    }
    if now.since(row.seen_at) >= TOUCH_MS {
        let mut conn = app.db.begin().await?;
        client_sitting::touch(&mut conn, &row.tenant, &id, now).await?;
        conn.commit().await?;
    }
    Ok(Some(ClientSitting { id, tenant: row.tenant, client: row.client }))
}

/// Signs out.
pub async fn end(app: &App, sitting: &ClientSitting) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    client_sitting::delete(&mut conn, &sitting.tenant, &sitting.id).await?;
    Ok(conn.commit().await?)
}

/// The cookie that holds a client's token. Where the world comes by TLS the name itself keeps it to this host, and from being set
/// by another.
#[must_use]
pub fn cookie_name(app: &App) -> &'static str {
    if app.settings.public_url.starts_with("https:") {
        "__Host-salonbridge-client"
    } else {
        "salonbridge_client"
    }
}

/// Nobody is signed in with a salon that is gone, and nobody waits for its codes.
pub(super) async fn forget(conn: &mut Conn, id: &TenantId) -> Result<(), Error> {
    sign_in::delete_all(conn, id).await?;
    client_sitting::delete_all(conn, id).await?;
    Ok(booking_form::delete_all(conn, id).await?)
}

/// Drops what counts no more.
pub async fn tidy(conn: &mut Conn, now: UnixMs, most: i64) -> Result<(), Error> {
    let before = now.plus_ms(-rules::FORGET_MS);
    // In the order in which they are asked.
    allowance::delete_old(conn, before, most).await?;
    sign_in::delete_old(conn, before, most).await?;
    client_sitting::delete_old(conn, now.plus_ms(-rules::IDLE_MS), most).await?;
    Ok(())
}
