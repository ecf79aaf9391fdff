//! How a person comes to have a login: somebody who may do so makes a link, and the person sets a password with it. The link is good
//! once and for two days; only its hash is kept. Whoever forgot a password, or lost the phone with the codes, gets a new one.

use super::error::Error;
use super::{App, passwords, sittings, tenants_of};
use crate::domain::login::{self as rules, INVITED_MS, Login, Role};
use crate::domain::password::{self, Weak};
use crate::domain::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{LoginId, TenantId};
use crate::kernel::seal::DataKey;
use crate::kernel::secret::{random_hex, sha256_hex};
use crate::storage::login::{self, LoginRow, NewLogin, Whose};
use crate::storage::{Conn, sitting};

const LONGEST_NAME: usize = 80;

/// Who is to have a login.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    pub role: Role,
    /// None for an operator.
    pub tenant: Option<&'a TenantId>,
    pub email: &'a str,
    pub name: &'a str,
}

/// A link for a person to set a password with. It is shown once.
#[derive(Debug)]
pub struct Invited {
    pub id: LoginId,
    pub email: String,
    pub link: String,
    pub until: UnixMs,
}

/// Makes a login and its link. The same wish again makes a new link for the same person; an address that somebody else has is
/// refused: `email_taken`.
pub async fn invite(app: &App, wish: &Wish<'_>) -> Result<Invited, Error> {
    let email = rules::email(wish.email).ok_or(Error::Rejected("bad_email"))?;
    let name: String = wish.name.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let tenant = match (wish.role, wish.tenant) {
        (Role::Operator, None) => "",
        (Role::Owner | Role::Receptionist, Some(id)) => {
            if tenants_of(app, id).await?.tenant.state == TenantState::Uninstalled {
                return Err(Error::Rejected("not_installed"));
            }
            id.as_str()
        }
        _ => return Err(Error::Rejected("bad_role")),
    };
    let now = app.now();
    let (key, fresh) = (app.keys.platform(now).await?, LoginId::new(now));
    let (sealed_email, sealed_name) = (
        key.seal_text("login_email", fresh.as_str(), &email),
        key.seal_text("login_name", fresh.as_str(), &name),
    );
    let email_hash = email_hash(&key, &email);
    let new = NewLogin {
        id: &fresh,
        tenant,
        role: wish.role,
        email: &sealed_email,
        email_hash: &email_hash,
        name: &sealed_name,
    };
    let mut conn = app.db.begin().await?;
    let id = if login::insert(&mut conn, &new, now).await? {
        fresh
    } else {
        let there = login::find_by_email(&mut conn, &email_hash).await?.ok_or(Error::NotFound)?;
        if (there.tenant.as_str(), there.role) != (tenant, wish.role) {
            return Err(Error::Rejected("email_taken"));
        }
        there.id
    };
    let (link, until) = link(app, &mut conn, (tenant, &id), now).await?;
    conn.commit().await?;
    tracing::info!(login.id = %id, tenant.id = tenant, role = wish.role.as_str(), "a person was invited");
    Ok(Invited { id, email, link, until })
}

/// A new link for somebody of a company, made by one who may.
pub async fn renew(app: &App, by: Role, tenant: &TenantId, id: &LoginId) -> Result<Invited, Error> {
    let now = app.now();
    let key = app.keys.platform(now).await?;
    let mut conn = app.db.begin().await?;
    let row = managed(&mut conn, by, tenant, id).await?;
    let (link, until) = link(app, &mut conn, row.whose(), now).await?;
    conn.commit().await?;
    tracing::info!(login.id = %id, tenant.id = %tenant, "a person got a new link");
    Ok(Invited { id: row.id.clone(), email: person(&key, &row)?.email, link, until })
}

async fn link(app: &App, conn: &mut Conn, whose: Whose<'_>, now: UnixMs) -> Result<(String, UnixMs), Error> {
    let (token, until) = (random_hex(32), now.plus_ms(INVITED_MS));
    login::invite(conn, whose, &sha256_hex(&token), until, now).await?;
    Ok((format!("{}/desk/invitation/{token}", app.settings.public_url), until))
}

