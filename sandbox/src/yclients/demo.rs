//! The salons the sandbox opens with, so that there is something to connect at once.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::model::{Category, Client, HookSettings, Install, Salon, Service, Slot, Staff};

pub const DEMO_SALON: i64 = 990_101;
pub const OWNER_ID: i64 = 3_300_901;
pub const OWNER_NAME: &str = "Ирина Владелец";
pub const OWNER_PHONE: &str = "79000000099";
pub const OWNER_EMAIL: &str = "owner@example.test";

pub fn salons(now: DateTime<Utc>) -> Vec<Salon> {
    vec![first(now), second()]
}

fn first(now: DateTime<Utc>) -> Salon {
    let mut salon = bare(DEMO_SALON, "Студия «Пример»", chrono_tz::Europe::Moscow);
    salon.bookform_id = 30_501;
    salon.categories = vec![Category { id: 7_700_100, title: "Маникюр".into() }];
    salon.staff = vec![
        staff(1_500_101, "Мария Тестова", "Мастер маникюра", Some((120_001, "Мастер маникюра"))),
        staff(1_500_102, "Ольга Образцова", "Мастер", None),
        Staff {
            fired: true,
            hidden: true,
            bookable: false,
            ..staff(1_500_103, "Вера Бывшая", "Мастер", None)
        },
    ];
    salon.services = vec![
        service(7_700_201, "Маникюр с покрытием", 2_500.0, 5_400, &[(1_500_101, 5_400), (1_500_102, 6_000)]),
        service(7_700_202, "Укрепление ногтей", 600.0, 1_800, &[(1_500_101, 1_800), (1_500_102, 1_800)]),
        service(7_700_203, "Педикюр", 3_200.0, 7_200, &[(1_500_102, 7_200)]),
        Service {
            active: false, ..service(7_700_204, "Подарочный сертификат", 1_000.0, 900, &[])
        },
    ];
    salon.clients.insert(
        55_000_301,
        Client {
            id: 55_000_301,
            name: "Анна".into(),
            surname: "Примерова".into(),
            phone: "79000000001".into(),
            email: "anna@example.test".into(),
            sex_id: 2,
            changed_at: now,
            ..Client::default()
        },
    );
    salon
}

/// A second salon, in another zone, for connecting several at once.
fn second() -> Salon {
    let mut salon = bare(990_102, "Барбершоп «Образец»", chrono_tz::Asia::Yekaterinburg);
    salon.city = "Екатеринбург".into();
    salon.address = "ул. Показательная, д. 2".into();
    salon.phone = "+7 900 000-00-20".into();
    salon.short_descr = "Стрижки и бритьё".into();
    salon.bookform_id = 30_502;
    salon.categories = vec![Category { id: 7_700_110, title: "Стрижки".into() }];
    salon.staff = vec![staff(1_500_201, "Пётр Условный", "Барбер", Some((120_002, "Барбер")))];
    salon.services = vec![Service {
        category_id: 7_700_110,
        ..service(7_700_211, "Стрижка", 1_500.0, 3_600, &[(1_500_201, 3_600)])
    }];
    salon
}

/// A salon with nobody in it, at a made-up address.
pub fn bare(id: i64, title: &str, timezone: Tz) -> Salon {
    Salon {
        id,
        title: title.to_owned(),
        timezone,
        country: "Россия".into(),
        city: "Москва".into(),
        address: "ул. Примерная, д. 1".into(),
        phone: "+7 900 000-00-10".into(),
        currency: "RUB".into(),
        short_descr: "Маникюр и педикюр".into(),
        bookform_id: id,
        phone_confirmation: false,
        licence_expired: false,
        categories: Vec::new(),
        services: Vec::new(),
        staff: Vec::new(),
        clients: BTreeMap::new(),
        records: BTreeMap::new(),
        days: BTreeMap::new(),
        hooks: HookSettings::default(),
        install: Install::default(),
    }
}

pub fn staff(id: i64, name: &str, specialization: &str, position: Option<(i64, &str)>) -> Staff {
    Staff {
        id,
        name: name.to_owned(),
        specialization: specialization.to_owned(),
        position: position.map(|(id, title)| (id, title.to_owned())),
        fired: false,
        hidden: false,
        bookable: true,
        rating: 4.87,
        user_id: 0,
        hours: usual_hours(),
    }
}

pub fn service(id: i64, title: &str, price: f64, length: i64, staff: &[(i64, i64)]) -> Service {
    Service {
        id,
        title: title.to_owned(),
        category_id: 7_700_100,
        price_min: price,
        price_max: price,
        active: true,
        comment: String::new(),
        length,
        staff: staff.to_vec(),
    }
}

/// Ten to eight with no break, every day: availability should never be what a demonstration stumbles over.
pub fn usual_hours() -> Vec<Slot> {
    let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    vec![Slot { from: at(10), to: at(20) }]
}
