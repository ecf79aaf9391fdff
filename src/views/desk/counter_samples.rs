//! The pages of clients, bonuses and the sync in their states, for the tests and the gallery.

use super::samples::{NOW, URL, ZONE, bar, more};
use super::{
    CandidateLine, ClientLine, ClientPage, Clients, ClientsFault, CodeForm, Confirm, Posting, SpendFault,
    SpendForm, Syncs, Tab, Turn, Unmatched, UnmatchedFault, UnmatchedLine, VisitLine,
};
use crate::domain::bonus::{Kind, Programme};
use crate::domain::books::Status;
use crate::domain::matching::Candidate;
use crate::domain::sync::{Counts, SyncKind, SyncRun, SyncState};
use crate::kernel::id::{ClientKey, SyncId};
use crate::views::Frame;

const PROGRAMME: Programme = Programme {
    rate: 550,
    min_price: 50_000,
    most_percent: 50,
    only_paid: false,
    since: None,
    expire_days: 365,
};

pub(super) fn samples(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let mut all = clients(frame);
    all.extend(one_client(frame));
    all.extend(unmatched(frame));
    all.extend(syncs(frame));
    all
}

fn clients(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let line = |name: &str, phone: &str, balance| ClientLine {
        id: "cli_sample".to_owned(),
        name: name.to_owned(),
        phone: phone.to_owned(),
        code: "DFJ23456".to_owned(),
        balance,
        last_visit: (balance > 0).then_some(NOW.plus_secs(-90_000)),
        is_gone: balance < 0,
    };
    let theirs = [
        line("Анна Образцова", "+79000000001", 125_050),
        line("Екатерина Константинопольская-Задунайская", "+4915100000001", 99_999_900),
        line("Ян", "", -12_500),
        line("", "", 0),
    ];
    let masked = [line("", "+7…01", 125_050)];
    let list = |rows, text, fault, is_operator: bool, programme, turn| {
        let frame = frame();
        let typed = CodeForm {
            code: if fault == Some(ClientsFault::UnknownCode) { "QQQQ7777" } else { "" },
            amount: "",
        };
        let list = Clients {
            nav: bar(&frame, Some(Tab::Clients), is_operator),
            title: "Ирис на Садовой",
            url: URL,
            form_key: "sample",
            timezone: ZONE,
            now: NOW,
            text,
            has_names: !is_operator,
            spend: (!is_operator).then_some(typed),
            fault,
            programme,
            rows,
            turn,
        };
        super::clients(frame, &list)
    };
    let off = Programme::off();
    vec![
        ("clients", list(&theirs, "", None, false, &PROGRAMME, more())),
        ("clients-none", list(&[], "", None, false, &off, Turn::default())),
        ("clients-short", list(&[], "ан", Some(ClientsFault::SearchTooShort), false, &off, Turn::default())),
        (
            "clients-code",
            list(&theirs[..1], "", Some(ClientsFault::UnknownCode), false, &PROGRAMME, Turn::default()),
        ),
        ("clients-masked", list(&masked, "", None, true, &PROGRAMME, Turn::default())),
        (
            "clients-names",
            list(&[], "анна", Some(ClientsFault::NamesNotAllowed), true, &off, Turn::default()),
        ),
    ]
}

fn one_client(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let visit = |id, hours: i64, status| VisitLine {
        id,
        starts_at: Some(NOW.plus_secs(hours * 3600)),
        status: Some(status),
        price: Some(225_000),
    };
    let visits = [
        visit(505, 26, Status::Pending),
        visit(504, 2, Status::Confirmed),
        visit(503, -20, Status::Completed),
        visit(502, -50, Status::Cancelled),
        VisitLine { starts_at: None, price: None, ..visit(501, 0, Status::NoShow) },
    ];
    let posting = |kind, change, record| Posting {
        id: "pst_sample".to_owned(),
        at: NOW.plus_secs(-7_200),
        kind,
        change,
        record,
    };
    let postings = [
        posting(Kind::Spend, -50_000, Some(503)),
        posting(Kind::Expire, -1_205, None),
        posting(Kind::Refund, 20_000, Some(502)),
        posting(Kind::Reverse, -11_250, Some(501)),
        posting(Kind::Accrue, 11_250, Some(501)),
    ];
    let page = |balance, fault, just_spent, is_operator: bool, is_new: bool| {
        let frame = frame();
        let form = SpendForm {
            amount: if fault == Some(SpendFault::BadAmount) { "сто" } else { "500" },
            record: Some(504),
            fault,
        };
        let it = ClientPage {
            nav: bar(&frame, Some(Tab::Clients), is_operator),
            title: "Ирис на Садовой",
            url: URL,
            form_key: "sample",
            timezone: ZONE,
            now: NOW,
            id: "cli_sample",
            name: if is_operator { "" } else { "Анна Образцова" },
            phone: if is_operator { "+7…01" } else { "+79000000001" },
            email: if is_operator { "" } else { "anna@example.test" },
            code: "DFJ23456",
            balance,
            spent: 50_000,
            is_gone: balance < 0,
            programme: &PROGRAMME,
            spend: (!is_operator).then_some(form),
            just_spent,
            postings: if is_new { &[] } else { &postings },
            visits: if is_new { &[] } else { &visits },
            turn: if is_new { Turn::default() } else { more() },
        };
        super::client(frame, &it)
    };
    let confirm = || {
        let frame = frame();
        let it = Confirm {
            nav: bar(&frame, Some(Tab::Clients), false),
            title: "Ирис на Садовой",
            url: URL,
            form_key: "sample",
            once: "sample",
            timezone: ZONE,
            now: NOW,
            id: "cli_sample",
            name: "Анна Образцова",
            phone: "+79000000001",
            code: "DFJ23456",
            amount: 50_000,
            balance: 125_050,
            visit: Some((504, Some(NOW.plus_secs(7200)))),
        };
        super::confirm(frame, &it)
    };
    let faults = [
        ("client-bad-amount", SpendFault::BadAmount),
        ("client-not-enough", SpendFault::NotEnough(125_050)),
        ("client-too-much", SpendFault::TooMuchOfVisit(112_500)),
        ("client-visit-off", SpendFault::VisitCancelled),
        ("client-visit-unknown", SpendFault::UnknownVisit),
        ("client-used", SpendFault::Used),
    ];
    let mut all = vec![
        ("client", page(125_050, None, None, false, false)),
        ("client-spent", page(75_050, None, Some(50_000), false, false)),
        ("client-new", page(0, None, None, false, true)),
        ("client-owes", page(-12_500, None, None, false, false)),
        ("client-masked", page(125_050, None, None, true, false)),
        ("spend", confirm()),
    ];
    all.extend(faults.map(|(name, fault)| (name, page(125_050, Some(fault), None, false, false))));
    all
}

