//! What the operator of the sandbox may choose, at start or later by `POST /admin/config`.

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

/// What the operator of the sandbox may choose. The same names serve the command line and `/admin/config`.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Names the developer account; also the key of the signatures.
    #[arg(long, default_value = "sandbox-partner-token")]
    pub partner_token: String,
    /// The application's technical user: one token for every salon.
    #[arg(long, default_value = "sandbox-system-user-token")]
    pub system_user_token: String,
    /// The token of the salon's owner, as `POST /auth` gives it out.
    #[arg(long, default_value = "sandbox-owner-token")]
    pub owner_token: String,
    /// The owner's password for `POST /auth`; the login is 79000000099.
    #[arg(long, default_value = "sandbox-password")]
    pub owner_password: String,
    #[arg(long, default_value_t = 4242)]
    pub application_id: i64,
    /// What the application's card is headed with.
    #[arg(long, default_value = "Сообщения в WhatsApp")]
    pub application_title: String,
    /// Registration Redirect Url of the application: where the browser goes after consent.
    #[arg(long)]
    pub register_url: Option<String>,
    /// Callback Url of the application: where uninstall, freeze and payment are posted.
    #[arg(long)]
    pub callback_url: Option<String>,
    /// Address of the sandbox in links it prints; by default the address it listens on.
    #[arg(long)]
    pub public_url: Option<String>,

    /// Add `user_data` and its signature to the registration redirect.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub user_data: bool,
    #[arg(long, value_enum, default_value_t = UserDataStyle::Standard)]
    pub user_data_style: UserDataStyle,
    /// How several salons are written into the redirect. One salon is always `salon_id`.
    #[arg(long, value_enum, default_value_t = SalonIdsStyle::Indexed)]
    pub salon_ids_style: SalonIdsStyle,
    /// A private application: active at once on consent.
    #[arg(long)]
    pub instant: bool,
    /// How long a consent waits for the partner's callback.
    #[arg(long, default_value_t = 12)]
    pub pending_hours: i64,
    /// Whether a payment is told to the Callback Url; sources disagree whether it is.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub payment_event: bool,

    /// Feeds every roll of the dice, so that a run can be repeated.
    #[arg(long, default_value_t = 4711)]
    pub seed: u64,
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub rate_limit: bool,
    #[arg(long, default_value_t = 200)]
    pub per_minute: usize,
    #[arg(long, default_value_t = 5)]
    pub per_second: usize,

    /// From the change to the hook.
    #[arg(long, default_value_t = 5_000)]
    pub hook_delay_ms: u64,
    #[arg(long, default_value_t = 10_000)]
    pub hook_timeout_ms: u64,
    /// Further attempts after a transport error, 429 or 5xx. The public article says there are none.
    #[arg(long, default_value_t = 0)]
    pub hook_retries: u32,
    #[arg(long, default_value_t = 1_500)]
    pub hook_retry_delay_ms: u64,
    /// Sent as `Authorization: Bearer …` with every hook; one for all receivers, so it proves nothing.
    #[arg(long)]
    pub hook_bearer: Option<String>,
    /// The entities ticked in the application's card: these flags are set at activation.
    #[arg(long, value_delimiter = ',', default_value = "record,client,service,service_category,master")]
    pub hook_entities: Vec<String>,
    /// Whether the application hears of what it changed itself.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub self_sending: bool,
    /// Whether a frozen salon still sends hooks. REST is closed to it either way.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub freezed_hooks: bool,
    /// The right to see phones; without it they come empty.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub phones_visible: bool,
    /// Add `review_link` to records, as the newer interface does.
    #[arg(long)]
    pub review_link: bool,
    /// In which zone `changed_after` is read: the documents do not say.
    #[arg(long, value_enum, default_value_t = ChangedZone::Salon)]
    pub changed_zone: ChangedZone,
    /// Post to hosts other than this machine. Off, because a sandbox has no business there.
    #[arg(long)]
    pub open_network: bool,
}

/// A zone in which a time without one may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum ChangedZone {
    Salon,
    Moscow,
    Utc,
}

/// How `user_data` is written into the redirect; each was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum UserDataStyle {
    Standard,
    UrlSafe,
    Unpadded,
    PlusAsSpace,
}

/// How a list of salons is written into the redirect; each was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum SalonIdsStyle {
    /// `salon_ids[0]=1&salon_ids[1]=2`
    Indexed,
    /// `salon_ids[]=1&salon_ids[]=2`
    Brackets,
    /// `salon_ids=1,2`
    Csv,
}

/// The defaults are written once, on the arguments above.
#[derive(Parser)]
struct Bare {
    #[command(flatten)]
    options: Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Bare::try_parse_from(["sandbox"]).expect("every argument has a default").options
    }
}
