use super::*;
use crate::storage::kit::{NOW, both, done, new_tenant, salon, seen, spoil};
use crate::storage::{Db, Error};

both!(
    a_tenant_is_found_by_each_of_its_names_as_it_was_stored,
    of_two_installs_of_one_salon_the_first_wins,
    eight_installs_of_one_salon_at_once_make_one_tenant,
    two_salons_never_share_a_webhook_address,
    a_state_changes_only_from_the_one_it_is_in,
    of_eight_who_change_one_state_one_succeeds,
    the_first_activation_stays_remembered,
    a_rotated_hook_key_answers_at_once_and_the_old_one_until_it_is_dropped,
    destroyed_keys_are_gone_until_a_new_installation,
    what_is_written_of_one_salon_leaves_the_other_alone,
    the_longest_unchecked_come_first_and_the_never_checked_before_them,
    salons_are_counted_by_state,
    the_newest_key_is_of_a_salon_that_has_one,
    a_row_that_makes_no_sense_is_named,
);

async fn get(db: &Db, id: &TenantId) -> StoredTenant {
    seen!(db, c => find(c, id)).expect("there")
}

async fn a_tenant_is_found_by_each_of_its_names_as_it_was_stored(db: Db) {
    let (new, keys) = new_tenant(7);
    assert!(seen!(db, c => find(c, &new.id)).is_none());
    assert!(seen!(db, c => find_by_salon(c, SalonId(7))).is_none());
    assert!(seen!(db, c => find_by_hook(c, &keys.hook_key_hash)).is_none());
    assert!(done!(db, c => insert(c, &new, &keys)));
    let wanted = format!("{:?}", StoredTenant { tenant: new.clone(), keys: keys.clone() });
    assert_eq!(format!("{:?}", get(&db, &new.id).await), wanted);
    assert_eq!(format!("{:?}", seen!(db, c => find_by_salon(c, SalonId(7))).expect("there")), wanted);
    assert_eq!(seen!(db, c => find_by_hook(c, &keys.hook_key_hash)), Some((new.id.clone(), false)));
    assert!(seen!(db, c => find_by_salon(c, SalonId(8))).is_none());
    assert!(seen!(db, c => find_by_hook(c, &keys.hook_key)).is_none(), "the key itself is no address");
}

async fn the_newest_key_is_of_a_salon_that_has_one(db: Db) {
    assert_eq!(seen!(db, c => newest_key(c)), None);
    let iris = salon(&db).await;
    let key = get(&db, &iris).await.keys.data_key;
    assert_eq!(seen!(db, c => newest_key(c)), Some((iris.clone(), key.clone())));
    done!(db, c => set_state(c, &iris, TenantState::PendingWhatsapp, TenantState::Uninstalled, NOW));
    assert!(done!(db, c => destroy_keys(c, &iris, &key, NOW)));
    assert_eq!(seen!(db, c => newest_key(c)), None);
}

async fn of_two_installs_of_one_salon_the_first_wins(db: Db) {
    let ((first, keys), (mut second, other_keys)) = (new_tenant(7), new_tenant(7));
    second.title = "Кто-то другой".to_owned();
    assert!(done!(db, c => insert(c, &first, &keys)));
    assert!(!done!(db, c => insert(c, &second, &other_keys)));
    let stored = seen!(db, c => find_by_salon(c, SalonId(7))).expect("there");
    assert_eq!((stored.tenant.id, stored.tenant.title), (first.id, first.title));
    assert!(seen!(db, c => find(c, &second.id)).is_none());
    assert!(seen!(db, c => find_by_hook(c, &other_keys.hook_key_hash)).is_none());
}

async fn eight_installs_of_one_salon_at_once_make_one_tenant(db: Db) {
    let installs = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let (new, keys) = new_tenant(7);
            done!(db, c => insert(c, &new, &keys))
        })
    });
    let won = futures::future::join_all(installs).await.into_iter().filter(|won| *won.as_ref().expect("ran"));
    assert_eq!(won.count(), 1);
}

async fn two_salons_never_share_a_webhook_address(db: Db) {
    let ((first, keys), (second, mut other)) = (new_tenant(7), new_tenant(8));
    other.hook_key_hash.clone_from(&keys.hook_key_hash);
    assert!(done!(db, c => insert(c, &first, &keys)));
    let mut conn = db.begin().await.expect("begins");
    let refused = insert(&mut conn, &second, &other).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    drop(conn);
    assert!(seen!(db, c => find(c, &second.id)).is_none());
}

async fn a_state_changes_only_from_the_one_it_is_in(db: Db) {
    use TenantState::{Active, Frozen, PendingWhatsapp, Uninstalled};
    let iris = salon(&db).await;
    let later = NOW.plus_secs(5);
    assert!(!done!(db, c => set_state(c, &iris, Active, Frozen, later)), "it is not active");
    assert_eq!(get(&db, &iris).await.tenant.state, PendingWhatsapp);
    assert_eq!(get(&db, &iris).await.tenant.state_since_at, NOW);
    for (from, to) in TenantState::ALL.into_iter().zip(TenantState::ALL.into_iter().skip(1)) {
        assert!(done!(db, c => set_state(c, &iris, from, to, later)), "{from:?} to {to:?}");
        assert!(!done!(db, c => set_state(c, &iris, from, to, later)), "a late {to:?} changes nothing");
        assert_eq!(get(&db, &iris).await.tenant.state, to);
    }
    assert_eq!(get(&db, &iris).await.tenant.state_since_at, later);
    let nobody = TenantId::new(NOW);
    assert!(!done!(db, c => set_state(c, &nobody, Uninstalled, PendingWhatsapp, later)));
}

