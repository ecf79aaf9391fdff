//! The installation's life: consent, the redirect with signed user data, activation, freezing, leaving.

use base64::{Engine, engine::general_purpose};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use url::form_urlencoded;

use super::{
    answer::Refusal,
    demo,
    hooks::{Delivery, DeliveryState},
    model::{HookSettings, InstallState, Payment},
    options::{SalonIdsStyle, Settings, UserDataStyle},
    post::Parcel,
    world::{State, take},
};

/// The owner presses Connect. For salons that have the application already, this is what "Settings" does: nothing.
pub fn consent(state: &mut State, now: DateTime<Utc>, salon_ids: &[i64]) -> Result<(), Refusal> {
    for id in salon_ids {
        state.salon(*id)?;
    }
    let instant = state.options.instant;
    for id in salon_ids {
        let salon = state.salon_mut(*id)?;
        if salon.install.state == InstallState::Uninstalled {
            salon.install.turn(InstallState::Pending, "marketplace", now);
            if instant {
                salon.install.turn(InstallState::Active, "marketplace", now);
            }
        }
    }
    Ok(())
}

/// Where the browser goes after consent, or `None` while the application has no Registration Redirect Url.
pub fn register_url(state: &State, salon_ids: &[i64]) -> Option<String> {
    let options = &state.options;
    let base = options.register_url.as_deref()?;
    let mut query = salon_query(salon_ids, options.salon_ids_style);
    if options.user_data {
        let title = salon_ids.first().and_then(|id| state.salons.get(id)).map_or("", |s| s.title.as_str());
        let (data, sign) = user_data(options, title);
        let data: String = form_urlencoded::byte_serialize(data.as_bytes()).collect();
        query.push_str(&format!("&user_data={data}&user_data_sign={sign}"));
    }
    let joint = if base.contains('?') { '&' } else { '?' };
    Some(format!("{base}{joint}{query}"))
}

