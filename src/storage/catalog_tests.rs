use super::*;
use crate::storage::kit::{NOW, both, done, salon, seen, texts};
use crate::storage::{Db, Error};

both!(
    a_catalogue_written_twice_is_there_once,
    the_newer_writing_stands,
    what_a_sync_did_not_see_is_switched_off_and_never_deleted,
    one_salons_sync_leaves_the_other_alone,
    progress_is_shown_in_the_order_the_parts_run,
    a_catalogue_is_complete_when_every_part_is,
);

fn manicure() -> ServiceRow {
    ServiceRow {
        service_id: 1,
        title: "Маникюр".to_owned(),
        category_id: Some(5),
        price_min: 225_000,
        price_max: 300_000,
        length_s: Some(5400),
        active: true,
    }
}

fn pedicure() -> ServiceRow {
    ServiceRow {
        service_id: 2, title: "Педикюр".to_owned(), category_id: None, length_s: None, ..manicure()
    }
}

fn oleg() -> StaffRow {
    StaffRow {
        staff_id: 11, name: "Олег".to_owned(), specialization: "стилист".to_owned(), active: true
    }
}

fn maria() -> StaffRow {
    StaffRow { staff_id: 12, name: "Мария".to_owned(), ..oleg() }
}

fn monday() -> DayRow {
    DayRow { staff_id: 11, day: "2026-03-02".to_owned(), slots: "[]".to_owned() }
}

async fn write(db: &Db, tenant: &TenantId, now: UnixMs) {
    done!(db, c => upsert_services(c, tenant, &[manicure(), pedicure()], now));
    done!(db, c => upsert_staff(c, tenant, &[oleg(), maria()], now));
    done!(db, c => upsert_days(c, tenant, &[monday()], now));
}

async fn a_catalogue_written_twice_is_there_once(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => count(c, &iris)), (0, 0, 0));
    for _ in 0..2 {
        write(&db, &iris, NOW).await;
        assert_eq!(seen!(db, c => count(c, &iris)), (2, 2, 1));
    }
    done!(db, c => upsert_services(c, &iris, &[], NOW));
    assert_eq!(seen!(db, c => count(c, &iris)), (2, 2, 1));
}

async fn the_newer_writing_stands(db: Db) {
    let iris = salon(&db).await;
    write(&db, &iris, NOW).await;
    let service =
        ServiceRow {
            title: "Маникюр с покрытием".to_owned(), price_max: 1, active: false, ..manicure()
        };
    done!(db, c => upsert_services(c, &iris, &[service], NOW));
    done!(db, c => upsert_staff(c, &iris, &[StaffRow { name: "Олег П.".to_owned(), ..oleg() }], NOW));
    done!(db, c => upsert_days(c, &iris, &[DayRow { slots: "[1]".to_owned(), ..monday() }], NOW));
    assert_eq!(seen!(db, c => count(c, &iris)), (1, 2, 1), "one service is switched off");
    let service = "SELECT title || ' ' || CAST(price_max AS TEXT) FROM service ORDER BY service_id";
    assert_eq!(texts(&db, service).await, ["Маникюр с покрытием 1", "Педикюр 300000"]);
    assert_eq!(texts(&db, "SELECT name FROM staff ORDER BY staff_id").await, ["Олег П.", "Мария"]);
    assert_eq!(texts(&db, "SELECT slots FROM schedule").await, ["[1]"]);
}

async fn what_a_sync_did_not_see_is_switched_off_and_never_deleted(db: Db) {
    let iris = salon(&db).await;
    write(&db, &iris, NOW).await;
    let next = NOW.plus_secs(60);
    done!(db, c => upsert_services(c, &iris, &[manicure()], next));
    done!(db, c => upsert_staff(c, &iris, &[oleg()], next));
    assert_eq!(seen!(db, c => count(c, &iris)), (2, 2, 1));
    done!(db, c => retire_services(c, &iris, next));
    assert_eq!(seen!(db, c => count(c, &iris)), (1, 2, 1), "what was seen at the very start stays");
    done!(db, c => retire_staff(c, &iris, next));
    assert_eq!(seen!(db, c => count(c, &iris)), (1, 1, 1));
    let old = "SELECT title FROM service WHERE NOT active UNION ALL SELECT name FROM staff WHERE NOT active";
    assert_eq!(texts(&db, old).await, ["Педикюр", "Мария"], "old records still name them");
    write(&db, &iris, next).await;
    assert_eq!(seen!(db, c => count(c, &iris)), (2, 2, 1), "and what comes back is there again");
}

