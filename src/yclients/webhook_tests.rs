use super::*;
use crate::domain::record::Attendance;

fn sample(name: &str) -> String {
    let path = format!("{}/tests/fixtures/yclients/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).expect(&path)
}

fn read(name: &str) -> Record {
    let body = sample(name);
    let hooks = parse(body.as_bytes()).expect("a hook");
    assert_eq!((hooks[0].company_id, hooks[0].resource.as_str()), (Some(SalonId(990_101)), "record"));
    record(hooks[0].raw()).expect("a record")
}

#[test]
fn a_created_record_is_read_whole() {
    let record = read("webhook_record_create");
    assert!(record.is_whole() && !record.is_deleted());
    assert_eq!(record.id, RecordId(880_000_501));
    assert_eq!(record.starts.value().expect("time").to_string(), "2026-03-14 15:00:00");
    assert_eq!(record.services.value().expect("services")[0].cost, 225_000);
    assert_eq!(record.master.value().expect("master").name, "Мария Тестова");
    assert_eq!(record.phone().expect("phone").digits(), "79000000001");
    assert_eq!(record.changed_at, record.created_at);
}

#[test]
fn attendance_deletion_and_missing_clients_are_read_for_what_they_are() {
    assert_eq!(read("webhook_record_update_confirmed").attendance, Field::Is(Attendance::Confirmed));
    assert_eq!(read("webhook_record_update_attended_paid").attendance, Field::Is(Attendance::Arrived));
    assert_eq!(read("webhook_record_update_no_show").attendance, Field::Is(Attendance::NoShow));
    assert!(read("webhook_record_delete").is_deleted());
    assert!(read("webhook_record_cancel_update_deleted_flag").is_deleted());
    let walk_in = read("webhook_record_create_walkin_no_client");
    assert!(walk_in.is_whole() && walk_in.client == Field::Empty);
}

#[test]
fn every_sample_hook_is_kept() {
    let folder = format!("{}/tests/fixtures/yclients", env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("samples").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("webhook_") {
            let body = std::fs::read(entry.path()).expect("a sample");
            assert!(parse(&body).is_ok(), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn a_partial_payload_leaves_the_rest_unsaid() {
    let body = br#"{"company_id":1,"resource":"record","resource_id":5,"status":"update","data":{"id":5,"comment":"test"}}"#;
    let record = record(parse(body).expect("a hook")[0].raw()).expect("a record");
    assert!(!record.is_whole() && record.client.is_unsaid() && record.deleted.is_unsaid());
}

#[test]
fn the_founding_documents_form_is_read_too() {
    let body = br#"{"type":"record_deleted","company_id":"1","data":{"id":"5","datetime":"2026-03-14T15:00:00+03:00"}}"#;
    let hooks = parse(body).expect("a hook");
    assert_eq!(
        (hooks[0].resource.as_str(), hooks[0].resource_id, hooks[0].company_id),
        ("record", 5, Some(SalonId(1)))
    );
    assert!(record(hooks[0].raw()).expect("a record").is_deleted());
}

#[test]
fn arrays_are_split_and_what_is_no_hook_is_told() {
    let hooks = parse(br#"[{"resource":"record","resource_id":1},{"resource":"client","resource_id":2}]"#)
        .expect("two");
    assert_eq!(hooks.iter().map(|h| h.resource_id).collect::<Vec<_>>(), [1, 2]);
    for body in ["", "{", "[]", "5", "{}", "null", "<html>", "[1]"] {
        assert!(parse(body.as_bytes()).is_err(), "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_makes_a_reader_panic(body: Vec<u8>, text in "\\{.*\\}") {
        let _ = (parse(&body), record(&body), parse(text.as_bytes()), record(text.as_bytes()));
    }
}