async fn of_eight_who_change_one_state_one_succeeds(db: Db) {
    let iris = salon(&db).await;
    let changes = (0..8).map(|_| {
        let (db, iris) = (db.clone(), iris.clone());
        tokio::spawn(async move {
            let (from, to) = (TenantState::PendingWhatsapp, TenantState::WhatsappConnected);
            done!(db, c => set_state(c, &iris, from, to, NOW))
        })
    });
    let won = futures::future::join_all(changes).await.into_iter().filter(|won| *won.as_ref().expect("ran"));
    assert_eq!(won.count(), 1);
}

async fn the_first_activation_stays_remembered(db: Db) {
    use TenantState::{Active, Frozen, PendingWhatsapp};
    let iris = salon(&db).await;
    let first = NOW.plus_secs(1);
    assert!(done!(db, c => set_state(c, &iris, PendingWhatsapp, Active, first)));
    assert!(done!(db, c => set_state(c, &iris, Active, Frozen, NOW.plus_secs(2))));
    assert!(done!(db, c => set_state(c, &iris, Frozen, Active, NOW.plus_secs(3))));
    let stored = get(&db, &iris).await.tenant;
    assert_eq!((stored.activated_at, stored.state_since_at), (Some(first), NOW.plus_secs(3)));
}

async fn a_rotated_hook_key_answers_at_once_and_the_old_one_until_it_is_dropped(db: Db) {
    let iris = salon(&db).await;
    let before = get(&db, &iris).await.keys;
    assert!(
        !done!(db, c => set_hook_key(c, &iris, ("sealed", "stale hash"), "another key", NOW)),
        "sealed by a key of before"
    );
    assert_eq!(seen!(db, c => find_by_hook(c, "stale hash")), None);
    assert!(done!(db, c => set_hook_key(c, &iris, ("sealed", "lost hash"), &before.data_key, NOW)));
    assert!(done!(db, c => set_hook_key(c, &iris, ("sealed anew", "new hash"), &before.data_key, NOW)));
    assert_eq!(seen!(db, c => find_by_hook(c, "lost hash")), None, "no hook ever came to it");
    assert_eq!(seen!(db, c => find_by_hook(c, "new hash")), Some((iris.clone(), true)));
    assert_eq!(seen!(db, c => find_by_hook(c, &before.hook_key_hash)), Some((iris.clone(), false)));
    done!(db, c => drop_hook_key_before(c, &iris, "lost hash"));
    assert_eq!(seen!(db, c => find_by_hook(c, "new hash")), Some((iris.clone(), true)), "a newer one by now");
    done!(db, c => drop_hook_key_before(c, &iris, "new hash"));
    assert_eq!(seen!(db, c => find_by_hook(c, "new hash")), Some((iris.clone(), false)));
    assert_eq!(seen!(db, c => find_by_hook(c, &before.hook_key_hash)), None);
    let after = get(&db, &iris).await.keys;
    assert_eq!((after.hook_key.as_str(), after.hook_key_hash.as_str()), ("sealed anew", "new hash"));
    assert_eq!((after.data_key, after.api_key, after.owner), (before.data_key, before.api_key, before.owner));
    let rose = salon(&db).await;
    let keys = get(&db, &rose).await.keys;
    let mut conn = db.begin().await.expect("begins");
    let taken = set_hook_key(&mut conn, &rose, ("sealed", "new hash"), &keys.data_key, NOW).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "an address is one salon's: {taken:?}");
}

async fn destroyed_keys_are_gone_until_a_new_installation(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => set_state(c, &iris, TenantState::PendingWhatsapp, TenantState::Active, NOW));
    done!(db, c => confirm_number(c, &iris, NOW));
    let before = get(&db, &iris).await.keys;
    assert!(!done!(db, c => destroy_keys(c, &iris, &before.data_key, NOW)), "it is in use");
    for id in [&iris, &rose] {
        let stored = get(&db, id).await;
        done!(db, c => set_state(c, id, stored.tenant.state, TenantState::Uninstalled, NOW));
        assert!(!done!(db, c => destroy_keys(c, id, "another key", NOW)), "it came back meanwhile");
        assert!(done!(db, c => destroy_keys(c, id, &stored.keys.data_key, NOW)));
    }
    let gone = get(&db, &iris).await.keys;
    assert_eq!([gone.data_key, gone.api_key, gone.hook_key, gone.owner].concat(), "", "nothing is left");
    assert_eq!(seen!(db, c => find_by_hook(c, &before.hook_key_hash)), None);
    assert_eq!(seen!(db, c => find_by_hook(c, "")), None, "two emptied salons share no address");

    let fresh = new_tenant(0).1;
    done!(db, c => set_keys(c, &iris, &fresh, NOW));
    let again = get(&db, &iris).await;
    assert_eq!(format!("{:?}", again.keys), format!("{fresh:?}"));
    assert_eq!(seen!(db, c => find_by_hook(c, &fresh.hook_key_hash)), Some((iris.clone(), false)));
    let forgotten = (again.tenant.activated_at, again.tenant.number_confirmed_at);
    assert_eq!(forgotten, (None, None), "a new installation begins anew");
}

