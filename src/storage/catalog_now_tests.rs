use super::*;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::{Db, catalog};

both!(groups_are_switched_off_and_never_deleted, what_was_written_is_what_is_compared_with);

fn group(id: i64, title: &str) -> CategoryRow {
    CategoryRow { category_id: id, title: title.to_owned(), active: true }
}

async fn groups_are_switched_off_and_never_deleted(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => upsert_categories(c, &iris, &[group(1, "Hair"), group(2, "Nails")], NOW));
    done!(db, c => upsert_categories(c, &rose, &[group(1, "Hair")], NOW));
    let later = NOW.plus_secs(1);
    done!(db, c => upsert_categories(c, &iris, &[group(1, "Hair and beard")], later));
    assert_eq!(done!(db, c => retire_categories(c, &iris, later)), 1);
    assert_eq!(done!(db, c => retire_categories(c, &iris, later)), 0, "it is off already");
    let off = CategoryRow { active: false, ..group(2, "Nails") };
    assert_eq!(seen!(db, c => list_categories(c, &iris)), [group(1, "Hair and beard"), off]);
    assert_eq!(seen!(db, c => list_categories(c, &rose)), [group(1, "Hair")]);
    done!(db, c => upsert_categories(c, &iris, &[group(2, "Nails")], later));
    assert!(seen!(db, c => list_categories(c, &iris))[1].active, "it is back");
}

async fn what_was_written_is_what_is_compared_with(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let cut = ServiceRow {
        service_id: 1,
        title: "Cut".to_owned(),
        category_id: None,
        price_min: 100,
        price_max: 200,
        length_s: Some(1800),
        active: true,
    };
    let oleg = StaffRow {
        staff_id: 2,
        name: "Oleg".to_owned(),
        specialization: "stylist".to_owned(),
        active: false,
    };
    done!(db, c => catalog::upsert_services(c, &iris, std::slice::from_ref(&cut), NOW));
    done!(db, c => catalog::upsert_staff(c, &iris, std::slice::from_ref(&oleg), NOW));
    assert_eq!(seen!(db, c => find_service(c, &iris, ServiceId(1))), Some(cut.clone()));
    assert_eq!(seen!(db, c => find_service(c, &iris, ServiceId(2))), None);
    assert_eq!(seen!(db, c => find_service(c, &rose, ServiceId(1))), None);
    assert_eq!(seen!(db, c => list_services(c, &iris)), [cut]);
    assert_eq!(seen!(db, c => list_staff(c, &iris)), [oleg]);
    assert!(seen!(db, c => list_services(c, &rose)).is_empty());
    assert!(seen!(db, c => list_staff(c, &rose)).is_empty());
}
