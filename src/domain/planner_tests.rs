use super::*;
use crate::domain::record::{Client, Field, Master, ServiceLine};
use crate::kernel::crm_id::{ClientId, RecordId, ServiceId, StaffId};

const ZONE: Tz = chrono_tz::Europe::Moscow;

fn rules(min_shift_minutes: i64) -> Rules {
    Rules { settle_ms: 0, min_shift_minutes, ..Rules::defaults().expect("shipped defaults") }
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a date in the test")
}

fn now() -> UnixMs {
    dates::instant(local("2026-03-10 12:00"), ZONE)
}

fn anna() -> Record {
    Record {
        starts: Field::Is(local("2026-03-14 15:00")),
        services: Field::Is(vec![ServiceLine {
            id: ServiceId(1),
            title: "Маникюр".into(),
            cost: Some(225_000),
        }]),
        master: Field::Is(Master { id: StaffId(1), name: "Мария".into() }),
        client: Field::Is(Client {
            id: Some(ClientId(5)),
            name: "Анна".into(),
            surname: String::new(),
            phone: Phone::parse("+79000000001"),
            email: None,
            silenced: false,
        }),
        attendance: Field::Is(Attendance::Waiting),
        deleted: Field::Is(false),
        ..Record::unknown(RecordId(1))
    }
}

fn card(record: &Record) -> Client {
    record.client.value().expect("a client").clone()
}

/// Anna's record after somebody else was written into it.
fn olgas(id: i64, phone: &str) -> Record {
    let olga =
        Client {
            id: Some(ClientId(id)), name: "Ольга".into(), phone: Phone::parse(phone), ..card(&anna())
        };
    Record { client: Field::Is(olga), ..anna() }
}

fn leave(record: &Record, told: &Told) -> Option<Told> {
    let rules = rules(10);
    farewell(situation(record, Some(told), &rules))
}

fn situation<'a>(record: &'a Record, told: Option<&'a Told>, rules: &'a Rules) -> Situation<'a> {
    Situation {
        record,
        told,
        rules,
        zone: ZONE,
        tenant: TenantState::Active,
        activated_at: Some(UnixMs(0)),
        now: now(),
    }
}

fn decide(record: &Record, told: Option<&Told>) -> Plan {
    decide_in(record, told, TenantState::Active, 10)
}

fn decide_in(record: &Record, told: Option<&Told>, tenant: TenantState, min_shift_minutes: i64) -> Plan {
    let rules = rules(min_shift_minutes);
    plan(Situation { tenant, ..situation(record, told, &rules) })
}

fn said(plan: Plan) -> (MessageKind, Told) {
    match plan {
        Plan::Say { kind, told } => (kind, told),
        other => panic!("expected a message, got {other:?}"),
    }
}

fn told() -> Told {
    said(decide(&anna(), None)).1
}

#[test]
fn a_new_record_is_confirmed_once() {
    let (kind, told) = said(decide(&anna(), None));
    assert_eq!(kind, MessageKind::Confirmation);
    assert_eq!(decide(&anna(), Some(&told)), Plan::Silent(Reason::AlreadyTold));
}

#[test]
fn a_move_is_told_from_the_minimum_shift_on_and_small_shifts_add_up() {
    for (minutes, told_of) in [(5, false), (9, false), (10, true), (-10, true), (60, true)] {
        let mut record = anna();
        record.starts = Field::Is(local("2026-03-14 15:00") + chrono::Duration::minutes(minutes));
        let plan = decide(&record, Some(&told()));
        assert_eq!(
            matches!(plan, Plan::Say { kind: MessageKind::Change, .. }),
            told_of,
            "{minutes}: {plan:?}"
        );
        assert!(told_of || plan == Plan::Silent(Reason::SmallShift));
    }
}

