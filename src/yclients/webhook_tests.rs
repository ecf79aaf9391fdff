//! Hooks: every sample, both forms, and what is no hook.

use super::*;
use crate::domain::record::Attendance;
use crate::kernel::crm_id::RecordId;
use crate::yclients::fixtures;

fn one(body: &str) -> Hook<'_> {
    let mut hooks = parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(hooks.len(), 1);
    hooks.remove(0)
}

fn record_of(name: &str) -> Record {
    one(&fixtures::text(name)).record().unwrap_or_else(|| panic!("{name} is no record"))
}

/// What each sample is to the hook parser: events with their resources, or the reason why not.
#[test]
fn every_sample_is_read_right_or_refused_right() {
    use NotAHook::{Lifecycle, NoResource, NotAnEvent};
    const RECORD: Result<&[&str], NotAHook> = Ok(&["record"]);
    const NONE: Result<&[&str], NotAHook> = Err(NoResource);
    let table: &[(&str, Result<&[&str], NotAHook>)] = &[
        ("error_200_success_false.json", NONE),
        ("error_400.json", NONE),
        ("error_401.json", NONE),
        ("error_401_errors_shape.json", NONE),
        ("error_402_license.json", NONE),
        ("error_403.json", NONE),
        ("error_403_blacklist_434.json", NONE),
        ("error_404.json", NONE),
        ("error_422.json", NONE),
        ("error_422_book_check_433.json", NONE),
        ("error_429_assumed.json", NONE),
        ("lifecycle_freeze.json", Err(Lifecycle)),
        ("lifecycle_payment.json", Err(Lifecycle)),
        ("lifecycle_uninstall.json", Err(Lifecycle)),
        ("lifecycle_wrong_token.json", Err(Lifecycle)),
        ("marketplace_callback_already_installed_403.json", NONE),
        ("marketplace_callback_request.json", NONE),
        ("marketplace_callback_request_with_channels.json", NONE),
        ("marketplace_payment_link.json", NONE),
        ("marketplace_payment_request.json", NONE),
        ("marketplace_payment_response.json", NONE),
        ("marketplace_salons_page.json", NONE),
        ("marketplace_status_active.json", NONE),
        ("marketplace_status_freezed.json", NONE),
        ("marketplace_status_not_installed_404.json", NONE),
        ("marketplace_status_pending.json", NONE),
        ("marketplace_tariffs.json", NONE),
        ("marketplace_uninstall_response.json", NONE),
        ("registration_user_data.json", Err(Lifecycle)),
        ("rest_auth_201.json", NONE),
        // Its `type` says how it was booked. As a hook it is of an unknown resource: kept, never acted upon.
        ("rest_book_record_request.json", Ok(&["mobile"])),
        ("rest_book_record_response.json", NONE),
        ("rest_book_services.json", NONE),
        ("rest_book_staff.json", NONE),
        ("rest_book_times_iso.json", NONE),
        ("rest_client.json", NONE),
        ("rest_clients_search.json", NONE),
        ("rest_company.json", NONE),
        ("rest_hooks_settings.json", NONE),
        ("rest_hooks_settings_empty.json", NONE),
        ("rest_record_create_request.json", NONE),
        ("rest_records_page.json", NONE),
        ("rest_services.json", NONE),
        ("rest_staff.json", NONE),
        ("rest_staff_schedule.json", NONE),
        ("sms_delivery_callback.json", NONE),
        ("sms_send_error_400.json", NONE),
        ("sms_send_error_401.json", NONE),
        ("sms_send_request.json", NONE),
        ("sms_send_request_legacy_type.json", Ok(&["sms"])),
        ("sms_send_response.json", NONE),
        ("webhook_batch_array_defensive.json", Ok(&["record", "schedule"])),
        ("webhook_client_create.json", Ok(&["client"])),
        ("webhook_loyalty_card_update.json", Ok(&["loyalty_card"])),
        ("webhook_record_cancel_update_deleted_flag.json", RECORD),
        ("webhook_record_create.json", RECORD),
        ("webhook_record_create_walkin_no_client.json", RECORD),
        ("webhook_record_delete.json", RECORD),
        ("webhook_record_update_attended_paid.json", RECORD),
        ("webhook_record_update_confirmed.json", RECORD),
        ("webhook_record_update_partial.json", RECORD),
        ("webhook_record_update_reschedule.json", RECORD),
        ("webhook_seed_record_created.json", RECORD),
        ("webhook_unknown_resource.json", Ok(&["brand_new_entity"])),
    ];
    let named: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    assert_eq!(fixtures::names(), named, "every sample has its line here");
    for (name, expected) in table {
        let body = fixtures::text(name);
        let read = parse(body.as_bytes())
            .map(|hooks| hooks.iter().map(|hook| hook.resource.to_string()).collect::<Vec<_>>());
        let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
        assert_eq!(read, expected, "{name}");
        if name.starts_with("webhook_") {
            for hook in parse(body.as_bytes()).expect("a hook") {
                assert!(hook.resource_id > 0, "{name}");
                assert_eq!(hook.record().is_some(), hook.resource == "record", "{name}");
            }
        }
    }
    assert_eq!(parse(b"7"), Err(NotAnEvent));
}

