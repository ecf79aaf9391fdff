//! What every API call passes: the log, the limit, the faults.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::{self, Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use futures::stream;
use serde_json::{Value, json};

use super::{
    answer::Refusal,
    caller, distort,
    faults::{ErrorShape, FaultKind, RouteFault},
    world::{Seen, World},
};

/// Bodies larger than this are not for this API.
const BODY_LIMIT: usize = 2 * 1024 * 1024;
/// What the request log keeps of one body.
const LOGGED_BODY: usize = 64 * 1024;
const HANG: Duration = Duration::from_secs(120);

/// The platform answers `/company/1/` and `/company/1` alike.
pub async fn trim_slash(mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') {
        let trimmed = path.trim_end_matches('/');
        let target = match request.uri().query() {
            Some(query) => format!("{trimmed}?{query}"),
            None => trimmed.to_owned(),
        };
        if let Ok(uri) = target.parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

pub async fn pass(
    State(world): State<World>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(bytes) = body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut seen = Seen {
        at: world.clock.now(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        auth: caller::kinds(&parts.headers),
        body: logged(&bytes),
        status: 0,
        ms: 0,
        fault: None,
    };
    let (admitted, fault) = world.with(|state, now| {
        let options = &state.options;
        let (minute, second) = (options.per_minute, options.per_second);
        let admitted = !options.rate_limit || state.limiter.admit(from.ip(), now, minute, second);
        let fault = admitted.then(|| state.faults.strike(&seen.method, &seen.path)).flatten();
        (admitted, fault)
    });
    seen.fault = fault.as_ref().map(|f| format!("{:?}", f.kind).to_lowercase());
    let request = Request::from_parts(parts, Body::from(bytes));
    let response = if admitted {
        answer(&world, &seen.path, fault, request, next).await
    } else {
        Refusal::too_many().into_response()
    };
    seen.status = response.status().as_u16();
    seen.ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    world.with(|state, _| state.requests.push(seen));
    response
}

fn logged(bytes: &Bytes) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let whole = (bytes.len() <= LOGGED_BODY).then(|| serde_json::from_slice(bytes).ok()).flatten();
    whole.unwrap_or_else(|| json!(String::from_utf8_lossy(&bytes[..bytes.len().min(LOGGED_BODY)])))
}

async fn answer(
    world: &World,
    path: &str,
    fault: Option<RouteFault>,
    request: Request,
    next: Next,
) -> Response {
    let Some(fault) = fault else { return polish(world, path, next.run(request).await).await };
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    let needs_answer = matches!(fault.kind, FaultKind::Half | FaultKind::Cut | FaultKind::Slow);
    let real = if fault.after || needs_answer {
        Some(polish(world, path, next.run(request).await).await)
    } else {
        None
    };
    spoil(&fault, real).await
}

/// The second error shape where the platform uses it, and loose types if asked for.
async fn polish(world: &World, path: &str, response: Response) -> Response {
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        if speaks_bare_errors(path) {
            return (refusal.status, Json(refusal.bare_errors())).into_response();
        }
        return response;
    }
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v == "application/json");
    if !json || !path.starts_with("/api/") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let bent = world.with(|state, _| {
        let mut value: Value = serde_json::from_slice(&bytes).ok()?;
        let done = distort::rest(&mut state.faults, &mut value);
        (!done.is_empty()).then(|| Bytes::from(value.to_string()))
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bent.unwrap_or(bytes)))
}

/// `/company/{id}` and the list of companies answer errors without an envelope.
fn speaks_bare_errors(path: &str) -> bool {
    let rest = path.strip_prefix("/api/v1/company/").map(|rest| !rest.contains('/'));
    rest.unwrap_or(path == "/api/v1/companies")
}

async fn spoil(fault: &RouteFault, real: Option<Response>) -> Response {
    let status = |default: u16| StatusCode::from_u16(fault.status.unwrap_or(default)).unwrap_or_default();
    let mut response = match fault.kind {
        FaultKind::Status => shaped(fault, status(500)),
        FaultKind::Html => {
            (status(502), Html("<html><body><h1>502 Bad Gateway</h1></body></html>")).into_response()
        }
        FaultKind::Empty => status(200).into_response(),
        FaultKind::Slow => real.unwrap_or_default(),
        FaultKind::Hang => {
            tokio::time::sleep(HANG).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        FaultKind::Half => halved(real.unwrap_or_default(), true).await,
        FaultKind::Cut => halved(real.unwrap_or_default(), false).await,
    };
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn shaped(fault: &RouteFault, status: StatusCode) -> Response {
    let message = fault.message.clone().unwrap_or_else(|| usual_message(status).to_owned());
    let plain = Refusal::new(status, message.clone());
    let body = match fault.shape {
        ErrorShape::E1 | ErrorShape::E5 => plain.enveloped(),
        ErrorShape::E2 => Refusal::invalid([("filters", message)]).enveloped(),
        ErrorShape::E3 => Refusal::booking(433, message).enveloped(),
        ErrorShape::E4 => plain.bare_errors(),
        ErrorShape::E6 => return status.into_response(),
    };
    let status = if fault.shape == ErrorShape::E5 { StatusCode::OK } else { status };
    (status, Json(body)).into_response()
}

fn usual_message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Недопустимый формат запроса",
        401 => "Необходима авторизация",
        402 => "Необходимо продлить лицензию в филиале с id: 990101",
        403 => "Нет прав на управление компанией",
        404 => "Филиал не найден.",
        422 => "Переданы некорректные данные",
        429 => "Too Many Requests",
        _ => "Произошла ошибка",
    }
}

/// Half the body. With `torn` the length promises all of it and the connection breaks; else half is claimed to be whole.
async fn halved(response: Response, torn: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = bytes.slice(..bytes.len() / 2);
    if !torn {
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::from(half));
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let broken = stream::iter([Ok(half), Err(std::io::Error::other("torn on request"))]);
    Response::from_parts(parts, Body::from_stream(broken))
}
