//! Who calls: the partner alone, or the partner with a user.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{
    answer::Refusal,
    demo::OWNER_ID,
    model::{InstallState, Salon},
    world::{State, World},
};

/// Both spellings are in use against the same servers.
const MEDIA_TYPES: [&str; 2] = ["application/vnd.yclients.v2+json", "application/vnd.api.v2+json"];

/// A call with a good partner token. A user token may come along and is not looked at.
pub struct Partner;

/// A call with a good partner token and a good user token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// The application's technical user: sees salons that installed the application, and only those.
    System,
    /// The person who owns the demo salons.
    Owner,
}

impl FromRequestParts<World> for Partner {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, world: &World) -> Result<Self, Refusal> {
        let tokens = tokens(&parts.headers)?;
        world.with(|state, _| tokens.check_partner(state))?;
        Ok(Self)
    }
}

impl FromRequestParts<World> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, world: &World) -> Result<Self, Refusal> {
        let tokens = tokens(&parts.headers)?;
        world.with(|state, _| {
            tokens.check_partner(state)?;
            match tokens.user {
                Some(user) if user == state.options.system_user_token => Ok(Self::System),
                Some(user) if user == state.options.owner_token => Ok(Self::Owner),
                _ => Err(Refusal::unauthorised()),
            }
        })
    }
}

impl User {
    /// The salon, if this user may see it.
    pub fn salon(self, state: &State, id: i64) -> Result<&Salon, Refusal> {
        let salon = state.salon(id)?;
        if salon.licence_expired {
            return Err(Refusal::licence(id));
        }
        let admitted = self == Self::Owner || salon.install.state == InstallState::Active;
        if admitted { Ok(salon) } else { Err(Refusal::forbidden()) }
    }

    /// What records this user makes are signed with.
    pub fn id(self) -> i64 {
        match self {
            Self::System => 3_300_999,
            Self::Owner => OWNER_ID,
        }
    }

    pub fn is_app(self) -> bool {
        self == Self::System
    }
}

struct Tokens<'a> {
    partner: &'a str,
    user: Option<&'a str>,
}

impl Tokens<'_> {
    fn check_partner(&self, state: &State) -> Result<(), Refusal> {
        if self.partner == state.options.partner_token { Ok(()) } else { Err(Refusal::unauthorised()) }
    }
}

/// One header, a comma and a space: `Bearer <partner>, User <user>`.
fn tokens(headers: &HeaderMap) -> Result<Tokens<'_>, Refusal> {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accept.split(',').any(|part| MEDIA_TYPES.contains(&part.split(';').next().unwrap_or_default().trim()))
    {
        return Err(Refusal::bad_format());
    }
    let header = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let Some(tokens) = header.strip_prefix("Bearer ") else { return Err(Refusal::unauthorised()) };
    Ok(match tokens.split_once(", User ") {
        Some((partner, user)) => Tokens { partner, user: Some(user) },
        None => Tokens { partner: tokens, user: None },
    })
}

/// For the log: which kinds of token came along.
pub fn kinds(headers: &HeaderMap) -> &'static str {
    match headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) {
        Some(value) if value.contains(", User ") => "PU",
        Some(value) if value.starts_with("Bearer ") => "P",
        _ => "",
    }
}
