//! `salonbridge yclients check` and `yclients user-token`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::config::Config;
use super::yclients_check;
use crate::cli::say;
use crate::kernel::crm_id::SalonId;
use crate::kernel::secret::Secret;
use crate::yclients::Error;
use crate::yclients::sign_in::SignedIn;

/// What to look at, and how to tell.
#[derive(Debug, Args)]
pub struct CheckYclients {
    /// Look into this salon too, by its number in YClients: what it lets the application see, and where its hooks go.
    #[arg(long)]
    salon: Option<i64>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

impl CheckYclients {
    /// Exit code 0 when nothing is wrong. Changes nothing anywhere.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut checks = yclients_check::tokens(config).await;
        if let Some(salon) = self.salon.filter(|_| checks.iter().all(|check| check.is_well)) {
            checks.extend(yclients_check::salon(config, SalonId(salon)).await);
        }
        let is_well = checks.iter().all(|check| check.is_well);
        if self.json {
            let list: Vec<_> = checks
                .iter()
                .map(|check| json!({"what": check.what, "ok": check.is_well, "text": check.text}))
                .collect();
            say(&format!("{}\n", json!({"ok": is_well, "checks": list})));
        } else {
            for check in &checks {
                let mark = if check.is_well { "ok  " } else { "BAD " };
                say(&format!("{mark} {}: {}\n", check.what, check.text));
            }
        }
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Asks for a login and a password on the terminal and prints the user's token. The password is not shown and not kept.
///
/// Usually not needed: an application has a system user of its own, whose token stands in its settings in the developer's cabinet.
#[derive(Debug, Args)]
pub struct UserToken {
    /// Phone as 79000000000, or e-mail; asked for when it is not given.
    #[arg(long)]
    login: Option<String>,
    /// Print the token as one JSON object.
    #[arg(long)]
    json: bool,
}

impl UserToken {
    /// On a pipe the login, unless it is given, and the password are read as lines.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let login = match self.login {
            Some(login) => login,
            None => ask("Login in YClients (phone as 79000000000, or e-mail): ")?,
        };
        let password = Secret::new(if std::io::stdin().is_terminal() {
            rpassword::prompt_password("Password (not shown): ")?
        } else {
            ask("")?
        });
        let crm = yclients_check::client(config)?;
        match crm.sign_in(login.trim(), &password).await {
            Ok(SignedIn::Token(token)) => {
                let token = token.expose();
                say(&if self.json {
                    format!("{}\n", json!({"user_token": token}))
                } else {
                    format!("YCLIENTS_USER_TOKEN={token}\n")
                });
                let mut told = std::io::stderr();
                let _ = writeln!(told, "Keep it like a password. It is good until this password is changed.");
                Ok(ExitCode::SUCCESS)
            }
            Ok(SignedIn::CodeAsked) => {
                bail!(
                    "this user signs in with a code: take the token of the application's system user instead"
                )
            }
            Err(Error::Unauthorised) => {
                bail!(
                    "YClients does not accept this login and password, or not YCLIENTS_PARTNER_TOKEN: try `salonbridge yclients check`"
                )
            }
            Err(error) => bail!("{error}"),
        }
    }
}

fn ask(prompt: &str) -> anyhow::Result<String> {
    let mut told = std::io::stderr();
    let _ = write!(told, "{prompt}").and_then(|()| told.flush());
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("nothing was entered");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
