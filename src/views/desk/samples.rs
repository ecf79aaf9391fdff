//! The desk's pages in their states, for the tests and the gallery.

use super::{
    Account, AccountFault, Codes, Companies, CompanyLine, Enter, Fault, Light, MessageLine, Messages, Nav,
    Overview, PersonLine, RecordLine, Records, Said, Step, Tab, Team, TeamFault, Trouble, Turn,
};
use crate::domain::login::{Login, Role};
use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::domain::pacing::Standing;
use crate::domain::password::Weak;
use crate::domain::session::SessionState;
use crate::domain::tenant::TenantState;
use crate::domain::timeline::Message;
use crate::domain::why::Verb;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{LoginId, OutboxId};
use crate::views::Frame;

/// sat, 14 March 2026, 15:00 in Moscow
pub(super) const NOW: UnixMs = UnixMs(1_773_489_600_000);
pub(super) const ZONE: chrono_tz::Tz = chrono_tz::Europe::Moscow;
pub(super) const URL: &str = "/desk/companies/tnt_sample";

/// Every page, with a name for its picture.
#[must_use]
pub fn samples(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let mut all = ways_in(frame);
    all.extend(companies(frame));
    all.extend(lists(frame));
    all.extend(people(frame));
    all.extend(super::counter_samples::samples(frame));
    all
}

pub(super) fn bar(frame: &Frame, tab: Option<Tab>, is_operator: bool) -> String {
    let who = if is_operator { "ops@salonbridge.example" } else { "Мария Петрова" };
    let nav = Nav {
        company: (tab.is_some() || !is_operator).then_some("tnt_sample"),
        tab,
        is_operator,
        has_team: true,
        is_account: tab.is_none() && !is_operator,
        who,
        form_key: "sample",
    };
    super::nav(frame.words, &nav)
}

pub(super) fn more() -> Turn {
    Turn { first: format!("{URL}/records"), next: format!("{URL}/records?after=1.2") }
}

fn ways_in(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let enter = |step, fault, email| {
        let enter = Enter { step, action: "/desk/sign-in", email, to: "/desk", ticket: "sample", fault };
        super::enter(frame(), &enter)
    };
    let email = "maria@iris.example";
    vec![
        ("sign-in", enter(Step::SignIn, None, "")),
        ("refused", enter(Step::SignIn, Some(Fault::Refused), email)),
        ("rests", enter(Step::SignIn, Some(Fault::Rests(2)), email)),
        ("code", enter(Step::Code, None, "")),
        ("code-wrong", enter(Step::Code, Some(Fault::WrongCode), "")),
        ("invitation", enter(Step::Invitation, None, email)),
        ("invitation-weak", enter(Step::Invitation, Some(Fault::Weak(Weak::Common)), email)),
        ("invitation-closed", super::closed(frame())),
        ("forged", super::forged(frame())),
    ]
}