/// Switches somebody of a company off: nothing they are signed in with is good any more.
pub async fn switch_off(app: &App, by: Role, tenant: &TenantId, id: &LoginId) -> Result<(), Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let row = managed(&mut conn, by, tenant, id).await?;
    login::switch_off(&mut conn, row.whose(), now).await?;
    sitting::delete_others(&mut conn, row.whose(), "").await?;
    conn.commit().await?;
    tracing::info!(login.id = %id, tenant.id = %tenant, "a login was switched off");
    Ok(())
}

async fn managed(conn: &mut Conn, by: Role, tenant: &TenantId, id: &LoginId) -> Result<LoginRow, Error> {
    let row = login::find(conn, (tenant.as_str(), id)).await?.ok_or(Error::NotFound)?;
    if by.may_manage(row.role) { Ok(row) } else { Err(Error::Rejected("not_allowed")) }
}

/// A company's people in the order they were invited, and where the next page begins.
pub async fn list(
    app: &App,
    tenant: &TenantId,
    after: Option<&LoginId>,
    limit: usize,
) -> Result<(Vec<Login>, Option<LoginId>), Error> {
    let key = app.keys.platform(app.now()).await?;
    let after = after.map_or("", LoginId::as_str);
    let mut rows = login::list(&mut app.db.read().await?, tenant, after, limit as i64 + 1).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| row.id.clone());
    let people = rows.iter().map(|row| person(&key, row)).collect::<Result<_, _>>()?;
    Ok((people, next))
}

/// Whose link this is; `None` when it is nobody's any more.
pub async fn invited(app: &App, token: &str) -> Result<Option<Login>, Error> {
    let now = app.now();
    let key = app.keys.platform(now).await?;
    let row = login::find_by_invitation(&mut app.db.read().await?, &sha256_hex(token)).await?;
    let row = row.filter(|row| row.invited_until.is_some_and(|until| until > now));
    row.map(|row| person(&key, &row)).transpose()
}

/// What became of a password that was given by a link.
#[derive(Debug)]
pub enum TakenUp {
    /// Signed in with this token.
    In(String),
    Weak(Weak),
    /// The link is used, or too old.
    Gone,
}

/// Sets a password by a link. All that the login was signed in with before ends.
pub async fn take_up(app: &App, token: &str, password: &str) -> Result<TakenUp, Error> {
    let Some(login) = invited(app, token).await? else { return Ok(TakenUp::Gone) };
    if let Err(weak) = password::check(password, &login.email) {
        return Ok(TakenUp::Weak(weak));
    }
    let hash = passwords::hash(app, password).await?;
    let (key, now) = (app.keys.platform(app.now()).await?, app.now());
    let tenant = login.tenant.as_ref().map_or("", TenantId::as_str);
    let whose = (tenant, &login.id);
    let mut conn = app.db.begin().await?;
    if !login::take_up(&mut conn, whose, &sha256_hex(token), &hash, now).await? {
        return Ok(TakenUp::Gone);
    }
    sitting::delete_others(&mut conn, whose, "").await?;
    let token = sittings::begin(&mut conn, whose, now).await?;
    super::guesses::clear(&mut conn, &super::guesses::Target::login(&key, &login.email)).await?;
    conn.commit().await?;
    tracing::info!(login.id = %login.id, tenant.id = tenant, "an invitation was taken up");
    Ok(TakenUp::In(token))
}

/// How a login is found by its address.
pub(super) fn email_hash(key: &DataKey, email: &str) -> String {
    key.hash("login_email", email)
}

/// A row as people see it.
pub(super) fn person(key: &DataKey, row: &LoginRow) -> Result<Login, Error> {
    let open = |kind: &str, sealed: &str| key.open_text(kind, row.id.as_str(), sealed);
    Ok(Login {
        id: row.id.clone(),
        tenant: (!row.tenant.is_empty()).then(|| TenantId::from_stored(row.tenant.clone())),
        role: row.role,
        email: open("login_email", &row.email)?,
        name: open("login_name", &row.name)?,
        has_password: !row.password.is_empty(),
        has_totp: !row.totp.is_empty(),
        invited_until: row.invited_until,
        is_off: row.off_at.is_some(),
        seen_at: row.seen_at,
    })
}