#[test]
fn a_whole_record_is_read() {
    let record = record_of("webhook_record_create.json");
    assert_eq!(record.id, RecordId(880_000_501));
    assert!(record.is_whole());
    assert_eq!(record.starts.value().map(ToString::to_string).as_deref(), Some("2026-03-14 15:00:00"));
    assert_eq!(record.length_s, Field::Is(5400));
    let line = &record.services.value().expect("services")[0];
    assert_eq!((line.title.as_str(), line.cost), ("Маникюр с покрытием", Some(225_000)));
    assert_eq!(record.master.value().map(|m| m.name.as_str()), Some("Мария Тестова"));
    assert_eq!(record.client.value().map(|c| c.name.as_str()), Some("Анна"));
    assert_eq!(record.phone().map(|p| p.digits()), Some("79000000001"));
    assert_eq!(record.attendance, Field::Is(Attendance::Waiting));
    assert_eq!(record.deleted, Field::Is(false));
    assert_eq!(record.changed_at.map(|at| at.0), Some(1_773_133_471_000));
}

#[test]
fn each_change_of_a_record_is_read() {
    let moved = record_of("webhook_record_update_reschedule.json");
    assert_eq!(moved.starts.value().map(ToString::to_string).as_deref(), Some("2026-03-15 11:30:00"));
    assert_eq!(moved.service_set().len(), 2);
    assert_eq!(moved.master.value().map(|m| m.id.0), Some(1_500_102));
    let confirmed = record_of("webhook_record_update_confirmed.json");
    assert_eq!(confirmed.attendance, Field::Is(Attendance::Confirmed));
    let came = record_of("webhook_record_update_attended_paid.json");
    assert_eq!((&came.attendance, &came.paid_full), (&Field::Is(Attendance::Arrived), &Field::Is(true)));
    assert!(came.raw.as_deref().is_some_and(|raw| raw.contains("\"short_link\"")), "the payload itself");
    let walk_in = record_of("webhook_record_create_walkin_no_client.json");
    assert_eq!((&walk_in.client, &walk_in.services), (&Field::Empty, &Field::Is(vec![])));
    assert!(walk_in.is_whole());
    assert!(record_of("webhook_record_delete.json").is_deleted());
    assert!(record_of("webhook_record_cancel_update_deleted_flag.json").is_deleted());
    let part = Record { comment: Field::Is("test".to_owned()), ..Record::unknown(RecordId(880_000_501)) };
    assert_eq!(record_of("webhook_record_update_partial.json"), part);
}

#[test]
fn a_deletion_is_one_whatever_its_body_says() {
    for data in [r#"{"id":5,"deleted":false}"#, r#"{"id":5}"#, "[]", "null", "{}"] {
        let body = format!(
            r#"{{"company_id":1,"resource":"record","resource_id":5,"status":"delete","data":{data}}}"#
        );
        let record = one(&body).record().expect("a record");
        assert!(record.is_deleted() && record.id == RecordId(5), "{data}");
    }
}