fn companies(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let line = |title: &str, salon_id, light, state, session| CompanyLine {
        id: "tnt_sample".to_owned(),
        salon_id,
        title: title.to_owned(),
        address: "Санкт-Петербург, Невский проспект, 1".to_owned(),
        light,
        state,
        session,
    };
    let rows = [
        line("Ирис на Садовой", 990_101, Light::Green, TenantState::Active, SessionState::Online),
        line("Барбершоп «Борода»", 990_102, Light::Yellow, TenantState::Active, SessionState::Online),
        line("Beauty Lab", 990_103, Light::Red, TenantState::Active, SessionState::LoggedOut),
        line(
            "Маникюр у Анны Александровны на Петроградской стороне",
            990_104,
            Light::Yellow,
            TenantState::Frozen,
            SessionState::Online,
        ),
        line("", 990_105, Light::Yellow, TenantState::PendingWhatsapp, SessionState::Unpaired),
        line("Роза", 990_106, Light::Off, TenantState::Uninstalled, SessionState::Unpaired),
    ];
    let list = |rows, text, is_troubled, turn| {
        let frame = frame();
        let list = Companies {
            nav: bar(&frame, None, true),
            text,
            is_troubled,
            all_url: "/desk".to_owned(),
            troubled_url: "/desk?show=troubled".to_owned(),
            rows,
            turn,
        };
        super::companies(frame, &list)
    };
    let overview = |light, state, session, troubles: &[Trouble], may_connect: bool| {
        let frame = frame();
        let sending = Standing {
            day: 3,
            new_chats: 12,
            new_chats_allowed: 20,
            locked_until: None,
            rests_until: None,
            waiting: 4,
            dropped_today: 0,
        };
        let it = Overview {
            nav: bar(&frame, Some(Tab::Overview), !may_connect),
            url: URL,
            salon_id: 990_101,
            title: "Ирис на Садовой",
            address: "Санкт-Петербург, Садовая улица, 1",
            timezone: ZONE,
            light,
            state,
            session,
            number: (session != SessionState::LoggedOut).then_some("+79000000099"),
            troubles,
            sending: &sending,
            last_message_at: Some(NOW.plus_secs(-600)),
            last_sync_at: Some(NOW.plus_secs(-100_000)),
            now: NOW,
            may_connect,
        };
        super::overview(frame, &it)
    };
    let (active, online) = (TenantState::Active, SessionState::Online);
    let many = [
        Trouble::Session(SessionState::LoggedOut),
        Trouble::Installation(TenantState::Frozen),
        Trouble::HooksWait(121),
        Trouble::JobsParked(2),
        Trouble::Uncertain(1),
        Trouble::ReachOutLocked(34),
        Trouble::SendingRests(5),
        Trouble::Dropped(3),
        Trouble::Sync,
        Trouble::WebhookSettings,
    ];
    vec![
        ("companies", list(&rows, "", false, more())),
        ("companies-none", list(&[], "Лилия", true, Turn::default())),
        ("overview", overview(Light::Green, active, online, &[], true)),
        ("overview-lost", overview(Light::Red, active, SessionState::LoggedOut, &many[..1], true)),
        ("overview-many", overview(Light::Red, TenantState::Frozen, SessionState::LoggedOut, &many, false)),
    ]
}

fn lists(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let record = |id, hours: i64, client: Option<&str>, message, decided| RecordLine {
        id,
        starts_at: NOW.plus_secs(hours * 3600),
        is_deleted: id == 504,
        client: client.map(str::to_owned),
        services: vec!["Стрижка".to_owned(), "Укладка".to_owned()],
        master: Some("Олег".to_owned()),
        message,
        decided,
    };
    let (confirmation, cancel) = (MessageKind::Confirmation, MessageKind::Cancel);
    let sent = |ticks| Some((confirmation, OutboxState::Sent, ticks));
    let rows = [
        record(501, 1, Some("Анна Образцова"), sent(Ticks::Read), None),
        record(502, 2, Some("Борис"), Some((confirmation, OutboxState::Uncertain, Ticks::None)), None),
        record(
            503,
            26,
            Some("Екатерина Константинопольская"),
            Some((confirmation, OutboxState::Failed, Ticks::None)),
            None,
        ),
        record(504, 27, Some("Ольга"), Some((cancel, OutboxState::Sent, Ticks::Delivered)), None),
        record(505, 28, None, None, Some(Verb::Silent)),
    ];
    let records = |rows, is_behind, turn| {
        let frame = frame();
        let list = Records {
            nav: bar(&frame, Some(Tab::Records), false),
            title: "Ирис на Садовой",
            url: "/desk/companies/tnt_sample/records",
            timezone: ZONE,
            now: NOW,
            is_behind,
            rows,
            turn,
        };
        super::records(frame, &list)
    };
    let message = |kind, state, ticks, reason: &str| MessageLine {
        record: Some(501),
        message: Message {
            id: OutboxId::from_stored("out_sample".to_owned()),
            kind,
            state,
            ticks,
            reason: reason.to_owned(),
            attempts: 1,
            created_at: NOW.plus_secs(-90_000),
            sent_at: (state == OutboxState::Sent).then_some(NOW.plus_secs(-60)),
            delivered_at: None,
            read_at: None,
            to: "+79000000001".to_owned(),
            text: Some("Анна, вы записаны.\n\nСтрижка и укладка\nсб, 14 марта, 18:00".to_owned()),
        },
    };
    let messages = |state, rows: &[MessageLine], turn| {
        let frame = frame();
        let counts = [(OutboxState::Sent, 1204), (OutboxState::Uncertain, 2), (OutboxState::Failed, 7)];
        let list = Messages {
            nav: bar(&frame, Some(Tab::Messages), false),
            title: "Ирис на Садовой",
            url: URL,
            form_key: "sample",
            timezone: ZONE,
            now: NOW,
            state,
            counts: &counts,
            rows,
            turn,
        };
        super::messages(frame, &list)
    };
    let doubt = message(confirmation, OutboxState::Uncertain, Ticks::None, "interrupted");
    let failed = message(confirmation, OutboxState::Failed, Ticks::None, "not_on_whatsapp");
    let told = [
        message(confirmation, OutboxState::Sent, Ticks::Read, ""),
        message(cancel, OutboxState::Sent, Ticks::Server, ""),
    ];
    vec![
        ("records", records(&rows, false, more())),
        ("records-none", records(&[], true, Turn::default())),
        ("messages", messages(OutboxState::Sent, &told, more())),
        ("messages-doubt", messages(OutboxState::Uncertain, &[doubt.clone(), doubt], Turn::default())),
        ("messages-failed", messages(OutboxState::Failed, &[failed], Turn::default())),
        ("messages-none", messages(OutboxState::Expired, &[], Turn::default())),
    ]
}

