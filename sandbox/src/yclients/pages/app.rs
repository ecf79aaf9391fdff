//! The application's card in one salon: its state, its settings, and the ways to end or pay for it.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};

use super::{back, lost, page, state_title};
use crate::yclients::{
    answer::Refusal,
    input::{Id, Params},
    install,
    model::InstallState,
    wire::moscow,
    world::{self, World},
};

const PRICE: f64 = 990.0;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/appstore/{application}/salon/{salon}", get(show))
        .route("/appstore/{application}/salon/{salon}/{action}", post(act))
        .route("/appstore/payment", get(payment))
}

#[derive(Template)]
#[template(path = "yclients/app.html")]
struct App {
    title: String,
    application_id: i64,
    salon_id: i64,
    salon_title: String,
    base: String,
    state: &'static str,
    state_title: &'static str,
    explanation: &'static str,
    settings_url: Option<String>,
    error: Option<String>,
    logs: Vec<LogLine>,
    payments: Vec<(i64, String, String, bool)>,
    urls: Vec<String>,
}

struct LogLine {
    at: String,
    from: &'static str,
    to: &'static str,
    source: &'static str,
}

async fn show(
    State(world): State<World>,
    Path((application, salon)): Path<(Id, Id)>,
    params: Params,
) -> Response {
    let view = world.with(|state, _| view(state, application, salon, params.get("error")));
    view.map_or_else(|refusal| lost(&refusal), |view| page(&view))
}

fn view(state: &world::State, application: Id, salon: Id, error: Option<&str>) -> Result<App, Refusal> {
    if application.0 != state.options.application_id {
        return Err(Refusal::not_found("Такого приложения в каталоге нет."));
    }
    let salon = state.salon(salon.0)?;
    let install = &salon.install;
    let logs = install.logs.iter().rev().map(|log| LogLine {
        at: moscow(log.at),
        from: state_title(log.from),
        to: state_title(log.to),
        source: log.source,
    });
    let payments = install
        .payments
        .iter()
        .rev()
        .map(|p| (p.id, format!("{} {}", p.sum, p.currency_iso), p.period_to.clone(), p.refunded));
    Ok(App {
        title: state.options.application_title.clone(),
        application_id: application.0,
        salon_id: salon.id,
        salon_title: salon.title.clone(),
        base: format!("/appstore/{}/salon/{}", application.0, salon.id),
        state: install.state.wire(),
        state_title: state_title(install.state),
        explanation: explanation(install.state),
        settings_url: install::register_url(state, &[salon.id]),
        error: error.map(str::to_owned),
        logs: logs.collect(),
        payments: payments.collect(),
        urls: salon.hooks.urls.clone(),
    })
}

fn explanation(state: InstallState) -> &'static str {
    match state {
        InstallState::Uninstalled => "В этом филиале приложения нет.",
        InstallState::Pending => {
            "Владелец согласился. Приложение ещё не завершило подключение: на это есть 12 часов."
        }
        InstallState::Active => "Приложение работает.",
        InstallState::Freezed => "Приложение остановлено до оплаты.",
    }
}

async fn act(
    State(world): State<World>,
    Path((application, salon, action)): Path<(Id, Id, String)>,
    body: String,
) -> Response {
    let outcome = world.with(|state, now| match action.as_str() {
        "pay" => {
            let amount = Params::parse(&body).number("amount").filter(|n: &f64| n.is_finite() && *n > 0.0);
            install::pay(state, now, salon.0, amount.unwrap_or(PRICE)).map(|_| ())
        }
        "freeze" => install::freeze(state, now, salon.0),
        "uninstall" => install::uninstall(state, now, salon.0, "marketplace", true),
        _ => Err(Refusal::not_found("Неизвестное действие")),
    });
    back(&format!("/appstore/{}/salon/{}", application.0, salon.0), outcome)
}

#[derive(Template)]
#[template(path = "yclients/payment.html")]
struct Payment {
    application_id: i64,
    salon_id: i64,
    salon_title: String,
    amount: f64,
    discount: f64,
    discounted: bool,
}

/// Where `payment_link` leads. The signature covers what stands before it in the query.
async fn payment(State(world): State<World>, params: Params, uri: axum::http::Uri) -> Response {
    let view = world.with(|state, _| {
        let forged = || Refusal::not_found("Ссылка на оплату неверна.");
        let (signed, sign) = uri.query().and_then(|q| q.split_once("&sign=")).ok_or_else(forged)?;
        if install::hmac_hex(&state.options.partner_token, signed.as_bytes()) != sign {
            return Err(forged());
        }
        let salon = state.salon(params.number("salon_id").unwrap_or(0))?;
        let discount = params.number("discount").unwrap_or(salon.install.discount).clamp(0.0, 100.0);
        Ok(Payment {
            application_id: state.options.application_id,
            salon_id: salon.id,
            salon_title: salon.title.clone(),
            amount: (PRICE * (100.0 - discount)).round() / 100.0,
            discount,
            discounted: discount > 0.0,
        })
    });
    view.map_or_else(|refusal| lost(&refusal), |view| page(&view))
}
