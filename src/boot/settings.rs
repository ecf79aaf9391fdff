//! Every setting there is, with the sentence that explains it. Reader, printer and template all go by this list.

pub struct Setting {
    pub name: &'static str,
    /// Empty: there is none.
    pub default: &'static str,
    pub required: bool,
    pub secret: bool,
    pub what: &'static str,
}

const fn plain(name: &'static str, default: &'static str, what: &'static str) -> Setting {
    Setting { name, default, required: false, secret: false, what }
}

const fn needed(name: &'static str, what: &'static str) -> Setting {
    Setting { name, default: "", required: true, secret: false, what }
}

const fn secret(name: &'static str, required: bool, what: &'static str) -> Setting {
    Setting { name, default: "", required, secret: true, what }
}

pub const SETTINGS: &[Setting] = &[
    needed(
        "SALONBRIDGE_PUBLIC_URL",
        "where the world reaches this product, https://… ; hooks and the connect page go there",
    ),
    secret(
        "YCLIENTS_PARTNER_TOKEN",
        true,
        "the developer account's token, from the cabinet at yclients.com/appstore/developers",
    ),
    secret(
        "YCLIENTS_USER_TOKEN",
        false,
        "the token of the application's system user, from the same cabinet; most of the REST API needs it",
    ),
    needed("YCLIENTS_APPLICATION_ID", "the number of your application in the marketplace"),
    secret(
        "YCLIENTS_WEBHOOK_SECRET",
        false,
        "leave unset: YClients signs no hooks. When set, every hook must carry x-yclients-signature, HMAC-SHA256 of its body",
    ),
    plain("YCLIENTS_API_URL", "https://api.yclients.ru", "where the YClients API is"),
    secret(
        "JWT_SECRET",
        true,
        "signs the connect page's links; at least 32 characters (openssl rand -hex 32)",
    ),
    secret(
        "ENCRYPTION_KEY",
        true,
        "64 hexadecimal digits, or several such separated by commas: the first seals, all open (openssl rand -hex 32)",
    ),
    Setting {
        name: "DATABASE_URL",
        default: "sqlite:data/salonbridge.db",
        required: false,
        secret: true,
        what: "sqlite:PATH for one process, postgres://user:password@host/name for several",
    },
    secret(
        "REDIS_URL",
        false,
        "redis://host:6379; with PostgreSQL it lets several processes share the database, the YClients budget and the news",
    ),
    plain("SALONBRIDGE_LISTEN", "127.0.0.1:8080", "address and port to serve on"),
    plain(
        "SALONBRIDGE_METRICS_LISTEN",
        "",
        "address and port for Prometheus, never a public one; not served when unset",
    ),
    secret(
        "SALONBRIDGE_OPERATOR_TOKEN",
        false,
        "lets the operator ask for the health of any company, and let people in to the desk: Authorization: Bearer …",
    ),
    secret(
        "SALONBRIDGE_ALERT_URL",
        false,
        "an address that takes a POST of JSON ({text, kind, title, …}) when an operator must know something: a chat's incoming webhook does",
    ),
    plain(
        "SALONBRIDGE_RETURN_URL",
        "https://yclients.com/timetable/{salon}",
        "where the connect page's way back leads; {salon} is the salon's number",
    ),
    plain(
        "SALONBRIDGE_MARKETPLACE_URL",
        "https://yclients.com/appstore",
        "our application's page in the marketplace, for people whose link has expired",
    ),
    plain(
        "SALONBRIDGE_FRAME_ANCESTORS",
        "https://yclients.com https://*.yclients.com https://yclients.ru https://*.yclients.ru https://alteg.io https://*.alteg.io",
        "who may show the connect page in a frame, separated by spaces; none for nobody",
    ),
    plain("SALONBRIDGE_TENANTS_DIR", "tenants", "folder with rules and texts that override the defaults"),
    plain(
        "SALONBRIDGE_RULES",
        "",
        "rules put over every salon's rules.toml, in its own words, for trying and measuring: settle_ms = 300",
    ),
    plain(
        "SALONBRIDGE_CONFIRM_WAIT_S",
        "60",
        "how long the owner may leave \"is that the right number?\" unanswered before the installation goes on, in seconds",
    ),
    plain("SALONBRIDGE_WHATSAPP_URL", "", "WebSocket address of WhatsApp; WhatsApp's own when unset"),
    plain(
        "SALONBRIDGE_WHATSAPP_VERSION",
        "",
        "client version to claim, like 2.3000.1027934701; asked of WhatsApp once a day when unset",
    ),
    plain("SALONBRIDGE_GRACE_S", "20", "how long running work may take to end at a stop, in seconds"),
    plain("SALONBRIDGE_LOG", "info", "what to log, like info or salonbridge=debug"),
    plain("SALONBRIDGE_LOG_FORMAT", "text", "text or json"),
];
