//! What a person changes about their own login: the password, and the codes of a phone. Each asks for what only they know.

use super::error::Error;
use super::guesses::{self, Target};
use super::sittings::Sitting;
use super::{App, passwords};
use crate::domain::password::{self, Weak};
use crate::kernel::clock::UnixMs;
use crate::kernel::one_time;
use crate::storage::{login, sitting};

/// A secret that was shown and not confirmed is good for so long.
const PENDING_MS: i64 = 15 * 60_000;

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Done,
    Weak(Weak),
    /// What was to prove it is wrong.
    Wrong,
    Rests(UnixMs),
}

/// A secret for the phone that is to make codes; it counts only when a code of it was given.
#[derive(Debug, Clone)]
pub struct Pending {
    /// For whoever cannot scan.
    pub secret: String,
    /// What the scanned code says.
    pub address: String,
    /// Brings the secret back to us, sealed.
    pub ticket: String,
}

fn tenant_of(sitting: &Sitting) -> &str {
    sitting.login.tenant.as_ref().map_or("", |id| id.as_str())
}

/// Sets another password, and ends whatever else the login is signed in with.
pub async fn change_password(app: &App, who: &Sitting, old: &str, new: &str) -> Result<Changed, Error> {
    if let Err(weak) = password::check(new, &who.login.email) {
        return Ok(Changed::Weak(weak));
    }
    let proved = prove(app, who, old).await?;
    if proved != Changed::Done {
        return Ok(proved);
    }
    let hash = passwords::hash(app, new).await?;
    let (now, whose) = (app.now(), (tenant_of(who), &who.login.id));
    let mut conn = app.db.begin().await?;
    login::set_password(&mut conn, whose, &hash, now).await?;
    sitting::delete_others(&mut conn, whose, &who.id).await?;
    conn.commit().await?;
    tracing::info!(login.id = %who.login.id, "a password was changed");
    Ok(Changed::Done)
}

/// Whether somebody who sits here knows the password too: a page left open must not give it away by guessing.
async fn prove(app: &App, who: &Sitting, given: &str) -> Result<Changed, Error> {
    let now = app.now();
    let key = app.keys.platform(now).await?;
    let at = Target::login(&key, &who.login.email);
    if let Some(until) = guesses::count(app, &[&at], now).await? {
        return Ok(Changed::Rests(until));
    }
    let row = login::find(&mut app.db.read().await?, (tenant_of(who), &who.login.id)).await?;
    let row = row.ok_or(Error::NotFound)?;
    if !passwords::is_of(app, Some(&row.password), given).await? {
        return Ok(Changed::Wrong);
    }
    let mut conn = app.db.begin().await?;
    guesses::clear(&mut conn, &at).await?;
    conn.commit().await?;
    Ok(Changed::Done)
}

/// A fresh secret. Nothing is stored: the page carries it back, sealed for this login alone.
pub async fn begin_codes(app: &App, who: &Sitting) -> Result<Pending, Error> {
    pending(app, who, one_time::new_secret(), app.now().plus_ms(PENDING_MS)).await
}

async fn pending(app: &App, who: &Sitting, secret: String, until: UnixMs) -> Result<Pending, Error> {
    let key = app.keys.platform(app.now()).await?;
    let address = one_time::address(&secret, "Salonbridge", &who.login.email).ok_or(Error::NotFound)?;
    let ticket = key.seal_text("pending_totp", who.login.id.as_str(), &format!("{}.{secret}", until.0));
    Ok(Pending { secret, address, ticket })
}

/// Takes the first code of a new secret: from now on one is asked for at each sign-in. A wrong one gives the same secret back.
pub async fn confirm_codes(
    app: &App,
    who: &Sitting,
    ticket: &str,
    code: &str,
) -> Result<(Changed, Option<Pending>), Error> {
    let now = app.now();
    let key = app.keys.platform(now).await?;
    let id = who.login.id.as_str();
    let said = key.open_text("pending_totp", id, ticket).map_err(|_| Error::Rejected("too_old"))?;
    let (until, secret) = said.split_once('.').ok_or(Error::Rejected("too_old"))?;
    let until = UnixMs(until.parse().map_err(|_| Error::Rejected("too_old"))?);
    if until <= now {
        return Err(Error::Rejected("too_old"));
    }
    let Some(step) = one_time::step_of(secret, code, now) else {
        return Ok((Changed::Wrong, Some(pending(app, who, secret.to_owned(), until).await?)));
    };
    let sealed = key.seal_text("login_totp", id, secret);
    let mut conn = app.db.begin().await?;
    login::set_totp(&mut conn, (tenant_of(who), &who.login.id), &sealed, step, now).await?;
    conn.commit().await?;
    tracing::info!(login.id = id, "codes were switched on");
    Ok((Changed::Done, None))
}

/// No codes any more, for whoever knows the password.
pub async fn drop_codes(app: &App, who: &Sitting, password: &str) -> Result<Changed, Error> {
    let proved = prove(app, who, password).await?;
    if proved == Changed::Done {
        let mut conn = app.db.begin().await?;
        login::set_totp(&mut conn, (tenant_of(who), &who.login.id), "", 0, app.now()).await?;
        conn.commit().await?;
        tracing::info!(login.id = %who.login.id, "codes were switched off");
    }
    Ok(proved)
}