#[test]
fn another_master_or_service_is_a_change_and_another_order_of_services_is_not() {
    let mut record = anna();
    record.master = Field::Is(Master { id: StaffId(2), name: "Ольга".into() });
    assert_eq!(said(decide(&record, Some(&told()))).0, MessageKind::Change);

    let line = |id, title: &str| ServiceLine { id: ServiceId(id), title: title.into(), cost: Some(1) };
    let mut two = anna();
    two.services = Field::Is(vec![line(1, "А"), line(2, "Б")]);
    assert_eq!(said(decide(&two, Some(&told()))).0, MessageKind::Change);
    let known = said(decide(&two, None)).1;
    two.services = Field::Is(vec![line(2, "Б"), line(1, "А")]);
    assert_eq!(decide(&two, Some(&known)), Plan::Silent(Reason::AlreadyTold));
}

#[test]
fn another_name_of_the_same_master_or_service_is_no_change() {
    let mut record = anna();
    record.master = Field::Is(Master { id: StaffId(1), name: "Мария Т.".into() });
    record.services = Field::Is(vec![ServiceLine {
        id: ServiceId(1),
        title: "Маникюр классический".into(),
        cost: Some(1),
    }]);
    assert_eq!(decide(&record, Some(&told())), Plan::Silent(Reason::AlreadyTold));
    record.services =
        Field::Is(vec![ServiceLine { id: ServiceId(2), title: "Маникюр".into(), cost: Some(1) }]);
    assert_eq!(said(decide(&record, Some(&told()))).0, MessageKind::Change, "another one of the same name");
}

#[test]
fn what_was_told_before_ids_were_kept_is_compared_by_name() {
    let mut stored = serde_json::to_value(told()).expect("JSON");
    for newer in ["client", "name", "service_ids", "master_id", "serial"] {
        stored.as_object_mut().expect("an object").remove(newer).expect(newer);
    }
    let stored: Told = serde_json::from_value(stored).expect("still read");
    assert_eq!(decide(&anna(), Some(&stored)), Plan::Silent(Reason::AlreadyTold));
    let mut record = anna();
    record.master = Field::Is(Master { id: StaffId(1), name: "Ольга".into() });
    assert_eq!(said(decide(&record, Some(&stored))).0, MessageKind::Change);
    assert_eq!(leave(&olgas(6, "+79000000002"), &stored), None, "nobody knows whether it is another client");
}

#[test]
fn another_client_is_confirmed_and_the_one_before_is_told_that_it_is_off() {
    let record = olgas(6, "+79000000002");
    let (kind, next) = said(decide(&record, Some(&told())));
    assert_eq!((kind, next.name.as_str()), (MessageKind::Confirmation, "Ольга"));
    let off = leave(&record, &told()).expect("Anna is told");
    assert_eq!((off.name.as_str(), &off.phone, off.cancelled), ("Анна", &told().phone, true));
    assert_eq!(leave(&record, &off), None, "once");
    assert_eq!(leave(&record, &next), None, "Olga stays");
    for unreachable in [Client { phone: None, ..card(&record) }, Client { silenced: true, ..card(&record) }] {
        let record = Record { client: Field::Is(unreachable), ..record.clone() };
        assert!(matches!(decide(&record, Some(&told())), Plan::Silent(_)));
        assert!(leave(&record, &told()).is_some(), "whoever comes in her place");
    }
    let past = Told { starts: local("2026-03-10 11:59"), ..told() };
    assert_eq!(leave(&record, &past), None, "she has been there");
    let deleted = Record { deleted: Field::Is(true), ..record };
    assert_eq!(leave(&deleted, &told()), None);
    let (kind, off) = said(decide(&deleted, Some(&told())));
    assert_eq!((kind, off.name.as_str(), &off.phone), (MessageKind::Cancel, "Анна", &told().phone));
}

#[test]
fn a_corrected_number_is_confirmed_and_a_merged_card_is_the_same_person() {
    let corrected = olgas(5, "+79000000002");
    let (kind, next) = said(decide(&corrected, Some(&told())));
    assert_eq!(
        (kind, next.phone),
        (MessageKind::Confirmation, Phone::parse("+79000000002").expect("a number"))
    );
    assert_eq!(leave(&corrected, &told()), None, "the old number was wrong");
    let merged = olgas(6, "+79000000001");
    assert_eq!(decide(&merged, Some(&told())), Plan::Silent(Reason::AlreadyTold));
    assert_eq!(leave(&merged, &told()), None);
}

