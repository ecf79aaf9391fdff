//! Signing in and out. Whether a login is not there, is switched off, or the password is wrong: the answer is one, and the work is.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::guesses::{self, Target};
use super::{App, logins, passwords};
use crate::domain::login::{self as rules, Login};
use crate::kernel::clock::UnixMs;
use crate::kernel::id::LoginId;
use crate::kernel::one_time;
use crate::kernel::secret::{random_hex, sha256_hex};
use crate::storage::login::{self, Whose};
use crate::storage::{Conn, sitting};

/// A sign of life is written down at most so often.
const TOUCH_MS: i64 = 5 * 60_000;
/// Between the password and the code.
const TICKET_MS: i64 = 5 * 60_000;

/// What somebody who wants to sign in is answered.
#[derive(Debug)]
pub enum Answer {
    /// Signed in with this token.
    In(String),
    /// The password is right; the code of the phone is needed too. The ticket goes with it.
    Code(String),
    Refused,
    /// Nothing is looked at until then.
    Rests(UnixMs),
}

/// Who sits at a page, and by which row.
#[derive(Debug, Clone)]
pub struct Sitting {
    pub id: String,
    pub login: Login,
}

/// What a ticket says: that this login's password was given.
#[derive(Serialize, Deserialize)]
struct Ticket {
    tenant: String,
    login: String,
    email: String,
    until: i64,
}

/// Takes an address and a password, typed in at this network address.
pub async fn sign_in(app: &App, email: &str, password: &str, from: &str) -> Result<Answer, Error> {
    let now = app.now();
    let key = app.keys.platform(now).await?;
    // What is no address is guessed at like one.
    let email = rules::email(email).unwrap_or_else(|| email.trim().to_lowercase());
    let (address, at) = (Target::address(&key, from), Target::login(&key, &email));
    if let Some(until) = guesses::count(app, &[&address, &at], now).await? {
        return Ok(Answer::Rests(until));
    }
    let row = login::find_by_email(&mut app.db.read().await?, &logins::email_hash(&key, &email)).await?;
    let row = row.filter(|row| !row.password.is_empty() && row.off_at.is_none());
    let is_right = passwords::is_of(app, row.as_ref().map(|row| row.password.as_str()), password).await?;
    let Some(row) = row.filter(|_| is_right) else {
        tracing::info!("a sign-in was refused");
        return Ok(Answer::Refused);
    };
    let mut conn = app.db.begin().await?;
    guesses::forgive(&mut conn, &address).await?;
    if !row.totp.is_empty() {
        guesses::forgive(&mut conn, &at).await?;
        conn.commit().await?;
        let (tenant, login) = (row.tenant, row.id.to_string());
        let ticket = Ticket { tenant, login, email, until: now.0 + TICKET_MS };
        return Ok(Answer::Code(key.seal("sign_in", "ticket", &serde_json::to_vec(&ticket)?)));
    }
    guesses::clear(&mut conn, &at).await?;
    let token = begin(&mut conn, row.whose(), now).await?;
    conn.commit().await?;
    tracing::info!(login.id = %row.id, "signed in");
    Ok(Answer::In(token))
}