fn unmatched(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let candidate = |name: &str, email, phone| CandidateLine {
        name: name.to_owned(),
        phone: "+79000000001".to_owned(),
        code: "DFJ23456".to_owned(),
        balance: 22_500,
        named_by: Candidate {
            id: ClientKey::from_stored("cli_sample".to_owned()),
            code: false,
            email,
            phone,
            card: false,
        },
    };
    let line = |record, name: &str, phone: &str, candidates, more| UnmatchedLine {
        record,
        starts_at: Some(NOW.plus_secs(-7_200)),
        name: name.to_owned(),
        phone: phone.to_owned(),
        services: vec!["Стрижка".to_owned(), "Укладка".to_owned()],
        price: Some(225_000),
        candidates,
        more,
    };
    let rows = [
        line(
            501,
            "Анна",
            "+79000000001",
            vec![candidate("Анна Образцова", true, true), candidate("Ольга Образцова", false, true)],
            3,
        ),
        line(502, "Некто", "", Vec::new(), 0),
    ];
    let page = |rows, fault, is_operator: bool, turn| {
        let frame = frame();
        let list = Unmatched {
            nav: bar(&frame, Some(Tab::Clients), is_operator),
            title: "Ирис на Садовой",
            url: URL,
            form_key: "sample",
            timezone: ZONE,
            now: NOW,
            may_settle: !is_operator,
            fault,
            rows,
            turn,
        };
        super::unmatched(frame, &list)
    };
    vec![
        ("unmatched", page(&rows, None, false, more())),
        ("unmatched-choose", page(&rows, Some(UnmatchedFault::Nothing(501)), false, Turn::default())),
        ("unmatched-code", page(&rows, Some(UnmatchedFault::UnknownCode(502)), false, Turn::default())),
        ("unmatched-theirs", page(&rows, None, true, Turn::default())),
        ("unmatched-none", page(&[], None, false, Turn::default())),
    ]
}

fn syncs(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let run = |state, error: &str, counts: Counts| SyncRun {
        id: SyncId::from_stored("syn_sample".to_owned()),
        kind: if error == "internal" { SyncKind::Catalog } else { SyncKind::Records },
        state,
        by_hand: state == SyncState::Running,
        scope: String::new(),
        place: String::new(),
        page: 3,
        counts,
        own_ms: 120,
        attempts: 0,
        error: error.to_owned(),
        asked_at: NOW,
        began_at: (state != SyncState::Waiting).then_some(NOW.plus_secs(-60)),
        moved_at: NOW,
        finished_at: None,
    };
    let skipped = [("older", 2), ("unreadable", 1), ("another_salon", 4)];
    let many = Counts {
        created: 3,
        updated: 12,
        unchanged: 1204,
        cancelled: 1,
        healed: 2,
        failed: 1,
        skipped: skipped.map(|(why, n)| (why.to_owned(), n)).into(),
    };
    let mut rows = vec![
        run(SyncState::Running, "", many.clone()),
        run(SyncState::Waiting, "weather", Counts::default()),
        run(SyncState::Done, "", many),
        run(SyncState::Done, "", Counts::default()),
    ];
    let ends = ["licence", "forbidden", "unauthorised", "not_active", "internal"];
    rows.extend(ends.map(|error| run(SyncState::Failed, error, Counts::default())));
    let page = |rows, may_sync, is_refused, turn| {
        let frame = frame();
        let list = Syncs {
            nav: bar(&frame, Some(Tab::Syncs), false),
            title: "Ирис на Садовой",
            company: "tnt_sample",
            url: "/desk/companies/tnt_sample/syncs",
            form_key: "sample",
            timezone: ZONE,
            now: NOW,
            may_sync,
            is_refused,
            is_first: true,
            rows,
            turn,
        };
        super::syncs(frame, &list)
    };
    vec![
        ("syncs", page(&rows, true, false, more())),
        ("syncs-none", page(&[], false, false, Turn::default())),
        ("syncs-refused", page(&rows[3..4], true, true, Turn::default())),
    ]
}
