//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::boot::bookings_check::CheckBookings;
use crate::boot::codes_command::GenerateCodes;
use crate::boot::config::{self, Config, Env};
use crate::boot::sync_command::SyncCommand;
use crate::boot::webhook_command::{Guide, Test};
use crate::boot::yclients_command::{CheckYclients, UserToken};
use crate::boot::{doctor, login, run, telemetry};
use crate::storage::Db;

/// The bridge between YClients salons and their clients' WhatsApp.
///
/// A salon installs the application from the YClients marketplace, links its WhatsApp by scanning a code, and its clients get
/// confirmations, changes and cancellations of their bookings as messages.
///
/// All settings come from the environment: `salonbridge config example` explains each of them.
#[derive(Debug, Parser)]
#[command(version, about, long_about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve: HTTP, worker and WhatsApp sessions in one process.
    Serve,
    /// Show the whole product offline: YClients and WhatsApp imitated on this machine, one demo salon.
    #[cfg(feature = "sandbox")]
    Demo(crate::boot::demo::Demo),
    /// Bring the database's tables up to date, then end.
    Migrate,
    /// Ask every neighbour whether the product can work, and say in plain words what is wrong.
    Doctor,
    /// Ask the product that runs here whether it lives: for a container's health check.
    Ping,
    /// YClients: what it lets the product do.
    #[command(subcommand)]
    Yclients(YclientsCommand),
    /// Bookings of a salon.
    #[command(subcommand)]
    Bookings(BookingsCommand),
    /// Services, their groups, staff and schedule of a salon.
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Where YClients posts a salon's hooks.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Codes by which a salon's clients are known.
    #[command(subcommand)]
    Codes(CodesCommand),
    /// People who may use the pages of the running product.
    #[command(subcommand)]
    Login(LoginCommand),
    /// Show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum YclientsCommand {
    /// Try the tokens, and with --salon what that salon lets us see and where its hooks go; changes nothing.
    Check(CheckYclients),
    /// Ask for a person's login and password, and print the token to put into YCLIENTS_USER_TOKEN.
    UserToken(UserToken),
}

#[derive(Debug, Subcommand)]
enum BookingsCommand {
    /// Have the running product read a salon's journal now, and wait for the end.
    Sync(SyncCommand),
    /// Show a salon's settings, counts, clients with codes, its last records, and what to do.
    Check(CheckBookings),
}

#[derive(Debug, Subcommand)]
enum WebhookCommand {
    /// The salon's address and the steps to set it by hand, where the application may not do it itself.
    Guide(Guide),
    /// Post a (signed) test to the salon's address as YClients would, and say what became of it. No client is told anything.
    Test(Test),
}

#[derive(Debug, Subcommand)]
enum CodesCommand {
    /// Give a code to every client of a salon who has none.
    Generate(GenerateCodes),
}

#[derive(Debug, Subcommand)]
enum CatalogCommand {
    /// Have the running product copy a salon's catalogue now, and wait for the end.
    Sync(SyncCommand),
}

#[derive(Debug, Subcommand)]
enum LoginCommand {
    Add(login::Add),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// What is in force now; secrets are left out.
    Print,
    /// Every setting explained, as a template for an .env file.
    Example,
}

/// Runs the command; exit code 0 only when it did what it was asked.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let env = config::process_env();
    telemetry::start_logs(&env);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime could not start: {error}")),
    };
    match runtime.block_on(dispatch(cli.command, &env)) {
        Ok(code) => code,
        Err(error) => fail(&format!("{error:#}")),
    }
}

async fn dispatch(command: Command, env: &Env) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => run::serve(load(env)?).await?,
        #[cfg(feature = "sandbox")]
        Command::Demo(demo) => return demo.run(env).await,
        Command::Migrate => migrate(env).await?,
        Command::Doctor => return doctor::run(env).await,
        Command::Ping => return ping(env).await,
        Command::Bookings(BookingsCommand::Sync(sync)) => return sync.run(&load(env)?, "records").await,
        Command::Bookings(BookingsCommand::Check(check)) => return check.run(&load(env)?).await,
        Command::Yclients(YclientsCommand::Check(check)) => return check.run(&load(env)?).await,
        Command::Yclients(YclientsCommand::UserToken(token)) => return token.run(&load(env)?).await,
        Command::Webhook(WebhookCommand::Guide(guide)) => return guide.run(&load(env)?).await,
        Command::Webhook(WebhookCommand::Test(test)) => return test.run(&load(env)?).await,
        Command::Codes(CodesCommand::Generate(generate)) => return generate.run(&load(env)?).await,
        Command::Catalog(CatalogCommand::Sync(sync)) => return sync.run(&load(env)?, "catalog").await,
        Command::Login(LoginCommand::Add(add)) => say(&add.run(&load(env)?).await?),
        Command::Config(ConfigCommand::Print) => say(&config::print(env)),
        Command::Config(ConfigCommand::Example) => say(&config::example()),
    }
    Ok(ExitCode::SUCCESS)
}

fn load(env: &Env) -> anyhow::Result<Config> {
    Config::from_env(env).map_err(|problems| {
        anyhow::anyhow!("the configuration has {} problem(s):\n  {}", problems.len(), problems.join("\n  "))
    })
}

async fn ping(env: &Env) -> anyhow::Result<ExitCode> {
    let listen = load(env)?.listen;
    let answer = doctor::ask_live(&format!("http://127.0.0.1:{}", listen.port())).await;
    match answer {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(problem) => Ok(fail(&problem)),
    }
}

async fn migrate(env: &Env) -> anyhow::Result<()> {
    let config = load(env)?;
    let db = Db::open(&config.database_url).await?;
    db.close().await;
    say("The tables are up to date.\n");
    Ok(())
}

/// Prints for people and pipes; a closed pipe is no failure.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn fail(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "salonbridge: {text}");
    ExitCode::FAILURE
}
