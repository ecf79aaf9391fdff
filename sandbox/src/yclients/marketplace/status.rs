//! The state of an installation, the list of installations, and the way out.

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::own_application;
use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::Partner,
    input::{Id, Params},
    install,
    model::{Install, InstallState},
    wire::moscow,
    wire_salon,
    world::World,
};

const MOST_COUNT: usize = 1_000;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/salon/{salon}/application/{application}", get(show))
        .route("/salon/{salon}/application/{application}/uninstall", post(uninstall))
        .route("/application/{application}/salons", get(salons))
}

async fn show(State(world): State<World>, _: Partner, Path((salon, application)): Path<(Id, Id)>) -> Answer {
    world.with(|state, _| {
        own_application(state, application.0)?;
        let install = &state.salons.get(&salon.0).ok_or_else(Refusal::not_installed)?.install;
        let since = install.since.filter(|_| install.state != InstallState::Uninstalled);
        let since = since.ok_or_else(Refusal::not_installed)?;
        Ok(answer::with_meta(
            json!({
                "logs": logs(install), "payments": payments(install),
                "connection_status": {"status": install.state.wire(), "created_at": moscow(since)},
            }),
            json!({}),
        ))
    })
}

fn logs(install: &Install) -> Vec<Value> {
    let line = |log: &crate::yclients::model::InstallLog| {
        json!({
            "changed_at": moscow(log.at), "status_from": log.from.wire(), "status_to": log.to.wire(),
            "source": log.source,
        })
    };
    install.logs.iter().map(line).collect()
}

fn payments(install: &Install) -> Vec<Value> {
    let payment = |p: &crate::yclients::model::Payment| {
        json!({
            "id": p.id, "payment_sum": p.sum, "currency_iso": p.currency_iso, "payment_date": p.payment_date,
            "is_refunded": p.refunded, "period_from": p.period_from, "period_to": p.period_to,
        })
    };
    install.payments.iter().map(payment).collect()
}

/// Both `page` and `count` must be named. Frozen salons are listed, pending ones are not: nobody knows, so neither is relied on.
async fn salons(
    State(world): State<World>,
    _: Partner,
    Path(application): Path<Id>,
    params: Params,
) -> Answer {
    world.with(|state, now| {
        own_application(state, application.0)?;
        let page = params.number::<usize>("page").filter(|n| *n >= 1);
        let count = params.number::<usize>("count").filter(|n| (1..=MOST_COUNT).contains(n));
        let (Some(page), Some(count)) = (page, count) else {
            let field = |given: bool, name| (!given).then_some((name, "Значение недействительно"));
            let fields = [field(page.is_some(), "page"), field(count.is_some(), "count")];
            return Err(Refusal::invalid(fields.into_iter().flatten()));
        };
        let listed = |s: &&crate::yclients::model::Salon| {
            matches!(s.install.state, InstallState::Active | InstallState::Freezed)
        };
        let found = state.salons.values().filter(listed).skip((page - 1).saturating_mul(count)).take(count);
        let data: Vec<_> = found.map(|s| wire_salon::listed_salon(s, now)).collect();
        Ok(answer::with_meta(json!(data), json!({})))
    })
}

/// Asking twice is fine; asking for a salon that never had it is not.
async fn uninstall(
    State(world): State<World>,
    _: Partner,
    Path((salon, application)): Path<(Id, Id)>,
) -> Answer {
    world.with(|state, now| {
        own_application(state, application.0)?;
        let known = state.salons.get(&salon.0).is_some_and(|s| !s.install.logs.is_empty());
        if !known {
            return Err(Refusal::not_installed());
        }
        install::uninstall(state, now, salon.0, "partner_api", true)?;
        Ok(answer::with_meta(Value::Null, json!({})))
    })
}
