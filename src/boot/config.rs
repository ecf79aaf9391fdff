//! Configuration: from the environment, all problems reported at once, misspelt names refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::{SETTINGS, Setting};
use crate::domain::rules::Rules;
use crate::kernel::locale::Locale;
use crate::kernel::seal::MasterKeys;
use crate::kernel::secret::Secret;
use crate::views::home::HomeLink;

/// Of the operator's token, which opens every company.
const SHORTEST_TOKEN: usize = 32;

/// The environment as a map, so that tests pass their own.
pub type Env = BTreeMap<String, String>;

#[derive(Clone)]
pub struct Config {
    pub partner_token: Secret,
    pub user_token: Option<Secret>,
    pub application_id: i64,
    pub webhook_secret: Option<Secret>,
    pub yclients_url: String,
    pub jwt_secret: Secret,
    pub master_keys: MasterKeys,
    pub database_url: String,
    pub redis_url: Option<Secret>,
    pub public_url: String,
    pub listen: SocketAddr,
    pub metrics_listen: Option<SocketAddr>,
    pub whatsapp_url: Option<String>,
    pub whatsapp_version: Option<(u32, u32, u32)>,
    pub tenants_dir: PathBuf,
    pub return_url: String,
    pub marketplace_url: String,
    pub frame_ancestors: Vec<String>,
    pub operator_token: Option<Secret>,
    pub alert_url: Option<Secret>,
    pub rules: Option<String>,
    pub confirm_wait: Duration,
    pub grace: Duration,
    /// Ways on from the front page; the demo adds its own.
    pub home_links: Vec<(Locale, HomeLink)>,
    /// True things worth saying that keep nobody from starting.
    pub warnings: Vec<String>,
}

/// Reads the process's environment. Nothing else in the house does.
#[must_use]
pub fn process_env() -> Env {
    std::env::vars().collect()
}

impl Config {
    /// All problems at once, each a sentence that says what to do.
    pub fn from_env(env: &Env) -> Result<Self, Vec<String>> {
        let mut read = Reader { env, problems: unknown_names(env), warnings: Vec::new() };
        let config = read.config();
        match config {
            Some(mut config) if read.problems.is_empty() => {
                config.warnings = read.warnings;
                Ok(config)
            }
            _ => Err(read.problems),
        }
    }
}

/// Names under our prefixes that no setting has: a typo must not pass for a default.
fn unknown_names(env: &Env) -> Vec<String> {
    let ours = |name: &&String| name.starts_with("SALONBRIDGE_") || name.starts_with("YCLIENTS_");
    let known = |name: &str| {
        SETTINGS.iter().any(|s| s.name == name || s.secret && name.strip_suffix("_FILE") == Some(s.name))
    };
    env.keys()
        .filter(ours)
        .filter(|name| !known(name))
        .map(|name| match nearest(name) {
            Some(meant) => format!("{name}: there is no such setting. Did you mean {meant}?"),
            None => format!("{name}: there is no such setting. See: salonbridge config example"),
        })
        .collect()
}

fn nearest(name: &str) -> Option<&'static str> {
    let shared = |a: &str, b: &str| {
        a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count()
            + a.bytes().rev().zip(b.bytes().rev()).take_while(|(x, y)| x == y).count()
    };
    let best = SETTINGS.iter().max_by_key(|s| shared(s.name, name))?;
    (shared(best.name, name) + 4 >= best.name.len().max(name.len())).then_some(best.name)
}