async fn one_salons_sync_leaves_the_other_alone(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    write(&db, &iris, NOW).await;
    write(&db, &rose, NOW).await;
    done!(db, c => set_progress(c, &rose, "staff", 1, 2, None));
    let later = NOW.plus_secs(60);
    done!(db, c => upsert_services(c, &iris, &[ServiceRow { title: "Стрижка".to_owned(), ..manicure() }], NOW));
    done!(db, c => retire_services(c, &iris, later));
    done!(db, c => retire_staff(c, &iris, later));
    done!(db, c => set_progress(c, &iris, "staff", 2, 2, Some(NOW)));
    done!(db, c => clear_progress(c, &iris));
    assert_eq!(seen!(db, c => count(c, &iris)), (0, 0, 1));
    assert_eq!(seen!(db, c => count(c, &rose)), (2, 2, 1));
    assert_eq!(texts(&db, "SELECT title FROM service WHERE active ORDER BY 1").await, ["Маникюр", "Педикюр"]);
    assert_eq!(seen!(db, c => list_progress(c, &rose))[1].done, 1);
    assert_eq!(seen!(db, c => list_progress(c, &iris))[1].done, 0);
    let nobody = TenantId::new(NOW);
    assert_eq!(seen!(db, c => count(c, &nobody)), (0, 0, 0));
    let mut conn = db.begin().await.expect("begins");
    let orphan = upsert_services(&mut conn, &nobody, &[manicure()], NOW).await;
    assert!(matches!(orphan, Err(Error::Driver(_))), "no rows without a salon: {orphan:?}");
}

async fn progress_is_shown_in_the_order_the_parts_run(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => set_progress(c, &iris, "schedule", 0, 30, None));
    done!(db, c => set_progress(c, &iris, "services", 1, 2, None));
    done!(db, c => set_progress(c, &iris, "services", 2, 2, Some(NOW)));
    let shown = seen!(db, c => list_progress(c, &iris));
    let shown: Vec<_> = shown.iter().map(|p| (p.part.as_str(), p.done, p.total, p.finished)).collect();
    assert_eq!(shown, [("services", 2, 2, true), ("staff", 0, 0, false), ("schedule", 0, 30, false)]);
    let mut conn = db.begin().await.expect("begins");
    let unknown = set_progress(&mut conn, &iris, "clients", 1, 1, None).await;
    assert!(matches!(unknown, Err(Error::Driver(_))), "{unknown:?}");
}

async fn a_catalogue_is_complete_when_every_part_is(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => last_sync(c, &iris)), None);
    done!(db, c => set_progress(c, &iris, "services", 2, 2, Some(NOW)));
    assert_eq!(seen!(db, c => last_sync(c, &iris)), None, "two parts are to come");
    done!(db, c => set_progress(c, &iris, "staff", 2, 2, Some(NOW.plus_secs(1))));
    done!(db, c => set_progress(c, &iris, "schedule", 0, 1, None));
    assert_eq!(seen!(db, c => last_sync(c, &iris)), None, "the schedule is being read");
    done!(db, c => set_progress(c, &iris, "schedule", 1, 1, Some(NOW.plus_secs(2))));
    assert_eq!(seen!(db, c => last_sync(c, &iris)), Some(NOW), "as old as its oldest part");
    done!(db, c => clear_progress(c, &iris));
    assert_eq!(seen!(db, c => last_sync(c, &iris)), None);
}