#[test]
fn a_cancellation_is_told_to_those_who_knew_and_once() {
    let mut record = anna();
    record.deleted = Field::Is(true);
    assert_eq!(decide(&record, None), Plan::Silent(Reason::NeverTold));
    let (kind, cancelled) = said(decide(&record, Some(&told())));
    assert_eq!(kind, MessageKind::Cancel);
    assert_eq!(decide(&record, Some(&cancelled)), Plan::Silent(Reason::AlreadyTold));
    record.deleted = Field::Is(false);
    assert_eq!(
        said(decide(&record, Some(&cancelled))).0,
        MessageKind::Confirmation,
        "put back into the journal"
    );
}

#[test]
fn a_deletion_needs_to_know_nothing_but_what_was_told() {
    let record = Record { deleted: Field::Is(true), ..Record::unknown(RecordId(1)) };
    assert_eq!(said(decide(&record, Some(&told()))).0, MessageKind::Cancel);
    assert_eq!(decide(&record, None), Plan::Silent(Reason::NeverTold));
}

#[test]
fn what_cannot_be_learnt_is_not_taken_for_changed() {
    let mut record = Record { services: Field::Unreadable, master: Field::Unsaid, ..anna() };
    assert_eq!(decide(&record, Some(&told())), Plan::Silent(Reason::AlreadyTold));
    record.master = Field::Is(Master { id: StaffId(1), name: String::new() });
    record.starts = Field::Is(local("2026-03-15 11:30"));
    let (kind, next) = said(decide(&record, Some(&told())));
    assert_eq!((kind, next.master, next.services), (MessageKind::Change, told().master, told().services));
    record.master = Field::Empty;
    assert_eq!(said(decide(&record, Some(&told()))).1.master, "", "there is none any more");
}

#[test]
fn there_and_back_again_says_nothing() {
    let before = told();
    let mut record = anna();
    record.starts = Field::Is(local("2026-03-15 11:30"));
    assert!(matches!(decide(&record, Some(&before)), Plan::Say { .. }));
    record.starts = Field::Is(local("2026-03-14 15:00"));
    assert_eq!(decide(&record, Some(&before)), Plan::Silent(Reason::AlreadyTold));
}

#[test]
fn each_silence_has_its_own_reason() {
    let with = |change: fn(&mut Record)| {
        let mut record = anna();
        change(&mut record);
        record
    };
    let cases: Vec<(Record, Option<Told>, TenantState, Reason)> = vec![
        (anna(), None, TenantState::Frozen, Reason::SalonFrozen),
        (anna(), None, TenantState::Uninstalled, Reason::SalonUninstalled),
        (anna(), None, TenantState::Configuring, Reason::SalonNotActive),
        (with(|r| r.starts = Field::Empty), None, TenantState::Active, Reason::NoTime),
        (
            with(|r| r.starts = Field::Is(local("2026-03-09 15:00"))),
            None,
            TenantState::Active,
            Reason::PastVisit,
        ),
        (with(|r| r.client = Field::Empty), None, TenantState::Active, Reason::NoClient),
        (
            with(|r| r.client = Field::Is(Client { phone: None, ..card(&anna()) })),
            None,
            TenantState::Active,
            Reason::NoPhone,
        ),
        (
            with(|r| r.attendance = Field::Is(Attendance::Confirmed)),
            Some(told()),
            TenantState::Active,
            Reason::AttendanceOnly,
        ),
    ];
    for (record, told, tenant, reason) in cases {
        assert_eq!(decide_in(&record, told.as_ref(), tenant, 1), Plan::Silent(reason));
    }
}

