//! Payments, refunds, tariffs and discounts.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::{own_application, target};
use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::Partner,
    input::{self, Body, Id, Params},
    install,
    model::{InstallState, Payment},
    world::World,
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/partner/payment", post(payment))
        .route("/partner/payment/refund/{payment}", post(refund))
        .route("/application/payment_link", get(payment_link))
        .route("/application/{application}/tariffs", get(tariffs))
        .route("/application/add_discount", post(add_discount))
}

async fn payment(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    world.with(|state, now| {
        let mut wrong = Vec::new();
        let (salon_id, application_id) = target(&body, &mut wrong);
        let sum = input::float(&body["payment_sum"]).filter(|n| *n > 0.0);
        if sum.is_none() {
            wrong.push(("payment_sum", "Значение недействительно"));
        }
        let mut text = |name: &'static str, good: fn(&str) -> bool| {
            let value = body[name].as_str().filter(|v| good(v));
            if value.is_none() {
                wrong.push((name, "Поле имеет неверный формат"));
            }
            value.unwrap_or_default().to_owned()
        };
        let currency_iso =
            text("currency_iso", |v| v.len() == 3 && v.bytes().all(|b| b.is_ascii_uppercase()));
        let (payment_date, period_from, period_to) =
            (text("payment_date", is_date), text("period_from", is_date), text("period_to", is_date));
        let (Some(sum), true) = (sum, wrong.is_empty()) else { return Err(Refusal::invalid(wrong)) };
        own_application(state, application_id)?;
        if state.salon(salon_id).map(|s| s.install.state).unwrap_or_default() == InstallState::Uninstalled {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Приложение не установлено в филиале"));
        }
        let payment =
            Payment { id: 0, sum, currency_iso, payment_date, period_from, period_to, refunded: false };
        let id = install::record_payment(state, now, salon_id, payment, "partner_api")?;
        // The one answer of the marketplace that was printed without `meta`.
        Ok(Json(json!({"success": true, "data": {"id": id}})).into_response())
    })
}

fn is_date(text: &str) -> bool {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok()
}

async fn refund(State(world): State<World>, _: Partner, Path(id): Path<Id>) -> Answer {
    world.with(|state, _| {
        let mut payments = state.salons.values_mut().flat_map(|s| &mut s.install.payments);
        match payments.find(|p| p.id == id.0) {
            Some(payment) if !payment.refunded => payment.refunded = true,
            Some(_) => return Err(Refusal::invalid([("payment_id", "Платёж уже возвращён")])),
            None => return Err(Refusal::invalid([("payment_id", "Платёж не найден")])),
        }
        Ok(answer::with_meta(Value::Null, json!({})))
    })
}

async fn payment_link(State(world): State<World>, _: Partner, params: Params) -> Answer {
    world.with(|state, _| {
        let salon_id: i64 = params.number("salon_id").unwrap_or(0);
        own_application(state, params.number("application_id").unwrap_or(0))?;
        if state.salon(salon_id).map(|s| s.install.state).unwrap_or_default() == InstallState::Uninstalled {
            return Err(Refusal::not_installed());
        }
        let application = state.options.application_id;
        let mut query = format!("salon_id={salon_id}&application_id={application}&source=api");
        if let Some(discount) = params.number::<f64>("discount").filter(|d| (0.0..=100.0).contains(d)) {
            query.push_str(&format!("&discount={discount}"));
        }
        let sign = install::hmac_hex(&state.options.partner_token, query.as_bytes());
        let base = state.options.public_url.clone().unwrap_or_else(|| world.address.clone());
        let url = format!("{base}/appstore/payment/?{query}&sign={sign}");
        Ok(answer::with_meta(json!({"url": url}), json!({})))
    })
}

async fn tariffs(State(world): State<World>, _: Partner, Path(application): Path<Id>) -> Answer {
    world.with(|state, _| {
        own_application(state, application.0)?;
        let option = |id: i64, title: &str, price: i64, staff: i64| {
            json!({
                "id": id, "title": title, "overall_price": price, "duration_in_months": 1, "staff_amount": staff,
                "free_period_in_months": 0, "currency_iso": "RUB",
            })
        };
        let options = [option(6111, "Один мастер", 490, 1), option(6112, "До 5 сотрудников", 990, 5)];
        Ok(answer::with_meta(json!([{"id": 611, "title": "1 месяц", "options": options}]), json!({})))
    })
}

async fn add_discount(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let ids = input::ints(&body["salon_ids"]);
        let discount = input::float(&body["discount"]).filter(|d| (0.0..=100.0).contains(d));
        let known = !ids.is_empty() && ids.iter().all(|id| state.salons.contains_key(id));
        let (Some(discount), true) = (discount, known) else {
            let fields = [
                (discount.is_none(), ("discount", "Значение недействительно")),
                (!known, ("salon_ids", "Значение недействительно")),
            ];
            return Err(Refusal::invalid(
                fields.into_iter().filter(|(wrong, _)| *wrong).map(|(_, field)| field),
            ));
        };
        own_application(state, input::int(&body["application_id"]).unwrap_or(0))?;
        for id in ids {
            state.salon_mut(id)?.install.discount = discount;
        }
        Ok(answer::with_meta(Value::Null, json!({})))
    })
}
