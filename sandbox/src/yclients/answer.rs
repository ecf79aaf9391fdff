//! The envelope of answers and every shape of refusal the platform is known for.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

pub type Answer = Result<Response, Refusal>;

/// `meta` of a success without anything to say is PHP's empty array.
pub fn ok(data: Value) -> Response {
    with_meta(data, json!([]))
}

pub fn with_meta(data: Value, meta: Value) -> Response {
    Json(json!({"success": true, "data": data, "meta": meta})).into_response()
}

pub fn status(code: StatusCode, data: Value, meta: Value) -> Response {
    (code, with_meta(data, meta)).into_response()
}

pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Why not, and in which words. Travels in the response's extensions too, so that the gate can print it in the
/// second shape (`E4`) where the platform does.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    pub message: String,
    pub detail: Detail,
}

#[derive(Debug, Clone)]
pub enum Detail {
    /// E1: a message and nothing else.
    None,
    /// E2: messages by field.
    Fields(Vec<(String, String)>),
    /// E3: numbered rules of booking.
    Codes(Vec<(i64, String)>),
    /// The marketplace's 404: an empty `meta`.
    Bare,
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: Detail::None }
    }

    pub fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Необходима авторизация")
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Нет прав на управление компанией")
    }

    pub fn foreign_application() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Нет прав на управление приложением")
    }

    pub fn already_installed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Пользователь уже установил это приложение.")
    }

    pub fn salon_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Филиал не найден.")
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    pub fn not_installed() -> Self {
        Self { status: StatusCode::NOT_FOUND, message: String::new(), detail: Detail::Bare }
    }

    pub fn bad_format() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Недопустимый формат запроса")
    }

    pub fn licence(salon_id: i64) -> Self {
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            format!("Необходимо продлить лицензию в филиале с id: {salon_id}"),
        )
    }

    pub fn too_many() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
    }

    /// 422 with a reason per field.
    pub fn invalid<F: Into<String>, M: Into<String>>(fields: impl IntoIterator<Item = (F, M)>) -> Self {
        let fields = fields.into_iter().map(|(f, m)| (f.into(), m.into())).collect();
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: "Переданы некорректные данные".into(),
            detail: Detail::Fields(fields),
        }
    }

    /// A rule of booking was broken: numbers 431 to 438.
    pub fn booking(code: i64, message: impl Into<String>) -> Self {
        let status = if code == 434 { StatusCode::FORBIDDEN } else { StatusCode::UNPROCESSABLE_ENTITY };
        Self {
            status,
            message: "Произошла ошибка".into(),
            detail: Detail::Codes(vec![(code, message.into())]),
        }
    }

    /// E1 to E3: the envelope with `success: false`.
    pub fn enveloped(&self) -> Value {
        let meta = match &self.detail {
            Detail::None => json!({"message": self.message}),
            Detail::Bare => json!({}),
            Detail::Fields(fields) => json!({"message": self.message, "errors": by_field(fields)}),
            Detail::Codes(codes) => {
                let errors: Vec<_> = codes.iter().map(|(c, m)| json!({"code": c, "message": m})).collect();
                json!({"message": self.message, "errors": errors})
            }
        };
        json!({"success": false, "data": null, "meta": meta})
    }

    /// E4: no `success` and no `data`.
    pub fn bare_errors(&self) -> Value {
        json!({
            "errors": {"code": self.status.as_u16(), "message": self.message},
            "meta": {"message": self.message},
        })
    }
}

fn by_field(fields: &[(String, String)]) -> Map<String, Value> {
    let mut map = Map::new();
    for (field, message) in fields {
        let entry = map.entry(field.clone()).or_insert_with(|| json!([]));
        if let Value::Array(messages) = entry {
            messages.push(json!(message));
        }
    }
    map
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.enveloped())).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