fn salon_query(ids: &[i64], style: SalonIdsStyle) -> String {
    if let [only] = ids {
        return format!("salon_id={only}");
    }
    let each = |name: &dyn Fn(usize) -> String| {
        ids.iter().enumerate().map(|(i, id)| format!("{}={id}", name(i))).collect::<Vec<_>>().join("&")
    };
    match style {
        SalonIdsStyle::Indexed => each(&|i| format!("salon_ids%5B{i}%5D")),
        SalonIdsStyle::Brackets => each(&|_| "salon_ids[]".into()),
        SalonIdsStyle::Csv => {
            format!("salon_ids={}", ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
        }
    }
}

/// `user_data` in the style asked for, and its signature over the bytes before base64.
fn user_data(options: &Settings, salon_title: &str) -> (String, String) {
    let raw = php_json(&[
        ("id", json!(demo::OWNER_ID)),
        ("name", json!(demo::OWNER_NAME)),
        ("phone", json!(demo::OWNER_PHONE)),
        ("email", json!(demo::OWNER_EMAIL)),
        ("is_approved", json!(true)),
        ("avatar", json!("https://assets.example.test/u/1.png?v=~~?>>>~~?>>>")),
        ("salon_name", json!(salon_title)),
    ]);
    let sign = hmac_hex(&options.partner_token, raw.as_bytes());
    let data = match options.user_data_style {
        UserDataStyle::Standard => general_purpose::STANDARD.encode(&raw),
        UserDataStyle::UrlSafe => general_purpose::URL_SAFE.encode(&raw),
        UserDataStyle::Unpadded => general_purpose::STANDARD_NO_PAD.encode(&raw),
        UserDataStyle::PlusAsSpace => general_purpose::STANDARD.encode(&raw).replace('+', " "),
    };
    (data, sign)
}

/// JSON as PHP writes it: in the order given, slashes and everything beyond ASCII escaped.
fn php_json(fields: &[(&str, Value)]) -> String {
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let mut escaped = String::new();
    let mut units = [0_u16; 2];
    for c in format!("{{{}}}", body.join(",")).chars() {
        match c {
            '/' => escaped.push_str("\\/"),
            c if c.is_ascii() => escaped.push(c),
            c => c.encode_utf16(&mut units).iter().for_each(|u| escaped.push_str(&format!("\\u{u:04x}"))),
        }
    }
    escaped
}

pub fn hmac_hex(key: &str, message: &[u8]) -> String {
    // HMAC takes keys of any length, the empty one included.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

/// What the partner hands over when it finishes the installation.
pub struct Activation {
    pub api_key: Option<String>,
    pub webhook_urls: Vec<String>,
    pub channels: Vec<String>,
}

/// Pending becomes active: hooks are switched on, the technical user comes into the salon.
pub fn activate(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    activation: Activation,
) -> Result<(), Refusal> {
    let entities = state.options.hook_entities.clone();
    let salon = state.salon_mut(salon_id)?;
    match salon.install.state {
        InstallState::Pending => {}
        InstallState::Active | InstallState::Freezed => return Err(Refusal::already_installed()),
        InstallState::Uninstalled => return Err(Refusal::foreign_application()),
    }
    salon.install.turn(InstallState::Active, "partner_api", now);
    salon.install.api_key = activation.api_key;
    salon.install.channels = activation.channels;
    for url in &activation.webhook_urls {
        if !salon.hooks.urls.contains(url) {
            salon.hooks.urls.push(url.clone());
        }
    }
    if !activation.webhook_urls.is_empty() {
        salon.hooks.active = true;
        salon.hooks.flags.extend(entities.into_iter().map(|entity| (entity, true)));
    }
    salon.install.webhook_urls = activation.webhook_urls;
    Ok(())
}

/// Takes the application out of the salon, from either side; the other side is told if asked.
pub fn uninstall(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    source: &'static str,
    tell: bool,
) -> Result<(), Refusal> {
    let salon = state.salon_mut(salon_id)?;
    if salon.install.state == InstallState::Uninstalled {
        return Ok(());
    }
    let own = std::mem::take(&mut salon.install.webhook_urls);
    salon.hooks.urls.retain(|url| !own.contains(url));
    if salon.hooks.urls.is_empty() {
        salon.hooks = HookSettings::default();
    }
    salon.install.turn(InstallState::Uninstalled, source, now);
    (salon.install.api_key, salon.install.since) = (None, None);
    if tell {
        post_lifecycle(state, now, salon_id, "uninstall", Map::new());
    }
    Ok(())
}

pub fn freeze(state: &mut State, now: DateTime<Utc>, salon_id: i64) -> Result<(), Refusal> {
    let salon = state.salon_mut(salon_id)?;
    if salon.install.state != InstallState::Active {
        return Err(Refusal::not_installed());
    }
    salon.install.turn(InstallState::Freezed, "marketplace", now);
    post_lifecycle(state, now, salon_id, "freeze", Map::new());
    Ok(())
}

/// Notes a payment and thaws what its period covers.
pub fn record_payment(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    payment: Payment,
    source: &'static str,
) -> Result<i64, Refusal> {
    let id = take(&mut state.ids.payment);
    let install = &mut state.salon_mut(salon_id)?.install;
    if install.state == InstallState::Uninstalled {
        return Err(Refusal::not_installed());
    }
    install.payments.push(Payment { id, ..payment });
    if install.state == InstallState::Freezed {
        install.turn(InstallState::Active, source, now);
    }
    Ok(id)
}

/// The salon pays on the platform: noted, thawed, and told if the platform tells.
pub fn pay(state: &mut State, now: DateTime<Utc>, salon_id: i64, amount: f64) -> Result<i64, Refusal> {
    let currency_iso = state.salon(salon_id)?.currency.clone();
    let day =
        |at: DateTime<Utc>, form: &str| at.with_timezone(&chrono_tz::Europe::Moscow).format(form).to_string();
    let payment = Payment {
        id: 0,
        sum: amount,
        currency_iso,
        payment_date: day(now, "%Y-%m-%d %H:%M:%S"),
        period_from: day(now, "%Y-%m-%d 00:00:00"),
        period_to: day(now + chrono::TimeDelta::days(30), "%Y-%m-%d 23:59:59"),
        refunded: false,
    };
    let id = record_payment(state, now, salon_id, payment.clone(), "marketplace")?;
    if state.options.payment_event {
        post_lifecycle(state, now, salon_id, "payment", payment_fields(state, salon_id, id, &payment));
    }
    Ok(id)
}

fn payment_fields(state: &State, salon_id: i64, id: i64, payment: &Payment) -> Map<String, Value> {
    let amount = number(payment.sum);
    let discount = state.salons.get(&salon_id).map(|s| s.install.discount).filter(|d| *d > 0.0).map(number);
    let mut signed = format!("salon_id={salon_id}&amount={amount}");
    if let Some(discount) = &discount {
        signed.push_str(&format!("&discount={discount}"));
    }
    let fields = json!({
        "payment_id": id, "amount": amount, "currency_iso": payment.currency_iso, "discount": discount,
        "period_from": payment.period_from, "period_to": payment.period_to, "payment_date": payment.payment_date,
        "tariff_option_id": 6112, "sign": hmac_hex(&state.options.partner_token, signed.as_bytes()),
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// 990 and not 990.0: the signature is over what is printed.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

/// To the Callback Url, with the partner token in the body: the only proof there is.
fn post_lifecycle(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    event: &'static str,
    more: Map<String, Value>,
) {
    let Some(url) = state.options.callback_url.clone() else { return };
    let mut body = json!({
        "salon_id": salon_id, "application_id": state.options.application_id, "event": event,
        "partner_token": state.options.partner_token,
    });
    if let Some(map) = body.as_object_mut() {
        map.extend(more);
    }
    let text = body.to_string();
    let id = state.deliveries.push(Delivery {
        kind: "lifecycle",
        salon_id,
        resource: "application".into(),
        resource_id: state.options.application_id,
        event: event.into(),
        url: url.clone(),
        body,
        faults: Vec::new(),
        state: DeliveryState::Queued,
        queued_at: now,
        sent_at: None,
        attempt: 0,
        status: None,
        error: None,
        latency_ms: None,
    });
    let due = tokio::time::Instant::now();
    let parcel = Parcel { id, epoch: state.epoch, url, body: text, due, aside: false, hold: None };
    state.dispatch(parcel);
}

#[cfg(test)]
mod tests {
    use super::{Settings, user_data};

    /// A vector from the platform's own rule: the message is what base64 decodes to, not the base64.
    #[test]
    fn user_data_is_signed_over_its_decoded_bytes() {
        let vector = include_str!("../../tests/fixtures/yclients/registration_user_data.json");
        let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
        let token = vector["partner_token"].as_str().unwrap().to_owned();
        let options = Settings { partner_token: token, ..Settings::default() };
        let (data, sign) = user_data(&options, "Студия «Пример»");
        assert_eq!(data, vector["user_data"]);
        assert_eq!(sign, vector["user_data_sign"]);
    }
}
