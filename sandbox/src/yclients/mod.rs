//! YClients on loopback: marketplace, REST API, hooks out, and the pages a salon sees.
//!
//! It knows nothing of the application. All of it lives in memory and everything that grows has a bound.

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
    let all = api.layer(gate).nest("/admin", admin::routes()).with_state(world);
    // The slash goes before routing, so the trimming stands outside of it.
    Router::new().fallback_service(all).layer(middleware::from_fn(gate::trim_slash))
}