/// Takes the code of the phone, with the ticket that the password was given for. `Refused` may be tried again with the same one;
/// one that is too old is `NotFound`.
pub async fn sign_in_with_code(app: &App, ticket: &str, code: &str, from: &str) -> Result<Answer, Error> {
    let now = app.now();
    let key = app.keys.platform(now).await?;
    let ticket = key.open("sign_in", "ticket", ticket).map_err(|_| Error::NotFound)?;
    let ticket: Ticket = serde_json::from_slice(&ticket)?;
    if ticket.until <= now.0 {
        return Err(Error::NotFound);
    }
    let (address, at) = (Target::address(&key, from), Target::code(&key, &ticket.email));
    if let Some(until) = guesses::count(app, &[&address, &at], now).await? {
        return Ok(Answer::Rests(until));
    }
    let id = LoginId::from_stored(ticket.login);
    let whose = (ticket.tenant.as_str(), &id);
    let mut conn = app.db.begin().await?;
    let row = login::find(&mut conn, whose).await?.filter(|row| row.off_at.is_none() && !row.totp.is_empty());
    let row = row.ok_or(Error::NotFound)?;
    let secret = key.open_text("login_totp", id.as_str(), &row.totp)?;
    let step = one_time::step_of(&secret, code, now);
    let is_right = match step {
        Some(step) => login::use_step(&mut conn, whose, step).await?,
        None => false,
    };
    if !is_right {
        tracing::info!(login.id = %id, "a code was refused");
        return Ok(Answer::Refused);
    }
    guesses::forgive(&mut conn, &address).await?;
    guesses::clear(&mut conn, &at).await?;
    guesses::clear(&mut conn, &Target::login(&key, &ticket.email)).await?;
    let token = begin(&mut conn, whose, now).await?;
    conn.commit().await?;
    tracing::info!(login.id = %id, "signed in with a code");
    Ok(Answer::In(token))
}

/// A new sitting, and the token of its cookie: never one that was there before.
pub(super) async fn begin(conn: &mut Conn, whose: Whose<'_>, now: UnixMs) -> Result<String, Error> {
    let token = random_hex(32);
    sitting::insert(conn, &sha256_hex(&token), whose, now).await?;
    login::mark_seen(conn, whose, now).await?;
    Ok(token)
}

/// The cookie that holds a sitting's token. Where the world comes by TLS the name itself keeps it to this host, and from being set
/// by another.
#[must_use]
pub fn cookie_name(app: &App) -> &'static str {
    if app.settings.public_url.starts_with("https:") { "__Host-salonbridge" } else { "salonbridge_desk" }
}

/// Who sits with this token; `None` when nobody does, or not any more. It is a sign of life.
pub async fn of(app: &App, token: &str) -> Result<Option<Sitting>, Error> {
    let now = app.now();
    let Some((sitting, seen)) = look(app, token).await? else { return Ok(None) };
    if now.since(seen) >= TOUCH_MS {
        let tenant = sitting.login.tenant.as_ref().map_or("", |id| id.as_str());
        let mut conn = app.db.begin().await?;
        sitting::touch(&mut conn, tenant, &sitting.id, now).await?;
        login::mark_seen(&mut conn, (tenant, &sitting.login.id), now).await?;
        conn.commit().await?;
    }
    Ok(Some(sitting))
}

/// Who sits there, for a page that is only open: that is no sign of life. With when the last one was.
pub async fn look(app: &App, token: &str) -> Result<Option<(Sitting, UnixMs)>, Error> {
    let (id, now) = (sha256_hex(token), app.now());
    let found = {
        let mut conn = app.db.read().await?;
        match sitting::find(&mut conn, &id).await? {
            Some(row) => {
                let login = LoginId::from_stored(row.login_id.clone());
                login::find(&mut conn, (&row.tenant_id, &login)).await?.map(|login| (row, login))
            }
            None => None,
        }
    };
    let Some((row, person)) = found else { return Ok(None) };
    let seen = UnixMs(row.seen_at);
    if person.off_at.is_some() || rules::is_over(UnixMs(row.created_at), seen, now) {
        return Ok(None);
    }
    let key = app.keys.platform(now).await?;
    Ok(Some((Sitting { id, login: logins::person(&key, &person)? }, seen)))
}

/// Signs out.
pub async fn end(app: &App, sitting: &Sitting) -> Result<(), Error> {
    let tenant = sitting.login.tenant.as_ref().map_or("", |id| id.as_str());
    let mut conn = app.db.begin().await?;
    sitting::delete(&mut conn, tenant, &sitting.id).await?;
    Ok(conn.commit().await?)
}

/// Signs out everywhere, here too.
pub async fn end_all(app: &App, sitting: &Sitting) -> Result<(), Error> {
    let tenant = sitting.login.tenant.as_ref().map_or("", |id| id.as_str());
    let mut conn = app.db.begin().await?;
    sitting::delete_others(&mut conn, (tenant, &sitting.login.id), "").await?;
    Ok(conn.commit().await?)
}
