//! The salon itself, its licence and what its clients agree to; signing in by password.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::json;

use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::{Partner, User},
    demo,
    input::{self, Body, Id, Params},
    wire_salon,
    world::World,
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/auth", post(sign_in))
        .route("/companies", get(list))
        .route("/company/{salon}", get(show))
        .route("/license/{salon}", get(licence))
        .route("/privacy_policy/{salon}", get(privacy_policy))
        .route("/company/{salon}/booking_forms", get(booking_forms))
        .route("/bookform/{form}", get(bookform))
        .route("/validation/validate_phone/{phone}", get(validate_phone))
}

async fn sign_in(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let login = body["login"].as_str().unwrap_or_default();
        let known = input::phone(login).as_deref() == Some(demo::OWNER_PHONE) || login == demo::OWNER_EMAIL;
        if !known || body["password"].as_str() != Some(&state.options.owner_password) {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Вы указали неверный логин или пароль"));
        }
        let data = json!({
            "id": demo::OWNER_ID, "user_token": state.options.owner_token, "name": demo::OWNER_NAME,
            "phone": demo::OWNER_PHONE, "login": demo::OWNER_PHONE, "email": demo::OWNER_EMAIL,
            "avatar": "https://assets.example.test/u/1.png", "is_approved": true,
        });
        Ok(answer::status(StatusCode::CREATED, data, json!([])))
    })
}

/// `my=1` means the caller's own salons, and that takes a user.
async fn list(
    State(world): State<World>,
    partner: Partner,
    user: Option<UserIfAny>,
    params: Params,
) -> Answer {
    let Partner = partner;
    let user = user.map(|UserIfAny(user)| user);
    if params.flag("my") && user.is_none() {
        return Err(Refusal::unauthorised());
    }
    world.with(|state, now| {
        let seen = state.salons.values().filter(|s| user.is_none_or(|u| u.salon(state, s.id).is_ok()));
        let data: Vec<_> = seen.map(|s| wire_salon::listed_salon(s, now)).collect();
        let meta = json!({"total_count": data.len()});
        Ok(answer::with_meta(json!(data), meta))
    })
}

async fn show(State(world): State<World>, user: User, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, now| {
        let salon = user.salon(state, salon.0)?;
        let bookforms = params.flag("showBookforms").then_some(world.address.as_str());
        Ok(answer::with_meta(wire_salon::company(salon, bookforms, now), json!({})))
    })
}

async fn licence(State(world): State<World>, user: User, Path(salon): Path<Id>) -> Answer {
    world.with(|state, now| {
        let salon = state.salon(salon.0)?;
        if !salon.licence_expired {
            user.salon(state, salon.id)?;
        }
        let days = if salon.licence_expired { -1 } else { 180 };
        let end = (now + chrono::TimeDelta::days(days)).format("%d.%m.%Y").to_string();
        let active = !salon.licence_expired;
        Ok(answer::ok(json!({"active": active, "deactivation_date": end, "staff_limit": 50, "options": []})))
    })
}

async fn privacy_policy(State(world): State<World>, _: Partner, Path(salon): Path<Id>) -> Answer {
    world.with(|state, _| {
        let title = &state.salon(salon.0)?.title;
        let content = format!("Я соглашаюсь на обработку моих персональных данных салоном {title}.");
        Ok(answer::ok(json!({"agreement": {"content": content}})))
    })
}

async fn booking_forms(State(world): State<World>, user: User, Path(salon): Path<Id>) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        Ok(answer::with_meta(json!([wire_salon::bookform(salon, &world.address)]), json!({"total_count": 1})))
    })
}

async fn bookform(State(world): State<World>, _: Partner, Path(form): Path<Id>) -> Answer {
    world.with(|state, _| {
        let salon = state.salons.values().find(|s| s.bookform_id == form.0);
        let salon = salon.ok_or_else(|| Refusal::not_found("Форма не найдена."))?;
        let step = |slug: &str, num: i64| json!({"step": slug, "num": num, "default": 0, "hidden": false});
        let steps = [step("service", 1), step("master", 2), step("datetime", 3), step("contact", 4)];
        Ok(answer::ok(json!({
            "company_id": salon.id, "form_id": form.0, "steps": steps, "phone_confirmation": salon.phone_confirmation,
        })))
    })
}

async fn validate_phone(_: User, Path(phone): Path<String>) -> Answer {
    Ok(answer::ok(json!({"is_valid": input::phone(&phone).is_some()})))
}

/// The user where one came along; a wrong user token is an error, none is not.
struct UserIfAny(User);

impl axum::extract::OptionalFromRequestParts<World> for UserIfAny {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        world: &World,
    ) -> Result<Option<Self>, Refusal> {
        if crate::yclients::caller::kinds(&parts.headers) != "PU" {
            return Ok(None);
        }
        let user = <User as axum::extract::FromRequestParts<World>>::from_request_parts(parts, world).await?;
        Ok(Some(Self(user)))
    }
}
