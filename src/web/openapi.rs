//! The API's description, made of what stands at its handlers, and the page to try it on.
//!
//! # Decision
//! Swagger UI as a crate carries it: people who write programs know it, and nothing of it is ours to keep. It is served by us, and
//! it is the one page whose styles may stand inside its tags; see [`super::layer::security_headers`].

use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{api, client, clients, hooks, logins, sync, timeline, upkeep};

/// Where the page is.
pub const PAGE: &str = "/api/docs";
/// Where the description is.
const DOCUMENT: &str = "/api/v1/openapi.json";

/// What `{id}` of a company may be.
pub const COMPANY: &str = "The company: tnt_…; with the operator's token also the salon's number in YClients";

/// A refusal, by RFC 9457. `code` is for programs and stays the same; some refusals say more in members of their own.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    #[schema(example = "Not Found")]
    pub title: &'static str,
    #[schema(example = 404)]
    pub status: u16,
    #[schema(example = "not_found")]
    pub code: String,
    /// To be told to whoever runs the product.
    pub request_id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Salonbridge",
        description = "For programs of a salon (its own `api_key`), of the operator (`SALONBRIDGE_OPERATOR_TOKEN`) and of a \
            salon's client (the token that signing in gives). All go as `Authorization: Bearer …`. Instants are unix \
            milliseconds, amounts are kopecks. What is another's is answered as if it were not there: 404. Refusals are \
            `application/problem+json`; 503 says that nothing was kept, with `Retry-After`."
    ),
    paths(
        api::health, api::rotate_hook_key,
        timeline::show, timeline::messages, timeline::settle,
        sync::start_bookings, sync::begin, sync::list, sync::show,
        clients::index, clients::show, clients::ledger, clients::spend, clients::spend_by_code, clients::unmatched,
        clients::settle,
        upkeep::check_bookings, upkeep::webhook, upkeep::test_hook, upkeep::generate_codes,
        logins::invite, hooks::accept_signed,
        client::door::ask, client::door::enter, client::door::sign_out, client::api::profile, client::api::bookings,
        client::api::widget_url,
    ),
    modifiers(&Key),
    tags(
        (name = "company", description = "How a salon stands, and its upkeep"),
        (name = "records", description = "What was said of a record, and why"),
        (name = "sync", description = "The journal as a whole"),
        (name = "clients", description = "Clients, their codes and bonuses, in the desk's eyes"),
        (name = "client", description = "What a salon's client sees and does, signed in by a code on WhatsApp"),
        (name = "people", description = "Who may use the desk"),
        (name = "hooks", description = "What YClients posts"),
    ),
)]
pub struct Document;

struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

pub fn page() -> SwaggerUi {
    let config = Config::default()
        .try_it_out_enabled(true)
        .deep_linking(true)
        .use_base_layout()
        .display_request_duration(true)
        .default_models_expand_depth(-1)
        // Else the page asks a foreign host whether the description is well-formed.
        .validator_url("none");
    SwaggerUi::new(PAGE).config(config).url(DOCUMENT, Document::openapi())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The route table as it stands in the source, for axum does not tell it.
    fn routes() -> BTreeSet<(String, String)> {
        let table = include_str!("router.rs");
        let mut routes = BTreeSet::new();
        for line in table.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, handlers) = line.split_once('"').expect("a path");
            if !path.starts_with("/api/v1/") {
                continue;
            }
            for method in ["get", "post", "put", "patch", "delete"] {
                if handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(").{method}(")) {
                    routes.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
        routes
    }

    #[test]
    fn every_route_of_the_api_is_described_and_nothing_else() {
        let document = serde_json::to_value(Document::openapi()).expect("JSON");
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for (method, operation) in methods.as_object().expect("methods") {
                described.insert((method.clone(), path.clone()));
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.contains('`')),
                    "{method} {path}"
                );
                assert!(operation["responses"]["default"].is_object(), "{method} {path} never fails?");
                let named =
                    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
                let named: BTreeSet<_> = named.map(str::to_owned).collect();
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let told = parameters.iter().filter(|parameter| parameter["in"] == "path");
                let told: BTreeSet<_> = told.filter_map(|p| p["name"].as_str().map(str::to_owned)).collect();
                assert_eq!(named, told, "{method} {path}");
            }
        }
        assert_eq!(routes(), described);
        assert!(described.len() > 20);
    }
}