#[test]
fn the_form_of_our_first_papers_is_read_too() {
    let body = fixtures::text("webhook_seed_record_created.json");
    let hook = one(&body);
    assert_eq!((hook.company_id, hook.resource_id), (Some(SalonId(990_101)), 880_000_501));
    assert_eq!((hook.resource.as_ref(), &hook.status), ("record", &Status::Create));
    assert!(hook.record().expect("a record").is_whole());
    for (kind, resource, status) in [
        ("record_updated", "record", Status::Update),
        ("record_deleted", "record", Status::Delete),
        ("client_created", "client", Status::Create),
        ("goods_operations_sale_created", "goods_operations_sale", Status::Create),
        ("service_category", "service_category", Status::Other(String::new())),
    ] {
        let body = format!(r#"{{"event":"{kind}","company_id":1,"data":{{"id":2}}}}"#);
        let hook = one(&body);
        assert_eq!((hook.resource.as_ref(), hook.status.clone(), hook.resource_id), (resource, status, 2));
    }
    let inside = one(r#"{"type":"record_created","data":{"id":2,"company_id":"7"}}"#).company_id;
    assert_eq!(inside, Some(SalonId(7)));
}

#[test]
fn loose_envelopes_are_read() {
    let body = "\u{feff} {\"company_id\":\"990101\",\"resource\":\"re\\u0063ord\",\"resource_id\":\"5\",\
                \"status\":\"archived\",\"status\":\"update\",\"sent\":1.5e3} \r\n";
    let hook = one(body);
    assert_eq!((hook.company_id, hook.resource.as_ref()), (Some(SalonId(990_101)), "record"));
    assert_eq!((hook.resource_id, &hook.status, hook.data), (5, &Status::Update, "null"));
    assert_eq!(hook.record(), Some(Record::unknown(RecordId(5))));
    let bare = one(r#"{"resource":"record"}"#);
    assert_eq!((bare.company_id, bare.resource_id, bare.record()), (None, 0, None));
    assert_eq!(one(bare.raw).dedup(), bare.dedup(), "an event's own text reads the same again");
}

#[test]
fn what_is_no_hook_says_why() {
    for (body, reason) in [
        ("", NotAHook::NotJson),
        ("<html>", NotAHook::NotJson),
        (r#"{"resource":"record","data":{"id":1"#, NotAHook::NotJson),
        (r#"{"resource":"record"} trailing"#, NotAHook::NotJson),
        ("[1,2", NotAHook::NotJson),
        ("null", NotAHook::NotAnEvent),
        ("\"record\"", NotAHook::NotAnEvent),
        ("[]", NotAHook::NotAnEvent),
        ("[1]", NotAHook::NotAnEvent),
        ("[[]]", NotAHook::NotAnEvent),
        ("{}", NotAHook::NoResource),
        (r#"{"resource":null,"type":7}"#, NotAHook::NoResource),
        (r#"{"resource":"rec\u0000ord"}"#, NotAHook::NoResource),
        (r#"{"resource":"record:1:2"}"#, NotAHook::NoResource),
        (
            r#"{"resource":"a name of some length, longer than any that was ever seen on the wire"}"#,
            NotAHook::NoResource,
        ),
        (r#"[{"resource":"record"},{"event":"freeze","partner_token":"x"}]"#, NotAHook::Lifecycle),
    ] {
        assert_eq!(parse(body.as_bytes()).map(|hooks| hooks.len()), Err(reason), "{body}");
    }
    assert_eq!(parse(b"{\"resource\":\"\xff\"}").map(|hooks| hooks.len()), Err(NotAHook::NotJson));
    let list = |n: usize| format!("[{}]", vec![r#"{"resource":"record"}"#; n].join(","));
    assert_eq!(parse(list(100).as_bytes()).map(|hooks| hooks.len()), Ok(100));
    assert_eq!(parse(list(101).as_bytes()).map(|hooks| hooks.len()), Err(NotAHook::TooMany));
    let mixed = format!("[7,{}]", &list(1)[1..list(1).len() - 1]);
    assert_eq!(parse(mixed.as_bytes()).map(|hooks| hooks.len()), Ok(1), "the readable ones are kept");
}

#[test]
fn a_repeat_has_the_same_key_and_a_change_another() {
    let body = fixtures::text("webhook_record_update_reschedule.json");
    let hook = one(&body);
    let mut bent: Value = serde_json::from_str(&body).expect("JSON");
    bent["data"]["services"].as_array_mut().expect("a list").reverse();
    let bent = bent.to_string();
    let other = one(&bent);
    assert_eq!(hook.dedup(), other.dedup(), "white space, the order of keys and of services say nothing");
    assert_ne!(hook.dedup_raw(), other.dedup_raw());
    assert_eq!(hook.dedup_raw(), one(&body).dedup_raw());
    for (from, to) in [
        ("2026-03-15 11:30:00", "2026-03-15 11:45:00"),
        ("\"status\": \"update\"", "\"status\": \"create\""),
        ("\"resource_id\": 880000501", "\"resource_id\": 880000502"),
        ("\"company_id\": 990101,\n  \"resource\"", "\"company_id\": 990102,\n  \"resource\""),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body, "{from}");
        assert_ne!(hook.dedup(), one(&changed).dedup(), "{from}");
        assert_ne!(one(&changed).dedup(), hook.dedup_raw());
    }
    assert!(hook.says_when());
    assert!(!one(&fixtures::text("webhook_record_update_partial.json")).says_when());
}

#[test]
fn a_hook_does_not_print_its_body() {
    let body = fixtures::text("webhook_record_create.json");
    let printed = format!("{:?}", one(&body));
    assert!(!printed.contains("Анна") && printed.contains("880000501"), "{printed}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        for hook in parse(&body).unwrap_or_default() {
            let _ = (hook.record(), hook.dedup(), hook.dedup_raw());
        }
    }

    #[test]
    fn no_field_makes_the_parser_panic(text in ".*", number in proptest::num::i64::ANY, place in 0_usize..12) {
        let keys = ["id", "date", "datetime", "services", "staff", "staff_id", "client", "attendance", "deleted",
            "last_change_date", "seance_length", "length"];
        for odd in [serde_json::json!(text), serde_json::json!(number), serde_json::json!([text]), serde_json::json!({"id": number, "phone": text})] {
            let body = serde_json::json!({"resource": "record", "resource_id": number, "status": text, "data": {keys[place]: odd}});
            let body = body.to_string();
            for hook in parse(body.as_bytes()).unwrap_or_default() {
                let _ = (hook.record(), hook.dedup());
            }
        }
    }
}
