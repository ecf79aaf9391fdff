use super::*;
use crate::domain::tenant::TenantState;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::{Db, tenant};

both!(whatever_changes_a_key_or_an_address_is_counted, what_changes_neither_is_not);

async fn whatever_changes_a_key_or_an_address_is_counted(db: Db) {
    let iris = salon(&db).await;
    let keys = seen!(db, c => tenant::find(c, &iris)).expect("there").keys;
    let mut counted = seen!(db, c => find(c));
    let mut next = |now: i64, what: &str| {
        assert_eq!(now, counted + 1, "{what}");
        counted = now;
    };
    done!(db, c => tenant::set_hook_key(c, &iris, ("sealed", "hash"), &keys.data_key, NOW));
    next(seen!(db, c => find(c)), "a new address");
    done!(db, c => tenant::drop_hook_key_before(c, &iris, "hash"));
    next(seen!(db, c => find(c)), "the address before it");
    done!(db, c => tenant::set_state(c, &iris, TenantState::PendingWhatsapp, TenantState::Uninstalled, NOW));
    assert!(done!(db, c => tenant::destroy_keys(c, &iris, &keys.data_key, NOW)));
    next(seen!(db, c => find(c)), "destroyed keys");
    done!(db, c => tenant::set_keys(c, &iris, &keys, NOW));
    next(seen!(db, c => find(c)), "new keys");
}

async fn what_changes_neither_is_not(db: Db) {
    let before = seen!(db, c => find(c));
    let iris = salon(&db).await;
    done!(db, c => tenant::confirm_number(c, &iris, NOW));
    done!(db, c => tenant::set_state(c, &iris, TenantState::PendingWhatsapp, TenantState::Active, NOW));
    assert_eq!(seen!(db, c => find(c)), before);
}
