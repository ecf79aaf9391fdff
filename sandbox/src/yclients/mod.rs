//! YClients on loopback: marketplace, REST API, hooks out, and the pages a salon sees.
//!
//! It knows nothing of the application. All of it lives in memory and everything that grows has a bound. Where the platform's
//! behaviour is unknown the stricter guess was taken, and the place says so.
//!
//! # For the application
//!
//! `/api/v1/…` and `/marketplace/…` want `Accept: application/vnd.yclients.v2+json` (or `vnd.api.v2`) and
//! `Authorization: Bearer <partner>[, User <user>]`; 200 calls a minute and 5 a second per address.
//!
//! | Marketplace (partner token) | |
//! |---|---|
//! | `POST /marketplace/partner/callback` · `…/callback/redirect` | finish an installation: 201 · 301; 401, 403, 422 |
//! | `GET /marketplace/salon/{s}/application/{a}` · `POST …/uninstall` | state of an installation; 404 is "not installed" |
//! | `GET /marketplace/application/{a}/salons?page&count` | active and frozen salons |
//! | `POST /marketplace/partner/payment` · `…/payment/refund/{id}` | report money; a payment thaws |
//! | `GET /marketplace/application/payment_link` · `…/{a}/tariffs` · `POST …/add_discount` | |
//! | `POST /marketplace/partner/short_names` · `/marketplace/application/update_channel` | |
//!
//! | REST, P = partner, PU = partner and user | |
//! |---|---|
//! | `POST /auth` P · `GET /companies` P · `/company/{s}` PU · `/license/{s}` PU · `/privacy_policy/{s}` P | errors of a company are bare (`E4`) |
//! | `GET /company/{s}/services[/{id}]` · `/service_categories` · `/staff[/{id}]` · `GET, PUT /staff/schedule` | PU |
//! | `GET /company/{s}/booking_forms` PU · `/bookform/{id}` P · `/validation/validate_phone/{p}` PU | |
//! | `GET, POST /records/{s}` · `GET /records/partner` · `GET, PUT, DELETE /record/{s}/{id}` | PU; a PUT empties what it does not name |
//! | `GET /visits/{v}` · `PUT, POST /visits/{v}/{record}` | PU; `attendance` and `comment` both required |
//! | `POST /company/{s}/clients/search` · `GET, POST /clients/{s}` · `GET, PUT, DELETE /client/{s}/{id}` | PU |
//! | `GET /book_services/{s}` · `/book_staff/{s}` · `/book_dates/{s}` · `/book_times/{s}/{staff}/{date}` · `/book_staff_seances/{s}/{staff}` | P |
//! | `POST /book_code/{s}` · `/book_check/{s}` · `/book_record/{s}` · `PUT /book_record/{s}/{id}` · `GET …/{id}/{hash}` · `DELETE /user/records/{id}/{hash}` | P |
//! | `GET, POST /hooks_settings/{s}` | PU; a POST replaces everything |
//!
//! # For a person
//!
//! `/` and `/appstore/{a}` (consent), `/appstore/{a}/salon/{s}` (the application's card), `/appstore/payment` (where a payment link
//! leads), `/timetable/{s}?date&name&phone` (the journal and the hooks that leave; name and phone
//! fill the form for a new record), `/form/n{form}/company/{s}/personal/menu?o=m{staff}s{service}` (the public booking form, where
//! `showBookforms` says it is).
//!
//! # For whoever sets it up
//!
//! JSON under `/admin`, no tokens. Bodies are described at their handlers; `silent: true` in a change tells nobody of it.
//!
//! | Route | |
//! |---|---|
//! | `GET, POST /admin/config` | `Settings`; a POST lays the named fields over what is |
//! | `GET, POST /admin/clock` | `{offset_ms?, advance_ms?}` |
//! | `GET, POST, DELETE /admin/faults` | `{clear?, seed?, routes?: [RouteFault], hooks?, hook_wire?, rest_wire?}`, see `faults` |
//! | `GET, DELETE /admin/requests` | what the API received: `?method&path&status&after&limit` |
//! | `GET /admin/codes` | codes that clients would have got by SMS |
//! | `POST /admin/reset` | back to the demo salons; settings stay, the clock is real again |
//! | `GET, POST /admin/salons` · `GET, PATCH /admin/salons/{s}` | list, make, show whole, change |
//! | `POST /admin/salons/{s}/staff` · `PATCH …/staff/{id}` · `POST …/services` · `PATCH …/services/{id}` · `PATCH …/clients/{id}` · `PUT …/schedule` | |
//! | `POST /admin/salons/{s}/install` | consent without a browser, `{with?: [s]}`; answers `{state, redirect_url}` |
//! | `POST /admin/salons/{s}/uninstall` · `/freeze` · `/payment` | as the owner or the platform does it; `{amount?}` |
//! | `POST /admin/salons/{s}/records` · `GET, PATCH, DELETE /admin/records/{id}` | the desk; `count` makes many |
//! | `GET, DELETE /admin/hooks` | what left: `?salon_id&kind&resource&resource_id&event&state&after&limit` |
//! | `POST /admin/hooks/resend` · `POST /admin/salons/{s}/hooks` | the same again, `{ids}` · anything by hand |

mod admin;
mod answer;
mod caller;
mod clock;
mod demo;
mod dice;
mod distort;
mod draft;
mod faults;
mod free_time;
mod gate;
mod hooks;
mod input;
mod install;
mod journal;
mod limit;
mod marketplace;
mod model;
mod options;
mod pages;
mod post;
mod rest;
mod ring;
mod wire;
mod wire_salon;
mod world;

use std::net::SocketAddr;

use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use options::{SalonIdsStyle, Settings, UserDataStyle};

use post::Post;
use world::World;

/// What `serve` takes: boxed, since there is much of it and it stands in the command line beside the other server's little.
pub type Options = Box<Settings>;

/// Serves on `listener` until `stop` is cancelled.
pub async fn serve(listener: TcpListener, options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    let address = format!("http://{}", listener.local_addr()?);
    let world = World::new(*options, address, Post::new(stop.clone())?);
    let service = router(world.clone()).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await?;
    world.post.close().await;
    Ok(())
}

fn router(world: World) -> Router {
    let api = Router::new().nest("/api/v1", rest::routes()).nest("/marketplace", marketplace::routes());
    let gate = middleware::from_fn_with_state(world.clone(), gate::pass);
    let all = api.layer(gate).nest("/admin", admin::routes()).merge(pages::routes()).with_state(world);
    // The slash goes before routing, so the trimming stands outside of it.
    Router::new().fallback_service(all).layer(middleware::from_fn(gate::trim_slash))
}
