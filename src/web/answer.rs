//! What a handler for programs answers: its result, or why not.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error;
use crate::app;

pub type Answer<T = Json<Value>> = Result<T, Refused>;

/// Why not. A problem names its request, which a handler need not know: [`super::layer::request_id`] words it.
#[derive(Debug, Clone)]
pub struct Refused(pub Arc<app::Error>);

impl From<app::Error> for Refused {
    fn from(error: app::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = error::status(&self.0).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
