//! Redis, where there is one: what several nodes behind one address must share. Nothing in it is ever the only copy of anything.

pub mod channel;
pub mod turns;

/// Whether Redis answers.
pub async fn ping(url: &str) -> Result<(), redis::RedisError> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}
