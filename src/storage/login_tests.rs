use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen, spoil};

both!(
    a_login_is_found_by_its_address_and_only_one_has_it,
    an_invitation_is_taken_up_once_and_in_time,
    a_new_link_closes_the_one_before,
    a_code_is_good_once,
    who_is_switched_off_has_no_link_any_more,
    a_companys_people_are_turned_page_by_page_and_are_its_own,
    only_an_operator_has_no_company,
);

async fn added(db: &Db, tenant: &str, role: Role, email: &str) -> LoginId {
    let id = LoginId::new(NOW);
    let new = NewLogin { id: &id, tenant, role, email: "sealed", email_hash: email, name: "sealed name" };
    assert!(done!(db, c => insert(c, &new, NOW)));
    id
}

async fn a_login_is_found_by_its_address_and_only_one_has_it(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let anna = added(&db, iris.as_str(), Role::Owner, "anna").await;
    let row = seen!(db, c => find_by_email(c, "anna")).expect("there");
    assert_eq!((row.id.clone(), row.tenant.as_str(), row.role), (anna.clone(), iris.as_str(), Role::Owner));
    assert_eq!(
        (row.email.as_str(), row.name.as_str(), row.password.as_str(), row.totp.as_str()),
        ("sealed", "sealed name", "", "")
    );
    assert_eq!((row.invited_until, row.off_at, row.seen_at), (None, None, None));
    let other = LoginId::new(NOW);
    let again = NewLogin {
        id: &other,
        tenant: rose.as_str(),
        role: Role::Owner,
        email: "x",
        email_hash: "anna",
        name: "",
    };
    assert!(!done!(db, c => insert(c, &again, NOW)));
    assert!(seen!(db, c => find(c, (rose.as_str(), &anna))).is_none(), "another company's");
    assert!(seen!(db, c => find_by_email(c, "oleg")).is_none());
    done!(db, c => mark_seen(c, (rose.as_str(), &anna), NOW));
    assert_eq!(seen!(db, c => find(c, row.whose())).expect("there").seen_at, None);
    done!(db, c => mark_seen(c, row.whose(), NOW));
    assert_eq!(seen!(db, c => find(c, row.whose())).expect("there").seen_at, Some(NOW));
}

async fn an_invitation_is_taken_up_once_and_in_time(db: Db) {
    let iris = salon(&db).await;
    let anna = added(&db, iris.as_str(), Role::Owner, "anna").await;
    let whose = (iris.as_str(), &anna);
    assert!(seen!(db, c => find_by_invitation(c, "")).is_none(), "none has no link");
    let until = NOW.plus_secs(60);
    done!(db, c => invite(c, whose, "link", until, NOW));
    assert_eq!(seen!(db, c => find_by_invitation(c, "link")).expect("there").invited_until, Some(until));
    assert!(!done!(db, c => take_up(c, whose, "link", "hash", until)), "too late");
    assert!(!done!(db, c => take_up(c, whose, "other", "hash", NOW)));
    done!(db, c => set_totp(c, whose, "secret", 7, NOW));
    assert!(done!(db, c => take_up(c, whose, "link", "hash", NOW)));
    assert!(!done!(db, c => take_up(c, whose, "link", "second", NOW)), "once");
    let row = seen!(db, c => find(c, whose)).expect("there");
    assert_eq!((row.password.as_str(), row.totp.as_str(), row.invited_until), ("hash", "", None));
    assert!(seen!(db, c => find_by_invitation(c, "link")).is_none());
    done!(db, c => set_password(c, whose, "third", NOW));
    assert_eq!(seen!(db, c => find(c, whose)).expect("there").password, "third");
}

async fn a_new_link_closes_the_one_before(db: Db) {
    let iris = salon(&db).await;
    let anna = added(&db, iris.as_str(), Role::Receptionist, "anna").await;
    let whose = (iris.as_str(), &anna);
    for link in ["first", "second"] {
        done!(db, c => invite(c, whose, link, NOW.plus_secs(60), NOW));
    }
    assert!(seen!(db, c => find_by_invitation(c, "first")).is_none());
    assert!(!done!(db, c => take_up(c, whose, "first", "hash", NOW)));
    assert!(done!(db, c => take_up(c, whose, "second", "hash", NOW)));
}

async fn a_code_is_good_once(db: Db) {
    let iris = salon(&db).await;
    let anna = added(&db, iris.as_str(), Role::Owner, "anna").await;
    let whose = (iris.as_str(), &anna);
    assert!(!done!(db, c => use_step(c, whose, 10)), "no secret, no code");
    done!(db, c => set_totp(c, whose, "secret", 10, NOW));
    assert_eq!(seen!(db, c => find(c, whose)).expect("there").totp, "secret");
    assert!(!done!(db, c => use_step(c, whose, 10)), "it proved the secret");
    assert!(done!(db, c => use_step(c, whose, 12)));
    assert!(!done!(db, c => use_step(c, whose, 12)));
    assert!(!done!(db, c => use_step(c, whose, 11)), "an older one");
}

async fn who_is_switched_off_has_no_link_any_more(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let anna = added(&db, iris.as_str(), Role::Receptionist, "anna").await;
    let whose = (iris.as_str(), &anna);
    done!(db, c => invite(c, whose, "link", NOW.plus_secs(60), NOW));
    done!(db, c => switch_off(c, (rose.as_str(), &anna), NOW));
    assert_eq!(seen!(db, c => find(c, whose)).expect("there").off_at, None, "not theirs to switch off");
    done!(db, c => switch_off(c, whose, NOW));
    assert_eq!(seen!(db, c => find(c, whose)).expect("there").off_at, Some(NOW));
    assert!(seen!(db, c => find_by_invitation(c, "link")).is_none());
    done!(db, c => invite(c, whose, "again", NOW.plus_secs(60), NOW));
    assert!(done!(db, c => take_up(c, whose, "again", "hash", NOW)));
    assert_eq!(seen!(db, c => find(c, whose)).expect("there").off_at, None, "back again");
}

async fn a_companys_people_are_turned_page_by_page_and_are_its_own(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let mut all = Vec::new();
    for email in ["1", "2", "3"] {
        all.push(added(&db, iris.as_str(), Role::Receptionist, email).await);
    }
    added(&db, rose.as_str(), Role::Owner, "4").await;
    added(&db, "", Role::Operator, "5").await;
    let page = async |after: &str| {
        let rows = seen!(db, c => list(c, &iris, after, 2));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(page("").await, all[..2]);
    assert_eq!(page(all[1].as_str()).await, all[2..]);
    done!(db, c => delete_all(c, &iris));
    assert_eq!(page("").await, []);
    assert_eq!(seen!(db, c => list(c, &rose, "", 9)).len(), 1);
    assert!(seen!(db, c => find_by_email(c, "5")).is_some());
}

async fn only_an_operator_has_no_company(db: Db) {
    added(&db, "", Role::Operator, "5").await;
    let odd = spoil(&db, "UPDATE login SET role = 'owner' WHERE tenant_id = ''").await;
    assert!(odd.is_err(), "{odd:?}");
}