fn person(name: &str, role: Role) -> Login {
    Login {
        id: LoginId::from_stored("log_sample".to_owned()),
        tenant: None,
        role,
        email: "maria@iris.example".to_owned(),
        name: name.to_owned(),
        has_password: true,
        has_totp: role == Role::Owner,
        invited_until: None,
        is_off: false,
        seen_at: Some(NOW.plus_secs(-3600)),
    }
}

fn people(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let line = |login: Login| PersonLine { is_mine_to_manage: login.role == Role::Receptionist, login };
    let invited = Login {
        has_password: false,
        invited_until: Some(NOW.plus_secs(170_000)),
        seen_at: None,
        ..person("", Role::Receptionist)
    };
    let late = Login { invited_until: Some(NOW.plus_secs(-5)), ..invited.clone() };
    let off = Login { is_off: true, ..person("Ольга", Role::Receptionist) };
    let rows: Vec<_> =
        [person("Мария Петрова", Role::Owner), person("Олег", Role::Receptionist), invited, late, off]
            .into_iter()
            .map(line)
            .collect();
    let team = |link, fault, is_operator| {
        let frame = frame();
        let team = Team {
            nav: bar(&frame, Some(Tab::Team), is_operator),
            title: "Ирис на Садовой",
            url: "/desk/companies/tnt_sample/team",
            form_key: "sample",
            timezone: ZONE,
            now: NOW,
            is_operator,
            link,
            fault,
            email: if fault.is_some() { "oleg@iris.example" } else { "" },
            name: "",
            rows: &rows,
            turn: Turn::default(),
        };
        super::team(frame, &team)
    };
    let token = "https://salonbridge.example/desk/invitation/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let login = person("Мария Петрова", Role::Owner);
    let account = |codes, said, fault| {
        let frame = frame();
        let account =
            Account { nav: bar(&frame, None, false), login: &login, form_key: "sample", codes, said, fault };
        super::account(frame, &account)
    };
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let address =
        format!("otpauth://totp/Salonbridge:maria%40iris.example?secret={secret}&issuer=Salonbridge");
    vec![
        ("team", team(None, None, false)),
        ("team-link", team(Some(("oleg@iris.example", token)), None, true)),
        ("team-taken", team(None, Some(TeamFault::Taken), false)),
        ("account", account(Codes::Off, None, None)),
        ("account-codes", account(Codes::pending(&address, secret, "sample"), None, None)),
        ("account-on", account(Codes::On, Some(Said::CodesOn), None)),
        ("account-wrong", account(Codes::On, None, Some(AccountFault::WrongPassword))),
    ]
}