async fn what_is_written_of_one_salon_leaves_the_other_alone(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let untouched = format!("{:?}", get(&db, &rose).await);
    let zone = chrono_tz::Asia::Almaty;
    for id in [&iris, &TenantId::new(NOW)] {
        done!(db, c => set_profile(c, id, "Ирис и Ко", "Абая, 5", zone, NOW));
        done!(db, c => set_state(c, id, TenantState::PendingWhatsapp, TenantState::Active, NOW));
        done!(db, c => set_owner(c, id, "another owner", NOW));
        done!(db, c => confirm_number(c, id, NOW.plus_secs(9)));
        done!(db, c => mark_checked(c, id, NOW));
    }
    let stored = get(&db, &iris).await;
    assert_eq!((stored.tenant.title.as_str(), stored.tenant.address.as_str()), ("Ирис и Ко", "Абая, 5"));
    assert_eq!((stored.tenant.timezone, stored.keys.owner.as_str()), (zone, "another owner"));
    assert_eq!(stored.tenant.number_confirmed_at, Some(NOW.plus_secs(9)));
    done!(db, c => unconfirm_number(c, &iris, NOW));
    assert_eq!(get(&db, &iris).await.tenant.number_confirmed_at, None);
    let key = get(&db, &iris).await.keys.data_key;
    assert!(done!(db, c => set_hook_key(c, &iris, ("sealed", "hash"), &key, NOW)));
    done!(db, c => set_state(c, &iris, TenantState::Active, TenantState::Uninstalled, NOW));
    assert!(done!(db, c => destroy_keys(c, &iris, &key, NOW)));
    done!(db, c => set_gone(c, &iris, Some(NOW)));
    assert_eq!(get(&db, &iris).await.tenant.gone_at, Some(NOW));
    done!(db, c => set_keys(c, &iris, &new_tenant(0).1, NOW));
    assert_eq!(get(&db, &iris).await.tenant.gone_at, None);
    done!(db, c => set_state(c, &iris, TenantState::Uninstalled, TenantState::Active, NOW));
    assert_eq!(format!("{:?}", get(&db, &rose).await), untouched);
    let unchecked = seen!(db, c => list_unchecked(c, NOW, 10));
    assert_eq!(unchecked, [rose], "only one was checked");
}

async fn the_longest_unchecked_come_first_and_the_never_checked_before_them(db: Db) {
    let [never, long, lately, gone] =
        [salon(&db).await, salon(&db).await, salon(&db).await, salon(&db).await];
    done!(db, c => mark_checked(c, &long, NOW.plus_secs(-900)));
    done!(db, c => mark_checked(c, &lately, NOW.plus_secs(-10)));
    done!(db, c => set_state(c, &gone, TenantState::PendingWhatsapp, TenantState::Uninstalled, NOW));
    let due = |before, limit| {
        let db = db.clone();
        async move { seen!(db, c => list_unchecked(c, before, limit)) }
    };
    assert_eq!(due(NOW, 10).await, [never.clone(), long.clone(), lately], "and nobody who has gone");
    assert_eq!(due(NOW.plus_secs(-10), 10).await, [never.clone(), long.clone()]);
    assert_eq!(due(NOW, 1).await, std::slice::from_ref(&never));
    done!(db, c => mark_checked(c, &never, NOW));
    assert_eq!(due(NOW, 1).await, [long]);
}

async fn salons_are_counted_by_state(db: Db) {
    assert!(seen!(db, c => count_by_state(c)).is_empty());
    let [_, iris, _] = [salon(&db).await, salon(&db).await, salon(&db).await];
    done!(db, c => set_state(c, &iris, TenantState::PendingWhatsapp, TenantState::Active, NOW));
    let mut counts = seen!(db, c => count_by_state(c));
    counts.sort();
    assert_eq!(counts, [("active".to_owned(), 1), ("pending_whatsapp".to_owned(), 2)]);
}

async fn a_row_that_makes_no_sense_is_named(db: Db) {
    let iris = salon(&db).await;
    let refused = spoil(&db, "UPDATE tenant SET state = 'freezed'").await;
    assert!(matches!(refused, Err(Error::Driver(_))), "the wire's spelling stays on the wire: {refused:?}");
    spoil(&db, "UPDATE tenant SET timezone = 'Mars/Base'").await.expect("the table takes any text");
    let answer = find(&mut db.read().await.expect("a connection"), &iris).await;
    let Err(Error::Inconsistent { table: "tenant", column: "timezone", id }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(id, iris.as_str());
}
