use super::*;
use crate::domain::record::{Client, Field, Master, ServiceLine};
use crate::kernel::crm_id::{RecordId, ServiceId, StaffId};

const ZONE: Tz = chrono_tz::Europe::Moscow;

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
            id: ServiceId(1), title: "Маникюр".into(), cost: 225_000
        }]),
        master: Field::Is(Master { id: StaffId(1), name: "Мария".into() }),
        client: Field::Is(Client {
            name: "Анна".into(),
            phone: Phone::parse("+79000000001"),
            silenced: false,
        }),
        attendance: Field::Is(Attendance::Waiting),
        deleted: Field::Is(false),
        ..Record::unknown(RecordId(1))
    }
}

fn decide(record: &Record, told: Option<&Told>) -> Plan {
    decide_in(record, told, TenantState::Active, 10)
}

fn decide_in(record: &Record, told: Option<&Told>, tenant: TenantState, min_shift_minutes: i64) -> Plan {
    let rules = Rules { settle_ms: 0, min_shift_minutes, wording: "plain".into(), language: None };
    plan(Situation {
        record,
        told,
        rules: &rules,
        zone: ZONE,
        tenant,
        activated_at: Some(UnixMs(0)),
        now: now(),
    })
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

    let line = |title: &str| ServiceLine { id: ServiceId(1), title: title.into(), cost: 1 };
    let mut two = anna();
    two.services = Field::Is(vec![line("А"), line("Б")]);
    let known = said(decide(&two, None)).1;
    two.services = Field::Is(vec![line("Б"), line("А")]);
    assert_eq!(decide(&two, Some(&known)), Plan::Silent(Reason::AlreadyTold));
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
            with(|r| r.client = Field::Is(Client { name: "Анна".into(), phone: None, silenced: false })),
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
    let rules = Rules { settle_ms: 0, min_shift_minutes: 1, wording: "plain".into(), language: None };
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
