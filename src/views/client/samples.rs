//! A client's pages in their states, for the tests and the gallery.

use super::{Book, Enter, Fault, Group, Line, Nav, Profile, RecordLine, Records, Service, Step, Tab};
use crate::domain::bonus::Kind;
use crate::domain::books::Status;
use crate::kernel::clock::UnixMs;
use crate::views::Frame;
use crate::views::desk::Turn;

/// sat, 14 March 2026, 15:00 in Moscow
const NOW: UnixMs = UnixMs(1_773_489_600_000);
const ZONE: chrono_tz::Tz = chrono_tz::Europe::Moscow;
const URL: &str = "/salons/tnt_sample";
const SALON: &str = "Студия «Ирис» на Петроградской стороне";

#[must_use]
pub fn samples(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let mut all = ways_in(frame);
    all.extend(inside(frame));
    all
}

fn bar(frame: &Frame, tab: Option<Tab>, form_key: &str) -> String {
    super::nav(frame.words, &Nav { url: URL, tab, form_key })
}

fn ways_in(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let enter = |step, phone, fault| {
        let frame = frame();
        let url = format!("{URL}/sign-in");
        let nav = bar(&frame, None, "");
        let it = Enter { nav, salon: SALON, url: &url, step, phone, to: "book", fault, left_ms: 300_000 };
        super::enter(frame, &it)
    };
    let phone = "+7 900 000-00-01";
    vec![
        ("sign-in", enter(Step::Phone, "", None)),
        ("sign-in-bad", enter(Step::Phone, "12", Some(Fault::BadPhone))),
        ("sign-in-rests", enter(Step::Phone, phone, Some(Fault::Rests(42)))),
        ("sign-in-closed", enter(Step::Phone, phone, Some(Fault::Closed))),
        ("sign-in-over", enter(Step::Phone, phone, Some(Fault::CodeOver))),
        ("code", enter(Step::Code, phone, None)),
        ("code-soon", enter(Step::Code, phone, Some(Fault::Soon(31)))),
        ("code-wrong", enter(Step::Code, phone, Some(Fault::WrongCode))),
        ("forged", super::forged(frame(), URL)),
    ]
}

fn inside(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let line = |kind, change, days: i64| Line { kind, change, at: NOW.plus_secs(-days * 86_400) };
    let lines = [
        line(Kind::Spend, -100_000, 0),
        line(Kind::Accrue, 22_550, 1),
        line(Kind::Refund, 30_000, 2),
        line(Kind::Reverse, -22_550, 3),
        line(Kind::Expire, -500, 400),
    ];
    let profile = |name, lines, balance| {
        let frame = frame();
        let it = Profile {
            nav: bar(&frame, Some(Tab::Profile), "sample"),
            salon: SALON,
            name,
            phone: "+79000000001",
            code: "DFJ23456",
            balance,
            spent: 100_000,
            lines,
            timezone: ZONE,
            now: NOW,
        };
        super::profile(frame, &it)
    };
    let record = |hours: i64, status, price| RecordLine {
        starts_at: NOW.plus_secs(hours * 3600),
        minutes: Some(90),
        services: vec!["Маникюр с покрытием".to_owned(), "Укрепление ногтей".to_owned()],
        master: Some("Мария Тестова".to_owned()),
        status,
        price,
    };
    let rows = [
        record(2, Status::Confirmed, Some(310_000)),
        record(30, Status::Pending, None),
        record(31, Status::Completed, Some(99_950)),
        RecordLine { services: Vec::new(), master: None, ..record(80, Status::Cancelled, Some(1)) },
        record(9_000, Status::NoShow, Some(0)),
    ];
    let records = |rows, is_all, turn| {
        let frame = frame();
        let (url, book_url) = (format!("{URL}/bookings"), format!("{URL}/book"));
        let it = Records {
            nav: bar(&frame, Some(Tab::Records), "sample"),
            salon: SALON,
            address: "Большой проспект, 1",
            url: &url,
            book_url: &book_url,
            timezone: ZONE,
            now: NOW,
            is_all,
            rows,
            turn,
        };
        super::records(frame, &it)
    };
    let more = Turn { first: format!("{URL}/bookings"), next: format!("{URL}/bookings?after=1.2") };
    let service = |id, title: &str, price_min, price_max, length_s| Service {
        id,
        title: title.to_owned(),
        price_min,
        price_max,
        length_s,
    };
    let groups = [
        Group {
            title: "Маникюр".to_owned(),
            services: vec![
                service(1, "Маникюр с покрытием", 250_000, 250_000, Some(5_400)),
                service(2, "Укрепление ногтей", 60_000, 90_050, Some(1_800)),
            ],
        },
        Group { title: String::new(), services: vec![service(3, "Консультация", 0, 0, None)] },
    ];
    let book = |groups, code, form_key| {
        let frame = frame();
        let it = Book {
            nav: bar(&frame, Some(Tab::Book), form_key),
            salon: SALON,
            company_id: "tnt_sample",
            url: URL,
            code,
            known: "501 502",
            groups,
        };
        super::book(frame, &it)
    };
    let book_url = format!("{URL}/book");
    vec![
        ("profile", profile("Анна Примерова", &lines[..], 123_450)),
        ("profile-new", profile("", &[], 0)),
        ("records", records(&rows[..2], false, Turn::default())),
        ("records-all", records(&rows[..], true, more)),
        ("records-none", records(&[], false, Turn::default())),
        ("book", book(&groups[..], "DFJ23456", "sample")),
        ("book-stranger", book(&groups[..], "", "")),
        ("book-none", book(&[], "DFJ23456", "sample")),
        ("form-unknown", super::form_trouble(frame(), "client-service-not-linked", false, &book_url)),
        ("form-silent", super::form_trouble(frame(), "client-yclients-unreachable", true, &book_url)),
    ]
}