struct Reader<'a> {
    env: &'a Env,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn config(&mut self) -> Option<Config> {
        let partner_token = self.required("YCLIENTS_PARTNER_TOKEN").map(Secret::new);
        let user_token = self.optional("YCLIENTS_USER_TOKEN").map(Secret::new);
        if user_token.is_none() {
            self.warnings.push(
                "YCLIENTS_USER_TOKEN is not set: services, staff, schedules and records cannot be read"
                    .to_owned(),
            );
        }
        let webhook_secret = self.optional("YCLIENTS_WEBHOOK_SECRET").map(Secret::new);
        if webhook_secret.is_some() {
            self.warnings.push(
                "YCLIENTS_WEBHOOK_SECRET is set: hooks without a signature are refused, and YClients signs none by itself"
                    .to_owned(),
            );
        }
        let application_id = self.parsed::<i64>("YCLIENTS_APPLICATION_ID", "is not a number");
        let jwt_secret =
            self.required("JWT_SECRET").filter(|text| self.long_enough("JWT_SECRET", text)).map(Secret::new);
        let master_keys = self.required("ENCRYPTION_KEY").and_then(|list| match MasterKeys::parse(&list) {
            Ok(keys) => Some(keys),
            Err(problem) => self.problem("ENCRYPTION_KEY", &problem),
        });
        let public_url = self.required("SALONBRIDGE_PUBLIC_URL").and_then(|url| self.public_url(&url));
        let listen = self
            .parsed::<SocketAddr>("SALONBRIDGE_LISTEN", "is not an address with a port, like 0.0.0.0:8080");
        let metrics_listen = match self.optional("SALONBRIDGE_METRICS_LISTEN") {
            None => None,
            Some(_) => self.parsed::<SocketAddr>(
                "SALONBRIDGE_METRICS_LISTEN",
                "is not an address with a port, like 127.0.0.1:9090",
            ),
        };
        let whatsapp_version =
            self.optional("SALONBRIDGE_WHATSAPP_VERSION").and_then(|text| self.version(&text));
        let rules = self.optional("SALONBRIDGE_RULES");
        if let Some(Err(problem)) = rules.as_ref().map(|text| Rules::defaults()?.with(text)) {
            self.problem::<()>("SALONBRIDGE_RULES", &problem);
        }
        let confirm_wait = self.parsed::<u64>("SALONBRIDGE_CONFIRM_WAIT_S", "is not a number of seconds");
        let grace = self.parsed::<u64>("SALONBRIDGE_GRACE_S", "is not a number of seconds");
        let yclients_url = self.url("YCLIENTS_API_URL").and_then(|url| {
            if url.starts_with("http://") && !is_local(&url) {
                return self.problem("YCLIENTS_API_URL", "must begin with https://: our tokens go there");
            }
            Some(url)
        });
        let database_url = self.text("DATABASE_URL");
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|p| database_url.starts_with(p)) {
            self.problem::<()>("DATABASE_URL", "must begin with sqlite: or postgres://");
        }
        Some(Config {
            partner_token: partner_token?,
            user_token,
            application_id: application_id?,
            webhook_secret,
            yclients_url: yclients_url?,
            jwt_secret: jwt_secret?,
            master_keys: master_keys?,
            database_url,
            redis_url: self.optional("REDIS_URL").map(Secret::new),
            public_url: public_url?,
            listen: listen?,
            metrics_listen,
            whatsapp_url: self.optional("SALONBRIDGE_WHATSAPP_URL"),
            whatsapp_version,
            tenants_dir: PathBuf::from(self.text("SALONBRIDGE_TENANTS_DIR")),
            return_url: self.text("SALONBRIDGE_RETURN_URL"),
            marketplace_url: self.text("SALONBRIDGE_MARKETPLACE_URL"),
            frame_ancestors: self
                .text("SALONBRIDGE_FRAME_ANCESTORS")
                .split_whitespace()
                .filter(|host| *host != "none")
                .map(str::to_owned)
                .collect(),
            operator_token: self.operator_token(),
            alert_url: self.alert_url(),
            rules,
            confirm_wait: Duration::from_secs(confirm_wait?),
            grace: Duration::from_secs(grace?),
            home_links: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// A value, from the variable or from the file that `NAME_FILE` points at (secrets only). Empty counts as not set.
    fn optional(&mut self, name: &str) -> Option<String> {
        let file = format!("{name}_FILE");
        let is_secret = SETTINGS.iter().any(|s| s.name == name && s.secret);
        let value = match self.env.get(name) {
            Some(value) => Some(value.clone()),
            None if is_secret => match self.env.get(&file).map(std::fs::read_to_string) {
                Some(Err(error)) => return self.problem(&file, &format!("cannot be read: {error}")),
                found => found.and_then(Result::ok),
            },
            None => None,
        };
        value.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    fn required(&mut self, name: &str) -> Option<String> {
        let found = self.optional(name);
        if found.is_none() {
            let what = SETTINGS.iter().find(|s| s.name == name).map_or("", |s| s.what);
            return self.problem(name, &format!("is not set: {what}"));
        }
        found
    }

    /// The value or its documented default.
    fn text(&mut self, name: &str) -> String {
        let default = SETTINGS.iter().find(|s| s.name == name).map_or("", |s| s.default);
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, otherwise: &str) -> Option<T> {
        let text = self.text(name);
        if text.is_empty() {
            return self.required(name).and(None);
        }
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => self.problem(name, otherwise),
        }
    }

    fn long_enough(&mut self, name: &str, text: &str) -> bool {
        text.len() >= 32
            || self
                .problem::<()>(name, "is shorter than 32 characters (make one: openssl rand -hex 32)")
                .is_some()
    }

    fn url(&mut self, name: &str) -> Option<String> {
        let text = self.text(name);
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                Some(text.trim_end_matches('/').to_owned())
            }
            _ => self.problem(name, "is not an address that begins with http:// or https://"),
        }
    }

    /// YClients posts hooks to https addresses only; plain http is for this machine.
    fn public_url(&mut self, text: &str) -> Option<String> {
        let name = "SALONBRIDGE_PUBLIC_URL";
        let url = self.url(name)?;
        if text.starts_with("http://") && !is_local(text) {
            return self.problem(name, "must begin with https://: YClients posts to nothing else");
        }
        Some(url)
    }

    fn alert_url(&mut self) -> Option<Secret> {
        self.optional("SALONBRIDGE_ALERT_URL")
            .and_then(|_| self.url("SALONBRIDGE_ALERT_URL"))
            .map(Secret::new)
    }

    /// Short enough to be guessed is no token.
    fn operator_token(&mut self) -> Option<Secret> {
        let token = self.optional("SALONBRIDGE_OPERATOR_TOKEN")?;
        if token.chars().count() < SHORTEST_TOKEN {
            return self.problem(
                "SALONBRIDGE_OPERATOR_TOKEN",
                "must have at least 32 characters: make one with `openssl rand -hex 32`",
            );
        }
        Some(Secret::new(token))
    }

    fn version(&mut self, text: &str) -> Option<(u32, u32, u32)> {
        let parts: Vec<u32> = text.split('.').filter_map(|part| part.parse().ok()).collect();
        match parts[..] {
            [a, b, c] => Some((a, b, c)),
            _ => self.problem("SALONBRIDGE_WHATSAPP_VERSION", "is not three numbers, like 2.3000.1027934701"),
        }
    }

    fn problem<T>(&mut self, name: &str, what: &str) -> Option<T> {
        self.problems.push(format!("{name}: {what}"));
        None
    }
}

/// Plain http is for this machine alone.
fn is_local(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
}

/// What is in force, secrets left out: `salonbridge config print`.
#[must_use]
pub fn print(env: &Env) -> String {
    let line = |s: &Setting| {
        let value = match env.get(s.name).filter(|v| !v.is_empty()) {
            Some(_) if s.secret => "(set)".to_owned(),
            Some(value) => value.clone(),
            None if s.secret && env.contains_key(&format!("{}_FILE", s.name)) => "(from a file)".to_owned(),
            None if s.default.is_empty() => "(not set)".to_owned(),
            None => format!("{} (default)", s.default),
        };
        format!("{} = {value}\n", s.name)
    };
    SETTINGS.iter().map(line).collect()
}

/// A template with every setting explained: `salonbridge config example`.
#[must_use]
pub fn example() -> String {
    let mut text =
        String::from("# Every setting of Salonbridge. A secret may also be given as NAME_FILE=path.\n");
    for s in SETTINGS {
        let mark = if s.required { "" } else { "#" };
        text.push_str(&format!("\n# {}\n{mark}{}={}\n", s.what, s.name, s.default));
    }
    text
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