#[test]
fn a_past_visit_is_not_cancelled_to_the_client() {
    let past = Told { starts: local("2026-03-10 11:59"), ..told() };
    let mut record = anna();
    record.deleted = Field::Is(true);
    assert_eq!(decide(&record, Some(&past)), Plan::Silent(Reason::PastVisit));
}

#[test]
fn what_was_arranged_before_the_salon_came_is_adopted_and_its_changes_are_told() {
    let rules = rules(1);
    let mut record = anna();
    record.created_at = Some(UnixMs(10));
    let situation = Situation {
        record: &record,
        told: None,
        rules: &rules,
        zone: ZONE,
        tenant: TenantState::Active,
        activated_at: Some(UnixMs(1500)),
        now: now(),
    };
    let Plan::Adopt(told) = plan(situation) else { panic!("adopted") };
    let mut moved = record.clone();
    moved.starts = Field::Is(local("2026-03-15 11:30"));
    let later = plan(Situation { record: &moved, told: Some(&told), ..situation });
    assert_eq!(said(later).0, MessageKind::Change);
    let same_second = Situation { activated_at: Some(UnixMs(900)), ..situation };
    assert_eq!(said(plan(same_second)).0, MessageKind::Confirmation);
}

#[test]
fn a_reason_is_stored_and_read_under_one_name() {
    for reason in [
        Reason::SalonNotActive,
        Reason::SalonFrozen,
        Reason::SalonUninstalled,
        Reason::NoTime,
        Reason::NoClient,
        Reason::NoPhone,
        Reason::ClientSilenced,
        Reason::PastVisit,
        Reason::NeverTold,
        Reason::AlreadyTold,
        Reason::AttendanceOnly,
        Reason::SmallShift,
        Reason::BeforeInstall,
    ] {
        assert_eq!(serde_json::json!(reason), reason.as_str());
    }
}

#[test]
fn a_visit_that_begins_this_minute_is_past_and_the_next_minute_is_not() {
    for (starts, is_past) in
        [("2026-03-10 11:59", true), ("2026-03-10 12:00", true), ("2026-03-10 12:01", false)]
    {
        let mut record = Record { starts: Field::Is(local(starts)), ..anna() };
        let is_silent = decide(&record, None) == Plan::Silent(Reason::PastVisit);
        assert_eq!(is_silent, is_past, "a confirmation at {starts}");

        let told = Told { starts: local(starts), ..told() };
        let replaced = Record { starts: record.starts.clone(), ..olgas(6, "+79000000002") };
        assert_eq!(leave(&replaced, &told).is_none(), is_past, "a farewell at {starts}");

        record.deleted = Field::Is(true);
        let is_silent = decide(&record, Some(&told)) == Plan::Silent(Reason::PastVisit);
        assert_eq!(is_silent, is_past, "a cancellation at {starts}");
    }
}

#[test]
fn a_client_who_wants_no_messages_gets_none() {
    let mut record = anna();
    record.client = Field::Is(Client { silenced: true, ..card(&record) });
    assert_eq!(decide(&record, None), Plan::Silent(Reason::ClientSilenced));
    record.starts = Field::Is(local("2026-03-15 15:00"));
    assert_eq!(decide(&record, Some(&told())), Plan::Silent(Reason::ClientSilenced));
}

proptest::proptest! {
    /// Whatever happens to a record, telling the plan once leaves nothing more to tell.
    #[test]
    fn telling_a_plan_settles_it(minutes in -6000_i64..6000, deleted: bool, cancelled: bool, master in "[а-я]{0,5}") {
        let mut record = anna();
        record.starts = Field::Is(local("2026-03-14 15:00") + chrono::Duration::minutes(minutes));
        record.deleted = Field::Is(deleted);
        record.master = Field::Is(Master { id: StaffId(3), name: master });
        let before = Told { cancelled, ..told() };
        if let Plan::Say { told, .. } = decide(&record, Some(&before)) {
            assert!(matches!(decide(&record, Some(&told)), Plan::Silent(_)));
        }
    }
}
