//! Passwords are hashed and compared aside from whatever else runs, a few at a time: each takes 19 MiB and some tens of
//! milliseconds of a core, and whoever can ask for more of them stops the house.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::App;
use super::error::Error;
use crate::kernel::password;

const PLACES: usize = 2;
/// Whoever waits longer is asked to come again.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Passwords(Semaphore);

impl Default for Passwords {
    fn default() -> Self {
        Self(Semaphore::new(PLACES))
    }
}

pub async fn hash(app: &App, password: &str) -> Result<String, Error> {
    let password = password.to_owned();
    aside(app, move || password::hash(&password)).await?.ok_or(Error::Overloaded)
}

/// Whether `hash` is of `password`; without a hash the same work is done for nothing.
pub async fn is_of(app: &App, hash: Option<&str>, password: &str) -> Result<bool, Error> {
    let (hash, password) = (hash.unwrap_or(password::NOBODYS).to_owned(), password.to_owned());
    aside(app, move || password::is_of(&hash, &password)).await
}

async fn aside<T: Send + 'static>(app: &App, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let place = tokio::time::timeout(PATIENCE, app.passwords.0.acquire()).await;
    let _place = place.map_err(|_| Error::Overloaded)?.map_err(|_| Error::Overloaded)?;
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Overloaded)
}
